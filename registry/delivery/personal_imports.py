"""Parts of the export of one's own data: what publishers brought in from elsewhere, what was asked about the data."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import acceptances, identity
from registry.access import disclosure_store
from registry.identity import erasures, restrictions
from registry.identity.visits import Desk
from registry.kernel.clock import iso


def list_imports(
    session: Session, desk: Desk, person_id: UUID, after: UUID | None
) -> Sequence[tuple[UUID, Mapping[str, Any]]]:
    """Return what is imported of the person, in one page: found by a proven address, and by nothing else."""
    profile = identity.open_profile(session, person_id=person_id, sealer=desk.sealer)
    if profile is None or profile.verified_at is None or after is not None:
        return ()
    return [
        (
            one.id,
            {
                "model": one.repo_id,
                "grade": "C",
                "text": acceptances.TEXT_UNKNOWN,
                "stated_at": iso(one.stated_at) if one.stated_at else None,
                "imported_at": iso(one.imported_at),
                "kept": dict(one.details),
            },
        )
        for one in acceptances.list_kept_of(session, email=profile.email, sealer=desk.sealer)
    ]


def list_asked(session: Session, desk: Desk, person_id: UUID) -> dict[str, Any]:
    """What the person asked for about their own data, and what became of it."""
    erasure = erasures.find_erasure(session, person_id=person_id, sealer=desk.sealer)
    restricted = restrictions.export_restrictions(session, person_id=person_id, sealer=desk.sealer)
    return {
        "erasure": msgspec.to_builtins(erasure),
        "restrictions": msgspec.to_builtins(restricted),
        "hub_disclosures": [
            {
                "repository": said.repository,
                "agreed_at": iso(said.agreed_at),
                "ended_at": iso(said.ended_at) if said.ended_at else None,
            }
            for said in disclosure_store.list_of_person(session, person_id=person_id)
        ],
    }
