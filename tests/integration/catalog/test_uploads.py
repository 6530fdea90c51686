import asyncio
import hashlib
import io
import os
import pickle
from datetime import timedelta
from typing import Any

import pytest

from registry.catalog import jobs, release_store, uploads
from registry.catalog.domain import LEASE, UPLOAD_LIFETIME, PlannedFile, UploadState, blob_key, staging_key
from registry.identity.domain import ANONYMOUS, Principal
from registry.kernel.outcomes import Refusal
from tests.integration.catalog.conftest import World

DATA = b"\x00weights" * 1000


def planned_file(data: bytes) -> PlannedFile:
    return PlannedFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def plan(world: World, principal: Principal, *files: PlannedFile, publisher: str = "tarn") -> Any:
    return world.do(
        uploads.plan_uploads,
        publisher=publisher,
        name="tarn-7b",
        files=files,
        principal=principal,
        now=world.now(),
    )


def plan_one(world: World, principal: Principal, data: bytes = DATA) -> Any:
    (planned,) = plan(world, principal, planned_file(data))
    return planned.upload


async def send_as(world: World, upload: Any, data: bytes, principal: Principal) -> Any:
    signed = await uploads.sign_parts(world.database, world.store, upload.id, [1], principal=principal)
    assert not isinstance(signed, Refusal)
    world.store.send(signed[0][1], data)
    return await uploads.complete_upload(world.database, world.store, upload.id, principal=principal)


async def state(world: World, upload: Any, principal: Principal) -> Any:
    found = await uploads.show_upload(world.database, world.store, upload.id, principal=principal)
    assert not isinstance(found, Refusal)
    return found.upload


async def test_true_bytes_become_a_blob_and_the_staged_object_goes(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    waiting = await send_as(world, upload, DATA, owner)
    await world.verify()

    digest = planned_file(DATA).sha256
    assert waiting.state is UploadState.VERIFYING
    assert (await state(world, upload, owner)).state is UploadState.STORED
    assert world.store.objects == {blob_key(digest): DATA}
    blob = world.look(release_store.find_blobs, digests=[digest], publisher_id=None)[digest]
    assert blob.git_oid == hashlib.sha1(b"blob %d\0" % len(DATA) + DATA).hexdigest()
    assert plan_one(world, owner) is None


@pytest.mark.parametrize(
    "sent", [b"\x00weightz" * 1000, DATA[:-1] + b"!", bytes(255 - byte for byte in DATA)]
)
async def test_an_upload_that_lies_about_its_digest_never_becomes_a_blob(
    world: World, owner: Principal, sent: bytes
) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, sent, owner)
    await world.verify()

    failed = await state(world, upload, owner)
    assert failed.state is UploadState.FAILED
    assert "not the bytes that were stated" in failed.problem
    assert world.store.objects == {}
    assert world.look(release_store.find_blobs, digests=[upload.sha256], publisher_id=None) == {}
    assert plan_one(world, owner).id != upload.id


async def test_an_upload_of_another_size_is_not_completed(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    refused = await send_as(world, upload, DATA + b"more", owner)

    assert refused.code == "parts-missing"
    assert (await state(world, upload, owner)).state is UploadState.OPEN


async def test_parts_replaced_between_completion_and_verification_are_noticed(
    world: World, owner: Principal
) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)
    signed_id = next(iter(world.store.multiparts))
    world.store.multiparts[signed_id][1] = DATA + b"and more"
    await world.verify()

    failed = await state(world, upload, owner)
    assert failed.state is UploadState.FAILED
    assert world.store.objects == {}


async def test_bytes_of_somebody_else_are_neither_shown_nor_granted(world: World, owner: Principal) -> None:
    await world.upload({"a": DATA}, owner)
    other = world.signed_in("other")
    world.publisher("fell", other)

    (planned,) = plan(world, other, planned_file(DATA), publisher="fell")
    assert planned.upload is not None
    assert planned.upload.state is UploadState.OPEN
    await send_as(world, planned.upload, DATA, other)
    await world.verify()
    (again,) = plan(world, other, planned_file(DATA), publisher="fell")
    assert again.upload is None


