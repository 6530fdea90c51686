"""Write the golden receipts of this folder; run again, it gives the same bytes.

python -m tests.vectors.receipt.generate [FOLDER]

keys.json               the public keys of the imagined registry
good/*.json             receipts that verify
witness.txt             the verifier key of the imagined witness, which has cosigned
refused/*.json          {"step", "why", "receipt"}: receipts that must fail at exactly that step, with the witness's key
                        given, and what the holder was "asked" to prove where that is there; most are signed correctly, as a careless or hostile registry could
"""

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors.receipt import bound, signed, writer
from tests.vectors.receipt.writer import (
    LICENSE_TEXT,
    ORIGIN,
    Receipt,
    b64u,
    claims,
    compact,
    cosign,
    digest,
    disclosure,
    jwk,
    key_of,
    keys,
    log_proof,
    node,
    policies,
    receipt,
    sign_jwt,
    sign_note,
    witness_key,
)


def good_receipts() -> dict[str, Receipt]:
    _, disclosures = claims()
    return {
        "all-disclosed": receipt(),
        "one-disclosed": receipt(disclosures=disclosures[:1]),
        "nothing-disclosed": receipt(disclosures=[]),
        "only-the-domain": writer.only_the_domain(),
        "first-leaf-of-one": receipt(index=0, size=1),
        "last-leaf-of-seven": receipt(index=6, size=7),
        "leaf-of-a-million": with_long_path(),
        "with-policies": with_policies(policies()),
        "policies-not-carried": with_policies(None),
        **signed.good_receipts(),
        **bound.good_receipts(),
    }


def with_policies(carried: list[dict[str, Any]] | None) -> Receipt:
    """Return a receipt whose statement names two policies; it carries these, or is of the time before it did."""
    payload, disclosures = claims()
    signed = [{name: value for name, value in one.items() if name != "text"} for one in policies()]
    made = receipt(payload | {"license": payload["license"] | {"policies": signed}}, disclosures)
    if carried is not None:
        made["license"] |= {"policies": carried}
    return made


def with_policy(**members: Any) -> Receipt:
    return with_policies([policies()[0] | members, policies()[1]])


def with_long_path() -> Receipt:
    """Return a receipt for leaf 654,321 of 1,000,000 whose other subtrees are imagined hashes."""
    made = receipt()
    index, size = 654_321, 1_000_000
    leaf = bytes.fromhex(made["ledger"]["leaf_hash"])
    path: list[bytes] = []

    def root_of(first: int, count: int) -> bytes:
        if not first <= index < first + count:
            return hashlib.sha256(b"subtree %d %d" % (first, count)).digest()
        if count == 1:
            return leaf
        split = 1 << ((count - 1).bit_length() - 1)
        left, right = root_of(first, split), root_of(first + split, count - split)
        path.append(right if index < first + split else left)
        return node(left, right)

    text = f"{ORIGIN}\n{size}\n{base64.b64encode(root_of(0, size)).decode()}\n"
    made["ledger"] |= {
        "index": index,
        "tree_size": size,
        "inclusion_proof": [base64.b64encode(one).decode() for one in path],
        "checkpoint": f"{text}\n{sign_note(text)}",
    }
    return made


Change = Callable[[dict[str, Any], list[str]], tuple[dict[str, Any], list[str]]]


def changed(change: Change) -> Receipt:
    """Return a receipt whose payload and disclosures were changed before they were signed."""
    return receipt(*change(*claims()))


def edited(**members: Any) -> Receipt:
    return receipt() | members


def in_ledger(**members: Any) -> Receipt:
    made = receipt()
    made["ledger"] |= members
    return made


def in_license(**members: Any) -> Receipt:
    made = receipt()
    made["license"] |= members
    return made


def with_header(**header: Any) -> Receipt:
    return receipt(jwt=sign_jwt(claims()[0], **header))


def signed_by(word: str) -> Receipt:
    return receipt(jwt=sign_jwt(claims()[0], word=word))


def reserved(name: str) -> Receipt:
    bad = disclosure(name, "sneaked in")
    return changed(lambda p, d: (p | {"_sd": sorted([*p["_sd"], digest(bad)])}, [*d, bad]))


