// The acceptor's own signature (grade A): SSH signatures (OpenSSH PROTOCOL.sshsig) and passkeys, held to the statement around it.
import { Fields, Refused, decodeBase64, decodeBase64url, encodeBase64url, hex, isSame, joined, parseJson, printable, sha256, utf8 } from "./verify-read.js";
import { confirmationKey } from "./verify-binding.js";

const CLAIM = "own_signature";
const DECLARATION_TYPE = "gatehouse-declaration/1";
const DECLARATION_MAX_BYTES = 256 << 10;
const NAMESPACE = "acceptance@gatehouse";
const SIGNATURE_MAX_CHARACTERS = 8192;
const KEY_MAX_BYTES = 2048;
const [RSA_MIN_BITS, RSA_MAX_BITS] = [3072, 8192];
const TOUCHED = 1;
const [BEGIN, END] = ["-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"];
const CURVES = {
  "ecdsa-sha2-nistp256": { curve: "P-256", hash: "SHA-256", name: "nistp256", size: 32 },
  "ecdsa-sha2-nistp384": { curve: "P-384", hash: "SHA-384", name: "nistp384", size: 48 },
  "sk-ecdsa-sha2-nistp256@openssh.com": { curve: "P-256", hash: "SHA-256", name: "nistp256", size: 32 },
};

const refused = (reason) => new Refused(`the acceptor's SSH signature ${reason}`);

/** Reads the fields of the SSH wire format (RFC 4251 §5), each in its one spelling. */
class Wire {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (this.at + count > this.bytes.length) throw refused("ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  number() {
    return this.take(4).reduce((value, byte) => value * 256 + byte, 0);
  }

  string() {
    return this.take(this.number());
  }

  text() {
    const bytes = this.string();
    if (bytes.some((byte) => byte > 127)) throw refused("has a name that is not ASCII");
    return String.fromCharCode(...bytes);
  }

  /** Gives the bytes of a positive number without zeros before it. */
  positive() {
    const bytes = this.string();
    const isSpare = bytes.length && bytes[0] === 0;
    if (!bytes.length || bytes[0] > 127 || (isSpare && !(bytes[1] > 127))) {
      throw refused("has a number in another spelling than the one that is taken");
    }
    return isSpare ? bytes.subarray(1) : bytes;
  }

  end() {
    if (this.at !== this.bytes.length) throw refused("goes on after its end");
  }
}

const string = (bytes) => joined(Uint8Array.from([24, 16, 8, 0], (shift) => (bytes.length >>> shift) & 255), bytes);

/** Reads a key; `fits` says whether it has signed some bytes. */
function readKey(blob) {
  if (blob.length > KEY_MAX_BYTES) throw refused("is too long for a key");
  const wire = new Wire(blob);
  const kind = wire.text();
  let fits = null;
  if (kind === "ssh-ed25519" || kind === "sk-ssh-ed25519@openssh.com") {
    const raw = wire.string();
    fits = (value, signed) => hasSigned("raw", raw, "Ed25519", "Ed25519", value, signed);
  } else if (Object.hasOwn(CURVES, kind)) {
    const { curve, hash, name, size } = CURVES[kind];
    if (wire.text() !== name) throw refused("names another curve than its kind");
    const point = wire.string();
    if (point[0] !== 4) throw refused("has a point that is not written in full");
    fits = (value, signed) => {
      const numbers = new Wire(value);
      const pair = [numbers.positive(), numbers.positive()];
      numbers.end();
      if (pair.some((one) => one.length > size)) throw refused("has numbers that are too large for its curve");
      const raw = joined(...pair.map((one) => joined(new Uint8Array(size - one.length), one)));
      return hasSigned("raw", point, { name: "ECDSA", namedCurve: curve }, { name: "ECDSA", hash }, raw, signed);
    };
  } else if (kind === "ssh-rsa") {
    const [exponent, modulus] = [wire.positive(), wire.positive()];
    const bits = modulus.length * 8 - Math.clz32(modulus[0]) + 24;
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) throw refused(`is of an RSA key of ${bits} bits`);
    const jwk = { kty: "RSA", n: encodeBase64url(modulus), e: encodeBase64url(exponent) };
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" };
    fits = (value, signed) => hasSigned("jwk", jwk, algorithm, algorithm.name, value, signed);
  } else throw refused("is of a kind of key that is not taken");
  const application = kind.startsWith("sk-") ? wire.text() : null;
  if (application !== null && !application.startsWith("ssh:")) {
    throw refused("is of a security key for something else than SSH");
  }
  wire.end();
  return { kind, blob, application, fits };
}

async function hasSigned(form, given, imported, algorithm, value, signed) {
  try {
    const key = await crypto.subtle.importKey(form, given, imported, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, key, value, signed);
  } catch {
    return false; // what is no key has signed nothing
  }
}

