"""Offline verification of a receipt: who signed, what was accepted, and that the log holds it.

Needs no network, no account and nothing of the registry but its public keys. The order of the steps is the
order of `CHECKS`; a step runs only if all before it have passed, so what it uses is already established:

 1. format      the file is a receipt in `gatehouse-receipt/1` (`receipt.parse_receipt`)
 2. keys        the signer's key is among the trusted keys; only where none are given, the receipt's own are used
 3. signature   the issuer's JWS over the statement fits that key, algorithm `Ed25519` and no other
                (algorithm confusion: RFC 8725 §3.1); header members that could change its meaning are refused
 4. type        `typ` says that this is an acceptance statement and not some other signed thing (RFC 8725 §3.11)
 5. hash-name   `_sd_alg` is `sha-256` (RFC 9901 §4.1.1)
 6. disclosures each digest stands once, each disclosure belongs to a digest (RFC 9901 §7.1 steps 3c, 4, 5)
 7. claims      no disclosure brings a reserved name or one that is already there (RFC 9901 §7.1 step 3c)
 8. license     the text in the receipt has the digest that the statement names; so have the texts that the
                license includes by reference, where the receipt carries them
 9. leaf        the log's leaf is the statement itself: SHA-256(0x00 || ASCII of the issuer-signed JWT) (RFC 6962 §2.1)
10. inclusion   index, tree size and proof lead to one root (RFC 9162 §2.1.3.2)
11. checkpoint  the signed tree head has that size and that root, and the log's key has signed it (C2SP)
12. validity    each key was valid when it signed
13. witnesses   each witness whose key is given has cosigned the tree head (C2SP tlog-cosignature)
14. timestamps  each time stamp is of this tree head (RFC 3161), by an authority that leads to the given certificates
15. own-signature  where the acceptor's own signature is disclosed (grade A), it is theirs and over this very act
16. key-binding    where the holder shows that they hold the key of the statement, it is that key, over this very receipt,
                for the audience and with the nonce that the verifier names, and fresh (RFC 9901 §7.3)

Steps 1 to 8 show what was accepted and who attests it; 9 to 11 that it stands in the public log; 13 and 14 that others
than the registry have seen that log, and when; 15 that it was not the registry alone who says so; 16 that whoever hands
the receipt over is who it was made out to.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from registry.client import receipt_pdf
from registry.client.errors import ClientError, VerificationFailed, printable
from registry.client.jws import check_signature, find_key
from registry.client.key_binding import Asked, check_key_binding
from registry.client.keys import KeyUse, PublicKey
from registry.client.license_copy import check_license
from registry.client.merkle import leaf_hash, root_from_path
from registry.client.notes import Checkpoint, check_checkpoint, find_signers, parse_checkpoint
from registry.client.others import NOBODY_ELSE, Others, check_timestamps, check_witnesses
from registry.client.own_signature import check_own_signature
from registry.client.receipt import LedgerProof, Receipt, parse_receipt
from registry.client.sd_jwt import Discloser, check_hash_name, parse_disclosures, read_claims
from registry.client.steps import State, StepResult, find_failure, run_steps
from registry.client.wire import Fields, JsonObject

STATEMENT_TYPE = "gatehouse-acceptance+sd-jwt"
IMPORT_TYPE = "gatehouse-import+sd-jwt"
_SAID = {
    STATEMENT_TYPE: "it is a statement about an acceptance",
    IMPORT_TYPE: "it is a statement that a report says so, and no acceptance",
}


class Step(StrEnum):
    """The steps, in their order."""

    FORMAT = "format"
    KEYS = "keys"
    SIGNATURE = "signature"
    TYPE = "type"
    HASH_NAME = "hash-name"
    DISCLOSURES = "disclosures"
    CLAIMS = "claims"
    LICENSE = "license"
    LEAF = "leaf"
    INCLUSION = "inclusion"
    CHECKPOINT = "checkpoint"
    VALIDITY = "validity"
    WITNESSES = "witnesses"
    TIMESTAMPS = "timestamps"
    OWN_SIGNATURE = "own-signature"
    KEY_BINDING = "key-binding"


class Trust(StrEnum):
    """Where the keys came from: it decides what a verified receipt proves."""

    GIVEN = "given"
    """Named by the person who verifies."""
    PINNED = "pinned"
    """Shown by the registry at an earlier sign-in and kept since."""
    EMBEDDED = "embedded"
    """Only the receipt itself holds them: it fits together, but anybody could have made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKeys:
    """Keys that the verifier has from elsewhere than the receipt."""

    keys: tuple[PublicKey, ...]
    source: Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The outcome: every step, and what the statement says if all of them passed."""

    steps: tuple[StepResult, ...]
    trust: Trust
    issuer: str | None
    """Who states it: `iss` of a verified statement, else where the receipt says that it comes from."""
    statement: JsonObject | None
    """The claims with disclosed ones filled in; None unless the receipt is verified."""
    disclosed: tuple[str, ...]
    hidden_count: int
    license_title: str | None
    """Title and number of a verified receipt's license."""
    ledger: LedgerProof | None
    signer: str | None

    @property
    def is_verified(self) -> bool:
        """Whether every step passed."""
        return all(result.state is State.PASSED for result in self.steps)

    @property
    def failure(self) -> StepResult | None:
        """The step that failed, if one did."""
        return find_failure(self.steps)


