"""The page on which maintainers change a model's gate: nothing is stored before its effect was stated."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog, identity, ledger, licenses
from registry.access import crowds, losses
from registry.access.losses import Turn
from registry.audit import gate_effect, gate_form, gate_views
from registry.audit.gate_form import GateDraft
from registry.audit.gate_views import GateShown
from registry.catalog import GateDemand
from registry.catalog.domain import Command, may_any, model_url
from registry.catalog.prerequisites import NONE
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PEOPLE_MOST = 10_000
"""Acceptances, and members of organisations, looked at for the effect of a change; beyond it, the newest ones."""
HISTORY_MOST = 20
LICENSES_OFFERED = 200


class GatePages(Controller):
    """`/{publisher}/{model}/gate`: what a model demands, and the form that changes it."""

    path = "/{publisher:str}/{model:str}/gate"
    include_in_schema = False

    @get("/", operation_id="show_gate")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Show the gate as it is, who set it when, and the form."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show(request, desk, visit, (publisher, model), None)

    @post("/", operation_id="change_gate_by_form", status_code=200)
    async def change(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Add, remove or move a part of the form; state the effect; or change the gate, once that is confirmed."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit, max_fields=gate_form.FORM_MAX_FIELDS)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(f"{model_url(publisher, model)}/gate"))
        if isinstance(form, Refusal):
            return refuse(request, form)
        draft = _read(form)
        if isinstance(draft, Refusal):
            return refuse(request, draft)
        button = form.text("do")
        if button not in {"preview", "confirm"}:
            chosen = form.text(button) if button.startswith("add-") else ""
            return await _show(
                request, desk, visit, (publisher, model), gate_form.press(draft, button, chosen)
            )
        demand = gate_form.read_demand(draft, days_most=catalog.REACCEPT_DAYS_MOST, reach=desk.reach)
        if not isinstance(demand, GateDemand):
            return await _show(request, desk, visit, (publisher, model), replace(draft, errors=demand))
        if button == "preview":
            return await _confirm(request, desk, visit, (publisher, model), draft, demand)
        now = desk.clock.now()
        changed = await desk.database.write(
            lambda session: catalog.change_gate(
                session,
                publisher=publisher,
                name=model,
                demand=demand,
                principal=visit.principal,
                now=now,
                revision=draft.revision,
            )
        )
        if isinstance(changed, Refusal):
            return await _refused(request, desk, visit, (publisher, model), draft, changed)
        return Redirect(f"{model_url(publisher, model)}/gate", status_code=303)

    @post("/bases", operation_id="remove_base_by_form", status_code=200)
    async def remove_base(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Take out a base that the model was not made from, with the reason that was given."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        page = f"{model_url(publisher, model)}/gate"
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(page))
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        left = await desk.database.write(
            lambda session: catalog.remove_base(
                session,
                publisher=publisher,
                name=model,
                base=form.text("base"),
                reason=form.text("reason"),
                principal=visit.principal,
                now=now,
            )
        )
        return refuse(request, left) if isinstance(left, Refusal) else Redirect(page, status_code=303)


def _read(form: Form) -> GateDraft | Refusal:
    stored = form.text("draft")
    return gate_form.load_draft(stored) if stored else gate_form.read_draft(form)


async def _refused(
    request: AnyRequest, desk: Desk, visit: Visit, name: tuple[str, str], draft: GateDraft, refusal: Refusal
) -> Response[Any]:
    """Show the form again where the refusal belongs to its parts, else the refusal."""
    placed = gate_form.place_errors(draft, refusal)
    if placed is None or refusal.code == "weights-gated-elsewhere":
        return refuse(request, refusal)
    return await _show(request, desk, visit, name, placed)


async def _show(
    request: AnyRequest, desk: Desk, visit: Visit, name: tuple[str, str], draft: GateDraft | None
) -> Response[Any]:
    def load(session: Session) -> Any:
        shown = load_gate(session, desk, visit, name, draft)
        if isinstance(shown, Refusal):
            return shown
        return gate_views.gate_view(shown, draft or _draft_of(shown))

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    html = desk.pages.render("manage/gate.html", page=visit.page, view=view)
    return respond(html, status_code=422 if view.errors else 200)


async def _confirm(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    name: tuple[str, str],
    draft: GateDraft,
    demand: GateDemand,
) -> Response[Any]:
    now = desk.clock.now()

    def load(session: Session) -> Any:
        change = catalog.preview_gate(
            session,
            publisher=name[0],
            name=name[1],
            demand=demand,
            principal=visit.principal,
            now=now,
            revision=draft.revision,
        )
        if isinstance(change, Refusal) or not change.changes:
            return change
        shown = load_gate(session, desk, visit, name, draft)
        return (
            shown
            if isinstance(shown, Refusal)
            else load_confirm(session, shown, change, draft, demand, now=now)
        )

    loaded = await desk.database.read(load)
    if isinstance(loaded, Refusal):
        return await _refused(request, desk, visit, name, draft, loaded)
    if isinstance(loaded, catalog.GateChange):
        told = replace(draft, errors={"notice": "The gate asks for exactly this already"})
        return await _show(request, desk, visit, name, told)
    return respond(desk.pages.render("manage/gate_confirm.html", page=visit.page, view=loaded))


def load_gate(
    session: Session, desk: Desk, visit: Visit, name: tuple[str, str], draft: GateDraft | None
) -> GateShown | Refusal:
    """Return all that the gate's page shows, or why the visitor may not see it."""
    principal = visit.principal
    model = catalog.find_model(session, publisher=name[0], name=name[1], principal=principal)
    if isinstance(model, Refusal):
        return model
    publisher = catalog.authorise(session, model.publisher, Command.SEE_PRIVATE, principal=principal)
    if isinstance(publisher, Refusal):
        return publisher
    history = catalog.list_gate_history(session, gate_id=model.gate.id, limit=HISTORY_MOST)
    requirements = catalog.describe_requirements(
        session, [version for gate in history for version in gate.license_version_ids]
    )
    named = [requirements[one].slug for one in model.gate.license_version_ids]
    slugs = [reference.partition("@")[0] for reference in draft.licenses] if draft else named
    roles = access.roles_at(session, publisher, principal=principal)
    bases = catalog.find_recorded_bases(session, publisher=name[0], name=name[1], principal=principal)
    if isinstance(bases, Refusal):
        return bases
    return GateShown(
        publisher=publisher,
        roles=roles,
        model=model,
        history=history,
        requirements=requirements,
        people=identity.open_shown(
            session, person_ids=[one.created_by for one in history if one.created_by], sealer=desk.sealer
        ),
        indices=ledger.find_indices(session, [gate.entry_id for gate in history]),
        versions={
            slug: [one for one in licenses.list_versions(session, slug) if one.second.stands]
            for slug in dict.fromkeys(slugs)
        },
        licenses=licenses.list_licenses(session, limit=LICENSES_OFFERED)[0],
        bases=bases,
        may_change=may_any(roles, Command.CHANGE_GATE),
        is_fresh=catalog.is_fresh(principal, desk.clock.now()),
        reach=desk.reach,
        shared_by=catalog.list_models_of_gate(session, model.gate.id),
        siblings=[
            f"{model.publisher}/{one.name}"
            for one in catalog.list_own_models(session, publisher_id=publisher.id)
            if model.gate.id != one.gate_ids[0]
        ],
    )


