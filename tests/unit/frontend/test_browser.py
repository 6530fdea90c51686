"""Every page in real Chromium: axe finds no violation, the policy is kept, nothing scrolls sideways."""

import json
from collections.abc import Iterator

import pytest
from frontend_samples import CASES, Case, every_page
from frontend_samples.shared import REPOSITORY
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Route,
    expect,
    sync_playwright,
)

from registry.kernel.pages import SECURITY_HEADERS
from tests.servers import browser as chromium

pytestmark = pytest.mark.browser

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
ORIGIN = "http://localhost"  # answered by `answer` below; a name that browsers trust without https
DESKTOP, PHONE, NARROW = ({"width": width, "height": 844} for width in (1280, 390, 320))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIRST_OF_TEMPLATE = {case.template: case.name for case in reversed(CASES)}.values()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.find_chromium()
    if path is None:
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.flags())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser, rendered: dict[str, str]) -> Iterator[BrowserContext]:
    """Give a browser context that is answered from the rendered samples, with the real headers."""
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

    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    context.route("**/*", answer)
    if AXE.exists():
        context.add_init_script(path=AXE)
    yield context
    context.close()


@pytest.fixture(scope="module")
def tab(context: BrowserContext) -> Page:
    """A page that all samples are opened in: one for each would be a process for each, and take twice the time."""
    return context.new_page()


@pytest.fixture
def page(tab: Page) -> Page:
    tab.set_viewport_size(DESKTOP)
    tab.emulate_media(color_scheme="light")
    return tab


def _open(page: Page, name: str) -> list[str]:
    """Open a sample and give what the browser complains about, broken content policy included."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(message.text)

    def fail(error: Error) -> None:
        said.append(str(error))

    page.on("console", hear)
    page.on("pageerror", fail)
    page.goto(f"{ORIGIN}/sample/{name}", wait_until="load")
    page.remove_listener("console", hear)
    page.remove_listener("pageerror", fail)
    return said


def _too_wide(page: Page) -> list[str]:
    """Name what is wider than the window, or a table than the sheet that holds it."""
    return page.evaluate("""() => [
        ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []),
        ...[...document.querySelectorAll("table.rows")]
            .filter((table) => table.offsetWidth > table.parentElement.clientWidth + 1)
            .map((table) => `table: ${table.innerText.slice(0, 60)}`),
    ]""")


def _violations(page: Page) -> list[str]:
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found = page.evaluate(f"axe.run(document, {options})")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def test_axe_finds_no_violation_and_the_content_policy_is_kept(page: Page, case: Case) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (`npm ci` in the repository)")
    assert not _open(page, case.name)
    assert not _violations(page)
    assert not _too_wide(page)
    if case.name in FIRST_OF_TEMPLATE:
        page.emulate_media(color_scheme="dark")
        assert not _violations(page)
        page.set_viewport_size(PHONE)
        assert not _violations(page)
    for size in (PHONE, NARROW):
        page.set_viewport_size(size)
        assert not _too_wide(page)


def test_the_filters_of_the_catalog_are_open_beside_the_list_and_folded_on_a_phone(page: Page) -> None:
    _open(page, "catalog")
    assert page.get_by_label("Closed").is_visible()
    page.set_viewport_size(PHONE)
    assert not page.get_by_label("Closed").is_visible()


def test_a_copy_button_appears_with_script_and_copies_the_whole_digest(page: Page) -> None:
    _open(page, "files")
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard',"
        " {value: {writeText: async (text) => { window.taken = text; }}})"
    )
    page.get_by_role("button", name="Copy the SHA-256 of LICENSE").click()
    assert len(page.evaluate("window.taken")) == 64


def test_every_page_that_matters_can_be_used_without_script(
    browser: Browser, rendered: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.set_content(rendered["accept"])
    assert page.get_by_role("button", name="Accept Kelp Forest OpenRAIL-M 1.1").is_visible()
    assert page.get_by_label("Type your full name").is_editable()
    context.close()


def test_the_end_of_the_text_is_noted_once_it_was_on_the_screen(page: Page) -> None:
    page.set_viewport_size(PHONE)
    _open(page, "accept")
    field = page.locator("input[name=end_reached_ms]")
    assert field.input_value() == ""
    page.locator("#text-end").scroll_into_view_if_needed()
    expect(field).not_to_have_value("")
    assert int(field.input_value()) >= 0


def test_a_list_of_errors_is_read_first_and_leads_to_its_fields(page: Page) -> None:
    _open(page, "accept-wrong")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name || location.hash") in {
        "answer.1",
        "answer.2",
        "#field-2",
    }


def test_the_acceptance_form_is_walked_through_by_keyboard_in_reading_order(page: Page) -> None:
    _open(page, "accept")
    page.locator("#field-1").focus()
    names = []
    for _ in range(16):
        names.append(page.evaluate("document.activeElement.name || ''"))
        page.keyboard.press("Tab")
    wanted = [f"answer.{number}" for number in (0, 1, 2, 3, 4, 5, 7, 8)] + ["declaration", "typed_name"]
    assert [name for name in dict.fromkeys(names) if name] == wanted
