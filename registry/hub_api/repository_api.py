"""Repositories, branches and tags by the Hub's API: what may change, and why the rest stays."""

import asyncio
from typing import Any

from litestar import Controller, Response, delete, post
from litestar.di import NamedDependency
from sqlmodel import Session

from registry import catalog
from registry.catalog.domain import Command, ModelView
from registry.hub_api import commit_schemas, domain
from registry.hub_api.api import find_caller
from registry.hub_api.commit_api import open_written, read_json, refuse
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest

_FRESH = {"Cache-Control": "no-store"}


class RefsApi(Controller):
    """Branches and tags of one model."""

    path = "/api/models/{publisher:str}/{name:str}"

    @post("/branch/{revision:path}", operation_id="hub_create_branch", status_code=200)
    async def create_branch(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Let a new branch begin at a release."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, caller, model = opened
        given = await read_json(request, commit_schemas.BranchIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        made = await desk.database.write(
            lambda session: catalog.create_branch(
                session,
                publisher=model.publisher,
                name=model.name,
                branch=where.branch,
                revision=given.startingPoint or "main",
                principal=caller,
            )
        )
        return refuse(request, made) if isinstance(made, Refusal) else Response({}, headers=_FRESH)

    @delete("/branch/{revision:path}", operation_id="hub_remove_branch", status_code=200)
    async def remove_branch(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Remove a branch, not its releases."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, caller, model = opened
        refusal = await desk.database.write(
            lambda session: catalog.remove_branch(
                session,
                publisher=model.publisher,
                name=model.name,
                branch=where.branch,
                principal=caller,
            )
        )
        return refuse(request, refusal) if refusal else Response({}, headers=_FRESH)

    @post("/tag/{revision:path}", operation_id="hub_create_tag", status_code=200)
    async def create_tag(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Let a tag point to a release for good."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, caller, model = opened
        given = await read_json(request, commit_schemas.TagIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        made = await desk.database.write(
            lambda session: catalog.create_tag(
                session,
                publisher=model.publisher,
                name=model.name,
                tag=given.tag,
                revision=where.revision or "main",
                principal=caller,
            )
        )
        return refuse(request, made) if isinstance(made, Refusal) else Response({}, headers=_FRESH)

    @delete("/tag/{revision:path}", operation_id="hub_remove_tag", status_code=200)
    async def remove_tag(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer that tags stay."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, caller, model = opened
        return refuse(
            request,
            await desk.database.read(
                lambda session: catalog.keep_tag(
                    session,
                    publisher=model.publisher,
                    name=model.name,
                    tag=where.branch,
                    principal=caller,
                )
            ),
        )


class RepositoriesApi(Controller):
    """What clients ask before they send anything."""

    @post("/api/repos/create", operation_id="hub_create_repository", status_code=200)
    async def create(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer 409 with the address of a model that is there; a new one begins with its license."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.CreateIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        if given.type != "model":
            return refuse(request, domain.only_models())
        publisher = given.organization or ""
        if not is_name(publisher) or not is_name(given.name):
            return refuse(request, domain.malformed_query("the name", "publisher/model"))
        found = await desk.database.read(
            lambda session: catalog.find_model_for(
                session,
                publisher=publisher,
                name=given.name,
                principal=caller,
                command=Command.PUBLISH_RELEASE,
            )
        )
        if isinstance(found, ModelView):
            address = {"url": f"{desk.settings.base_url}/{found.repo_id}"}
            said = {**address, "error": f"You already have {found.repo_id} here"}
            return Response(said, status_code=409, headers=_FRESH)
        if found.status == 404:
            found = domain.create_first(publisher, given.name)
        return refuse(request, found)

    @post("/api/validate-yaml", operation_id="hub_validate_card", status_code=200)
    async def validate(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer what is wrong with the metadata of a card; nothing is kept of it."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.CardIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        card = await asyncio.to_thread(catalog.parse_card, given.content.encode())
        warnings = [{"message": problem.message} for problem in card.problems]
        return Response({"errors": [], "warnings": warnings}, headers=_FRESH)

    @delete("/api/repos/delete", operation_id="hub_refuse_deletion", status_code=200)
    async def remove(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer that models stay."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.CreateIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        return refuse(request, await _judge_end(desk, caller, f"{given.organization or ''}/{given.name}"))

    @post("/api/repos/move", operation_id="hub_refuse_move", status_code=200)
    async def move(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer that models keep their names."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.MoveIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        return refuse(request, await _judge_end(desk, caller, given.fromRepo))


async def _publisher_of(request: AnyRequest, desk: Desk) -> Principal | Refusal:
    """Return who asks, if their token reaches as far as publishing; before any body is read."""
    caller = await find_caller(request, desk)
    if isinstance(caller, Refusal):
        return caller
    return catalog.check_scope(caller, Command.PUBLISH_RELEASE) or caller


async def _judge_end(desk: Desk, caller: Principal, repo_id: str) -> Refusal:
    publisher, _, name = repo_id.partition("/")

    def load(session: Session) -> ModelView | Refusal:
        return catalog.find_model_for(
            session,
            publisher=publisher,
            name=name,
            principal=caller,
            command=Command.PUBLISH_RELEASE,
        )

    found = await desk.database.read(load)
    return found if isinstance(found, Refusal) else domain.model_stays(found.repo_id)
