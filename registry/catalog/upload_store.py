"""Queries and inserts of uploads, and of the blobs that come out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.catalog.domain import (
    LEASE,
    PlannedFile,
    UploadState,
    UploadView,
    part_size,
    staging_key,
)
from registry.catalog.inspection import Inspection, inspection_json
from registry.catalog.release_store import IN_MAX_COUNT
from registry.catalog.tables import Blob, BlobPossession, Model, Upload
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import insert_many

_LIVE = (UploadState.OPEN, UploadState.VERIFYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLine:
    """An upload as its publisher's list shows it."""

    id: UUID
    sha256: str
    size: int
    state: UploadState
    problem: str | None
    model: str | None
    multipart_id: str | None
    storage_key: str
    started_by: UUID
    started_at: datetime


def _view(row: Upload) -> UploadView:
    return UploadView(
        id=row.id,
        publisher_id=row.publisher_id,
        sha256=row.sha256,
        size=row.size,
        state=row.state,
        problem=row.problem,
        part_size=row.part_size,
        multipart_id=row.multipart_id,
        storage_key=row.storage_key,
        started_by=row.started_by,
    )


def find_upload(session: Session, upload_id: UUID) -> UploadView | None:
    """Return one upload."""
    row = session.exec(select(Upload).where(Upload.id == upload_id)).one_or_none()
    return None if row is None else _view(row)


def find_live(session: Session, *, publisher_id: UUID, digests: Sequence[str]) -> Mapping[str, UploadView]:
    """Return the uploads of these digests that a publisher has under way."""
    found: dict[str, UploadView] = {}
    for start in range(0, len(digests), IN_MAX_COUNT):
        rows = session.exec(
            select(Upload).where(
                Upload.publisher_id == publisher_id,
                col(Upload.sha256).in_(digests[start : start + IN_MAX_COUNT]),
                col(Upload.state).in_(_LIVE),
            )
        )
        found |= {row.sha256: _view(row) for row in rows}
    return found


def find_failures(session: Session, *, publisher_id: UUID, digests: Sequence[str]) -> Mapping[str, str]:
    """Return why the newest upload of these digests failed, where the publisher does not have the bytes."""
    found: dict[str, str] = {}
    for start in range(0, len(digests), IN_MAX_COUNT):
        asked = digests[start : start + IN_MAX_COUNT]
        rows = session.exec(
            select(Upload.sha256, Upload.problem)
            .where(Upload.state == UploadState.FAILED, Upload.publisher_id == publisher_id)
            .where(col(Upload.sha256).in_(asked))
            .order_by(col(Upload.id))
        ).all()
        found |= {sha256: problem or "" for sha256, problem in rows}
    return found


def find_held(session: Session, *, publisher_id: UUID, digests: Sequence[str]) -> set[str]:
    """Return which of these bytes the publisher has shown to have."""
    found: set[str] = set()
    for start in range(0, len(digests), IN_MAX_COUNT):
        found |= set(
            session.exec(
                select(BlobPossession.sha256).where(
                    BlobPossession.publisher_id == publisher_id,
                    col(BlobPossession.sha256).in_(digests[start : start + IN_MAX_COUNT]),
                )
            )
        )
    return found


def list_unfinished(session: Session, *, publisher_id: UUID, limit: int) -> list[UploadLine]:
    """Return the publisher's uploads that are open, being verified or have failed, newest first."""
    rows = session.exec(
        select(Upload, Model.name)
        .outerjoin(Model, col(Model.id) == col(Upload.model_id))
        .where(Upload.publisher_id == publisher_id, col(Upload.state) != UploadState.STORED)
        .order_by(col(Upload.id).desc())
        .limit(limit)
    )
    return [
        UploadLine(
            id=row.id,
            sha256=row.sha256,
            size=row.size,
            state=row.state,
            problem=row.problem,
            model=name,
            multipart_id=row.multipart_id,
            storage_key=row.storage_key,
            started_by=row.started_by,
            started_at=row.started_at,
        )
        for row, name in rows
    ]


def insert_upload(
    session: Session,
    *,
    publisher_id: UUID,
    model_id: UUID | None,
    file: PlannedFile,
    started_by: UUID,
    now: datetime,
) -> UploadView:
    """Return the new upload, or the one that was begun for the same bytes meanwhile."""
    upload_id = new_id()
    row = Upload(
        id=upload_id,
        publisher_id=publisher_id,
        model_id=model_id,
        sha256=file.sha256,
        size=file.size,
        storage_key=staging_key(upload_id),
        part_size=part_size(file.size),
        state=UploadState.OPEN,
        started_by=started_by,
        started_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return find_live(session, publisher_id=publisher_id, digests=[file.sha256])[file.sha256]
    return _view(row)


def set_multipart(session: Session, upload_id: UUID, multipart_id: str) -> str | None:
    """Give an open upload its multipart id unless it has one; return the one it has."""
    session.exec(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.multipart_id).is_(None))
        .where(col(Upload.state) == UploadState.OPEN)
        .values(multipart_id=multipart_id)
    )
    return session.exec(select(Upload.multipart_id).where(Upload.id == upload_id)).one()


