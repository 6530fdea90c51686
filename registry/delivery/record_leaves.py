"""Download records as leaves of a day's tree, and the day's digest as a leaf of the log; pure.

A record belongs to the UTC day that its id begins with (UUIDv7), and ids give the order within the day: so a day is one
range of the primary key. Why it is made like this: decision 024.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso

DAY_DIGEST = "downloads.day"
"""Kind of the log's entry."""
DAY_COUNTED = "downloads.counted"
"""Kind of the entry after which records of a day may be gone."""
SALT_BYTES = 16
_RANDOM_BITS = 80
"""Bits of a UUIDv7 below its milliseconds (RFC 9562 §5.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """What a record states for good. What the program said about itself, and the request's id, are kept only for a time."""

    id: UUID
    issued_at: datetime
    person_id: UUID | None
    token_id: UUID | None
    model_id: UUID
    release_id: UUID
    path: str
    sha256: str
    size: int
    acceptance_id: UUID | None
    resumed_from: int | None
    channel: str
    account_id: UUID | None
    service_token_id: UUID | None


def record_leaf(record: RecordFacts, further: Sequence[UUID], *, day_salt: bytes) -> bytes:
    """Return the canonical bytes of a record; `further` are the acceptances after the first, in their order.

    The salt of one record tells nothing of that of another, so that a proof gives away no other record.
    """
    salt = hmac.digest(day_salt, record.id.bytes, hashlib.sha256)[:SALT_BYTES]
    first = [record.acceptance_id] if record.acceptance_id else []
    return canonical_bytes(
        {
            "v": 1,
            "id": str(record.id),
            "issued_at": iso(record.issued_at),
            "person": _text(record.person_id),
            "token": _text(record.token_id),
            "service_account": _text(record.account_id),
            "service_token": _text(record.service_token_id),
            "model": str(record.model_id),
            "release": str(record.release_id),
            "path": record.path,
            "sha256": record.sha256,
            "size": str(record.size),
            "resumed_from": None if record.resumed_from is None else str(record.resumed_from),
            "channel": record.channel,
            "acceptances": [str(one) for one in (*first, *further)],
            "salt": salt.hex(),
        }
    )


def day_leaf(day: date, *, count: int, root: bytes, at: datetime) -> bytes:
    """Return the ledger leaf of a day's digest; it names nobody."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": DAY_DIGEST,
            "at": iso(at),
            "day": day.isoformat(),
            "count": count,
            "root": f"sha256:{root.hex()}",
        }
    )


def counted_leaf(day: date, *, at: datetime) -> bytes:
    """Return the ledger leaf that says that records of a day are counted and deleted from now on."""
    return canonical_bytes({"v": 1, "kind": DAY_COUNTED, "at": iso(at), "day": day.isoformat()})


def day_of(record_id: UUID) -> date:
    """Return the UTC day of a record."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=record_id.int >> _RANDOM_BITS)).date()


def first_id(day: date) -> UUID:
    """Return the least id that a record of the day can have; that of the next day ends it."""
    since = datetime.combine(day, time(), UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return UUID(int=(since // timedelta(milliseconds=1)) << _RANDOM_BITS)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
