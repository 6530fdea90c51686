"""What the acceptance page is loaded with: every text that is missing, for the person or their organisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, licenses
from registry.acceptances import service, store
from registry.acceptances.domain import Offer, Ticket
from registry.acceptances.earlier import Known, find_known
from registry.acceptances.refusals import nothing_to_accept, rest_not_public
from registry.acceptances.service import Offered
from registry.acceptances.store import PastAcceptance
from registry.acceptances.together import TEXTS_MAX_AT_ONCE
from registry.catalog.cards import GatePrompt
from registry.catalog.domain import ModelView
from registry.catalog.prerequisites import NONE, Seen, judge_prerequisites
from registry.identity.domain import Principal
from registry.identity.organisation_domain import OrganisationView, no_such_organisation
from registry.identity.restriction_domain import use_restricted
from registry.kernel.outcomes import Refusal
from registry.licenses.domain import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """One of the texts, and the gate that asks for it."""

    model: ModelView
    offer: Offer
    version: Version
    policies: tuple[licenses.Policy, ...]
    earlier: Version | None
    """Another text that the person knows: what was shown on the page just sent, else what they accepted before."""
    earlier_says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the acceptance page was loaded with."""

    model: ModelView
    texts: Sequence[ShownText]
    prompts: Sequence[tuple[ModelView, GatePrompt]]
    """What the cards of the models say whose gates ask."""
    more: int
    """How many further licenses are put to acceptance on the page after this one."""
    hidden: int
    """How many ancestors ask for a license whose names are not for this person."""
    barred: Sequence[Refusal] = ()
    """What the person lacks at the gates of bases that ask for something beforehand."""
    organisation: OrganisationView | None = None
    """Whom the person would accept for; None: themself."""
    others: Sequence[OrganisationView] = ()
    """Further organisations that they could accept for."""
    has_passkey: bool = False
    """Whether the person has a passkey to sign with."""

    @property
    def asks_signature(self) -> bool:
        """Whether one of the gates takes nothing that is not signed with a key of one's own."""
        return any(one.gate.prerequisites.own_signature for one in self.asking)

    @property
    def asking(self) -> Sequence[ModelView]:
        """The models whose gates ask for the texts."""
        return [text.model for text in self.texts]


def load(
    session: Session,
    principal: Principal,
    *,
    publisher: str,
    name: str,
    wanted: str | None,
    organisation_id: UUID | None = None,
    now: datetime,
    contact: str = "",
    only_oneself: bool = False,
) -> Shown | Refusal:
    """Return what the acceptance page shows, the `wanted` text first, or why there is nothing to show.

    An officer who has nothing left to accept for themself is shown the page for their organisation.
    """
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    seen, hidden = catalog.find_asking(session, model, principal)
    bodies = identity.list_organisations(session, principal=principal, now=now)
    live = [body for body in bodies if body.is_verified(now)]
    officer_of = [body for body in live if body.is_officer]
    organisation = next((body for body in officer_of if body.id == organisation_id), None)
    if organisation_id is not None and organisation is None:
        return no_such_organisation()
    for acts_for in [organisation] if organisation else [None, *([] if only_oneself else officer_of)]:
        offered = service.list_offers(
            session,
            person_id=principal.person_id,
            model=model,
            ancestors=seen,
            organisation_id=acts_for.id if acts_for else None,
        )
        if offered:
            if refusal := _judge_beforehand(session, principal, model, now=now, contact=contact):
                return refusal
            if acts_for is None:
                offered = _without_covered(session, offered, live, wanted) or offered
            barred = _find_barred(session, principal, model, offered, now=now, contact=contact)
            open_ones = [one for one in offered if one.model.id not in barred]
            if not open_ones:
                return next(iter(barred.values()))
            shown = _show(
                session,
                principal,
                model,
                sorted(open_ones, key=lambda one: not _is_wanted(one, wanted)),
                acts_for,
                bodies=bodies,
                others=officer_of,
                hidden=len(hidden),
            )
            person_id = principal.person_id
            return replace(
                shown,
                barred=list(barred.values()),
                has_passkey=person_id is not None and bool(identity.known_credentials(session, person_id)),
            )
    return rest_not_public(model.repo_id) if hidden else nothing_to_accept(f"/{model.repo_id}")


def _is_wanted(one: Offered, wanted: str | None) -> bool:
    return wanted is not None and one.version.reference == wanted


def _without_covered(
    session: Session, offered: Sequence[Offered], bodies: Sequence[OrganisationView], wanted: str | None
) -> Sequence[Offered]:
    """Leave out what an organisation of the person's has accepted for its members, but for what they ask for."""
    if not bodies:
        return offered
    past = store.list_past_of_organisations(
        session,
        organisation_ids=[body.id for body in bodies],
        gate_ids=[one.offer.gate_id for one in offered],
    )
    signed = {one.offer.gate_id for one in offered if one.model.gate.prerequisites.own_signature}
    covered = {
        (one.gate_id, one.license_id, one.series) for one in past if one.counts(signed=one.gate_id in signed)
    }
    return [
        one
        for one in offered
        if _is_wanted(one, wanted)
        or (one.offer.gate_id, one.offer.license_id, one.offer.series) not in covered
    ]


