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
from registry.hub_sync.domain import Deed, Wish
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
from tests.servers.fake_hub import FakeHub, serving
from tests.world import BASE_URL, TEXT_11, World, run

MARA, NOOR, STRANGER = "mara-of-the-hub", "noor-of-the-hub", "eve-of-the-hub"
REPO = "hf-org/hf-model"
HERE = {"publisher": "quarry", "name": "quarry-15b"}


@dataclass
class Scene:
    world: World
    hub: FakeHub
    token: str
    keeper: Keeper
    owner: Principal

    @property
    def at_hub(self) -> dict[str, str]:
        return self.hub.statuses(REPO)

    @property
    def readers(self) -> set[str]:
        return {name for name, status in self.at_hub.items() if status == "accepted"}

    def submit(self, name: str) -> None:
        self.hub.ask(REPO, name)

    def let_in(self, name: str) -> None:
        """An owner lets them in on the Hub's own page."""
        self.hub.ask(REPO, name)
        self.hub.set_status(REPO, name, "accepted")

    def prove(self, person: Principal, name: str) -> None:
        """The person has signed in with this account of the Hub."""
        subject = self.hub.user(name).id

        def work(session):
            row_id, key = new_id(), self.world.sealer.find_subject_key(session, person.person_id)
            session.add(
                ExternalIdentity(
                    id=row_id,
                    person_id=person.person_id,
                    issuer=self.hub.url,
                    subject_index=linking.indexes_of(self.hub.url, subject, self.world.sealer)[0],
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
    with serving() as hub:
        for name in ("release-bot", MARA, NOOR, STRANGER):
            hub.add_user(name)
        hub.add_organisation("hf-org", **{"release-bot": "admin"})
        hub.add_model(REPO, gated="manual")
        keeper = Keeper(
            database=database,
            sealer=world.sealer,
            clock=clock,
            base_url=BASE_URL,
            endpoint=hub.url,
            private=False,
        )
        token, owner = hub.add_token("release-bot"), world.person("owner@quarry.example")
        stored = run(keeper.store_token(publisher="quarry", token=token, principal=owner))
        assert not isinstance(stored, Refusal), stored
        yield Scene(world=world, hub=hub, token=token, keeper=keeper, owner=owner)


def test_who_has_accepted_here_is_let_in_there_and_loses_it_with_a_withdrawal(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
    for account in (MARA, NOOR):
        scene.submit(account)
    scene.let_in(STRANGER)
    scene.link()
    assert scene.keep() == 0, "nothing happens before somebody applies"
    assert scene.readers == {STRANGER}

    _, first = scene.apply()
    assert first.is_settled
    assert [one.deed for one in first.done] == [Deed.CANCEL]
    assert scene.readers == set()

    accepted = scene.world.accept(mara, scene.model())
    assert scene.keep() == 1
    assert scene.readers == {MARA}
    assert scene.at_hub[NOOR] == "pending"

    scene.world.withdraw(mara, accepted.id)
    scene.keep()
    assert scene.readers == set()
    assert scene.at_hub[MARA] == "reset"
    (reason,) = [json.loads(one.body)["resetReason"] for one in scene.hub.seen if b"resetReason" in one.body]
    assert reason.endswith(f"{BASE_URL}/quarry/quarry-15b")


def test_a_change_of_terms_a_block_and_a_closed_gate_reach_the_hub(scene: Scene) -> None:
    world = scene.world
    mara, noor = world.person(), world.person("noor@uni.example")
    for person, name in ((mara, MARA), (noor, NOOR)):
        scene.prove(person, name)
        scene.submit(name)
        world.accept(person, scene.model())
    scene.link()
    scene.apply()
    assert scene.readers == {MARA, NOOR}

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
    assert scene.at_hub[NOOR] == "rejected"

    world.license("1.1", TEXT_11, "material")
    change(scene, mode=GateMode.AUTO, licenses=("sample-openrail-m@1.1",), reaccept_days=0)
    scene.keep()
    assert scene.at_hub[MARA] == "reset"
    scene.submit(MARA)
    accepted = world.accept(mara, scene.model(), answers={})
    assert not isinstance(accepted, Refusal), accepted
    scene.keep()
    assert scene.readers == {MARA}

    change(scene, mode=GateMode.CLOSED, licenses=("sample-openrail-m@1.1",))
    scene.keep()
    assert scene.readers == set()
    assert scene.at_hub[MARA] == "pending"


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
    scene.prove(mara, MARA)
    scene.submit(MARA)
    scene.world.accept(mara, scene.model())
    scene.link()
    scene.apply()
    assert scene.readers == {MARA}

    def desk():
        return erasures.Desk(sealer=scene.world.sealer, base_url=BASE_URL, now=scene.world.now)

    scene.world.write(restrictions.place_restriction, desk=desk(), person_id=mara.person_id)
    scene.keep()
    assert (scene.readers, scene.at_hub[MARA]) == (set(), "pending")
    scene.world.write(restrictions.take_back, desk=desk(), person_id=mara.person_id)
    scene.keep()
    assert scene.readers == {MARA}


def test_what_somebody_did_at_the_hub_is_undone_and_told(scene: Scene) -> None:
    scene.link()
    scene.apply()
    scene.hub.set_gated(REPO, "auto")
    scene.submit(STRANGER)
    scene.hub.put_file(REPO, "notes.txt", b"by somebody else")
    assert scene.readers == {STRANGER}
    scene.keep()
    assert scene.hub.model(REPO).gated == "manual"
    assert scene.readers == set()
    assert scene.view().findings.drifts == {"mode-flipped": 1, "card-edited": 1, "granted-outside": 1}
    scene.keep()
    assert scene.view().findings.drifts == {}


def test_the_plan_says_what_would_be_done_and_does_nothing(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
    scene.world.accept(mara, scene.model())
    scene.submit(MARA)
    scene.link()
    outlook = run(scene.keeper.look(**HERE, principal=scene.owner))
    assert not isinstance(outlook, Refusal), outlook
    assert [one.words for one in outlook.plan.actions] == [f"accept {MARA}: the registry permits it"]
    assert outlook.seconds == 0
    assert scene.readers == set()


def test_a_pass_that_was_killed_is_taken_up_when_its_lease_has_ended(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
    scene.world.accept(mara, scene.model())
    scene.submit(MARA)
    scene.let_in(STRANGER)
    mirror = scene.link().row
    scene.let_in(STRANGER)
    now = scene.world.now
    assert scene.world.write(service.claim, mirror_id=mirror.id, keep=True, now=now)
    scene.world.write(service.begin, mirror_id=mirror.id, deed=Deed.CANCEL, now=now)
    busy = run(scene.keeper.apply(**HERE, principal=scene.owner))
    assert isinstance(busy, Refusal)
    assert busy.code == "mirror-busy"
    assert scene.keep() == 0
    scene.world.clock.advance(service.LEASE)
    assert scene.keep() == 1
    assert scene.readers == {MARA}
    outcomes = [one.outcome for one in scene.world.read(store.list_intents, mirror_id=mirror.id, limit=9)]
    assert outcomes == [IntentOutcome.DONE, IntentOutcome.DONE, IntentOutcome.UNKNOWN]


def test_a_right_that_ended_after_the_plan_was_made_lets_nobody_in(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
    accepted = scene.world.accept(mara, scene.model())
    for account in (MARA, STRANGER):
        scene.submit(account)
    scene.let_in(STRANGER)
    scene.link()

    def withdraw_meanwhile(method, _path):
        if method == "POST" and not withdrawn:
            withdrawn.append(scene.world.withdraw(mara, accepted.id))

    withdrawn: list[object] = []
    scene.hub.before_call = withdraw_meanwhile
    scene.apply()
    assert withdrawn
    assert scene.readers == set()
    assert scene.at_hub[MARA] == "pending"


def test_failures_are_told_wait_longer_each_time_and_widen_nothing(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
    scene.world.accept(mara, scene.model())
    scene.link()
    scene.apply()
    scene.submit(MARA)
    held = scene.hub.state.tokens.pop(scene.token)
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
    assert scene.readers == set()
    scene.hub.state.tokens[scene.token] = held
    scene.world.clock.advance(timedelta(hours=2))
    keep_due(scene.keeper)
    assert scene.readers == {MARA}
    assert scene.view().row.failures == 0


def test_no_row_and_no_line_of_the_log_holds_the_token_or_a_name(scene: Scene) -> None:
    with structlog.testing.capture_logs() as said:
        mara = scene.world.person()
        scene.prove(mara, MARA)
        scene.world.accept(mara, scene.model())
        scene.submit(MARA)
        scene.link()
        scene.apply()
        scene.hub.revoke_token(scene.token)
        scene.keep()
    assert scene.readers == {MARA}
    rows = [
        str(row)
        for table in ("hub_credential", "hub_mirror", "hub_intent")
        for row in scene.world.read(
            lambda session, t=table: session.execute(text(f"SELECT * FROM {t}")).all()
        )
    ]
    assert len(rows) == 3
    for one in (*rows, str(said)):
        assert MARA not in one
        assert scene.token not in one


def test_where_the_gate_looks_at_networks_nobody_is_let_in_at_the_hub(scene: Scene) -> None:
    mara = scene.world.person()
    scene.prove(mara, MARA)
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
        run(scene.keeper.store_token(publisher="quarry", token=scene.token, principal=outsider)),
        run(scene.keeper.link(**HERE, repository=REPO, group="", principal=outsider)),
        run(scene.keeper.look(**HERE, principal=outsider)),
        run(scene.keeper.apply(**HERE, principal=outsider)),
    ):
        assert isinstance(refused, Refusal)
        assert refused.code == "role-missing"
    reader = scene.hub.add_token("release-bot", role="read")
    refused = run(scene.keeper.store_token(publisher="quarry", token=reader, principal=scene.owner))
    assert isinstance(refused, Refusal)
    assert refused.code == "hub-token-unfit"
    scene.hub.state.organisations["hf-org"].roles[scene.hub.user("release-bot").id] = "read"
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
    scene.let_in(STRANGER)
    assert scene.keep() == 0
    assert scene.readers == {STRANGER}
    gone = run(scene.keeper.look(**HERE, principal=scene.owner))
    assert isinstance(gone, Refusal)
    assert gone.code == "mirror-missing"
    scene.link()
