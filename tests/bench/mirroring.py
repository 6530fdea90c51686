"""Measure 12: mirrors at the Hub: a look at many repositories with nothing to do, and many changes within a free quota."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlmodel import Session

from registry import catalog
from registry.catalog import gates, sharing
from registry.catalog.domain import GateMode, ModelView
from registry.hub_sync import service
from registry.hub_sync.answers import QUOTA, SHARE, WINDOW_SECONDS
from registry.hub_sync.applying import Pass
from registry.hub_sync.keeping import Keeper
from registry.identity import linking
from registry.identity.domain import Principal
from registry.identity.tables import ExternalIdentity
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from tests.bench.ground import FULL, Ground, Scene, add_people, open_scene
from tests.bench.results import Result
from tests.clock import SettableClock
from tests.servers.fake_hub import FakeHub, serving
from tests.servers.fake_hub.state import Request
from tests.world import BASE_URL, run

PEOPLE = 10_000
REPOSITORIES = 100
CHANGES = 1_000
BOUND_CPU_SECONDS = 60.0
BOUND_RATIO = 1.10
ORGANISATION = "hf-org"
ACCOUNT = "release-bot"
CALLS_OF_A_LOOK = 4
"""What a repository is, and its three lists."""


def measure_plan(ground: Ground) -> Iterator[Result]:
    """Yield one row: a pass over every repository while all of them are in line."""
    people_count, repositories = _size(ground, PEOPLE), _size(ground, REPOSITORIES)
    with ground.database("SQLite") as url, serving() as hub:
        database = Database(url)
        try:
            scene = open_scene(database)
            people, _ = add_people(scene, people_count, prefix="mirrored-", accept=True)
            clock = SettableClock(scene.world.now)
            keeper, ids = _open_hub(scene, hub, clock, people)
            hub.set_quota(ACCOUNT, 1_000_000)
            mirrors = [_pair(scene, hub, keeper, f"of-many-{number}") for number in range(repositories)]
            for number in range(people_count):
                _put(hub, f"{ORGANISATION}/of-many-{number % repositories}", ids[number], "accepted")
            for one in mirrors:
                _pass(keeper, one)  # The first look reads the cards and the lists of files.
            hub.set_quota(ACCOUNT, QUOTA)
            _advance(hub, clock, WINDOW_SECONDS)
            before = len(hub.seen)
            cpu, results = _cpu_seconds(keeper, mirrors)
            calls = len(hub.seen) - before
        finally:
            database.close()
    fewest = CALLS_OF_A_LOOK * repositories
    settled = all(one.is_settled and not one.done for one in results)
    yield Result(
        measure="plan of mirrors, nothing to do",
        measured=f"{people_count:,} people let in at {repositories} repositories: {cpu:.1f} s of CPU, {calls} requests",
        compared_with=f"fewest requests: {fewest}; our share of a free window: {math.floor(QUOTA * SHARE)}",
        value=f"{cpu:.1f} s",
        bound=f"< {BOUND_CPU_SECONDS:.0f} s",
        met=settled and cpu < BOUND_CPU_SECONDS and calls == fewest <= QUOTA * SHARE,
        remarks=(
            "SQLite; CPU of the whole process, the Hub on loopback included; everybody stands at one repository.",
        ),
    )


def measure_convergence(ground: Ground) -> Iterator[Result]:
    """Yield one row: how long the Hub takes to follow many acceptances, by a clock that is moved."""
    changes = _size(ground, CHANGES)
    with ground.database("SQLite") as url, serving() as hub:
        database = Database(url)
        try:
            scene = open_scene(database)
            clock = SettableClock(scene.world.now)
            people, _ = add_people(scene, changes, prefix="changed-", accept=True)
            keeper, ids = _open_hub(scene, hub, clock, people)
            mirror = _pair(scene, hub, keeper, "of-many-0")
            _pass(keeper, mirror)
            for number in range(changes):
                _put(hub, f"{ORGANISATION}/of-many-0", ids[number], "pending")
            # The Hub's windows are fixed: begin with one.
            _advance(hub, clock, WINDOW_SECONDS - clock.now().timestamp() % WINDOW_SECONDS)
            hub.seen.clear()
            began, passes = clock.now(), 0
            while any(one != "accepted" for one in hub.statuses(f"{ORGANISATION}/of-many-0").values()):
                due = keeper.claim_due()
                passes += len(due)
                results = [keeper.pass_over(one) for one in due]
                if not any(one.is_settled for one in results):
                    _advance(hub, clock, 1)
            seconds = (clock.now() - began).total_seconds()
        finally:
            database.close()
    share = math.floor(QUOTA * SHARE)
    fewest = CALLS_OF_A_LOOK + changes + CALLS_OF_A_LOOK
    optimum = (math.ceil(fewest / share) - 1) * WINDOW_SECONDS
    ratio = seconds / optimum if optimum else 1.0
    yield Result(
        measure="convergence of a mirror",
        measured=f"{changes:,} people let in after {seconds:,.0f} s, {len(hub.seen):,} requests in {passes} passes",
        compared_with=f"{fewest:,} requests, {share} in each window of {WINDOW_SECONDS} s: {optimum:,} s",
        value=f"{ratio:.3f}",
        bound=f"≤ {BOUND_RATIO:.2f}",
        met=ratio <= BOUND_RATIO,
        remarks=(
            "SQLite; by a clock that is moved second by second; half of a free account's quota is left to people.",
            "One request for each change: the Hub's way to send many at once is not documented.",
        ),
    )


def _size(ground: Ground, full: int) -> int:
    return full if ground.scale is FULL else max(10, full // 20)


def _open_hub(
    scene: Scene, hub: FakeHub, clock: SettableClock, people: Sequence[Principal]
) -> tuple[Keeper, list[str]]:
    """Let everybody have an account at the Hub that they have proved, and store the token of the mirror's account."""
    hub.state.clock.now = clock.now()
    hub.add_user(ACCOUNT)
    hub.add_organisation(ORGANISATION, **{ACCOUNT: "admin"})
    subjects = {f"person-{number}": hub.add_user(f"person-{number}").id for number in range(len(people))}
    world = scene.world

    def prove(session: Session) -> None:
        for person, (name, subject) in zip(people, subjects.items(), strict=True):
            assert person.person_id is not None
            row_id, key = new_id(), world.sealer.find_subject_key(session, person.person_id)
            assert key is not None
            session.add(
                ExternalIdentity(
                    id=row_id,
                    person_id=person.person_id,
                    issuer=hub.url,
                    subject_index=linking.indexes_of(hub.url, subject, world.sealer)[0],
                    sealed_account=key.seal(
                        json.dumps([subject, name]).encode(),
                        linking._ACCOUNT_CONTEXT + row_id.bytes,
                    ),
                    created_at=world.now,
                    last_used_at=world.now,
                )
            )

    world.database.write_now(prove)
    keeper = Keeper(
        database=world.database,
        sealer=world.sealer,
        clock=clock,
        base_url=BASE_URL,
        endpoint=hub.url,
        private=False,
    )
    stored = run(
        keeper.store_token(
            publisher=scene.model.publisher, token=hub.add_token(ACCOUNT), principal=scene.owner
        )
    )
    assert not isinstance(stored, Refusal), stored
    return keeper, list(subjects.values())


