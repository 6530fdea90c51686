"""The receipt: statement, disclosures, text, inclusion proof, checkpoint and keys in one file.

Its format is documented in `docs/receipt-format.md`; it verifies offline with `gatehouse verify`.
"""

import base64
from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import ledger, licenses
from registry.acceptances import service
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer

FORMAT = "gatehouse-receipt/1"
MEDIA_TYPE = "application/vnd.gatehouse.receipt+json"


class ReceiptPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the license includes by reference, as the statement names it."""

    title: str
    url: str | None
    sha256: str | None
    text: str | None
    """None where the registry holds only its digest."""


class ReceiptLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The text that was accepted, whole, with what it includes by reference, in its order."""

    slug: str
    number: str
    title: str
    sha256: str
    text: str
    policies: list[ReceiptPolicy]


class ReceiptTimestamp(msgspec.Struct, frozen=True, kw_only=True):
    """A time stamp over the checkpoint's note without cosignatures (RFC 3161)."""

    authority: str
    response: str
    """Base64 of the TimeStampResp."""


class ReceiptLedger(msgspec.Struct, frozen=True, kw_only=True):
    """Where the statement stands in the log, and the proof of it."""

    origin: str
    index: int
    tree_size: int
    leaf_hash: str
    inclusion_proof: list[str]
    checkpoint: str
    """With the cosignatures of witnesses."""
    timestamps: list[ReceiptTimestamp]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the acceptor keeps."""

    format: str
    registry: str
    sd_jwt: str
    license: ReceiptLicense
    ledger: ReceiptLedger | None
    """None until a checkpoint commits to the entry; the receipt can be fetched again."""
    keys: list[dict[str, str | None]]


def build_receipt(session: Session, *, acceptance_id: UUID, base_url: str, sealer: Sealer) -> Receipt:
    """Return the receipt of an acceptance with all disclosures that can still be opened."""
    summary = service.get_acceptance(session, acceptance_id)
    opened = service.open_disclosures(session, acceptance_id=acceptance_id, sealer=sealer)
    if summary is None or opened is None:
        raise CorruptRecord(f"no acceptance {acceptance_id}")
    statement, disclosures = opened
    version = licenses.get_version_by_id(session, summary.license_version_id)
    return Receipt(
        format=FORMAT,
        registry=base_url,
        sd_jwt="~".join((statement, *disclosures, "")),
        license=ReceiptLicense(
            slug=version.slug,
            number=version.number,
            title=version.title,
            sha256=version.sha256,
            text=version.text.decode("utf-8"),
            policies=[_policy(policy) for policy in licenses.list_policies(session, version.id)],
        ),
        ledger=_ledger_part(ledger.prove_entry(session, summary.entry_id)),
        keys=[key.jwk() for key in _keys(session)],
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the receipt as the file that its acceptor keeps."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2)


def _policy(policy: licenses.Policy) -> ReceiptPolicy:
    return ReceiptPolicy(
        title=policy.title,
        url=policy.url,
        sha256=policy.sha256,
        text=policy.text.decode("utf-8") if policy.text is not None else None,
    )


def _ledger_part(proof: ledger.EntryProof | None) -> ReceiptLedger | None:
    if proof is None:
        return None
    return ReceiptLedger(
        origin=proof.checkpoint.origin,
        index=proof.index,
        tree_size=proof.checkpoint.size,
        leaf_hash=proof.leaf_hash.hex(),
        inclusion_proof=[base64.b64encode(item).decode() for item in proof.inclusion_proof],
        checkpoint=proof.checkpoint.whole_note,
        timestamps=[
            ReceiptTimestamp(authority=stamp.authority, response=base64.b64encode(stamp.response).decode())
            for stamp in proof.checkpoint.timestamps
        ],
    )


def _keys(session: Session) -> Sequence[ledger.PublishedKey]:
    return ledger.list_published_keys(session)
