"""The receipt as PDF, for its acceptor alone; the page of the receipt has its address as a QR code."""

import re
from typing import Any

import pytest

from registry.client.verify import verify_receipt
from tests.api.conftest import Site

MARA = "mara@nordlab.example"


@pytest.fixture
def summary(site: Site) -> Any:
    summary = site.world.accept(site.world.person(MARA), site.world.gated_model())
    site.world.integrate()
    return summary


async def test_the_acceptor_gets_pages_with_the_receipt_that_the_api_gives(site: Site, summary: Any) -> None:
    mara = site.browser(site.world.person(MARA))
    answer = await mara.get(f"/api/v1/receipts/{summary.id}/pdf")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="receipt-sample-openrail-m-1.0.pdf"'
    of_pdf, of_json = (
        verify_receipt(one.content) for one in (answer, await mara.get(f"/api/v1/receipts/{summary.id}"))
    )
    assert of_pdf.is_verified
    assert of_pdf.statement == of_json.statement


async def test_nobody_else_gets_them(site: Site, summary: Any) -> None:
    path = f"/api/v1/receipts/{summary.id}/pdf"
    for person in ("stranger@nordlab.example", "owner@quarry.example"):
        assert (await site.browser(site.world.person(person)).get(path)).status_code == 404
    assert (await site.client.get(path)).status_code == 401


async def test_the_page_leads_to_the_pdf_and_has_its_own_address_as_code(site: Site, summary: Any) -> None:
    page = await site.browser(site.world.person(MARA)).page(f"/records/{summary.id}")
    assert f'href="/api/v1/receipts/{summary.id}/pdf"' in page
    assert re.search(r'<path stroke="#000" d="M4 4\.5h1', page)
    of_owner = await site.browser(site.world.person("owner@quarry.example")).page(f"/records/{summary.id}")
    assert f"{summary.id}/pdf" not in of_owner
