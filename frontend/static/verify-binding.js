// Key binding (RFC 9901 §4.3): whoever hands over a receipt shows that they hold the key that its statement names.
import { Fields, Refused, decodeBase64url, encodeBase64url, parseJson, printable, quoted, sha256, utf8 } from "./verify-read.js";
import { isoSeconds, readSeconds } from "./verify-log.js";
import { hasSigned } from "./verify-statement.js";

const TYPE = "kb+jwt";
const ALGORITHM = "Ed25519";
const KEY_BYTES = 32;
const CLOCK_SKEW_MS = 60_000;
const MAX_AGE_MS = 600_000;

/** Gives the holder's public key that a statement names, or null. */
export function confirmationKey(claims) {
  if (!claims.has("cnf")) return null;
  const jwk = new Fields(claims.get("cnf"), "statement.cnf").member("jwk");
  if (jwk.text("kty") !== "OKP" || jwk.text("crv") !== "Ed25519") {
    throw new Refused(`the holder's key is a ${printable(jwk.text("crv"), 40)} key, expected Ed25519`);
  }
  if (jwk.value.has("d")) throw new Refused("the statement holds the holder's private key");
  const raw = decodeBase64url(jwk.text("x"), "statement.cnf.jwk.x");
  if (raw.length !== KEY_BYTES) throw new Refused(`statement.cnf.jwk.x has ${raw.length} bytes, expected ${KEY_BYTES}`);
  return raw;
}

const thumbprint = async (raw) => encodeBase64url(await sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${encodeBase64url(raw)}"}`)));

/** `asked` is `{audience, nonce, now}` or null: then a proof must still fit, and audience and nonce are only told. */
export async function checkKeyBinding({ receipt, claims, asked }) {
  const { presented, keyBinding } = receipt.sdJwt;
  const key = confirmationKey(claims);
  if (keyBinding === null) {
    if (asked) {
      throw new Refused(
        "no key binding follows the statement: whoever handed it over has not shown that they hold " +
          `the acceptor's key, expected that for audience ${quoted(asked.audience)} and your nonce`,
      );
    }
    return key === null
      ? "the statement names no key of its holder"
      : "the statement names a key of its holder; whoever handed it over did not show that they have it";
  }
  if (key === null) throw new Refused("a key binding follows, but the statement names no key of its holder (cnf)");
  const kid = await thumbprint(key);
  const payload = await read(keyBinding, key, kid);
  if (payload.text("sd_hash") !== encodeBase64url(await sha256(utf8(presented)))) {
    throw new Refused("sd_hash differs: the key binding was made over another statement or other disclosures");
  }
  const madeAt = momentOf(payload);
  const made = isoSeconds(madeAt);
  if (madeAt < momentOf(new Fields(claims, "statement")) - CLOCK_SKEW_MS) {
    throw new Refused(`the key binding of ${made} is older than the acceptance`);
  }
  const [audience, nonce] = [payload.text("aud"), payload.text("nonce")];
  const who = `whoever handed it over holds the key ${kid} that the statement names`;
  if (!asked) return `${who}; it was made for audience ${quoted(audience)}, and you named none to compare`;
  if (audience !== asked.audience) {
    throw new Refused(
      `audience differs: the key binding was made for ${quoted(audience)}, expected ${quoted(asked.audience)}`,
    );
  }
  if (nonce !== asked.nonce) {
    throw new Refused(`nonce differs: the key binding has ${quoted(nonce, 80)}, not the one you gave`);
  }
  if (madeAt > asked.now + CLOCK_SKEW_MS) {
    throw new Refused(`the key binding is dated ${made}, in the future of this clock (${isoSeconds(asked.now)})`);
  }
  if (madeAt < asked.now - MAX_AGE_MS) {
    throw new Refused(
      `the key binding is dated ${made}, more than ${MAX_AGE_MS / 1_000} seconds ago: ` +
        "it may be an old one that was shown before",
    );
  }
  return `${who}, shown to ${quoted(audience)} with your nonce at ${made}`;
}

async function read(token, key, kid) {
  const what = "the key binding";
  const parts = token.split(".");
  if (parts.length !== 3) throw new Refused(`${what} has ${parts.length} parts, expected 3`);
  const where = `the header of ${what}`;
  const header = new Fields(parseJson(decodeBase64url(parts[0], where), where), where);
  header.only(["alg", "typ"]);
  for (const [name, expected] of [["typ", TYPE], ["alg", ALGORITHM]]) {
    if (header.text(name) !== expected) {
      throw new Refused(`${name} of ${what} is ${quoted(header.text(name), 40)}, expected '${expected}'`);
    }
  }
  const signature = decodeBase64url(parts[2], `the signature of ${what}`);
  const payload = decodeBase64url(parts[1], `the payload of ${what}`);
  if (!(await hasSigned(key, signature, utf8(`${parts[0]}.${parts[1]}`)))) {
    throw new Refused(`the signature of ${what} does not fit its content and the key ${kid} of the statement`);
  }
  return new Fields(parseJson(payload, `the payload of ${what}`), "key binding");
}

function momentOf(fields) {
  const seconds = fields.number("iat");
  const at = readSeconds(seconds);
  if (at === null) throw new Refused(`the key binding or its statement has no time: ${seconds}`);
  return at;
}
