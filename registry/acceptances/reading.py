"""Acceptances opened for who may read them: the acceptor, and the auditors of the publisher.

Whether somebody may is the caller's question, and so is the note that they have looked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import identity, ledger
from registry.acceptances import service, store
from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.sd_jwt import open_claims, read_payload
from registry.acceptances.statement import ANSWERS
from registry.acceptances.store import Filter
from registry.acceptances.tables import Acceptance
from registry.kernel.canonical import Json
from registry.kernel.sealing import Sealer, SubjectKey

OPENED_MAX = 1_000
_CIRCUMSTANCES = ("ip_address", "user_agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAcceptance:
    """An acceptance with what the acceptor stated; nothing of that once they are erased, or for others while restricted."""

    summary: AcceptanceSummary
    language: str
    name: str | None
    email: str | None
    answers: Mapping[str, str]
    circumstances: Mapping[str, str]
    """What corroborates the act: address of the connection, browser. Read in a dispute, and by the person."""
    entry_index: int | None


def list_opened(
    session: Session,
    wanted: Filter,
    *,
    sealer: Sealer,
    reader: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[OpenedAcceptance]:
    """Return a page of acceptances with their details, newest first, strictly older than `after`.

    Details of people whose data may only be stored are opened for themselves alone.
    """
    rows = store.list_acceptances(session, wanted, after=after, limit=min(limit, OPENED_MAX))
    people = [row.person_id for row, _ in rows]
    keys = identity.find_readable_keys(session, people, reader=reader, sealer=sealer)
    indices = ledger.find_indices(session, [row.entry_id for row, _ in rows])
    opened = []
    summaries = service.summarise(session, rows)
    for (row, _), summary in zip(rows, summaries, strict=True):
        stated = _stated(row, keys.get(row.person_id))
        opened.append(
            OpenedAcceptance(
                summary=summary,
                language=row.language,
                name=_text(stated.get("name")),
                email=_text(stated.get("email")),
                answers=_answers(stated.get(ANSWERS)),
                circumstances={key: str(stated[key]) for key in _CIRCUMSTANCES if key in stated},
                entry_index=indices.get(row.entry_id),
            )
        )
    session.expunge_all()
    return opened


def count_up_to(
    session: Session,
    gate_ids: Sequence[UUID],
    *,
    most: int,
    withdrawn: bool = False,
    license_version_id: UUID | None = None,
    since: datetime | None = None,
) -> int:
    """Return how many acceptances the gates have, counted no further than `most`."""
    if not gate_ids:
        return 0
    return store.count_up_to(
        session,
        gate_ids,
        most=most,
        withdrawn=withdrawn,
        license_version_id=license_version_id,
        since=since,
    )


def first_accepted(session: Session, *, person_id: UUID) -> Mapping[UUID, datetime]:
    """Return the gates at which a person has ever accepted anything, each with the first time."""
    return store.first_accepted(session, person_id=person_id)


def _stated(row: Acceptance, key: SubjectKey | None) -> Mapping[str, Json]:
    """Return the claims with all that is sealed; nothing at all once the person is erased."""
    if key is None:
        return {}
    disclosures = service.open_sealed(key, row.sealed_disclosures, row.id)
    return open_claims(read_payload(row.statement), disclosures)


def _answers(stated: Json) -> dict[str, str]:
    return {key: str(value) for key, value in stated.items()} if isinstance(stated, Mapping) else {}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person with a standing acceptance of a license at a gate: the newest one they have."""

    person_id: UUID
    acceptance_id: UUID
    license_version_id: UUID
    series: int


def list_holders(
    session: Session, *, gate_id: UUID, license_id: UUID, after: UUID | None, limit: int
) -> Sequence[Holder]:
    """Return a page of those who hold a standing acceptance of any version of the license at the gate."""
    rows = store.list_holders(session, gate_id=gate_id, license_id=license_id, after=after, limit=limit)
    return [
        Holder(
            person_id=row.person_id,
            acceptance_id=row.id,
            license_version_id=row.license_version_id,
            series=row.series,
        )
        for row in rows
    ]
