"""Check of the download records against the daily digests in the log (P6): each record that was altered, removed or inserted.

Records of days that have no digest yet are held to nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from registry import ledger
from registry.delivery.daily_digests import RECORDS_PER_READ, ClosedDay, DayTree, hash_records, split_ids
from registry.delivery.record_leaves import DAY_COUNTED, DAY_DIGEST, counted_leaf, day_leaf, first_id
from registry.delivery.tables import (
    DownloadCount,
    DownloadDay,
    DownloadDigest,
    DownloadDigestTile,
    DownloadRecord,
)
from registry.ledger import tree

KINDS = (DAY_DIGEST, DAY_COUNTED)
TILES_PER_READ = 16
Leaf = tuple[UUID, bytes]
"""A record's id and leaf hash."""


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each digest that differs from its entry or its tiles, and each record that differs from its digest."""
    oldest = session.exec(select(func.min(DownloadDigest.day))).one_or_none()
    if not oldest:
        return
    before = select(DownloadRecord.id).where(DownloadRecord.id < first_id(date.fromisoformat(oldest)))
    for record_id in session.exec(before.order_by(col(DownloadRecord.id)).limit(ledger.DISCREPANCIES_MAX)):
        yield _of("download_record", str(record_id), "was inserted: it is older than the first digest")
    days = session.exec(
        select(DownloadDigest, DownloadDay)
        .outerjoin(DownloadDay, col(DownloadDay.day) == col(DownloadDigest.day))
        .order_by(col(DownloadDigest.day))
    ).all()
    for digest, closed in days:
        yield from _check_day(session, digest, closed)


def _check_day(
    session: Session, digest: DownloadDigest, closed: DownloadDay | None
) -> Iterator[ledger.Discrepancy]:
    try:
        day = date.fromisoformat(digest.day)
        expected = day_leaf(day, count=digest.count, root=digest.root, at=digest.made_at)
    except ValueError:
        yield _of("download_digest", digest.day, "is not of a day")
        return
    if ledger.find_leaf(session, digest.entry_id) != expected:
        yield _of("download_digest", digest.day, "is not what its log entry says")
    if closed is None:
        yield _of("download_day", digest.day, "is missing although it has a digest")
        return
    stored = _StoredTree(session, digest.day)
    may_be_gone = closed.counted_entry_id is not None
    differences = _compare(session, ClosedDay(day=day, salt=closed.salt), stored, may_be_gone=may_be_gone)
    for count, discrepancy in enumerate(differences, start=1):
        yield discrepancy
        if count >= ledger.DISCREPANCIES_MAX:
            return
    yield from _check_counts(session, digest, closed, stored)
    if may_be_gone and not closed.salt and stored.size == 0:
        return
    for name in stored.wrong:
        yield _of("download_digest_tile", name, "is not what the tiles below it lead to")
    if (stored.size, stored.root()) != (digest.count, digest.root):
        yield _of("download_digest_tile", digest.day, "leads to another root or count than the digest has")


def _check_counts(
    session: Session, digest: DownloadDigest, closed: DownloadDay, stored: "_StoredTree"
) -> Iterator[ledger.Discrepancy]:
    """Hold what was counted to what is gone; without the entry of the log nothing may be."""
    counted = session.exec(
        select(func.coalesce(func.sum(DownloadCount.downloads), 0)).where(DownloadCount.day == digest.day)
    ).one()
    if closed.counted_entry_id is None:
        if counted:
            yield _of("download_count", digest.day, "counts records of a day that the log does not let go")
        return
    expected = counted_leaf(date.fromisoformat(digest.day), at=closed.counted_at or digest.made_at)
    if ledger.find_leaf(session, closed.counted_entry_id) != expected:
        yield _of("download_day", digest.day, "is not counted as its log entry says")
    gone = stored.gone if stored.size else digest.count
    if counted != gone:
        yield _of("download_count", digest.day, f"counts {counted} records, and {gone} are gone")


def _compare(
    session: Session, closed: ClosedDay, stored: "_StoredTree", *, may_be_gone: bool
) -> Iterator[ledger.Discrepancy]:
    """Walk records and stored leaves side by side, by id; what is gone and may be is counted in `stored`."""
    kept, present = stored.leaves(), _Records(session, closed)
    was, now = next(kept, None), next(present, None)
    while was is not None or now is not None:
        if now is None or (was is not None and was[0] < now[0]):
            assert was is not None  # noqa: S101 - one of both is there
            if may_be_gone:
                stored.gone += 1
            else:
                yield _of("download_record", str(was[0]), f"was removed: the digest of {closed.day} holds it")
            was = next(kept, None)
        elif was is None or now[0] < was[0]:
            yield _of("download_record", str(now[0]), f"was inserted: the digest of {closed.day} has no such")
            now = next(present, None)
        else:
            if was[1] != now[1]:
                yield _of("download_record", str(now[0]), f"was altered since the digest of {closed.day}")
            was, now = next(kept, None), next(present, None)
    for record_id in present.orphans:
        yield _of("download_record_acceptance", str(record_id), "is of a download record that is not there")


class _Records:
    """The records of a day as leaves, in pages."""

    def __init__(self, session: Session, closed: ClosedDay) -> None:
        self.orphans: list[UUID] = []
        self._leaves = self._read(session, closed)

    def __iter__(self) -> Iterator[Leaf]:
        return self._leaves

    def __next__(self) -> Leaf:
        return next(self._leaves)

    def _read(self, session: Session, closed: ClosedDay) -> Iterator[Leaf]:
        after: UUID | None = None
        while True:
            part = hash_records(session, closed, after=after, limit=RECORDS_PER_READ)
            self.orphans += part.orphans
            yield from zip(part.ids, part.hashes, strict=True)
            if not part.ids:
                return
            after = part.ids[-1]


class _StoredTree:
    """The tiles of a day as they are stored; reading its leaves derives size and root anew from them."""

    def __init__(self, session: Session, day: str) -> None:
        self._session = session
        self._day = day
        self._growing = DayTree()
        self.wrong: list[str] = []
        """Tiles above level 0 that are not what they must be."""
        self.gone = 0
        """Leaves whose records were counted and deleted."""

    @property
    def size(self) -> int:
        return self._growing.size

    def root(self) -> bytes:
        return self._growing.root()

    def leaves(self) -> Iterator[Leaf]:
        """Yield the stored leaves; each page of tiles once."""
        number = 0
        while tiles := self._page(number):
            for tile in tiles:
                ids = split_ids(tile.record_ids)
                hashes = [
                    tile.hashes[at : at + tree.HASH_BYTES]
                    for at in range(0, len(tile.hashes) - tree.HASH_BYTES + 1, tree.HASH_BYTES)
                ]
                # Unequal lengths are an edit, too: what has no partner has none among the records either.
                count = min(len(ids), len(hashes))
                self._compare_upper(self._growing.add(ids[:count], hashes[:count]))
                yield from zip(ids[:count], hashes[:count], strict=True)
            number = tiles[-1].number + 1
        self._compare_upper(self._growing.rest())

    def _compare_upper(self, derived: Sequence[Mapping[str, object]]) -> None:
        """Hold the tiles above level 0, which only proofs read, to those that level 0 leads to."""
        for row in derived:
            if row["level"] != 0:
                kept = self._session.get(DownloadDigestTile, (self._day, row["level"], row["number"]))
                if kept is None or kept.hashes != row["hashes"]:
                    self.wrong.append(f"{self._day} {row['level']}/{row['number']}")

    def _page(self, number: int) -> list[DownloadDigestTile]:
        tile = DownloadDigestTile
        rows = self._session.exec(
            select(tile)
            .where(tile.day == self._day, tile.level == 0, tile.number >= number)
            .order_by(col(tile.number))
            .limit(TILES_PER_READ)
        ).all()
        for row in rows:
            self._session.expunge(row)
        return list(rows)


def check_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the digest, or the counted day, that a leaf speaks of is not there."""
    try:
        day = date.fromisoformat(json.loads(leaf)["day"]).isoformat()
    except (ValueError, LookupError, TypeError):
        return _of("ledger_entry", kind, "is not the leaf of a day of downloads")
    if kind == DAY_COUNTED:
        closed = session.get(DownloadDay, day)
        if closed is not None and closed.counted_entry_id is not None:
            return None
        return _of("download_day", day, "is not counted although the log says so")
    if session.get(DownloadDigest, day) is not None:
        return None
    return _of("download_digest", day, "is missing although the log speaks of it")


def _of(table: str, row_id: str, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=row_id, problem=problem)
