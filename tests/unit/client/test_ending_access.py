"""Access that ends on a day: every command that tells of it names the day and what to do before."""

import json
from pathlib import Path

import pytest

from registry import cli
from tests.unit.client.stub import MODEL, Stub


def run(*words: str) -> int:
    return cli.main(words)


def test_until_when_access_lasts_is_said_by_every_command(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in.files = {"weights.bin": b"12345"}
    signed_in.until = "2026-12-24T12:00:00Z"
    said = "Until 24 December 2026, unless the license as it is now is accepted before."
    to = str(tmp_path / "to")
    assert run("pull", MODEL, "--to", to) == 0
    assert f"Note: {said}\n" in capsys.readouterr().err
    assert run("pull", MODEL, "--to", to, "--json", "--quiet") == 0
    written = json.loads(capsys.readouterr().out)
    assert (written["until"], written["note"]) == (signed_in.until, said)
    assert run("info", MODEL) == 0
    assert f"access: yes - You may download\n  {said}\n" in capsys.readouterr().out
    item = {"publisher": "tarn", "name": "otter", "gate": "auto", "requirements": [], "summary": "x"}
    page = {"items": [{**item, "reaccept_by": signed_in.until}], "next": None}
    signed_in.api_answers = [("/api/v1/whoami/models", 200, {}, page)]
    assert run("models", "--mine") == 0
    written = capsys.readouterr()
    assert written.out == "tarn/otter\tauto\tnone\tx\n"
    assert "tarn/otter: until 2026-12-24T12:00:00Z" in written.err
    person = {"person": {"id": "p1", "email": "ada@example.org"}, "scopes": ["read"], "publishers": []}
    ending = [{"model": MODEL, "reaccept_by": signed_in.until, "url": f"{signed_in.api_url}/{MODEL}/accept"}]
    signed_in.api_answers = [("/api/v1/whoami", 200, {}, {**person, "ending": ending})]
    assert run("whoami") == 0
    assert f"{MODEL}: until 2026-12-24T12:00:00Z, unless you accept its license" in capsys.readouterr().out
