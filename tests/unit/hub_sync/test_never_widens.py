"""Whatever happens here and at the Hub, in whichever order: the Hub never lets in whom the registry does not (P9)."""

import random
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.hub_sync.applying import run_pass
from registry.hub_sync.domain import Account, Desired, Drift, HubGate, Person, Wish

from .simulated_hub import Crash, Fault, SimulatedHub

ACCOUNTS = tuple(f"{number:024x}" for number in range(1, 6))
NAMES = tuple(f"user-{number}" for number in range(1, 6))
PEOPLE = {UUID(int=number): ACCOUNTS[number - 1] for number in range(1, 5)}
"""Nobody here has proved the last account."""
STRANGER = ACCOUNTS[-1]
STATES = ("pending", "accepted", "rejected", "reset")
INTERLEAVINGS = 10_000
"""Of each run; they take some 4 seconds of one core."""
STEPS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 4), st.integers(0, 4)), max_size=14)


class Registry:
    """What the registry says of people; the book of one mirror."""

    def __init__(self, hub):
        self.hub = hub
        self.wishes = dict.fromkeys(PEOPLE, Wish.WAITING)
        self.asking = set()
        self.leaving = set()
        self.known_names = dict(zip(ACCOUNTS, NAMES, strict=True))
        self.open_intents = {}
        self.settled = False
        self.between = None

    def desire(self, actual):
        people = tuple(self.person(one, account) for one, account in PEOPLE.items())
        found = Desired(
            repo_id="hf-org/hf-model", page="https://r.example/o/m", people=people, settled=self.settled
        )
        if self.between is not None:
            change, self.between = self.between, None
            change()
        return found

    def person(self, one, subject):
        account = Account(person_id=one, subject=subject, name=self.known_names[subject])
        return Person(
            id=one,
            wish=self.wishes[one],
            accounts=(account,),
            asks=account if one in self.asking else None,
            leaves=one in self.leaving,
        )

    def begin(self, action):
        if action.deed.gives and self.wishes.get(action.person_id) is not Wish.PERMITTED:
            return None
        intent_id = uuid4()
        self.open_intents[intent_id] = action
        return intent_id

    def settle(self, intent_id, answer):
        del self.open_intents[intent_id]

    def is_allowed(self, account):
        return any(self.wishes[one] is Wish.PERMITTED for one, proved in PEOPLE.items() if proved == account)


class Scene:
    """A registry, a Hub, and what happens to both."""

    def __init__(self):
        self.hub = SimulatedHub(names=dict(zip(ACCOUNTS, NAMES, strict=True)))
        self.registry = Registry(self.hub)
        self.hub.before_each_call = self._check_call

    def _check_call(self, action):
        if action.deed.gives:
            assert self.registry.wishes[action.person_id] is Wish.PERMITTED
            assert action in self.registry.open_intents.values()

    def step(self, kind, who, how):
        account = ACCOUNTS[who]
        person = next((one for one, proved in PEOPLE.items() if proved == account), None)
        if kind == 0 and person:
            self.registry.wishes[person] = list(Wish)[how]
        elif kind == 1 and person:
            self.registry.wishes[person] = Wish.PERMITTED
        elif kind == 2 and person:
            self.registry.leaving |= self.registry.asking & {person}
            self.registry.asking ^= {person}
            self.registry.leaving -= self.registry.asking
        elif kind == 3:
            self.hub.submit(account)
        elif kind == 4:
            self.hub.set_by_hand(account, STATES[how % 4])
        elif kind == 5:
            self.hub.gate = list(HubGate)[how % 3]
        elif kind == 6:
            self.hub.faults.extend([*[None] * who, list(Fault)[how % 5]])
        elif kind == 7:
            self.hub.crash_after_calls = how + 1
        elif kind == 8:
            # The account is renamed, and its old name taken by the stranger.
            self.hub.names[account], self.hub.names[STRANGER] = f"new-{account}", self.hub.names[account]
        elif kind == 9:
            self.hub.hides_names = how % 2 == 0
        elif kind == 10 and person:
            # The registry takes back while a pass is under way.
            self.registry.between = lambda: self.registry.wishes.update({person: list(Wish)[1 + how % 4]})
        else:
            self.sync()

    def sync(self):
        try:
            found = run_pass(self.hub, self.registry, "hf-org/hf-model")
        except Crash:
            return None
        self.registry.settled = self.registry.settled or found.is_settled
        if found.is_settled:
            self.registry.leaving.clear()
        return found

    def end(self):
        self.hub.faults.clear()
        self.hub.crash_after_calls = None
        self.hub.hides_names = False
        self.registry.between = None
        if self.registry.leaving:  # who asks at the Hub again is let in after they were taken off
            self.sync()
        found = self.sync()
        assert found.is_settled, found.failure
        assert self.hub.gate is HubGate.MANUAL
        assert all(self.registry.is_allowed(account) for account in self.hub.readers)
        waiting = {
            account for account, one in self.hub.requests.items() if one.state in {"pending", "rejected"}
        }
        assert not any(self.registry.is_allowed(account) for account in waiting)
        again = self.sync()
        assert again.is_settled
        assert again.done == [], "a settled repository is left alone"


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_interleaving_lets_anybody_in_whom_the_registry_does_not(steps):
    scene = Scene()
    for step in steps:
        scene.step(*step)
    scene.end()


def test_ten_thousand_long_interleavings():
    for seed in range(INTERLEAVINGS):
        chance, scene = random.Random(seed), Scene()
        for _ in range(chance.randint(5, 40)):
            scene.step(chance.randrange(12), chance.randrange(5), chance.randrange(5))
        scene.end()


@pytest.mark.parametrize("fault", [*Fault])
def test_while_faults_last_nobody_is_let_in_by_what_was_not_read(fault):
    scene = Scene()
    scene.registry.wishes[UUID(int=1)] = Wish.PERMITTED
    scene.hub.submit(ACCOUNTS[0])
    scene.hub.set_by_hand(STRANGER, "accepted")
    scene.hub.faults.extend([None, *[fault] * 40])
    found = scene.sync()
    assert not found.is_settled
    scene.end()


@pytest.mark.parametrize("calls", range(1, 5))
def test_a_pass_that_was_killed_is_taken_up_by_the_next(calls):
    scene = Scene()
    scene.registry.wishes[UUID(int=1)] = Wish.PERMITTED
    scene.registry.wishes[UUID(int=2)] = Wish.BARRED
    for account in ACCOUNTS:
        scene.hub.submit(account)
    scene.hub.set_by_hand(STRANGER, "accepted")
    scene.hub.crash_after_calls = calls
    scene.sync()
    assert len(scene.registry.open_intents) == 1
    scene.end()
    assert scene.hub.readers == {ACCOUNTS[0]}


def test_a_name_that_passed_to_a_stranger_is_granted_nothing():
    scene = Scene()
    person = UUID(int=1)
    scene.registry.wishes[person] = Wish.PERMITTED
    scene.registry.asking.add(person)
    scene.step(8, 0, 0)
    found = scene.sync()
    assert found.is_settled
    assert [one.drift for one in found.noticed] == [Drift.REFUSED]
    assert scene.hub.readers == set()
