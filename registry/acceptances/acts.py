"""What one person does at one gate, and what an act is judged by and recorded with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity
from registry.acceptances import store
from registry.acceptances.declaration import (
    Chosen,
    OwnAct,
)
from registry.acceptances.domain import (
    AcceptLicense,
)
from registry.acceptances.remembered import Texts
from registry.acceptances.sd_jwt import Sign
from registry.acceptances.store import PastAcceptance
from registry.acceptances.words import Way
from registry.catalog.domain import ModelView, ReleaseView
from registry.catalog.prerequisites import NONE
from registry.identity.domain import Principal, Profile
from registry.identity.standing_domain import Standing
from registry.kernel.sealing import Sealer, SubjectKey
from registry.kernel.synchronisation import ClockState
from registry.licenses.domain import Policy, Version

NAMES_COMPARED_MOST = 10
"""How many of a person's latest acceptances a typed name is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one person does at one gate, and everything it is recorded with."""

    command: AcceptLicense
    principal: Principal
    model: ModelView
    issuer: str
    sign: Sign
    sealer: Sealer
    now: datetime
    clock_state: ClockState = ClockState.NOT_KNOWN
    sign_in_age: timedelta | None = None
    """How long ago the person may have signed in; None: however long."""
    asked_for: ModelView | None = None
    """The model whose page it was, where that was made from `model`."""
    texts: int = 1
    """How many license texts the same act is on."""
    own: OwnAct | None = None
    """The person's own signature over all parts of the act."""
    chosen: Chosen | None = None
    """What was chosen for this part before it was signed."""

    @property
    def way(self) -> Way:
        """By which act the person accepts."""
        return self.own.way if self.own else Way.BUTTON


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the acts of one transaction are judged by and recorded with."""

    people: Mapping[UUID, tuple[Profile, SubjectKey]]
    past: Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]
    """By person and gate."""
    texts: Mapping[UUID, tuple[Version, Sequence[Policy]]]
    releases: Mapping[UUID, ReleaseView | None]
    sealed: Mapping[UUID, Sequence[tuple[UUID, bytes]]]
    """By person: their latest acceptances with the sealed disclosures."""
    past_of_organisations: Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]
    """By organisation and gate."""
    standings: Mapping[Principal, Standing]
    """Of those who are at a gate that asks for something beforehand."""

    def past_of(self, act: Act) -> Sequence[PastAcceptance]:
        """Return what was accepted at this gate before by who accepts now: the person, or the organisation."""
        person_id, capacity = act.principal.person_id, act.command.capacity
        if capacity is not None:
            return self.past_of_organisations.get((capacity.organisation_id, act.model.gate.id), ())
        return self.past.get((person_id, act.model.gate.id), ()) if person_id else ()


def load(session: Session, acts: Sequence[Act], texts: Texts) -> Loaded:
    """Return what these acts are judged by; the people's rows are locked from now on."""
    person_ids = sorted({act.principal.person_id for act in acts if act.principal.person_id})
    people = identity.lock_people(session, person_ids=person_ids, sealer=acts[0].sealer)
    past: dict[tuple[UUID, UUID], list[PastAcceptance]] = {}
    latest: dict[UUID, list[UUID]] = {}
    for row in store.list_past(session, person_ids=person_ids):
        past.setdefault((row.person_id, row.gate_id), []).append(row)
        latest.setdefault(row.person_id, []).append(row.id)
    return Loaded(
        people=people,
        past=past,
        texts={
            version_id: texts.find(session, version_id)
            for version_id in {item for act in acts for item in act.model.gate.license_version_ids}
        },
        releases={
            model_id: catalog.find_current_release(session, model_id)
            for model_id in {act.model.id for act in acts}
        },
        sealed=_load_sealed(session, latest),
        past_of_organisations=_load_organisations(session, acts),
        standings={
            act.principal: identity.load_standing(session, act.principal, now=act.now)
            for act in acts
            if act.model.gate.prerequisites != NONE
        },
    )


def _load_organisations(
    session: Session, acts: Sequence[Act]
) -> Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]:
    """Return what was accepted for the organisations that officers act for; their rows are locked from now on."""
    ids = sorted({act.command.capacity.organisation_id for act in acts if act.command.capacity})
    if not ids:
        return {}
    identity.lock_organisations(session, ids)
    past: dict[tuple[UUID, UUID], list[PastAcceptance]] = {}
    gate_ids = list({act.model.gate.id for act in acts})
    for row in store.list_past_of_organisations(session, organisation_ids=ids, gate_ids=gate_ids):
        if row.organisation_id is not None:
            past.setdefault((row.organisation_id, row.gate_id), []).append(row)
    return past


def _load_sealed(
    session: Session, latest: Mapping[UUID, Sequence[UUID]]
) -> Mapping[UUID, Sequence[tuple[UUID, bytes]]]:
    """Return the sealed disclosures of each person's latest acceptances; who accepts first costs no query."""
    wanted = [one for ids in latest.values() for one in ids[-NAMES_COMPARED_MOST:]]
    sealed: dict[UUID, list[tuple[UUID, bytes]]] = {}
    for acceptance_id, person_id, disclosures in store.list_sealed(session, wanted) if wanted else ():
        sealed.setdefault(person_id, []).append((acceptance_id, disclosures))
    return sealed
