"""Operators' commands in a wrong folder make nothing; a kept checkpoint shows a log that was set back or forked."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from registry import cli, ledger
from registry.cli.serve import mail_warning
from registry.kernel.database import Database
from registry.settings import Settings
from tests.clock import SettableClock
from tests.world import MASTER_SECRET, World

COMMANDS = (["ledger", "fsck"], ["keys", "list"], ["keys", "rotate", "statement"], ["worker"])
KEY = MASTER_SECRET.hex()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is named by the settings, with an object store that nothing asks."""
    folder = tmp_path / "data"
    monkeypatch.setenv("GATEHOUSE_DATA_DIR", str(folder))
    monkeypatch.setenv("GATEHOUSE_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GATEHOUSE_S3_ACCESS_KEY", "key")
    monkeypatch.setenv("GATEHOUSE_S3_SECRET_KEY", "secret")
    # Logging is of the whole process, and would go on into what captures the output of this test.
    monkeypatch.setattr("registry.cli.worker.configure_logging", lambda **_given: None)
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["absent", "empty", "empty file", "no database", "of another program"])
def test_a_command_in_a_wrong_folder_says_so_and_makes_nothing(
    folder: Path, command: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "gatehouse.db"
    if kind != "absent":
        folder.mkdir()
    if kind == "empty file":
        file.touch()
    elif kind == "no database":
        file.write_text("something else")
    elif kind == "of another program":
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE notes (text)")
        connection.close()
    before = snapshot(folder)
    assert cli.main(command) == 1
    said = capsys.readouterr().err
    assert f"no installation in {folder}; set GATEHOUSE_DATA_DIR" in said
    assert snapshot(folder) == before
    assert folder.exists() is (kind != "absent")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_without_its_master_key_gets_no_new_one(
    folder: Path, sqlite_template: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "gatehouse.db")
    assert cli.main(command) == 1
    assert "no master key in" in capsys.readouterr().err
    assert [file.name for file in folder.iterdir()] == ["gatehouse.db"]


@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_a_server_without_the_schema_is_told_to_be_migrated(
    folder: Path,
    postgres_url: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", postgres_url)
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", KEY)
    assert cli.main(command) == 1
    assert "gatehouse migrate" in capsys.readouterr().err


def test_a_setting_that_cannot_be_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEHOUSE_BASEURL", "x")
    for command in (*COMMANDS, ["serve"], ["migrate"]):
        assert cli.main(command) == 1
        assert "unknown setting GATEHOUSE_BASEURL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, False),
        ({"base_url": "https://registry.example"}, True),
        ({"base_url": "https://registry.example", "smtp_host": "mail.example"}, False),
        ({"smtp_host": "mail.example"}, False),
    ],
)
def test_serving_warns_where_sign_in_mail_reaches_nobody(changes: dict[str, str], warned: bool) -> None:
    said = mail_warning(Settings(**changes))  # type: ignore[arg-type] # by name, from a table
    assert (said is not None) is warned
    assert said is None or "GATEHOUSE_SMTP_HOST" in said


# A kept checkpoint.


@pytest.fixture
def copies(database_url: str, tmp_path: Path) -> Iterator[list[str]]:
    """URL of the test's database, then of a copy that was taken of it while nobody used it."""
    urls = [database_url]
    yield urls
    if len(urls) > 1 and urls[1].startswith("postgresql"):
        with psycopg.connect(_server(database_url), autocommit=True) as server:
            server.execute(f"DROP DATABASE {make_url(urls[1]).database} WITH (FORCE)")


def _server(url: str) -> str:
    return make_url(url).set(database="postgres").render_as_string(hide_password=False)


def take_copy(urls: list[str], tmp_path: Path) -> None:
    parsed = make_url(urls[0])
    if parsed.get_backend_name() == "sqlite":
        shutil.copyfile(str(parsed.database), tmp_path / "copy.db")
        urls.append(f"sqlite:///{tmp_path / 'copy.db'}")
        return
    name = f"copy_{uuid4().hex}"
    with psycopg.connect(_server(urls[0]), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {parsed.database} STRATEGY FILE_COPY")
    urls.append(parsed.set(database=name).render_as_string(hide_password=False))


def grow(url: str, clock: SettableClock, *people: str) -> str:
    """Let people accept in the database at `url`; return the checkpoint afterwards."""
    database = Database(url)
    try:
        world = World(database=database, clock=clock)
        _ = world.keys
        if database.read_now(ledger.latest_checkpoint) is None:
            world.gated_model()
        owner = world.person("owner@quarry.example")
        model = world.model(owner)
        clock.advance(timedelta(seconds=5))
        for email in people:
            world.accept(world.person(email), model)
        world.integrate()
        checkpoint = database.read_now(ledger.latest_checkpoint)
        assert checkpoint is not None
        return checkpoint.note
    finally:
        database.close()


def test_a_kept_checkpoint_names_a_log_that_was_set_back_or_forked(
    copies: list[str],
    clock: SettableClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", KEY)
    monkeypatch.setenv("GATEHOUSE_DATA_DIR", str(tmp_path))

    def check(url: str, note: str) -> tuple[int, str]:
        kept = tmp_path / "kept.txt"
        kept.write_text(note)
        monkeypatch.setenv("GATEHOUSE_DATABASE_URL", url)
        code = cli.main(["ledger", "fsck", "--checkpoint", str(kept)])
        return code, capsys.readouterr().out

    first = grow(copies[0], clock, "mara@nordlab.example")
    take_copy(copies, tmp_path)
    second = grow(copies[0], clock, "noor@tarn.example", "ida@fjord.example")
    sizes = [int(note.split("\n")[1]) for note in (first, second)]

    # The log that went on holds both; so does the copy hold the first.
    assert check(copies[0], first) == (0, "")
    assert check(copies[0], second) == (0, "")
    assert check(copies[1], first) == (0, "")

    # An old copy is restored.
    code, said = check(copies[1], second)
    assert code == 5
    assert said.count("\n") == 1
    assert re.search(rf"set back: .* covers {sizes[1]} entries, this database holds {sizes[0]}\n", said)

    # It goes on as if nothing had been lost.
    third = grow(copies[1], clock, *(f"person-{number}@nordlab.example" for number in range(4)))
    size = int(third.split("\n")[1])
    assert size > sizes[1]
    code, said = check(copies[1], second)
    assert code == 5
    assert "forked" in said
    assert f"the {sizes[1]} entries" in said
    assert f"of the {size} in this database" in said
    assert check(copies[1], third) == (0, "")

    # What no key of this registry signed says nothing about its log.
    code, said = check(copies[0], second.replace(f"\n{sizes[1]}\n", f"\n{sizes[0]}\n", 1))
    assert code == 5
    assert "not signed by a key of this database" in said
    assert check(copies[0], "no checkpoint")[0] == 1
