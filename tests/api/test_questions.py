"""The questions of a gate: each says why it is asked, how to answer it, and what an answer must be."""

from typing import Any

import pytest

from registry import catalog
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from tests.api.conftest import Site
from tests.api.test_gate_page import GATE, confirm, form_of, press, send
from tests.world import CARD, WEIGHTS, World

ACCEPT = "/quarry/quarry-15b/accept"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def put_gate(site: Site, owner: Principal, *fields: dict[str, Any]) -> Any:
    body = {"mode": "auto", "licenses": ["sample-openrail-m@1.0"], "form_fields": list(fields)}
    headers = site.browser(owner)._headers
    return await site.client.put("/api/v1/models/quarry/quarry-15b/gate", json=body, headers=headers)


async def test_a_question_without_purpose_is_refused_and_shown_with_it(site: Site, owner: Principal) -> None:
    asked = {"label": "Contract", "type": "text"}
    refused = await put_gate(site, owner, asked)
    assert refused.status_code == 422
    assert refused.json()["code"] == "form-malformed"
    assert refused.json()["errors"]["Contract"].startswith("say why you ask for this")
    browser = site.browser(owner)
    text = await browser.page(GATE)
    empty = await press_refused(browser, text, **{"field-1-purpose": ""})
    assert "Say why you ask for this." in empty
    stated = await press(
        browser,
        text,
        "preview",
        **{"field-1-label": "Contract", "field-1-purpose": "To find your contract", "field-1-pattern": "C-[0-9]+",
           "field-1-help": "Such as C-17.", "field-1-min_length": "3"},
    )  # fmt: skip
    assert "Asks “Contract” too." in stated
    assert "why: To find your contract" in stated
    assert (await confirm(browser, stated)).status_code == 303
    person = site.world.person()
    shown = await site.browser(person).page(ACCEPT)
    assert "Such as C-17. Why: To find your contract" in shown
    model: ModelView = site.world.model(owner)
    wrong = site.world.accept(person, model, answers={"Contract": "17", "Country": "NO"})
    assert wrong.errors["Contract"] == "The answer has 2 characters; at least 3 are asked for."
    wrong = site.world.accept(person, model, answers={"Contract": "17-C", "Country": "NO"})
    assert wrong.errors["Contract"] == "The answer does not have the form that is asked for. Such as C-17."
    assert site.world.accept(person, model, answers={"Contract": "C-17", "Country": "NO"}).id


async def press_refused(browser: Any, text: str, **changes: Any) -> str:
    answer = await send(browser, form_of(text), "preview", **changes)
    assert answer.status_code == 422
    shown: str = answer.text
    return shown


async def test_a_card_without_purposes_is_published_and_says_so(site: Site, owner: Principal) -> None:
    world = site.world
    publisher = world.read(catalog.find_publisher, name="quarry")
    card = CARD.replace(b"Affiliation: text", b"Lab: text")
    bare = world.release(
        owner,
        publisher,
        name="bare",
        files={"README.md": card, "model.safetensors": WEIGHTS + b"bare"},
    )
    assert [one.label for one in bare.gate.fields if not one.is_explained] == ["Lab", "Country"]
    shown = await site.browser(world.person()).page("/quarry/bare/accept")
    assert shown.count("The publisher has not said why it asks for this.") == 2
    gate = await site.browser(owner).page("/quarry/bare/gate")
    assert "Questions do not say why they are asked" in gate
