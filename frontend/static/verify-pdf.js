// The receipt file that is attached to a receipt as PDF; the pages are not looked at. As in the command, only as much
// of PDF is read as finds the one attached file.
import { Refused, joined } from "./verify-read.js";

const HEAD_MAX = 1024;
const EMBEDDED = /\/Type\s*\/EmbeddedFile(?![A-Za-z])/g;
const ADVICE = "save the attached file receipt.json with a PDF reader and verify that";

export const isPdf = (bytes) => String.fromCharCode(...bytes.subarray(0, 5)) === "%PDF-";

/** Gives the one file that is attached to a PDF. */
export async function readAttached(bytes, limit) {
  const text = new TextDecoder("latin1").decode(bytes); // one character a byte
  const found = [...text.matchAll(EMBEDDED)];
  if (found.length !== 1) {
    const number = found.length ? `${found.length} files` : "no file that can be read here";
    throw new Refused(`the PDF has ${number} attached, expected the one receipt; ${ADVICE}`);
  }
  const [{ index, 0: match }] = found;
  const opened = text.slice(Math.max(0, index - HEAD_MAX), index).lastIndexOf(" obj");
  const rest = text.slice(index, index + match.length + HEAD_MAX);
  const begun = />>\s*stream\r?\n/.exec(rest);
  const head = opened >= 0 && begun ? text.slice(Math.max(0, index - HEAD_MAX) + opened, index + begun.index + 2) : "";
  const length = /\/Length\s+(\d{1,9})(?!\s+\d+\s+R|\d)/.exec(head);
  if (!length) throw new Refused(`the file attached to the PDF cannot be read here; ${ADVICE}`);
  const start = index + begun.index + begun[0].length;
  const body = bytes.subarray(start, start + Number(length[1]));
  if (!head.includes("/Filter")) return body;
  if (!/\/Filter\s*(?:\/FlateDecode\b|\[\s*\/FlateDecode\s*\])/.test(head)) {
    throw new Refused(`the file attached to the PDF is packed in an unknown way; ${ADVICE}`);
  }
  return inflated(body, limit);
}

async function inflated(body, limit) {
  const reader = new Blob([body]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch {
      throw new Refused("the file attached to the PDF is damaged");
    }
    if (piece.done) return joined(...parts);
    size += piece.value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Refused(`the file attached to the PDF is longer than ${limit} bytes: it is not a receipt`);
    }
    parts.push(piece.value);
  }
}
