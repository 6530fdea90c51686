"""Repositories, branches and tags by the Hub's API: what may change, and why the rest stays."""

import asyncio
from typing import Any

from litestar import Controller, Response, delete, post
from litestar.di import NamedDependency

from registry import catalog
from registry.catalog import drafts
from registry.catalog.domain import Command, Draft, ModelView
from registry.hub_api import commit_schemas, domain
from registry.hub_api.api import find_caller
from registry.hub_api.commit_api import open_written, read_json, refuse
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest

VISIBILITIES = ("public", "private")
_FRESH = {"Cache-Control": "no-store"}


class RefsApi(Controller):
    """Branches and tags of one model."""

    path = "/api/models/{publisher:str}/{name:str}"

    @post("/branch/{revision:path}", operation_id="hub_create_branch", status_code=200)
    async def create_branch(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Let a new branch begin at a release."""
        opened = await _open_model(request, desk)
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
        opened = await _open_model(request, desk)
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
        opened = await _open_model(request, desk)
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
        opened = await _open_model(request, desk)
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
        """Set the name of a new model aside for its first commit; answer 409 with the address of what is there."""
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
        if given.visibility not in {None, *VISIBILITIES}:
            return refuse(request, domain.malformed_query("visibility", " or ".join(VISIBILITIES)))
        if given.files:
            return refuse(request, domain.malformed_query("files", "none of them; send them in a commit"))
        private = given.private is True or given.visibility == "private"
        now = desk.clock.now()
        begun = await desk.database.write(
            lambda session: drafts.begin(
                session,
                publisher=publisher,
                name=given.name,
                private=private,
                principal=caller,
                now=now,
            )
        )
        if isinstance(begun, Refusal):
            return refuse(request, begun)
        view = {
            "id": begun.place.id.hex,
            "url": f"{desk.settings.base_url}/{begun.place.repo_id}",
            "name": begun.place.repo_id,
        }
        if begun.is_new:
            return Response(view, headers=_FRESH)
        view["error"] = f"You already have {begun.place.repo_id} here"
        return Response(view, status_code=409, headers=_FRESH)

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
        """Give up a draft; answer that models stay."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.CreateIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        found = await desk.database.write(
            lambda session: drafts.give_up(
                session, publisher=given.organization or "", name=given.name, principal=caller
            )
        )
        if isinstance(found, Draft):
            return Response({}, headers=_FRESH)
        return refuse(request, found if isinstance(found, Refusal) else domain.model_stays(found.repo_id))

    @post("/api/repos/move", operation_id="hub_refuse_move", status_code=200)
    async def move(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer that models keep their names."""
        caller = await _publisher_of(request, desk)
        if isinstance(caller, Refusal):
            return refuse(request, caller)
        given = await read_json(request, commit_schemas.MoveIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        publisher, _, name = given.fromRepo.partition("/")
        found = await desk.database.read(
            lambda session: catalog.find_model_for(
                session,
                publisher=publisher,
                name=name,
                principal=caller,
                command=Command.PUBLISH_RELEASE,
            )
        )
        return refuse(request, found if isinstance(found, Refusal) else domain.model_stays(found.repo_id))


async def _open_model(
    request: AnyRequest, desk: Desk
) -> tuple[domain.ModelPath, Principal, ModelView] | Refusal:
    """Return what the address names, who asks, and the model if they may publish there and it has a release."""
    opened = await open_written(request, desk)
    if isinstance(opened, Refusal):
        return opened
    where, caller, place = opened
    return drafts.no_release_yet(place) if isinstance(place, Draft) else (where, caller, place)


async def _publisher_of(request: AnyRequest, desk: Desk) -> Principal | Refusal:
    """Return who asks, if their token reaches as far as publishing; before any body is read."""
    caller = await find_caller(request, desk)
    if isinstance(caller, Refusal):
        return caller
    return catalog.check_scope(caller, Command.PUBLISH_RELEASE) or caller
