"""A gated repository of the Hub becomes a model here: by the API, by the command and on the page."""

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from registry import acceptances, access, catalog
from registry.acceptances.tables import ImportContact
from registry.cli import hub as commands
from registry.cli.grammar import build_parser
from registry.client.wire import Fields
from registry.hub_sync import refusals, service
from registry.identity.domain import Scope
from tests.api.conftest import Site
from tests.api.test_mirrors import Caller
from tests.servers.fake_hub import FakeHub, Trouble, serving
from tests.world import CARD, TEXT_10, TEXT_11

REPO = "hf-org/hf-model"
API = "/api/v1/models/quarry/hf-model/hub"
PAGE = "/manage/quarry/hub"
SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def hub(clock: Any) -> Iterator[FakeHub]:
    with serving() as running:
        running.state.clock.now = clock.now()
        for name in ("release-bot", "mara-at-hub", "noor-at-hub", "waiting"):
            running.add_user(name)
        running.add_organisation("hf-org", **{"release-bot": "admin"})
        running.add_model(REPO, gated="manual")
        running.put_file(REPO, "README.md", CARD)
        running.put_file(REPO, "LICENSE", TEXT_10)
        running.put_file(REPO, "configs/config of it.json", b"{}")
        running.put_file(REPO, "logo.txt", b"\x89PNG\x00")
        running.put_large(REPO, SHARD, sha256="a" * 64, size=9_000)
        for name in ("mara-at-hub", "noor-at-hub", "waiting"):
            running.ask(REPO, name)
        for name in ("mara-at-hub", "noor-at-hub"):
            running.set_status(REPO, name, "accepted")
        yield running


@pytest.fixture
def more_settings(hub: FakeHub) -> dict[str, Any]:
    return {"hub_endpoint": hub.url}


@pytest.fixture
async def owner(site: Site, hub: FakeHub) -> Caller:
    world = site.world
    world.license("1.0", TEXT_10, "initial")
    world.license("1.1", TEXT_11, "material")
    world.publisher(world.person("owner@quarry.example"))
    found = Caller(site, Scope.PUBLISH)
    token = hub.add_token("release-bot", role="fineGrained", repos=[REPO])
    await found.post("/api/v1/publishers/quarry/hub-token", {"token": token})
    return found


async def imports(owner: Caller, **given: Any) -> Any:
    return await owner.post(f"{API}/import", {"repository": REPO, **given})


def writes(hub: FakeHub) -> list[str]:
    return [f"{one.method} {one.path}" for one in hub.calls() if one.method not in {"GET", "HEAD"}]


async def test_a_repository_becomes_a_model_under_its_license_and_a_second_run_changes_nothing(
    site: Site, owner: Caller, hub: FakeHub
) -> None:
    look = (await imports(owner, dry_run=True)).json()
    assert (look["created"], look["license"], look["match"]) == (True, "sample-openrail-m@1.0", "exact")
    assert (await owner.get("/api/v1/models/quarry/hf-model")).status_code == 404, "a look makes nothing"

    done = await imports(owner)
    assert done.status_code == 200, done.text
    found = done.json()
    assert found["files"] == ["README.md", "LICENSE", "configs/config of it.json"]
    assert found["left"] == ["logo.txt", SHARD]
    assert (found["gate"], found["unexplained"]) == ("manual", ["Affiliation", "Country"])
    assert found["people"] == {
        "accepted": 2,
        "added": 2,
        "known": 0,
        "forgotten": 0,
        "linked": 0,
        "unreadable": 0,
    }
    world = site.world
    model = world.model(world.person("owner@quarry.example"), name="hf-model")
    assert model.gate.mode is catalog.GateMode.MANUAL
    release = world.read(catalog.find_current_release, model_id=model.id)
    assert world.read(catalog.find_text, release_id=release.id, path="LICENSE") == TEXT_10
    figures = world.read(acceptances.count_imports, model_ids=[model.id], most=10)
    assert figures.ever == 2
    mara = world.person("mara-at-hub@example.org")
    assert isinstance(world.decide(mara, model), access.Denial), "who was let in there has no right here"

    mirror = (await owner.get(API)).json()
    assert (mirror["repository"], mirror["kept_since"]) == (REPO, None)
    again = (await imports(owner)).json()
    assert again["created"] is False
    assert (again["people"]["added"], again["people"]["known"]) == (0, 2)
    assert world.read(catalog.count_releases, model_id=model.id) == 1
    assert writes(hub) == [], "nothing is changed at the Hub"
    assert hub.statuses(REPO)["mara-at-hub"] == "accepted"
    await owner.post(f"{API}/apply")
    before = len(hub.calls())
    assert (await imports(owner)).json()["people"]["accepted"] == 0
    assert len(hub.calls()) == before, "once it is kept in step, the Hub is not asked again"


async def test_people_are_invited_if_that_is_asked_for(site: Site, owner: Caller) -> None:
    await imports(owner, invite=True)
    asked = site.world.read(lambda session: session.exec(select(ImportContact.invite_asked_at)).all())
    assert len(asked) == 2
    assert all(asked)


async def test_the_license_is_one_that_is_known_here_or_one_that_somebody_names(
    site: Site, owner: Caller, hub: FakeHub
) -> None:
    hub.put_file(REPO, "LICENSE", b"Terms that nobody has published here.\n")
    refused = await imports(owner)
    assert (refused.status_code, refused.json()["code"]) == (422, "hub-import-license-unclear")
    assert "none that is published here" in refused.text
    unknown = await imports(owner, license="no-such@1.0")
    assert unknown.status_code == 422
    hub.put_file(REPO, "LICENSE.md", TEXT_11)
    assert (await imports(owner, dry_run=True)).json()["license"] == "sample-openrail-m@1.1"
    hub.put_file(REPO, "LICENSE.txt", TEXT_10.replace(b"\n", b"\r\n"))
    many = await imports(owner)
    assert "several license versions" in many.json()["detail"]
    assert (await owner.get("/api/v1/models/quarry/hf-model")).status_code == 404, (
        "a refusal leaves nothing behind"
    )
    named = await imports(owner, license="sample-openrail-m@1.0")
    assert (named.json()["created"], named.json()["match"]) == (True, "not-compared")


