"""The acceptance page over HTTP: what it shows, what it says is recorded, and what changed meanwhile."""

import html
import re

from registry.acceptances.kept import kept_of_acceptance
from tests.api.conftest import Site
from tests.world import CARD

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
    assert "end of the text reached" in form
    assert "your browser's clock" in form
    assert "6 years" not in form + privacy


async def test_a_location_is_not_promised(site: Site) -> None:
    world = site.world
    owner = world.person("owner@quarry.example")
    world.license("1.0", b"Sample\n\n1. Use it well.\n", "initial")
    card = CARD.replace(b"  Country: country\n", b"  Place: ip_location\n")
    world.release(owner, world.publisher(owner), files={"README.md": card, "model.safetensors": b"w" * 64})
    form = words(await site.browser(world.person()).page(PAGE))
    assert "does not guess or record your location" in form
    assert "is guessed" not in form
