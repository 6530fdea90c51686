// The steps of docs/receipt-format.md in their order; a step runs only if all before it have passed.
import { Fields, Refused, decodeBase64, hex, isSame, parseJson, printable, quoted, sha256, utf8 } from "./verify-read.js";
import { Discloser, checkSignature, findKey, parseDisclosures, parseKeys, readClaims, splitSdJwt } from "./verify-statement.js";
import { isPdf, readAttached } from "./verify-pdf.js";
import * as log from "./verify-log.js";
import { checkOwnSignature } from "./verify-own.js";
import { checkKeyBinding } from "./verify-binding.js";

export const RECEIPT_MAX_BYTES = 64 << 20;
const FORMAT = "gatehouse-receipt/1";
const BOUND_FORMAT = "gatehouse-receipt/2"; // a key-binding JWT follows the statement
const TYPE = "gatehouse-acceptance+sd-jwt";
const PATH_MAX_COUNT = 63;
const TIMESTAMPS_MAX_COUNT = 20;

/** Where keys came from: it decides what a verified receipt proves. */
export const GIVEN = "given"; // by the person who verifies
export const SHOWN = "shown"; // by the registry that serves this page
export const EMBEDDED = "embedded"; // by the receipt alone

// --- the file ----------------------------------------------------------------------------------------------

function wellFormed(fields, name) {
  const text = fields.text(name);
  // TextEncoder replaces half of a pair; then it does not come back as it was.
  if (/[\ud800-\udfff]/u.test(text)) throw new Refused(`${fields.where}.${name} holds half of a character pair`);
  return utf8(text);
}

function parsePolicy(fields) {
  return {
    title: fields.text("title"),
    url: fields.maybeText("url"),
    sha256: fields.maybeText("sha256"),
    text: fields.has("text") ? wellFormed(fields, "text") : null,
  };
}

function parseProof(fields) {
  const leafText = fields.text("leaf_hash");
  if (!/^[0-9a-f]{64}$/.test(leafText)) throw new Refused(`${fields.where}.leaf_hash is not 64 lower-case hex digits`);
  const path = fields.texts("inclusion_proof");
  const where = `${fields.where}.inclusion_proof`;
  if (path.length > PATH_MAX_COUNT) {
    throw new Refused(`${where} has ${path.length} hashes, at most ${PATH_MAX_COUNT} fit`);
  }
  const hashes = path.map((text) => decodeBase64(text, where));
  if (hashes.some((hash) => hash.length !== 32)) throw new Refused(`${where} has a hash that is not 32 bytes long`);
  const timestamps = fields.has("timestamps") ? fields.members("timestamps") : [];
  if (timestamps.length > TIMESTAMPS_MAX_COUNT) {
    throw new Refused(`${fields.where} has more than ${TIMESTAMPS_MAX_COUNT} time stamps`);
  }
  return {
    origin: fields.text("origin"),
    index: fields.number("index"),
    size: fields.number("tree_size"),
    leafHash: Uint8Array.from(leafText.match(/../g), (pair) => parseInt(pair, 16)),
    path: hashes,
    checkpoint: fields.text("checkpoint"),
    timestamps: timestamps.map((one) => ({
      authority: one.text("authority"),
      response: decodeBase64(one.text("response"), `${one.where}.response`),
    })),
  };
}

async function parseReceipt(bytes) {
  if (bytes.length > RECEIPT_MAX_BYTES) {
    throw new Refused(`the file is longer than ${RECEIPT_MAX_BYTES} bytes: it is not a receipt`);
  }
  const file = isPdf(bytes) ? await readAttached(bytes, RECEIPT_MAX_BYTES) : bytes;
  const fields = new Fields(parseJson(file, "the file"), "receipt");
  const format = fields.text("format");
  if (format !== FORMAT && format !== BOUND_FORMAT) {
    throw new Refused(`receipt.format is ${quoted(format, 80)}, expected '${FORMAT}' or '${BOUND_FORMAT}'`);
  }
  const terms = fields.member("license");
  return {
    registry: fields.text("registry"),
    sdJwt: splitSdJwt(fields.text("sd_jwt"), "the statement", format === BOUND_FORMAT),
    license: {
      slug: terms.text("slug"),
      number: terms.text("number"),
      title: terms.text("title"),
      sha256: terms.text("sha256"),
      text: wellFormed(terms, "text"),
      policies: terms.has("policies") ? terms.members("policies").map(parsePolicy) : null,
    },
    ledger: fields.has("ledger") ? parseProof(fields.member("ledger")) : null,
    keys: await parseKeys(fields.values("keys"), "receipt.keys"),
  };
}

