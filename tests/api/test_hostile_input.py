"""Every route, asked with text that is no text: nothing of it is a mistake of ours, on either database."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from registry.identity.domain import Scope
from registry.kernel.identifiers import new_id
from tests.api.conftest import Site
from tests.api.raw import Answer, ask

HOSTILE = {
    "NUL": "%00",
    "NUL in a word": "quarry%00",
    "lone surrogate": "%ED%A0%80",
    "overlong slash": "%C0%AF",
    "cut off": "%E2%82",
    "right to left": "%E2%80%AEyrrauq",
    "long": "a" * 10_000,
    "large number": "9" * 30,
    "negative number": "-1",
    "encoded twice": "%2500",
    "statement": "%27%20OR%201=1--%25%5F%5C",
}
"""Percent-encoded, as it stands in an address."""
HOSTILE_TEXTS = ("\x00", "quarry\x00", "\u202eyrrauq", "a" * 10_000, "9" * 30, "\ufdd0\U0010ffff", "'%_\\")
"""The like in a JSON body."""
KNOWN = {
    "publisher": "quarry",
    "owner": "quarry",
    "name": "quarry-15b",
    "model": "quarry-15b",
    "slug": "sample-openrail-m",
    "number": "1.0",
    "revision": "main",
    "ref": "main",
    "index": "0",
    "path": "config.json",
    "code": "not-found",
}
SEARCHED = (
    *(
        "search",
        "license",
        "model",
        "person",
        "state",
        "grade",
        "channel",
        "file",
        "since",
        "until",
        "before",
    ),
    *("author", "filter", "pipeline_tag", "gated", "download", "recursive", "include_prs"),
)
"""What routes that read their query themselves look for."""
PLACES = ("cursor", "limit", "expand")
"""The like on the Hub's routes, refused before anything is searched for."""
SAME_ONCE_DECODED = frozenset({"NUL in a word", "overlong slash", "cut off", "encoded twice"})
"""In a query these say nothing that the others do not say."""
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
FORM_FIELDS = {
    "email",
    "next",
    "token",
    "name",
    "days",
    "scopes",
    "person",
    "reason",
    "until",
    "role",
    "block",
}
TEMPLATES = Path(__file__).resolve().parents[2] / "frontend" / "templates"


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks for pages with a web session, and for everything else with a token."""

    app: Litestar
    cookie: str
    token: str

    async def ask(self, method: str, target: str, *, page: bool, body: bytes = b"", kind: str = "") -> Answer:
        if page:
            who = {"accept": "text/html", "cookie": f"gatehouse_session={self.cookie}"}
        else:
            who = {"authorization": f"Bearer {self.token}"}
        if kind:
            who["content_type"] = kind
        return await ask(self.app, method, target, body=body, **who)


@pytest.fixture
async def asker(site: Site) -> Asker:
    """The owner of a publisher with a gated model, in a browser and with a token that may do everything."""
    world = site.world
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    world.accept(world.person("mara@nordlab.example"), model)
    world.integrate()
    browser = site.browser(owner)
    assert browser.cookie is not None
    return Asker(site.client.app, browser.cookie, world.token(owner, *Scope))


@dataclass(frozen=True, slots=True)
class Asked:
    """A method of a route."""

    method: str
    route: HTTPRoute
    handler: Any
    typed_query: tuple[Any, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.route.path_format}"

    @property
    def is_page(self) -> bool:
        return not self.handler.include_in_schema

    @property
    def parameters(self) -> list[str]:
        return [part.name for part in self.route.path_components if not isinstance(part, str)]

    def address(self, **hostile: str) -> str:
        """The address with known values, or hostile ones in their place."""
        parts = []
        for part in self.route.path_components:
            if isinstance(part, str):
                parts.append(part)
                continue
            usual = str(new_id()) if part.type.__name__ == "UUID" else KNOWN.get(part.name, "1")
            parts.append(hostile.get(part.name, usual).removeprefix("/"))
        return "/" + "/".join(parts)

    def queries(self, hostile: str) -> Iterator[str]:
        """Queries with the hostile value in each place, one at a time."""
        needed = {
            one.field_alias: KNOWN.get(one.field_alias, "1") for one in self.typed_query if one.is_required
        }
        for name in sorted({one.field_alias for one in self.typed_query}):
            yield "&".join(f"{key}={value}" for key, value in {**needed, name: hostile}.items())
        if not self.typed_query:
            yield "&".join(f"{name}={hostile}" for name in SEARCHED)
            if self.route.path.startswith("/api/models"):
                yield from (f"{name}={hostile}" for name in PLACES)


def asked(app: Litestar) -> Iterator[Asked]:
    """Every method of every route."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, model) in route.route_handler_map.items():
                if method in METHODS:
                    yield Asked(method, route, handler, tuple(model.expected_query_params))


def example(schema: dict[str, Any], known: dict[str, Any], name: str = "") -> Any:
    """A value that fits a schema, but for patterns that no known value is for."""
    if "$ref" in schema:
        return example(known[schema["$ref"].rpartition("/")[2]], known, name)
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            return example(next(one for one in schema[word] if one.get("type") != "null"), known, name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: example(value, known, key) for key, value in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"], known, name)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return (
        str(new_id()) if schema.get("format") == "uuid" else KNOWN.get(name, "a" * schema.get("minLength", 1))
    )


