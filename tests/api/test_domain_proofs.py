"""An officer claims a domain and proves it by a DNS record, on the page and over the API."""

import html
import re
from typing import Any
from uuid import UUID

import dns.rcode
import pytest

from registry.identity import organisations
from registry.identity.domain import Principal
from tests.api.conftest import Browser, Site
from tests.integration.access.test_covers import mark_verified
from tests.servers.dns import DNSServer, rcode, silence, texts

OFFICER, DOMAIN = "mara@nordlab.example", "nordlab.example"
NAME = f"_gatehouse-challenge.{DOMAIN}"


@pytest.fixture
def more_settings(dns_server: DNSServer) -> dict[str, Any]:
    return {"dns_servers": (dns_server.address,), "dns_timeout_seconds": 1}


@pytest.fixture
def officer(site: Site) -> Principal:
    person = site.world.person(OFFICER)
    mark_verified(site.world)
    return person


@pytest.fixture
async def page(site: Site, officer: Principal) -> str:
    """The page of a new organisation."""
    made = await site.browser(officer).post(
        "/organisations", seen_on="/organisations", name="Nordlab Institute"
    )
    assert made.status_code == 303
    location: str = made.headers["location"]
    return location


def value_on(text: str) -> str:
    found = re.search(r"gatehouse-domain-verification=[\w-]+", html.unescape(text))
    assert found, text
    return found.group()


def check_url(text: str) -> str:
    found = re.search(r'action="(/organisations/[^"]+/check)"', text)
    assert found, text
    return found.group(1)


async def test_the_page_shows_the_record_and_checks_it(
    site: Site, officer: Principal, page: str, dns_server: DNSServer
) -> None:
    browser = site.browser(officer)
    claimed = await browser.post(f"{page}/domains", seen_on=page, domain=DOMAIN, how="dns")
    assert (claimed.status_code, claimed.headers["location"]) == (303, page)
    shown = await browser.page(page)
    assert NAME in shown
    value = value_on(shown)
    assert "No proved domain yet" in shown

    not_there = await browser.post(check_url(shown), seen_on=page)
    assert not_there.status_code == 409
    assert f"The DNS has no such record at {NAME} yet" in not_there.text
    assert value in not_there.text  # the page goes on from there
    dns_server.say(NAME, silence)
    silent = await browser.post(check_url(shown), seen_on=page)
    assert silent.status_code == 503
    assert "The DNS did not answer" in silent.text

    dns_server.say(NAME, texts(b"other", value.encode()))
    proved = await browser.post(check_url(shown), seen_on=page)
    assert (proved.status_code, proved.headers["location"]) == (303, page)
    after = await browser.page(page)
    assert "Can accept for its members" in after
    assert value not in after
    assert f"TXT record at {NAME}" in after


async def test_the_record_is_for_officers(site: Site, officer: Principal, page: str) -> None:
    await site.browser(officer).post(f"{page}/domains", seen_on=page, domain=DOMAIN, how="dns")
    guest = site.world.person("guest@partner.example")
    site.world.write(
        organisations.name_member,
        organisation_id=UUID(page.rpartition("/")[2]),
        email="guest@partner.example",
        is_officer=False,
        principal=officer,
        sealer=site.world.sealer,
        now=site.world.now,
    )
    shown = await site.browser(guest).page(page)
    assert "gatehouse-domain-verification" not in shown
    assert "/check" not in shown
    assert "While no domain is proved, what officers accept covers nobody" in shown


async def test_a_choice_that_was_not_offered_is_marked(site: Site, officer: Principal, page: str) -> None:
    for how in ("", "root"):
        refused = await site.browser(officer).post(f"{page}/domains", seen_on=page, domain=DOMAIN, how=how)
        assert refused.status_code == 422
        assert "Choose one of the offered ways" in refused.text
    assert "domain-record" not in await site.browser(officer).page(page)


async def test_the_api_does_what_the_page_does(
    site: Site, officer: Principal, page: str, dns_server: DNSServer
) -> None:
    api, browser = f"/api/v1{page}/domains", site.browser(officer)

    async def post(path: str, body: Any = None, who: Browser = browser) -> Any:
        headers = {**who._headers, "Accept": "application/json"}
        return await site.client.post(path, json=body, headers=headers)

    claimed = await post(api, {"domain": DOMAIN})
    assert claimed.status_code == 201, claimed.text
    (domain,) = claimed.json()["items"]
    assert domain["record"]["name"] == NAME
    assert (domain["mailbox"], domain["proved_at"], domain["missing_since"]) == (None, None, None)
    check = f"{api}/{domain['id']}/check"
    dns_server.say(NAME, rcode(dns.rcode.SERVFAIL))
    assert ((await post(check)).status_code, (await post(check)).json()["code"]) == (
        503,
        "domain-record-unanswered",
    )
    dns_server.say(NAME, texts(b"else"))
    absent = (await post(check)).json()
    assert (absent["status"], absent["code"]) == (409, "domain-record-absent")
    assert absent["remedy"]["url"].endswith(page)
    dns_server.say(NAME, texts(domain["record"]["value"].encode()))
    proved = await post(check)
    assert proved.status_code == 200
    assert proved.json()["items"][0]["valid_until"] is not None

    mailed = await post(api, {"domain": DOMAIN, "mailbox": "postmaster"})
    assert mailed.status_code == 201
    assert [one["mailbox"] for one in mailed.json()["items"]] == [None, "postmaster"]
    refused = await post(api, {"domain": "else.example", "mailbox": "root"})
    assert refused.status_code == 422
    assert set(refused.json()["errors"]) == {"domain", "mailbox"}
    assert (await post(api, {"domain": DOMAIN, "resolver": "192.0.2.1"})).status_code == 400

    token = site.world.token(officer)
    by_token = await site.client.post(check, headers={"Authorization": f"Bearer {token}"})
    assert by_token.status_code == 403