// --- the license -------------------------------------------------------------------------------------------

const digestOf = async (bytes) => `sha256:${hex(await sha256(bytes))}`;

async function checkLicense(copy, claims) {
  const digest = await digestOf(copy.text);
  const signed = new Fields(claims, "statement").member("license");
  for (const [name, got] of Object.entries({ sha256: digest, slug: copy.slug, number: copy.number, title: copy.title })) {
    const expected = signed.text(name);
    if (got !== expected) {
      throw new Refused(
        `license ${name} differs: the receipt has ${printable(got, 80)}, the statement names ${printable(expected, 80)}`,
      );
    }
  }
  if (copy.sha256 !== digest) {
    throw new Refused(`license digest differs: got ${digest}, the receipt says ${printable(copy.sha256, 80)}`);
  }
  const policies = signed.has("policies") ? signed.members("policies") : [];
  return `the text in the receipt is ${copy.slug} ${copy.number}, ${digest}${await checkPolicies(copy.policies, policies)}`;
}

async function checkPolicies(copies, signed) {
  if (copies === null) {
    return signed.length ? `; the receipt does not carry the ${signed.length} text(s) it includes` : "";
  }
  if (copies.length !== signed.length) {
    throw new Refused(`policies differ: the receipt carries ${copies.length}, the statement names ${signed.length}`);
  }
  for (const [at, copy] of copies.entries()) {
    for (const name of ["title", "url", "sha256"]) {
      const expected = signed[at].maybeText(name);
      if (copy[name] !== expected) {
        throw new Refused(
          `policy ${name} differs: the receipt has ${printable(copy[name] ?? "none", 80)}, ` +
            `the statement names ${printable(expected ?? "none", 80)}`,
        );
      }
    }
    if (copy.text !== null && (await digestOf(copy.text)) !== copy.sha256) {
      throw new Refused(
        `policy text differs: ${printable(copy.title, 80)} in the receipt is ${await digestOf(copy.text)}, ` +
          `the statement names ${printable(copy.sha256 ?? "no digest", 80)}`,
      );
    }
  }
  const held = copies.filter((copy) => copy.text !== null).length;
  return copies.length ? `; of the ${copies.length} text(s) it includes the receipt carries ${held}, unaltered` : "";
}

// --- the steps ---------------------------------------------------------------------------------------------

function proofOf(evidence) {
  if (evidence.receipt.ledger) return evidence.receipt.ledger;
  throw new Refused(
    "the receipt carries no proof of the log: it was made before its entry was published; fetch it again",
  );
}

function chooseKeys(evidence) {
  const { receipt, trusted } = evidence;
  const { kid } = receipt.sdJwt.jws;
  [evidence.keys, evidence.trust] = [receipt.keys, EMBEDDED];
  // What this page shows speaks for this registry alone; what was given is all that counts.
  if (trusted && (trusted.source === GIVEN || findKey(trusted.keys, kid, "statement"))) {
    [evidence.keys, evidence.trust] = [trusted.keys, trusted.source];
  }
  evidence.signer = findKey(evidence.keys, kid, "statement");
  if (!evidence.signer) {
    const where = evidence.trust === GIVEN ? "the given keys" : "the receipt's own keys";
    throw new Refused(`the statement is signed with key ${quoted(kid, 60)}, which is not among ${where}`);
  }
  return {
    [GIVEN]: `the signer's key ${kid} is one of the keys you gave`,
    [SHOWN]: `the signer's key ${kid} is one that this registry shows`,
    [EMBEDDED]: `the signer's key ${kid} is known from the receipt only`,
  }[evidence.trust];
}