def other_checkpoint(size: int) -> str:
    return log_proof("a forked statement", index=5, size=size)["checkpoint"]


def unsigned_jwt() -> str:
    head = compact(
        {"alg": "none", "kid": jwk("statement", "statement")["kid"], "typ": "gatehouse-acceptance+sd-jwt"}
    )
    return f"{b64u(head)}.{b64u(compact(claims()[0]))}."


def hmac_jwt() -> str:
    """Return a JWT "signed" with HMAC under the public key: algorithm confusion."""
    public = key_of("statement").public_key().public_bytes_raw()
    head = {"alg": "HS256", "kid": jwk("statement", "statement")["kid"], "typ": "gatehouse-acceptance+sd-jwt"}
    message = f"{b64u(compact(head))}.{b64u(compact(claims()[0]))}"
    return f"{message}.{b64u(hmac.digest(public, message.encode(), 'sha256'))}"


def refused_receipts() -> dict[str, tuple[str, str, Receipt]]:
    """Return step, reason and receipt of each case, by name."""
    payload, shown = claims()
    other = disclosure("email", "eve@example.org")
    with_array_name = digest(shown[-1])
    return {
        "format-of-tomorrow": ("format", "another format version", edited(format="gatehouse-receipt/3")),
        "private-key-inside": (
            "format",
            "a JWK with d",
            edited(keys=[jwk("statement", "statement", d="AA")]),
        ),
        "kid-of-another-key": (
            "format",
            "kid is not the thumbprint",
            edited(keys=[keys()[0] | {"kid": keys()[1]["kid"]}]),
        ),
        "key-twice": ("format", "the same key twice", edited(keys=[keys()[0], keys()[0]])),
        "critical-header": ("format", "crit is not understood", with_header(crit=["exp"], exp=1)),
        "embedded-jwk": ("format", "the token brings its own key", with_header(jwk=jwk("eve", "statement"))),
        "key-binding": (
            "format",
            "a key-binding JWT follows",
            edited(sd_jwt=receipt()["sd_jwt"] + sign_jwt({"nonce": "1"}, typ="kb+jwt")),
        ),
        "padded-base64url": (
            "format",
            "padding in the signature",
            edited(sd_jwt=receipt()["sd_jwt"].replace("~", "=~", 1)),
        ),
        "unknown-signer": ("keys", "no key of that name", signed_by("eve")),
        "signed-by-the-log": (
            "keys",
            "the checkpoint key signed the statement",
            receipt(jwt=sign_jwt(payload, word="checkpoint")),
        ),
        "algorithm-none": ("signature", "no signature", receipt(jwt=unsigned_jwt())),
        "algorithm-hmac": ("signature", "HMAC under the public key", receipt(jwt=hmac_jwt())),
        "algorithm-eddsa": ("signature", "the polymorphic name", with_header(alg="EdDSA")),
        "signed-by-somebody-else": (
            "signature",
            "signed by another key under this kid",
            receipt(jwt=sign_jwt(payload, word="eve", kid=jwk("statement", "statement")["kid"])),
        ),
        "payload-not-json": (
            "signature",
            "payload is not JSON",
            receipt(jwt=sign_jwt(None, raw=b"not json")),
        ),
        "claim-twice": (
            "signature",
            "the same member twice",
            receipt(jwt=sign_jwt(None, raw=compact(payload)[:-1] + b',"iat":1}')),
        ),
        "type-missing": ("type", "no typ", with_header(typ=None)),
        "type-of-a-manifest": ("type", "another signed thing", with_header(typ="gatehouse-release+jws")),
        "hash-sha-512": ("hash-name", "another hash", changed(lambda p, d: (p | {"_sd_alg": "sha-512"}, d))),
        "hash-missing": (
            "hash-name",
            "no hash named",
            changed(lambda p, d: ({n: v for n, v in p.items() if n != "_sd_alg"}, d)),
        ),
        "disclosure-of-another-receipt": (
            "disclosures",
            "belongs to no digest",
            receipt(disclosures=[*shown, other]),
        ),
        "disclosure-swapped": (
            "disclosures",
            "another value under the name",
            receipt(disclosures=[other, *shown[1:]]),
        ),
        "disclosure-twice": ("disclosures", "handed over twice", receipt(disclosures=[*shown, shown[0]])),
        "digest-twice": (
            "disclosures",
            "one digest in two places",
            changed(lambda p, d: (p | {"more": {"_sd": [digest(d[0])]}}, d)),
        ),
        "digest-twice-hidden": (
            "disclosures",
            "one undisclosed digest in two places",
            changed(lambda p, d: (p | {"more": {"_sd": [digest("x")]}, "also": [{"...": digest("x")}]}, d)),
        ),
        "element-as-member": (
            "disclosures",
            "an array element's disclosure among members",
            changed(lambda p, d: (p | {"releases": [], "_sd": sorted([*p["_sd"], with_array_name])}, d)),
        ),
        "sd-not-a-list": ("disclosures", "_sd is a string", changed(lambda p, d: (p | {"_sd": "x"}, d))),
        "disclosure-not-an-array": (
            "disclosures",
            "an object instead of an array",
            receipt(disclosures=[b64u(b'{"salt":"x"}')]),
        ),
        "reserved-sd": ("claims", "a claim named _sd", reserved("_sd")),
        "reserved-dots": ("claims", "a claim named ...", reserved("...")),
        "hidden-iat": ("claims", "a hidden claim overrides iat", reserved("iat")),
        "hidden-license": ("claims", "a hidden claim overrides license", reserved("license")),
        "claim-already-there": ("claims", "a hidden claim overrides a visible one", reserved("releases")),
        "dots-beside-claims": (
            "claims",
            "... as a member of an object",
            changed(lambda p, d: (p | {"more": {"...": "x"}}, d)),
        ),
        "sd-alg-inside": (
            "claims",
            "_sd_alg inside a claim",
            changed(lambda p, d: (p | {"more": {"_sd_alg": "md5"}}, d)),
        ),
        "other-text": (
            "license",
            "one character of the text",
            in_license(text=LICENSE_TEXT.replace("not", "now")),
        ),
        "line-ends-changed": (
            "license",
            "CRLF became LF",
            in_license(text=LICENSE_TEXT.replace("\r\n", "\n")),
        ),
        "other-digest": (
            "license",
            "digest beside the text differs",
            in_license(sha256="sha256:" + "0" * 64),
        ),
        "other-number": ("license", "another version number", in_license(number="1.2")),
        "other-title": ("license", "another title", in_license(title="Apache License")),
        "other-slug": ("license", "another license", in_license(slug="imagined-openrail-d")),
        "policy-text-changed": (
            "license",
            "one character of an included policy",
            with_policy(text=policies()[0]["text"].replace("not", "now")),
        ),
        "policy-other-digest": (
            "license",
            "another policy with its own digest",
            with_policy(text="Be rude.", sha256="sha256:" + hashlib.sha256(b"Be rude.").hexdigest()),
        ),
        "policy-other-title": ("license", "another title of a policy", with_policy(title="House rules")),
        "policy-other-address": (
            "license",
            "another address of a policy",
            with_policy(url="https://example.org/other"),
        ),
        "policy-missing": ("license", "one policy of two", with_policies(policies()[:1])),
        "policy-too-many": (
            "license",
            "a policy that was not signed",
            with_policies([*policies(), policies()[0]]),
        ),
        "policies-in-another-order": ("license", "policies swapped", with_policies(policies()[::-1])),
        "policies-not-signed": (
            "license",
            "policies without any in the statement",
            in_license(policies=policies()),
        ),
        "policies-not-a-list": ("format", "policies are a string", in_license(policies="x")),
        "no-proof-yet": ("leaf", "the log has not published it", edited(ledger=None)),
        "leaf-of-another": (
            "leaf",
            "another statement's leaf",
            edited(ledger=log_proof("another", index=5, size=11)),
        ),
        "index-outside": ("inclusion", "index beyond the tree", in_ledger(index=11)),
        "path-too-short": (
            "inclusion",
            "a hash is missing",
            in_ledger(inclusion_proof=receipt()["ledger"]["inclusion_proof"][:-1]),
        ),
        "path-too-long": (
            "inclusion",
            "a hash too many",
            in_ledger(
                inclusion_proof=[
                    *receipt()["ledger"]["inclusion_proof"],
                    base64.b64encode(bytes(32)).decode(),
                ]
            ),
        ),
        "index-of-another": ("checkpoint", "another index leads to another root", in_ledger(index=4)),
        "forked-tree": (
            "checkpoint",
            "a signed head of another tree",
            in_ledger(checkpoint=other_checkpoint(11)),
        ),
        "older-checkpoint": (
            "checkpoint",
            "a signed head of another size",
            in_ledger(checkpoint=other_checkpoint(9)),
        ),
        "origin-of-another-log": (
            "checkpoint",
            "origin differs",
            in_ledger(origin="elsewhere.example.org/ledger"),
        ),
        "checkpoint-unsigned": (
            "checkpoint",
            "no signature line",
            in_ledger(checkpoint=unsigned_checkpoint()),
        ),
        "checkpoint-by-a-stranger": (
            "checkpoint",
            "only a witness signed",
            in_ledger(checkpoint=stranger_checkpoint()),
        ),
        "checkpoint-by-the-statement-key": (
            "checkpoint",
            "the key may sign statements only",
            in_ledger(checkpoint=stranger_checkpoint(word="statement", name=ORIGIN)),
        ),
        "key-retired-before": ("validity", "signed after the key was retired", signed_by("retired")),
        "key-compromised-before": ("validity", "signed after the key was stolen", signed_by("stolen")),
        "key-not-yet-valid": ("validity", "signed before the key existed", signed_by("later")),
        "log-key-retired-before": (
            "validity",
            "the log's key was retired before the statement",
            edited(keys=[keys()[0], jwk("checkpoint", "checkpoint", valid_until="2026-06-01T00:00:00.000Z")]),
        ),
        "not-cosigned": (
            "witnesses",
            "the witness has not cosigned",
            in_ledger(checkpoint=without_witness()),
        ),
        "cosignature-of-another-time": (
            "witnesses",
            "the time in the cosignature was changed",
            in_ledger(checkpoint=altered_cosignature()),
        ),
        "cosigned-another-tree": (
            "witnesses",
            "the witness cosigned another tree",
            in_ledger(checkpoint=without_witness() + cosign(f"{ORIGIN}\n12\n{'A' * 43}=\n")),
        ),
        "time-stamp-that-is-none": (
            "timestamps",
            "the time stamp is not one",
            in_ledger(timestamps=[{"authority": "https://tsa.example.net", "response": "AAAA"}]),
        ),
        "time-stamps-not-a-list": ("format", "time stamps are a string", in_ledger(timestamps="x")),
        "time-missing": (
            "validity",
            "no iat",
            changed(lambda p, d: ({n: v for n, v in p.items() if n != "iat"}, d)),
        ),
    }