def with_hostile_leaves(value: Any) -> Iterator[Any]:
    """The value with each text in it replaced by each hostile one, one at a time."""
    if isinstance(value, str):
        yield from HOSTILE_TEXTS
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from ({**value, key: changed} for changed in with_hostile_leaves(member))
        yield {**value, HOSTILE_TEXTS[0]: 1}
    elif isinstance(value, list):
        for changed in with_hostile_leaves(value[0]):
            yield [changed]


async def test_no_address_is_answered_a_server_error(asker: Asker) -> None:
    wrong = {}
    for one in asked(asker.app):
        for said, text in HOSTILE.items():
            for name in one.parameters:
                answer = await asker.ask(one.method, one.address(**{name: text}), page=one.is_page)
                if answer.status >= 500:
                    wrong[f"{one.name} {name}: {said}"] = answer.status
    assert wrong == {}


@pytest.mark.timeout(300)
async def test_no_query_is_answered_a_server_error(asker: Asker) -> None:
    wrong = {}
    for one in asked(asker.app):
        if one.method != "GET" or one.route.path == "/health/ready":  # which asks a store that is not there
            continue
        for said, text in HOSTILE.items():
            if said in SAME_ONCE_DECODED:
                continue
            for query in one.queries(text):
                answer = await asker.ask("GET", f"{one.address()}?{query}", page=one.is_page)
                if answer.status >= 500:
                    wrong[f"{one.name}?{query[:60]}: {said}"] = answer.status
    assert wrong == {}


async def test_no_form_is_answered_a_server_error(asker: Asker, site: Site) -> None:
    fields = {
        name
        for file in TEMPLATES.rglob("*.html")
        for name in re.findall(r'name="([a-z][a-z_]*)"', file.read_text())
    } | FORM_FIELDS
    owner = site.world.person("owner@quarry.example")
    wrong = {}
    for one in asked(asker.app):
        if one.method != "POST" or not one.is_page:
            continue
        for said, text in HOSTILE.items():
            browser = site.browser(owner)  # signing out is among the forms
            assert browser.cookie is not None
            page = await browser.page("/settings/tokens")
            token = re.findall(r'name="_csrf" value="([^"]+)"', page)[0]
            body = "&".join([f"_csrf={quote(token)}", *(f"{name}={text}" for name in sorted(fields))])
            as_person = Asker(asker.app, browser.cookie, asker.token)
            answer = await as_person.ask(
                "POST", one.address(), page=True, body=body.encode(), kind="application/x-www-form-urlencoded"
            )
            if answer.status >= 500:
                wrong[f"{one.name}: {said}"] = answer.status
            if "NUL" in said:
                assert answer.status in {400, 404}, (one.name, said, answer)
    assert wrong == {}


async def test_no_json_is_answered_a_server_error(asker: Asker) -> None:
    described = asker.app.openapi_schema.to_schema()
    known = described["components"]["schemas"]
    wrong, tried = {}, 0
    for one in asked(asker.app):
        operation = described["paths"].get(one.route.path_format, {}).get(one.method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        tried += 1
        for body in with_hostile_leaves(example(content["schema"], known)):
            sent = json.dumps(body).encode()
            answer = await asker.ask(
                one.method, one.address(), page=False, body=sent, kind="application/json"
            )
            if answer.status >= 500:
                wrong[f"{one.name}: {sent[:200]!r}"] = answer.status
            if b"\\u0000" in sent:
                assert answer.status == 400, (one.name, sent, answer)
    assert wrong == {}
    assert tried >= 7


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/?search=%00", 400, "malformed-request"),
        ("/%00/x", 400, "malformed-request"),
        ("/api/v1/licenses/a%00", 400, "malformed-request"),
        ("/manage/quarry/downloads?search=%00", 400, "malformed-request"),
        ("/no/such/route/%00", 400, "malformed-request"),
        ("/api/models?search=%00", 400, "malformed-request"),
        ("/api/models/quarry/a%00", 404, "not-found"),
    ],
)
async def test_a_nul_character_is_refused_at_the_edge(
    asker: Asker, target: str, status: int, code: str
) -> None:
    answer = await asker.ask("GET", target, page=False)
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (status, code)
    assert "NUL" in problem["detail"]
    assert problem["remedy"]["url"].startswith("http://gatehouse.test:8400/")
    if target.startswith("/api/models"):
        assert answer.headers["x-error-message"]
        assert problem["error"] == answer.headers["x-error-message"]
    page = await asker.ask("GET", target, page=True)
    assert page.status == status
    kind = "application/" if target.startswith("/api/") else "text/html"
    assert page.headers["content-type"].startswith(kind)


async def test_what_only_looks_like_nul_is_not_refused_for_it(asker: Asker) -> None:
    answer = await asker.ask("GET", "/?search=%2500", page=True)
    assert answer.status == 200
