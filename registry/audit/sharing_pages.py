"""The pages that put a model behind another model's gate, or behind one of its own: the effect, then the act."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog, identity, licenses
from registry.acceptances import figures
from registry.audit import gate_effect
from registry.catalog.domain import ModelView, model_url
from registry.catalog.prerequisites import NONE
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Check, Tone
from registry.kernel.pages import plural, respond
from registry.kernel.problems import AnyRequest, refuse

PEOPLE_MOST = 10_000
"""Acceptances at each gate whose people are looked at."""


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
    """Return what the move does to the people of both gates, told by the one decision."""
    model, target = move.model, move.target
    before = _who_may(session, model, now=now)
    # A gate of its own starts with nobody.
    after: Mapping[UUID, bool] = _who_may(session, target, now=now) if target else {}
    had = {person for person, may in before.items() if may}
    has = {person for person, may in after.items() if may}
    said = []
    if had & has:
        said.append(Check(tone=Tone.OK, verdict=f"{_people(had & has)} may download as before"))
    if lost := had - has:
        where = f"the gate of {target.name}" if target else "its new gate"
        detail = f"What they accepted, or were granted, was at the gate that it leaves. They go through {where} first."
        said.append(
            Check(tone=Tone.STOP, verdict=f"{_people(lost)} cannot download it any more", detail=detail)
        )
    if gained := has - had:
        detail = "They went through that gate already; what they did there counts for this model too."
        said.append(Check(tone=Tone.NOTE, verdict=f"{_people(gained)} may download at once", detail=detail))
    return said or [Check(tone=Tone.NOTE, verdict="Nobody who accepted before is affected")]


def _who_may(session: Session, model: ModelView, *, now: datetime) -> Mapping[UUID, bool]:
    """Return who went through a gate, and whether that suffices now."""
    gate = model.gate
    standings = figures.list_standings(session, gate.id, most=PEOPLE_MOST)
    granted = access.list_granted(session, gate.id, now=now)
    asked = gate.prerequisites
    people = identity.load_standings(session, list(standings.accepted), now=now) if asked != NONE else {}
    demand = gate_effect.Demand(
        mode=gate.mode,
        versions=tuple(licenses.get_version_by_id(session, one) for one in gate.license_version_ids),
        graces=catalog.list_promises(session, gate.revision_id),
        asks_beforehand=asked != NONE,
    )
    return gate_effect.judge_people(standings.accepted, people, demand, asked, granted=granted)


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


def _people(people: set[UUID]) -> str:
    return plural(len(people), "person", "people")
