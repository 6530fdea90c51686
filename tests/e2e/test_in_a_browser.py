"""The main job in real Chromium, over the running service with its real object store."""

import hashlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.cli.demo import DemoInfo, running_demo
from tests.servers.processes import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "/",
    "/licenses",
    "/licenses/gatehouse-openrail-m/1.1",
    "/log",
    "/records",
    "/requests",
    "/inbox",
    "/updates",
    "/organisations",
    "/device",
    "/sign-in",
    "/settings/tokens",
    "/settings/sessions",
    "/settings/identities",
    "/settings/passkeys",
    "/settings/email",
    "/settings/declarations",
    "/settings/service-accounts",
    "/settings/ci",
    "/problems",
    "/privacy",
    "/verify",
)
MODEL_PARTS = ("", "/files", "/releases", "/license", "/accept", "/gate", "/must-updates")
MANAGE_PARTS = (
    "",
    "/acceptances",
    "/downloads",
    "/roles",
    "/blocks",
    "/requests",
    "/looks",
    "/decisions",
    "/webhooks",
)
LOOKS = (("light", 1280), ("dark", 1280), ("dark", 390))

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoInfo]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running_demo(tmp_path_factory.mktemp("demo") / "data", port=port) as (info, _server):
        yield info


@pytest.fixture
async def troubles(browser_page: Any) -> list[str]:
    """What the browser complains about: broken policy, scripts, missing files.

    On the loop of the page, so it does not matter which loop another test left behind on this thread.
    """
    found: list[str] = []
    browser_page.on(
        "console", lambda message: found.append(message.text) if message.type == "error" else None
    )
    browser_page.on("pageerror", lambda error: found.append(str(error)))
    return found


async def sign_in(page: Any, url: str) -> None:
    await page.goto(url)
    await page.click("main button.primary")


def verify(receipt: Path, keys: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "registry.cli", "verify", str(receipt), "--keys", str(keys)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


async def violations(page: Any) -> list[str]:
    if not AXE.is_file():
        pytest.skip("axe-core is absent (deploy/node-packages.sh installs it)")
    await page.evaluate(AXE.read_text("utf-8"))
    result = await page.evaluate("axe.run()")
    return [f"{item['id']}: {item['nodes'][0]['html'][:120]}" for item in result["violations"]]


async def test_a_person_reads_accepts_downloads_and_verifies(
    demo: DemoInfo, browser_page: Any, troubles: list[str], tmp_path: Path
) -> None:
    page, model = browser_page, demo.models[0]
    keys = tmp_path / "keys.json"
    keys.write_bytes(await (await page.request.get(f"{demo.base_url}/api/v1/keys")).body())
    await page.goto(f"{demo.base_url}/{model}")
    assert await page.get_by_role("heading", name="Not signed in").count() == 1
    await sign_in(page, demo.model_user.sign_in_url)
    await page.goto(f"{demo.base_url}/{model}")
    await page.get_by_role("link", name="Read and accept the license").click()
    form = page.locator("#accept-form")
    assert await form.locator("input:checked").count() == 0
    assert await form.locator("#typed-name").input_value() == ""
    for field in await form.locator("select").all():
        assert await field.input_value() == ""
        await field.select_option(index=1)
    await form.locator("input[name^=answer-]").fill("Nordlab Institute")
    await form.locator("#declaration").check()
    await form.locator("#typed-name").fill("Mara Lindqvist")
    await form.get_by_role("button", name="Accept Gatehouse OpenRAIL-M 1.1").click()
    assert await page.get_by_text("Your acceptance is recorded").count() == 1

    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Download receipt").click()
    receipt = tmp_path / "receipt.json"
    await (await waiting.value).save_as(receipt)
    verified = verify(receipt, keys)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.startswith(f"Mara Lindqvist accepted Gatehouse OpenRAIL-M 1.1 for {model} on ")

    await page.goto(f"{demo.base_url}/{model}/files")
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="silero_vad_16k.safetensors").first.click()
    weights = tmp_path / "weights"
    await (await waiting.value).save_as(weights)
    assert hashlib.sha256(weights.read_bytes()).hexdigest().startswith("c59271c2")
    assert troubles == []


async def test_without_scripts_the_acceptance_works_the_same(demo: DemoInfo, browser: Any) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, demo.newcomer.sign_in_url)
    await page.goto(f"{demo.base_url}/{demo.models[0]}/accept")
    form = page.locator("#accept-form")
    for field in await form.locator("select").all():
        await field.select_option(index=1)
    await form.locator("input[name^=answer-]").fill("Nordlab Institute")
    await form.locator("#declaration").check()
    await form.locator("#typed-name").fill("New Comer")
    await form.locator("button.primary").click()
    assert "/records/" in page.url
    await context.close()


async def test_axe_finds_nothing_on_the_real_pages(
    demo: DemoInfo, browser_page: Any, troubles: list[str]
) -> None:
    """In light and dark, and as wide as a phone: each page is opened once."""
    page = browser_page
    await sign_in(page, demo.maintainer.sign_in_url)
    model, publisher = demo.models[1], demo.models[1].partition("/")[0]
    manage = [f"/manage/{publisher}{part}" for part in MANAGE_PARTS]
    found = {}
    for path in (*PAGES, *(f"/{model}{part}" for part in MODEL_PARTS), *manage):
        answer = await page.goto(demo.base_url + path)
        assert answer.status == 200, path
        for scheme, width in LOOKS:
            await page.emulate_media(color_scheme=scheme)
            await page.set_viewport_size({"width": width, "height": 900})
            if problems := await violations(page):
                found[path, scheme, width] = problems
    await page.goto(f"{demo.base_url}/{model}/gate")
    await page.get_by_label("Model whose gate this one is to share").select_option(demo.models[0])
    await page.get_by_role("button", name="Share its gate").click()
    assert await page.get_by_text("may download as before").count() == 1
    if problems := await violations(page):
        found["what sharing a gate does", *LOOKS[-1]] = problems
    assert found == {}
    assert troubles == []
