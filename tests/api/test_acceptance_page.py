"""The acceptance page over HTTP: what it shows, what it says is recorded, and what changed meanwhile."""

import html
import re
from typing import Any

from registry import catalog, licenses
from registry.acceptances.kept import kept_of_acceptance
from registry.access.kept import kept_of_request
from registry.catalog.domain import GateMode
from registry.kernel.retention import DEFAULTS
from tests.api.conftest import Browser, Site
from tests.world import CARD, TEXT_10, TEXT_11, World

PAGE = "/quarry/quarry-15b/accept"


def words(text: str) -> str:
    """The words of a page, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def test_the_accept_page_and_the_privacy_page_say_the_same_about_an_acceptance(site: Site) -> None:
    site.world.gated_model()
    form = words(await site.browser(site.world.person()).page(PAGE))
    privacy = words(await site.anonymous.page("/privacy"))
    for on_form, on_privacy in zip(
        kept_of_acceptance("quarry"), kept_of_acceptance("the publisher"), strict=True
    ):
        assert f"{on_form.what} read by {on_form.readers}; kept {on_form.kept}" in form
        for said in (on_privacy.what, on_privacy.why, on_privacy.readers, on_privacy.kept):
            assert said in privacy
    for said in kept_of_request("the publisher", DEFAULTS):
        assert said.kept in privacy
    assert "end of the text reached" in form
    assert "your browser's clock" in form
    assert "90 days, then deleted" in form
    assert "6 years after you withdrew the acceptance" in form


async def test_a_location_is_not_promised(site: Site) -> None:
    world = site.world
    owner = world.person("owner@quarry.example")
    world.license("1.0", b"Sample\n\n1. Use it well.\n", "initial")
    card = CARD.replace(b"  Country: country\n", b"  Place: ip_location\n")
    world.release(owner, world.publisher(owner), files={"README.md": card, "model.safetensors": b"w" * 64})
    form = words(await site.browser(world.person()).page(PAGE))
    assert "does not guess or record your location" in form
    assert "is guessed" not in form


def hidden(text: str) -> dict[str, str]:
    """The fields that the form carries unseen."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def require(world: World, *references: str) -> None:
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=references),
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed


async def send(browser: Browser, form: dict[str, str]) -> Any:
    return await browser.post(PAGE, seen_on=PAGE, declaration="on", typed_name="Mara Lindqvist", **form)


async def test_a_first_time_acceptor_sees_what_changed_while_the_page_was_open(site: Site) -> None:
    world = site.world
    world.gated_model()
    world.license("1.1", TEXT_11, "material")
    browser = site.browser(world.person())
    form = hidden(await browser.page(PAGE))
    form.pop("_csrf")
    require(world, "sample-openrail-m@1.1")
    answer = await send(browser, form)
    assert answer.status_code == 409
    said = words(answer.text)
    assert "You were shown Sample OpenRAIL-M 1.0 on the page just sent." in said
    assert "The text has changed since you opened this page" in said
    assert "No spam" in "".join(re.findall(r"<ins>(.*?)</ins>", answer.text))
    assert "Mara Lindqvist" in answer.text
    fresh = hidden(answer.text)
    fresh.pop("_csrf")
    assert (await send(browser, fresh)).status_code == 303


async def test_a_strangers_ticket_shows_nothing_of_what_they_saw(site: Site) -> None:
    world = site.world
    world.gated_model()
    world.license("1.1", TEXT_11, "material")
    form = hidden(await site.browser(world.person("eve@nordlab.example")).page(PAGE))
    form.pop("_csrf")
    require(world, "sample-openrail-m@1.1")
    answer = await send(site.browser(world.person()), form)
    assert answer.status_code == 409
    assert "You were shown" not in answer.text


async def test_another_form_with_the_same_text_is_not_called_another_text(site: Site) -> None:
    world = site.world
    world.gated_model()
    browser = site.browser(world.person())
    form = hidden(await browser.page(PAGE))
    form.pop("_csrf")
    require(world, "sample-openrail-m@1.0")
    answer = await send(browser, form)
    assert answer.status_code == 409
    assert "The license is the same" in answer.text
    assert "The text has changed" not in answer.text


async def test_after_a_refusal_the_texts_are_shown_in_the_same_order(site: Site) -> None:
    world = site.world
    world.gated_model()
    world.write(
        licenses.publish_version,
        command=licenses.PublishVersion(
            slug="second-m",
            number="1.0",
            change_class=licenses.ChangeClass.INITIAL,
            text=TEXT_10 + b"Second.\n",
            title="Second M",
        ),
        now=world.now,
        by=None,
    )
    require(world, "sample-openrail-m@1.0", "second-m@1.0")
    browser = site.browser(world.person())
    form = hidden(await browser.page(PAGE, license="second-m@1.0"))
    form.pop("_csrf")
    answer = await browser.post(PAGE, seen_on=PAGE, typed_name="Mara Lindqvist", **form)
    assert answer.status_code == 422
    said = words(answer.text)
    assert "Accept all 2 licenses" in said
    assert 0 < said.index("1 of 2. Asked for by quarry/quarry-15b") < said.index("Text bound: Second M 1.0")
    assert said.index("Text bound: Second M 1.0") < said.index("Text bound: Sample OpenRAIL-M 1.0")