async def test_an_upload_goes_on_where_it_stopped(world: World, owner: Principal) -> None:
    data = os.urandom(40 * 1024 * 1024)
    upload = plan_one(world, owner, data)
    signed = await uploads.sign_parts(world.database, world.store, upload.id, [1, 3], principal=owner)
    assert not isinstance(signed, Refusal)
    size = upload.part_size
    for number, url in signed:
        world.store.send(url, data[(number - 1) * size : number * size])
    early = await uploads.complete_upload(world.database, world.store, upload.id, principal=owner)

    resumed = plan_one(world, owner, data)
    ((_, opened),) = await uploads.open_uploads(world.store, plan(world, owner, planned_file(data)))
    (second,) = await uploads.sign_parts(world.database, world.store, resumed.id, [2], principal=owner)
    world.store.send(second[1], data[size : 2 * size])
    await uploads.complete_upload(world.database, world.store, resumed.id, principal=owner)
    await world.verify()

    assert isinstance(early, Refusal)
    assert early.detail == "Parts 2."
    assert resumed.id == upload.id
    assert opened is not None
    assert [(part.number, part.size) for part in opened.parts] == [(1, size), (3, len(data) - 2 * size)]
    assert (await state(world, upload, owner)).state is UploadState.STORED


async def test_empty_files_need_no_upload(world: World, owner: Principal) -> None:
    (planned,) = plan(world, owner, planned_file(b""))
    assert planned.upload is None
    assert world.store.objects == {}


@pytest.mark.parametrize(
    "file",
    [
        PlannedFile(sha256="a" * 64, size=0),
        PlannedFile(sha256=hashlib.sha256(b"").hexdigest(), size=1),
        PlannedFile(sha256="A" * 64, size=1),
        PlannedFile(sha256="a" * 64, size=50 * 10**9 + 1),
    ],
)
def test_impossible_files_are_refused(world: World, owner: Principal, file: PlannedFile) -> None:
    assert plan(world, owner, file).code == "files-malformed"


async def test_another_size_for_known_bytes_is_refused(world: World, owner: Principal) -> None:
    known = planned_file(DATA)
    await world.upload({"a": DATA}, owner)
    assert plan(world, owner, PlannedFile(sha256=known.sha256, size=1)).code == "files-malformed"