def _draft_of(shown: GateShown) -> GateDraft:
    gate = shown.model.gate
    required = [shown.requirements[one] for one in gate.license_version_ids]
    return gate_form.draft_of_gate(
        gate, [f"{one.slug}@{one.number}" for one in required], days=catalog.REACCEPT_DAYS
    )


def load_confirm(
    session: Session,
    shown: GateShown,
    change: catalog.GateChange,
    draft: GateDraft,
    demand: GateDemand,
    *,
    now: datetime,
) -> Any:
    """Return the page that states what the change does to those who have something at the gate."""
    gate = change.model.gate
    versions = [licenses.get_version_by_id(session, one) for one in gate.license_version_ids]
    before = crowds.Demand(
        mode=gate.mode,
        versions=tuple(one for one in versions if one is not None),
        graces=_graces(change.promises),
        asks_beforehand=gate.prerequisites != NONE,
        signed=gate.prerequisites.own_signature,
    )
    after = crowds.Demand(
        mode=demand.mode,
        versions=change.versions,
        graces=_graces(change.promised),
        asks_beforehand=change.demand.prerequisites != NONE,
        signed=bool(change.demand.prerequisites and change.demand.prerequisites.own_signature),
    )
    crowd = crowds.list_crowd(session, gate.id, most=PEOPLE_MOST, now=now)
    holdings = crowds.list_holdings(session, gate.id, change.model.publisher_id, crowd.people, now=now)
    old, new = gate.prerequisites, change.demand.prerequisites or NONE
    asks = (old, new) != (NONE, NONE)
    people = identity.load_standings(session, list(holdings), now=now) if asks else {}
    groups = gate_effect.group(holdings, people, before=old, after=new)
    turn = Turn(
        models=frozenset(catalog.list_model_ids_of_gate(session, gate.id)),
        before=crowds.Asked(gate_id=gate.id, demand=before),
        after=crowds.Asked(gate_id=gate.id, demand=after),
    )
    derived = losses.count_derived(session, turn, most=PEOPLE_MOST, now=now)
    return gate_views.confirm_view(
        shown,
        change,
        demand,
        before=before,
        after=after,
        effect=gate_effect.weigh(groups, before, after, now=now),
        derived=derived,
        counted=None
        if crowd.is_whole
        else f"Counted among the newest {PEOPLE_MOST:,} acceptances and members.",
        stored=gate_form.store_draft(draft),
    )


def _graces(promises: Sequence[Any]) -> dict[Any, Any]:
    return {(grace.license_id, grace.series): grace.until for grace in promises}