async function checkSshSignature(fields, declaration) {
  if (fields.text("namespace") !== NAMESPACE) {
    throw new Refused(`the acceptor's SSH signature does not name the namespace ${NAMESPACE}`);
  }
  const armored = fields.text("signature");
  if (armored.length > SIGNATURE_MAX_CHARACTERS) throw refused("is too long for a signature");
  const lines = armored.replaceAll("\r\n", "\n").replace(/^\n+|\n+$/g, "").split("\n");
  if (lines.length < 3 || lines[0] !== BEGIN || lines.at(-1) !== END) {
    throw refused("does not begin and end as an SSH signature does");
  }
  const wire = new Wire(decodeBase64(lines.slice(1, -1).join(""), "the acceptor's SSH signature"));
  if (!isSame(wire.take(6), utf8("SSHSIG")) || wire.number() !== 1) {
    throw refused("is not an SSH signature of version 1");
  }
  const key = readKey(wire.string());
  if (wire.text() !== NAMESPACE) throw refused(`was made for another purpose: its namespace is not ${NAMESPACE}`);
  if (wire.string().length) throw refused("has something in its reserved field");
  if (wire.text() !== "sha512") throw refused("uses another hash than sha512");
  const inner = new Wire(wire.string());
  wire.end();
  const [form, value] = [inner.text(), inner.string()];
  const flags = key.application === null ? null : inner.take(1);
  const counter = key.application === null ? null : inner.take(4);
  inner.end();
  if (form !== (key.kind === "ssh-rsa" ? "rsa-sha2-512" : key.kind)) {
    throw refused("names an algorithm that does not belong to its key");
  }
  if (flags && !(flags[0] & TOUCHED)) throw refused("was made by a security key that nobody touched");
  const line = `${key.kind} ${btoa(String.fromCharCode(...key.blob))}`;
  if (fields.text("key") !== line) throw new Refused("the acceptor's SSH key differs from the one in their signature");
  const hashed = new Uint8Array(await crypto.subtle.digest("SHA-512", declaration));
  let signed = joined(utf8("SSHSIG"), ...[utf8(NAMESPACE), new Uint8Array(), utf8("sha512"), hashed].map(string));
  if (flags) signed = joined(await sha256(utf8(key.application)), flags, counter, await sha256(signed));
  if (!(await key.fits(value, signed))) throw refused("does not fit what was to be signed");
  const fingerprint = btoa(String.fromCharCode(...(await sha256(key.blob)))).replace(/=+$/, "");
  return `the SSH key SHA256:${fingerprint}`;
}

// --- passkeys: a WebAuthn assertion (Level 3, §7.2), with the person verified ---------------------------------

const [PRESENT, VERIFIED, HEAD_BYTES, RSA_LEAST_BITS] = [1, 4, 37, 2048];
const OF_EC_P256 = "06072a8648ce3d020106082a8648ce3d030107";
const OF_ED25519 = "06032b6570";
const OF_RSA = "06092a864886f70d010101";

const passkeyRefused = (reason) => new Refused(`the signature of the acceptor's passkey ${reason}`);

/** Gives the two numbers of a DER signature side by side, as WebCrypto takes them; null where it is none. */
function rawPair(der) {
  const numbers = [];
  let at = 2;
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  while (at < der.length) {
    const size = der[at + 1];
    let number = der.subarray(at + 2, at + 2 + size);
    if (der[at] !== 2 || number.length !== size || !size || number[0] > 127) return null;
    if (number[0] === 0 && size > 1) {
      if (number[1] < 128) return null;
      number = number.subarray(1);
    }
    if (number.length > 32) return null;
    numbers.push(joined(new Uint8Array(32 - number.length), number));
    at += 2 + size;
  }
  return numbers.length === 2 ? joined(...numbers) : null;
}

async function passkeyHasSigned(spki, signature, message) {
  const head = hex(spki.subarray(0, 40));
  if (head.includes(OF_EC_P256)) {
    const raw = rawPair(signature);
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    return raw !== null && hasSigned("spki", spki, algorithm, { name: "ECDSA", hash: "SHA-256" }, raw, message);
  }
  if (head.includes(OF_ED25519)) return hasSigned("spki", spki, "Ed25519", "Ed25519", signature, message);
  if (head.includes(OF_RSA)) {
    if (spki.length * 8 < RSA_LEAST_BITS) return false;
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return hasSigned("spki", spki, algorithm, algorithm.name, signature, message);
  }
  throw passkeyRefused("is by a kind of key that is not taken");
}

