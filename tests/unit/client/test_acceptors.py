"""`gatehouse acceptors import`: the whole file is read before anything is sent; then it goes in batches."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry import cli
from registry.client.api import Registry
from registry.client.wire import Fields, JsonObject

COUNTS = {"added": 0, "known": 0, "forgotten": 0, "not_accepted": 0, "linked": 0}


class Asked:
    """A registry that answers what a test says, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[dict[str, int]] = []
        self.sent: list[Any] = []

    def take(self, publisher: str, name: str, body: JsonObject) -> Fields:
        assert (publisher, name) == ("quarry", "quarry-15b")
        self.sent.append(body)
        return Fields({**COUNTS, **self.answers.pop(0)}, where="answer")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setenv("GATEHOUSE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GATEHOUSE_TOKEN", "none")
    monkeypatch.setattr(Registry, "import_acceptors", found.take)
    return found


def run(file: Path, *options: str) -> int:
    return cli.main(["acceptors", "import", "quarry/quarry-15b", str(file), *options])


def test_a_report_goes_in_batches_and_what_came_of_it_is_said(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.csv"
    rows = "".join(f"person{number}@lab.example,accepted\n" for number in range(700))
    file.write_text(f"email,status\n{rows}late@lab.example,pending\n")
    asked.answers += [{"added": 499, "known": 1}, {"added": 200, "linked": 3}]
    assert run(file, "--invite") == 0
    first, second = asked.sent
    assert (len(first["rows"]), len(second["rows"])) == (500, 200)
    assert first["rows"][0] == {
        "line": 2, "email": "person0@lab.example", "user": "", "fullname": "", "status": "accepted", "time": "",
    }  # fmt: skip
    assert (first["invite"], first["dry_run"], first["source"]) == (True, False, "csv")
    said = capsys.readouterr().out
    for words in ("699 imported, with grade C", "1 on record", "3 of those", "1 left out"):
        assert words in said


def test_a_dry_run_says_what_would_come_of_it(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text('[{"user":"mara","status":"accepted"}]')
    asked.answers.append({"added": 1})
    assert run(file, "--dry-run", "--json") == 0
    assert asked.sent[0]["dry_run"] is True
    assert json.loads(capsys.readouterr().out)["added"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("email\nno address\n" + "x@y.example\n" * 3, "line 2: email is not an e-mail address"),
        ("email\n" + "no address\n" * 50, "more than 20 rows cannot be read"),
        ("name\nx\n", "line 1 names neither"),
        ("email,name\nx@y.example\n", "line 2 has 1 columns"),
        ("email\n", "no rows"),
        ("[]", "no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line_and_nothing_is_sent(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    file = tmp_path / "report.csv"
    file.write_text(content)
    assert run(file) != 0
    told = capsys.readouterr().err
    assert said in told
    assert "no address" not in told
    assert asked.sent == []
    assert run(tmp_path / "absent.csv") != 0


def test_inviting_later_says_how_many(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {True: 1200, False: 1}
    monkeypatch.setattr(
        Registry, "invite_acceptors", lambda _self, _publisher, _name, *, dry_run: answers[dry_run]
    )
    assert cli.main(["acceptors", "invite", "quarry/quarry-15b", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("1,200 people would get one letter each")
    assert cli.main(["acceptors", "invite", "quarry/quarry-15b"]) == 0
    assert capsys.readouterr().out.startswith("1 person will get one letter each")
    assert cli.main(["acceptors", "invite", "quarry/quarry-15b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"asked": 1, "dry_run": False}