def begin_verifying(session: Session, upload_id: UUID) -> bool:
    """Close an open upload for parts; False where it was not open."""
    changed = session.exec(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.state) == UploadState.OPEN)
        .values(state=UploadState.VERIFYING, lease_until=None)
    )
    return changed.rowcount > 0


def has_waiting(session: Session) -> bool:
    """Whether an upload waits for verification, claimed or not."""
    waiting = select(Upload.id).where(Upload.state == UploadState.VERIFYING).limit(1)
    return session.exec(waiting).one_or_none() is not None


def count_waiting(session: Session) -> int:
    """Return how many uploads wait for verification, claimed or not."""
    return session.exec(
        select(func.count()).select_from(Upload).where(Upload.state == UploadState.VERIFYING)
    ).one()


def claim(session: Session, *, now: datetime, most: int) -> list[UploadView]:
    """Return uploads that wait for verification; nobody else gets them before the lease ends."""
    rows = session.exec(
        select(Upload)
        .where(Upload.state == UploadState.VERIFYING)
        .where(or_(col(Upload.lease_until).is_(None), col(Upload.lease_until) <= now))
        .order_by(col(Upload.started_at), col(Upload.id))
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.lease_until = now + LEASE
        session.add(row)
    return [_view(row) for row in rows]


def set_lease(session: Session, upload_id: UUID, *, until: datetime) -> None:
    """Keep an upload for its worker until then."""
    session.exec(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.state) == UploadState.VERIFYING)
        .values(lease_until=until)
    )


def insert_blob(
    session: Session,
    *,
    sha256: str,
    size: int,
    git_oid: str,
    storage_key: str,
    content: bytes | None,
    inspection: Inspection,
    now: datetime,
) -> None:
    """Record verified bytes; the same bytes that were recorded before stay as they are."""
    if session.exec(select(Blob.sha256).where(Blob.sha256 == sha256)).one_or_none() is not None:
        return
    try:
        with session.begin_nested():
            session.exec(
                insert(Blob).values(
                    sha256=sha256,
                    size=size,
                    git_oid=git_oid,
                    storage_key=storage_key,
                    content=content,
                    inspection=inspection_json(inspection),
                    verified_at=now,
                )
            )
    except IntegrityError:
        return


def insert_possession(session: Session, *, publisher_id: UUID, sha256: str, now: datetime) -> None:
    """Record that a publisher has shown to have these bytes."""
    standing = session.exec(
        select(BlobPossession.sha256).where(
            BlobPossession.publisher_id == publisher_id, BlobPossession.sha256 == sha256
        )
    ).one_or_none()
    if standing is not None:
        return
    try:
        with session.begin_nested():
            session.exec(insert(BlobPossession).values(publisher_id=publisher_id, sha256=sha256, since=now))
    except IntegrityError:
        return


def insert_blobs(
    session: Session, blobs: Sequence[Mapping[str, object]], *, publisher_id: UUID, now: datetime
) -> None:
    """Record verified bytes, each once, and that the publisher has them; raise IntegrityError if others do so now."""
    digests = [str(blob["sha256"]) for blob in blobs]
    held = find_held(session, publisher_id=publisher_id, digests=digests)
    known = {
        digest
        for start in range(0, len(digests), IN_MAX_COUNT)
        for digest in session.exec(
            select(Blob.sha256).where(col(Blob.sha256).in_(digests[start : start + IN_MAX_COUNT]))
        )
    }
    insert_many(
        session, Blob, [{**blob, "verified_at": now} for blob in blobs if blob["sha256"] not in known]
    )
    possessed = [
        {"publisher_id": publisher_id, "sha256": digest, "since": now}
        for digest in digests
        if digest not in held
    ]
    insert_many(session, BlobPossession, possessed)


def finish(
    session: Session, upload_id: UUID, *, state: UploadState, problem: str | None, now: datetime
) -> None:
    """End an upload that is under way."""
    session.exec(
        update(Upload)
        .where(col(Upload.id) == upload_id, col(Upload.state).in_(_LIVE))
        .values(state=state, problem=problem, finished_at=now, lease_until=None)
    )


def list_stale(session: Session, *, before: datetime, now: datetime, limit: int) -> list[UploadView]:
    """Return uploads under way that were begun before then and that no worker has, oldest first."""
    rows = session.exec(
        select(Upload)
        .where(col(Upload.state).in_(_LIVE), col(Upload.started_at) < before)
        .where(or_(col(Upload.lease_until).is_(None), col(Upload.lease_until) < now))
        .order_by(col(Upload.started_at), col(Upload.id))
        .limit(limit)
    ).all()
    return [_view(row) for row in rows]
