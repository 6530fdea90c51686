"""What the acceptance page is loaded with: the text that comes next, for the person or their organisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, licenses
from registry.acceptances import service
from registry.acceptances.domain import Offer, Ticket, nothing_to_accept
from registry.catalog.cards import GatePrompt
from registry.catalog.domain import ModelView
from registry.catalog.prerequisites import NONE, Seen, judge_prerequisites
from registry.identity.organisation_domain import OrganisationView, no_such_organisation
from registry.identity.visits import Visit
from registry.kernel.outcomes import Refusal
from registry.licenses.domain import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the acceptance page was loaded with."""

    model: ModelView
    offer: Offer
    version: Version
    policies: tuple[licenses.Policy, ...]
    gating: GatePrompt
    earlier: Version | None
    """Another text that the person knows: what was shown on the page just sent, else what they accepted before."""
    earlier_says: str = ""
    organisation: OrganisationView | None = None
    """Whom the person would accept for; None: themself."""
    others: Sequence[OrganisationView] = ()
    """Further organisations that they could accept for."""


def load(
    session: Session,
    visit: Visit,
    *,
    publisher: str,
    name: str,
    wanted: str | None,
    organisation_id: UUID | None = None,
    now: datetime,
    contact: str = "",
) -> Shown | Refusal:
    """Return what the acceptance page shows, or why there is nothing to show.

    An officer who has nothing left to accept for themself is shown the page for their organisation.
    """
    model = catalog.find_model(session, publisher=publisher, name=name, principal=visit.principal)
    if isinstance(model, Refusal):
        return model
    person_id = visit.principal.person_id
    bodies = _officer_of(session, visit, now)
    organisation = next((body for body in bodies if body.id == organisation_id), None)
    if organisation_id is not None and organisation is None:
        return no_such_organisation()
    found = _find_offer(session, model, person_id, organisation, wanted)
    if found is None and organisation is None:
        organisation = next(
            (body for body in bodies if _find_offer(session, model, person_id, body, wanted)), None
        )
        found = _find_offer(session, model, person_id, organisation, wanted) if organisation else None
    if found is None:
        return nothing_to_accept(f"/{model.repo_id}")
    if refusal := _judge_beforehand(session, visit, model, now=now, contact=contact):
        return refusal
    offer, version = found
    earlier_id = (
        service.earlier_version_id(
            session, person_id=person_id, gate_id=offer.gate_id, license_id=offer.license_id
        )
        if person_id and organisation is None
        else None
    )
    earlier = (
        licenses.get_version_by_id(session, earlier_id) if earlier_id and earlier_id != version.id else None
    )
    release = catalog.find_current_release(session, model.id)
    card = catalog.find_card(session, release_id=release.id) if release else None
    return Shown(
        model=model,
        offer=offer,
        version=version,
        policies=licenses.find_terms(session, version.id).policies,
        gating=card.gating if card else GatePrompt(),
        earlier=earlier,
        earlier_says=f"You accepted {earlier.name} before." if earlier else "",
        organisation=organisation,
        others=[body for body in bodies if body is not organisation],
    )


def _judge_beforehand(
    session: Session, visit: Visit, model: ModelView, *, now: datetime, contact: str
) -> Refusal | None:
    """Return what a signed-in person lacks, before they read and fill in anything."""
    asked = model.gate.prerequisites
    if asked == NONE or visit.principal.person_id is None:
        return None
    standing = identity.load_standing(session, visit.principal, now=now)
    return judge_prerequisites(asked, Seen.of(visit.principal, standing, model.repo_id, contact))


def _officer_of(session: Session, visit: Visit, now: datetime) -> Sequence[OrganisationView]:
    """Return the organisations that the visitor can accept for."""
    found = identity.list_organisations(session, principal=visit.principal, now=now)
    return [body for body in found if body.is_officer and body.is_verified(now)]


def _find_offer(
    session: Session,
    model: ModelView,
    person_id: UUID | None,
    organisation: OrganisationView | None,
    wanted: str | None,
) -> tuple[Offer, Version] | None:
    return service.find_offer(
        session,
        person_id=person_id,
        model=model,
        wanted=wanted,
        organisation_id=organisation.id if organisation else None,
    )


def load_again(
    session: Session,
    visit: Visit,
    *,
    publisher: str,
    name: str,
    ticket: Ticket | None,
    refusal: Refusal,
    organisation_id: UUID | None = None,
    now: datetime,
    contact: str = "",
) -> Shown | Refusal:
    """Return the page after a refusal; where another text is offered now, beside the one that was shown."""
    before = _shown_on(session, ticket, visit)
    wanted = before.reference if before else None
    loaded = load(
        session,
        visit,
        publisher=publisher,
        name=name,
        wanted=wanted,
        organisation_id=organisation_id,
        now=now,
        contact=contact,
    )
    if isinstance(loaded, Refusal) or before is None or refusal.code != "text-changed":
        return loaded
    if before.id == loaded.version.id:
        return replace(loaded, earlier=None)
    return replace(
        loaded, earlier=before, earlier_says=f"You were shown {before.name} on the page just sent."
    )


def _shown_on(session: Session, ticket: Ticket | None, visit: Visit) -> Version | None:
    """Return the text that a page showed, if it was made for this person in this browser session."""
    principal = visit.principal
    if ticket is None or (ticket.person_id, ticket.session_id) != (principal.person_id, principal.session_id):
        return None
    return licenses.get_version_by_id(session, ticket.license_version_id)
