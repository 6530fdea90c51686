"""The one query that gathers what the decision depends on, for one model or for many.

It is written as SQL because the hot path runs it on the bare driver connection and everything else through
a session; there is one text for both, so that the rule cannot be gathered in two ways. It reads tables of
the contexts below in one round trip; nothing is written through it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, String, TextClause, Uuid, bindparam, text
from sqlmodel import Session

from registry import catalog, identity
from registry.access import request_store, store
from registry.access.asking import asked_for, bound
from registry.access.covers import COVER, COVER_UNTIL, as_acknowledged
from registry.access.domain import Facts
from registry.access.known_terms import with_earlier
from registry.access.single_facts import (
    SIGNED,
    UNEXPLAINED_BLOCK,
    GrantFact,
    RequestFact,
    Requirement,
    unexplained_grant,
)
from registry.access.transitions import RequestState
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import NONE, parse_prerequisites
from registry.identity.domain import Principal
from registry.identity.standing_domain import Standing
from registry.kernel.database import UTCDateTime

_ACCEPTANCE = """
  LEFT JOIN acceptance a ON a.person_id = :acceptor_id AND a.gate_id = g.id
        AND a.license_id = v.license_id AND a.organisation_id IS NULL
        AND (a.series = v.series OR EXISTS (
              SELECT 1 FROM gate_grace y WHERE y.gate_revision_id = r.id AND y.license_id = v.license_id
                 AND y.series = a.series AND y.until > :now))
        AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.acceptance_id = a.id)
