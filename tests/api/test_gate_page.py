"""The page on which maintainers change a gate: what it shows, states, refuses and stores."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from registry import catalog
from registry.access.domain import Permit
from registry.catalog.domain import GateMode, ModelView, Role
from registry.catalog.forms import FieldType
from registry.identity.domain import Principal
from tests.api.conftest import Browser, Site
from tests.world import BASE_URL, TEXT_11, TEXT_101, World

GATE = "/quarry/quarry-15b/gate"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


def form_of(text: str) -> dict[str, Any]:
    """The fields of the gate's form as a browser would send them."""
    form = text[text.index('aria-label="Change the gate"') :]
    form = form[: form.index("</form>")]
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        given = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        if given.get("type") not in {"radio", "checkbox"} or " checked" in tag:
            fields[given["name"]] = given.get("value", "")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        chosen = next((value for value, selected in values if selected), values[0][0])
        fields[name] = [*fields.get(name, []), chosen] if name == "license" else chosen
    for name, value in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        fields[name] = unescape(value)
    return fields


async def send(browser: Browser, fields: dict[str, Any], button: str, **changes: Any) -> Any:
    token = fields.pop("_csrf")
    return await browser.post(GATE, seen_on=GATE, token=token, **{**fields, **changes, "do": button})


async def press(browser: Browser, text: str, button: str, **changes: Any) -> str:
    answer = await send(browser, form_of(text), button, **changes)
    assert answer.status_code == 200, answer.text[:3000]
    page: str = answer.text
    return page


async def confirm(browser: Browser, text: str, button: str = "confirm") -> Any:
    token = re.findall(r'name="_csrf" value="([^"]+)"', text)[-1]
    found = re.search(r'name="draft" value="([^"]*)"', text)
    assert found, text[:3000]
    return await browser.post(GATE, seen_on=GATE, token=token, draft=unescape(found[1]), do=button)


def model_of(site: Site, owner: Principal) -> ModelView:
    return site.world.model(owner)


async def test_the_gate_is_for_staff_and_changed_by_maintainers(site: Site, owner: Principal) -> None:
    assert (await site.anonymous.get(GATE)).status_code == 401
    assert (await site.browser(site.world.person()).get(GATE)).status_code == 403
    auditor = site.world.person("auditor@quarry.example")
    site.world.write(
        catalog.add_role,
        publisher="quarry",
        person_id=auditor.person_id,
        role=Role.AUDITOR,
        principal=owner,
        now=site.world.now,
    )
    looks = await site.browser(auditor).page(GATE)
    assert "Owners and maintainers of the publisher change it" in looks
    assert "See what this changes" not in looks
    text = await site.browser(owner).page(GATE)
    assert "owner@quarry.example" in text
    assert "Revision 1" in text
    assert "Read and accept Sample OpenRAIL-M 1.0" in text
    stranger = site.browser(site.world.person("stranger@lab.example"))
    token = form_of(text)["_csrf"]
    assert (await stranger.post(GATE, seen_on=GATE, token=token, do="preview")).status_code == 403


async def test_a_private_model_and_an_absent_one_have_the_same_gate(site: Site, owner: Principal) -> None:
    publisher = site.world.read(catalog.find_publisher, name="quarry")
    site.world.release(owner, publisher, name="secret", private=True)
    stranger = site.browser(site.world.person())
    told = set()
    for name in ("secret", "absent"):
        answer = await stranger.get(f"/quarry/{name}/gate")
        assert answer.status_code == 404
        shown = re.sub(r'(value="[^"]*"|req(uest)?[_-][^<"]*|[0-9a-f]{32})', "", answer.text)
        told.add(shown.replace(name, "NAME"))
    assert len(told) == 1
    assert (await site.browser(owner).get("/quarry/secret/gate")).status_code == 200


async def test_a_change_states_its_effect_and_is_stored_once_confirmed(site: Site, owner: Principal) -> None:
    world = site.world
    model = model_of(site, owner)
    for number in range(3):
        world.accept(world.person(f"person{number}@lab.example"), model)
    world.license("1.1", TEXT_11, "material")
    browser = site.browser(owner)
    text = await browser.page(GATE)
    stated = await press(browser, text, "preview", license="sample-openrail-m@1.1", days="0")
    assert "Asks for Sample OpenRAIL-M 1.1 instead of 1.0." in stated
    assert "3 people must accept Sample OpenRAIL-M 1.1" in stated
    assert "Read and accept Sample OpenRAIL-M 1.1" in stated
    assert model_of(site, owner).gate.number == 1

    answer = await confirm(browser, stated)
    assert (answer.status_code, answer.headers["location"]) == (303, GATE)
    gate = model_of(site, owner).gate
    assert gate.number == 2
    assert gate.created_by == owner.person_id
    world.integrate()
    assert world.read(lambda session: list(catalog.find_discrepancies(session))) == []
    after = await browser.page(GATE)
    assert "Revision 2" in after
    assert "log entry" in after


