"""What one may download as a list is exactly what the single decisions permit, in random worlds (P1)."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from sqlmodel import Session, col

from registry import acceptances, access, catalog
from registry.acceptances.domain import AcceptanceSummary, Capacity
from registry.access import crowds, permitted, requesting
from registry.access.permitted import Narrowing, list_ending, list_permitted
from registry.access.request_views import Office, RequestView
from registry.access.transitions import Move, RequestEvent
from registry.catalog import lineage
from registry.catalog.domain import GateMode, Role
from registry.catalog.tables import Model
from registry.identity.domain import ANONYMOUS, Principal
from registry.identity.organisation_domain import Act
from registry.identity.organisation_ending import change_organisation
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.test_covers import scene as cover_scene
from tests.world import ANSWERS, BASE_URL, TEXT_11, World

NAMES = ["quarry-15b", "slate", "marl", "chert", "gneiss"]
LICENSES: list[tuple[str, ...]] = [(), ("sample-openrail-m@1.0",), ("sample-openrail-m@1.1",)]
LATER = [timedelta(0), timedelta(days=20)]
_person, _model = st.integers(0, 2), st.sampled_from(NAMES)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), _person, _model),
        st.tuples(st.just("cover"), _model),
        st.tuples(st.just("ask_each"), st.booleans()),
        st.tuples(st.just("acknowledge"), _person, st.integers(0, 5)),
        st.tuples(st.just("withdraw"), st.integers(0, 5)),
        st.tuples(st.just("block"), _person, st.sampled_from([None, 10])),
        st.tuples(st.just("request"), _person, _model, st.sampled_from(["ask", "approve", "revoke"])),
        st.tuples(st.just("role"), _person),
        st.tuples(st.just("hide"), _model),
        st.tuples(st.just("derive"), _model, _model),
        st.tuples(
            st.just("gate"),
            _model,
            st.sampled_from(GateMode),
            st.sampled_from(LICENSES),
            st.sampled_from([0, 14]),
        ),
    ),
    max_size=14,
)


class _UndoneError(Exception):
    """Ends an example: nothing of it is kept."""


@dataclass
class Play(World):
    """The world within one transaction that is undone; every act is the real use case, refusals included."""

    session: Any = None

    def write(self, work: Callable[..., Any], **given: Any) -> Any:
        return work(self.session, **given)

    read = write

    def begin(self, owner: Principal, people: list[Principal], organisation: UUID) -> None:
        self.owner, self.people, self.organisation = owner, people, organisation
        self.accepted: list[tuple[Principal, AcceptanceSummary]] = []
        self.ended = 0

    def run(self, name: str, *given: Any) -> None:
        getattr(self, f"do_{name}")(*given)
        self.session.flush()

    def _accept(self, person: Principal, name: str, **changes: Any) -> None:
        model = self.model(self.owner, name=name)
        if not model.gate.license_version_ids or model.gate.mode is GateMode.CLOSED:
            return
        outcome = self.accept(person, model, **changes)
        if isinstance(outcome, AcceptanceSummary):
            self.accepted.append((person, outcome))

    def do_accept(self, person: int, name: str) -> None:
        self._accept(self.people[person], name)

    def do_cover(self, name: str) -> None:
        capacity = Capacity(organisation_id=self.organisation, authorised=True, title="Head of research")
        self._accept(self.people[0], name, capacity=capacity)

    def do_ask_each(self, asks: bool) -> None:
        act = Act.ASK_EACH if asks else Act.ASK_NOBODY
        self.write(
            change_organisation,
            organisation_id=self.organisation,
            act=act,
            principal=self.people[0],
            now=self.now,
        )

    def do_acknowledge(self, person: int, place: int) -> None:
        if place < len(self.accepted):
            ids = [self.accepted[place][1].id]
            self.write(
                acceptances.acknowledge,
                acceptance_ids=ids,
                repo="quarry/slate",
                principal=self.people[person],
                now=self.now,
            )

    def do_withdraw(self, place: int) -> None:
        if place < len(self.accepted):
            person, accepted = self.accepted[place]
            self.withdraw(person, accepted.id)

    def do_block(self, person: int, days: int | None) -> None:
        self.write(
            access.block_person,
            publisher="quarry",
            person_id=self.people[person].person_id,
            reason="misuse",
            until=self.now + timedelta(days=days) if days else None,
            principal=self.owner,
            now=self.now,
        )

    def do_request(self, person: int, name: str, how_far: str) -> None:
        mine, theirs = (
            Office(principal=who, sealer=self.sealer, base_url=BASE_URL, now=self.now)
            for who in (self.people[person], self.owner)
        )
        asked = self.write(
            requesting.ask, office=mine, publisher="quarry", model=name, answers=ANSWERS, note="for my thesis"
        )
        if how_far == "ask" or not isinstance(asked, RequestView):
            return
        events = [RequestEvent.APPROVE, *([RequestEvent.REVOKE] if how_far == "revoke" else [])]
        for event in events:
            self.write(
                requesting.move, office=theirs, request_id=asked.id, wanted=Move(event=event, note="because")
            )

    def do_role(self, person: int) -> None:
        self.write(
            catalog.add_role,
            publisher="quarry",
            person_id=self.people[person].person_id,
            role=Role.AUDITOR,
            principal=self.owner,
            now=self.now,
        )

    def do_hide(self, name: str) -> None:
        self.session.exec(update(Model).where(col(Model.name) == name).values(private=~col(Model.private)))

    def do_derive(self, name: str, base: str) -> None:
        model, made_from = (self.model(self.owner, name=one) for one in (name, base))
        release = self.read(catalog.find_current_release, model_id=model.id)
        if name != base and lineage.check_bases(self.session, model, [made_from]) is None:
            declared = lineage.Declared(bases=[made_from], relation=None)
            lineage.declare_bases(self.session, model, declared, release_id=release.id, now=self.now)

    def do_gate(self, name: str, mode: GateMode, required: tuple[str, ...], days: int) -> None:
        demand = catalog.GateDemand(
            mode=mode,
            licenses=required,
            fields=self.model(self.owner, name=name).gate.fields,
            reaccept_days=days,
        )
        self.write(
            catalog.change_gate,
            publisher="quarry",
            name=name,
            demand=demand,
            principal=self.owner,
            now=self.now,
        )

    def check(self) -> int:
        """Compare list and decisions of everybody, now and later; return how many permits there were."""
        permits = 0
        operator = Principal(
            person_id=self.people[2].person_id,
            channel=self.people[2].channel,
            scopes=self.people[2].scopes,
            is_operator=True,
        )
        for principal in (*self.people, self.owner, operator, ANONYMOUS):
            for wait in LATER:
                now = self.now + wait
                listed = list_permitted(
                    self.session, principal, narrowing=Narrowing(), before=None, limit=100, now=now
                )
                decided = {name: self._permit(principal, name, now) for name in NAMES}
                single = {name: permit.reaccept_by for name, permit in decided.items() if permit}
                assert {one.model.name: one.reaccept_by for one in listed} == single, (principal, wait)
                assert len(listed) == len(single)
                permits += len(single)
                if principal not in self.people:
                    continue
                ending = list_ending(self.session, principal, limit=100, now=now)
                said = {one.model.name: one.reaccept_by for one in ending}
                assert said == {name: until for name, until in single.items() if until}, (principal, wait)
                self.ended += len(said)
        for wait in LATER:
            for name, other in itertools.pairwise((*NAMES, NAMES[0])):
                self._check_crowd(name, other, self.now + wait)
        for name, base in itertools.pairwise(NAMES[:3]):
            self._check_bases(name, base, NAMES[3], self.now)
        return permits

    def _check_crowd(self, name: str, other: str, now: Any) -> None:
        """Compare what is said of many at once with the single decisions, at this gate and after a move."""
        model, everybody = self.model(self.owner, name=name), (*self.people, self.owner)
        ids = frozenset(one.person_id for one in everybody if one.person_id)
        for target in (name, other):
            gate = self.model(self.owner, name=target).gate
            said = crowds.list_permitted(self.session, model, gate, ids, now=now)
            with self.session.begin_nested() as moved:
                self.session.exec(update(Model).where(col(Model.id) == model.id).values(gate_id=gate.id))
                single = {one.person_id for one in everybody if self._may(one, name, now)}
                moved.rollback()
            assert said == single, (name, target)
            if gate.mode is GateMode.MANUAL or gate.license_version_ids:
                crowd = crowds.list_crowd(self.session, gate.id, most=100, now=now)
                assert single <= crowd.people, (name, target)

    def _check_bases(self, name: str, base: str, target: str, now: Any) -> None:
        """Compare what is said of many at once with the single decisions, once a base stands behind another gate."""
        model, made_from = self.model(self.owner, name=name), self.model(self.owner, name=base)
        everybody = (*self.people, self.owner)
        ids = frozenset(one.person_id for one in everybody if one.person_id)
        gate = self.model(self.owner, name=target).gate
        asked = crowds.Asked(gate_id=gate.id, demand=crowds.load_demand(self.session, gate))
        bases = {made_from.id: asked}
        said = crowds.list_permitted(self.session, model, model.gate, ids, now=now, bases=bases)
        gates = crowds.list_gates_of_people(self.session, model, bases)
        crowd = [crowds.list_crowd(self.session, one, most=100, now=now).people for one in gates]
        with self.session.begin_nested() as moved:
            self.session.exec(update(Model).where(col(Model.id) == made_from.id).values(gate_id=gate.id))
            single = {one.person_id for one in everybody if self._may(one, name, now)}
            moved.rollback()
        assert said == single, (name, base, target)
        if gates:
            assert single <= frozenset().union(*crowd), (name, base, target)

    def _may(self, principal: Principal, name: str, now: Any) -> bool:
        return self._permit(principal, name, now) is not None

    def _permit(self, principal: Principal, name: str, now: Any) -> access.Permit | None:
        found = self.read(catalog.find_model, publisher="quarry", name=name, principal=principal)
        if isinstance(found, Refusal):
            return None
        gathered = access.gather_by_name(self.session, principal, publisher="quarry", model=name, now=now)
        assert gathered is not None
        assert gathered.is_visible_to(principal)
        verdict = access.decide(gathered.facts)
        return verdict if isinstance(verdict, access.Permit) else None


@pytest.mark.timeout(300)
def test_the_list_is_exactly_what_the_single_decisions_permit(
    database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permitted, "BATCH_MODELS", 2)
    scene = cover_scene.__wrapped__(database, clock)  # type: ignore[attr-defined] # the function under the fixture
    world, owner = scene.world, scene.world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    for place, name in enumerate(NAMES[1:]):
        world.release(owner, publisher, name=name, requires=LICENSES[min(place, 1)])
    world.license("1.1", TEXT_11, "material")
    people = [scene.officer, scene.join(), world.person("noor@else.example")]
    seen: list[int] = []
    ending: list[int] = []

    # Rules do not depend on the database; on the slower one the examples that are named, and some more, are enough.
    @settings(max_examples=10 if database.dialect == "sqlite" else 3, suppress_health_check=list(HealthCheck))
    @example(acts=[("cover", "slate"), ("cover", "marl"), ("ask_each", True), ("acknowledge", 1, 0)])
    @given(acts=ACTS)
    @example(acts=[("accept", 2, "slate"), ("gate", "slate", GateMode.AUTO, LICENSES[2], 14)])
    @example(
        acts=[
            ("derive", "marl", "slate"),
            ("accept", 2, "slate"),
            ("gate", "slate", GateMode.AUTO, LICENSES[2], 14),
        ]
    )
    @example(acts=[("cover", "quarry-15b"), ("withdraw", 0)])
    def holds(acts: list[tuple[Any, ...]]) -> None:
        def work(session: Session) -> None:
            play = Play(database=database, clock=clock, sealer=world.sealer, session=session)
            play._keys = world.keys
            play.begin(owner, people, scene.organisation.id)
            for act in acts:
                play.run(*act)
            seen.append(play.check())
            ending.append(play.ended)
            raise _UndoneError

        with pytest.raises(_UndoneError):
            database.write_now(work)

    holds()
    assert min(seen) < max(seen), "every world gave the same rights: nothing was tried"
    assert max(ending) > 0, "in no world did a right end by itself"
