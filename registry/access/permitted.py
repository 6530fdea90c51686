"""The models that a principal may download: every one for which `decide` permits, and no other.

A condition in SQL first leaves out most of the models that the decision would deny. It may let too many pass,
never too few; the decision itself is made about each that is left, on the facts of the one query.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause, Uuid, bindparam, text
from sqlmodel import Session

from registry import catalog
from registry.access import facts
from registry.access.domain import Permit, decide
from registry.catalog.domain import GateKind, GateMode
from registry.identity.domain import Principal
from registry.kernel.database import UTCDateTime

BATCH_MODELS = 100
"""How many candidates are decided about at once."""

_CANDIDATE = """
    gate_revision.mode <> 'closed'
AND (gate_revision.mode <> 'manual' OR model.gate_id IN (
      SELECT t.gate_id FROM access_grant t WHERE t.person_id = :permitted_person))
AND (model.gate_id IN (SELECT a.gate_id FROM acceptance a WHERE a.person_id = :permitted_person)
     OR model.gate_id IN (
      SELECT c.gate_id FROM organisation_member om JOIN acceptance c ON c.organisation_id = om.organisation_id
       WHERE om.person_id = :permitted_person AND om.ended_at IS NULL)
     OR NOT EXISTS (SELECT 1 FROM gate_requirement q WHERE q.gate_revision_id = gate_revision.id))
AND model.publisher_id NOT IN (
      SELECT b.publisher_id FROM block b LEFT JOIN block_lift x ON x.block_id = b.id
       WHERE b.person_id = :permitted_person AND b.publisher_id IS NOT NULL AND x.block_id IS NULL
         AND (b.until IS NULL OR b.until > :permitted_now))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What the list is narrowed by, as the list of all models is."""

    search: str = ""
    license_slugs: tuple[str, ...] = ()
    mode: GateMode | None = None
    gates: tuple[GateKind, ...] = ()


def list_permitted(
    session: Session,
    principal: Principal,
    *,
    narrowing: Narrowing,
    before: UUID | None,
    limit: int,
    now: datetime,
) -> list[catalog.ListedModel]:
    """Return at most `limit` of the models that the principal may download now, newest first."""
    which = _candidate(principal, now=now)
    found: list[catalog.ListedModel] = []
    while True:
        batch = _list(session, principal, narrowing, before=before, limit=BATCH_MODELS, which=which)
        gathered = facts.gather_by_ids(
            session, principal, model_ids=[model.model_id for model in batch], now=now
        )
        found.extend(model for model in batch if isinstance(decide(gathered[model.model_id].facts), Permit))
        if len(found) >= limit or len(batch) < BATCH_MODELS:
            return found[:limit]
        before = batch[-1].model_id


def list_visible(
    session: Session,
    principal: Principal,
    *,
    narrowing: Narrowing,
    before: UUID | None,
    limit: int,
    now: datetime,  # noqa: ARG001 - what is visible does not depend on the time; called as `list_permitted` is
) -> list[catalog.ListedModel]:
    """Return at most `limit` of the models that the principal may see, newest first."""
    return _list(session, principal, narrowing, before=before, limit=limit, which=None)


def _list(
    session: Session,
    principal: Principal,
    narrowing: Narrowing,
    *,
    before: UUID | None,
    limit: int,
    which: TextClause | None,
) -> list[catalog.ListedModel]:
    return catalog.list_models(
        session,
        principal=principal,
        search=narrowing.search,
        license_slugs=narrowing.license_slugs,
        mode=narrowing.mode,
        gates=narrowing.gates,
        before=before,
        limit=limit,
        which=which,
    )


def _candidate(principal: Principal, *, now: datetime) -> TextClause:
    return text(_CANDIDATE).bindparams(
        bindparam("permitted_person", principal.answering_id, type_=Uuid()),
        bindparam("permitted_now", now, type_=UTCDateTime()),
    )
