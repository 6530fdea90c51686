"""Licenses over HTTP."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.testing import AsyncTestClient

from registry import licenses
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.problems import handle_http_exception
from registry.licenses import ChangeClass
from registry.licenses.api import LicensesApi, answer_file
from tests.integration.licenses.conftest import EXAMPLE, Registry

BASE = "https://registry.example"
BODY = {
    "slug": "posted-openrail-m",
    "number": "1.0",
    "change_class": "initial",
    "title": "Posted OpenRAIL-M",
    "text": "Posted OpenRAIL-M 1.0\r\n\r\n1. Grant. “Anyone” may use it.\n",
    "restrictions": [{"slug": "no-malware", "clause": "A (a)"}],
}


@get("/licenses/{slug:str}/{name:str}")
async def permalink(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    slug: FromPath[str],
    name: FromPath[str],
) -> Response[Any]:
    return await answer_file(request, database, slug=slug, name=name) or Response(
        "page", media_type="text/html"
    )


@dataclass
class Site:
    client: AsyncTestClient[Litestar]
    registry: Registry
    principal: Principal = ANONYMOUS

    def sign_in(self, email: str = "mara@example.org", *scopes: Scope) -> None:
        self.principal = Principal(
            person_id=self.registry.person(email), channel=Channel.TOKEN, scopes=frozenset(scopes)
        )

    async def get(self, path: str, **headers: str) -> Any:
        return await self.client.get(path, headers=headers)

    async def post(self, **changes: object) -> Any:
        return await self.client.post("/api/v1/licenses", json={**BODY, **changes})


@pytest.fixture
async def site(registry: Registry) -> AsyncIterator[Site]:
    app = Litestar(
        [LicensesApi, permalink],
        dependencies={
            "database": Provide(lambda: registry.database, sync_to_thread=False),
            "clock": Provide(lambda: registry.clock, sync_to_thread=False),
            "principal": Provide(lambda: site.principal, sync_to_thread=False),
        },
        exception_handlers={HTTPException: handle_http_exception},
        state=State({"settings": SimpleNamespace(base_url=BASE)}),
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        site = Site(client=client, registry=registry)
        yield site


async def test_catalog_of_licenses_is_read_without_sign_in_in_pages(site: Site) -> None:
    site.registry.load_bundled()
    first = (await site.get("/api/v1/licenses?limit=1")).json()
    assert [one["slug"] for one in first["items"]] == ["gatehouse-openrail-m"]
    assert first["items"][0]["latest"]["number"] == "1.1"
    assert first["items"][0]["versions"] == 3
    assert first["next"] == f"{BASE}/api/v1/licenses?after=gatehouse-openrail-m&limit=1"
    second = (await site.get(first["next"].removeprefix(BASE))).json()
    assert [one["slug"] for one in second["items"]] == ["gatehouse-researchrail-m"]
    assert second["next"] is None


async def test_license_lists_its_versions_the_latest_first(site: Site) -> None:
    site.registry.load_bundled()
    answer = (await site.get("/api/v1/licenses/gatehouse-openrail-m")).json()
    assert [one["number"] for one in answer["versions"]] == ["1.1", "1.0.1", "1.0"]
    assert [one["series"] for one in answer["versions"]] == [3, 1, 1]
    assert answer["publisher"] == "Gatehouse"
    assert answer["versions"][0]["url"] == f"{BASE}/licenses/gatehouse-openrail-m/1.1"


async def test_version_comes_with_text_structure_and_restrictions(site: Site) -> None:
    version = site.registry.load_bundled()[2]
    answer = (await site.get("/api/v1/licenses/gatehouse-openrail-m/1.1")).json()
    assert answer["text"].encode() == version.text
    assert answer["sha256"] == version.sha256
    assert answer["structure"][-1]["id"] == "attachment-a"
    assert answer["recognition"] == {
        "match": "none",
        "id": None,
        "title": None,
        "resembles": None,
        "sentence": "",
    }
    assert len(answer["restrictions"]) == 18


async def test_comparison_is_given_clause_by_clause(site: Site) -> None:
    site.registry.load_bundled()
    answer = (await site.get("/api/v1/licenses/gatehouse-openrail-m/compare?from=1.0&to=1.1")).json()
    assert (answer["old"], answer["new"], answer["coarse"]) == ("1.0", "1.1", False)
    assert [row["new_label"] for row in answer["rows"] if row["kind"] == "added"] == [
        "A (o)",
        "A (p)",
        "A (q)",
    ]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/licenses/nothing", 404, "license-not-found"),
        ("/api/v1/licenses/nothing/1.0", 404, "license-not-found"),
        ("/api/v1/licenses/gatehouse-openrail-m/9.9", 404, "license-version-not-found"),
        ("/api/v1/licenses/gatehouse-openrail-m/..%2f1.0", 404, "not-found"),
        ("/api/v1/licenses/gatehouse-openrail-m/compare?from=1.0&to=9.9", 404, "license-version-not-found"),
        ("/api/v1/licenses/gatehouse-openrail-m/compare?from=1.0", 400, "malformed-request"),
        ("/api/v1/licenses?limit=0", 400, "malformed-request"),
        ("/api/v1/licenses?limit=99999", 400, "malformed-request"),
        ("/licenses/gatehouse-openrail-m/9.9.txt", 404, "license-version-not-found"),
        ("/licenses/nothing/1.0.json", 404, "license-not-found"),
    ],
)
async def test_what_is_not_there_is_refused_with_a_code(
    site: Site, path: str, status: int, code: str
) -> None:
    site.registry.load_bundled()
    answer = await site.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_plain_text_permalink_serves_the_exact_bytes_for_ever(site: Site) -> None:
    text = b"\xef\xbb\xbfTitle\r\n\r\n1. \xe2\x80\x9cHarm\xe2\x80\x9d <script>alert(1)</script>\r\n"
    version = site.registry.published(replace(EXAMPLE, text=text))
    answer = await site.get("/licenses/example-openrail-m/1.0.txt")
    assert answer.content == text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["etag"] == f'"{version.sha256}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    for tags in (answer.headers["etag"], f'"x", W/{answer.headers["etag"]}'):
        again = await site.get("/licenses/example-openrail-m/1.0.txt", **{"If-None-Match": tags})
        assert (again.status_code, again.content) == (304, b"")


async def test_json_permalink_is_the_version_and_other_names_are_the_page(site: Site) -> None:
    site.registry.published()
    answer = await site.get("/licenses/example-openrail-m/1.0.json")
    assert answer.json() == (await site.get("/api/v1/licenses/example-openrail-m/1.0")).json()
    assert (await site.get("/licenses/example-openrail-m/1.0")).text == "page"


async def test_license_is_published_with_the_bytes_that_were_sent(site: Site) -> None:
    site.sign_in("mara@example.org", Scope.PUBLISH)
    answer = await site.post()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{BASE}/licenses/posted-openrail-m/1.0"
    assert (await site.get("/licenses/posted-openrail-m/1.0.txt")).content == BODY["text"].encode()
    assert answer.json()["restrictions"] == [{"slug": "no-malware", "strictness": "flat", "clause": "A (a)"}]
    assert (await site.post()).json() == answer.json()


async def test_text_that_claims_a_known_name_is_marked(site: Site) -> None:
    site.sign_in("mara@example.org", Scope.PUBLISH)
    answer = (await site.post(title="BigCode OpenRAIL-M")).json()
    assert answer["recognition"]["match"] == "none"
    assert answer["recognition"]["resembles"] == "bigcode-openrail-m"
    assert "differs from the known license of this name" in answer["recognition"]["sentence"]


async def test_publishing_needs_a_person_and_the_scope(site: Site) -> None:
    assert (await site.post()).json()["code"] == "not-signed-in"
    site.sign_in("mara@example.org", Scope.READ, Scope.AUDIT)
    refused = await site.post()
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert site.registry.read(licenses.list_licenses) == ([], None)


async def test_somebody_else_cannot_go_on_with_a_license(site: Site) -> None:
    site.sign_in("mara@example.org", Scope.PUBLISH)
    await site.post()
    site.sign_in("noor@example.org", Scope.PUBLISH)
    refused = await site.post(number="1.1", change_class=ChangeClass.EDITORIAL.value, text="Other.")
    assert (refused.status_code, refused.json()["code"]) == (403, "license-not-yours")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"number": "one"}, 422, "license-malformed"),
        ({"text": "a\x00b"}, 422, "license-text-control-character"),
        ({"text": "a\u202eb"}, 422, "license-text-deceptive"),
        ({"text": "\ud800"}, 400, "malformed-request"),
        ({"text": ""}, 422, "license-text-empty"),
        ({"change_class": "material"}, 422, "license-change-class-wrong"),
        ({"change_class": "huge"}, 400, "malformed-request"),
        ({"published_by": "someone"}, 400, "malformed-request"),
        ({"series": 1}, 400, "malformed-request"),
        ({"title": "x" * 201}, 400, "malformed-request"),
        ({"effective_at": "2026-01-01T00:00:00"}, 400, "malformed-request"),
        ({"restrictions": [{"slug": "no-x"}] * 201}, 400, "malformed-request"),
    ],
)
async def test_bad_input_is_refused_and_nothing_is_published(
    site: Site, changes: dict[str, object], status: int, code: str
) -> None:
    site.sign_in("mara@example.org", Scope.PUBLISH)
    body = json.dumps({**BODY, **changes}).encode()
    answer = await site.client.post(
        "/api/v1/licenses", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert site.registry.read(licenses.list_licenses) == ([], None)
