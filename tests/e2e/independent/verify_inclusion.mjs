// Verifies checkpoint and inclusion proof of a receipt with sigstore's implementation of RFC 6962.
// Reads a list of {"leaf", "index", "path", "checkpoint", "origin", "key": JWK} from standard input; prints for each
// null, or why it was refused.
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { verifyCheckpoint } = require("@sigstore/verify/dist/tlog/checkpoint.js");
const { verifyMerkleInclusion } = require("@sigstore/verify/dist/tlog/merkle.js");

function refusalOf({ leaf, index, path, checkpoint, origin, key }) {
  const raw = Buffer.from(key.x, "base64url");
  const log = {
    logID: createHash("sha256").update(Buffer.concat([Buffer.from(`${origin}\n\x01`), raw])).digest(),
    baseURL: origin,
    publicKey: createPublicKey({ key, format: "jwk" }),
  };
  const entry = {
    canonicalizedBody: Buffer.from(leaf),
    inclusionProof: {
      logIndex: String(index),
      hashes: path.map((text) => Buffer.from(text, "base64")),
      checkpoint: { envelope: checkpoint },
    },
  };
  try {
    verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
    return null;
  } catch (error) {
    if (error.name !== "VerificationError" && error.code !== "TLOG_INCLUSION_PROOF_ERROR") throw error;
    return error.message;
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(refusalOf)));
