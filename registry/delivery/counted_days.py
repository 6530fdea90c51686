"""Old download records become counts: how often a file was handed out on a day, and no longer to whom.

1. The log says so first: an entry for the day, after which its records may go. Nothing may be missing from another day.
2. Records that no hold concerns are counted by file and deleted, a bounded number in each step.
3. When none is left, the hashes of the day's tree go, too, with the salt that they were made with. Root and count stay in the
   log, so that a record that somebody kept with its proof still verifies.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, func, text
from sqlmodel import Session, col, select

from registry import ledger
from registry.delivery.record_leaves import DAY_COUNTED, counted_leaf, day_of, first_id
from registry.delivery.tables import (
    DownloadDay,
    DownloadDigest,
    DownloadDigestTile,
    DownloadRecord,
    DownloadRecordAcceptance,
)
from registry.kernel.retention import Spared, Walked

_ADD_UP = text(
    "INSERT INTO download_count (day, model_id, release_id, path, downloads) "
    "VALUES (:day, :model_id, :release_id, :path, :downloads) "
    "ON CONFLICT (day, release_id, path) DO UPDATE SET downloads = download_count.downloads + excluded.downloads"
).bindparams(bindparam("model_id", type_=Uuid()), bindparam("release_id", type_=Uuid()))


def count_records(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, now: datetime, limit: int
) -> Walked:
    """Count and delete records of days that were over by `before`, by their ids after `after`."""
    end = _first_kept(session, before)
    statement = select(DownloadRecord).where(DownloadRecord.id < end)
    if after is not None:
        statement = statement.where(DownloadRecord.id > after)
    due = session.exec(statement.order_by(col(DownloadRecord.id)).limit(limit)).all()
    stays = {row.id for row in due if spared(row.person_id, None, row.model_id)}
    goes = [row for row in due if row.id not in stays]
    days = sorted({day_of(row.id) for row in goes})
    for day in days:
        _say_first(session, day, now=now)
    _add_up(session, goes)
    ids = [row.id for row in goes]
    session.exec(delete(DownloadRecordAcceptance).where(col(DownloadRecordAcceptance.record_id).in_(ids)))
    session.exec(delete(DownloadRecord).where(col(DownloadRecord.id).in_(ids)))
    for day in days:
        _finish(session, day)
    walked = Walked(
        last=due[-1].id if due else None,
        first_spared=min(stays, default=None),
        changed=len(goes),
        looked=len(due),
    )
    session.expunge_all()
    return walked


def _first_kept(session: Session, before: datetime) -> UUID:
    """Return the id from which on records stay: of the first day that is not long over, or is not in the log yet."""
    newest = session.exec(select(func.max(DownloadDigest.day))).one_or_none()
    if not newest:
        return UUID(int=0)
    return first_id(min(before.astimezone(UTC).date(), date.fromisoformat(newest) + timedelta(days=1)))


def _say_first(session: Session, day: date, *, now: datetime) -> None:
    closed = session.get(DownloadDay, day.isoformat())
    if closed is None:
        raise LookupError(f"{day} has a digest and was never closed")
    if closed.counted_entry_id is None:
        closed.counted_at = now
        closed.counted_entry_id = ledger.append(
            session, kind=DAY_COUNTED, leaf=counted_leaf(day, at=now), now=now
        )
        session.add(closed)
        session.flush()


def _add_up(session: Session, rows: Sequence[DownloadRecord]) -> None:
    counts = Counter((day_of(row.id), row.model_id, row.release_id, row.path) for row in rows)
    for (day, model_id, release_id, path), downloads in sorted(counts.items(), key=str):
        session.connection().execute(
            _ADD_UP,
            {
                "day": day.isoformat(),
                "model_id": model_id,
                "release_id": release_id,
                "path": path,
                "downloads": downloads,
            },
        )


def _finish(session: Session, day: date) -> None:
    """Let hashes and salt of a day go that has no records any more."""
    left = select(DownloadRecord.id).where(
        DownloadRecord.id >= first_id(day), DownloadRecord.id < first_id(day + timedelta(days=1))
    )
    if session.exec(left.limit(1)).first() is not None:
        return
    session.exec(delete(DownloadDigestTile).where(col(DownloadDigestTile.day) == day.isoformat()))
    closed = session.get(DownloadDay, day.isoformat())
    if closed is not None:
        closed.salt = b""
        session.add(closed)
        session.flush()