"""
_OWN_FALLS_SHORT = "a.id IS NULL OR a.series <> v.series OR (r.prerequisites IS NOT NULL AND a.grade <> 'A')"
_OWN = f"""
SELECT m.id AS model_id, p.name AS publisher, m.name AS model, m.private AS private, r.mode AS mode,
       q.position AS position, v.id AS license_version_id, l.slug AS slug, l.title AS title, v.number AS number,
       a.id AS acceptance_id, a.accepted_at AS accepted_at,
       CASE WHEN a.series <> v.series THEN
         (SELECT y.until FROM gate_grace y
           WHERE y.gate_revision_id = r.id AND y.license_id = v.license_id AND y.series = a.series) END AS reaccept_by,
       (SELECT b.id FROM block b LEFT JOIN block_lift x ON x.block_id = b.id
         WHERE b.person_id = :person_id AND (b.publisher_id IS NULL OR b.publisher_id = p.id)
           AND x.block_id IS NULL AND (b.until IS NULL OR b.until > :now)
         ORDER BY b.blocked_at LIMIT 1) AS block_id,
       (SELECT MIN(pr.role) FROM publisher_role pr
         WHERE pr.publisher_id = p.id AND pr.person_id = :person_id AND pr.ended_at IS NULL) AS role,
       CASE WHEN r.mode = 'manual' THEN
         (SELECT t.id FROM access_grant t LEFT JOIN access_grant_end e ON e.grant_id = t.id
           WHERE t.person_id = :person_id AND t.gate_id = g.id AND e.grant_id IS NULL
             AND (t.ends_at IS NULL OR t.ends_at > :now) ORDER BY t.granted_at DESC LIMIT 1) END AS grant_id,
       CASE WHEN {_OWN_FALLS_SHORT} THEN (SELECT c.id {COVER}) END AS cover_id,
       CASE WHEN {_OWN_FALLS_SHORT} THEN (SELECT {COVER_UNTIL} {COVER}) END AS cover_until,
       NULL AS source_id, NULL AS source, 0 AS generation, r.prerequisites AS prerequisites,
       CASE WHEN EXISTS (SELECT 1 FROM must_update u WHERE u.model_id = m.id AND u.ended_at IS NULL)
            THEN 1 ELSE 0 END AS marked,
       a.grade AS grade, CASE WHEN {_OWN_FALLS_SHORT} THEN (SELECT c.grade {COVER}) END AS cover_grade,
       (SELECT h.restricted_at FROM person h WHERE h.id = :acceptor_id) AS restricted_at
  FROM publisher p
  JOIN model m ON m.publisher_id = p.id
  JOIN gate g ON g.id = m.gate_id
  JOIN gate_revision r ON r.id = g.current_revision_id
  LEFT JOIN gate_requirement q ON q.gate_revision_id = r.id
  LEFT JOIN license_version v ON v.id = q.license_version_id
  LEFT JOIN license l ON l.id = v.license_id {_ACCEPTANCE}"""  # noqa: S608 - put together of constants above
# What the gates of the model's ancestors ask for, as it is now, but for what its own gate asks for too. Only
# models with a lineage have rows in `model_lineage`; for all others this is one look into its index.
_INHERITED = f"""
SELECT m.id AS model_id, p.name AS publisher, m.name AS model, m.private AS private, NULL AS mode,
       q.position AS position, v.id AS license_version_id, l.slug AS slug, l.title AS title, v.number AS number,
       a.id AS acceptance_id, a.accepted_at AS accepted_at,
       CASE WHEN a.series <> v.series THEN
         (SELECT y.until FROM gate_grace y
           WHERE y.gate_revision_id = r.id AND y.license_id = v.license_id AND y.series = a.series) END AS reaccept_by,
       NULL AS block_id, NULL AS role, NULL AS grant_id,
       CASE WHEN a.id IS NULL OR a.series <> v.series THEN (SELECT c.id {COVER}) END AS cover_id,
       CASE WHEN a.id IS NULL OR a.series <> v.series THEN (SELECT {COVER_UNTIL} {COVER}) END AS cover_until,
       n.ancestor_id AS source_id, CASE WHEN s.private THEN '' ELSE sp.name || '/' || s.name END AS source,
       n.generation AS generation, NULL AS prerequisites, 0 AS marked,
       NULL AS grade, NULL AS cover_grade, NULL AS restricted_at
  FROM publisher p
  JOIN model m ON m.publisher_id = p.id
  JOIN gate og ON og.id = m.gate_id
  JOIN model_lineage n ON n.model_id = m.id
  JOIN model s ON s.id = n.ancestor_id
  JOIN publisher sp ON sp.id = s.publisher_id
  JOIN gate g ON g.id = s.gate_id
  JOIN gate_revision r ON r.id = g.current_revision_id
  JOIN gate_requirement q ON q.gate_revision_id = r.id
  JOIN license_version v ON v.id = q.license_version_id
  JOIN license l ON l.id = v.license_id {_ACCEPTANCE}
 WHERE NOT EXISTS (SELECT 1 FROM gate_requirement oq JOIN license_version ov ON ov.id = oq.license_version_id
                    WHERE oq.gate_revision_id = og.current_revision_id AND ov.license_id = v.license_id
                      AND ov.series >= v.series)
