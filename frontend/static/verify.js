// The page that verifies a receipt. Everything is loaded before a file is chosen; nothing is asked for or sent after.
import { Refused, utf8 } from "./verify-read.js";
import { canVerify, parseKeySet } from "./verify-statement.js";
import { parseVerifierKey } from "./verify-log.js";
import { EMBEDDED, GIVEN, RECEIPT_MAX_BYTES, SHOWN, verifyReceipt } from "./verify-steps.js";

const KEYS_MAX_BYTES = 4 << 20;
const MEANINGS = {
  format: "The file is a receipt",
  keys: "The signer’s key is known",
  signature: "The statement is signed, and unaltered",
  type: "It is a statement about an acceptance",
  "hash-name": "Hidden details are bound by a known digest",
  disclosures: "Each detail shown belongs to the statement",
  claims: "No detail takes the place of another",
  license: "The license text is the one that was accepted",
  leaf: "The log’s entry is this statement",
  inclusion: "The entry leads to the root of the log",
  checkpoint: "The log has signed that root",
  validity: "The keys were valid at that time",
  witnesses: "What witnesses say about the log",
  timestamps: "What authorities say about the time",
  "own-signature": "What the acceptor signed with a key of their own",
  "key-binding": "Whether it was handed over by who holds its key",
};
const TONES = { passed: "ok", failed: "stop", "not-reached": "todo" };
const WORDS = { passed: "passed", failed: "failed", "not-reached": "not reached" };
const VERDICTS = {
  [GIVEN]: ["ok", "Verified with the keys you gave", ""],
  [SHOWN]: ["ok", "Verified with the keys of this registry", "This page brought the keys. For a dispute with this registry, use keys that you have from elsewhere."],
  [EMBEDDED]: ["wait", "It fits together, but nobody vouches for the keys", "The keys are known from the receipt only: anybody could have made it. Get the keys of the registry that it names, and give them above."],
};

const page = document.getElementById("verify");
const [chosen, keysChosen, witnessKeys, audience, nonce] = ["receipt-file", "keys-file", "witness-keys", "audience", "nonce"].map((id) => document.getElementById(id));
const outcome = document.getElementById("outcome");
let file = null;
let runs = 0;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const icon = (tone) => document.getElementById(`icon-${tone}`).content.cloneNode(true);

function noticeOf(tone, title, text) {
  const said = element("div", {}, element("h2", { id: "outcome-h", tabIndex: -1, textContent: title }));
  if (text) said.append(element("p", { textContent: text }));
  return element("div", { className: `notice ${tone}` }, icon(tone), said);
}

// A step that passed because nobody's word was asked for gets no tick.
function stepOf({ step, state, text }, unchecked) {
  const [tone, word] = unchecked.includes(step) && state === "passed" ? ["todo", "not checked"] : [TONES[state], WORDS[state]];
  const said = element("div", {}, element("span", { className: "verdict", textContent: MEANINGS[step] }));
  said.append(element("span", { className: "vh", textContent: `: ${word}` }));
  if (state !== "not-reached") said.append(element("small", { textContent: text }));
  return element("li", {}, element("span", { className: tone }, icon(tone)), said);
}

function show(...parts) {
  outcome.firstElementChild.replaceChildren(...parts);
  outcome.hidden = false;
  document.getElementById("outcome-h").focus();
}

async function read(from, limit, what) {
  if (from.size > limit) throw new Refused(`${what} is longer than ${limit} bytes`);
  try {
    return new Uint8Array(await from.arrayBuffer());
  } catch {
    throw new Refused(`${what} cannot be read`);
  }
}

async function trustedKeys() {
  const [given] = keysChosen.files;
  if (given) return { keys: await parseKeySet(await read(given, KEYS_MAX_BYTES, "the key file"), "the key file"), source: GIVEN };
  return { keys: await parseKeySet(utf8(page.dataset.keys), "the keys of this page"), source: SHOWN };
}

// Both or neither: a proof for an audience without a nonce may be an old one.
function whatWasAsked() {
  if (!audience.value && !nonce.value) return null;
  if (!audience.value || !nonce.value) throw new Refused("a proof is asked for with your name and your word together: give both, or neither");
  return { audience: audience.value, nonce: nonce.value, now: Date.now() };
}

function report({ steps, failed, trust, says, disclosed, hiddenCount }, unchecked) {
  const number = steps.indexOf(failed) + 1;
  const [tone, title, text] = failed
    ? ["stop", "This receipt does not verify", `Step ${number} of ${steps.length} failed: ${failed.text}.`]
    : VERDICTS[trust];
  const parts = [noticeOf(tone, title, text)];
  if (says) {
    parts.push(
      element("p", { className: "statement", dir: "auto", textContent: `${says}.` }),
      element("p", {
        className: "muted",
        textContent: `Shown in it: ${disclosed.join(", ") || "no detail"}. Kept hidden: ${hiddenCount}. Whether the acceptance was withdrawn since, only the registry knows.`,
      }),
    );
  }
  const list = element("ol", { className: "checks numbered" }, ...steps.map((step) => stepOf(step, unchecked)));
  list.setAttribute("aria-label", "Steps of the verification");
  show(...parts, list);
}

async function run() {
  const current = ++runs;
  if (!file) return;
  try {
    const bytes = await read(file, RECEIPT_MAX_BYTES, "the file");
    const lines = witnessKeys.value.split("\n").map((line) => line.trim());
    const witnesses = await Promise.all(lines.filter(Boolean).map(parseVerifierKey));
    const result = await verifyReceipt(bytes, { trusted: await trustedKeys(), witnesses, asked: whatWasAsked() });
    const unchecked = ["timestamps", ...(witnesses.length ? [] : ["witnesses"]), ...(whatWasAsked() ? [] : ["key-binding"])];
    if (current === runs) report(result, unchecked);
  } catch (error) {
    if (current !== runs) return;
    if (error instanceof Refused) show(noticeOf("stop", "The receipt was not checked", `${error.message}.`));
    else show(noticeOf("stop", "This page failed", "That says nothing about the receipt. The command gatehouse verify checks it too."));
  }
}

function take(files, said) {
  if (!files.length) return;
  [file] = files;
  document.getElementById("dropped").textContent = said;
  run();
}

if (await canVerify()) {
  page.hidden = false;
  chosen.addEventListener("change", () => take(chosen.files, ""));
  for (const input of [keysChosen, witnessKeys, audience, nonce]) input.addEventListener("change", run);
  // The whole window takes the file, so that a drop beside the field does not leave the page.
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => {
      event.preventDefault();
      const { files } = event.dataTransfer;
      if (name === "drop") take(files, `Dropped: ${files[0]?.name}`);
    });
  }
} else {
  document.getElementById("too-old").hidden = false;
}
