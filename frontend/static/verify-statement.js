// The signed statement of a receipt: keys (RFC 7517, 8037), JWS (RFC 7515), SD-JWT (RFC 9901).
import { Fields, Refused, decodeBase64url, encodeBase64url, parseJson, printable, quoted, sha256, utf8 } from "./verify-read.js";

const ALGORITHM = "Ed25519";
const KEYS_MAX_COUNT = 1_000;
const DISCLOSURES_MAX_COUNT = 1_000;
const DISCLOSURE_MAX_CHARACTERS = 256 << 10;
const NESTING_MAX_DEPTH = 16;
// Names that steer verification or say what was accepted: never hidden.
const NEVER_HIDDEN = ["_sd", "...", "_sd_alg", "iss", "iat", "nbf", "exp", "jti", "sub", "cnf", "license", "times", "scope"];

/** Whether this browser has Ed25519 (Chromium 137, Firefox 129, Safari 17 and later). */
export async function canVerify() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32).fill(1), ALGORITHM, false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

export async function hasSigned(raw, signature, message) {
  try {
    const key = await crypto.subtle.importKey("raw", raw, ALGORITHM, false, ["verify"]);
    return await crypto.subtle.verify(ALGORITHM, key, signature, message);
  } catch {
    return false; // 32 bytes that are no key have signed nothing
  }
}

/** Gives the keys of a JWK array; each is named by its own thumbprint. */
export async function parseKeys(values, where) {
  if (values.length > KEYS_MAX_COUNT) throw new Refused(`${where} has more than ${KEYS_MAX_COUNT} keys`);
  const keys = [];
  for (const [at, value] of values.entries()) {
    const key = await parseKey(new Fields(value, `${where}[${at}]`));
    if (findKey(keys, key.kid, key.use)) throw new Refused(`${where} has the key ${key.kid} twice`);
    keys.push(key);
  }
  return keys;
}

/** Gives the keys of a file with a JWK set, or with a bare array of JWKs. */
export async function parseKeySet(bytes, where) {
  const value = parseJson(bytes, where);
  if (value instanceof Map && value.has("sd_jwt")) throw new Refused(`${where} is a receipt: its own keys prove nothing`);
  return parseKeys(Array.isArray(value) ? value : new Fields(value, where).values("keys"), `${where}.keys`);
}

async function parseKey(fields) {
  if (fields.text("kty") !== "OKP" || fields.text("crv") !== "Ed25519") {
    throw new Refused(`${fields.where} is a ${printable(fields.text("crv"), 40)} key, expected Ed25519`);
  }
  if (fields.value.has("d")) throw new Refused(`${fields.where} holds a private key; it must never be given away`);
  const [kid, use] = [fields.text("kid"), fields.text("use")];
  if (use !== "statement" && use !== "checkpoint") throw new Refused(`${fields.where}.use is ${quoted(use, 40)}`);
  const raw = decodeBase64url(fields.text("x"), `${fields.where}.x`);
  if (raw.length !== 32) throw new Refused(`${fields.where}.x has ${raw.length} bytes, expected 32`);
  const members = `{"crv":"Ed25519","kty":"OKP","x":"${encodeBase64url(raw)}"}`;
  if (kid !== encodeBase64url(await sha256(utf8(members)))) {
    throw new Refused(`${fields.where}.kid is not the thumbprint of its key (RFC 7638)`);
  }
  return {
    kid,
    use,
    raw,
    validFrom: fields.moment("valid_from"),
    validUntil: fields.maybeMoment("valid_until"),
    compromisedAt: fields.maybeMoment("compromised_at"),
  };
}

export const findKey = (keys, kid, use) => keys.find((key) => key.kid === kid && key.use === use);

/** Splits an SD-JWT; nothing in it counts before its signature was checked. */
export function splitSdJwt(text, what, isBound = false) {
  const parts = text.split("~");
  if (parts.length < 2) throw new Refused(`${what} has no '~': it is not an SD-JWT`);
  const last = parts.at(-1);
  if (last && !isBound) throw new Refused(`${what} does not end with '~': a key binding is not part of such a receipt`);
  if (!last && isBound) throw new Refused(`${what} ends with '~': no key binding follows, and such a receipt has one`);
  const disclosures = parts.slice(1, -1);
  if (disclosures.length > DISCLOSURES_MAX_COUNT) {
    throw new Refused(`${what} has more than ${DISCLOSURES_MAX_COUNT} disclosures`);
  }
  return { issuerJwt: parts[0], jws: parseCompact(parts[0], what), disclosures, keyBinding: last || null, presented: text.slice(0, text.length - last.length) };
}

function parseCompact(token, what) {
  const parts = token.split(".");
  if (parts.length !== 3) throw new Refused(`${what} has ${parts.length} parts, expected 3`);
  const where = `the header of ${what}`;
  const header = new Fields(parseJson(decodeBase64url(parts[0], where), where), where);
  // Every other member could change what the signature means.
  header.only(["alg", "kid", "typ", "cty"]);
  return {
    algorithm: header.text("alg"),
    kid: header.text("kid"),
    typ: header.maybeText("typ"),
    payload: decodeBase64url(parts[1], `the payload of ${what}`),
    signingInput: utf8(`${parts[0]}.${parts[1]}`),
    signature: decodeBase64url(parts[2], `the signature of ${what}`),
  };
}

