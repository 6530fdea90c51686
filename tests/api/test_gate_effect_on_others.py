"""What a gate's change, or a move, is said to do beforehand: to grantees, members, and users of derived models."""

import re
from html import unescape

from registry import catalog
from registry.access import requesting
from registry.access.request_views import Office
from registry.access.transitions import Move, RequestEvent
from registry.catalog.domain import GateMode
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.api.conftest import Site
from tests.api.test_gate_page import press
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene
from tests.integration.catalog.derived import Scene
from tests.world import ANSWERS, BASE_URL, World

GATE = "/quarry/quarry-15b/gate"


def words(text: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", text)).split())


def grant(world: World, owner: Principal, person: Principal) -> None:
    given = {"sealer": world.sealer, "base_url": BASE_URL, "now": world.now}
    asked = world.write(
        requesting.ask,
        office=Office(principal=person, **given),
        publisher="quarry",
        model="quarry-15b",
        answers=ANSWERS,
        note="for my thesis",
    )
    assert not isinstance(asked, Refusal), asked
    moved = world.write(
        requesting.move,
        office=Office(principal=owner, **given),
        request_id=asked.id,
        wanted=Move(event=RequestEvent.APPROVE, note="welcome"),
    )
    assert not isinstance(moved, Refusal), moved


async def test_a_change_counts_members_under_a_cover(
    site: Site, database: Database, clock: SettableClock
) -> None:
    scene = cover_scene(database, clock, world=site.world)
    owner = site.world.person("owner@quarry.example")
    scene.accept()
    scene.join()
    site.world.accept(site.world.person("alone@lab.example"), scene.model)
    browser = site.browser(owner)
    stated = await press(browser, await browser.page(GATE), "preview", mode="closed")
    assert "3 people lose access" in words(stated)


async def test_a_change_of_a_reviewed_gate_counts_who_was_let_in_alone(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    owner, let_in, waits = (world.person(f"{name}@quarry.example") for name in ("owner", "let-in", "waits"))
    demand = catalog.GateDemand(
        mode=GateMode.MANUAL, licenses=("sample-openrail-m@1.0",), fields=model.gate.fields
    )
    given = {"publisher": "quarry", "name": "quarry-15b", "principal": owner, "now": world.now}
    assert not isinstance(world.write(catalog.change_gate, demand=demand, **given), Refusal)
    for person in (let_in, waits):
        world.accept(person, world.model(owner))
    grant(world, owner, let_in)
    browser = site.browser(owner)
    page = await browser.page(GATE)
    assert "1 person loses access" in words(await press(browser, page, "preview", mode="closed"))
    opened = words(await press(browser, page, "preview", mode="auto"))
    assert "1 person keeps access" in opened
    assert "1 person may download at once" in opened


async def test_people_who_lose_a_derived_model_are_counted_before_a_change_and_a_move(site: Site) -> None:
    world = site.world
    _ = world.keys
    scene = Scene(world, "no-spam")
    own = world.restricting("own-m", "no-spam")
    assert not isinstance(scene.publish(own), Refusal)
    files = {"README.md": b"# Other\n", "model.safetensors": b"\x00\x01other" * 2000}
    world.release(scene.owner, scene.quarry, name="other", requires=(scene.asked,), files=files)
    for number in range(3):
        person = world.person(f"p{number}@uni.example")
        base, slate = world.model(person), world.model(person, "meadow", "slate")
        assert not isinstance(world.accept(person, base), Refusal)
        if number:
            assert not isinstance(world.accept(person, slate, answers={}), Refusal)
    extra = world.restricting("extra-m")
    browser = site.browser(scene.owner)
    page = await press(browser, await browser.page(GATE), "add-license", **{"add-license": extra})
    stated = words(await press(browser, page, "preview"))
    assert "3 people must accept extra-m 1.0" in stated
    assert "2 people cannot download models that were made from it any more" in stated
    assert "meadow/slate" not in stated
    moved = await browser.post(f"{GATE}/sharing", seen_on=GATE, target="quarry/other", do="preview")
    assert "2 people cannot download models that were made from it any more" in words(moved.text)
    harmless = words(await press(browser, await browser.page(GATE), "preview", days="3", mode="closed"))
    assert "made from it" not in harmless