async function checkCheckpoint(evidence) {
  const proof = proofOf(evidence);
  const checkpoint = log.parseCheckpoint(proof.checkpoint);
  const origin = printable(checkpoint.origin);
  if (checkpoint.origin !== proof.origin) {
    throw new Refused(`origin differs: the checkpoint is of ${origin}, the receipt says ${printable(proof.origin)}`);
  }
  if (checkpoint.size !== proof.size) {
    throw new Refused(`tree size differs: the checkpoint has ${checkpoint.size}, the proof ${proof.size}`);
  }
  if (!isSame(checkpoint.root, evidence.root)) {
    throw new Refused(
      `root differs: the checkpoint has ${hex(checkpoint.root)}, the proof leads to ${hex(evidence.root)}`,
    );
  }
  let remark = "";
  if (evidence.trust === SHOWN && !(await log.findSigners(checkpoint, evidence.keys)).length) {
    // The whole is only as trusted as its weaker part.
    [evidence.keys, evidence.trust] = [evidence.receipt.keys, EMBEDDED];
    remark = ", with a key that is known from the receipt only";
  }
  evidence.logSigner = await log.checkCheckpoint(checkpoint, evidence.keys);
  evidence.checkpoint = checkpoint;
  return `${origin} has signed that root for ${checkpoint.size} leaves${remark}`;
}

function checkValidity({ claims, signer, logSigner }) {
  const seconds = new Fields(claims, "statement").number("iat");
  const at = log.readSeconds(seconds);
  if (at === null) throw new Refused(`statement.iat is not a time: ${seconds}`);
  const said = log.isoSeconds(at);
  const troubles = [
    // JWT times are whole seconds, key times are not.
    [at + 1_000 < signer.validFrom, "valid from", signer.validFrom],
    [signer.validUntil !== null && at >= signer.validUntil, "valid until", signer.validUntil],
    [signer.compromisedAt !== null && at >= signer.compromisedAt, "compromised since", signer.compromisedAt],
  ];
  for (const [holds, words, moment] of troubles) {
    if (holds) {
      throw new Refused(
        `key ${signer.kid} could not sign the statement then: ${words} ${log.isoSeconds(moment)}, signed ${said}`,
      );
    }
  }
  if (logSigner.validUntil !== null && logSigner.validUntil <= at) {
    throw new Refused(
      `key ${logSigner.kid} was retired ${log.isoSeconds(logSigner.validUntil)}, before the statement of ${said} existed`,
    );
  }
  return `the keys were valid at ${said}`;
}