"""  # noqa: S608 - put together of constants above
# Not ordered by `a.id` at once: SQLite would then read all acceptances of the gate in the order of their ids
# (measured: 100 times slower with 20,000 of them) instead of finding the person's.
_ORDER = "ORDER BY model_id, generation, position, accepted_at, acceptance_id"
_NAMED = "p.name_key = :publisher_key AND m.name_key = :model_key"
BY_NAME_SQL = f"{_OWN} WHERE {_NAMED} UNION ALL {_INHERITED} AND {_NAMED} {_ORDER}"
_BY_IDS_SQL = f"{_OWN} WHERE m.id IN :model_ids UNION ALL {_INHERITED} AND m.id IN :model_ids {_ORDER}"

_REQUESTS_SQL = """
SELECT m.id AS model_id, q.id AS id, q.state AS state, q.state_since AS since, q.reapply_at AS reapply_at,
       CASE WHEN q.state = 'approved' AND t.ends_at <= :now THEN t.ends_at END AS grant_ended_at
  FROM model m
  JOIN access_request q ON q.person_id = :person_id AND q.gate_id = m.gate_id
  LEFT JOIN access_grant t ON t.request_id = q.id
 WHERE m.id IN :model_ids
 ORDER BY q.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the query: a model, one of its requirements, and an acceptance that satisfies it."""

    model_id: UUID
    publisher: str
    model: str
    private: bool
    mode: str | None
    """None where an ancestor's gate asks."""
    license_version_id: UUID | None
    slug: str | None
    title: str | None
    number: str | None
    acceptance_id: UUID | None
    accepted_at: datetime | None
    reaccept_by: datetime | None
    """The acceptance is of an earlier series, which opens the gate until then."""
    block_id: UUID | None
    role: str | None
    grant_id: UUID | None
    cover_id: UUID | None
    """The acceptance for an organisation of the person's that satisfies it."""
    cover_until: datetime | None
    source_id: UUID | None
    """The ancestor whose gate asks for it; None: the model's own."""
    source: str | None
    """Its name; empty where it is private."""
    prerequisites: bytes | None
    """What the model's own gate asks for beforehand; None: nothing."""
    marked: bool
    """Some release of the model is to be given up."""
    grade: str | None  # A gate may ask for a signature, which another acceptance may have.
    cover_grade: str | None
    restricted_at: datetime | None = None
    """Since when what is kept about whose acceptances count may only be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Facts of one model, and what else the same query tells."""

    facts: Facts
    private: bool
    has_role: bool
    marked: bool = False
    """Some release of the model is to be given up; which one tells `giving_up`."""

    def is_visible_to(self, principal: Principal) -> bool:
        """Whether the model may be known to exist; private ones look absent to outsiders."""
        return not self.private or self.has_role or principal.is_operator


def gather_by_name(
    session: Session, principal: Principal, *, publisher: str, model: str, now: datetime
) -> Gathered | None:
    """Return the facts about one model, with what explains a refusal; None if there is no such model."""
    statement = _typed(text(BY_NAME_SQL))
    found = session.connection().execute(
        statement,
        {**asked_for(principal, now), "publisher_key": publisher.lower(), "model_key": model.lower()},
    )
    gathered = assemble((_row(dict(row)) for row in found.mappings()), principal)
    if not gathered:
        return None
    (found_one,) = _with_standing(gathered, lambda: identity.load_standing(session, principal, now=now))
    explained = _explained(session, found_one, principal, now=now)
    return _with_covers(session, explained, principal, now=now)


def _with_covers(session: Session, gathered: Gathered, principal: Principal, *, now: datetime) -> Gathered:
    """Return the facts with the covers that count, or count on, once the person has acknowledged them."""
    facts = gathered.facts
    if principal.person_id is None or not any(one.may_be_acknowledged for one in facts.requirements):
        return gathered
    if not identity.is_asked_to_acknowledge(session, principal.person_id, now=now):
        return gathered
    found = session.connection().execute(
        _typed(text(as_acknowledged(BY_NAME_SQL))),
        {
            **asked_for(principal, now),
            "publisher_key": facts.publisher.lower(),
            "model_key": facts.model.lower(),
        },
    )
    (other,) = assemble((_row(dict(row)) for row in found.mappings()), principal)
    covers = {
        (one.source_id, one.license_version_id): one for one in other.facts.requirements if one.is_cover
    }
    requirements = tuple(
        replace(one, to_acknowledge=cover.acceptance_id)
        if one.may_be_acknowledged
        and (cover := covers.get((one.source_id, one.license_version_id))) is not None
        and (one.acceptance_id != cover.acceptance_id or one.reaccept_by != cover.reaccept_by)
        else one
        for one in facts.requirements
    )
    return replace(gathered, facts=replace(facts, requirements=requirements))


