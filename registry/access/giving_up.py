"""Whether a release is to be given up for another; asked only where a model has such a release."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String, Uuid, bindparam, text
from sqlmodel import Session

from registry.access.single_facts import UpdateFact
from registry.kernel.database import UTCDateTime

UPDATE_SQL = """
SELECT n.commit_id AS replacement, u.update_by AS update_by, u.reason AS reason, u.marked_at AS since
  FROM must_update u JOIN release n ON n.id = u.replacement_id
 WHERE u.model_id = :model_id AND u.release_id = :release_id AND u.ended_at IS NULL
"""
"""Whether a release is to be given up; only asked where the model has such a release."""
_UPDATE = (
    text(UPDATE_SQL)
    .bindparams(bindparam("model_id", type_=Uuid()), bindparam("release_id", type_=Uuid()))
    .columns(replacement=String, update_by=UTCDateTime, reason=String, since=UTCDateTime)
)


def find_update(session: Session, *, model_id: UUID, release_id: UUID, now: datetime) -> UpdateFact | None:
    """Return by when and for what the release is to be given up, if it is."""
    row = (
        session.connection()
        .execute(_UPDATE, {"model_id": model_id, "release_id": release_id})
        .mappings()
        .one_or_none()
    )
    return UpdateFact(**row, is_due=now >= row["update_by"]) if row else None
