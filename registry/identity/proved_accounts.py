"""Which people have proved an account at one provider, found by the account or by the person."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from registry.identity import linking, ways_store
from registry.identity.tables import ExternalIdentity
from registry.kernel.sealing import Sealer

SUBJECTS_PER_QUERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedAccount:
    """An account at a provider that a person has signed in with."""

    id: UUID
    person_id: UUID
    subject: str
    name: str
    """As the provider stated it at the last sign-in."""


def find_proved_accounts(
    session: Session, subjects: Collection[str], *, issuer: str, sealer: Sealer
) -> list[ProvedAccount]:
    """Return those of the provider's accounts that somebody here has proved to be theirs."""
    found: list[ProvedAccount] = []
    ordered = sorted(set(subjects))
    for start in range(0, len(ordered), SUBJECTS_PER_QUERY):
        indexes = [
            index
            for subject in ordered[start : start + SUBJECTS_PER_QUERY]
            for index in linking.indexes_of(issuer, subject, sealer)
        ]
        rows = session.exec(
            select(ExternalIdentity)
            .where(col(ExternalIdentity.subject_index).in_(indexes))
            .order_by(col(ExternalIdentity.id))
        ).all()
        found += _open(session, rows, sealer)
    return found


def list_proved_accounts(
    session: Session, person_ids: Sequence[UUID], *, issuer: str, sealer: Sealer
) -> list[ProvedAccount]:
    """Return the accounts that people have proved at the provider."""
    return _open(session, ways_store.list_identities_at(session, person_ids, issuer=issuer), sealer)


def _open(session: Session, rows: Iterable[ExternalIdentity], sealer: Sealer) -> list[ProvedAccount]:
    identities = list(rows)
    keys = sealer.find_subject_keys(session, list({row.person_id for row in identities}))
    opened = [
        (row.person_id, linking.open_account(row, keys[row.person_id]))
        for row in identities
        if row.person_id in keys
    ]
    return [
        ProvedAccount(id=account.id, person_id=one, subject=account.subject, name=account.name)
        for one, account in opened
    ]