def gather_by_ids(
    session: Session, principal: Principal, *, model_ids: Sequence[UUID], now: datetime
) -> Mapping[UUID, Gathered]:
    """Return the facts about many models by the same query: what lists show is what downloads do."""
    if not model_ids:
        return {}
    statement = _typed(text(_BY_IDS_SQL)).bindparams(bindparam("model_ids", type_=Uuid(), expanding=True))
    found = session.connection().execute(
        statement, {**asked_for(principal, now), "model_ids": list(model_ids)}
    )
    rows = [_row(dict(row)) for row in found.mappings()]
    assembled = _with_standing(
        assemble(rows, principal), lambda: identity.load_standing(session, principal, now=now)
    )
    gathered = {item.facts.model_id: item for item in assembled}
    reviewed = [
        item.facts.model_id
        for item in gathered.values()
        if item.facts.mode is GateMode.MANUAL and item.facts.grant is None
    ]
    for model_id, request in _requests_at(session, principal, reviewed, now=now).items():
        item = gathered[model_id]
        gathered[model_id] = replace(item, facts=replace(item.facts, request=request))
    return gathered


def _with_standing(gathered: Sequence[Gathered], load: Callable[[], Standing]) -> list[Gathered]:
    """Return the facts with how the person stands; it is loaded only where one of the gates asks for it."""
    asking = [item.facts.prerequisites != NONE for item in gathered]
    if not any(asking):
        return list(gathered)
    standing = load()
    return [
        replace(item, facts=replace(item.facts, standing=standing)) if asks else item
        for item, asks in zip(gathered, asking, strict=True)
    ]


def assemble(rows: Iterable[Row], principal: Principal) -> list[Gathered]:
    """Return the facts that the rows of one or several models amount to."""
    by_model: dict[UUID, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row.model_id, []).append(row)
    return [_assemble_one(group, principal) for group in by_model.values()]


def _assemble_one(rows: Sequence[Row], principal: Principal) -> Gathered:
    first = rows[0]
    prerequisites = parse_prerequisites(first.prerequisites)
    requirements: dict[tuple[UUID | None, UUID], Requirement] = {}
    for found_row in rows:
        if found_row.license_version_id is None:
            continue
        asks = prerequisites.own_signature and found_row.source_id is None
        row = _signed_alone(found_row) if asks else found_row
        key = (found_row.source_id, found_row.license_version_id)
        found = requirements.get(key)
        if found is not None and found.acceptance_id is not None and _suffices_longer(found, row):
            continue
        requirements[key] = Requirement(
            license_version_id=found_row.license_version_id,
            slug=row.slug or "",
            title=row.title or "",
            number=row.number or "",
            source=row.source,
            source_id=row.source_id,
            **_satisfied_by(row),
        )
    facts = Facts(
        principal=principal,
        model_id=first.model_id,
        publisher=first.publisher,
        model=first.model,
        mode=GateMode(first.mode or GateMode.CLOSED),
        requirements=tuple(requirements.values()),
        block=UNEXPLAINED_BLOCK if first.block_id is not None else None,
        grant=unexplained_grant(first.grant_id),
        prerequisites=prerequisites,
        restricted_at=first.restricted_at,
    )
    return Gathered(facts=facts, private=first.private, has_role=first.role is not None, marked=first.marked)


def _signed_alone(row: Row) -> Row:
    """Return the row without acceptances that are not signed by their acceptor."""
    own: dict[str, Any] = (
        {} if row.grade == SIGNED else {"acceptance_id": None, "accepted_at": None, "reaccept_by": None}
    )
    cover: dict[str, Any] = {} if row.cover_grade == SIGNED else {"cover_id": None, "cover_until": None}
    return replace(row, **own, **cover)


def _satisfied_by(row: Row) -> dict[str, Any]:
    """Return the acceptance that satisfies the requirement longest: the person's own, or an organisation's."""
    own_does = row.acceptance_id is not None and (
        row.cover_id is None
        or (
            row.reaccept_by is not None and row.cover_until is not None and row.reaccept_by >= row.cover_until
        )
        or row.reaccept_by is None
    )
    if own_does or row.cover_id is None:
        return {
            "acceptance_id": row.acceptance_id,
            "accepted_at": row.accepted_at,
            "reaccept_by": row.reaccept_by,
        }
    return {"acceptance_id": row.cover_id, "reaccept_by": row.cover_until, "is_cover": True}