async def test_who_accepted_before_keeps_access_for_the_days_that_are_given(
    site: Site, owner: Principal
) -> None:
    world = site.world
    person = world.person()
    world.accept(person, model_of(site, owner))
    world.license("1.1", TEXT_11, "material")
    browser = site.browser(owner)
    stated = await press(
        browser, await browser.page(GATE), "preview", license="sample-openrail-m@1.1", days="10"
    )
    assert "1 person must accept Sample OpenRAIL-M 1.1 by 3 December 2026" in stated
    assert "They keep access until then" in stated
    assert (await confirm(browser, stated)).status_code == 303
    assert "You may download" in await site.browser(person).page("/quarry/quarry-15b")


async def test_an_editorial_version_asks_nobody_again(site: Site, owner: Principal) -> None:
    world = site.world
    world.accept(world.person(), model_of(site, owner))
    world.license("1.0.1", TEXT_101, "editorial")
    browser = site.browser(owner)
    stated = await press(browser, await browser.page(GATE), "preview", license="sample-openrail-m@1.0.1")
    assert "1 person keeps access" in stated


async def test_emptying_a_gate_says_so_before_it_happens(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    text = await press(browser, await browser.page(GATE), "remove-license-1")
    assert "No license is to be accepted" in text
    stated = await press(browser, text, "preview")
    assert "This opens the model to everybody" in stated
    assert "No longer asks for Sample OpenRAIL-M 1.0." in stated
    assert not model_of(site, owner).gate.is_open()
    assert (await confirm(browser, stated)).status_code == 303
    assert model_of(site, owner).gate.is_open()


async def test_closing_says_who_loses_access(site: Site, owner: Principal) -> None:
    world = site.world
    accepted = world.accept(world.person(), model_of(site, owner))
    world.accept(world.person("second@lab.example"), model_of(site, owner))
    world.withdraw(world.person(), accepted.id)
    browser = site.browser(owner)
    stated = await press(browser, await browser.page(GATE), "preview", mode="closed")
    assert "1 person loses access" in stated
    assert (await confirm(browser, stated)).status_code == 303
    assert model_of(site, owner).gate.mode is GateMode.CLOSED


async def test_questions_of_every_kind_are_added_moved_and_removed(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    text = await browser.page(GATE)
    for kind in FieldType:
        text = await press(browser, text, "add-field", **{"add-field": kind.value})
    fields = form_of(text)
    assert [fields[f"field-{number}-type"] for number in range(1, 9)] == [
        "text",
        "country",
        *(kind.value for kind in FieldType),
    ]
    labels = {f"field-{number}-label": f"Question number {number}" for number in range(3, 9)}
    labels |= {f"field-{number}-purpose": f"Reason {number}" for number in range(3, 9)}
    options = {"field-7-options": "r | Research\nEducation\n"}
    text = await press(browser, text, "up-field-8", **labels, **options)
    assert form_of(text)["field-7-label"] == "Question number 8"
    text = await press(browser, text, "down-field-1")
    assert form_of(text)["field-1-label"] == "Country"
    text = await press(browser, text, "remove-field-2")
    stated = await press(browser, text, "preview")
    assert "No longer asks “Affiliation”." in stated
    assert "one of: Research, Education" in stated
    again = await confirm(browser, stated, "edit")
    assert form_of(again.text)["field-7-options"].split("\n")[:2] == ["r | Research", "Education"]
    assert (await confirm(browser, stated)).status_code == 303
    stored = model_of(site, owner).gate.fields
    assert {field.type for field in stored} == set(FieldType)
    assert [field.key for field in stored][:2] == ["Country", "Question number 3"]
    select = next(field for field in stored if field.type is FieldType.SELECT)
    assert [(option.value, option.label) for option in select.options] == [
        ("r", "Research"),
        ("Education", "Education"),
    ]


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"field-1-label": ""}, "field-1-label-error", "A label has 1 to 1,000 characters."),
        ({"field-2-label": "Affiliation"}, "field-1-label-error", "Two fields have this key."),
        ({"field-1-type": "select"}, "field-1-label-error", "A select field has 1 to 500 options."),
        ({"field-1-label": "bell \x07"}, "field-1-label-error", "A label holds no control characters."),
        ({"license": "nobody@1.0"}, "licenses-error", "Name published versions"),
        ({"mode": "ajar"}, "mode-error", "Choose who gets in."),
        ({"days": "many"}, "days-error", "Write a number of days, 0 to 365."),
    ],
)
async def test_what_cannot_stand_is_said_beside_its_field_and_stays_typed(
    site: Site, owner: Principal, changes: dict[str, str], place: str, said: str
) -> None:
    browser = site.browser(owner)
    answer = await send(browser, form_of(await browser.page(GATE)), "preview", **changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{place}"' in answer.text
    name, value = next(iter(changes.items()))
    if name not in {"mode", "license"}:
        assert form_of(answer.text)[name] == value
    assert model_of(site, owner).gate.number == 1


async def test_a_gate_that_somebody_else_changed_meanwhile_is_not_overwritten(
    site: Site, owner: Principal
) -> None:
    browser = site.browser(owner)
    text = await browser.page(GATE)
    stated = await press(browser, text, "preview", mode="closed")
    other = await press(browser, text, "preview", mode="manual")
    assert (await confirm(browser, other)).status_code == 303
    answer = await confirm(browser, stated)
    assert answer.status_code == 409
    assert "The gate has changed since you looked at it" in answer.text
    assert (await send(browser, form_of(text), "preview", mode="closed")).status_code == 409
    assert model_of(site, owner).gate.mode is GateMode.MANUAL


async def test_a_form_without_our_token_or_from_another_person_changes_nothing(
    site: Site, owner: Principal
) -> None:
    browser = site.browser(owner)
    fields = form_of(await browser.page(GATE))
    forged = await send(browser, {**fields, "_csrf": "forged"}, "confirm", mode="closed")
    assert forged.status_code == 403
    other = site.browser(site.world.person())
    assert (await send(other, fields, "confirm", mode="closed")).status_code == 403
    assert model_of(site, owner).gate.number == 1


async def test_an_old_sign_in_sees_the_gate_and_changes_nothing(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    text = await browser.page(GATE)
    stated = await press(browser, text, "preview", mode="closed")
    site.world.clock.advance(timedelta(minutes=61))
    later = await browser.page(GATE)
    assert "Changing a gate takes a fresh sign-in" in later
    assert "See what this changes" not in later
    assert (await confirm(browser, stated)).status_code == 403
    assert model_of(site, owner).gate.number == 1


async def test_a_change_that_changes_nothing_is_told(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    text = await press(browser, await browser.page(GATE), "preview")
    assert "The gate asks for exactly this already" in text


async def test_weights_behind_a_stricter_gate_keep_a_gate_from_opening(site: Site, owner: Principal) -> None:
    world = site.world
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.clock.advance(timedelta(seconds=1))
    files = {"README.md": b"# Copy\n", "model.safetensors": b"\x00\x01weights\xff" * 4096}
    world.release(owner, publisher, name="copy", files=files)
    browser = site.browser(owner)
    text = (await browser.get("/quarry/copy/gate")).text
    fields = form_of(text)
    token = fields.pop("_csrf")
    del fields["license"]
    answer = await browser.post("/quarry/copy/gate", seen_on="", token=token, **{**fields, "do": "preview"})
    assert answer.status_code == 409
    assert "quarry/quarry-15b" in answer.text


async def test_the_list_of_models_leads_to_each_gate(site: Site, owner: Principal) -> None:
    assert f'href="{GATE}"' in await site.browser(owner).page("/manage/quarry")


async def test_a_base_is_shown_and_taken_out_with_a_reason(site: Site, owner: Principal) -> None:
    world = site.world
    card = b"---\nbase_model: quarry/quarry-15b\nbase_model_relation: finetune\n---\n# Slate\n"
    publisher = world.read(catalog.find_publisher, name="quarry")
    slate = world.release(owner, publisher, name="slate", requires=(), files={"README.md": card})
    person = world.person()
    browser, gate = site.browser(owner), "/quarry/slate/gate"
    page = await browser.page(gate)
    assert "Made from" in page
    assert ">quarry/quarry-15b</bdi></a> (finetune)" in page
    taken = {"base": "quarry/quarry-15b", "reason": " "}
    refused = await browser.post(f"{gate}/bases", seen_on=gate, **taken)
    assert refused.status_code == 422
    assert "why this is no base of the model" in refused.text
    assert not isinstance(world.decide(person, slate), Permit)
    denied = await site.browser(person).post(f"{gate}/bases", seen_on="/records", **taken)
    assert denied.status_code == 403
    answer = await browser.post(f"{gate}/bases", seen_on=gate, **{**taken, "reason": "Trained from nothing."})
    assert answer.status_code == 303
    assert "Made from" not in await browser.page(gate)
    assert isinstance(world.decide(person, slate), Permit)


async def test_how_requests_are_reviewed_is_set_with_the_gate(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    page = await browser.page(GATE)
    numbers = {"review-approvals": "2", "review-grant_days": "90"}
    wrong = await send(browser, form_of(page), "preview", mode="manual", **{"review-approvals": "none"})
    assert wrong.status_code == 422
    assert "A whole number from 1 to 5." in wrong.text
    stated = await press(browser, page, "preview", mode="manual", **numbers)
    assert "Reviewers who must agree: 2 instead of 1" in stated
    assert "Days that access lasts: 90 instead of no end" in stated
    assert (await confirm(browser, stated)).status_code == 303
    review = model_of(site, owner).gate.review
    assert (review.approvals, review.grant_days, review.answer_days) == (2, 90, 30)
    assert 'value="90"' in await browser.page(GATE)
    told = (await site.api("/api/v1/models/quarry/quarry-15b")).json()["gate"]["review"]
    assert (told["approvals"], told["grant_days"]) == (2, 90)
    answer = await browser.client.put(
        "/api/v1/models/quarry/quarry-15b/gate",
        json={"mode": "manual", "licenses": ["sample-openrail-m@1.0"], "review": {"approvals": 3}},
        headers={**browser._headers, "Origin": BASE_URL},
    )
    assert (answer.status_code, answer.json()["review"]["approvals"]) == (200, 3)
