"""Measures 5 and 6: the decision with few and with very many acceptances; proofs and receipts of a large log."""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID

import msgspec

from registry import acceptances, ledger
from registry.acceptances.receipts import build_receipt
from registry.access.domain import Denial, Permit
from registry.client.verify import verify_receipt
from registry.identity.domain import Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from tests.bench.bulk import integrate_all, load_plain
from tests.bench.ground import Ground, Scene, accept_all, add_people, open_scene
from tests.bench.results import Result
from tests.world import BASE_URL

GROWTH_MAX = 1.5
PROOF_MAX_MS = 10
SAMPLES = 2_000
RECEIPTS = 20


def measure(ground: Ground) -> Iterator[Result]:
    """Yield the rows of both databases."""
    for kind in ("SQLite", "PostgreSQL"):
        with ground.database(kind) as url:
            database = Database(url)
            try:
                yield from _measure_one(ground, kind, url, database)
            finally:
                database.close()


def _measure_one(ground: Ground, kind: str, url: str, database: Database) -> Iterator[Result]:
    few, many = ground.scale.few, ground.scale.many
    scene = open_scene(database)
    people = load_plain(url, scene, few)
    strangers = [new_id() for _ in range(SAMPLES)]
    decided_few, refused_few = decision_us(scene, people, Permit), decision_us(scene, strangers, Denial)
    people += load_plain(url, scene, many - few)
    decided_many, refused_many = decision_us(scene, people, Permit), decision_us(scene, strangers, Denial)
    for measure, before, after, remark in (
        ("decision, growth", decided_few, decided_many, "each permitted"),
        ("refusal, growth", refused_few, refused_many, "who accepted nothing; with the explanation"),
    ):
        yield Result(
            measure=measure,
            measured=f"{kind}: {after:,.0f} µs with {many:,} acceptances",
            compared_with=f"{before:,.0f} µs with {few:,} acceptances",
            value=f"{after / before:.2f}",
            bound=f"≤ {GROWTH_MAX}",
            met=after / before <= GROWTH_MAX,
            remarks=(f"Facts and `access.decide` for {SAMPLES:,} people at random, {remark}; medians.",),
        )
    integrate_all(url, scene)
    acceptors, _ = add_people(scene, RECEIPTS, prefix="late", accept=False)
    accept_all(scene, acceptors)
    scene.world.integrate()  # on top of the loaded log, whose root it checks
    yield from _proofs(kind, scene, acceptors)


def decision_us(scene: Scene, people: list[UUID], expected: type[Permit | Denial]) -> float:
    """Return the median time of one decision, in microseconds."""
    chosen = random.Random(1).choices(people, k=SAMPLES)
    principals = [
        Principal(person_id=person, channel=Channel.TOKEN, scopes=frozenset({Scope.READ}))
        for person in chosen
    ]
    for principal in principals[: SAMPLES // 10]:
        _decide(scene, principal, expected)
    return median(_timed(partial(_decide, scene, principal, expected)) for principal in principals) * 1e6


def _decide(scene: Scene, principal: Principal, expected: type[Permit | Denial]) -> None:
    assert isinstance(scene.world.decide(principal, scene.model), expected)


def _proofs(kind: str, scene: Scene, acceptors: list[Principal]) -> Iterator[Result]:
    world = scene.world
    size = world.read(ledger.latest_checkpoint).size
    indices = random.Random(2).choices(range(size), k=200)
    proof = median(
        _timed(partial(world.read, ledger.prove_inclusion, index=index, tree_size=size)) for index in indices
    )
    wanted = [acceptor.person_id for acceptor in acceptors]
    receipts = [_receipt(scene, person_id) for person_id in wanted]
    verified = median(_timed(partial(_verify, data)) for data in receipts * 10)
    for name, seconds, remark in (
        ("inclusion proof", proof, "From the database, tiles read anew for each proof."),
        ("receipt verification", verified, "All twelve steps of the client, in a process that has started."),
    ):
        yield Result(
            measure=name,
            measured=f"{kind}: {seconds * 1000:.2f} ms at {size:,} entries",
            compared_with="—",
            value=f"{seconds * 1000:.2f} ms",
            bound=f"< {PROOF_MAX_MS} ms",
            met=seconds * 1000 < PROOF_MAX_MS,
            remarks=(remark,),
        )


def _receipt(scene: Scene, person_id: UUID | None) -> bytes:
    world = scene.world
    found: Any = world.read(
        lambda session: acceptances.list_acceptances(
            session, acceptances.Filter(person_id=person_id), limit=1
        )
    )
    receipt = world.read(build_receipt, acceptance_id=found[0].id, base_url=BASE_URL, sealer=world.sealer)
    return msgspec.json.encode(receipt)


def _verify(data: bytes) -> None:
    verification = verify_receipt(data)
    assert verification.is_verified, verification.failure


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
