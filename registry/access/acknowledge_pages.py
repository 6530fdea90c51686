"""`/{publisher}/{model}/acknowledge`: a member acknowledges what was accepted for their organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import acceptances, catalog
from registry.access import facts
from registry.catalog.domain import ModelView, model_url
from registry.identity.domain import Channel, Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a person has to acknowledge at a model."""

    model: ModelView
    covers: Sequence[acceptances.Covering]


class AcknowledgePages(Controller):
    """What an organisation's officers accepted, and the button of a member."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}/acknowledge", operation_id="show_acknowledgement")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Show what is to be acknowledged; opening the page acknowledges nothing."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION or visit.principal.person_id is None:
            return Redirect(f"/sign-in?next={quote(visit.page.path, safe='/')}", status_code=303)
        now = desk.clock.now()
        asked = await desk.database.read(
            lambda session: _load(session, publisher, model, principal=visit.principal, now=now)
        )
        if isinstance(asked, Refusal):
            return refuse(request, asked)
        url = model_url(asked.model.publisher, asked.model.name)
        view = SimpleNamespace(
            model=asked.model.repo_id,
            model_url=url,
            covers=[
                SimpleNamespace(
                    id=str(one.acceptance_id),
                    organisation=one.organisation,
                    license=f"{one.title} {one.number}",
                    license_url=f"/licenses/{quote(one.slug)}/{quote(one.number)}",
                    digest=one.text_sha256,
                    accepted_at=one.accepted_at,
                    authority=one.authority,
                )
                for one in asked.covers
            ],
            post_url=f"{url}/acknowledge",
            accept_url=f"{url}/accept",
        )
        return respond(desk.pages.render("acceptances/acknowledge.html", page=visit.page, view=view))

    @post("/{publisher:str}/{model:str}/acknowledge", operation_id="acknowledge_by_form", status_code=303)
    async def acknowledge(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Record that the person has acknowledged what the page showed, and lead to the model."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        shown = [found for value in form.lists.get("acceptance", ()) if (found := _read_id(value))]
        outcome = await _acknowledge(desk, publisher, model, shown, visit.principal)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(model_url(publisher, model), status_code=303)


async def _acknowledge(
    desk: Desk, publisher: str, name: str, shown: Sequence[UUID], principal: Principal
) -> Sequence[UUID] | Refusal:
    now = desk.clock.now()

    def work(session: Session) -> Sequence[UUID] | Refusal:
        model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
        if isinstance(model, Refusal):
            return model
        return acceptances.acknowledge(session, shown, repo=model.repo_id, principal=principal, now=now)

    return await desk.database.write(work)


def _load(
    session: Session, publisher: str, name: str, *, principal: Principal, now: datetime
) -> _Asked | Refusal:
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    gathered = facts.gather_by_name(session, principal, publisher=model.publisher, model=model.name, now=now)
    if gathered is None:
        raise CorruptRecord(f"model {model.id} has no gate in force")
    asked = [one.to_acknowledge for one in gathered.facts.requirements if one.to_acknowledge is not None]
    if not asked:
        return acceptances.nothing_to_acknowledge(model.repo_id)
    return _Asked(model=model, covers=acceptances.describe_covers(session, list(dict.fromkeys(asked))))


def _read_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
