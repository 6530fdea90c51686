// What a receipt says about the log: inclusion (RFC 9162), checkpoint and cosignatures (C2SP), time stamps (RFC 3161).
import { Refused, decodeBase64, hex, isSame, joined, printable, quoted, sha256, utf8 } from "./verify-read.js";
import { hasSigned } from "./verify-statement.js";

const NOTE_MAX_BYTES = 1_000_000;
const SIGNATURES_MAX_COUNT = 100;
const SIZE_MAX = (1n << 63n) - 1n;
const KEY_ID_BYTES = 4;
const LOG_TYPE = 1;
const WITNESS_TYPE = 4;
const NAME_MAX_CHARACTERS = 250;
const TIME_MAX = 253_402_300_799n; // the end of the year 9999
const MARK = "\u2014 ";

export const isoSeconds = (milliseconds) => new Date(milliseconds).toISOString().replace(/(\.000)?Z$/, "+00:00");

/** Gives milliseconds of whole POSIX seconds; null where they are no time. */
export const readSeconds = (seconds) => (seconds <= TIME_MAX ? Number(seconds) * 1_000 : null);

export const leafHash = (leaf) => sha256(Uint8Array.of(0), leaf);

/** Gives the root that a leaf hash and its path lead to (RFC 9162 §2.1.3.2). */
export async function rootFromPath(index, size, leaf, path) {
  if (index >= size) throw new Refused(`index ${index} is outside a tree of ${size} leaves`);
  let [node, last, result] = [index, size - 1n, leaf];
  for (const sibling of path) {
    if (last === 0n) throw new Refused(`the path has ${path.length} hashes, more than index ${index} needs`);
    if (node & 1n || node === last) {
      result = await sha256(Uint8Array.of(1), sibling, result);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      result = await sha256(Uint8Array.of(1), result, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new Refused(`the path has ${path.length} hashes, fewer than index ${index} needs`);
  return result;
}

// --- the signed tree head ----------------------------------------------------------------------------------

export function parseCheckpoint(note) {
  if (utf8(note).length > NOTE_MAX_BYTES) throw new Refused(`the checkpoint is longer than ${NOTE_MAX_BYTES} bytes`);
  if (/[\x00-\x09\x0b-\x1f\x7f]/.test(note)) throw new Refused("the checkpoint holds control characters");
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) {
    throw new Refused("the checkpoint has no signature lines after an empty line");
  }
  const text = note.slice(0, end);
  const signatureLines = note.slice(end + 2, -1).split("\n");
  const signatures = signatureLines.map(parseSignature);
  if (signatures.length > SIGNATURES_MAX_COUNT) {
    throw new Refused(`the checkpoint has more than ${SIGNATURES_MAX_COUNT} signatures`);
  }
  const lines = text.split("\n");
  if (lines.length < 3 || lines.some((line) => !line)) {
    throw new Refused("the checkpoint lacks its origin, size or root line");
  }
  const [origin, size, rootText] = lines;
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(size) || BigInt(size) > SIZE_MAX) {
    throw new Refused("the size line of the checkpoint is not a decimal number");
  }
  const root = decodeBase64(rootText, "the root line of the checkpoint");
  if (root.length !== 32) throw new Refused(`the root of the checkpoint has ${root.length} bytes, expected 32`);
  const own = signatureLines.filter((line) => line.startsWith(`${MARK}${origin} `));
  return {
    origin,
    size: BigInt(size),
    root,
    signedText: utf8(`${text}\n`),
    signatures,
    ownNote: utf8(`${text}\n\n${own.map((line) => `${line}\n`).join("")}`),
  };
}

function parseSignature(line) {
  const [, name, encoded] = /^\u2014 ([^ +]+) (.*)$/.exec(line) ?? [];
  if (!name) throw new Refused("a signature line of the checkpoint is malformed");
  const data = decodeBase64(encoded, "a signature of the checkpoint");
  if (data.length <= KEY_ID_BYTES) throw new Refused("a signature of the checkpoint is too short");
  return { name, keyId: hex(data.subarray(0, KEY_ID_BYTES)), signature: data.subarray(KEY_ID_BYTES) };
}

async function keyIdOf(name, type, raw) {
  return hex((await sha256(utf8(`${name}\n`), Uint8Array.of(type), raw)).subarray(0, KEY_ID_BYTES));
}

/** Gives those keys of the log itself that claim to have signed, with their signatures. */
export async function findSigners(checkpoint, keys) {
  const known = new Map();
  for (const key of keys) {
    if (key.use === "checkpoint") known.set(await keyIdOf(checkpoint.origin, LOG_TYPE, key.raw), key);
  }
  return checkpoint.signatures
    .filter(({ name, keyId }) => name === checkpoint.origin && known.has(keyId))
    .map(({ keyId, signature }) => ({ key: known.get(keyId), signature }));
}

/** Gives the key of the log that signed; every known one that claims it must have. */
export async function checkCheckpoint(checkpoint, keys) {
  const signers = await findSigners(checkpoint, keys);
  for (const { key, signature } of signers) {
    if (!(await hasSigned(key.raw, signature, checkpoint.signedText))) {
      throw new Refused(`the checkpoint's signature does not fit its text and key ${key.kid}`);
    }
  }
  if (!signers.length) throw new Refused("no key for checkpoints that is known here has signed the checkpoint");
  return signers[0].key;
}

// --- what others say about it ------------------------------------------------------------------------------

/** Gives the witness's key that `name+id+key` says. */
export async function parseVerifierKey(text) {
  const [, name, keyId, encoded] = /^([^+\s]+)\+([^+]*)\+(.*)$/.exec(text) ?? [];
  if (!name || name.length > NAME_MAX_CHARACTERS) {
    throw new Refused(`not a verifier key (name+id+key): ${quoted(text, 100)}`);
  }
  const data = decodeBase64(encoded, "the verifier key");
  if (data[0] !== WITNESS_TYPE || data.length !== 33) {
    throw new Refused(`not the verifier key of a witness (Ed25519, type 4): ${printable(name, 100)}`);
  }
  const key = { name, raw: data.subarray(1), keyId: await keyIdOf(name, WITNESS_TYPE, data.subarray(1)) };
  if (key.keyId !== keyId) throw new Refused(`the id of the verifier key ${printable(name, 100)} is not its own`);
  return key;
}

/** Says who has cosigned; each witness whose key is given must have. */
export async function checkWitnesses(checkpoint, witnesses) {
  if (!witnesses.length) {
    const names = new Set(checkpoint.signatures.map(({ name }) => name).filter((name) => name !== checkpoint.origin));
    const said = [...names].sort().slice(0, 5).map((name) => printable(name, 100)).join(", ");
    return said ? `cosigned by ${said}, not checked: no key was given` : "no witness has cosigned";
  }
  const seen = [];
  for (const witness of witnesses) {
    const name = printable(witness.name, 100);
    const at = await newestCosignature(checkpoint, witness);
    if (at === null) throw new Refused(`the witness ${name} has not cosigned the checkpoint`);
    seen.push(`${name} at ${isoSeconds(at)}`);
  }
  return `cosigned by ${seen.join(", ")}`;
}

async function newestCosignature(checkpoint, witness) {
  let newest = null;
  for (const { name, keyId, signature } of checkpoint.signatures) {
    if (name !== witness.name || keyId !== witness.keyId) continue;
    if (signature.length !== 72) throw new Refused(`the cosignature of ${printable(name, 100)} has another form`);
    const seconds = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
    const message = joined(utf8(`cosignature/v1\ntime ${seconds}\n`), checkpoint.signedText);
    if (!(await hasSigned(witness.raw, signature.subarray(8), message))) {
      throw new Refused(`the cosignature of ${printable(name, 100)} does not fit`);
    }
    const at = readSeconds(seconds);
    if (at === null) throw new Refused(`a cosignature states a time that is none: ${seconds}`);
    newest = Math.max(newest ?? at, at);
  }
  return newest;
}

const CONTENT_TIME_STAMP = "2a864886f70d0109100104"; // id-ct-TSTInfo
const HASHES = new Map([
  ["608648016503040201", "SHA-256"],
  ["608648016503040202", "SHA-384"],
  ["608648016503040203", "SHA-512"],
]);
const [INTEGER, OCTETS, OBJECT_ID, TIME, SEQUENCE, SET, EXPLICIT] = [0x02, 0x04, 0x06, 0x18, 0x30, 0x31, 0xa0];

/** Reads DER values one after the other, each of the tag that must stand there. */
class Der {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(tag) {
    const [found, first] = [this.bytes[this.at], this.bytes[this.at + 1]];
    let [length, start] = [first, this.at + 2];
    if (first > 0x84) throw new Refused("too long");
    if (first >= 0x80) {
      start += first - 0x80;
      length = this.bytes.subarray(this.at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    }
    if (found !== tag || !(start + length <= this.bytes.length)) throw new Refused("not DER of a time stamp");
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  into(tag) {
    return new Der(this.take(tag));
  }
}

/** Gives hash, digest and time of an RFC 3161 TimeStampResp; nothing of it is verified here. */
function readTimestamp(response) {
  const outer = new Der(response).into(SEQUENCE);
  outer.take(SEQUENCE); // status
  const content = outer.into(SEQUENCE);
  content.take(OBJECT_ID);
  const signed = content.into(EXPLICIT).into(SEQUENCE);
  signed.take(INTEGER);
  signed.take(SET);
  const inner = signed.into(SEQUENCE);
  if (hex(inner.take(OBJECT_ID)) !== CONTENT_TIME_STAMP) throw new Refused("no time stamp");
  const info = inner.into(EXPLICIT).into(OCTETS).into(SEQUENCE);
  info.take(INTEGER);
  info.take(OBJECT_ID); // policy
  const imprint = info.into(SEQUENCE);
  const hash = HASHES.get(hex(imprint.into(SEQUENCE).take(OBJECT_ID)));
  const digest = imprint.take(OCTETS);
  info.take(INTEGER); // serial number
  const said = String.fromCharCode(...info.take(TIME));
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(said) ?? [];
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!hash || Number.isNaN(at)) throw new Refused("unknown hash or time");
  return { hash, digest, at };
}

/** Holds each time stamp to the checkpoint; who signed it is not checked here. */
export async function checkTimestamps(checkpoint, timestamps) {
  if (!timestamps.length) return "no authority has stamped the checkpoint";
  const seen = [];
  for (const { authority, response } of timestamps) {
    const name = printable(authority, 100);
    let stamp;
    try {
      stamp = readTimestamp(response);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new Refused(`the time stamp of ${name} cannot be read`);
    }
    const expected = new Uint8Array(await crypto.subtle.digest(stamp.hash, checkpoint.ownNote));
    if (!isSame(expected, stamp.digest)) {
      throw new Refused(`the time stamp of ${name} is of other bytes than this checkpoint`);
    }
    seen.push({ name, at: stamp.at });
  }
  const { at, name } = seen.sort((one, other) => one.at - other.at)[0];
  return `the checkpoint existed at ${isoSeconds(at)}, says ${name}, whose certificate was not checked: none was given`;
}
