"""Uploads: planned, sent in parts straight to the object store, verified, and only then a blob.

The parts of the work that touch the database are plain functions; the coroutines here put the calls to the
object store between them, so that no transaction waits for the network. The bytes lie under a key of their
own until they have been hashed: after the parts have been made one object, no URL that was handed out can
change it any more.
"""

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlmodel import Session

from registry.catalog import refusals, release_store, service, store, upload_store
from registry.catalog.domain import (
    LEASE,
    PLAN_MAX_FILES,
    RETRY_PAUSE,
    SIGN_MAX_PARTS,
    UPLOAD_LIFETIME,
    Command,
    Planned,
    PlannedFile,
    UploadState,
    UploadView,
    blob_key,
    describe_state,
    may_any,
    part_count,
)
from registry.catalog.inspection import Inspection, Inspector
from registry.catalog.manifests import GitBlobHasher, check_entry
from registry.catalog.names import check_model_name
from registry.catalog.storage import ObjectStore, StoredPart, ask
from registry.identity.domain import Principal
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError, Refusal

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
RANGE_READ_BYTES = 1024 * 1024
STALE_AT_ONCE = 100
LISTED_AT_ONCE = 8
_CHANGED_ON_THE_WAY = "The bytes that arrived are not the bytes that were stated; nothing was kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """An upload with the parts that the store has already."""

    upload: UploadView
    parts: tuple[StoredPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the bytes of an upload really are."""

    size: int
    sha256: str
    git_oid: str
    content: bytes | None
    inspection: Inspection


# In a transaction ---------------------------------------------------------------------------------


def plan_uploads(
    session: Session,
    *,
    publisher: str,
    name: str,
    files: Sequence[PlannedFile],
    principal: Principal,
    now: datetime,
) -> list[Planned] | Refusal:
    """Return for each file whether the publisher has it already, or the upload to go on with.

    Bytes that only others have uploaded count as absent (threat G10). The model need not exist yet.
    """
    found = service.authorise(session, publisher, Command.UPLOAD, principal=principal)
    if isinstance(found, Refusal):
        return found
    errors = _check_plan(found.name, name, files)
    if errors or principal.answering_id is None:
        return refusals.malformed("These files cannot be uploaded", errors, code="files-malformed")
    model = store.find_model(session, publisher=found.name, name=name, person_id=principal.answering_id)
    wanted = {file.sha256: file for file in files}
    if EMPTY_SHA256 in wanted:
        record_blob(session, found.id, _measure_nothing(), now=now)
    blobs = release_store.find_blobs(session, list(wanted), publisher_id=found.id)
    live = upload_store.find_live(session, publisher_id=found.id, digests=list(wanted))
    planned: list[Planned] = []
    for digest, file in wanted.items():
        standing = blobs.get(digest) or live.get(digest)
        if standing is not None and standing.size != file.size:
            errors[digest] = f"size differs: got {file.size:,}, expected {standing.size:,} bytes"
            continue
        upload = None if digest in blobs else live.get(digest)
        if upload is None and digest not in blobs:
            upload = upload_store.insert_upload(
                session,
                publisher_id=found.id,
                model_id=model.id if model else None,
                file=file,
                started_by=principal.answering_id,
                now=now,
            )
        planned.append(Planned(file=file, upload=upload))
    if errors:
        return refusals.malformed("These files cannot be uploaded", errors, code="files-malformed")
    return planned