@dataclass(slots=True, kw_only=True)
class _Evidence:
    """What the steps have established so far."""

    data: bytes
    trusted: TrustedKeys | None
    others: Others
    asked: Asked | None = None
    typ: str = STATEMENT_TYPE
    receipt: Receipt | None = None
    keys: tuple[PublicKey, ...] = ()
    trust: Trust = Trust.EMBEDDED
    signer: PublicKey | None = None
    log_signer: PublicKey | None = None
    claims: JsonObject = field(default_factory=dict)
    discloser: Discloser | None = None
    statement: JsonObject = field(default_factory=dict)
    root: bytes = b""

    def known_receipt(self) -> Receipt:
        """Return the receipt that step 1 has read."""
        if self.receipt is None:
            raise VerificationFailed("the receipt was not read")
        return self.receipt

    def known_signer(self) -> PublicKey:
        """Return the key that step 2 has found."""
        if self.signer is None:
            raise VerificationFailed("the signer's key was not found")
        return self.signer

    def known_proof(self) -> LedgerProof:
        """Return the proof of the log, which a complete receipt has."""
        proof = self.known_receipt().ledger
        if proof is None:
            raise VerificationFailed(
                "the receipt carries no proof of the log: it was made before its entry was published; "
                "fetch it again with `gatehouse receipt get`"
            )
        return proof


