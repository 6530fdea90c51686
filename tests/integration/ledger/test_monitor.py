"""What somebody with a copy says when the registry's database was changed behind its back; both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from registry import ledger
from registry.client.errors import VerificationFailed
from registry.client.keys import KeyUse, PublicKey
from registry.client.mirror import LogDeparted, check_copy, find_differences, follow
from registry.client.shelf import Folder
from registry.client.tiles import Place
from registry.kernel.outcomes import Refusal
from tests.integration.ledger.conftest import Log

Copied = Callable[[], list[str]]


class Served:
    """The log as the registry's routes serve it."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def checkpoint(self) -> str:
        head = self.log.read(ledger.latest_checkpoint)
        assert head is not None
        return head.note

    def fetch(self, place: Place) -> bytes:
        answer = self.log.read(lambda session: ledger.answer_tile(session, place.path.removeprefix("tile/")))
        if isinstance(answer, Refusal):
            raise VerificationFailed(f"no {place.name}")
        return answer


@pytest.fixture
def keys(log: Log) -> list[PublicKey]:
    return [
        PublicKey(
            kid=key.kid,
            use=KeyUse(key.purpose.value),
            raw=key.public,
            valid_from=key.valid_from,
            valid_until=key.valid_until,
            compromised_at=key.compromised_at,
        )
        for key in log.keys.published
    ]


@pytest.fixture
def shelf(log: Log, tmp_path: Path, keys: list[PublicKey]) -> Folder:
    """A copy of a log of 300 entries."""
    log.append(300)
    while log.integrate():
        pass
    shelf = Folder(tmp_path / "copy")
    assert follow(Served(log), shelf, keys=keys).added == 300
    return shelf


def tamper(log: Log, *statements: str) -> None:
    for statement in statements:
        given = {"zeros": bytes(8192)} if ":zeros" in statement else {}
        log.database.write_now(
            lambda session, one=statement, given=given: session.connection().execute(text(one), given)
        )


def test_the_copy_of_a_real_log_is_whole(log: Log, shelf: Folder, keys: list[PublicKey]) -> None:
    log.append(250)
    log.integrate()
    assert follow(Served(log), shelf, keys=keys).added == 250
    assert check_copy(shelf, keys=keys).size == 550
    assert list(find_differences(Served(log), shelf)) == []


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            ['UPDATE ledger_entry SET leaf = substr(leaf, 2) WHERE id = (SELECT entry_id FROM ledger_leaf WHERE "index" = 7)'],
            ["entry 7 was replaced: the log serves other bytes than were signed there"],
        ),
        (
            [
                'UPDATE ledger_leaf SET "index" = 100007 WHERE "index" = 7',
                'UPDATE ledger_leaf SET "index" = 7 WHERE "index" = 8',
                'UPDATE ledger_leaf SET "index" = 8 WHERE "index" = 100007',
            ],
            [
                "entry 7 was replaced: the log serves entry 8 there",
                "entry 8 was replaced: the log serves entry 7 there",
            ],
        ),
        (['DELETE FROM ledger_leaf WHERE "index" = 299'], ["no bundle of entries number 1"]),
        (
            ["UPDATE ledger_tile SET hashes = :zeros WHERE level = 0 AND number = 0"],
            ["the tile of level 0, number 0 holds other hashes than were signed"],
        ),
    ],
)  # fmt: skip
def test_what_was_changed_in_the_database_is_named(
    log: Log, shelf: Folder, statements: list[str], said: list[str]
) -> None:
    tamper(log, *statements)
    assert list(find_differences(Served(log), shelf)) == said


def test_a_database_set_back_to_an_old_copy_is_named(log: Log, shelf: Folder, keys: list[PublicKey]) -> None:
    tamper(
        log,
        "DELETE FROM ledger_checkpoint WHERE size > 256",
        'DELETE FROM ledger_leaf WHERE "index" >= 256',
        "DELETE FROM ledger_tile WHERE level = 0 AND number = 1",
    )
    with pytest.raises(LogDeparted, match="set back: it shows 256 entries, and had signed 300"):
        follow(Served(log), shelf, keys=keys)
    log.append(60, kind="block")
    log.integrate()
    with pytest.raises(LogDeparted, match=r"forked.*entry 256 is the first that differs"):
        follow(Served(log), shelf, keys=keys)
