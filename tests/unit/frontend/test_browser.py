"""Every page in real Chromium: axe finds no violation, the policy is kept, nothing scrolls sideways."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from frontend_samples import CASES, Case, every_page
from frontend_samples.shared import REPOSITORY
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from registry.kernel.pages import SECURITY_HEADERS

pytestmark = pytest.mark.browser

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
ORIGIN = "http://localhost"  # answered by `answer` below; a name that browsers trust without https
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    "narrow": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {
    "light": EVERY_RULE,
    "dark": ["color-contrast", "link-in-text-block"],  # Only colours differ from the light scheme.
    "phone": EVERY_RULE,
}
FIRST_OF_TEMPLATE = {case.template: case.name for case in reversed(CASES)}.values()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed (Debian package `chromium`)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def contexts(browser: Browser, rendered: dict[str, str]) -> Iterator[dict[str, BrowserContext]]:
    """Give one context per mode that answers from the rendered samples, with the real headers."""
    pages = every_page()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        parts = path.split("/")
        static = pages.find_static(parts[2], parts[3]) if parts[1] == "static" else None
        if static is not None:
            route.fulfill(body=static.content, content_type=static.media_type)
        elif path.startswith("/sample/") and path[8:] in rendered:
            route.fulfill(body=rendered[path[8:]], content_type="text/html", headers=dict(SECURITY_HEADERS))
        else:
            route.fulfill(status=404, body=f"no {path}")

    made = {name: browser.new_context(**options) for name, options in MODES.items()}
    for context in made.values():
        context.route("**/*", answer)
        if AXE.exists() and context is not made["narrow"]:
            context.add_init_script(path=AXE)
    yield made
    for context in made.values():
        context.close()


def _open(context: BrowserContext, case: Case) -> tuple[Page, list[str]]:
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(_worth_telling(message)))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{ORIGIN}/sample/{case.name}", wait_until="load")
    return page, [line for line in said if line]


def _worth_telling(message: ConsoleMessage) -> str:
    return message.text if message.type in {"error", "warning"} else ""


def _too_wide(page: Page) -> list[str]:
    """Name what is wider than the window, or a table than the sheet that holds it."""
    return page.evaluate("""() => [
        ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []),
        ...[...document.querySelectorAll("table.rows")]
            .filter((table) => table.offsetWidth > table.parentElement.clientWidth + 1)
            .map((table) => `table: ${table.innerText.slice(0, 60)}`),
    ]""")


@pytest.mark.parametrize("mode", RULES)
def test_axe_finds_no_violation_and_the_policy_is_kept(
    contexts: dict[str, BrowserContext], case: Case, mode: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (`npm ci` in the repository)")
    if mode == "dark" and case.name not in FIRST_OF_TEMPLATE:
        pytest.skip("the dark scheme is looked at once for each template")
    page, said = _open(contexts[mode], case)
    try:
        options = json.dumps({"runOnly": RULES[mode], "resultTypes": ["violations"]})
        found = page.evaluate(f"axe.run(document, {options})")
        too_wide = _too_wide(page)
    finally:
        page.close()
    violations = [f"{each['id']}: {node['target']} {node['failureSummary']}"
                  for each in found["violations"] for node in each["nodes"]]  # fmt: skip
    assert not violations, "\n".join(violations)
    assert not said, said
    assert not too_wide


def test_no_page_scrolls_sideways_at_320_pixels(contexts: dict[str, BrowserContext]) -> None:
    page = contexts["narrow"].new_page()
    found = {}
    for case in CASES:
        page.goto(f"{ORIGIN}/sample/{case.name}", wait_until="load")
        found[case.name] = _too_wide(page)
    page.close()
    assert not {name: wide for name, wide in found.items() if wide}


def test_the_filters_of_the_catalog_are_open_beside_the_list_and_folded_on_a_phone(
    contexts: dict[str, BrowserContext],
) -> None:
    case = next(case for case in CASES if case.name == "catalog")
    for mode, visible in (("light", True), ("phone", False)):
        page, _ = _open(contexts[mode], case)
        assert page.get_by_label("Closed").is_visible() is visible
        page.close()


def test_a_copy_button_appears_with_script_and_copies_the_whole_digest(
    contexts: dict[str, BrowserContext],
) -> None:
    case = next(case for case in CASES if case.name == "files")
    page, _ = _open(contexts["light"], case)
    page.evaluate("navigator.clipboard = undefined; window.taken = null;"
                  "Object.defineProperty(navigator, 'clipboard',"
                  " {value: {writeText: async (text) => { window.taken = text; }}})")  # fmt: skip
    page.get_by_role("button", name="Copy the SHA-256 of LICENSE").click()
    assert len(page.evaluate("window.taken")) == 64
    page.close()


def test_the_end_of_the_text_is_noted_once_it_was_on_the_screen(contexts: dict[str, BrowserContext]) -> None:
    case = next(case for case in CASES if case.name == "accept")
    page, _ = _open(contexts["phone"], case)
    field = page.locator("input[name=end_reached_ms]")
    assert field.input_value() == ""
    page.locator("#text-end").scroll_into_view_if_needed()
    expect(field).not_to_have_value("")
    assert int(field.input_value()) >= 0
    page.close()


def test_the_acceptance_form_can_be_filled_in_by_keyboard_alone(contexts: dict[str, BrowserContext]) -> None:
    case = next(case for case in CASES if case.name == "accept")
    page, _ = _open(contexts["light"], case)
    page.locator("#field-1").focus()
    names = []
    for _ in range(12):
        names.append(
            page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        )
        page.keyboard.press("Tab")
    wanted = ["answer.0", "answer.1", "answer.3", "answer.4", "answer.5", "declaration", "typed_name"]
    order = [name for name in dict.fromkeys(names) if name in wanted]
    assert order == [name for name in wanted if name in order]
    page.close()
