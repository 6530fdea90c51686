"""A token of a service account to its principal: one statement and one rule, for the hot path and for all else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, String, Uuid, bindparam, text
from sqlmodel import Session

from registry.identity.domain import ActingAccount, Channel, Principal, Scope, digest_of, unknown_token
from registry.identity.service_account_domain import Stop, stopped_token
from registry.kernel.database import UTCDateTime
from registry.kernel.outcomes import Refusal
from registry.kernel.statements import Parameters, Statements

# With all that stops the account at once: its own end or suspension, that of its organisation, its sponsor's leave.
CREDENTIAL_SQL = """
SELECT t.id AS token_id, t.scopes AS scopes, t.expires_at AS expires_at, t.revoked_at AS revoked_at,
       t.last_used_at AS last_used_at, s.id AS account_id, s.name AS name, s.sponsor_id AS sponsor_id,
       s.organisation_id AS organisation_id, s.suspended_at AS suspended_at, s.ended_at AS ended_at,
       o.ended_at AS organisation_ended_at, o.suspended_at AS organisation_suspended_at,
       CASE WHEN s.organisation_id IS NULL OR EXISTS (
         SELECT 1 FROM organisation_member om WHERE om.person_id = s.sponsor_id
            AND om.organisation_id = s.organisation_id AND om.ended_at IS NULL
            AND (om.until IS NULL OR om.until > :now)) THEN 1 ELSE 0 END AS sponsor_belongs
  FROM service_token t
  JOIN service_account s ON s.id = t.account_id
  LEFT JOIN organisation o ON o.id = s.organisation_id
 WHERE t.digest = :digest
"""
TOUCH_SQL = "UPDATE service_token SET last_used_at = :now WHERE id = :token_id"


@dataclass(frozen=True, slots=True)
class ServiceCredential:
    """A row of the statement, its values read."""

    token_id: UUID
    scopes: str
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    account_id: UUID
    name: str
    sponsor_id: UUID
    organisation_id: UUID | None
    suspended_at: datetime | None
    ended_at: datetime | None
    organisation_ended_at: datetime | None
    organisation_suspended_at: datetime | None
    sponsor_belongs: bool


def fetch_credentials(
    sql: Statements, connection: Any, tokens: Sequence[str], *, now: datetime
) -> Mapping[str, ServiceCredential]:
    """Return what each of the tokens stands for, on the driver's connection; unknown ones are absent."""
    moment = sql.bind_moment(now)
    given: list[Parameters] = [{"digest": digest_of(token), "now": moment} for token in tokens]
    found = zip(tokens, sql.fetch_many(connection, CREDENTIAL_SQL, given), strict=True)
    return {token: _read(rows[0], sql) for token, rows in found if rows}


def _read(row: Any, sql: Statements) -> ServiceCredential:
    def moment(value: Any) -> datetime | None:
        return sql.read_moment(value) if value is not None else None

    return ServiceCredential(
        token_id=sql.read_id(row[0]),
        scopes=row[1],
        expires_at=sql.read_moment(row[2]),
        revoked_at=moment(row[3]),
        last_used_at=moment(row[4]),
        account_id=sql.read_id(row[5]),
        name=row[6],
        sponsor_id=sql.read_id(row[7]),
        organisation_id=sql.read_id(row[8]) if row[8] is not None else None,
        suspended_at=moment(row[9]),
        ended_at=moment(row[10]),
        organisation_ended_at=moment(row[11]),
        organisation_suspended_at=moment(row[12]),
        sponsor_belongs=bool(row[13]),
    )


def find_credential(session: Session, *, token: str, now: datetime) -> ServiceCredential | None:
    """Return what a token of a service account stands for, whether it works or not."""
    statement = text(CREDENTIAL_SQL).bindparams(bindparam("now", type_=UTCDateTime()))
    typed = statement.columns(
        token_id=Uuid,
        scopes=String,
        expires_at=UTCDateTime,
        revoked_at=UTCDateTime,
        last_used_at=UTCDateTime,
        account_id=Uuid,
        name=String,
        sponsor_id=Uuid,
        organisation_id=Uuid,
        suspended_at=UTCDateTime,
        ended_at=UTCDateTime,
        organisation_ended_at=UTCDateTime,
        organisation_suspended_at=UTCDateTime,
        sponsor_belongs=Integer,
    )
    found = session.connection().execute(typed, {"digest": digest_of(token), "now": now})
    row = found.mappings().one_or_none()
    return ServiceCredential(**{**row, "sponsor_belongs": bool(row["sponsor_belongs"])}) if row else None


def judge_credential(found: ServiceCredential, *, now: datetime) -> Principal | Refusal:
    """Return the account as the principal, or why its token is not taken."""
    if found.revoked_at is not None or now >= found.expires_at:
        return unknown_token()
    if found.ended_at is not None:
        return stopped_token(found.name, Stop.ENDED, since=found.ended_at)
    if found.organisation_ended_at is not None:
        return stopped_token(found.name, Stop.ORGANISATION_ENDED, since=found.organisation_ended_at)
    if found.organisation_suspended_at is not None:
        return stopped_token(found.name, Stop.ORGANISATION_SUSPENDED, since=found.organisation_suspended_at)
    if found.suspended_at is not None:
        return stopped_token(found.name, Stop.SUSPENDED, since=found.suspended_at)
    if not found.sponsor_belongs:
        return stopped_token(found.name, Stop.ORPHANED)
    return Principal(
        account=ActingAccount(
            id=found.account_id,
            name=found.name,
            sponsor_id=found.sponsor_id,
            organisation_id=found.organisation_id,
        ),
        channel=Channel.TOKEN,
        scopes=frozenset(Scope(word) for word in found.scopes.split()),
        token_id=found.token_id,
    )
