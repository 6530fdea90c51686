"""The proof of one download record: for who may read the records, verified offline, and nothing of it can be bent."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from registry import cli
from registry.catalog.look_tables import Look
from registry.client.download_proof import Step, verify_download
from registry.client.errors import ExitCode
from registry.client.keys import parse_key_set
from registry.client.verify import Trust, TrustedKeys
from registry.delivery.daily_digests import DIGEST_AFTER, digest_due
from registry.delivery.domain import UrlIssued
from registry.identity.domain import Scope
from registry.kernel.identifiers import new_id
from tests.api.conftest import Site
from tests.integration.delivery.test_daily_digests import AFTERWARDS, close, spread
from tests.integration.test_tampering import tamper

MARA = "mara@nordlab.example"
COUNT = 5


class Downloaded:
    """Mara has downloaded a few times."""

    def __init__(self, site: Site) -> None:
        self.site, self.world = site, site.world
        model = self.world.gated_model()
        self.world.accept(self.world.person(MARA), model)
        assert isinstance(self.world.resolve(self.world.token(self.world.person(MARA))), UrlIssued)
        self.ids = spread(self.world, COUNT)

    async def end_of_the_day(self) -> None:
        """Have the log take in the records."""
        assert close(self.world) == 1
        assert await digest_due(self.world.database, now=AFTERWARDS + DIGEST_AFTER)
        self.world.integrate()

    async def ask(
        self, record_id: Any, *, by: str = "owner@quarry.example", publisher: str = "quarry"
    ) -> Any:
        token = self.world.token(self.world.person(by), Scope.AUDIT)
        return await self.site.api(f"/api/v1/audit/downloads/{record_id}/proof", token, publisher=publisher)


@pytest.fixture
def downloaded(site: Site) -> Downloaded:
    return Downloaded(site)


async def test_every_record_of_a_day_is_proven_offline_with_the_keys_of_the_registry(
    downloaded: Downloaded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await downloaded.end_of_the_day()
    keys = (await downloaded.site.api("/api/v1/keys")).content
    given = TrustedKeys(keys=parse_key_set(json.loads(keys), where="keys"), source=Trust.GIVEN)
    for record_id in downloaded.ids:
        answer = await downloaded.ask(record_id)
        assert answer.status_code == 200, answer.text
        assert MARA not in answer.text
        outcome = verify_download(answer.content, trusted=given)
        assert outcome.failure is None, outcome.failure
        assert outcome.record is not None
        assert outcome.record["id"] == str(record_id)
    file, key_file = tmp_path / "download.json", tmp_path / "keys.json"
    file.write_bytes(answer.content)
    key_file.write_bytes(keys)
    assert cli.main(["verify", str(file), "--keys", str(key_file), "--require-trusted"]) == 0
    said = capsys.readouterr().out
    assert "was given the address of file-" in said
    assert " 3. ok   day" in said
    assert cli.main(["verify", str(file), "--require-trusted"]) == ExitCode.VERIFICATION_FAILED
    looks = downloaded.world.read(lambda session: session.exec(select(Look)).all())
    assert len(looks) == COUNT
    assert {one.subject_id for one in looks} == {downloaded.world.person(MARA).person_id}


async def test_before_the_log_has_the_day_it_is_said_when_to_ask_again(downloaded: Downloaded) -> None:
    answer = await downloaded.ask(downloaded.ids[0])
    assert (answer.status_code, answer.json()["code"]) == (409, "download-record-not-proven-yet")
    assert "UTC" in answer.json()["remedy"]["text"]


async def test_records_of_others_and_of_nobody_look_the_same(downloaded: Downloaded) -> None:
    await downloaded.end_of_the_day()
    rival = downloaded.world.person("rival@tarn.example")
    downloaded.world.publisher(rival, "tarn")
    for record_id in (downloaded.ids[0], new_id()):
        answer = await downloaded.ask(record_id, by="rival@tarn.example", publisher="tarn")
        assert (answer.status_code, answer.json()["code"]) == (404, "download-record-unknown")
    assert (await downloaded.ask(downloaded.ids[0], by="rival@tarn.example")).status_code in {403, 404}
    assert (await downloaded.ask("x")).status_code == 404
    assert downloaded.world.read(lambda session: session.exec(select(Look)).all()) == []


async def test_record_that_was_altered_behind_our_back_is_not_proven(downloaded: Downloaded) -> None:
    await downloaded.end_of_the_day()
    target = downloaded.ids[2]
    tamper(downloaded.world, "UPDATE download_record SET path = 'another.bin'")
    answer = await downloaded.ask(target)
    assert answer.status_code == 500


def bent(change: Callable[[Any], Any]) -> Callable[[Any], bytes]:
    def bend(proof: Any) -> bytes:
        change(proof)
        return json.dumps(proof).encode()

    return bend


def rewritten(name: str, **members: Any) -> Callable[[Any], Any]:
    def change(proof: Any) -> None:
        holder = proof if name == "record" else proof["day"]
        holder[name] = json.dumps(json.loads(holder[name]) | members, separators=(",", ":"), sort_keys=True)

    return change


CASES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "other path": (Step.DAY, rewritten("record", path="another.bin")),
    "other person": (Step.DAY, rewritten("record", person=str(new_id()))),
    "other day": (Step.RECORD, rewritten("leaf", day="2026-01-01")),
    "other kind": (Step.RECORD, rewritten("leaf", kind="release")),
    "id of another day": (Step.RECORD, rewritten("record", id="00000000-0000-7000-8000-000000000000")),
    "id that is none": (Step.RECORD, rewritten("record", id="x")),
    "other count": (Step.DAY, rewritten("leaf", count=COUNT + 1)),
    "other time of closing": (Step.LEAF, rewritten("leaf", at="2026-01-01T00:00:00.000Z")),
    "other index": (Step.DAY, lambda p: p["day"].update(index=p["day"]["index"] ^ 1)),
    "path too short": (Step.DAY, lambda p: p["day"]["path"].pop()),
    "other hash": (Step.DAY, lambda p: p["day"]["path"].__setitem__(0, base64.b64encode(bytes(32)).decode())),
    "other leaf": (Step.LEAF, lambda p: p["ledger"].update(leaf_hash="0" * 64)),
    "other place in the log": (Step.INCLUSION, lambda p: p["ledger"].update(index=10**6)),
    "other origin": (Step.CHECKPOINT, lambda p: p["ledger"].update(origin="elsewhere.example")),
    "no key": (Step.CHECKPOINT, lambda p: p.update(keys=[])),
    "stamp that is none": (
        Step.TIMESTAMPS,
        lambda p: p["ledger"].update(timestamps=[{"authority": "x", "response": "AAAA"}]),
    ),
    "format of tomorrow": (Step.FORMAT, lambda p: p.update(format="gatehouse-download/2")),
    "record that is a list": (Step.FORMAT, lambda p: p.update(record="[]")),
    "half a character": (Step.FORMAT, lambda p: p.update(record="\ud800")),
    "long hash": (Step.FORMAT, lambda p: p["day"].update(path=["AAAA"])),
}


async def test_what_was_bent_is_refused_at_its_step(downloaded: Downloaded) -> None:
    await downloaded.end_of_the_day()
    good = (await downloaded.ask(downloaded.ids[1])).content
    for name, (step, change) in CASES.items():
        failure = verify_download(bent(change)(json.loads(good))).failure
        assert failure is not None, name
        assert (name, failure.step) == (name, step), failure.text
    for data in (b"", b"[]", b"\xff", b'{"format": "gatehouse-download/1"}'):
        assert verify_download(data).failure is not None
