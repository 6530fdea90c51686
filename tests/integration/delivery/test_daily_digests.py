"""The digests of download records in the log: once for each day, and whatever is edited behind our back is named."""

import json
import threading
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import audit, ledger
from registry.cli.ledger import DOWNLOADS
from registry.delivery import daily_digests
from registry.delivery.closed_days import REMEMBERED_SECONDS, ClosedDays
from registry.delivery.daily_digests import CLOSE_AFTER, DIGEST_AFTER, close_due, digest_due
from registry.delivery.domain import UrlIssued
from registry.delivery.record_leaves import DAY_DIGEST, first_id
from registry.delivery.tables import DownloadDay, DownloadDigest, DownloadDigestTile, DownloadRecord
from registry.kernel.database import Database
from registry.kernel.outcomes import Unavailable
from registry.kernel.statements import statements_for
from registry.ledger import tree
from tests.clock import SettableClock
from tests.integration.test_tampering import quoted, tamper
from tests.world import World, run


class Stopped(Exception):
    """The worker ends here."""


DAY = date(2026, 11, 23)
AFTERWARDS = datetime.fromisoformat("2026-11-24T01:00:00+00:00")


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    """A record of a real download, from which others are made."""
    world = World(database=database, clock=clock)
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    assert isinstance(world.resolve(world.token(person)), UrlIssued)
    return world


