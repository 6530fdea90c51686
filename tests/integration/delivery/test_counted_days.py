"""Old download records become counts, the log says so first, and whatever goes in another way is named; on both databases."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import func, select, update

from registry import ledger
from registry.delivery import counted_days, holds, store
from registry.delivery.record_leaves import DAY_COUNTED
from registry.delivery.tables import (
    DownloadCount,
    DownloadDay,
    DownloadDigestTile,
    DownloadRecord,
    DownloadRecordAcceptance,
)
from registry.kernel.retention import DEFAULTS
from tests.integration.delivery.test_daily_digests import DAY, close, digest, found, spread, world
from tests.integration.delivery.test_retention import hold, sweep
from tests.integration.test_tampering import tamper
from tests.world import World

__all__ = ["world"]
DUE = datetime.fromisoformat("2028-11-23T00:00:00+00:00")
"""The end of the day and 730 days; the day's records go no sooner."""


def in_the_log(world: World, count: int, *, day: date = DAY) -> None:
    spread(world, count, day=day)
    now = datetime.fromisoformat(f"{day + timedelta(days=1)}T02:00:00+00:00")
    world.clock.set(now)
    while close(world, now - timedelta(hours=1)):
        pass
    while digest(world, now):
        pass


def rows(world: World, table: Any) -> int:
    return world.read(lambda session: session.exec(select(func.count()).select_from(table)).one())


def counted(world: World) -> int:
    return world.read(lambda session: session.exec(select(func.sum(DownloadCount.downloads))).one()) or 0


def kinds(world: World) -> list[str]:
    world.integrate()
    return [kind for kind, _ in world.read(lambda session: list(ledger.iterate_leaves(session)))]


def test_records_go_two_years_after_their_day_and_their_number_stays(world: World) -> None:
    in_the_log(world, 5)
    world.clock.set(DUE - timedelta(milliseconds=1))
    sweep(world)
    assert (rows(world, DownloadRecord), counted(world)) == (5, 0)
    assert DAY_COUNTED not in kinds(world)
    world.clock.set(DUE)
    sweep(world)
    assert (rows(world, DownloadRecord), counted(world)) == (0, 5)
    assert rows(world, DownloadRecordAcceptance) == rows(world, DownloadDigestTile) == 0
    assert world.read(lambda session: session.exec(select(DownloadDay.salt)).all()) == [b""]
    assert kinds(world).count(DAY_COUNTED) == 1
    assert found(world) == []
    assert sweep(world) == 0


def test_one_file_that_was_often_given_out_is_one_count(world: World) -> None:
    in_the_log(world, 5)
    world.write(lambda session: session.exec(update(DownloadRecord).values(path="model.safetensors")))
    world.clock.set(DUE)
    sweep(world)
    assert [
        (row.day, row.path, row.downloads)
        for row in world.read(lambda session: session.exec(select(DownloadCount)).all())
    ] == [(DAY.isoformat(), "model.safetensors", 5)]


def test_what_is_held_stays_and_goes_when_the_hold_ends(world: World) -> None:
    in_the_log(world, 3)
    held = hold(world, model="quarry/quarry-15b")
    world.clock.set(DUE)
    sweep(world)
    assert (rows(world, DownloadRecord), counted(world)) == (3, 0)
    world.write(holds.lift_hold, hold_id=held.id, now=world.now)
    sweep(world)
    assert (rows(world, DownloadRecord), counted(world)) == (0, 3)


def test_the_hashes_of_a_day_stay_as_long_as_one_of_its_records_does(world: World) -> None:
    in_the_log(world, 300)
    people = iter([number == 290 for number in range(300)])
    walked = world.write(
        counted_days.count_records,
        after=None,
        before=DUE - timedelta(days=730),
        spared=lambda *_about: next(people),
        now=DUE,
        limit=1_000,
    )
    assert walked.changed == 299
    assert rows(world, DownloadRecord) == 1
    assert rows(world, DownloadDigestTile) > 0
    assert found(world) == []
    world.clock.set(DUE)
    sweep(world)
    assert (counted(world), rows(world, DownloadDigestTile)) == (300, 0)
    assert kinds(world).count(DAY_COUNTED) == 1
    assert found(world) == []


def test_a_day_that_is_not_in_the_log_yet_stays(world: World) -> None:
    spread(world, 4)
    world.clock.set(DUE + timedelta(days=400))
    sweep(world)
    assert rows(world, DownloadRecord) == 4


def test_never_where_the_time_is_nought(world: World) -> None:
    in_the_log(world, 2)
    world.clock.set(DUE + timedelta(days=4_000))
    sweep(world, replace(DEFAULTS, download_days=0))
    assert rows(world, DownloadRecord) == 2


@pytest.mark.parametrize(
    ("statement", "table", "says"),
    [
        (
            "DELETE FROM download_count WHERE path = (SELECT min(path) FROM download_count)",
            "download_count",
            "counts 4",
        ),
        (
            "UPDATE download_count SET downloads = downloads + 1",
            "download_count",
            "counts 10 records, and 5 are gone",
        ),
        (
            "UPDATE download_day SET counted_at = '2026-11-25 00:00:00+00:00'",
            "download_day",
            "as its log entry",
        ),
        ("UPDATE download_day SET counted_entry_id = NULL", "download_day", "although the log says so"),
    ],
)
def test_what_is_counted_falsely_is_named(world: World, statement: str, table: str, says: str) -> None:
    in_the_log(world, 5)
    world.clock.set(DUE)
    sweep(world)
    kinds(world)
    tamper(world, statement)
    assert any(one[0] == table and says in one[2] for one in found(world)), found(world)


def test_a_record_that_is_removed_and_counted_without_the_log_is_named(world: World) -> None:
    in_the_log(world, 2)
    row = world.read(lambda session: session.exec(select(DownloadRecord).limit(1)).one())
    about = {"model_id": row.model_id, "release_id": row.release_id, "path": row.path, "downloads": 1}

    def in_secret(session: Any) -> None:
        session.delete(session.get(DownloadRecord, row.id))
        session.add(DownloadCount(day=DAY.isoformat(), **about))

    world.write(in_secret)
    assert {one[0] for one in found(world)} == {"download_record", "download_count"}


def test_the_number_is_among_a_publishers_figures(world: World) -> None:
    in_the_log(world, 3)
    world.clock.set(DUE)
    sweep(world)
    mine = world.model(world.person("owner@quarry.example")).id
    assert world.read(store.sum_counted, model_ids=[mine]) == 3
    assert world.read(store.sum_counted, model_ids=[]) == 0