def _suffices_longer(found: Requirement, row: Row) -> bool:
    """Whether the acceptance found before satisfies at least as long as that of the row."""
    if row.reaccept_by is None:
        return False
    return found.reaccept_by is None or found.reaccept_by >= row.reaccept_by


def _explained(session: Session, gathered: Gathered, principal: Principal, *, now: datetime) -> Gathered:
    """Add what only explains: the reason of a block, the request, what is known of the terms already."""
    facts = gathered.facts
    block = facts.block
    if block is not None:
        block = store.find_block_fact(session, principal.answering_id, facts.model_id, now=now) or block
    grant, request = facts.grant, None
    if facts.mode is GateMode.MANUAL and principal.person_id:
        grant, request = _explain_review(session, facts, principal.person_id, now=now)
    explained = replace(facts, block=block, grant=grant, request=request)
    return replace(gathered, facts=with_earlier(session, explained, now=now))


def _explain_review(
    session: Session, facts: Facts, person_id: UUID, *, now: datetime
) -> tuple[GrantFact | None, RequestFact | None]:
    """Return the grant with its dates, and the newest request of the person at the model's gate."""
    gate_id = catalog.get_model(session, facts.model_id).gate.id
    grant = facts.grant
    if grant is not None:
        row = request_store.find_standing_grant(session, person_id=person_id, gate_id=gate_id, now=now)
        grant = GrantFact(id=row.id, granted_at=row.granted_at, ends_at=row.ends_at) if row else grant
    requests = _requests_at(session, facts.principal, [facts.model_id], now=now)
    return grant, requests.get(facts.model_id)


def _requests_at(
    session: Session, principal: Principal, model_ids: Sequence[UUID], *, now: datetime
) -> Mapping[UUID, RequestFact]:
    """Return the newest request of the person at the gate of each model; absent where there is none."""
    if not model_ids or principal.person_id is None:
        return {}
    statement = text(_REQUESTS_SQL).bindparams(
        bindparam("person_id", type_=Uuid()),
        bindparam("now", type_=UTCDateTime()),
        bindparam("model_ids", type_=Uuid(), expanding=True),
    )
    typed = statement.columns(
        model_id=Uuid,
        id=Uuid,
        state=String,
        since=UTCDateTime,
        reapply_at=UTCDateTime,
        grant_ended_at=UTCDateTime,
    )
    found = session.connection().execute(
        typed, {"person_id": principal.person_id, "now": now, "model_ids": list(model_ids)}
    )
    newest: dict[UUID, RequestFact] = {}
    for row in found.mappings():
        given = dict(row)
        model_id = given.pop("model_id")
        newest[model_id] = RequestFact(**{**given, "state": RequestState(given["state"])})
    return newest


def _typed(statement: TextClause) -> Any:
    return bound(statement).columns(
        model_id=Uuid,
        publisher=String,
        model=String,
        private=Integer,
        mode=String,
        position=Integer,
        license_version_id=Uuid,
        slug=String,
        title=String,
        number=String,
        acceptance_id=Uuid,
        accepted_at=UTCDateTime,
        reaccept_by=UTCDateTime,
        block_id=Uuid,
        role=String,
        grant_id=Uuid,
        cover_id=Uuid,
        cover_until=UTCDateTime,
        source_id=Uuid,
        source=String,
        generation=Integer,
        prerequisites=LargeBinary,
        marked=Integer,
        grade=String,
        cover_grade=String,
        restricted_at=UTCDateTime,
    )


def _row(row: Mapping[str, Any]) -> Row:
    given = {name: row[name] for name in Row.__dataclass_fields__}
    return Row(**{**given, "private": bool(row["private"]), "marked": bool(row["marked"])})
