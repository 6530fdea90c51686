"""Members acknowledge what was accepted for their organisation, where it asks each of them to; and the check of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from registry import identity, ledger
from registry.acceptances import store
from registry.acceptances.refusals import nothing_to_acknowledge
from registry.acceptances.sd_jwt import read_payload
from registry.acceptances.statement import acknowledgement_fact
from registry.acceptances.tables import Acceptance, Acknowledgement
from registry.acceptances.words import authority_sentence
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.restriction_domain import use_restricted
from registry.kernel.identifiers import sha256
from registry.kernel.outcomes import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """What an officer accepted for the organisation, as a member reads it before acknowledging."""

    acceptance_id: UUID
    organisation: str
    title: str
    slug: str
    number: str
    text_sha256: str
    accepted_at: datetime
    authority: str
    """What the officer declared; empty where it cannot be told any more."""


def describe_covers(session: Session, acceptance_ids: Sequence[UUID]) -> Sequence[Covering]:
    """Return what these acceptances for organisations say, in the order given."""
    found = [store.find_acceptance(session, one) for one in acceptance_ids]
    return [_describe(pair[0]) for pair in found if pair is not None and pair[0].organisation_id is not None]


def acknowledge(
    session: Session, acceptance_ids: Sequence[UUID], *, repo: str, principal: Principal, now: datetime
) -> Sequence[UUID] | Refusal:
    """Record that a person has acknowledged these acceptances for their organisation: all of them, or none.

    Only in a browser, never by a token or a service account. Who acknowledges twice has acknowledged once. What
    the decision makes of it is decided at each download.
    """
    if (
        principal.person_id is None
        or principal.session_id is None
        or principal.channel is not Channel.SESSION
    ):
        return not_signed_in(f"/{repo}/acknowledge")
    if since := identity.find_restricted_since(session, principal.person_id):
        return use_restricted(since, nothing="Nothing was recorded.")
    standing = [_find_covering(session, one, principal.person_id, now=now) for one in acceptance_ids]
    if not standing or None in standing:
        return nothing_to_acknowledge(repo)
    for acceptance in standing:
        assert acceptance is not None  # noqa: S101 - looked at just now
        _insert(session, acceptance, principal.person_id, now=now)
    return list(acceptance_ids)


def _find_covering(
    session: Session, acceptance_id: UUID, person_id: UUID, *, now: datetime
) -> Acceptance | None:
    """Return the acceptance, if it stands for an organisation that the person belongs to."""
    found = store.find_acceptance(session, acceptance_id)
    if found is None:
        return None
    acceptance, withdrawal = found
    organisation_id = acceptance.organisation_id
    if organisation_id is None:
        return None
    if withdrawal is not None and (withdrawal.members_until is None or withdrawal.members_until <= now):
        return None
    covered = identity.list_covered(session, [organisation_id], [person_id], now=now)
    return acceptance if covered else None


def _insert(session: Session, acceptance: Acceptance, person_id: UUID, *, now: datetime) -> None:
    if store.find_acknowledgement(session, acceptance.id, person_id) is not None:
        return
    claims: Any = read_payload(acceptance.statement)
    fact = acknowledgement_fact(
        acceptance_id=acceptance.id, person_id=person_id, text_sha256=claims["license"]["sha256"], at=now
    )
    with session.begin_nested() as attempt:
        row = Acknowledgement(
            acceptance_id=acceptance.id,
            person_id=person_id,
            acknowledged_at=now,
            statement=fact,
            entry_id=ledger.append(session, kind="acknowledgement", leaf=fact, now=now),
        )
        if not store.insert_acknowledgement(session, row):
            attempt.rollback()  # Another tab was faster, with its own entry.


def _describe(acceptance: Acceptance) -> Covering:
    claims: Any = read_payload(acceptance.statement)
    capacity = claims["capacity"]
    name = capacity["organisation"]["name"]
    sentences = (authority_sentence(name, texts) for texts in (1, 2))
    return Covering(
        acceptance_id=acceptance.id,
        organisation=name,
        title=claims["license"]["title"],
        slug=claims["license"]["slug"],
        number=claims["license"]["number"],
        text_sha256=claims["license"]["sha256"],
        accepted_at=acceptance.accepted_at,
        authority=next((one for one in sentences if sha256(one.encode()) == capacity["authority"]), ""),
    )


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each acknowledgement that is not what its log entry says."""
    rows = session.exec(
        select(Acknowledgement)
        .order_by(col(Acknowledgement.acceptance_id), col(Acknowledgement.person_id))
        .execution_options(yield_per=500)
    )
    for row in rows:
        leaf = ledger.find_leaf(session, row.entry_id)
        if leaf is None:
            yield _of(
                row, "has no log entry: it was inserted behind the log's back, or its entry_id was altered"
            )
        elif leaf != bytes(row.statement):
            yield _of(row, "statement: it is not the one in its log entry")
        elif leaf != acknowledgement_fact(
            acceptance_id=row.acceptance_id,
            person_id=row.person_id,
            text_sha256=json.loads(leaf)["text_sha256"],
            at=row.acknowledged_at,
        ):
            yield _of(row, "acceptance_id, person_id or acknowledged_at: it is not what the log entry says")


def check_leaf(session: Session, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the acknowledgement that a leaf speaks of is not there."""
    try:
        said = json.loads(leaf)
        acceptance_id, person_id = UUID(said["acceptance"]), UUID(said["person"])
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(
            table="ledger_entry", row_id="acknowledgement", problem="is not a leaf of kind acknowledgement"
        )
    if store.find_acknowledgement(session, acceptance_id, person_id) is not None:
        return None
    return ledger.Discrepancy(
        table="acknowledgement",
        row_id=f"{acceptance_id} {person_id}",
        problem="is missing although the log speaks of it",
    )


def _of(row: Acknowledgement, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(
        table="acknowledgement", row_id=f"{row.acceptance_id} {row.person_id}", problem=problem
    )