export async function checkSignature(jws, key, what) {
  if (jws.algorithm !== ALGORITHM) {
    throw new Refused(`${what} is signed with ${quoted(jws.algorithm, 40)}, expected '${ALGORITHM}'`);
  }
  if (!(await hasSigned(key.raw, jws.signature, jws.signingInput))) {
    throw new Refused(`the signature of ${what} does not fit its content and key ${key.kid}`);
  }
}

export function readClaims(jws, what) {
  const claims = parseJson(jws.payload, `the payload of ${what}`);
  if (!(claims instanceof Map)) throw new Refused(`the payload of ${what} is not a JSON object`);
  return claims;
}

/** Gives the disclosures by their digest. */
export async function parseDisclosures(encoded) {
  const found = new Map();
  for (const [at, text] of encoded.entries()) {
    const what = `disclosure ${at + 1}`;
    if (text.length > DISCLOSURE_MAX_CHARACTERS) {
      throw new Refused(`${what} is longer than ${DISCLOSURE_MAX_CHARACTERS} characters`);
    }
    const parts = parseJson(decodeBase64url(text, what), what);
    if (!Array.isArray(parts) || (parts.length !== 2 && parts.length !== 3) || typeof parts[0] !== "string") {
      throw new Refused(`${what} is not an array of salt, name and value`);
    }
    const name = parts.length === 3 ? parts[1] : null;
    if (parts.length === 3 && typeof name !== "string") throw new Refused(`${what} has a name that is not a string`);
    const digest = encodeBase64url(await sha256(utf8(text)));
    if (found.has(digest)) throw new Refused(`${what} is given twice`);
    found.set(digest, { name, value: parts.at(-1) });
  }
  return found;
}

function digestsOf(members) {
  const digests = members.has("_sd") ? members.get("_sd") : [];
  if (!Array.isArray(digests) || digests.some((digest) => typeof digest !== "string")) {
    throw new Refused("_sd is not an array of digests");
  }
  return digests;
}

/** Gives the digest of `{"...": digest}`, the place of a hidden element of an array. */
function placeholderOf(element) {
  if (!(element instanceof Map) || !element.has("...")) return null;
  const digest = element.get("...");
  if (element.size !== 1 || typeof digest !== "string") {
    throw new Refused("the reserved name '...' stands beside other members");
  }
  return digest;
}

/** Puts disclosed claims in the place of their digests, and keeps count of both. */
export class Discloser {
  #open;
  #seen = new Set();
  disclosedNames = [];
  hiddenCount = 0;

  constructor(disclosures) {
    this.#open = disclosures;
  }

  /** Refuses a digest that stands twice and a disclosure that belongs to none. */
  checkDigests(claims) {
    this.#collect(claims, 0);
    const strangers = [...this.#open].filter(([digest]) => !this.#seen.has(digest));
    if (strangers.length) {
      const names = strangers.map(([, { name }]) => printable(String(name), 40)).sort();
      throw new Refused(
        `${strangers.length} disclosure(s) do not belong to this statement: ${names.slice(0, 5).join(", ")}`,
      );
    }
    this.hiddenCount = this.#seen.size - this.#open.size;
  }

  #collect(value, depth) {
    if (depth > NESTING_MAX_DEPTH) throw new Refused(`the statement is nested deeper than ${NESTING_MAX_DEPTH} levels`);
    if (Array.isArray(value)) {
      for (const element of value) {
        const digest = placeholderOf(element);
        if (digest === null) this.#collect(element, depth + 1);
        else this.#meet(digest, depth, true);
      }
    } else if (value instanceof Map) {
      for (const digest of digestsOf(value)) this.#meet(digest, depth, false);
      for (const [name, member] of value) if (name !== "_sd") this.#collect(member, depth + 1);
    }
  }

  #meet(digest, depth, isInArray) {
    if (this.#seen.has(digest)) {
      throw new Refused(`the digest ${printable(digest, 50)} stands in the statement twice`);
    }
    this.#seen.add(digest);
    const disclosure = this.#open.get(digest);
    if (!disclosure) return;
    if ((disclosure.name === null) !== isInArray) {
      throw new Refused("a disclosure of an array element stands for a member, or the reverse");
    }
    this.#collect(disclosure.value, depth + 1);
  }

  fillIn(claims) {
    const filled = this.#fillObject(claims);
    filled.delete("_sd_alg");
    return filled;
  }

  #fillObject(members) {
    const filled = new Map();
    for (const [name, value] of members) {
      if (name === "...") throw new Refused("the reserved name '...' stands in the statement");
      if (name !== "_sd") filled.set(name, this.#fill(value));
    }
    for (const digest of digestsOf(members)) {
      const disclosure = this.#open.get(digest);
      if (!disclosure || disclosure.name === null) continue;
      const { name, value } = disclosure;
      if (NEVER_HIDDEN.includes(name)) throw new Refused(`a disclosure carries the reserved name '${name}'`);
      if (filled.has(name)) throw new Refused(`the claim ${quoted(name, 80)} is given twice`);
      filled.set(name, this.#fill(value));
      this.disclosedNames.push(name);
    }
    return filled;
  }

  #fill(value) {
    if (value instanceof Map) {
      if (value.has("_sd_alg")) throw new Refused("the reserved name '_sd_alg' stands inside a claim");
      return this.#fillObject(value);
    }
    if (!Array.isArray(value)) return value;
    const filled = [];
    for (const element of value) {
      const digest = placeholderOf(element);
      if (digest === null) filled.push(this.#fill(element));
      else if (this.#open.has(digest)) filled.push(this.#fill(this.#open.get(digest).value));
    }
    return filled;
  }
}
