"""What others say about tree heads: cosignatures of witnesses and time stamps; queries and inserts, no rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.ledger import store
from registry.ledger.domain import SignedCheckpoint, Timestamp
from registry.ledger.tables import LedgerCheckpoint, LedgerCosignature, LedgerTimestamp

PAGE_HEADS = 200


def insert_cosignature(
    session: Session, *, size: int, witness: str, line: str, cosigned_at: datetime
) -> None:
    """Keep a cosignature; the first one of a witness under a tree head stays."""
    _insert_once(
        session,
        insert(LedgerCosignature).values(size=size, witness=witness, line=line, cosigned_at=cosigned_at),
    )


def insert_timestamp(
    session: Session, *, size: int, authority: str, response: bytes, stamped_at: datetime
) -> None:
    """Keep a time stamp; the first one of an authority over a tree head stays."""
    _insert_once(
        session,
        insert(LedgerTimestamp).values(
            size=size, authority=authority, response=response, stamped_at=stamped_at
        ),
    )


def cosigned_size(session: Session, witness: str) -> int:
    """Return the largest tree that a witness has cosigned; 0 before the first."""
    statement = (
        select(LedgerCosignature.size)
        .where(LedgerCosignature.witness == witness)
        .order_by(col(LedgerCosignature.size).desc())
        .limit(1)
    )
    return session.exec(statement).first() or 0


def stamped_size(session: Session, authority: str) -> tuple[int, datetime | None]:
    """Return the largest tree that an authority has stamped, and when; 0 before the first."""
    statement = (
        select(LedgerTimestamp.size, LedgerTimestamp.stamped_at)
        .where(LedgerTimestamp.authority == authority)
        .order_by(col(LedgerTimestamp.size).desc())
        .limit(1)
    )
    return session.exec(statement).first() or (0, None)


def attest(session: Session, checkpoint: SignedCheckpoint) -> SignedCheckpoint:
    """Return the tree head with all that others have said about it."""
    lines = session.exec(
        select(LedgerCosignature.line)
        .where(LedgerCosignature.size == checkpoint.size)
        .order_by(col(LedgerCosignature.witness))
    ).all()
    stamps = session.exec(
        select(LedgerTimestamp)
        .where(LedgerTimestamp.size == checkpoint.size)
        .order_by(col(LedgerTimestamp.authority))
    ).all()
    return replace(
        checkpoint,
        cosignatures=tuple(lines),
        timestamps=tuple(
            Timestamp(authority=one.authority, response=one.response, stamped_at=one.stamped_at)
            for one in stamps
        ),
    )


def best_checkpoint_over(session: Session, index: int) -> SignedCheckpoint | None:
    """Return the tree head that shows best that an entry is in the log: the first that was stamped, else cosigned.

    Else the newest; None where none covers the entry.
    """
    for table in (LedgerTimestamp, LedgerCosignature):
        statement = select(table.size).where(col(table.size) > index).order_by(col(table.size)).limit(1)
        size = session.exec(statement).first()
        found = store.find_checkpoint(session, size) if size is not None else None
        if found is not None:
            return attest(session, found)
    newest = store.latest_checkpoint(session)
    return attest(session, newest) if newest is not None and newest.size > index else None


def list_attested(session: Session, *, before: int | None, limit: int) -> Sequence[SignedCheckpoint]:
    """Return tree heads that others have attested, largest first."""
    attested = select(LedgerCosignature.size).union(select(LedgerTimestamp.size))
    statement = select(LedgerCheckpoint.size).where(col(LedgerCheckpoint.size).in_(attested))
    if before is not None:
        statement = statement.where(LedgerCheckpoint.size < before)
    sizes = session.exec(statement.order_by(col(LedgerCheckpoint.size).desc()).limit(limit)).all()
    found = (store.find_checkpoint(session, size) for size in sizes)
    return [attest(session, one) for one in found if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """A tree head with the rows that attest it, as they are stored."""

    size: int
    note: str
    lines: Sequence[tuple[str, str]]
    """Verifier key of the witness, and its line."""
    stamps: Sequence[tuple[str, bytes]]
    """Address of the authority, and its answer."""


def iterate_attested(session: Session) -> Iterator[Attested]:
    """Yield every attested tree head, largest first, with flat memory."""
    before: int | None = None
    while page := list_attested(session, before=before, limit=PAGE_HEADS):
        for head in page:
            lines = session.exec(
                select(LedgerCosignature.witness, LedgerCosignature.line)
                .where(LedgerCosignature.size == head.size)
                .order_by(col(LedgerCosignature.witness))
            ).all()
            stamps = [(one.authority, one.response) for one in head.timestamps]
            yield Attested(size=head.size, note=head.note, lines=lines, stamps=stamps)
        before = page[-1].size


def _insert_once(session: Session, statement: object) -> None:
    try:
        with session.begin_nested():
            session.exec(statement)  # type: ignore[call-overload] # inserts of two tables
    except IntegrityError:
        return  # Another process asked at the same time; what it kept says the same.
