"""Passkeys in real Chromium with its virtual authenticator, over the running service."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from registry import identity
from registry.delivery.seaweedfs import StoreAddress
from registry.identity.tables import WebSession
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.faults.serving import Service, cookie_of, free_port, started, wait_until_up
from tests.servers.processes import ROOT
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Site:
    url: str
    world: World

    def session(self) -> WebSession:
        """The newest session."""
        return self.world.read(
            lambda session: session.exec(
                select(WebSession).order_by(col(WebSession.created_at).desc())
            ).first()
        )


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, object_store_address: StoreAddress
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("passkeys")
    file = folder / "gatehouse.db"
    file.write_bytes(sqlite_template.read_bytes())
    database_url, port = f"sqlite:///{file}", free_port()
    # Browsers give passkeys to names, not to numbers such as 127.0.0.1.
    url = f"http://localhost:{port}"
    database = Database(database_url)
    with started(folder, database_url, object_store_address, "--port", str(port), base_url=url) as service:
        wait_until_up(Service(url=f"http://127.0.0.1:{port}", process=service.process, log=service.log))
        yield Site(url=url, world=World(database=database, clock=SystemClock()))
    database.close()


@dataclass
class Device:
    """A browser with an authenticator in it."""

    page: Any
    cdp: Any
    authenticator: str
    troubles: list[str]

    async def ask(self, command: str, **given: Any) -> Any:
        return await self.cdp.send(f"WebAuthn.{command}", {"authenticatorId": self.authenticator, **given})


async def add_authenticator(cdp: Any, transport: str) -> str:
    options = {
        "protocol": "ctap2",
        "transport": transport,
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return str(made["authenticatorId"])


@pytest.fixture
async def device(browser_page: Any) -> Device:
    troubles: list[str] = []
    browser_page.on(
        "console", lambda message: troubles.append(message.text) if message.type == "error" else None
    )
    browser_page.on("pageerror", lambda error: troubles.append(str(error)))
    cdp = await browser_page.context.new_cdp_session(browser_page)
    await cdp.send("WebAuthn.enable")
    authenticator = await add_authenticator(cdp, "internal")
    return Device(page=browser_page, cdp=cdp, authenticator=authenticator, troubles=troubles)


async def sign_in(site: Site, page: Any, email: str) -> None:
    cookie = cookie_of(site.world, site.world.person(email)).partition("=")[2]
    await page.context.add_cookies([{"name": "gatehouse_session", "value": cookie, "url": site.url}])


async def add_passkey(site: Site, page: Any, name: str) -> None:
    await page.goto(f"{site.url}/settings/passkeys")
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Add a passkey of this device").click()
    await page.locator("td.lead").get_by_text(name).wait_for()


async def sign_out(site: Site, page: Any) -> None:
    await page.goto(f"{site.url}/settings/identities")
    await page.get_by_role("button", name="Sign out").first.click()
    await page.get_by_role("link", name="Sign in").wait_for()


async def use_passkey(site: Site, page: Any, next_path: str = "/settings/passkeys") -> None:
    await page.goto(f"{site.url}/sign-in?next={next_path}")
    await page.get_by_role("button", name="Sign in with a passkey").click()


async def violations(page: Any) -> list[str]:
    if not AXE.is_file():
        pytest.skip("axe-core is absent (deploy/node-packages.sh installs it)")
    await page.evaluate(AXE.read_text("utf-8"))
    result = await page.evaluate("axe.run()")
    return [f"{item['id']}: {item['nodes'][0]['html'][:120]}" for item in result["violations"]]


async def test_a_passkey_is_added_signs_in_and_signs_in_again(site: Site, device: Device) -> None:
    page, person = device.page, "first@nordlab.example"
    await sign_in(site, page, person)
    await add_passkey(site, page, "laptop")
    assert await violations(page) == []
    await sign_out(site, page)
    await use_passkey(site, page)
    await page.locator("td.lead").get_by_text("laptop").wait_for()
    assert person in await page.locator(".site-user .who").inner_text()
    kept = site.session()
    assert (kept.method, kept.acr, kept.provider) == ("passkey", "phr", None)
    assert kept.amr == "hwk user mfa"

    await page.goto(f"{site.url}/sign-in/again?next=/settings/tokens")
    assert await violations(page) == []
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(f"{site.url}/settings/tokens")
    assert site.session().digest != kept.digest
    assert device.troubles == []


async def test_an_answer_of_a_passkey_counts_once(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "once@nordlab.example")
    await add_passkey(site, page, "once")
    await sign_out(site, page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data) if request.method == "POST" else None)
    await use_passkey(site, page)
    await page.locator("td.lead").get_by_text("once").wait_for()
    await page.context.clear_cookies(name="gatehouse_session")
    answer = await page.context.request.post(
        f"{site.url}/sign-in/passkey",
        data=sent[-1],
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": site.url,
            "Accept": "text/html",
        },
        max_redirects=0,
    )
    assert answer.status == 403
    assert "/problems/passkey-used" in await answer.text()


async def test_a_copy_of_a_passkey_is_noticed(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "copied@nordlab.example")
    await add_passkey(site, page, "copied")
    for _ in range(2):
        await sign_out(site, page)
        await use_passkey(site, page)
        await page.locator("td.lead").get_by_text("copied").wait_for()
    (credential,) = (await device.ask("getCredentials"))["credentials"]
    await device.ask("removeCredential", credentialId=credential["credentialId"])
    await device.ask("addCredential", credential=credential | {"signCount": 1})
    await sign_out(site, page)
    await use_passkey(site, page)
    await page.get_by_role("heading", name="There may be a copy of this passkey").wait_for()


async def test_without_being_verified_by_the_device_nobody_gets_in(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "unverified@nordlab.example")
    await add_passkey(site, page, "unverified")
    await sign_out(site, page)
    await device.ask("setUserVerified", isUserVerified=False)
    await use_passkey(site, page)
    await page.get_by_text("No passkey was used").wait_for()
    assert page.url.startswith(f"{site.url}/sign-in")


async def test_a_removed_passkey_no_longer_signs_in(site: Site, device: Device) -> None:
    page = device.page
    await sign_in(site, page, "removed@nordlab.example")
    await add_passkey(site, page, "removed")
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_role("heading", name="No passkeys yet").wait_for()
    await sign_out(site, page)
    await use_passkey(site, page)
    await page.get_by_role("heading", name="This passkey is not known here").wait_for()


async def test_a_passkey_as_second_step_keeps_everybody_out_until_it_is_shown(
    site: Site, device: Device
) -> None:
    page, person = device.page, "second@nordlab.example"
    await sign_in(site, page, person)
    await add_passkey(site, page, "laptop")
    second = await add_authenticator(device.cdp, "usb")
    await device.cdp.send(
        "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device.authenticator, "enabled": False}
    )
    await add_passkey(site, page, "key in the drawer")
    await device.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": second})
    await device.ask("setAutomaticPresenceSimulation", enabled=True)
    await page.get_by_role("button", name="Always ask for a passkey too").click()
    await page.get_by_text("also asks for a passkey").wait_for()
    await page.get_by_role("button", name="Remove").first.click()
    await page.get_by_role("heading", name="Each of your sign-ins asks for a passkey").wait_for()
    await sign_out(site, page)

    secret = site.world.write(
        identity.issue_local_link,
        email=person,
        next_path="/settings/tokens",
        lifetime=timedelta(minutes=5),
        sealer=site.world.sealer,
        now=site.world.now,
    )
    await page.goto(identity.link_url(site.url, secret))
    await page.get_by_role("button", name="Sign in as this person").click()
    await page.wait_for_url("**/sign-in/second-step?**")
    assert await violations(page) == []
    waiting = site.session()
    assert waiting.waits_for_passkey
    answer = await page.context.request.get(f"{site.url}/settings/tokens", max_redirects=0)
    assert answer.status == 401
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(f"{site.url}/settings/tokens")  # a pattern would fit the address before, too
    kept = site.session()
    assert (kept.method, kept.amr) == ("email-link", "email hwk user mfa")
    assert kept.digest != waiting.digest


async def test_without_scripts_the_page_says_what_to_do(site: Site, browser: Any) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site.url}/sign-in")
    assert await page.get_by_text("Passkeys need JavaScript").is_visible()
    assert not await page.get_by_role("button", name="Sign in with a passkey").is_visible()
    assert await page.get_by_role("button", name="Send me a sign-in link").is_visible()
    await context.close()