async function checkPasskeySignature(fields, declaration, statement) {
  const rpId = fields.text("rp_id");
  const key = decodeBase64(fields.text("key"), "the passkey's key");
  const [clientData, data, signature] = ["client_data", "authenticator_data", "signature"].map((name) =>
    decodeBase64url(fields.text(name), `the passkey's ${name.replace("_", " ")}`),
  );
  const client = new Fields(parseJson(clientData, "the passkey's client data"), "client data");
  const origin = new Fields(statement, "statement").text("iss");
  if (client.text("type") !== "webauthn.get") throw passkeyRefused("was not made to sign something");
  if (client.text("challenge") !== encodeBase64url(await sha256(declaration))) {
    throw passkeyRefused("is over something else than the declaration");
  }
  if (client.text("origin") !== origin) {
    throw passkeyRefused(`was made at ${printable(client.text("origin"))}, expected ${printable(origin)}`);
  }
  if (client.value.get("crossOrigin") === true) throw passkeyRefused("was made inside a page of somebody else");
  if (!URL.canParse(origin) || rpId !== new URL(origin).hostname) {
    throw passkeyRefused("belongs to another host than the registry's");
  }
  if (data.length < HEAD_BYTES) throw passkeyRefused("has authenticator data that is too short");
  if (!isSame(data.subarray(0, 32), await sha256(utf8(rpId)))) throw passkeyRefused("was made for another host");
  if ((data[32] & (PRESENT | VERIFIED)) !== (PRESENT | VERIFIED)) {
    throw passkeyRefused("was made without verifying the person");
  }
  if (!(await passkeyHasSigned(key, signature, joined(data, await sha256(clientData))))) {
    throw passkeyRefused("does not fit its key");
  }
  return `a passkey of ${printable(rpId)}, key sha256:${hex(await sha256(key))}; the device verified the person`;
}

const FORMATS = { sshsig: checkSshSignature, webauthn: checkPasskeySignature };

/** Says by which key the acceptor signed, or that none is shown. */
export async function checkOwnSignature(statement) {
  const isSigned = statement.get("grade") === "A";
  const claim = statement.get(CLAIM) ?? null;
  if (claim === null) {
    return isSigned
      ? "the statement says that the acceptor signed with a key of their own; that signature is not disclosed"
      : "the acceptor did not sign with a key of their own";
  }
  if (!isSigned) throw new Refused("the statement is not of grade A and yet has a signature of the acceptor's own");
  const fields = new Fields(claim, CLAIM);
  const declaration = utf8(fields.text("declaration"));
  if (declaration.length > DECLARATION_MAX_BYTES) throw new Refused("the acceptor's declaration is too long");
  const form = fields.text("format");
  if (!Object.hasOwn(FORMATS, form)) {
    throw new Refused(`the acceptor's signature has a format that is not known: ${printable(form, 40)}`);
  }
  const said = await FORMATS[form](fields, declaration, statement);
  const what = "the acceptor's declaration";
  compare(new Fields(parseJson(declaration, what), "declaration"), new Fields(statement, "statement"));
  return `the acceptor has signed this acceptance with ${said}`;
}

/** Refuses a declaration that says something else than the statement. */
function compare(declaration, signed) {
  if (declaration.text("type") !== DECLARATION_TYPE) {
    throw new Refused("what the acceptor signed is no declaration of an acceptance");
  }
  const accepted = signed.text("jti");
  const parts = declaration.members("acceptances").filter((one) => one.text("acceptance") === accepted);
  if (parts.length !== 1) throw new Refused("the acceptor's declaration is about other acceptances than this one");
  const [part] = parts;
  const within = (names, ...of) => names.map((name) => [name, ...of.map((fields) => fields.text(name))]);
  const pairs = [
    ["registry", declaration.text("registry"), signed.text("iss")],
    ["person", declaration.text("person"), signed.text("sub")],
    ["presented", part.text("presented"), signed.member("times").text("presented")],
    ...within(
      ["version_id", "slug", "title", "number", "language", "sha256"],
      part.member("license"),
      signed.member("license"),
    ),
    ...within(["id", "revision_id", "form", "answers"], part.member("gate"), signed.member("gate")),
    ...within(["type"], declaration.member("capacity"), signed.member("capacity")),
  ];
  if (signed.value.has("name")) pairs.push(["name", declaration.text("name"), signed.text("name")]);
  if (signed.member("scope").value.has("model")) {
    pairs.push(["model", part.text("model"), signed.member("scope").text("model")]);
  }
  const key = confirmationKey(signed.value);
  if (part.maybeText("holder_key") !== (key === null ? null : encodeBase64url(key))) {
    throw new Refused("the acceptor has signed for another holder's key than the statement names");
  }
  for (const [name, declared, stated] of pairs) {
    if (declared !== stated) {
      throw new Refused(
        `${name} differs: the acceptor signed ${printable(declared, 80)}, the statement says ${printable(stated, 80)}`,
      );
    }
  }
  const digests = (fields) => fields.member("license").members("policies").map((one) => one.maybeText("sha256"));
  if (JSON.stringify(digests(part)) !== JSON.stringify(digests(signed))) {
    throw new Refused("the included texts that the acceptor signed differ from those of the statement");
  }
}
