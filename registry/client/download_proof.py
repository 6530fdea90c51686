"""Offline verification of the proof of a download record: it is one of its day's, and the log has bound that day.

Needs nothing of the registry but its public keys. The order of the steps is that of `CHECKS`:

1. format      the file is a proof in `gatehouse-download/1`
2. record      the record is well-formed, and its id is of the day that is named (UUIDv7: milliseconds first)
3. day         index, count and path lead from the record to the root that the day's entry names (RFC 6962)
4. leaf        the log's leaf is that entry
5. inclusion   it leads to one root of the log
6. checkpoint  the log has signed that root, with a key that was not retired before the day was closed
7. witnesses   each witness whose key is given has cosigned the tree head
8. timestamps  each time stamp is of this tree head, by an authority that leads to the given certificates
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from registry.client.errors import ClientError, Malformed, VerificationFailed, printable
from registry.client.keys import PublicKey, decode_base64, parse_keys
from registry.client.merkle import HASH_BYTES, PATH_MAX_COUNT, leaf_hash, root_from_path
from registry.client.notes import check_checkpoint, find_signers, parse_checkpoint
from registry.client.others import NOBODY_ELSE, Others, check_timestamps, check_witnesses
from registry.client.receipt import LedgerProof, parse_proof
from registry.client.steps import StepResult, find_failure, run_steps
from registry.client.verify import Trust, TrustedKeys, check_tree_head
from registry.client.wire import Fields, JsonObject, parse_json

FORMAT = "gatehouse-download/1"
ENTRY_KIND = "downloads.day"
PROOF_MAX_BYTES = 8 << 20
_RANDOM_BITS = 80
"""Bits of a UUIDv7 below its milliseconds (RFC 9562 §5.7)."""


class Step(StrEnum):
    """The steps, in their order."""

    FORMAT = "format"
    RECORD = "record"
    DAY = "day"
    LEAF = "leaf"
    INCLUSION = "inclusion"
    CHECKPOINT = "checkpoint"
    WITNESSES = "witnesses"
    TIMESTAMPS = "timestamps"


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadVerification:
    """The outcome: every step, and the record if all of them passed."""

    steps: tuple[StepResult, ...]
    trust: Trust
    record: JsonObject | None
    registry: str | None

    @property
    def failure(self) -> StepResult | None:
        """The step that failed, if one did."""
        return find_failure(self.steps)


@dataclass(slots=True, kw_only=True)
class _Evidence:
    data: bytes
    trusted: TrustedKeys | None
    others: Others
    registry: str = ""
    keys: tuple[PublicKey, ...] = ()
    trust: Trust = Trust.EMBEDDED
    record_leaf: bytes = b""
    record: JsonObject = field(default_factory=dict)
    day_leaf: bytes = b""
    entry: JsonObject = field(default_factory=dict)
    index: int = 0
    count: int = 0
    path: tuple[bytes, ...] = ()
    proof: LedgerProof | None = None
    root: bytes = b""

    def known_proof(self) -> LedgerProof:
        """Return what step 1 has read."""
        if self.proof is None:
            raise VerificationFailed("the proof of the log was not read")
        return self.proof


def is_download_proof(data: bytes) -> bool:
    """Whether a file says that it is such a proof."""
    try:
        value = parse_json(data[: PROOF_MAX_BYTES + 1], what="the file")
    except ClientError:
        return False
    return isinstance(value, dict) and str(value.get("format", "")).startswith("gatehouse-download/")


def verify_download(
    data: bytes, *, trusted: TrustedKeys | None = None, others: Others = NOBODY_ELSE
) -> DownloadVerification:
    """Return how each step ended for the proof in `data`; never raises for a bad one."""
    evidence = _Evidence(data=data, trusted=trusted, others=others)
    results = run_steps(CHECKS, evidence)
    return DownloadVerification(
        steps=results,
        trust=evidence.trust,
        record=None if find_failure(results) else evidence.record,
        registry=printable(evidence.registry, limit=300) or None,
    )


def _check_format(evidence: _Evidence) -> str:
    if len(evidence.data) > PROOF_MAX_BYTES:
        raise Malformed(f"the file is longer than {PROOF_MAX_BYTES} bytes: it is not a proof of a download")
    fields = Fields(parse_json(evidence.data, what="the file"), where="proof")
    if fields.text("format") != FORMAT:
        raise Malformed(
            f"proof.format is {printable(fields.text('format'), limit=80)!r}, expected {FORMAT!r}"
        )
    day = fields.member("day")
    evidence.registry = fields.text("registry")
    evidence.record_leaf = _bytes_of(fields, "record")
    evidence.record = _object(evidence.record_leaf, "the record")
    evidence.day_leaf = _bytes_of(day, "leaf")
    evidence.entry = _object(evidence.day_leaf, "the day's entry")
    evidence.index, evidence.count = day.number("index"), day.number("count")
    path = tuple(decode_base64(text, what="proof.day.path") for text in day.texts("path"))
    if len(path) > PATH_MAX_COUNT or any(len(one) != HASH_BYTES for one in path):
        raise Malformed(f"proof.day.path is not up to {PATH_MAX_COUNT} hashes of {HASH_BYTES} bytes")
    evidence.path = path
    evidence.proof = parse_proof(fields.member("ledger"))
    own = parse_keys(fields.values("keys"), where="proof.keys")
    trusted = evidence.trusted
    evidence.keys, evidence.trust = (
        (own, Trust.EMBEDDED) if trusted is None else (trusted.keys, trusted.source)
    )
    if trusted is not None and trusted.source is Trust.PINNED:
        checkpoint = parse_checkpoint(evidence.proof.checkpoint)
        if not find_signers(checkpoint, trusted.keys):
            # A pinned set may be older than the log's key; then it cannot speak for it, and says so.
            evidence.keys, evidence.trust = own, Trust.EMBEDDED
    return "the file is the proof of a download record, version 1"


def _check_record(evidence: _Evidence) -> str:
    record = Fields(evidence.record, where="record")
    try:
        named = UUID(record.text("id"))
    except ValueError:
        raise Malformed("record.id is not a UUID") from None
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=named.int >> _RANDOM_BITS)
    except OverflowError:
        raise Malformed("record.id has no time") from None
    entry = Fields(evidence.entry, where="entry")
    if entry.text("kind") != ENTRY_KIND:
        raise VerificationFailed(
            f"the entry is of kind {printable(entry.text('kind'), limit=60)!r}, expected {ENTRY_KIND!r}"
        )
    if entry.text("day") != at.date().isoformat():
        raise VerificationFailed(
            f"day differs: the record is of {at.date().isoformat()}, the entry of {printable(entry.text('day'), limit=40)}"
        )
    return f"the record {named} is of {at.date().isoformat()}, the day of the entry"


def _check_day(evidence: _Evidence) -> str:
    entry = Fields(evidence.entry, where="entry")
    if entry.number("count") != evidence.count:
        raise VerificationFailed(
            f"count differs: the entry has {entry.number('count')} records, the proof {evidence.count}"
        )
    root = root_from_path(
        index=evidence.index,
        tree_size=evidence.count,
        leaf=leaf_hash(evidence.record_leaf),
        path=evidence.path,
    )
    if entry.text("root") != f"sha256:{root.hex()}":
        raise VerificationFailed(
            f"root differs: the record leads to sha256:{root.hex()}, the entry has "
            f"{printable(entry.text('root'), limit=80)}"
        )
    return f"it is record {evidence.index} of the {evidence.count} of that day"


def _check_leaf(evidence: _Evidence) -> str:
    found = leaf_hash(evidence.day_leaf)
    if found != evidence.known_proof().leaf_hash:
        raise VerificationFailed(
            f"leaf hash differs: the entry gives {found.hex()}, the proof says {evidence.known_proof().leaf_hash.hex()}"
        )
    return f"the log's leaf is the entry of that day, {found.hex()}"


def _check_inclusion(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    evidence.root = root_from_path(
        index=proof.index, tree_size=proof.tree_size, leaf=proof.leaf_hash, path=proof.inclusion_proof
    )
    return f"leaf {proof.index} of {proof.tree_size} leads to the root {evidence.root.hex()}"


def _check_checkpoint(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    checkpoint = parse_checkpoint(proof.checkpoint)
    check_tree_head(checkpoint, proof, evidence.root, what="proof")
    signer = check_checkpoint(checkpoint, evidence.keys)
    at = Fields(evidence.entry, where="entry").moment("at")
    if signer.valid_until is not None and signer.valid_until <= at:
        raise VerificationFailed(
            f"key {signer.kid} was retired {signer.valid_until.isoformat()}, before the entry of {at.isoformat()} existed"
        )
    return f"{printable(checkpoint.origin)} has signed that root for {checkpoint.tree_size} leaves"


def _check_witnesses(evidence: _Evidence) -> str:
    return check_witnesses(evidence.known_proof().checkpoint, evidence.others)


def _check_timestamps(evidence: _Evidence) -> str:
    proof = evidence.known_proof()
    return check_timestamps(proof.checkpoint, proof.timestamps, evidence.others)


def _bytes_of(fields: Fields, name: str) -> bytes:
    try:
        return fields.text(name).encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed(f"{fields.where}.{name} holds half of a character pair") from None


def _object(data: bytes, what: str) -> JsonObject:
    value = parse_json(data, what=what)
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    return value


CHECKS: tuple[tuple[Step, Callable[[_Evidence], str]], ...] = (
    (Step.FORMAT, _check_format),
    (Step.RECORD, _check_record),
    (Step.DAY, _check_day),
    (Step.LEAF, _check_leaf),
    (Step.INCLUSION, _check_inclusion),
    (Step.CHECKPOINT, _check_checkpoint),
    (Step.WITNESSES, _check_witnesses),
    (Step.TIMESTAMPS, _check_timestamps),
)