def verify_receipt(
    data: bytes,
    *,
    trusted: TrustedKeys | None = None,
    others: Others = NOBODY_ELSE,
    asked: Asked | None = None,
) -> Verification:
    """Return how each step ended for the receipt in `data`; never raises for a bad receipt.

    Where the verifier has `asked` for it, a receipt without a fitting key binding fails.
    """
    evidence = _Evidence(data=data, trusted=trusted, others=others, asked=asked)
    results = run_steps(CHECKS, evidence)
    failed = find_failure(results) is not None
    receipt, discloser = evidence.receipt, evidence.discloser
    return Verification(
        steps=results,
        trust=evidence.trust,
        issuer=_issuer(evidence, is_verified=not failed),
        statement=None if failed else evidence.statement,
        disclosed=() if discloser is None else tuple(discloser.disclosed_names),
        hidden_count=0 if discloser is None else discloser.hidden_count,
        license_title=None
        if failed or receipt is None or receipt.license is None
        else printable(f"{receipt.license.title} {receipt.license.number}"),
        ledger=None if receipt is None else receipt.ledger,
        signer=None if evidence.signer is None else evidence.signer.kid,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A statement that stood every step from its keys to their validity."""

    statement: JsonObject
    """The claims with disclosed ones filled in."""
    trust: Trust


def check_statement(receipt: Receipt, *, trusted: TrustedKeys | None, typ: str = STATEMENT_TYPE) -> Checked:
    """Return what the statement in `receipt` says, after the steps that are about it alone.

    That somebody was imported is a statement of no text, and signed by the registry alone: two steps fewer.

    Raises:
        ClientError: a step failed; the text names it.
    """
    evidence = _Evidence(data=b"", trusted=trusted, others=NOBODY_ELSE, typ=typ, receipt=receipt)
    left_out = {Step.FORMAT, Step.WITNESSES, Step.TIMESTAMPS}
    if typ == IMPORT_TYPE:
        left_out |= {Step.LICENSE, Step.OWN_SIGNATURE}
    for step, check in CHECKS:
        if step in left_out:
            continue
        try:
            check(evidence)
        except ClientError as error:
            raise VerificationFailed(f"step {step.value}: {error.message}") from None
    return Checked(statement=evidence.statement, trust=evidence.trust)


def _issuer(evidence: _Evidence, *, is_verified: bool) -> str | None:
    signed = evidence.statement.get("iss") if is_verified else None
    if isinstance(signed, str):
        return printable(signed, limit=300)
    return None if evidence.receipt is None else printable(evidence.receipt.registry, limit=300)


def _check_format(evidence: _Evidence) -> str:
    evidence.receipt = parse_receipt(evidence.data)
    if evidence.data.startswith(receipt_pdf.START):
        return f"attached to the PDF is a gatehouse receipt, {_version(evidence.receipt)}; what the pages show was not checked"
    return f"the file is a gatehouse receipt, {_version(evidence.receipt)}"


def _version(receipt: Receipt) -> str:
    return "version 1" if receipt.sd_jwt.key_binding is None else "version 2, made by its holder for somebody"


def _check_keys(evidence: _Evidence) -> str:
    """Choose the keys, and the one that the statement names; trusted keys always win over the receipt's."""
    receipt = evidence.known_receipt()
    kid = receipt.sd_jwt.jws.kid
    trusted = evidence.trusted
    evidence.keys, evidence.trust = receipt.keys, Trust.EMBEDDED
    if trusted is not None and trusted.source is Trust.GIVEN:
        evidence.keys, evidence.trust = trusted.keys, Trust.GIVEN
    elif trusted is not None and find_key(trusted.keys, kid=kid, use=KeyUse.STATEMENT) is not None:
        # A pinned set may be older than the receipt's key; then it cannot speak for it, and says so.
        evidence.keys, evidence.trust = trusted.keys, Trust.PINNED
    evidence.signer = find_key(evidence.keys, kid=kid, use=KeyUse.STATEMENT)
    if evidence.signer is None:
        where = "the given keys" if evidence.trust is Trust.GIVEN else "the receipt's own keys"
        raise VerificationFailed(
            f"the statement is signed with key {printable(kid, limit=60)!r}, which is not among {where}"
        )
    return {
        Trust.GIVEN: f"the signer's key {kid} is one of the keys you gave",
        Trust.PINNED: f"the signer's key {kid} is one that this registry showed when you signed in",
        Trust.EMBEDDED: f"the signer's key {kid} is known from the receipt only",
    }[evidence.trust]


def _check_signature(evidence: _Evidence) -> str:
    jws = evidence.known_receipt().sd_jwt.jws
    check_signature(jws, evidence.known_signer(), what="the statement")
    evidence.claims = read_claims(jws, what="the statement")
    return "the statement is signed by that key and unaltered"


def _check_type(evidence: _Evidence) -> str:
    typ = evidence.known_receipt().sd_jwt.jws.typ
    if typ != evidence.typ:
        raise VerificationFailed(
            f"the signed thing has the type {printable(typ or 'missing', limit=80)}, expected {evidence.typ}"
        )
    return _SAID[evidence.typ]


def _check_hash_name(evidence: _Evidence) -> str:
    check_hash_name(evidence.claims)
    return "hidden claims are bound by SHA-256"


def _check_disclosures(evidence: _Evidence) -> str:
    discloser = Discloser(parse_disclosures(evidence.known_receipt().sd_jwt.disclosures))
    discloser.check_digests(evidence.claims)
    evidence.discloser = discloser
    count = len(evidence.known_receipt().sd_jwt.disclosures)
    return f"{count} disclosed claim(s) belong to the statement, {discloser.hidden_count} stay hidden"


def _check_claims(evidence: _Evidence) -> str:
    if evidence.discloser is None:
        raise VerificationFailed("the disclosures were not read")
    evidence.statement = evidence.discloser.fill_in(evidence.claims)
    return "no claim is given twice and none carries a reserved name"


def _check_license(evidence: _Evidence) -> str:
    copy = evidence.known_receipt().license
    if copy is None:
        raise VerificationFailed("the text that was accepted is not there")
    return check_license(copy, evidence.claims)


def _check_leaf(evidence: _Evidence) -> str:
    expected = leaf_hash(evidence.known_receipt().sd_jwt.issuer_jwt.encode("ascii"))
    stated = evidence.known_proof().leaf_hash
    if not hmac.compare_digest(expected, stated):
        raise VerificationFailed(
            f"leaf hash differs: the statement gives {expected.hex()}, the receipt says {stated.hex()}"
        )
    return f"the log's leaf is this statement, {expected.hex()}"


def _check_inclusion(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    evidence.root = root_from_path(
        index=proof.index, tree_size=proof.tree_size, leaf=proof.leaf_hash, path=proof.inclusion_proof
    )
    return f"leaf {proof.index} of {proof.tree_size} leads to the root {evidence.root.hex()}"


def _check_checkpoint(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    checkpoint = parse_checkpoint(proof.checkpoint)
    check_tree_head(checkpoint, proof, evidence.root, what="receipt")
    remark = ""
    if evidence.trust is Trust.PINNED and not find_signers(checkpoint, evidence.keys):
        # The log's key has changed since the sign-in: the whole is only as trusted as its weaker part.
        evidence.keys, evidence.trust = evidence.known_receipt().keys, Trust.EMBEDDED
        remark = ", with a key that is known from the receipt only"
    evidence.log_signer = check_checkpoint(checkpoint, evidence.keys)
    origin = printable(checkpoint.origin, limit=200)
    return f"{origin} has signed that root for {checkpoint.tree_size} leaves{remark}"


def check_tree_head(checkpoint: Checkpoint, proof: LedgerProof, root: bytes, *, what: str) -> None:
    """Hold the checkpoint to the log, the size and the root that a receipt or another proof leads to.

    Raises:
        VerificationFailed: one of them differs.
    """
    if checkpoint.origin != proof.origin:
        raise VerificationFailed(
            f"origin differs: the checkpoint is of {printable(checkpoint.origin, limit=200)}, "
            f"the {what} says {printable(proof.origin, limit=200)}"
        )
    if checkpoint.tree_size != proof.tree_size:
        raise VerificationFailed(
            f"tree size differs: the checkpoint has {checkpoint.tree_size}, the proof {proof.tree_size}"
        )
    if checkpoint.root != root:
        raise VerificationFailed(
            f"root differs: the checkpoint has {checkpoint.root.hex()}, the proof leads to {root.hex()}"
        )


def _check_validity(evidence: _Evidence) -> str:
    """The checkpoint carries no time of its own; it is younger than the statement, so its key must be too."""
    signed_at = _signed_at(evidence.claims)
    signer, log_signer = evidence.known_signer(), evidence.log_signer
    trouble = signer.trouble_at(signed_at)
    if trouble is not None:
        raise VerificationFailed(f"key {signer.kid} could not sign the statement then: {trouble}")
    if log_signer is not None and log_signer.valid_until is not None and log_signer.valid_until <= signed_at:
        raise VerificationFailed(
            f"key {log_signer.kid} was retired {log_signer.valid_until.isoformat()}, "
            f"before the statement of {signed_at.isoformat()} existed"
        )
    return f"the keys were valid at {signed_at.isoformat()}"


def _check_witnesses(evidence: _Evidence) -> str:
    return check_witnesses(evidence.known_proof().checkpoint, evidence.others)


def _check_timestamps(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    return check_timestamps(proof.checkpoint, proof.timestamps, evidence.others)


def _check_own_signature(evidence: _Evidence) -> str:
    return check_own_signature(evidence.statement)


def _check_key_binding(evidence: _Evidence) -> str:
    return check_key_binding(evidence.known_receipt().sd_jwt, evidence.claims, evidence.asked)


def _signed_at(claims: JsonObject) -> datetime:
    seconds = Fields(claims, where="statement").number("iat")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise VerificationFailed(f"statement.iat is not a time: {seconds}") from None


CHECKS: tuple[tuple[Step, Callable[[_Evidence], str]], ...] = (
    (Step.FORMAT, _check_format),
    (Step.KEYS, _check_keys),
    (Step.SIGNATURE, _check_signature),
    (Step.TYPE, _check_type),
    (Step.HASH_NAME, _check_hash_name),
    (Step.DISCLOSURES, _check_disclosures),
    (Step.CLAIMS, _check_claims),
    (Step.LICENSE, _check_license),
    (Step.LEAF, _check_leaf),
    (Step.INCLUSION, _check_inclusion),
    (Step.CHECKPOINT, _check_checkpoint),
    (Step.VALIDITY, _check_validity),
    (Step.WITNESSES, _check_witnesses),
    (Step.TIMESTAMPS, _check_timestamps),
    (Step.OWN_SIGNATURE, _check_own_signature),
    (Step.KEY_BINDING, _check_key_binding),
)
