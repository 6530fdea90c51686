"""What somebody has accepted already of the licenses that they lack, or have for a time only, and what changed since.

It explains a decision and gives no right. It is the acceptance that the acceptance page compares with.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlmodel import Session

from registry import acceptances, identity, licenses
from registry.access.domain import Facts
from registry.access.single_facts import Earlier, Requirement
from registry.identity.domain import Principal

_GATES = text("SELECT id, gate_id FROM model WHERE id IN :model_ids").bindparams(
    bindparam("model_ids", type_=Uuid(), expanding=True)
)


def with_earlier(session: Session, facts: Facts, *, now: datetime) -> Facts:
    """Return the facts with what is known already of each license that is not accepted, or only until a day."""
    principal = facts.principal
    asking = {one.source_id or facts.model_id for one in facts.requirements if _is_explained(one)}
    if not asking or (principal.person_id is None and principal.account is None):
        return facts
    found = session.connection().execute(_GATES.columns(id=Uuid, gate_id=Uuid), {"model_ids": sorted(asking)})
    gates: dict[UUID, UUID] = {model_id: gate_id for model_id, gate_id in found}  # noqa: C416 - rows are no pairs
    known = acceptances.find_known(
        session,
        person_id=None if principal.account and principal.account.organisation_id else principal.answering_id,
        organisation_ids=_organisations_of(session, principal, now=now),
        gate_ids=list(gates.values()),
    )
    return replace(
        facts,
        requirements=tuple(
            replace(
                one,
                earlier=_earlier(
                    session,
                    one,
                    known,
                    gates[one.source_id or facts.model_id],
                    signed=facts.prerequisites.own_signature and one.source_id is None,
                ),
            )
            if _is_explained(one)
            else one
            for one in facts.requirements
        ),
    )


def _is_explained(requirement: Requirement) -> bool:
    return requirement.acceptance_id is None or requirement.reaccept_by is not None


def _organisations_of(session: Session, principal: Principal, *, now: datetime) -> list[UUID]:
    if principal.account is not None:
        return [principal.account.organisation_id] if principal.account.organisation_id else []
    return [one.id for one in identity.list_organisations(session, principal=principal, now=now)]


def _earlier(
    session: Session, requirement: Requirement, known: acceptances.Known, gate_id: UUID, *, signed: bool
) -> Earlier | None:
    new = licenses.get_version_by_id(session, requirement.license_version_id)
    past = known.get((gate_id, new.license_id))
    if past is None:
        return None
    is_cover = past.organisation_id is not None
    if is_cover and not past.is_withdrawn and past.series == new.series:
        return None  # The same terms stand, and do not cover: the organisation is what has changed.
    old = licenses.get_version_by_id(session, past.license_version_id)
    return Earlier(
        number=old.number,
        accepted_at=past.accepted_at,
        withdrawn_at=past.withdrawn_at,
        is_cover=is_cover,
        is_unsigned=signed
        and not past.is_withdrawn
        and past.series == new.series
        and not past.counts(signed=True),
        changes=licenses.find_changes(session, old, new) if old.id != new.id else None,
    )
