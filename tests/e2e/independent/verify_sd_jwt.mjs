// Verifies an SD-JWT with an implementation of RFC 9901 that is not ours, and prints its claims.
// Reads {"sd_jwt": "...", "key": JWK} from standard input; exits 1 if it does not verify. With {"nonce": "..."} the
// key binding that follows it must verify too, by the key that the statement names.
import { createPublicKey, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";
import { SDJwtInstance } from "@sd-jwt/core";
import { digest, generateSalt } from "@sd-jwt/crypto-nodejs";

const given = JSON.parse(readFileSync(0, "utf8"));
const key = createPublicKey({ key: given.key, format: "jwk" });
const verifier = (data, signature) =>
  verifySignature(null, Buffer.from(data), key, Buffer.from(signature, "base64url"));

const instance = new SDJwtInstance({
  hasher: digest,
  hashAlg: "sha-256",
  saltGenerator: generateSalt,
  signAlg: "Ed25519",
  verifier,
  kbVerifier: (data, signature, { cnf }) => {
    const holder = createPublicKey({ key: cnf.jwk, format: "jwk" });
    return verifySignature(null, Buffer.from(data), holder, Buffer.from(signature, "base64url"));
  },
});

try {
  const { payload, header, kb } = await instance.verify(given.sd_jwt, { keyBindingNonce: given.nonce });
  process.stdout.write(JSON.stringify({ header, payload, kb }));
} catch (error) {
  process.stderr.write(String(error));
  process.exit(1);
}
