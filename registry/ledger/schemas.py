"""What the ledger puts on the wire."""

import base64
from collections.abc import Sequence

import msgspec

from registry.kernel.clock import iso
from registry.ledger.domain import Entry, ListedEntry, SignedCheckpoint
from registry.ledger.signing import PublishedKey


class InclusionProofView(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that the leaf at `index` is in the tree of `tree_size` leaves (RFC 6962 §2.1.1)."""

    index: int
    tree_size: int
    kind: str
    leaf_hash: str
    """64 hex digits."""
    inclusion_proof: list[str]
    """Base64, from the leaf's sibling upwards."""


class ConsistencyProofView(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that the tree of `new_size` leaves extends the one of `old_size` (RFC 6962 §2.1.2)."""

    old_size: int
    new_size: int
    consistency_proof: list[str]
    """Base64, in the order of the RFC."""


class TimestampView(msgspec.Struct, frozen=True, kw_only=True):
    """A time stamp over a checkpoint's note as the log signed it, without cosignatures (RFC 3161)."""

    authority: str
    stamped_at: str
    response: str
    """Base64 of the TimeStampResp."""


class CheckpointView(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint with what others say about it."""

    size: int
    root: str
    """64 hex digits."""
    note: str
    """As the log signed it."""
    signed_at: str
    cosignatures: list[str]
    """Signature lines of witnesses (C2SP tlog-cosignature)."""
    timestamps: list[TimestampView]


class CheckpointsView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of checkpoints, largest first."""

    items: list[CheckpointView]
    next: str | None
    """Address of the page of smaller ones."""


class ListedEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    index: int
    kind: str
    leaf_hash: str
    recorded_at: str


class EntriesView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log, newest first."""

    items: list[ListedEntryView]
    next: str | None
    """Address of the page of older entries."""


class KeyView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An Ed25519 public key (RFC 8037) with what it signs and when it may have."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    """`statement` or `checkpoint`."""
    valid_from: str
    valid_until: str | None
    compromised_at: str | None = None


class KeySetView(msgspec.Struct, frozen=True, kw_only=True):
    """Every public key there ever was (RFC 7517), oldest first."""

    keys: list[KeyView]


def view_inclusion(entry: Entry, proof: Sequence[bytes], *, tree_size: int) -> InclusionProofView:
    """Return an audit path as it goes out."""
    return InclusionProofView(
        index=entry.index,
        tree_size=tree_size,
        kind=entry.kind,
        leaf_hash=entry.leaf_hash.hex(),
        inclusion_proof=_base64(proof),
    )


def view_consistency(proof: Sequence[bytes], *, old: int, new: int) -> ConsistencyProofView:
    """Return a consistency proof as it goes out."""
    return ConsistencyProofView(old_size=old, new_size=new, consistency_proof=_base64(proof))


def view_entries(entries: Sequence[ListedEntry], *, limit: int) -> EntriesView:
    """Return a page of the log, with the address of the next one if there is more."""
    more = len(entries) == limit and entries[-1].index > 0
    return EntriesView(
        items=[
            ListedEntryView(
                index=entry.index,
                kind=entry.kind,
                leaf_hash=entry.leaf_hash.hex(),
                recorded_at=iso(entry.recorded_at),
            )
            for entry in entries
        ],
        next=f"/api/v1/ledger/entries?before={entries[-1].index}&limit={limit}" if more else None,
    )


def view_checkpoints(checkpoints: Sequence[SignedCheckpoint], *, limit: int) -> CheckpointsView:
    """Return a page of checkpoints, with the address of the next one if there may be more."""
    more = len(checkpoints) == limit
    return CheckpointsView(
        items=[
            CheckpointView(
                size=one.size,
                root=one.root.hex(),
                note=one.note,
                signed_at=iso(one.signed_at),
                cosignatures=list(one.cosignatures),
                timestamps=[
                    TimestampView(
                        authority=stamp.authority,
                        stamped_at=iso(stamp.stamped_at),
                        response=base64.b64encode(stamp.response).decode(),
                    )
                    for stamp in one.timestamps
                ],
            )
            for one in checkpoints
        ],
        next=f"/api/v1/ledger/checkpoints?before={checkpoints[-1].size}&limit={limit}" if more else None,
    )


def view_keys(keys: Sequence[PublishedKey]) -> KeySetView:
    """Return the public keys as a JWK set."""
    return KeySetView(keys=[msgspec.convert(key.jwk(), KeyView) for key in keys])


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in hashes]
