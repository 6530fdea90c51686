"""Use cases of operators that end at once what somebody holds: sign-ins, tokens, power."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlmodel import Session

from registry import ledger
from registry.identity import ending_store
from registry.identity.domain import normalise_email
from registry.identity.service import find_person_by_email
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.sealing import Sealer

PERSON_ENDED = "person.ended"
"""Kind of the log's entries about sign-ins that an operator ended."""
ENDED_BY_OPERATOR = "operator"
"""Why a program's login ended."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What was ended of one person."""

    person_id: UUID
    sessions: int
    tokens: int
    logins: int


def reconcile_operators(session: Session, *, operators: Sequence[str], sealer: Sealer) -> int:
    """Leave the power of an operator to those alone whom the setting names; return from how many it was taken.

    Nobody is given it here: who is newly named has it from their next sign-in, so that no old token gains power.
    """
    addresses = {address for operator in operators if (address := normalise_email(operator))}
    keep = [index for address in sorted(addresses) for index in sealer.blind_indexes(address, "email")]
    demoted = ending_store.demote_others(session, keep=keep)
    if demoted:
        _log.info("operators.demoted", people=demoted)
    return demoted


def end_person(session: Session, *, email: str, sealer: Sealer, now: datetime) -> Ended | None:
    """End every session, token and program's login of a person, and what could still become one; it is in the log.

    None if nobody with this address is known. Acceptances, receipts, roles and blocks stay as they are, and so does
    the account: the person can sign in again.
    """
    address = normalise_email(email)
    if address is None:
        return None
    person_id = find_person_by_email(session, email=address, sealer=sealer)
    if person_id is None:
        return None
    # 1. First what could still become a session or a token, then these: nothing new comes in between.
    indexes = sealer.blind_indexes(address, "email")
    ending_store.use_up_pending(session, person_id, email_indexes=indexes, now=now)
    # 2. Logins before their tokens: a refresh locks its login.
    logins = ending_store.end_logins(session, person_id, reason=ENDED_BY_OPERATOR, now=now)
    ended = Ended(
        person_id=person_id,
        sessions=ending_store.end_sessions(session, person_id, now=now),
        tokens=ending_store.end_tokens(session, person_id, now=now)
        + ending_store.end_service_tokens(session, person_id, now=now),
        logins=logins,
    )
    # 3. The log last.
    ledger.append(session, kind=PERSON_ENDED, leaf=ended_leaf(ended, now=now), now=now)
    return ended


def ended_leaf(ended: Ended, *, now: datetime) -> bytes:
    """Return the ledger leaf of an end; it names the person by id only."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": PERSON_ENDED,
            "at": iso(now),
            "person": str(ended.person_id),
            "sessions": ended.sessions,
            "tokens": ended.tokens,
            "logins": ended.logins,
        }
    )
