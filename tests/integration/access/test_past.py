"""Who held access at an earlier moment is who the one decision let in then, in random worlds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from registry import access, catalog
from registry.acceptances.domain import Capacity
from registry.access import past
from registry.catalog.domain import GateMode
from registry.identity.domain import Principal
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.access.test_covers import scene as cover_scene
from tests.integration.access.test_permitted_models import LICENSES, Play
from tests.world import TEXT_11, World

HIDDEN = "gneiss"
NAMES = ["slate", "marl", HIDDEN]
_person, _model = st.integers(0, 2), st.sampled_from(NAMES)
_act = st.one_of(
    st.tuples(st.just("accept"), _person, _model),
    st.tuples(st.just("withdraw"), st.integers(0, 5)),
    st.tuples(st.just("block"), _person, st.sampled_from([None, 3])),
    st.tuples(st.just("lift"), _person),
    st.tuples(st.just("request"), _person, _model, st.sampled_from(["ask", "approve", "revoke"])),
    st.tuples(st.just("role"), _person),
    st.tuples(st.just("derive"), _model, _model),
    st.tuples(st.just("move"), _model, _model),
    st.tuples(
        st.just("gate"),
        _model,
        st.sampled_from(GateMode),
        st.sampled_from(LICENSES),
        st.sampled_from([0, 5]),
    ),
)
ACTS = st.lists(st.tuples(_act, st.sampled_from([1, 40, 200])), max_size=8)
"""Acts, each with the hours after it."""

Decided = dict[str, frozenset[UUID | None]]


@dataclass
class Remembered(Play):
    """A play that remembers what the decision said at each of its moments."""

    def do_lift(self, person: int) -> None:
        for block in self.read(access.list_blocks, publisher="quarry", principal=self.owner):
            if block.person_id == self.people[person].person_id:
                self.write(
                    access.lift_block,
                    publisher="quarry",
                    block_id=block.id,
                    principal=self.owner,
                    now=self.now,
                )

    def do_move(self, name: str, other: str) -> None:
        if name == other:
            return
        self.write(
            catalog.move_model,
            publisher="quarry",
            name=name,
            target=f"quarry/{other}",
            principal=self.owner,
            now=self.now,
        )

    def decided(self) -> Decided:
        everybody = (*self.people, self.owner)
        return {
            name: frozenset(one.person_id for one in everybody if self._may(one, name, self.now))
            for name in NAMES
        }

    def held(self, name: str, at: datetime) -> frozenset[UUID | None]:
        model = self.model(self.owner, name=name)
        moment = past.find_moment(self.session, model, at)
        assert moment is not None
        if moment.is_open:
            return self._everybody_but_the_blocked(model, at)
        found: set[UUID] = set()
        after: UUID | None = None
        while (page := past.list_holders_after(self.session, moment, after)) is not None:
            found.update(one.person_id for one in page[0])
            after = page[1]
        return frozenset(found)

    def _everybody_but_the_blocked(self, model: Any, at: datetime) -> frozenset[UUID | None]:
        ids = [one.person_id for one in (*self.people, self.owner) if one.person_id]
        return frozenset(ids) - past._blocked_at(self.session, model.publisher_id, ids, at)


def test_what_held_earlier_is_what_the_decision_said_then(
    database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PEOPLE_PER_PAGE", 2)
    scene = cover_scene.__wrapped__(database, clock)  # type: ignore[attr-defined] # the function under the fixture
    world, owner = scene.world, scene.world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    for place, name in enumerate(NAMES):
        world.release(owner, publisher, name=name, requires=LICENSES[min(place, 1)], private=name == HIDDEN)
    world.license("1.1", TEXT_11, "material")
    people = [scene.officer, world.person("ada@else.example"), world.person("noor@else.example")]
    rights: set[int] = set()

    @settings(max_examples=6, suppress_health_check=list(HealthCheck), deadline=None)
    @given(acts=ACTS)
    @example(acts=[(("accept", 2, "marl"), 1), (("gate", "marl", GateMode.AUTO, LICENSES[2], 5), 200)])
    @example(acts=[(("accept", 1, "marl"), 1), (("withdraw", 0), 1), (("accept", 1, "marl"), 1)])
    @example(acts=[(("accept", 1, "marl"), 1), (("block", 1, 3), 200), (("block", 1, None), 1)])
    @example(
        acts=[
            (("gate", "marl", GateMode.MANUAL, LICENSES[1], 0), 1),
            (("accept", 0, "marl"), 1),
            (("request", 0, "marl", "approve"), 1),
            (("request", 0, "marl", "revoke"), 1),
        ]
    )
    @example(acts=[(("accept", 0, "slate"), 1), (("move", "slate", "marl"), 1), (("role", 1), 1)])
    @example(acts=[(("derive", "slate", "marl"), 1), (("accept", 0, "marl"), 1), (("withdraw", 0), 1)])
    def holds(acts: list[tuple[tuple[Any, ...], int]]) -> None:
        def work(session: Session) -> None:
            play = Remembered(database=database, clock=clock, sealer=world.sealer, session=session)
            play._keys = world.keys
            play.begin(owner, people, scene.organisation.id)
            said = [(play.now, play.decided())]
            for act, hours in acts:
                clock.advance(timedelta(seconds=1))
                play.run(*act)
                said.append((play.now, play.decided()))
                clock.advance(timedelta(hours=hours))
                said.append((play.now, play.decided()))
            for at, decided in said:
                for name in NAMES:
                    assert play.held(name, at) == decided[name], (name, at, acts)
                rights.add(sum(map(len, decided.values())))
            raise _UndoneError

        with pytest.raises(_UndoneError):
            database.write_now(work)

    holds()
    assert len(rights) > 3, "every moment gave the same rights: nothing was tried"


class _UndoneError(Exception):
    """Ends an example: nothing of it is kept."""


def test_what_is_not_on_record_is_said_and_not_guessed(database: Database, clock: SettableClock) -> None:
    scene = cover_scene.__wrapped__(database, clock)  # type: ignore[attr-defined] # the function under the fixture
    world: World = scene.world
    before = world.now
    clock.advance(timedelta(hours=1))
    member: Principal = scene.join()
    capacity = Capacity(organisation_id=scene.organisation.id, authorised=True, title="Head of research")
    accepted = world.accept(scene.officer, scene.model, capacity=capacity)
    then = world.read(past.find_moment, model=scene.model, at=world.now)
    assert [one.id for one in then.covers] == [accepted.id]
    assert "Organisations had accepted" in then.unknown[0]
    assert isinstance(world.decide(member, scene.model), access.Permit)
    assert world.read(past.list_holders_after, moment=then, after=None) is None
    earlier = world.read(past.find_moment, model=scene.model, at=before)
    assert (earlier.covers, earlier.unknown) == ([], [])
    assert world.read(past.find_moment, model=scene.model, at=before - timedelta(days=900)) is None
