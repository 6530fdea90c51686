"""Accepting with a passkey's signature, in real Chromium with its virtual authenticator, over the running service."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from registry.client.key_binding import Asked
from registry.client.verify import verify_receipt
from tests.e2e.test_passkeys_in_a_browser import Device, Site, add_passkey, device, sign_in, site, violations
from tests.world import ANSWERS

__all__ = ["device", "site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
PAGE = "/quarry/quarry-15b/accept"
SIGN = "Accept Sample OpenRAIL-M 1.0 and sign with a passkey"


@pytest.fixture(autouse=True)
def gated(site: Site) -> None:
    if not hasattr(site, "gated"):
        site.world.gated_model()
        site.gated = True  # type: ignore[attr-defined] # once for the module


async def fill_in(site: Site, page: Any, *, name: str = "Mara Lindqvist") -> None:
    await page.goto(site.url + PAGE)
    await page.get_by_label("Affiliation").fill(ANSWERS["Affiliation"])
    await page.get_by_label("Country").select_option(ANSWERS["Country"])
    await page.locator("#declaration").check()
    await page.locator("#typed-name").fill(name)


async def receipt_of(site: Site, page: Any) -> Any:
    await page.wait_for_url("**/records/*")
    acceptance_id = page.url.split("/records/")[1].split("?")[0]
    answer = await page.context.request.get(f"{site.url}/api/v1/receipts/{acceptance_id}")
    return await answer.json()


async def test_passkey_signs_what_the_page_showed_and_anybody_can_verify_it(
    site: Site, device: Device
) -> None:
    page = device.page
    await sign_in(site, page, "signer@nordlab.example")
    await add_passkey(site, page, "laptop")
    await fill_in(site, page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Sign it with a passkey, too").click()
    await page.get_by_role("heading", name="Sign your acceptance").wait_for()
    assert await violations(page) == []
    assert await page.get_by_text("Mara Lindqvist").is_visible()
    await page.get_by_role("button", name=SIGN).click()
    receipt = await receipt_of(site, page)
    assert f"“{SIGN}”" in await page.locator("main").inner_text()
    outcome = verify_receipt(json.dumps(receipt).encode())
    assert outcome.failure is None, outcome.failure
    assert "the acceptor has signed this acceptance with a passkey of localhost" in outcome.steps[-2].text
    statement: Any = outcome.statement
    assert statement["grade"] == "A"
    assert statement["act"]["affirmed_by"] == ["box", "typed-name", "button", "own-signature"]
    assert {"hwk", "user"} <= set(statement["identity"]["amr"])
    assert device.troubles == []


async def test_receipt_is_bound_to_a_key_of_the_browser_that_shows_it_to_one_reader(
    site: Site, device: Device, tmp_path: Path
) -> None:
    page = device.page
    await sign_in(site, page, "bound@nordlab.example")
    await add_passkey(site, page, "laptop")
    await fill_in(site, page)
    await page.get_by_role("button", name="Sign it with a passkey, too").click()
    await page.get_by_role("button", name=SIGN).click()
    receipt = await receipt_of(site, page)
    statement: Any = verify_receipt(json.dumps(receipt).encode()).statement
    assert statement["cnf"]["jwk"]["crv"] == "Ed25519"
    share = f"{page.url.split('?')[0]}/share"
    await page.goto(share)
    assert await violations(page) == []
    await page.get_by_label("Name of the reader").fill("audit.example.org")
    await page.get_by_label("Their word").fill("blue heron")
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Download proof for them").click()
    file = tmp_path / "proof.json"
    await (await saving.value).save_as(file)
    asked = Asked(audience="audit.example.org", nonce="blue heron", now=datetime.now(UTC))
    outcome = verify_receipt(file.read_bytes(), asked=asked)
    assert outcome.failure is None, outcome.failure
    assert outcome.disclosed == ("email_domain",)
    assert not verify_receipt(file.read_bytes(), asked=replace(asked, nonce="grey heron")).is_verified
    # In another browser the page says where the key is.
    await page.evaluate("indexedDB.deleteDatabase('gatehouse')")
    await page.goto(share)
    await page.get_by_text("The key is not in this browser").wait_for()
    assert not await page.get_by_label("Their word").is_visible()
    assert device.troubles == []


async def test_signature_counts_for_that_form_alone(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "bent@nordlab.example")
    await add_passkey(site, page, "laptop")
    await fill_in(site, page)
    await page.get_by_role("button", name="Sign it with a passkey, too").click()
    sent: list[str] = []

    async def keep(route: Any) -> None:
        sent.append(route.request.post_data)
        await route.abort()

    await page.route(f"**{PAGE}", keep)
    await page.get_by_role("button", name=SIGN).click()
    while not sent:
        await page.wait_for_timeout(20)
    fields = dict(parse_qsl(sent[0], keep_blank_values=True))

    async def post(**changes: str) -> tuple[int, str]:
        answer = await page.context.request.post(
            site.url + PAGE,
            data=urlencode(fields | changes),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": site.url,
                "Accept": "text/html",
            },
            max_redirects=0,
        )
        return answer.status, await answer.text()

    for changes, status, said in (
        ({"typed_name": "Ben"}, 409, "The form is not the one that the declaration was made for"),
        ({"challenge": "x.y"}, 409, "The declaration was not made for you"),
        ({"credential": "{}"}, 403, "/problems/passkey-refused"),
        ({"declaration": ""}, 422, "Tick the box"),
        ({"holder_key": ""}, 409, "The form is not the one that the declaration was made for"),
        ({"possession": ""}, 422, "was not shown to be at hand"),
        ({"possession": "A" * 86}, 422, "was not shown to be at hand"),
        ({"possession": "%00" * 40}, 422, "was not shown to be at hand"),
    ):
        got, text = await post(**changes)
        assert (got, said in text) == (status, True), (changes, got, text[:3000])
    client_data = json.loads(fields["credential"])
    client_data["response"]["signature"] = client_data["response"]["signature"][:-6] + "AAAAAA"
    got, text = await post(credential=json.dumps(client_data))
    assert (got, "/problems/passkey-refused" in text) == (403, True)
    assert (await post())[0] == 303
    assert (await post())[0] == 303


async def test_without_the_person_being_verified_nothing_is_signed(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "unverified@nordlab.example")
    await add_passkey(site, page, "laptop")
    await fill_in(site, page)
    await page.get_by_role("button", name="Sign it with a passkey, too").click()
    await device.ask("setUserVerified", isUserVerified=False)
    await page.get_by_role("button", name=SIGN).click()
    await page.get_by_text("No passkey was used").wait_for()
    assert page.url.endswith("/accept/sign")


async def test_who_has_no_passkey_is_not_offered_it_and_what_is_missing_is_told(
    site: Site, device: Device
) -> None:
    page = device.page
    await sign_in(site, page, "bare@nordlab.example")
    await page.goto(site.url + PAGE)
    assert await page.get_by_role("button", name="Sign it with a passkey, too").count() == 0
    await add_passkey(site, page, "laptop")
    await fill_in(site, page, name=" ")
    await page.get_by_role("button", name="Sign it with a passkey, too").click()
    await page.get_by_text("Type your full name; it is your signature on the statement").first.wait_for()
    assert await page.get_by_label("Affiliation").input_value() == ANSWERS["Affiliation"]