def _check_plan(publisher: str, name: str, files: Sequence[PlannedFile]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if trouble := check_model_name(publisher, name):
        errors["model"] = trouble
    if not 1 <= len(files) <= PLAN_MAX_FILES:
        errors["files"] = f"name 1 to {PLAN_MAX_FILES:,} files at once"
        return errors
    for file in files:
        trouble = check_entry(file.size, file.sha256)
        if trouble is None and (file.sha256 == EMPTY_SHA256) != (file.size == 0):
            trouble = "size and digest do not belong together"
        if trouble is not None:
            errors[file.sha256[:64] or "sha256"] = trouble
    return errors


def find_upload(session: Session, upload_id: UUID, *, principal: Principal) -> UploadView | Refusal:
    """Return the upload if `principal` may upload for its publisher."""
    refusal = refusals.check_scope(principal, Command.UPLOAD)
    if refusal is not None:
        return refusal
    upload = upload_store.find_upload(session, upload_id)
    if upload is None:
        return refusals.no_such_upload()
    roles = store.roles_of(session, publisher_id=upload.publisher_id, person_id=principal.answering_id)
    return upload if may_any(roles, Command.UPLOAD) else refusals.no_such_upload()


def record_blob(session: Session, publisher_id: UUID, measured: Measured, *, now: datetime) -> None:
    """Record verified bytes and that the publisher has them."""
    upload_store.insert_blob(
        session,
        sha256=measured.sha256,
        size=measured.size,
        git_oid=measured.git_oid,
        storage_key=blob_key(measured.sha256),
        content=measured.content,
        inspection=measured.inspection,
        now=now,
    )
    upload_store.insert_possession(session, publisher_id=publisher_id, sha256=measured.sha256, now=now)


def _measure_nothing() -> Measured:
    inspector = Inspector(0)
    return Measured(
        size=0,
        sha256=EMPTY_SHA256,
        git_oid=GitBlobHasher(0).hexdigest(),
        content=b"",
        inspection=inspector.finish(),
    )


def _record_verified(session: Session, upload: UploadView, measured: Measured, *, now: datetime) -> None:
    record_blob(session, upload.publisher_id, measured, now=now)
    upload_store.finish(session, upload.id, state=UploadState.STORED, problem=None, now=now)


# Around the object store --------------------------------------------------------------------------


async def open_uploads(
    objects: ObjectStore, planned: Sequence[Planned]
) -> list[tuple[PlannedFile, OpenUpload | None]]:
    """Return the planned files with the parts that are there already; None for bytes that need no upload."""
    turns = asyncio.Semaphore(LISTED_AT_ONCE)

    async def look(plan: Planned) -> tuple[PlannedFile, OpenUpload | None]:
        if plan.upload is None:
            return plan.file, None
        async with turns:
            return plan.file, await look_at(objects, plan.upload)

    return list(await asyncio.gather(*map(look, planned)))


async def look_at(objects: ObjectStore, upload: UploadView) -> OpenUpload:
    """Return the upload with the parts that the store has of it."""
    if upload.state is not UploadState.OPEN or upload.multipart_id is None:
        return OpenUpload(upload=upload, parts=())
    parts = await ask(objects, objects.list_parts, upload.storage_key, upload.multipart_id)
    return OpenUpload(upload=upload, parts=tuple(parts or ()))


async def start(database: Database, objects: ObjectStore, upload: UploadView) -> str | None:
    """Return the multipart id of an open upload, beginning it in the store when its first part is sent."""
    if upload.multipart_id is not None:
        return upload.multipart_id
    started = await ask(objects, objects.start_multipart, upload.storage_key)
    kept = await database.write(lambda session: upload_store.set_multipart(session, upload.id, started))
    if kept != started:
        await ask(objects, objects.abort_multipart, upload.storage_key, started)
    return kept


async def show_upload(
    database: Database, objects: ObjectStore, upload_id: UUID, *, principal: Principal
) -> OpenUpload | Refusal:
    """Return the upload as it stands, with the parts that the store has."""
    upload = await database.read(lambda session: find_upload(session, upload_id, principal=principal))
    if isinstance(upload, Refusal):
        return upload
    return await look_at(objects, upload)


async def sign_parts(
    database: Database,
    objects: ObjectStore,
    upload_id: UUID,
    numbers: Sequence[int],
    *,
    principal: Principal,
) -> list[tuple[int, str]] | Refusal:
    """Return a URL for each part, good for some minutes, one method and one part."""
    upload = await database.read(lambda session: find_upload(session, upload_id, principal=principal))
    if isinstance(upload, Refusal):
        return upload
    if upload.state is not UploadState.OPEN:
        return refusals.upload_closed(describe_state(upload.state), upload.problem)
    most = part_count(upload.size)
    wanted = list(dict.fromkeys(numbers))
    if not 1 <= len(wanted) <= SIGN_MAX_PARTS or any(not 1 <= number <= most for number in wanted):
        errors = {"numbers": f"1 to {SIGN_MAX_PARTS} numbers between 1 and {most:,}"}
        return refusals.malformed("These parts do not exist", errors)
    multipart_id = await start(database, objects, upload)
    if multipart_id is None:
        return refusals.upload_closed(describe_state(upload.state), upload.problem)
    return [(number, objects.presign_part(upload.storage_key, multipart_id, number)) for number in wanted]


async def complete_upload(
    database: Database, objects: ObjectStore, upload_id: UUID, *, principal: Principal
) -> UploadView | Refusal:
    """Return the upload, closed for parts and waiting for verification; repeating it changes nothing."""
    upload = await database.read(lambda session: find_upload(session, upload_id, principal=principal))
    return upload if isinstance(upload, Refusal) else await close_upload(database, objects, upload)


async def close_upload(database: Database, objects: ObjectStore, upload: UploadView) -> UploadView | Refusal:
    """Return an upload whose sender is known, closed for parts if all of them are there."""
    if upload.state is UploadState.FAILED:
        return refusals.upload_closed(describe_state(upload.state), upload.problem)
    if upload.state is not UploadState.OPEN:
        return upload
    opened = await look_at(objects, upload)
    missing = find_missing_parts(upload, opened.parts)
    if missing:
        return refusals.parts_missing(missing)
    await database.write(lambda session: upload_store.begin_verifying(session, upload.id))
    current = await database.read(lambda session: upload_store.find_upload(session, upload.id))
    return current or upload


def find_missing_parts(upload: UploadView, parts: Sequence[StoredPart]) -> list[int]:
    """Return the numbers of parts that are absent or have another size than they must have."""
    sizes = {part.number: part.size for part in parts}
    count = part_count(upload.size)
    last = upload.size - (count - 1) * upload.part_size
    return [
        number
        for number in range(1, count + 1)
        if sizes.get(number) != (last if number == count else upload.part_size)
    ]


async def verify_upload(
    database: Database, objects: ObjectStore, upload: UploadView, *, clock: Clock
) -> None:
    """Turn a claimed upload into a blob, or into a failure that says why; raise `Unavailable` to try again."""
    try:
        outcome = await _measure_while_leased(database, objects, upload, clock=clock)
        if isinstance(outcome, Measured):
            await ask(objects, _adopt, objects, upload)
            now = clock.now()
            await database.write(lambda session: _record_verified(session, upload, outcome, now=now))
        else:
            problem = outcome
            now = clock.now()
            await database.write(
                lambda session: upload_store.finish(
                    session, upload.id, state=UploadState.FAILED, problem=problem, now=now
                )
            )
    except GatehouseError:
        pause = clock.now() + RETRY_PAUSE
        await database.write(lambda session: upload_store.set_lease(session, upload.id, until=pause))
        raise
    await ask(objects, objects.delete, upload.storage_key)


async def _measure_while_leased(
    database: Database, objects: ObjectStore, upload: UploadView, *, clock: Clock
) -> Measured | str:
    working = asyncio.create_task(ask(objects, _measure, objects, upload))
    while True:
        done, _ = await asyncio.wait({working}, timeout=LEASE.total_seconds() / 3)
        if done:
            return working.result()
        until = clock.now() + LEASE
        await database.write(lambda session: upload_store.set_lease(session, upload.id, until=until))  # noqa: B023  # Runs before the next turn.


def _measure(objects: ObjectStore, upload: UploadView) -> Measured | str:
    """Return what the bytes are, or why they are not what was stated. Runs on a thread of its own."""
    size = _assemble(objects, upload)
    if size is None:
        return "The parts of the upload are gone; nothing was kept."
    if size != upload.size:
        return f"The upload has {size:,} bytes; {upload.size:,} were stated. Nothing was kept."
    digest, git, inspector = hashlib.sha256(), GitBlobHasher(size), Inspector(size)
    seen = 0
    for chunk in objects.open(upload.storage_key):
        digest.update(chunk)
        git.feed(chunk)
        inspector.feed(chunk)
        seen += len(chunk)
    if seen != size or digest.hexdigest() != upload.sha256:
        return _CHANGED_ON_THE_WAY
    reader = cast(
        "io.BufferedReader",
        io.BufferedReader(RangeReader(objects, upload.storage_key, size), RANGE_READ_BYTES),
    )
    return Measured(
        size=size,
        sha256=upload.sha256,
        git_oid=git.hexdigest(),
        content=inspector.content(),
        inspection=inspector.finish(reader),
    )


def _assemble(objects: ObjectStore, upload: UploadView) -> int | None:
    """Make the parts one object and return its size; an earlier, interrupted try may have done it."""
    if upload.multipart_id is not None:
        parts = objects.list_parts(upload.storage_key, upload.multipart_id)
        if parts:
            wanted = [part for part in parts if part.number <= part_count(upload.size)]
            objects.complete_multipart(upload.storage_key, upload.multipart_id, wanted)
    return objects.head(upload.storage_key)


def _adopt(objects: ObjectStore, upload: UploadView) -> None:
    """Copy verified bytes to where blobs lie; what lies there under this digest was verified before."""
    target = blob_key(upload.sha256)
    if objects.head(target) != upload.size:
        objects.copy(upload.storage_key, target)


async def abandon_stale(database: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Give up uploads that nobody completed, with their parts; return how many."""
    before = now - UPLOAD_LIFETIME
    stale = await database.read(
        lambda session: upload_store.list_stale(session, before=before, now=now, limit=STALE_AT_ONCE)
    )
    for upload in stale:
        if upload.multipart_id is not None:
            await ask(objects, objects.abort_multipart, upload.storage_key, upload.multipart_id)
        problem = f"The upload was not completed within {UPLOAD_LIFETIME.days} days."
        await database.write(
            lambda session, upload=upload, problem=problem: upload_store.finish(  # type: ignore[misc]  # Defaults bind the loop's values.
                session, upload.id, state=UploadState.FAILED, problem=problem, now=now
            )
        )
    return len(stale)


class RangeReader(io.RawIOBase):
    """A stored object as a seekable file, read by ranges."""

    def __init__(self, objects: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._objects = objects
        self._key = key
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """It can be read at any place."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; before the start is the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: object, /) -> int:
        """Fill `buffer` from the place on; return how much there was."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # RawIOBase hands in a writable buffer.
        length = min(len(view), max(0, self._size - self._at))
        if length == 0:
            return 0
        data = self._objects.read_range(self._key, self._at, length)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
