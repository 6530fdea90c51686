"""The Hub's routes for who manages a gate, and for who asks at one; rights are those of reviewing by the JSON API.

A token accepts nothing and asks for nothing: requesters are told in words where they do it themselves. Gates are
changed in a browser after a fresh sign-in, so settings are compared here and never changed.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec
from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.response import Redirect, Stream
from sqlmodel import Session

from registry import access, catalog, identity
from registry.access import owner_lists, owner_moves
from registry.access.owner_lists import Listed, ListPage, Status
from registry.access.owner_moves import Handled, Handling
from registry.access.request_refusals import needs_a_person, settings_by_page
from registry.catalog.domain import Command, GateMode, ModelView
from registry.catalog.refusals import fresh_sign_in_needed
from registry.delivery.domain import no_such_model
from registry.hub_api import domain
from registry.hub_api import owner_schemas as schemas
from registry.hub_api.api import cursor_of
from registry.hub_api.errors import Topic, as_header, hub_message, hub_refuse
from registry.hub_api.service import explain_denial
from registry.identity.authentication import authenticate_token, bearer_token
from registry.identity.domain import ANONYMOUS, Principal
from registry.identity.visits import Desk
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest

Struct = TypeVar("Struct", bound=msgspec.Struct)
BODY_MAX_BYTES = 128 * 1024
PAGE_MOST = 100
_PRIVATE = {"Cache-Control": "private, no-store"}
_GATED = {GateMode.AUTO: "auto", GateMode.MANUAL: "manual", GateMode.CLOSED: "manual"}
_REPORTED = (Status.PENDING, Status.ACCEPTED, Status.REJECTED, Status.RESET)


class OwnerApi(Controller):
    """Requests at the gate of one model, and its settings."""

    path = "/api/models/{publisher:str}/{name:str}"

    @get("/user-access-request/{status:str}", operation_id="hub_list_access_requests")
    async def listed(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer a page of those who stand so at the gate; the look is recorded."""
        word = request.path_params["status"]
        if word not in set(Status):
            return _refuse(request, domain.not_offered())
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        (named, office), status = opened, Status(word)
        narrowed = _narrowing(request)
        if isinstance(narrowed, Refusal):
            return _refuse(request, narrowed)

        def load(session: Session) -> Any:
            model = owner_lists.open_list(
                session, office, publisher=named[0], name=named[1], statuses=(status,)
            )
            if isinstance(model, Refusal):
                return model
            page = owner_lists.list_page(
                session,
                office,
                model,
                status,
                after=narrowed.cursor,
                limit=min(narrowed.limit, PAGE_MOST),
            )
            return model, page, _profiles(session, office, page)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return _refuse(request, loaded)
        model, page, people = loaded
        await _note_look(desk, office, model, status, export=False)
        view = [schemas.view_listed(one, people) for one in page.items if narrowed.fits(one, people)]
        return Response(view, headers={**_PRIVATE, **_link(desk, request, named, word, page)})

    @post("/user-access-request/handle", operation_id="hub_handle_access_request", status_code=200)
    async def handle(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Move one request; 202 where something is still needed before it has the effect that was asked for."""
        given = await _read(request, schemas.HandleIn)
        if isinstance(given, Refusal):
            return _refuse(request, given)
        if (trouble := schemas.check_who(given)) is not None:
            return _refuse(request, trouble)
        wanted = Handling(
            status=given.status, user=given.named(), request_id=given.requestId, reason=given.said()
        )
        return _moved(request, await _move(request, desk, wanted))

    @post("/user-access-request/grant", operation_id="hub_grant_access", status_code=200)
    async def grant(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Approve the request of somebody who has sent one; nobody else is given access by a program."""
        given = await _read(request, schemas.GrantIn)
        if isinstance(given, Refusal):
            return _refuse(request, given)
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        named, office = opened
        outcome = await desk.database.write(
            lambda session: owner_moves.grant(
                session, office, publisher=named[0], name=named[1], user=given.user
            )
        )
        return _moved(request, outcome)

    @post("/user-access-request/batch", operation_id="hub_handle_access_requests", status_code=200)
    async def batch(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Move several requests, each for itself; who stands there already counts as done."""
        given = await _read(request, schemas.BatchIn)
        if isinstance(given, Refusal):
            return _refuse(request, given)
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        named, office = opened
        model = await desk.database.read(
            lambda session: owner_moves.open_to_move(session, office, publisher=named[0], name=named[1])
        )
        if isinstance(model, Refusal):
            return _refuse(request, model)
        base, results = desk.settings.base_url, []
        for who in given.requests:
            wanted = Handling(
                status=given.status,
                user=who.named(),
                request_id=who.requestId,
                reason=given.rejectionReason or given.resetReason or "",
            )
            outcome = schemas.check_who(who) or await _move(request, desk, wanted, is_one_of_many=True)
            results.append(_result(who, outcome, base))
        return Response({"results": results}, headers=_PRIVATE)

    @post("/user-access-request/cancel", operation_id="hub_withdraw_own_request", status_code=200)
    async def cancel(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer where the caller withdraws their own request; a token does not."""
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        named, office = opened
        found = await desk.database.read(
            lambda session: owner_moves.find_own(session, office, publisher=named[0], name=named[1])
        )
        return _refuse(request, found if isinstance(found, Refusal) else needs_a_person(f"/requests/{found}"))

    @put("/settings", operation_id="hub_change_settings", status_code=200)
    async def settings(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer the settings if they are so already; else where they are changed."""
        given = await _read(request, schemas.SettingsIn)
        if isinstance(given, Refusal):
            return _refuse(request, given)
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        named, office = opened
        outcome = await desk.database.read(lambda session: _judge_settings(session, office, named, given))
        if isinstance(outcome, Refusal):
            return _refuse(request, outcome)
        return Response(outcome, headers=_PRIVATE)


class ReportApi(Controller):
    """The access report of one model."""

    @get("/{publisher:str}/{model:str}/user-access-report", operation_id="hub_export_access_report")
    async def report(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Any:
        """Answer all who stand at the gate, as a JSON array that streams; the look is recorded."""
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return _refuse(request, opened)
        named, office = opened
        model = await desk.database.read(
            lambda session: owner_lists.open_list(
                session, office, publisher=named[0], name=named[1], statuses=_REPORTED
            )
        )
        if isinstance(model, Refusal):
            return _refuse(request, model)
        await _note_look(desk, office, model, Status.ACCEPTED, export=True)
        name = f"user-access-report-{model.publisher}-{model.name}.json"
        return Stream(
            _report(desk, office, model),
            media_type="application/json",
            headers={
                **_PRIVATE,
                "Content-Disposition": f'attachment; filename="{name}"',
                "X-Content-Type-Options": "nosniff",
            },
        )


class AskingApi(Controller):
    """Asking for access by a program: answered with the page where a person does it."""

    @post("/{publisher:str}/{model:str}/ask-access", operation_id="hub_ask_access", status_code=303)
    async def ask(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Lead to the model if the caller has access; else say what is left to do, and where."""
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return hub_refuse(request, opened)
        named, office = opened

        def load(session: Session) -> Refusal | ModelView:
            model = owner_lists.find_seen(session, office, publisher=named[0], name=named[1])
            if isinstance(model, Refusal):
                return model
            refusal = explain_denial(
                session, office.principal, publisher=model.publisher, model=model.name, now=office.now
            )
            return refusal or model

        found = await desk.database.read(load)
        if isinstance(found, Refusal):
            return hub_refuse(request, found)
        return Redirect(f"/{quote(found.publisher)}/{quote(found.name)}", status_code=303)


async def _report(desk: Desk, office: access.Office, model: ModelView) -> AsyncIterator[bytes]:
    mark = b"["
    for status in _REPORTED:
        after, goes_on = None, True
        while goes_on:

            def load(session: Session, status: Status = status, after: Any = after) -> tuple[ListPage, Any]:
                page = owner_lists.list_page(session, office, model, status, after=after, limit=PAGE_MOST)
                return page, _profiles(session, office, page)

            page, people = await desk.database.read(load)
            for item in page.items:
                yield mark + msgspec.json.encode(schemas.view_reported(item, people))
                mark = b",\n"
            after, goes_on = page.following, page.following is not None
    yield b"[]" if mark == b"[" else b"]"


async def _open(request: AnyRequest, desk: Desk) -> tuple[tuple[str, str], access.Office] | Refusal:
    """Return publisher and name of the model in the address, and who asks; a session does not count here."""
    publisher = request.path_params["publisher"]
    name = request.path_params.get("name", request.path_params.get("model", ""))
    if not is_name(publisher) or not is_name(name):
        return no_such_model()
    principal: Principal | Refusal = ANONYMOUS
    if token := bearer_token(request.headers):
        principal = await authenticate_token(desk.database, token=token, clock=desk.clock)
    if isinstance(principal, Refusal):
        return principal
    asker = replace(principal, country=desk.country_of(request))
    office = access.Office(
        principal=asker, sealer=desk.sealer, base_url=desk.settings.base_url, now=desk.clock.now()
    )
    return (publisher, name), office


def _narrowing(request: AnyRequest) -> schemas.Narrowing | Refusal:
    cursor = cursor_of(request)
    if isinstance(cursor, Refusal):
        return cursor
    return schemas.read_narrowing(dict(request.query_params.items()), cursor)


async def _read(request: AnyRequest, kind: type[Struct]) -> Struct | Refusal:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return domain.malformed_query("the body", f"at most {BODY_MAX_BYTES:,} bytes")
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except msgspec.ValidationError as error:
        # The words of the library name the member and what was expected, and repeat no value but an unknown word.
        return domain.malformed_query("the body", f"what the Hub takes there; {str(error)[:200]}")
    except msgspec.DecodeError:
        return domain.malformed_query("the body", "a JSON object")


async def _move(
    request: AnyRequest, desk: Desk, wanted: Handling, *, is_one_of_many: bool = False
) -> Handled | Refusal:
    opened = await _open(request, desk)
    if isinstance(opened, Refusal):
        return opened
    named, office = opened
    return await desk.database.write(
        lambda session: owner_moves.handle(
            session,
            office,
            publisher=named[0],
            name=named[1],
            wanted=wanted,
            again_is_done=is_one_of_many,
        )
    )


def _moved(request: AnyRequest, outcome: Handled | Refusal) -> Response[Any]:
    if isinstance(outcome, Refusal):
        return _refuse(request, outcome)
    if outcome.left is None:
        return Response({}, headers=_PRIVATE)
    warning = f"{Topic.REVIEW}; {as_header(outcome.left)}"
    body = {"requestId": str(outcome.request_id), "left": outcome.left}
    return Response(body, status_code=202, headers={**_PRIVATE, "X-HF-Warning": warning})


def _result(who: schemas.WhoIn, outcome: Handled | Refusal, base_url: str) -> schemas.Json:
    given = {"user": who.user, "userId": who.userId, "requestId": str(who.requestId or "")}
    named: schemas.Json = {name: value for name, value in given.items() if value}
    if isinstance(outcome, Refusal):
        return {**named, "ok": False, "error": hub_message(outcome, base_url=base_url, managing=True)}
    return {**named, "ok": True, **({"left": outcome.left} if outcome.left else {})}


def _judge_settings(
    session: Session, office: access.Office, named: tuple[str, str], given: schemas.SettingsIn
) -> schemas.Json | Refusal:
    model = owner_lists.find_seen(session, office, publisher=named[0], name=named[1])
    if isinstance(model, Refusal):
        return model
    allowed = catalog.authorise(session, model.publisher, Command.CHANGE_GATE, principal=office.principal)
    if isinstance(allowed, Refusal):
        return allowed
    private = {"private": True, "public": False}.get(str(given.visibility), given.private)
    if private is not msgspec.UNSET and private != model.private:
        return settings_by_page(model.repo_id, "Whether a model is private is not changed so")
    if given.gated is msgspec.UNSET:
        return {}
    if given.gated is True or given.gated not in ("auto", "manual", False):
        return domain.malformed_query("gated", "auto, manual or false")
    stands: str | bool = False if model.gate.is_open() else _GATED[model.gate.mode]
    if given.gated == stands:
        return {"gated": stands}
    # Only tokens come here, and none is a fresh sign-in.
    refusal = fresh_sign_in_needed()
    assert refusal.remedy is not None  # noqa: S101 - it says where
    return replace(refusal, remedy=replace(refusal.remedy, url=f"/{model.repo_id}/gate"))


def _profiles(session: Session, office: access.Office, page: ListPage) -> Any:
    named = {person for item in page.items for person in _people_of(item)}
    found: Any = identity.open_shown(session, person_ids=sorted(named), sealer=office.sealer)
    return found


def _people_of(item: Listed) -> list[Any]:
    return [item.person_id, *([item.granted_by] if item.granted_by else [])]


async def _note_look(
    desk: Desk, office: access.Office, model: ModelView, status: Status, *, export: bool
) -> None:
    """Record that somebody looks at who stands at the gate; durable when this returns."""
    accepted = owner_lists.lists_acceptances(model, status)
    what = catalog.Looked.ACCEPTANCES if accepted else catalog.Looked.REQUESTS
    await desk.database.write(
        lambda session: catalog.record_look(
            session,
            what,
            principal=office.principal,
            publisher_id=model.publisher_id,
            export=export,
            now=office.now,
        )
    )


def _link(
    desk: Desk, request: AnyRequest, named: tuple[str, str], word: str, page: ListPage
) -> dict[str, str]:
    if page.following is None:
        return {}
    path = domain.api_path(*named, "user-access-request", word)
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {"Link": domain.next_link(desk.settings.base_url, path, query, after=str(page.following))}


def _refuse(request: AnyRequest, refusal: Refusal) -> Response[Any]:
    return hub_refuse(request, refusal, managing=True)
