"""How a person stands with what a gate may ask for beforehand: address, second factor, accounts, membership, declarations.

One text gathers it for the hot path and for everything else; it is run only where a gate asks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from registry.identity.domain import Principal
from registry.identity.standing_domain import NOTHING_KNOWN, Part, Standing, assemble_standing
from registry.kernel.database import UTCDateTime

# Membership counts as it does for covers: of an organisation that stands and has a proved domain. A second factor
# is one that each sign-in takes, or one that was shown in a sign-in that still is open.
STANDING_SQL = """
SELECT om.person_id AS person_id, 'organisation' AS kind, om.organisation_id AS id, '' AS value, om.since AS at
  FROM organisation_member om JOIN organisation o ON o.id = om.organisation_id
 WHERE om.person_id = :person_id AND om.ended_at IS NULL AND (om.until IS NULL OR om.until > :now)
   AND o.ended_at IS NULL AND o.suspended_at IS NULL
   AND EXISTS (SELECT 1 FROM organisation_domain od WHERE od.organisation_id = o.id
                 AND od.ended_at IS NULL AND od.valid_until > :now)
UNION ALL
SELECT p.id, 'email', NULL, '', p.verified_at FROM person p
 WHERE p.id = :person_id AND p.verified_at IS NOT NULL AND p.sealed_email IS NOT NULL
UNION ALL
SELECT p.id, 'second-factor', NULL, '', NULL FROM person p
 WHERE p.id = :person_id AND p.asks_passkey AND EXISTS (SELECT 1 FROM passkey k WHERE k.person_id = p.id)
UNION ALL
SELECT s.person_id, 'second-factor', NULL, '', s.created_at FROM web_session s
 WHERE s.person_id = :person_id AND s.revoked_at IS NULL AND s.expires_at > :now AND NOT s.waits_for_passkey
   AND ' ' || s.amr || ' ' LIKE '% mfa %'
UNION ALL
SELECT i.person_id, 'identity', NULL, i.issuer, i.created_at FROM external_identity i WHERE i.person_id = :person_id
UNION ALL
SELECT d.person_id, d.kind, NULL, d.value, d.declared_at FROM declaration d
 WHERE d.person_id = :person_id AND d.value <> ''
   AND NOT EXISTS (SELECT 1 FROM declaration l WHERE l.person_id = d.person_id AND l.kind = d.kind AND l.id > d.id)
"""
PEOPLE_PER_QUERY = 500


def load_standing(session: Session, principal: Principal, *, now: datetime) -> Standing:
    """Return how the principal stands, a service account as its sponsor; nothing is known of who is not signed in."""
    if principal.answering_id is None:
        return NOTHING_KNOWN
    rows = _load(session, [principal.answering_id], now=now)
    return assemble_standing((part for _, part in rows), principal)


def load_standings(session: Session, person_ids: Sequence[UUID], *, now: datetime) -> Mapping[UUID, Standing]:
    """Return how each of these people stands, whatever browser or token they come by."""
    found: dict[UUID, list[Part]] = {person_id: [] for person_id in person_ids}
    for start in range(0, len(person_ids), PEOPLE_PER_QUERY):
        for person_id, part in _load(session, person_ids[start : start + PEOPLE_PER_QUERY], now=now):
            found[person_id].append(part)
    return {
        person_id: assemble_standing(parts, Principal(person_id=person_id))
        for person_id, parts in found.items()
    }


def _load(session: Session, person_ids: Sequence[UUID], *, now: datetime) -> list[tuple[UUID, Part]]:
    if session.get_bind().dialect.name == "postgresql":
        # One array; why, says `kernel.among`.
        people: Any = bindparam("person_ids", type_=ARRAY(Uuid()))
        asked = STANDING_SQL.replace("= :person_id", "= ANY(:person_ids)")
    else:
        people = bindparam("person_ids", type_=Uuid(), expanding=True)
        asked = STANDING_SQL.replace("= :person_id", "IN :person_ids")
    statement: Any = text(asked).bindparams(people, bindparam("now", type_=UTCDateTime()))
    typed = statement.columns(person_id=Uuid, kind=String, id=Uuid, value=String, at=UTCDateTime)
    rows = session.connection().execute(typed, {"person_ids": list(person_ids), "now": now})
    return [(row.person_id, (row.kind, row.id, row.value, row.at)) for row in rows]
