"""Bytes that were offered a way in: handed their links, completed when whole, waited for until they are verified."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from registry.catalog import refusals, upload_store, uploads
from registry.catalog.domain import Planned, PlannedFile, UploadState, UploadView, part_count
from registry.catalog.storage import PART_LINK_S, ObjectStore
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal

STARTED_AT_ONCE = 8
SLOWEST_BYTES_PER_S = 500_000
"""A line of 4 Mbit/s may take its time."""
LINK_MOST_S = 24 * 3600
FIRST_LOOK_S, LONGEST_LOOK_S = 0.05, 1.0
"""How long is waited between two looks at what is being verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is left to send of a planned file: nothing, or the parts behind these links."""

    file: PlannedFile
    upload: UploadView | None
    links: tuple[str, ...]
    """One for each part, in order; empty where every byte has arrived."""


async def offer(database: Database, objects: ObjectStore, planned: Sequence[Planned]) -> list[Offer]:
    """Return how each file gets in; an upload whose parts are all there is closed instead.

    The client gets every link at once and uses one after the other, so they last as long as all of it takes.
    """
    turns = asyncio.Semaphore(STARTED_AT_ONCE)
    left = sum(plan.file.size for plan in planned if plan.upload is not None)
    expires_s = min(PART_LINK_S + left // SLOWEST_BYTES_PER_S, LINK_MOST_S)

    async def open_one(plan: Planned) -> Offer:
        upload = plan.upload
        nothing = Offer(file=plan.file, upload=upload, links=())
        if upload is None or upload.state is not UploadState.OPEN:
            return nothing
        async with turns:
            if upload.multipart_id is not None:
                closed = await uploads.close_upload(database, objects, upload)
                if not isinstance(closed, Refusal):
                    return nothing
            multipart_id = await uploads.start(database, objects, upload)
        if multipart_id is None:
            return nothing
        numbers = range(1, part_count(upload.size) + 1)
        links = await asyncio.to_thread(_sign, objects, upload, multipart_id, numbers, expires_s)
        return Offer(file=plan.file, upload=upload, links=links)

    return list(await asyncio.gather(*map(open_one, planned)))


def _sign(
    objects: ObjectStore, upload: UploadView, multipart_id: str, numbers: Sequence[int], expires_s: int
) -> tuple[str, ...]:
    key = upload.storage_key
    return tuple(objects.presign_part(key, multipart_id, number, expires_s=expires_s) for number in numbers)


def count_links(planned: Sequence[Planned]) -> int:
    """Return how many links would be handed out at most."""
    return sum(part_count(plan.file.size) for plan in planned if plan.upload is not None)


async def close(database: Database, objects: ObjectStore, upload_id: UUID) -> Refusal | None:
    """Close an upload whose sender is known for parts; return why it cannot be."""
    upload = await database.read(lambda session: upload_store.find_upload(session, upload_id))
    closed = (
        refusals.no_such_upload() if upload is None else await uploads.close_upload(database, objects, upload)
    )
    return closed if isinstance(closed, Refusal) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of bytes that were to arrive; those that neither wait nor failed are there or were never begun."""

    waiting: int
    failed: Mapping[str, str]
    """Why bytes that were sent are not kept, by their digests."""


async def settle(
    database: Database,
    objects: ObjectStore,
    digests: Sequence[str],
    *,
    publisher_id: UUID,
    patience_s: float,
) -> Settled:
    """Complete what is whole among these, and return when nothing of it waits any more, or patience ends."""
    live = await database.read(
        lambda session: upload_store.find_live(session, publisher_id=publisher_id, digests=digests)
    )
    for upload in live.values():
        if upload.state is UploadState.OPEN and upload.multipart_id is not None:
            # What is not whole is refused there, and found missing where it is needed.
            await uploads.close_upload(database, objects, upload)
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + patience_s, FIRST_LOOK_S
    while waiting := await _count_waiting(database, digests, publisher_id):
        if loop.time() >= until:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK_S)
    return await database.read(lambda session: _judge(session, digests, publisher_id, waiting=waiting))


def _judge(session: Session, digests: Sequence[str], publisher_id: UUID, *, waiting: int) -> Settled:
    held = upload_store.find_held(session, publisher_id=publisher_id, digests=digests)
    absent = [digest for digest in digests if digest not in held]
    live = upload_store.find_live(session, publisher_id=publisher_id, digests=absent)
    gone = [digest for digest in absent if digest not in live]
    failed = upload_store.find_failures(session, publisher_id=publisher_id, digests=gone)
    return Settled(waiting=waiting, failed=failed)


async def _count_waiting(database: Database, digests: Sequence[str], publisher_id: UUID) -> int:
    live = await database.read(
        lambda session: upload_store.find_live(session, publisher_id=publisher_id, digests=digests)
    )
    return sum(upload.state is UploadState.VERIFYING for upload in live.values())
