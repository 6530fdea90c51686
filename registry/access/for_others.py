"""Asking for somebody else: what a person is told about a model, shown to operators and the publisher's own staff."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from registry import catalog, identity
from registry.access import service, store
from registry.access.domain import Denial, Permit, Reason, ReasonCode
from registry.access.refusals import asking_for_others
from registry.catalog.domain import Command
from registry.catalog.refusals import no_such_model
from registry.identity.domain import Channel, Principal, Scope, scope_missing
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer


def explain_for(
    session: Session,
    principal: Principal,
    *,
    publisher: str,
    model: str,
    email: str,
    sealer: Sealer,
    now: datetime,
    contact: str = "",
) -> Permit | Denial | Refusal:
    """Return what somebody else is told now, to an operator or to staff; the look is on record before that.

    An address with which nobody has signed in is answered like somebody who has accepted nothing. So is, to the
    staff of a publisher, everybody who never had to do with that publisher, and whose data may only be stored.
    """
    found = catalog.find_model(session, publisher=publisher, name=model, principal=principal)
    if isinstance(found, Refusal):
        return found
    allowed = may_ask_for_others(session, found.publisher, principal=principal)
    if isinstance(allowed, Refusal):
        return allowed
    person_id = identity.find_person_by_email(session, email=email, sealer=sealer)
    if person_id is not None and not principal.is_operator:
        knows = store.has_dealt_with(session, person_id=person_id, publisher_id=found.publisher_id)
        hidden = identity.find_restricted_since(session, person_id) is not None
        person_id = person_id if knows and not hidden else None
    catalog.record_look(
        session,
        catalog.Looked.EXPLANATION,
        principal=principal,
        publisher_id=found.publisher_id,
        subject_id=person_id,
        now=now,
    )
    somebody = Principal(
        person_id=person_id or new_id(), channel=Channel.SESSION, scopes=frozenset({Scope.READ})
    )
    verdict = service.explain(session, somebody, publisher=publisher, model=model, now=now, contact=contact)
    if verdict is None:
        return no_such_model(publisher, model)
    return verdict if principal.is_operator else _as_far_as_staff_may_see(verdict, found.publisher)


def may_ask_for_others(
    session: Session, publisher: str, *, principal: Principal
) -> catalog.PublisherView | Refusal:
    """Return the publisher about whose models somebody may ask for others; by a token only with `audit`."""
    if principal.is_operator:
        if principal.channel is Channel.TOKEN and not principal.may(Scope.AUDIT):
            return scope_missing(Scope.AUDIT)
        return catalog.find_publisher(session, publisher)
    allowed = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(allowed, Refusal) and allowed.code == "role-missing":
        return asking_for_others(publisher)
    return allowed


def _as_far_as_staff_may_see(verdict: Permit | Denial, publisher: str) -> Permit | Denial:
    """Leave out what the records of others say: another publisher's acceptances, the words of a block."""
    reasons = tuple(_cut(reason, publisher) for reason in verdict.reasons)
    if isinstance(verdict, Permit):
        return replace(verdict, reasons=reasons)
    refusal = verdict.refusal
    if refusal.code == "access-blocked":
        refusal = replace(refusal, detail="No file was sent. The reason is told to the person.")
    return replace(verdict, reasons=reasons, refusal=refusal)


def _cut(reason: Reason, publisher: str) -> Reason:
    if reason.code is ReasonCode.NOT_BLOCKED:
        return replace(reason, detail="The reason is told to the person.")
    if reason.code is ReasonCode.PREREQUISITE:
        return replace(reason, detail="")
    base = reason.inherited_from
    if base is None or base.lower().startswith(f"{publisher.lower()}/"):
        return reason
    told = f"It comes with the base {base or 'of this model, which is not public'}."
    return replace(reason, detail=told, acceptance_id=None, since=None, until=None, changes=None)
