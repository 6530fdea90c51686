"""Mirrors from the registry's facts to the Hub's lists and back, on both databases, over HTTP on loopback."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from registry import access, catalog
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import CountryRule, CountrySource, Prerequisites
from registry.hub_sync import facts, service, store
from registry.hub_sync.domain import Deed, HubGate, Wish
from registry.hub_sync.jobs import keep_due
from registry.hub_sync.keeping import Keeper
from registry.hub_sync.tables import IntentOutcome
from registry.identity import erasures, linking, restrictions
from registry.identity.domain import Principal
from registry.identity.tables import ExternalIdentity
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.hub_sync.hub_server import TOKEN, HubServer, serving
from tests.unit.hub_sync.simulated_hub import SimulatedHub
from tests.world import BASE_URL, TEXT_11, World, run

MARA, NOOR, STRANGER = (f"{number:024x}" for number in (1, 2, 3))
REPO = "hf-org/hf-model"
HERE = {"publisher": "quarry", "name": "quarry-15b"}


@dataclass
class Scene:
    world: World
    server: HubServer
    keeper: Keeper
    owner: Principal

    @property
    def hub(self) -> SimulatedHub:
        return self.server.hub

    def prove(self, person: Principal, subject: str, name: str) -> None:
        """The person has signed in with this account of the Hub."""

        def work(session):
            row_id, key = new_id(), self.world.sealer.find_subject_key(session, person.person_id)
            session.add(
                ExternalIdentity(
                    id=row_id,
                    person_id=person.person_id,
                    issuer=self.server.endpoint,
                    subject_index=linking.indexes_of(self.server.endpoint, subject, self.world.sealer)[0],
                    sealed_account=key.seal(
                        json.dumps([subject, name]).encode(), linking._ACCOUNT_CONTEXT + row_id.bytes
                    ),
                    created_at=self.world.now,
                    last_used_at=self.world.now,
                )
            )

        self.world.write(work)

    def link(self):
        linked = run(self.keeper.link(**HERE, repository=REPO, group="", principal=self.owner))
        assert not isinstance(linked, Refusal), linked
        return linked

    def apply(self):
        outcome = run(self.keeper.apply(**HERE, principal=self.owner))
        assert not isinstance(outcome, Refusal), outcome
        return outcome

    def keep(self):
        self.world.clock.advance(timedelta(minutes=3))
        return keep_due(self.keeper)

    def view(self):
        return self.world.read(service.find_mirror, **HERE, principal=self.owner)

    def model(self):
        return self.world.model(self.owner)


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Iterator[Scene]:
    world = World(database=database, clock=clock)
    world.gated_model()
    names = {MARA: "mara", NOOR: "noor", STRANGER: "eve"}
    with serving(SimulatedHub(names=names, gate=HubGate.MANUAL)) as server:
        keeper = Keeper(
            database=database,
            sealer=world.sealer,
            clock=clock,
            base_url=BASE_URL,
            endpoint=server.endpoint,
            private=False,
        )
        found = Scene(world=world, server=server, keeper=keeper, owner=world.person("owner@quarry.example"))
        stored = run(keeper.store_token(publisher="quarry", token=TOKEN, principal=found.owner))
        assert not isinstance(stored, Refusal), stored
        yield found


def test_who_has_accepted_here_is_let_in_there_and_loses_it_with_a_withdrawal(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    for account in (MARA, NOOR):
        scene.hub.submit(account)
    scene.hub.set_by_hand(STRANGER, "accepted")
    scene.link()
    assert scene.keep() == 0, "nothing happens before somebody applies"
    assert scene.hub.readers == {STRANGER}

    _, first = scene.apply()
    assert first.is_settled
    assert [one.deed for one in first.done] == [Deed.CANCEL]
    assert scene.hub.readers == set()

    accepted = scene.world.accept(mara, scene.model())
    assert scene.keep() == 1
    assert scene.hub.readers == {MARA}
    assert scene.hub.requests[NOOR].state == "pending"

    scene.world.withdraw(mara, accepted.id)
    scene.keep()
    assert scene.hub.readers == set()
    assert scene.hub.requests[MARA].state == "reset"
    (reason,) = [body["resetReason"] for _, _, body in scene.server.requests if "resetReason" in body]
    assert reason.endswith(f"{BASE_URL}/quarry/quarry-15b")


def test_a_change_of_terms_a_block_and_a_closed_gate_reach_the_hub(scene: Scene) -> None:
    world = scene.world
    mara, noor = world.person(), world.person("noor@uni.example")
    for person, subject, name in ((mara, MARA, "mara"), (noor, NOOR, "noor")):
        scene.prove(person, subject, name)
        scene.hub.submit(subject)
        world.accept(person, scene.model())
    scene.link()
    scene.apply()
    assert scene.hub.readers == {MARA, NOOR}

    blocked = world.write(
        access.block_person,
        publisher="quarry",
        person_id=noor.person_id,
        reason="Broke the terms.",
        until=None,
        principal=scene.owner,
        now=world.now,
    )
    assert not isinstance(blocked, Refusal), blocked
    scene.keep()
    assert scene.hub.requests[NOOR].state == "rejected"

    world.license("1.1", TEXT_11, "material")
    change(scene, mode=GateMode.AUTO, licenses=("sample-openrail-m@1.1",), reaccept_days=0)
    scene.keep()
    assert scene.hub.requests[MARA].state == "reset"
    scene.hub.submit(MARA)
    accepted = world.accept(mara, scene.model(), answers={})
    assert not isinstance(accepted, Refusal), accepted
    scene.keep()
    assert scene.hub.readers == {MARA}

    change(scene, mode=GateMode.CLOSED, licenses=("sample-openrail-m@1.1",))
    scene.keep()
    assert scene.hub.readers == set()
    assert scene.hub.requests[MARA].state == "pending"


def change(scene: Scene, **demand) -> None:
    changed = scene.world.write(
        catalog.change_gate,
        **HERE,
        demand=catalog.GateDemand(**demand),
        principal=scene.owner,
        now=scene.world.now,
    )
    assert not isinstance(changed, Refusal), changed


def test_whose_data_may_only_be_stored_is_off_the_hub_for_as_long(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    scene.hub.submit(MARA)
    scene.world.accept(mara, scene.model())
    scene.link()
    scene.apply()
    assert scene.hub.readers == {MARA}

    def desk():
        return erasures.Desk(sealer=scene.world.sealer, base_url=BASE_URL, now=scene.world.now)

    scene.world.write(restrictions.place_restriction, desk=desk(), person_id=mara.person_id)
    scene.keep()
    assert (scene.hub.readers, scene.hub.requests[MARA].state) == (set(), "pending")
    scene.world.write(restrictions.take_back, desk=desk(), person_id=mara.person_id)
    scene.keep()
    assert scene.hub.readers == {MARA}


def test_what_somebody_did_at_the_hub_is_undone_and_told(scene: Scene) -> None:
    scene.link()
    scene.apply()
    scene.hub.gate = HubGate.AUTO
    scene.hub.submit(STRANGER)
    scene.hub.revision = "b" * 40
    assert scene.hub.readers == {STRANGER}
    scene.keep()
    assert scene.hub.gate is HubGate.MANUAL
    assert scene.hub.readers == set()
    assert scene.view().findings.drifts == {"mode-flipped": 1, "card-edited": 1, "granted-outside": 1}
    scene.keep()
    assert scene.view().findings.drifts == {}


def test_the_plan_says_what_would_be_done_and_does_nothing(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    scene.world.accept(mara, scene.model())
    scene.hub.submit(MARA)
    scene.link()
    outlook = run(scene.keeper.look(**HERE, principal=scene.owner))
    assert not isinstance(outlook, Refusal), outlook
    assert [one.words for one in outlook.plan.actions] == ["accept mara: the registry permits it"]
    assert outlook.seconds == 0
    assert scene.hub.readers == set()


def test_a_pass_that_was_killed_is_taken_up_when_its_lease_has_ended(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    scene.world.accept(mara, scene.model())
    scene.hub.submit(MARA)
    scene.hub.set_by_hand(STRANGER, "accepted")
    mirror = scene.link().row
    scene.hub.set_by_hand(STRANGER, "accepted")
    now = scene.world.now
    assert scene.world.write(service.claim, mirror_id=mirror.id, keep=True, now=now)
    scene.world.write(service.begin, mirror_id=mirror.id, deed=Deed.CANCEL, now=now)
    busy = run(scene.keeper.apply(**HERE, principal=scene.owner))
    assert isinstance(busy, Refusal)
    assert busy.code == "mirror-busy"
    assert scene.keep() == 0
    scene.world.clock.advance(service.LEASE)
    assert scene.keep() == 1
    assert scene.hub.readers == {MARA}
    outcomes = [one.outcome for one in scene.world.read(store.list_intents, mirror_id=mirror.id, limit=9)]
    assert outcomes == [IntentOutcome.DONE, IntentOutcome.DONE, IntentOutcome.UNKNOWN]


def test_a_right_that_ended_after_the_plan_was_made_lets_nobody_in(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    accepted = scene.world.accept(mara, scene.model())
    for account in (MARA, STRANGER):
        scene.hub.submit(account)
    scene.hub.set_by_hand(STRANGER, "accepted")
    scene.link()

    def withdraw_meanwhile(method, target):
        if method == "POST" and not withdrawn:
            withdrawn.append(scene.world.withdraw(mara, accepted.id))

    withdrawn: list[object] = []
    scene.server.twist = withdraw_meanwhile
    scene.apply()
    assert withdrawn
    assert scene.hub.readers == set()
    assert scene.hub.requests[MARA].state == "pending"


def test_failures_are_told_wait_longer_each_time_and_widen_nothing(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    scene.world.accept(mara, scene.model())
    scene.link()
    scene.apply()
    scene.hub.submit(MARA)
    scene.server.token = "hf_revoked"
    waits = []
    for _ in range(12):
        scene.world.clock.advance(timedelta(hours=2))
        assert keep_due(scene.keeper) == 1
        waits.append(scene.view().row.next_at - scene.world.now)
    found = scene.view()
    assert (found.row.trouble, found.row.failures) == ("token-refused", 12)
    assert found.findings.drifts == {"token-revoked": 1}
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)
    assert scene.hub.readers == set()
    scene.server.token = TOKEN
    scene.world.clock.advance(timedelta(hours=2))
    keep_due(scene.keeper)
    assert scene.hub.readers == {MARA}
    assert scene.view().row.failures == 0


def test_no_row_and_no_line_of_the_log_holds_the_token_or_a_name(scene: Scene) -> None:
    with structlog.testing.capture_logs() as said:
        mara = scene.world.person()
        scene.prove(mara, MARA, "mara-of-the-hub")
        scene.hub.names[MARA] = "mara-of-the-hub"
        scene.world.accept(mara, scene.model())
        scene.hub.submit(MARA)
        scene.link()
        scene.apply()
        scene.server.token = "hf_revoked"
        scene.keep()
    assert scene.hub.readers == {MARA}
    rows = [
        str(row)
        for table in ("hub_credential", "hub_mirror", "hub_intent")
        for row in scene.world.read(
            lambda session, t=table: session.execute(text(f"SELECT * FROM {t}")).all()
        )
    ]
    assert len(rows) == 3
    for one in (*rows, str(said)):
        assert "mara-of-the-hub" not in one
        assert TOKEN not in one


def test_where_the_gate_looks_at_networks_nobody_is_let_in_at_the_hub(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA, "mara")
    scene.world.accept(mara, scene.model())
    model = scene.model()
    rule = CountryRule(countries=("NO",), admits=True, source=CountrySource.NETWORK)
    asked = replace_prerequisites(model, Prerequisites(country=rule))
    wishes = scene.world.read(
        lambda session: facts.wishes_of(session, asked, [mara.person_id], now=scene.world.now)
    )
    assert wishes == {mara.person_id: Wish.WAITING}


def replace_prerequisites(model, prerequisites):
    return replace(model, gate=replace(model.gate, prerequisites=prerequisites))


def test_only_maintainers_keep_mirrors_and_a_token_for_reading_is_not_stored(scene: Scene) -> None:
    outsider = scene.world.person("eve@lab.example")
    for refused in (
        run(scene.keeper.store_token(publisher="quarry", token=TOKEN, principal=outsider)),
        run(scene.keeper.link(**HERE, repository=REPO, group="", principal=outsider)),
        run(scene.keeper.look(**HERE, principal=outsider)),
        run(scene.keeper.apply(**HERE, principal=outsider)),
    ):
        assert isinstance(refused, Refusal)
        assert refused.code == "role-missing"
    scene.server.role = "read"
    refused = run(scene.keeper.store_token(publisher="quarry", token=TOKEN, principal=scene.owner))
    assert isinstance(refused, Refusal)
    assert refused.code == "hub-token-unfit"
    refused = run(scene.keeper.link(**HERE, repository=REPO, group="", principal=scene.owner))
    assert isinstance(refused, Refusal)
    assert refused.code == "hub-said-no"


def test_a_model_and_a_repository_are_paired_once_and_what_is_ended_is_left_alone(scene: Scene) -> None:
    scene.link()
    again = run(scene.keeper.link(**HERE, repository=REPO.upper(), group="", principal=scene.owner))
    assert isinstance(again, Refusal)
    scene.apply()
    ended = scene.world.write(service.unlink, **HERE, principal=scene.owner, now=scene.world.now)
    assert not isinstance(ended, Refusal), ended
    scene.hub.set_by_hand(STRANGER, "accepted")
    assert scene.keep() == 0
    assert scene.hub.readers == {STRANGER}
    gone = run(scene.keeper.look(**HERE, principal=scene.owner))
    assert isinstance(gone, Refusal)
    assert gone.code == "mirror-missing"
    scene.link()
