"""The Hub's JSON routes. Every answer, refusals included, has the Hub's shape; addresses are read undecoded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from sqlmodel import Session

from registry import access
from registry.hub_api import domain, draft_views, model_list, schemas, service
from registry.hub_api.domain import ModelPath, Verb, parse_model_path
from registry.hub_api.errors import hub_refuse, reaccept_warning, update_warning, warning_of
from registry.hub_api.service import Shelf
from registry.identity.authentication import authenticate_token, bearer_token
from registry.identity.domain import ANONYMOUS, Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest

T = TypeVar("T")
UseCase = Callable[[Session, Principal], T | Refusal]

PATHS_INFO_MAX_BYTES = 2 * 1024 * 1024
_FRESH = {"Cache-Control": "private, no-cache"}
_EXPECTED = "names of model properties such as " + ", ".join(schemas.PROPERTIES)


async def ask(request: AnyRequest, desk: Desk, use_case: UseCase[T]) -> T | Refusal:
    """Return what a use case answers to the sender of the token; an unknown token is refused."""
    asker = await find_caller(request, desk)
    if isinstance(asker, Refusal):
        return asker
    return await desk.database.read(lambda session: use_case(session, asker))


async def find_caller(request: AnyRequest, desk: Desk) -> Principal | Refusal:
    """Return who sent the token, or nobody; an unknown token is refused."""
    principal: Principal | Refusal = ANONYMOUS
    if token := bearer_token(request.headers):
        principal = await authenticate_token(desk.database, token=token, clock=desk.clock)
    if isinstance(principal, Refusal):
        return principal
    return replace(principal, country=desk.country_of(request))


def model_path(request: AnyRequest) -> ModelPath | Refusal:
    """Return what the request's address names."""
    raw_path: bytes = request.scope["raw_path"]
    return parse_model_path(raw_path.partition(b"?")[0])


