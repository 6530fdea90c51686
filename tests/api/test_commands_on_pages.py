"""Every command line that a page offers for copying is understood by the program as it stands there."""

import html
import re
import shlex

import pytest

from registry.cli.grammar import build_parser
from registry.identity.domain import Principal
from tests.api.conftest import Browser, Site
from tests.world import BASE_URL, World

_OFFERED = re.compile(r"gatehouse (?:login|pull|publish|verify|publisher|license)\b[^<\n\"]*")
NEEDS_ENDPOINT = ("login", "pull", "publish")


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def test_commands_on_pages_run_as_they_are_copied(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    found: dict[str, set[str]] = {}
    asked = site.browser(person)

    async def look(browser: Browser, path: str) -> None:
        note(path, await browser.page(path))

    def note(path: str, text: str) -> None:
        text = html.unescape(text)
        found[path] = found.get(path, set()) | {line.strip() for line in _OFFERED.findall(text)}

    await look(asked, "/quarry/quarry-15b")
    acceptance = world.accept(person, world.model(person))
    for path in ("/quarry/quarry-15b", "/manage", f"/records/{acceptance.id}"):
        await look(asked, path)
    tokens = "/settings/tokens"
    note(tokens, (await asked.post(tokens, seen_on=tokens, name="laptop", scopes="read", days="30")).text)
    for path in ("/manage", "/manage/quarry"):
        await look(site.browser(owner), path)
    assert [path for path, lines in found.items() if not lines] == []
    parser = build_parser()
    for line in set().union(*found.values()):
        args = parser.parse_args(shlex.split(line)[1:])
        if args.command in NEEDS_ENDPOINT:
            assert args.endpoint == BASE_URL, line
