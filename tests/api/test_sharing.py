"""A proof that shows less: chosen on a page, said in words, for the acceptor alone, and it verifies."""

import html
from typing import Any

import pytest

from registry.client.disclosing import hidable_names
from registry.client.said import sentence_of
from registry.client.verify import verify_receipt
from tests.api.conftest import Site

MARA = "mara@nordlab.example"


@pytest.fixture
def summary(site: Site) -> Any:
    summary = site.world.accept(site.world.person(MARA), site.world.gated_model())
    site.world.integrate()
    return summary


async def test_the_page_proposes_the_domain_alone(site: Site, summary: Any) -> None:
    page = html.unescape(await site.browser(site.world.person(MARA)).page(f"/records/{summary.id}/share"))
    assert "Someone at nordlab.example accepted Sample OpenRAIL-M 1.0 for quarry/quarry-15b on" in page
    assert f"/api/v1/receipts/{summary.id}?only=email_domain" in page
    assert "Kept back: <bdi>Name, E-mail address, Network address" in page


@pytest.mark.parametrize(
    ("query", "said", "shown"),
    [
        ("chosen=1", "Somebody accepted", ()),
        ("chosen=1&show=name", "Mara Lindqvist accepted", ("name",)),
        (
            "chosen=1&show=email_domain&show=answers.Country",
            "Someone at",
            ("email_domain", "answers.Country"),
        ),
        ("chosen=1&show=passport&show=", "Somebody accepted", ()),
    ],
)
async def test_what_is_chosen_is_shown_and_nothing_else(
    site: Site, summary: Any, query: str, said: str, shown: tuple[str, ...]
) -> None:
    mara = site.browser(site.world.person(MARA))
    page = html.unescape(await mara.page(f"/records/{summary.id}/share?{query}"))
    assert said in page
    start = page.index(f"/api/v1/receipts/{summary.id}?only=")
    answer = await mara.get(page[start : page.index('"', start)])
    assert answer.headers["content-disposition"] == 'attachment; filename="proof-sample-openrail-m-1.0.json"'
    assert hidable_names(answer.content) == shown
    outcome = verify_receipt(answer.content)
    assert outcome.is_verified
    if "name" not in shown:
        assert b"Mara" not in answer.content
    if "Somebody" not in said:
        assert (sentence_of(outcome) or "").startswith(said.removesuffix(" accepted"))


async def test_nobody_else_chooses(site: Site, summary: Any) -> None:
    path = f"/records/{summary.id}/share"
    for person in ("stranger@nordlab.example", "owner@quarry.example"):
        assert (await site.browser(site.world.person(person)).get(path)).status_code == 404
    assert (await site.client.get(path)).status_code == 401