class ModelApi(Controller):
    """What is told of one model."""

    path = "/api/models/{publisher:str}/{name:str}"

    @get("/", operation_id="hub_get_model")
    async def info(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer the model at its main branch."""
        return await self._info(request, desk, shelf)

    @get("/revision/{revision:path}", operation_id="hub_get_model_revision")
    async def revision(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer the model at a revision; who has no right to its files is told so here already."""
        return await self._info(request, desk, shelf)

    async def _info(self, request: AnyRequest, desk: Desk, shelf: Shelf) -> Response[Any]:
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        wanted = wanted_properties(request, list(schemas.PROPERTIES))
        if isinstance(wanted, Refusal):
            return hub_refuse(request, wanted)
        blobs = domain.is_true(request.query_params.get("blobs"))
        now = desk.clock.now()
        found = await ask(
            request,
            desk,
            lambda session, principal: draft_views.describe_model(
                session, shelf, where, principal=principal, blobs=blobs, now=now
            ),
        )
        if isinstance(found, Refusal):
            return hub_refuse(request, found)
        view = schemas.view_model(found.described, wanted)
        if domain.is_true(request.query_params.get("securityStatus")):
            view["securityRepoStatus"] = schemas.view_security(found.described.files)
        warning = _warning(found, where, base_url=desk.settings.base_url)
        return Response(view, headers={**_FRESH, "X-HF-Warning": warning} if warning else _FRESH)

    @get("/tree/{rest:path}", operation_id="hub_list_tree")
    async def tree(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer a page of a release's files and folders."""
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        after = cursor_of(request)
        if isinstance(after, Refusal):
            return hub_refuse(request, after)
        recursive = domain.is_true(request.query_params.get("recursive"))
        expand = domain.is_true(request.query_params.get("expand"))
        page = await ask(
            request,
            desk,
            lambda session, principal: service.list_tree(
                session,
                shelf,
                where,
                principal=principal,
                recursive=recursive,
                expand=expand,
                after=after,
            ),
        )
        if isinstance(page, Refusal):
            draft = await ask(
                request, desk, lambda session, who: draft_views.is_empty_tree(session, where, who)
            )
            return Response([], headers=_FRESH) if draft is True else hub_refuse(request, page)
        # The next page is asked for by commit, so that a branch that moves meanwhile is not mixed in.
        parts = ("tree", page.release.commit, *([where.path] if where.path else []))
        path = domain.api_path(page.model.publisher, page.model.name, *parts)
        return Response(
            _view_entries(page, expand=expand),
            headers=_with_link(desk, request, path, more=page.next_after is not None, after=page.next_after),
        )

    @post("/paths-info/{revision:path}", operation_id="hub_get_paths_info", status_code=200)
    async def paths_info(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer the entries at the paths that the form names."""
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        form = await read_paths(request)
        if isinstance(form, Refusal):
            return hub_refuse(request, form)
        paths, expand = form
        page = await ask(
            request,
            desk,
            lambda session, principal: service.find_paths(
                session, shelf, where, principal=principal, paths=paths
            ),
        )
        if isinstance(page, Refusal):
            return hub_refuse(request, page)
        return Response(_view_entries(page, expand=expand), headers=_FRESH)

    @get("/refs", operation_id="hub_list_refs")
    async def refs(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer the branches and tags."""
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        refs = await ask(
            request, desk, lambda session, principal: service.list_refs(session, where, principal=principal)
        )
        if isinstance(refs, Refusal):
            return hub_refuse(request, refs)
        with_pull_requests = domain.is_true(request.query_params.get("include_prs"))
        return Response(schemas.view_refs(refs, with_pull_requests=with_pull_requests), headers=_FRESH)

    @get("/commits/{revision:path}", operation_id="hub_list_commits")
    async def commits(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer a page of the history that leads to a revision."""
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        page = await ask(
            request,
            desk,
            lambda session, principal: service.list_commits(session, where, principal=principal),
        )
        if isinstance(page, Refusal):
            return hub_refuse(request, page)
        view = [schemas.view_commit(release, page.model.publisher) for release in page.releases]
        # The next page starts at the next commit, which is part of the address.
        path = domain.api_path(page.model.publisher, page.model.name, "commits", page.next_commit or "")
        return Response(view, headers=_with_link(desk, request, path, more=page.next_commit is not None))

    @get(["/auth-check", "/auth-check/write"], operation_id="hub_check_access")
    async def auth_check(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer 200 if the caller may have the files, else the gate's refusal."""
        where = model_path(request)
        if isinstance(where, Refusal):
            return hub_refuse(request, where)
        now = desk.clock.now()
        refusal = await ask(
            request,
            desk,
            lambda session, principal: service.check_access(session, where, principal=principal, now=now),
        )
        if refusal is not None:
            return hub_refuse(request, refusal)
        return Response("OK", media_type=MediaType.TEXT, headers={"Cache-Control": "no-store"})

    @get("/{rest:path}", operation_id="hub_refuse_unknown_route", sync_to_thread=False)
    def unknown(self, request: AnyRequest) -> Response[Any]:
        """Answer that there is no such route, or no such model, by the letters of the address alone."""
        where = model_path(request)
        return hub_refuse(request, where if isinstance(where, Refusal) else domain.not_offered())


class ListApi(Controller):
    """The list of models."""

    @get("/api/models", operation_id="hub_list_models")
    async def models(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer a page of models, newest first unless another order is asked for."""
        defaults = list(schemas.LISTED)
        if domain.is_true(request.query_params.get("full")):
            defaults.append("siblings")
        if domain.is_true(request.query_params.get("cardData")):
            defaults.append("cardData")
        wanted = wanted_properties(request, defaults)
        if isinstance(wanted, Refusal):
            return hub_refuse(request, wanted)
        query = read_query(request, with_files="siblings" in wanted)
        if isinstance(query, Refusal):
            return hub_refuse(request, query)
        page = await ask(
            request,
            desk,
            lambda session, principal: model_list.list_models(session, shelf, query, principal=principal),
        )
        if isinstance(page, Refusal):
            return hub_refuse(request, page)
        view = [schemas.view_model(model, wanted) for model in page.models]
        after = str(page.next_after) if page.next_after else None
        headers = _with_link(desk, request, "/api/models", more=after is not None, after=after)
        return Response(view, headers=headers)

    @get("/api/models/{name:str}", operation_id="hub_refuse_bare_name", sync_to_thread=False)
    def bare_name(self, request: AnyRequest) -> Response[Any]:
        """Answer that models have a publisher."""
        where = model_path(request)
        return hub_refuse(request, where if isinstance(where, Refusal) else domain.not_offered())


class CallerApi(Controller):
    """Who is calling, and the calls that clients make by themselves."""

    @get("/api/whoami-v2", operation_id="hub_who_am_i")
    async def whoami(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer who the token belongs to."""
        found = await ask(
            request,
            desk,
            lambda session, principal: service.who_am_i(session, principal=principal, sealer=desk.sealer),
        )
        if isinstance(found, Refusal):
            return hub_refuse(request, found)
        return Response(found, headers={"Cache-Control": "no-store"})

    @get("/api/agent-harnesses", operation_id="hub_list_harnesses", sync_to_thread=False)
    def harnesses(self) -> Response[schemas.Harnesses]:
        """Answer an empty list: nothing about the caller's tools is asked here."""
        return Response(schemas.Harnesses(), headers={"Cache-Control": "public, max-age=86400"})

    @get("/api/telemetry/{topic:path}", operation_id="hub_ignore_telemetry", sync_to_thread=False)
    def telemetry(self) -> Response[str]:
        """Answer without keeping anything."""
        return Response("", media_type=MediaType.TEXT)


class OtherKindsApi(Controller):
    """Datasets, Spaces and other kinds of repositories, which are not here."""

    @get(
        [
            f"{prefix}/{kind}{rest}"
            for prefix in ("", "/api")
            for kind in ("datasets", "spaces", "kernels")
            for rest in ("", "/{rest:path}")
        ],
        operation_id="hub_refuse_other_kinds",
        sync_to_thread=False,
    )
    def refuse(self, request: AnyRequest) -> Response[Any]:
        """Answer that there are only models."""
        return hub_refuse(request, domain.only_models())


def _warning(found: service.FoundModel, where: ModelPath, *, base_url: str) -> str | None:
    """Return what a client shows before it asks for files; one warning, for the client shows one of a topic."""
    repo_id, verdict = f"{found.described.publisher}/{found.described.name}", found.verdict
    if isinstance(verdict, access.Permit) and verdict.reaccept_by is not None:
        return reaccept_warning(repo_id, verdict.reaccept_by, base_url=base_url)
    if where.verb is not Verb.REVISION:
        return None
    if isinstance(verdict, access.Denial):
        return warning_of(verdict.refusal, base_url=base_url)
    return update_warning(repo_id, verdict.update, base_url=base_url) if verdict and verdict.update else None


def wanted_properties(request: AnyRequest, defaults: Sequence[str]) -> Sequence[str] | Refusal:
    """Return which properties of a model are asked for."""
    params = request.query_params
    asked = [*params.getall("expand", []), *params.getall("expand[]", [])]
    if not asked:
        return defaults
    if any(name not in schemas.PROPERTIES and name not in schemas.NOT_KEPT for name in asked):
        return domain.malformed_query("expand", _EXPECTED)
    return [name for name in dict.fromkeys(asked) if name in schemas.PROPERTIES]


def read_query(request: AnyRequest, *, with_files: bool) -> model_list.ModelQuery | Refusal:
    """Return what the list is narrowed to."""
    params = request.query_params
    limit = params.get("limit", str(model_list.LIST_PAGE_MAX))
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= 10**8:
        return domain.malformed_query("limit", "a whole number from 1")
    cursor = cursor_of(request)
    if isinstance(cursor, Refusal):
        return cursor
    try:
        after = UUID(cursor) if cursor is not None else None
    except ValueError:
        return domain.malformed_query("cursor", "the one that the last page gave")
    order = model_list.SORTS.get(params.get("sort", model_list.Order.CREATED))
    if order is None or params.get("direction", "-1") != "-1":
        return domain.malformed_query("sort", f"one of {', '.join(model_list.SORTS)}, in descending order")
    gated = params.get("gated")
    return model_list.ModelQuery(
        search=params.get("search", ""),
        author=params.get("author", ""),
        tags=domain.split_filters(params.getall("filter", [])),
        gated=None if gated is None else domain.is_true(gated),
        pipeline_tag=params.get("pipeline_tag", ""),
        after=after,
        limit=int(limit[:9]),
        with_files=with_files,
        order=order,
    )


def cursor_of(request: AnyRequest) -> str | Refusal | None:
    """Return where the page asked for starts."""
    word = request.query_params.get("cursor")
    if word is None:
        return None
    place = domain.decode_cursor(word)
    return domain.malformed_query("cursor", "the one that the last page gave") if place is None else place


async def read_paths(request: AnyRequest) -> tuple[Sequence[str], bool] | Refusal:
    """Return the paths that a form or a JSON object names, and whether more is asked of each."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > PATHS_INFO_MAX_BYTES:
            return domain.malformed_query("paths", f"at most {PATHS_INFO_MAX_BYTES:,} bytes")
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            given = msgspec.json.decode(bytes(body), type=dict[str, list[str] | str | bool | None])
            found = given.get("paths")
            paths = found if isinstance(found, list) else [str(found)] if isinstance(found, str) else []
            expand = domain.is_true(str(given.get("expand")))
        else:
            pairs = parse_qsl(
                body.decode("ascii"), max_num_fields=domain.PATHS_MAX_COUNT + 10, errors="strict"
            )
            paths = [value for name, value in pairs if name in {"paths", "paths[]"}]
            expand = any(name == "expand" and domain.is_true(value) for name, value in pairs)
    except (ValueError, msgspec.DecodeError):
        return domain.malformed_query("paths", f"a form with up to {domain.PATHS_MAX_COUNT:,} values")
    if len(paths) > domain.PATHS_MAX_COUNT:
        return domain.malformed_query("paths", f"at most {domain.PATHS_MAX_COUNT:,} of them")
    return paths, expand


def _view_entries(page: service.TreePage, *, expand: bool) -> list[schemas.Json]:
    return [schemas.view_entry(entry, release=page.release if expand else None) for entry in page.entries]


def _with_link(
    desk: Desk, request: AnyRequest, path: str, *, more: bool, after: str | None = None
) -> dict[str, str]:
    """Return the headers of a page; with the way to the next one, if there is one."""
    if not more:
        return dict(_FRESH)
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {**_FRESH, "Link": domain.next_link(desk.settings.base_url, path, query, after=after)}