def _pair(scene: Scene, hub: FakeHub, keeper: Keeper, name: str) -> service.MirrorView:
    """Return the pairing of a new model behind the scene's gate with a new repository, kept from now on."""
    world, repository = scene.world, f"{ORGANISATION}/{name}"
    hub.add_model(repository, gated="manual")

    def make(session: Session) -> service.MirrorView:
        model = gates.create_model(
            session,
            publisher=scene.model.publisher,
            name=name,
            demand=gates.GateDemand(mode=GateMode.AUTO, licenses=("sample-openrail-m@1.0",)),
            private=False,
            principal=scene.owner,
            now=world.now,
        )
        assert isinstance(model, ModelView), model
        moved = sharing.move_model(
            session,
            publisher=scene.model.publisher,
            name=name,
            target=scene.model.repo_id,
            principal=scene.owner,
            now=world.now,
        )
        assert not isinstance(moved, Refusal), moved
        linked = service.link(
            session,
            publisher=scene.model.publisher,
            name=name,
            repository=repository,
            principal=scene.owner,
            now=keeper.clock.now(),
        )
        assert not isinstance(linked, Refusal), linked
        catalog.note_hub_repository(session, model.id, repository)
        return linked

    return world.database.write_now(make)


def _put(hub: FakeHub, repository: str, user_id: str, status: str) -> None:
    """Let the person stand so in the lists of the repository."""
    gate = hub.model(repository).gate
    gate.requests[user_id] = Request(
        id=hub.state.new_id(), user_id=user_id, status=status, timestamp=hub.state.clock.now
    )
    gate.history[:] = [(hub.state.clock.now, tuple(gate.requests.values()))]


def _pass(keeper: Keeper, mirror: service.MirrorView) -> Pass:
    now = keeper.clock.now()
    keeper.database.write_now(lambda session: service.claim(session, mirror.row.id, keep=True, now=now))
    return keeper.pass_over(mirror.row.id)


def _cpu_seconds(keeper: Keeper, mirrors: Sequence[service.MirrorView]) -> tuple[float, list[Pass]]:
    started = time.process_time()
    results = [_pass(keeper, one) for one in mirrors]
    return time.process_time() - started, results


def _advance(hub: FakeHub, clock: SettableClock, seconds: float) -> None:
    clock.advance(timedelta(seconds=seconds))
    hub.advance(seconds)