const STEPS = {
  format: async (evidence) => {
    evidence.receipt = await parseReceipt(evidence.bytes);
    const isBound = evidence.receipt.sdJwt.keyBinding !== null;
    const version = isBound ? "version 2, made by its holder for somebody" : "version 1";
    return isPdf(evidence.bytes)
      ? `attached to the PDF is a gatehouse receipt, ${version}; what the pages show was not checked`
      : `the file is a gatehouse receipt, ${version}`;
  },
  keys: chooseKeys,
  signature: async (evidence) => {
    const { jws } = evidence.receipt.sdJwt;
    await checkSignature(jws, evidence.signer, "the statement");
    evidence.claims = readClaims(jws, "the statement");
    return "the statement is signed by that key and unaltered";
  },
  type: ({ receipt }) => {
    const { typ } = receipt.sdJwt.jws;
    if (typ !== TYPE) {
      throw new Refused(`the signed thing has the type ${printable(typ || "missing", 80)}, expected ${TYPE}`);
    }
    return "it is a statement about an acceptance";
  },
  "hash-name": ({ claims }) => {
    const name = claims.get("_sd_alg") ?? "missing";
    if (name !== "sha-256") throw new Refused(`_sd_alg is ${printable(String(name), 40)}, expected sha-256`);
    return "hidden claims are bound by SHA-256";
  },
  disclosures: async (evidence) => {
    const { disclosures } = evidence.receipt.sdJwt;
    const discloser = new Discloser(await parseDisclosures(disclosures));
    discloser.checkDigests(evidence.claims);
    evidence.discloser = discloser;
    return `${disclosures.length} disclosed claim(s) belong to the statement, ${discloser.hiddenCount} stay hidden`;
  },
  claims: (evidence) => {
    evidence.statement = evidence.discloser.fillIn(evidence.claims);
    return "no claim is given twice and none carries a reserved name";
  },
  license: ({ receipt, claims }) => checkLicense(receipt.license, claims),
  leaf: async (evidence) => {
    const expected = await log.leafHash(utf8(evidence.receipt.sdJwt.issuerJwt));
    const stated = proofOf(evidence).leafHash;
    if (!isSame(expected, stated)) {
      throw new Refused(`leaf hash differs: the statement gives ${hex(expected)}, the receipt says ${hex(stated)}`);
    }
    return `the log's leaf is this statement, ${hex(expected)}`;
  },
  inclusion: async (evidence) => {
    const { index, size, leafHash, path } = proofOf(evidence);
    evidence.root = await log.rootFromPath(index, size, leafHash, path);
    return `leaf ${index} of ${size} leads to the root ${hex(evidence.root)}`;
  },
  checkpoint: checkCheckpoint,
  validity: checkValidity,
  witnesses: ({ checkpoint, witnesses }) => log.checkWitnesses(checkpoint, witnesses),
  timestamps: ({ checkpoint, receipt }) => log.checkTimestamps(checkpoint, receipt.ledger.timestamps),
  "own-signature": ({ statement }) => checkOwnSignature(statement),
  "key-binding": checkKeyBinding,
};

/**
 * Gives how each step ended for the receipt in `bytes`. `trusted` is `{keys, source}` or null, `witnesses` are keys
 * of `parseVerifierKey`; `asked` is `{audience, nonce, now}` where the holder was asked for a proof. An error that is not `Refused` is a defect of this page.
 */
export async function verifyReceipt(bytes, { trusted = null, witnesses = [], asked = null } = {}) {
  const evidence = { bytes, trusted, witnesses, asked, trust: EMBEDDED };
  const steps = [];
  let failed = null;
  for (const [step, check] of Object.entries(STEPS)) {
    if (failed) {
      steps.push({ step, state: "not-reached", text: "not reached" });
      continue;
    }
    try {
      steps.push({ step, state: "passed", text: await check(evidence) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      failed = { step, state: "failed", text: error.message };
      steps.push(failed);
    }
  }
  return {
    steps,
    failed,
    trust: evidence.trust,
    says: failed ? null : sentenceOf(evidence),
    disclosed: failed ? [] : evidence.discloser.disclosedNames,
    hiddenCount: failed ? 0 : evidence.discloser.hiddenCount,
  };
}

/** Says who accepted what, for which model, when. */
function sentenceOf({ statement, receipt }) {
  const within = (value, ...path) => path.reduce((at, name) => (at instanceof Map ? at.get(name) : undefined), value);
  const text = (...path) => {
    const value = within(statement, ...path);
    return typeof value === "string" && value.trim() ? printable(value) : null;
  };
  const organisation = text("capacity", "organisation", "name");
  const model = text("scope", "model");
  const domain = text("email_domain");
  const at = new Date(log.readSeconds(statement.get("iat")));
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  return (
    `${text("name") ?? (domain ? `Someone at ${domain}` : "(name not disclosed)")}${organisation ? `, for ${organisation},` : ""} accepted ` +
    `${printable(`${receipt.license.title} ${receipt.license.number}`, 2_000)}${model ? ` for ${model}` : ""} ` +
    `on ${day} at ${at.toISOString().slice(11, 19)} UTC`
  );
}