def spread(world: World, count: int, *, day: date = DAY) -> list[UUID]:
    """Put `count` records into a day, as copies of one that is there; take that away where it is the only one."""

    def work(session: Any) -> list[UUID]:
        rows = session.exec(select(DownloadRecord).limit(2)).all()
        row = rows[0]
        low = first_id(day).int
        step = (86_400_000 // max(count, 1)) << 80
        ids = [UUID(int=low + at * step + (uuid4().int >> 48)) for at in range(count)]
        values = row.model_dump()
        for one in ids:
            session.add(DownloadRecord(**{**values, "id": one, "path": f"file-{one.hex[:8]}"}))
        if len(rows) == 1:
            session.delete(row)
        return ids

    return world.write(work)


def close(world: World, now: datetime = AFTERWARDS) -> int:
    return world.write(close_due, now=now)


def digest(world: World, now: datetime = AFTERWARDS + DIGEST_AFTER) -> bool:
    return run(digest_due(world.database, now=now))


def digests(world: World) -> list[DownloadDigest]:
    return world.read(lambda session: list(session.exec(select(DownloadDigest).order_by(DownloadDigest.day))))


def found(world: World) -> list[tuple[str, str, str]]:
    rows = world.read(audit.find_discrepancies, sealer=world.sealer, further=DOWNLOADS)
    return [(row.table, row.row_id, row.problem) for row in rows]


@pytest.mark.parametrize("count", [1, 256, 257, 600])
def test_a_days_digest_is_the_tree_over_its_records_and_an_entry_of_the_log(world: World, count: int) -> None:
    ids = spread(world, count)
    assert not digest(world)
    assert close(world) == 1
    assert not digest(world, AFTERWARDS + DIGEST_AFTER / 2)
    assert digest(world)
    assert not digest(world)
    (row,) = digests(world)
    closed = daily_digests.ClosedDay(
        day=DAY, salt=world.read(lambda session: session.get(DownloadDay, DAY.isoformat()).salt)
    )
    hashed = world.read(daily_digests.hash_records, closed=closed, after=None, limit=1000)
    assert hashed.ids == ids
    assert (row.count, row.root) == (count, tree.root_of(hashed.hashes))
    world.integrate()
    leaf = json.loads(world.read(ledger.find_leaf, entry_id=row.entry_id))
    assert leaf["kind"] == DAY_DIGEST
    assert leaf == leaf | {"day": "2026-11-23", "count": count, "root": f"sha256:{row.root.hex()}"}
    assert found(world) == []


def test_days_follow_each_other_without_a_gap_and_none_is_closed_before_its_time(world: World) -> None:
    spread(world, 3)
    assert close(world, AFTERWARDS - timedelta(milliseconds=1)) == 0
    assert close(world) == 1
    assert close(world) == 0
    later = AFTERWARDS + timedelta(days=3)
    while close(world, later):
        pass
    while digest(world, later + DIGEST_AFTER):
        pass
    assert [(row.day, row.count) for row in digests(world)] == [
        ("2026-11-23", 3), ("2026-11-24", 0), ("2026-11-25", 0), ("2026-11-26", 0),
    ]  # fmt: skip
    world.integrate()
    spread(world, 1, day=date(2026, 11, 25))
    assert [row[0::2] for row in found(world)] == [
        ("download_record", "was inserted: the digest of 2026-11-25 has no such")
    ]


def test_without_records_no_day_is_closed(database: Database, clock: SettableClock) -> None:
    world = World(database=database, clock=clock)
    assert close(world) == 0
    assert not digest(world)
    assert found(world) == []


def test_workers_at_once_bring_a_day_in_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_digests, "RECORDS_PER_READ", 256)
    spread(world, 700)
    close(world)
    together = threading.Barrier(3)
    real = daily_digests.record_digest
    outcomes: list[bool] = []

    def record(session: Any, day: Any, growing: Any, *, now: Any) -> bool:
        outcomes.append(real(session, day, growing, now=now))
        return outcomes[-1]

    monkeypatch.setattr(daily_digests, "record_digest", record)

    def work() -> None:
        together.wait()
        digest(world)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.integrate()
    assert len(digests(world)) == 1
    assert outcomes.count(True) == 1
    kinds = [kind for kind, _ in world.read(lambda session: list(ledger.iterate_leaves(session)))]
    assert kinds.count(DAY_DIGEST) == 1
    assert found(world) == []


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_worker_that_was_cut_off_is_followed_by_one_that_ends_the_day(
    world: World, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(daily_digests, "RECORDS_PER_READ", 256)
    spread(world, 700)
    close(world)
    real, done = daily_digests._keep, 0

    def keep(session: Any, day: Any, tiles: Any) -> None:
        nonlocal done
        real(session, day, tiles)
        done += 1
        if done > at:
            raise Stopped

    with monkeypatch.context() as cut, pytest.raises(Stopped):
        cut.setattr(daily_digests, "_keep", keep)
        digest(world)
    assert digests(world) == []
    assert digest(world)
    world.integrate()
    assert [row.count for row in digests(world)] == [700]
    assert found(world) == []


EDITS = {
    "issued_at": "'2026-11-23 05:06:07.000000+00:00'", "person_id": "OTHER", "token_id": "NULL", "model_id": "OTHER",
    "release_id": "OTHER", "path": "'another'", "sha256": "'0'", "size": "size + 1", "acceptance_id": "NULL",
    "resumed_from": "7", "channel": "'session'", "account_id": "OTHER", "service_token_id": "OTHER",
}  # fmt: skip


@pytest.fixture
def digested(world: World) -> tuple[World, list[UUID]]:
    ids = spread(world, 300)
    close(world)
    digest(world)
    world.integrate()
    assert found(world) == []
    return world, ids


def test_every_edited_record_is_named(digested: tuple[World, list[UUID]]) -> None:
    world, ids = digested
    for at, (column, value) in enumerate(EDITS.items(), start=250):
        other = quoted(world, "01a20000000070008000000000000001")
        edit = f"{column} = {value.replace('OTHER', other)}"
        tamper(world, f"UPDATE download_record SET {edit} WHERE id = {quoted(world, ids[at].hex)}")
    assert found(world) == [
        ("download_record", str(one), "was altered since the digest of 2026-11-23")
        for one in ids[250 : 250 + len(EDITS)]
    ]


def test_every_column_of_a_record_is_held_by_the_digest_but_what_is_kept_only_for_a_time() -> None:
    assert {column.name for column in DownloadRecord.__table__.columns} - {*EDITS, "id"} == {
        "client",
        "request_id",
    }


def test_every_removed_record_is_named(digested: tuple[World, list[UUID]]) -> None:
    world, ids = digested
    gone = [ids[at] for at in (0, 255, 256, 299)]
    for one in gone:
        tamper(world, f"DELETE FROM download_record WHERE id = {quoted(world, one.hex)}")
    assert found(world) == [
        ("download_record", str(one), "was removed: the digest of 2026-11-23 holds it") for one in gone
    ]


def test_an_inserted_record_is_named_and_an_older_one_too(digested: tuple[World, list[UUID]]) -> None:
    world, _ = digested
    (inserted,) = spread(world, 1)
    (older,) = spread(world, 1, day=date(2026, 11, 2))
    assert found(world) == [
        ("download_record", str(older), "was inserted: it is older than the first digest"),
        ("download_record", str(inserted), "was inserted: the digest of 2026-11-23 has no such"),
    ]


def test_a_further_acceptance_cannot_be_put_in_or_under_a_record_that_is_not_there(
    digested: tuple[World, list[UUID]],
) -> None:
    world, ids = digested
    nobody = UUID(int=ids[9].int + 1)
    for one in (ids[9], nobody):
        tamper(
            world,
            "INSERT INTO download_record_acceptance (record_id, position, acceptance_id) "
            f"SELECT {quoted(world, one.hex)}, 1, id FROM acceptance",
        )
    assert found(world) == [
        ("download_record", str(ids[9]), "was altered since the digest of 2026-11-23"),
        ("download_record_acceptance", str(nobody), "is of a download record that is not there"),
    ]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE download_digest SET count = count + 1", "download_digest"),
        ("UPDATE download_digest SET root = hashes FROM download_digest_tile WHERE level = 0 AND number = 1", "download_digest"),
        ("DELETE FROM download_digest", "download_digest"),
        ("DELETE FROM download_day", "download_day"),
        ("DELETE FROM download_digest_tile WHERE level = 0 AND number = 1", "download_digest_tile"),
        ("DELETE FROM download_digest_tile WHERE level = 1", "download_digest_tile"),
    ],
)  # fmt: skip
def test_an_edited_digest_is_named(digested: tuple[World, list[UUID]], statement: str, named: str) -> None:
    world, _ = digested
    tamper(world, statement)
    assert named in {table for table, _, _ in found(world)}


