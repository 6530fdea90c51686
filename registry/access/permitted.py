"""The models that a principal may download: every one for which `decide` permits, and no other.

A condition in SQL first leaves out most of the models that the decision would deny. It may let too many pass,
never too few; the decision itself is made about each that is left, on the facts of the one query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
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


_ENDING = f"""{_CANDIDATE}
AND (gate_revision.id IN (SELECT y.gate_revision_id FROM gate_grace y WHERE y.until > :permitted_now)
     OR model.id IN (
      SELECT n.model_id FROM gate_grace y
        JOIN gate g ON g.current_revision_id = y.gate_revision_id
        JOIN model s ON s.gate_id = g.id
        JOIN model_lineage n ON n.ancestor_id = s.id
       WHERE y.until > :permitted_now)
     OR EXISTS (
      SELECT 1 FROM organisation_member om
        JOIN organisation o ON o.id = om.organisation_id
        LEFT JOIN acceptance c ON c.organisation_id = o.id
        LEFT JOIN withdrawal w ON w.acceptance_id = c.id
       WHERE om.person_id = :permitted_person AND om.ended_at IS NULL
         AND (o.members_until > :permitted_now OR w.members_until > :permitted_now
              OR o.acknowledge_from > :permitted_now)))
"""  # noqa: S608 - put together of constants above
"""Models of the candidates at whose gates, or at those of whose bases, time runs that somebody has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedModel:
    """A model that a principal may download, and until when if that ends by itself."""

    model: catalog.ListedModel
    reaccept_by: datetime | None


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
) -> list[PermittedModel]:
    """Return at most `limit` of the models that the principal may download now, newest first."""
    found = _permitted(session, principal, narrowing, before=before, which=_CANDIDATE, now=now)
    return list(islice(found, limit))


def list_ending(session: Session, principal: Principal, *, limit: int, now: datetime) -> list[PermittedModel]:
    """Return at most `limit` of the models whose download ends unless their licenses are accepted anew."""
    found = _permitted(session, principal, Narrowing(), before=None, which=_ENDING, now=now)
    return list(islice((one for one in found if one.reaccept_by is not None), limit))


def _permitted(
    session: Session,
    principal: Principal,
    narrowing: Narrowing,
    *,
    before: UUID | None,
    which: str,
    now: datetime,
) -> Iterator[PermittedModel]:
    while True:
        bound = _bind(which, principal, now=now)
        batch = _list(session, principal, narrowing, before=before, limit=BATCH_MODELS, which=bound)
        ids = [model.model_id for model in batch]
        gathered = facts.gather_by_ids(session, principal, model_ids=ids, now=now)
        for model in batch:
            verdict = decide(gathered[model.model_id].facts)
            if isinstance(verdict, Permit):
                yield PermittedModel(model=model, reaccept_by=verdict.reaccept_by)
        if len(batch) < BATCH_MODELS:
            return
        before = batch[-1].model_id


def list_visible(
    session: Session,
    principal: Principal,
    *,
    narrowing: Narrowing,
    before: UUID | None,
    limit: int,
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


def _bind(which: str, principal: Principal, *, now: datetime) -> TextClause:
    return text(which).bindparams(
        bindparam("permitted_person", principal.answering_id, type_=Uuid()),
        bindparam("permitted_now", now, type_=UTCDateTime()),
    )
