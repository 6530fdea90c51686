"""The pages that put a model behind another model's gate, or behind one of its own: the effect, then the act."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog
from registry.access import crowds, losses
from registry.audit.gate_views import derived_checks
from registry.catalog.domain import GateMode, model_url
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Check, Tone
from registry.kernel.pages import plural, respond
from registry.kernel.problems import AnyRequest, refuse

PEOPLE_MOST = 10_000
"""Acceptances, and members of organisations, at each gate whose people are looked at."""


class SharingPages(Controller):
    """`/{publisher}/{model}/gate/sharing`."""

    path = "/{publisher:str}/{model:str}/gate/sharing"
    include_in_schema = False

    @post("/", operation_id="share_gate_by_form", status_code=200)
    async def change(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """State what a move does; or move the model, once that is confirmed."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        page = f"{model_url(publisher, model)}/gate"
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(page))
        if isinstance(form, Refusal):
            return refuse(request, form)
        target, now, principal = form.text("target") or None, desk.clock.now(), visit.principal
        if form.text("do") == "confirm":
            stated = form.text("revision")
            moved = await desk.database.write(
                lambda session: catalog.move_model(
                    session,
                    publisher=publisher,
                    name=model,
                    target=target,
                    principal=principal,
                    now=now,
                    revision=int(stated)
                    if stated.isascii() and stated.isdecimal() and len(stated) < 9
                    else 0,
                )
            )
            return refuse(request, moved) if isinstance(moved, Refusal) else Redirect(page, status_code=303)

        def load(session: Session) -> Any:
            move = catalog.preview_move(
                session, publisher=publisher, name=model, target=target, principal=principal, now=now
            )
            if isinstance(move, Refusal):
                return move
            found = catalog.authorise(
                session, move.model.publisher, catalog.Command.CHANGE_GATE, principal=principal
            )
            if isinstance(found, Refusal):
                return found
            head = access.publisher_head(found, access.roles_at(session, found, principal=principal))
            return move_view(head, move, _list_effects(session, move, now=now))

        view = await desk.database.read(load)
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("manage/gate_sharing.html", page=visit.page, view=view))


def _list_effects(session: Session, move: catalog.GateMove, *, now: datetime) -> Sequence[Check]:
    """Return what the move does to whoever has something at either gate, told by the one decision."""
    model, gate = move.model, move.target.gate if move.target else None
    crowd = [
        crowds.list_crowd(session, one.id, most=PEOPLE_MOST, now=now) for one in (model.gate, gate) if one
    ]
    people = frozenset[UUID]().union(*(one.people for one in crowd))
    had = crowds.list_permitted(session, model, model.gate, people, now=now)
    before = crowds.load_demand(session, model.gate)
    after = crowds.load_demand(session, gate) if gate else before
    if gate:
        has = crowds.list_permitted(session, model, gate, people, now=now)
    else:
        # At a gate of its own nobody has accepted, or was granted, anything yet.
        has = had if before.mode is GateMode.AUTO and not before.versions else frozenset()
    where = f"the gate of {move.target.repo_id}" if move.target else "its new gate"
    said = [
        Check(tone=Tone.OK, verdict=f"{_people(had & has)} may download as before"),
        Check(
            tone=Tone.STOP if had - has else Tone.OK,
            verdict=f"{_people(had - has)} cannot download it any more",
            detail="What they accepted, or were granted, was at the gate that it leaves. They are told, in their"
            f" inbox and by mail, to go through {where} first."
            if had - has
            else None,
        ),
        Check(
            tone=Tone.NOTE,
            verdict=f"{_people(has - had)} may download at once",
            detail="They went through that gate already; what they did there counts for this model too."
            if has - had
            else None,
        ),
    ]
    # At a gate of its own nobody has accepted anything yet: it is one that is not known before.
    turn = losses.Turn(
        models=frozenset({model.id}),
        before=crowds.Asked(gate_id=model.gate.id, demand=before),
        after=crowds.Asked(gate_id=gate.id if gate else new_id(), demand=after),
    )
    said += derived_checks(losses.count_derived(session, turn, most=PEOPLE_MOST, now=now))
    if before.is_open and not after.is_open:
        said.append(Check(tone=Tone.STOP, verdict="Who downloads without accepting anything cannot any more"))
    if after.is_open and not before.is_open:
        said.append(Check(tone=Tone.NOTE, verdict="Everybody else may download it too"))
    if not all(one.is_whole for one in crowd):
        said.append(
            Check(
                tone=Tone.NOTE,
                verdict=f"Counted among the newest {PEOPLE_MOST:,} acceptances and members of each gate",
            )
        )
    return said


def move_view(head: SimpleNamespace, move: catalog.GateMove, effects: Sequence[Check]) -> SimpleNamespace:
    """Return the page that states what a move does, before anything is stored."""
    model, target = move.model, move.target
    url = model_url(model.publisher, model.name)
    return SimpleNamespace(
        publisher=head,
        model=SimpleNamespace(publisher=model.publisher, name=model.name, url=url),
        target=(
            SimpleNamespace(name=target.repo_id, url=f"{model_url(target.publisher, target.name)}/gate")
            if target
            else None
        ),
        effects=effects,
        revision=model.gate.number,
        post_url=f"{url}/gate/sharing",
        gate_url=f"{url}/gate",
    )


def _people(people: frozenset[UUID]) -> str:
    return plural(len(people), "person", "people")
