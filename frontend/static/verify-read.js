// Reading what others wrote, strictly: JSON, base64, members of objects. Part of the page that verifies receipts.
// JSON objects become Maps and whole numbers become BigInts, so that no name is special and 1 is not 1.0.

const NESTING_MAX_DEPTH = 500;
const NUMBER_MAX_CHARACTERS = 4_000;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const MOMENT = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}]/u;
const KEPT = "\u200c\u200d\u00ad"; // joiners and the soft hyphen are part of words
const encoder = new TextEncoder();

/** Something is not what it must be; the message says what. */
export class Refused extends Error {}

/** Gives `text` on one line, without control characters and direction overrides. */
export function printable(text, limit = 200) {
  let kept = "";
  for (const character of [...text.slice(0, 2 * limit)].slice(0, limit)) {
    if (/[\t-\r\x85\u2028\u2029]/.test(character)) kept += " ";
    else kept += STEERING.test(character) && !KEPT.includes(character) ? "\ufffd" : character;
  }
  return kept.trim();
}

export const quoted = (text, limit) => `'${printable(text, limit)}'`;

export const utf8 = (text) => encoder.encode(text);

export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const isSame = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

// --- JSON ------------------------------------------------------------------------------------------------

class Reader {
  constructor(text, what) {
    this.text = text;
    this.what = what;
    this.at = 0;
  }

  whole() {
    const value = this.value(0);
    this.skip();
    if (this.at !== this.text.length) throw this.trouble("something follows the value");
    return value;
  }

  trouble(reason) {
    return new Refused(`${this.what} is not valid JSON: ${reason}, character ${this.at}`);
  }

  skip() {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  /** Goes past `token` if it stands here. */
  takes(token) {
    const stands = this.text.startsWith(token, this.at);
    if (stands) this.at += token.length;
    return stands;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  value(depth) {
    if (depth > NESTING_MAX_DEPTH) throw this.trouble("it is nested too deeply");
    this.skip();
    if (this.takes("{")) return this.object(depth);
    if (this.takes("[")) return this.array(depth);
    if (this.text[this.at] === '"') return this.string();
    if (this.takes("true")) return true;
    if (this.takes("false")) return false;
    if (this.takes("null")) return null;
    const number = this.match(NUMBER);
    if (!number || number[0].length > NUMBER_MAX_CHARACTERS) throw this.trouble("no value stands here");
    return number[1] || number[2] ? Number(number[0]) : BigInt(number[0]);
  }

  // Long strings are walked, not matched: a pattern with that many repetitions exhausts the stack.
  string() {
    const start = this.at;
    for (;;) {
      const end = this.text.indexOf('"', this.at + 1);
      if (end < 0) throw this.trouble("a string does not end");
      this.at = end;
      let backslashes = 0;
      while (this.text[end - 1 - backslashes] === "\\") backslashes += 1;
      if (backslashes % 2 === 0) break;
    }
    this.at += 1;
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      throw this.trouble("a string is malformed");
    }
  }

  object(depth) {
    const members = new Map();
    this.skip();
    if (this.takes("}")) return members;
    do {
      this.skip();
      if (this.text[this.at] !== '"') throw this.trouble("a member has no name");
      const name = this.string();
      if (members.has(name)) throw this.trouble(`member ${quoted(name, 80)} appears twice`);
      this.skip();
      if (!this.takes(":")) throw this.trouble("a member has no value");
      members.set(name, this.value(depth + 1));
      this.skip();
    } while (this.takes(","));
    if (!this.takes("}")) throw this.trouble("an object does not end");
    return members;
  }

  array(depth) {
    const values = [];
    this.skip();
    if (this.takes("]")) return values;
    do {
      values.push(this.value(depth + 1));
      this.skip();
    } while (this.takes(","));
    if (!this.takes("]")) throw this.trouble("an array does not end");
    return values;
  }
}

/** Gives the JSON value of `bytes`; duplicate members, NaN and absurd nesting are refused. */
export function parseJson(bytes, what) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(`${what} is not UTF-8`);
  }
  return new Reader(text, what).whole();
}

function kindOf(value) {
  if (value === null) return "null";
  if (typeof value === "boolean") return "a boolean";
  if (typeof value === "string") return "a string";
  if (typeof value === "bigint") return value < 0n ? "a negative number" : "a number";
  if (typeof value === "number") return "a number";
  return Array.isArray(value) ? "an array" : "an object";
}

/** Gives milliseconds since 1970, or NaN. Browsers read 31 February as a day of March; here it is none. */
function parseMoment(value) {
  if (typeof value !== "string" || !MOMENT.test(value)) return NaN;
  const day = Date.parse(value.slice(0, 10));
  const isDay = !Number.isNaN(day) && new Date(day).toISOString().startsWith(value.slice(0, 10));
  return isDay ? Date.parse(value) : NaN;
}

/** The members of one JSON object, read by name and type. */
export class Fields {
  constructor(value, where) {
    if (!(value instanceof Map)) throw new Refused(`${where} is ${kindOf(value ?? null)}, expected an object`);
    this.value = value;
    this.where = where;
  }

  /** Gives the member `name` if it `fits`; else refuses. */
  #fitting(name, fits, expected) {
    const value = this.value.get(name);
    if (value !== undefined && fits(value)) return value;
    const found = value === undefined ? "missing" : kindOf(value);
    throw new Refused(`${this.where}.${name} is ${found}, expected ${expected}`);
  }

  has(name) {
    return (this.value.get(name) ?? null) !== null;
  }

  text(name) {
    return this.#fitting(name, (value) => typeof value === "string", "a string");
  }

  maybeText(name) {
    return this.has(name) ? this.text(name) : null;
  }

  number(name) {
    return this.#fitting(name, (value) => typeof value === "bigint" && value >= 0n, "a whole number");
  }

  /** Gives milliseconds since 1970. */
  moment(name) {
    return parseMoment(this.#fitting(name, (value) => !Number.isNaN(parseMoment(value)), "an RFC 3339 time"));
  }

  maybeMoment(name) {
    return this.has(name) ? this.moment(name) : null;
  }

  member(name) {
    return new Fields(this.value.get(name), `${this.where}.${name}`);
  }

  values(name) {
    return this.#fitting(name, Array.isArray, "an array");
  }

  texts(name) {
    const areTexts = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");
    return this.#fitting(name, areTexts, "an array of strings");
  }

  members(name) {
    return this.values(name).map((value, at) => new Fields(value, `${this.where}.${name}[${at}]`));
  }

  only(names) {
    for (const name of this.value.keys()) {
      if (!names.includes(name)) throw new Refused(`${this.where} has the unknown member ${quoted(name, 80)}`);
    }
  }
}

// --- base64: one spelling for each value -------------------------------------------------------------------

function encode(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}

export function encodeBase64url(bytes) {
  return encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decode(text, encoded, spell, what, name) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  } catch {
    throw new Refused(`${what} is not ${name}`);
  }
  if (spell(bytes) !== text) throw new Refused(`${what} is not ${name} in its one valid spelling`);
  return bytes;
}

export function decodeBase64(text, what) {
  return decode(text, text, encode, what, "base64");
}

export function decodeBase64url(text, what) {
  return decode(text, text.replaceAll("-", "+").replaceAll("_", "/"), encodeBase64url, what, "base64url");
}