def checkpoint_text() -> str:
    return receipt()["ledger"]["checkpoint"].split("\n\n")[0] + "\n"


def without_witness() -> str:
    return "".join(f"{line}\n" for line in receipt()["ledger"]["checkpoint"].splitlines()[:-1])


def altered_cosignature() -> str:
    made = receipt()["ledger"]["checkpoint"].splitlines()
    name, _, encoded = made[-1].rpartition(" ")
    data = bytearray(base64.b64decode(encoded))
    data[11] ^= 1
    return "".join(f"{line}\n" for line in [*made[:-1], f"{name} {base64.b64encode(bytes(data)).decode()}"])


def unsigned_checkpoint() -> str:
    return checkpoint_text()


def stranger_checkpoint(*, word: str = "witness", name: str = "witness.example.net/w") -> str:
    return f"{checkpoint_text()}\n{sign_note(checkpoint_text(), name=name, word=word)}"


def write(folder: Path) -> None:
    """Write all vectors below `folder`."""
    for name in ("good", "refused"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "witness.txt").write_text(witness_key() + "\n")
    (folder / "keys.json").write_bytes(pretty({"keys": keys()}))
    for name, made in good_receipts().items():
        (folder / "good" / f"{name}.json").write_bytes(pretty(made))
    refused = {**refused_receipts(), **signed.refused_receipts(), **bound.refused_receipts()}
    for name, (step, why, made) in refused.items():
        asked = {"asked": bound.ASKED} if step == "key-binding" else {}
        case = {"step": step, "why": why, **asked, "receipt": made}
        (folder / "refused" / f"{name}.json").write_bytes(pretty(case))


def pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
