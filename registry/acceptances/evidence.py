"""Acceptances as evidence that is handed on: the signed statement, its disclosures, what ended it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from registry import identity
from registry.acceptances import service, store
from registry.acceptances.sd_jwt import digest, hidden_digests, read_payload
from registry.acceptances.statement import SCOPE
from registry.acceptances.store import Filter
from registry.kernel.sealing import Sealer, SubjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceEvidence:
    """An acceptance with what proves it."""

    id: UUID
    entry_id: UUID
    license_version_id: UUID
    statement: str
    disclosures: Sequence[str]
    withdrawal: tuple[UUID, bytes] | None
    """Entry and leaf of its withdrawal."""


def list_evidence(
    session: Session,
    wanted: Filter,
    *,
    sealer: Sealer,
    details: bool,
    after: UUID | None = None,
    limit: int,
) -> Sequence[AcceptanceEvidence]:
    """Return a page of evidence, newest first; without `details` only the name of a private model is disclosed."""
    rows = store.list_acceptances(session, wanted, after=after, limit=limit)
    people = [row.person_id for row, _ in rows]
    keys = identity.find_readable_keys(session, people, reader=None, sealer=sealer)
    found = [
        AcceptanceEvidence(
            id=row.id,
            entry_id=row.entry_id,
            license_version_id=row.license_version_id,
            statement=row.statement,
            disclosures=_disclosures(
                row.statement,
                row.sealed_disclosures,
                keys.get(row.person_id),
                acceptance_id=row.id,
                details=details,
            ),
            withdrawal=(ended.entry_id, ended.statement) if ended else None,
        )
        for row, ended in rows
    ]
    session.expunge_all()
    return found


def _disclosures(
    statement: str, sealed: bytes, key: SubjectKey | None, *, acceptance_id: UUID, details: bool
) -> Sequence[str]:
    if key is None:
        return ()
    scope = hidden_digests(read_payload(statement)[SCOPE])
    if not details and not scope:
        return ()
    opened = service.open_sealed(key, sealed, acceptance_id)
    return opened if details else [one for one in opened if digest(one) in scope]
