"""Small files that arrive inside a request: measured like an upload, and kept without one."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from registry.catalog import upload_store
from registry.catalog.domain import blob_key
from registry.catalog.inspection import CONTENT_MAX_BYTES, Inspector, inspection_json
from registry.catalog.manifests import GitBlobHasher
from registry.catalog.storage import ObjectStore, ask
from registry.catalog.uploads import Measured, record_blob
from registry.kernel.database import Database

SMALL_MAX_BYTES = CONTENT_MAX_BYTES
"""Up to this size a text is kept in the database; larger files go straight to the object store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFile:
    """Bytes in hand, and what they are."""

    content: bytes
    measured: Measured

    @classmethod
    def of(cls, content: bytes) -> "SmallFile":
        """Return what would be found of an upload of these bytes."""
        git, inspector = GitBlobHasher(len(content)), Inspector(len(content))
        git.feed(content)
        inspector.feed(content)
        measured = Measured(
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            git_oid=git.hexdigest(),
            content=inspector.content(),
            inspection=inspector.finish(io.BytesIO(content)),
        )
        return cls(content=content, measured=measured)


async def keep(
    database: Database,
    objects: ObjectStore,
    publisher_id: UUID,
    files: Sequence[SmallFile],
    *,
    now: datetime,
) -> None:
    """Make blobs of the publisher out of these bytes; what is no text lies in the object store before."""
    for file in files:
        if file.measured.content is None:
            await ask(objects, objects.put, blob_key(file.measured.sha256), file.content)

    def record(session: Session) -> None:
        try:
            with session.begin_nested():
                rows = [_row(file.measured) for file in {one.measured.sha256: one for one in files}.values()]
                upload_store.insert_blobs(session, rows, publisher_id=publisher_id, now=now)
        except IntegrityError:
            # Somebody records the same bytes at the same time: one by one, each of them waits for the other.
            for file in files:
                record_blob(session, publisher_id, file.measured, now=now)

    await database.write(record)


def _row(measured: Measured) -> dict[str, object]:
    return {
        "sha256": measured.sha256,
        "size": measured.size,
        "git_oid": measured.git_oid,
        "storage_key": blob_key(measured.sha256),
        "content": measured.content,
        "inspection": inspection_json(measured.inspection),
    }