def test_a_record_removed_together_with_its_place_in_the_tree_is_found_by_the_log(
    digested: tuple[World, list[UUID]],
) -> None:
    world, ids = digested
    tamper(world, f"DELETE FROM download_record WHERE id = {quoted(world, ids[299].hex)}")

    def shorten(session: Any) -> None:
        tile = session.get(DownloadDigestTile, ("2026-11-23", 0, 1))
        tile.hashes, tile.record_ids = tile.hashes[:-32], tile.record_ids[:-16]
        session.add(tile)

    world.write(shorten)
    assert found(world) == [
        ("download_digest_tile", "2026-11-23", "leads to another root or count than the digest has")
    ]


def test_no_record_is_added_to_a_closed_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is far behind gives nothing out, and says so (P8)."""
    spread(world, 2)
    person = world.person()
    token = world.token(person)
    assert isinstance(world.resolve(token), UrlIssued)
    close(world)
    late = UUID(int=first_id(DAY).int + 5)
    monkeypatch.setattr("registry.delivery.resolving.new_id", lambda: late)
    with pytest.raises(Unavailable, match="clock is behind"):
        world.resolve(token)
    monkeypatch.setattr("registry.delivery.resolving.new_id", lambda: first_id(DAY + timedelta(days=1)))
    assert isinstance(world.resolve(token), UrlIssued)


def test_a_process_learns_of_a_closed_day_long_before_that_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread(world, 1)
    at = [1000.0]
    monkeypatch.setattr("registry.delivery.closed_days.time.monotonic", lambda: at[0])
    days = ClosedDays(statements_for(world.database.dialect))
    late = UUID(int=first_id(DAY).int + 5)

    def add() -> None:
        world.database.submit_raw(lambda connection: days.require_open(connection, late)).result()

    add()
    close(world)
    at[0] += REMEMBERED_SECONDS
    add()
    at[0] += 0.001
    with pytest.raises(Unavailable):
        add()
    assert timedelta(seconds=REMEMBERED_SECONDS) < DIGEST_AFTER / 10
    assert timedelta(hours=1) <= CLOSE_AFTER


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_day_is_read_by_the_primary_key_alone(world: World) -> None:
    low, high = first_id(DAY), first_id(DAY + timedelta(days=1))

    def explain(session: Any) -> str:
        session.connection().execute(text("SET LOCAL enable_seqscan = off"))
        rows = session.connection().execute(
            text(
                "EXPLAIN SELECT * FROM download_record WHERE id >= :low AND id < :high ORDER BY id LIMIT 4096"
            ),
            {"low": low, "high": high},
        )
        return "\n".join(str(row[0]) for row in rows)

    plan = world.read(explain)
    assert "pk_download_record" in plan
    assert "Sort" not in plan