async def test_only_who_may_upload_sees_an_upload(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    outsider = world.signed_in("outsider")

    for principal, code in ((outsider, "upload-not-found"), (ANONYMOUS, "sign-in-needed")):
        for outcome in (
            await uploads.show_upload(world.database, world.store, upload.id, principal=principal),
            await uploads.sign_parts(world.database, world.store, upload.id, [1], principal=principal),
            await uploads.complete_upload(world.database, world.store, upload.id, principal=principal),
        ):
            assert isinstance(outcome, Refusal)
            assert outcome.code == code
    assert plan(world, outsider, planned_file(DATA)).code == "role-missing"


@pytest.mark.parametrize("numbers", [[], [0], [2], [1] * 0 + [10_001], list(range(1, 102))])
async def test_parts_that_do_not_exist_are_not_signed(
    world: World, owner: Principal, numbers: list[int]
) -> None:
    upload = plan_one(world, owner)
    refused = await uploads.sign_parts(world.database, world.store, upload.id, numbers, principal=owner)
    assert isinstance(refused, Refusal)
    assert refused.code == "malformed-request"


async def test_a_completed_upload_takes_no_more_parts(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)
    refused = await uploads.sign_parts(world.database, world.store, upload.id, [1], principal=owner)
    again = await uploads.complete_upload(world.database, world.store, upload.id, principal=owner)

    assert isinstance(refused, Refusal)
    assert refused.code == "upload-closed"
    assert not isinstance(again, Refusal)
    assert again.state is UploadState.VERIFYING


async def test_an_outage_of_the_store_leaves_the_upload_waiting(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)
    world.store.down = True
    await jobs.verify_waiting(world.database, world.store, clock=world.clock)
    world.store.down = False
    assert (await state(world, upload, owner)).state is UploadState.VERIFYING
    assert await jobs.verify_waiting(world.database, world.store, clock=world.clock) == 0
    world.clock.advance(timedelta(seconds=6))
    await world.verify()

    assert (await state(world, upload, owner)).state is UploadState.STORED


async def test_a_worker_that_died_after_assembling_is_taken_over(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)

    def die(_key: str) -> None:
        raise KeyboardInterrupt

    world.store.before_read = die
    claimed = await world.database.write(
        lambda session: jobs.upload_store.claim(session, now=world.now(), most=5)
    )
    world.store.objects[staging_key(upload.id)] = DATA
    world.store.multiparts.clear()
    world.store.before_read = None
    assert await jobs.verify_waiting(world.database, world.store, clock=world.clock) == 0
    world.clock.advance(LEASE + timedelta(seconds=1))
    await world.verify()

    assert [one.id for one in claimed] == [upload.id]
    assert (await state(world, upload, owner)).state is UploadState.STORED


async def test_parts_that_vanished_fail_the_upload_plainly(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)
    world.store.multiparts.clear()
    await world.verify()

    failed = await state(world, upload, owner)
    assert failed.state is UploadState.FAILED
    assert failed.problem == "The parts of the upload are gone; nothing was kept."


async def test_two_workers_do_not_verify_one_upload_twice(world: World, owner: Principal) -> None:
    for n in range(6):
        upload = plan_one(world, owner, DATA + bytes([n]))
        await send_as(world, upload, DATA + bytes([n]), owner)
    reads: list[str] = []
    world.store.before_read = reads.append

    async def work() -> None:
        while await jobs.verify_waiting(world.database, world.store, clock=world.clock):
            pass

    await asyncio.gather(work(), work(), work())
    assert len(reads) == len(set(reads)) == 6


async def test_uploads_that_nobody_completes_are_given_up(world: World, owner: Principal) -> None:
    upload = plan_one(world, owner)
    await uploads.sign_parts(world.database, world.store, upload.id, [1], principal=owner)
    assert await uploads.abandon_stale(world.database, world.store, now=world.now()) == 0
    later = world.clock.advance(UPLOAD_LIFETIME + timedelta(minutes=1))
    assert await uploads.abandon_stale(world.database, world.store, now=later) == 1

    assert (await state(world, upload, owner)).state is UploadState.FAILED
    assert world.store.multiparts == {}


async def test_racing_plans_for_the_same_bytes_share_one_upload(world: World, owner: Principal) -> None:
    file = planned_file(DATA)
    plans = await asyncio.gather(
        *(
            world.database.write(
                lambda session: uploads.plan_uploads(
                    session,
                    publisher="tarn",
                    name="tarn-7b",
                    files=[file],
                    principal=owner,
                    now=world.now(),
                )
            )
            for _ in range(6)
        )
    )
    signed = await asyncio.gather(
        *(
            uploads.sign_parts(world.database, world.store, one[0].upload.id, [1], principal=owner)  # type: ignore[index, union-attr] # a plan
            for one in plans
        )
    )
    assert len({one[0].upload.id for one in plans}) == 1  # type: ignore[index, union-attr] # a plan
    assert len({urls[0][1] for urls in signed}) == 1  # type: ignore[index] # signed parts
    assert len(world.store.multiparts) == 1


async def test_a_pickle_that_calls_out_is_flagged_on_its_file(world: World, owner: Principal) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, ("true",)

    data = pickle.dumps(Evil()) + b"\0" * 2_000_000
    stated = await world.upload({"model.bin": data}, owner)
    release = world.publish(owner, stated).release

    file = world.look(release_store.find_file, release_id=release.id, path="model.bin")
    assert "pickle-dangerous" in [flag.code for flag in file.flags]


@pytest.mark.parametrize("whence", [io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
def test_a_stored_object_reads_like_a_file(world: World, whence: int) -> None:
    world.store.objects["k"] = DATA
    ours = io.BufferedReader(uploads.RangeReader(world.store, "k", len(DATA)), 100)  # type: ignore[type-var] # a raw reader
    real = io.BytesIO(DATA)
    for offset in (0, 5, 700):
        place = -offset if whence == io.SEEK_END else offset
        assert ours.seek(place, whence) == real.seek(place, whence)
        assert ours.read(333) == real.read(333)
        assert ours.tell() == real.tell()


async def test_the_loop_verifies_until_it_is_cancelled(world: World, owner: Principal) -> None:
    poke = asyncio.Event()
    loop = asyncio.create_task(
        jobs.run_verification(world.database, world.store, clock=world.clock, poke=poke)
    )
    upload = plan_one(world, owner)
    await send_as(world, upload, DATA, owner)
    for _ in range(200):
        poke.set()
        await asyncio.sleep(0.01)
        if (await state(world, upload, owner)).state is UploadState.STORED:
            break
    loop.cancel()

    assert (await state(world, upload, owner)).state is UploadState.STORED
    with pytest.raises(asyncio.CancelledError):
        await loop
