"""`gatehouse person erase`, `erasures` and `refuse-erasure` on an installation; both databases."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from registry import cli, identity
from registry.identity import erasures
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.world import BASE_URL, MASTER_SECRET, World


@pytest.fixture
def world(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", MASTER_SECRET.hex())
    monkeypatch.setenv("GATEHOUSE_BASE_URL", BASE_URL)
    return World(database=database, clock=SystemClock())


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().out


def test_an_operator_lists_refuses_and_erases(world: World, said: Callable[[], str]) -> None:
    anna, ben = world.person("anna@uni.example"), world.person("ben@uni.example")
    desk = erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)
    for person in (anna, ben):
        world.write(
            erasures.ask_erasure, desk=desk, person_id=person.person_id, offices=(), grace=timedelta(days=7)
        )
    assert cli.main(["person", "erasures", "--json"]) == 0
    listed = [json.loads(line) for line in said().splitlines()]
    assert [one["person"] for one in listed] == [str(anna.person_id), str(ben.person_id)]
    assert {one["state"] for one in listed} == {"waiting"}
    assert cli.main(["person", "refuse-erasure", "ben@uni.example", "--reason", "A claim is open"]) == 0
    assert cli.main(["person", "erase", str(anna.person_id), "--unattended"]) == 0
    assert str(anna.person_id) in said()
    assert cli.main(["person", "erasures"]) == 0
    assert said() == ""
    assert world.read(identity.open_profile, person_id=anna.person_id, sealer=world.sealer) is None
    assert (
        world.read(identity.open_profile, person_id=ben.person_id, sealer=world.sealer).email
        == "ben@uni.example"
    )


def test_nobody_is_erased_by_mistake(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = world.person("owner@quarry.example")
    world.gated_model()
    assert cli.main(["person", "erase", "owner@quarry.example"]) == 2
    assert "nobody is there to confirm it" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    assert cli.main(["person", "erase", "owner@quarry.example"]) == 1
    assert cli.main(["person", "erase", "nobody@uni.example", "--unattended"]) == 1
    assert cli.main(["person", "erase", "owner@quarry.example", "--unattended"]) == 1
    assert "Make somebody else an owner" in capsys.readouterr().err
    assert cli.main(["person", "refuse-erasure", "owner@quarry.example", "--reason", " "]) == 2
    assert world.read(identity.open_profile, person_id=owner.person_id, sealer=world.sealer) is not None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