def _show(
    session: Session,
    principal: Principal,
    model: ModelView,
    offered: Sequence[Offered],
    organisation: OrganisationView | None,
    *,
    bodies: Sequence[OrganisationView],
    others: Sequence[OrganisationView],
    hidden: int,
) -> Shown:
    now_shown = offered[:TEXTS_MAX_AT_ONCE]
    known = find_known(
        session,
        person_id=principal.person_id if organisation is None else None,
        organisation_ids=[body.id for body in ([organisation] if organisation else bodies)],
        gate_ids=[one.offer.gate_id for one in now_shown],
    )
    names = {body.id: body.name for body in bodies}
    return Shown(
        model=model,
        texts=[_text(session, one, known, names) for one in now_shown],
        prompts=[
            (one, _find_prompt(session, one))
            for one in {item.model.id: item.model for item in now_shown}.values()
        ],
        more=len(offered) - len(now_shown),
        hidden=hidden,
        organisation=organisation,
        others=[body for body in others if body is not organisation],
    )


def _text(session: Session, one: Offered, known: Known, names: Mapping[UUID, str]) -> ShownText:
    past = known.get((one.offer.gate_id, one.offer.license_id))
    earlier = (
        licenses.get_version_by_id(session, past.license_version_id)
        if past and past.license_version_id != one.version.id
        else None
    )
    return ShownText(
        model=one.model,
        offer=one.offer,
        version=one.version,
        policies=licenses.find_terms(session, one.version.id).policies,
        earlier=earlier,
        earlier_says=_say_earlier(past, earlier, names) if past and earlier else "",
    )


def _say_earlier(past: PastAcceptance, earlier: Version, names: Mapping[UUID, str]) -> str:
    """Return who accepted which text before, and whether that still stands."""
    who = names[past.organisation_id] if past.organisation_id else "You"
    return f"{who} accepted {earlier.name} before{', and took it back' if past.is_withdrawn else ''}."


def _judge_beforehand(
    session: Session, principal: Principal, model: ModelView, *, now: datetime, contact: str
) -> Refusal | None:
    """Return what a signed-in person lacks at a gate, before they read and fill in anything."""
    asked = model.gate.prerequisites
    if since := identity.find_restricted_since(session, principal.person_id):
        return use_restricted(since, nothing="There is nothing to accept now.")
    if asked == NONE or principal.person_id is None:
        return None
    standing = identity.load_standing(session, principal, now=now)
    return judge_prerequisites(asked, Seen.of(principal, standing, model.repo_id, contact))


def _find_barred(
    session: Session,
    principal: Principal,
    model: ModelView,
    offered: Sequence[Offered],
    *,
    now: datetime,
    contact: str,
) -> Mapping[UUID, Refusal]:
    """Return the bases at whose gates the person cannot accept yet, with why; that stops nothing else."""
    asking = {one.model.id: one.model for one in offered if one.model.id != model.id}
    judged = {
        base.id: _judge_beforehand(session, principal, base, now=now, contact=contact)
        for base in asking.values()
    }
    return {base_id: refusal for base_id, refusal in judged.items() if refusal is not None}


def _find_prompt(session: Session, model: ModelView) -> GatePrompt:
    release = catalog.find_current_release(session, model.id)
    card = catalog.find_card(session, release_id=release.id) if release else None
    return card.gating if card else GatePrompt()


def load_again(
    session: Session,
    principal: Principal,
    *,
    publisher: str,
    name: str,
    tickets: Sequence[Ticket | None],
    refusal: Refusal,
    organisation_id: UUID | None = None,
    now: datetime,
    contact: str = "",
) -> Shown | Refusal:
    """Return the page after a refusal; where another text is offered now, beside the one that was shown."""
    before = [(ticket, _shown_on(session, ticket, principal)) for ticket in tickets]
    first = next((version for _, version in before if version), None)
    loaded = load(
        session,
        principal,
        publisher=publisher,
        name=name,
        wanted=first.reference if first else None,
        organisation_id=organisation_id,
        now=now,
        contact=contact,
    )
    if isinstance(loaded, Refusal) or first is None or refusal.code != "text-changed":
        return loaded
    shown = [
        (ticket.model_id or loaded.model.id, version) for ticket, version in before if ticket and version
    ]
    return replace(loaded, texts=[_beside_shown(text, shown) for text in loaded.texts])


def _beside_shown(text: ShownText, shown: Sequence[tuple[UUID, Version]]) -> ShownText:
    """Return the text beside what the page just sent showed in its place."""
    at_gate = [version for model_id, version in shown if model_id == text.model.id]
    if any(version.id == text.version.id for version in at_gate):
        return replace(text, earlier=None)
    same = [version for version in at_gate if version.license_id == text.version.license_id]
    before = next(iter(same or (at_gate if len(at_gate) == 1 else [])), None)
    if before is None:
        return text
    return replace(text, earlier=before, earlier_says=f"You were shown {before.name} on the page just sent.")


def _shown_on(session: Session, ticket: Ticket | None, principal: Principal) -> Version | None:
    """Return the text that a page showed, if it was made for this person in this browser session."""
    if ticket is None or (ticket.person_id, ticket.session_id) != (principal.person_id, principal.session_id):
        return None
    return licenses.get_version_by_id(session, ticket.license_version_id)
