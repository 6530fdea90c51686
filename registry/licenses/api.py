"""Licenses over HTTP: the JSON API, and the files behind the permalinks. Reading needs no sign-in."""

import asyncio
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation
from sqlmodel import Session

from registry.identity.domain import Principal, Scope, not_signed_in, scope_missing
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import Problem, refuse
from registry.licenses import publication, service, verdicts
from registry.licenses.domain import NUMBER_MAX_CHARACTERS, PAGE_MAX_LICENSES, SecondPerson, Terms, Version
from registry.licenses.schemas import (
    ComparisonView,
    LicensesView,
    LicenseView,
    PublishInput,
    VersionView,
    view_comparison,
    view_license,
    view_licenses,
    view_version,
)

TEXT_SUFFIX = ".txt"
JSON_SUFFIX = ".json"
_NEVER_CHANGES = "public, max-age=31536000, immutable"
_ROWS_MAY_GROW = "public, max-age=300"

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_Loaded = tuple[Version, Terms, SecondPerson]
Number = Annotated[str, QueryParameter(min_length=1, max_length=NUMBER_MAX_CHARACTERS)]


class LicensesApi(Controller):
    """Licenses and their versions."""

    path = "/api/v1/licenses"
    tags = ("licenses",)

    @get(operation_id="list_licenses")
    async def list(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        after: Annotated[str, QueryParameter(max_length=64)] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_LICENSES)] = 50,
    ) -> Response[LicensesView]:
        """Answer a page of licenses by slug, each with its latest version."""
        page, following = await database.read(
            lambda session: service.list_licenses(session, after=after, limit=limit)
        )
        next_url = f"/api/v1/licenses?after={following}&limit={limit}" if following else None
        return Response(view_licenses(page, next_url=next_url, base_url=_base_url(request)))

    @post(
        operation_id="publish_license_version",
        responses={401: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM},
    )
    async def publish(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
        principal: NamedDependency[Principal],
        data: JSONBody[PublishInput],
    ) -> Response[VersionView]:
        """Publish a license or a version of it; the same bytes under the same number give the same version."""
        if principal.person_id is None:
            return refuse(request, not_signed_in("/licenses"))
        if not principal.may(Scope.PUBLISH):
            return refuse(request, scope_missing(Scope.PUBLISH))
        command, now = data.command(), clock.now()

        def work(session: Session) -> _Loaded | Refusal:
            version = service.publish_version(
                session, command, now=now, by=principal.person_id, is_operator=principal.is_operator
            )
            return version if isinstance(version, Refusal) else _with_terms(session, version)

        outcome = await database.write(work)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        view = await asyncio.to_thread(_view, *outcome, base_url=_base_url(request))
        return Response(view, status_code=201, headers={"Location": view.url})

    @get("/{slug:str}", operation_id="get_license", responses={404: _PROBLEM})
    async def show(
        self, request: Request[Any, Any, Any], database: NamedDependency[Database], slug: FromPath[str]
    ) -> Response[LicenseView]:
        """Answer a license with all its versions, the latest first."""
        versions, latest = await database.read(
            lambda session: (service.list_versions(session, slug), service.latest_version(session, slug))
        )
        if latest is None:
            return refuse(request, publication.no_such_license(slug))
        return Response(view_license(versions, publisher=latest.publisher, base_url=_base_url(request)))

    @get("/{slug:str}/compare", operation_id="compare_license_versions", responses={404: _PROBLEM})
    async def compare(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        slug: FromPath[str],
        old: Annotated[str, QueryParameter(name="from", min_length=1, max_length=NUMBER_MAX_CHARACTERS)],
        new: Annotated[str, QueryParameter(name="to", min_length=1, max_length=NUMBER_MAX_CHARACTERS)],
    ) -> Response[ComparisonView]:
        """Answer what changed from one version to another, clause by clause."""
        outcome = await database.read(
            lambda session: service.compare_versions(session, slug, old=old, new=new)
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(view_comparison(*outcome))

    @get("/{slug:str}/{number:str}", operation_id="get_license_version", responses={404: _PROBLEM})
    async def version(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        slug: FromPath[str],
        number: FromPath[str],
    ) -> Response[VersionView]:
        """Answer one version with its whole text, structure, policies and restrictions."""
        outcome = await database.read(lambda session: _load(session, slug, number))
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(await asyncio.to_thread(_view, *outcome, base_url=_base_url(request)))


async def answer_file(
    request: Request[Any, Any, Any], database: Database, *, slug: str, name: str
) -> Response[Any] | None:
    """Answer `/licenses/{slug}/{number}.txt` or `.json`; None if `name` asks for neither, but for the page.

    The text is served as exactly the bytes that were published, and may be cached for ever: a number never
    gets another text.
    """
    number, dot, suffix = name.rpartition(".")
    if f"{dot}{suffix}" not in {TEXT_SUFFIX, JSON_SUFFIX}:
        return None
    outcome = await database.read(lambda session: _load(session, slug, number))
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    version, terms, second = outcome
    if f"{dot}{suffix}" == TEXT_SUFFIX:
        return text_response(request, version)
    view = await asyncio.to_thread(_view, version, terms, second, base_url=_base_url(request))
    return Response(view, headers={"Cache-Control": _ROWS_MAY_GROW})


def text_response(request: Request[Any, Any, Any], version: Version) -> Response[bytes]:
    """Return the exact bytes of a version's text, or 304 where the client has them."""
    etag = f'"{version.sha256}"'
    headers = {
        "Cache-Control": _NEVER_CHANGES,
        "Content-Disposition": f'inline; filename="{version.slug}-{version.number}.txt"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    if etag in _etags(request):
        return Response(b"", status_code=304, headers=headers)
    return Response(version.text, media_type="text/plain", headers=headers)


def _etags(request: Request[Any, Any, Any]) -> set[str]:
    """Return the entity tags that the client has (RFC 9110 §13.1.2)."""
    given = request.headers.get("if-none-match", "")
    return {tag.strip().removeprefix("W/") for tag in given.split(",")}


def _load(session: Session, slug: str, number: str) -> _Loaded | Refusal:
    version = service.get_version(session, slug, number)
    return version if isinstance(version, Refusal) else _with_terms(session, version)


def _with_terms(session: Session, version: Version) -> _Loaded:
    second = verdicts.open_proposal(session, version).second
    return version, service.find_terms(session, version.id), second


def _view(version: Version, terms: Terms, second: SecondPerson, *, base_url: str) -> VersionView:
    return view_version(
        version, terms, second, service.recognise(version), service.structure_of(version), base_url=base_url
    )


def _base_url(request: Request[Any, Any, Any]) -> str:
    base_url: str = request.app.state.settings.base_url
    return base_url