async def test_what_cannot_be_imported_is_refused_in_words(site: Site, owner: Caller, hub: FakeHub) -> None:
    hub.set_gated(REPO, gated=False)
    assert "it has no gate" in (await imports(owner)).text
    hub.set_gated(REPO, "auto")
    hub.rename_model(REPO, "hf-org/new-name")
    assert "calls it hf-org/new-name now" in (await imports(owner)).text
    hub.rename_model("hf-org/new-name", REPO)
    site.world.release(
        site.world.person("owner@quarry.example"),
        site.world.read(catalog.find_publisher, name="quarry"),
        name="hf-model",
    )
    assert (await imports(owner)).json()["code"] == "hub-import-model-here"
    other = f"{API.replace('hf-model', 'other')}/import"
    await owner.post(API, {"repository": REPO})
    assert (await owner.post(other, {"repository": REPO})).json()["code"] == "mirror-exists"
    assert (await owner.post(other, {"repository": "no repository"})).json()["code"] == "mirror-malformed"


async def test_a_repository_that_somebody_else_pairs_meanwhile_leaves_no_model(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is committed, so what was published before it must be taken back with it."""
    taken = refusals.mirror_exists("quarry/hf-model", REPO)
    monkeypatch.setattr(service, "link", lambda *_, **__: taken)
    assert (await imports(owner)).json()["code"] == "mirror-exists"
    assert (await owner.get("/api/v1/models/quarry/hf-model")).status_code == 404


@pytest.mark.parametrize(
    ("trouble", "path"),
    [
        (Trouble.NOT_JSON, "/tree/"),
        (Trouble.WRONG_JSON, "/accepted"),
        (Trouble.EMPTY_YES, "/raw/"),
        (Trouble.ERROR, "/tree/"),
        (Trouble.ELSEWHERE, "/raw/"),
    ],
)
async def test_an_answer_that_no_hub_gives_makes_no_model(
    owner: Caller, hub: FakeHub, trouble: Trouble, path: str
) -> None:
    hub.fail(trouble, path=path)
    assert (await imports(owner)).json()["code"] == "hub-said-no"
    assert (await owner.get("/api/v1/models/quarry/hf-model")).status_code == 404


async def test_on_the_page_it_is_looked_at_and_then_done(site: Site, owner: Caller, hub: FakeHub) -> None:
    assert owner
    browser = site.browser(site.world.person("owner@quarry.example"))
    assert PAGE in await browser.page("/manage/quarry")
    looked = (await browser.post(f"{PAGE}/look", seen_on=PAGE, repository=REPO)).text
    assert "recognised, byte for byte" in looked
    assert SHARD in looked
    assert writes(hub) == []
    done = await browser.post(f"{PAGE}/import", seen_on=PAGE, repository=REPO, name="hf-model", license="")
    assert done.status_code == 303, done.text
    there = done.headers["location"]
    assert "Paired, and not kept in step yet" in await browser.page(there)
    again = (await browser.post(f"{PAGE}/look", seen_on=PAGE, repository=REPO)).text
    assert "imported before, and paired" in again
    assert (await browser.post(f"{PAGE}/look", seen_on=PAGE, repository="")).status_code == 422
    stranger = site.browser(site.world.person("eve@lab.example"))
    assert (await stranger.get(PAGE)).status_code == 403


ANSWER: dict[str, Any] = {
    "model": "hf-org/hf-model",
    "repository": REPO,
    "created": True,
    "license": "x@1",
    "match": "layout",
    "gate": "auto",
    "private": True,
    "revision": "a" * 40,
    "files": ["README.md"],
    "left": [SHARD],
    "left_count": 3,
    "unexplained": ["Country"],
    "dry_run": False,
    "people": {"accepted": 3, "added": 1, "known": 1, "forgotten": 0, "linked": 0, "unreadable": 1},
}


@pytest.mark.parametrize("created", [True, False])
def test_the_command_says_what_was_made_and_what_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, created: bool
) -> None:
    sent: list[Any] = []
    people = ANSWER["people"] if created else ANSWER["people"] | {"added": 0}

    class Answers:
        def import_hub_repository(self, *given: Any) -> Fields:
            sent.append(given)
            return Fields({**ANSWER, "created": created, "people": people}, where="answer")

    @contextlib.contextmanager
    def connected(_choice: object) -> Iterator[Answers]:
        yield Answers()

    monkeypatch.setattr(commands, "choose_registry", lambda _args: None)
    monkeypatch.setattr(commands, "connected", connected)
    args: argparse.Namespace = build_parser().parse_args(["hub", "import", REPO, "--invite"])
    assert commands.import_repository(args) == 0
    body = {"repository": REPO, "license": "", "invite": True, "dry_run": False}
    assert sent == [("hf-org", "hf-model", body)]
    said = capsys.readouterr()
    if created:
        assert "license\tx@1 (recognised, the same words in another layout)" in said.out
        assert f"stays at the Hub\t{SHARD}" in said.out
        assert "1 of 3 who are let in there were imported with grade C" in said.err
        assert "2 more files stay at the Hub" in said.err
    else:
        assert "It was imported before. Nothing was changed." in said.err
