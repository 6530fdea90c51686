"""`gatehouse person restrict`, `lift-restriction`, `restrictions`, `refuse-restriction` on an installation; both databases."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry import cli
from registry.identity import erasures, restrictions
from tests.integration.test_erasing_by_command import said, world
from tests.world import BASE_URL, World

__all__ = ["said", "world"]


def test_an_operator_lists_refuses_restricts_and_lifts(world: World, said: Callable[[], str]) -> None:
    anna, ben = world.person("anna@uni.example"), world.person("ben@uni.example")
    desk = erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)
    for person in (anna, ben):
        given: dict[str, Any] = {"ground": "accuracy", "words": "My name is misspelt"}
        world.write(restrictions.ask_restriction, desk=desk, person_id=person.person_id, **given)
    assert cli.main(["person", "restrictions", "--json"]) == 0
    listed = [json.loads(line) for line in said().splitlines()]
    assert [one["person"] for one in listed] == [str(anna.person_id), str(ben.person_id)]
    assert {(one["state"], one["words"]) for one in listed} == {("waiting", "My name is misspelt")}
    assert cli.main(["person", "refuse-restriction", "ben@uni.example", "--reason", "It is not"]) == 0
    assert cli.main(["person", "restrict", str(anna.person_id)]) == 0
    assert cli.main(["person", "restrict", "anna@uni.example"]) == 0
    assert cli.main(["person", "lift-restriction", "anna@uni.example", "--reason", "Corrected"]) == 0
    said()
    assert cli.main(["person", "restrictions"]) == 0
    (line,) = said().splitlines()
    assert str(anna.person_id) in line
    assert "lifted at" in line


def test_what_cannot_be_done_says_why(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.person("anna@uni.example")
    assert cli.main(["person", "lift-restriction", "anna@uni.example", "--reason", " "]) == 2
    assert "must be told why" in capsys.readouterr().err
    assert cli.main(["person", "lift-restriction", "anna@uni.example", "--reason", "x"]) == 1
    assert "no such request or restriction" in capsys.readouterr().err
    assert cli.main(["person", "restrict", "nobody@uni.example"]) == 1
    assert cli.main(["person", "restrictions"]) == 0
    assert "none stands" in capsys.readouterr().err
