"""Two persons for a change class that asks nobody again: who confirms, what a gate may require, what stays said."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from registry import audit, catalog, identity, licenses
from registry.catalog import second_person_telling, second_persons
from registry.catalog.domain import Role
from registry.catalog.second_persons import Answer
from registry.identity.domain import Channel, Principal, Scope
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.licenses import Outcome, SecondPerson
from tests.clock import SettableClock
from tests.world import BASE_URL, World

SLUG = "quarry-rail"
FIRST = b"Quarry RAIL\n\n1. Use the model well.\n"
MENDED = b"Quarry RAIL\n\n1. Use the model well!\n"
LOOSER = b"Quarry RAIL\n\n1. Use the model.\n"
CONFIRM = Answer(outcome=Outcome.CONFIRMED, compared_with="1.0")
OBJECT = Answer(outcome=Outcome.OBJECTED, compared_with="1.0", reason="It  drops the word well.")


class Scene:
    """A license by Ada, who owns a publisher with one model; Ben maintains it with her."""

    def __init__(self, world: World) -> None:
        self.world = world
        _ = world.keys
        self.ada = world.person("ada@quarry.example")
        self.ben = world.person("ben@quarry.example")
        self.publisher = world.publisher(self.ada)
        self.give_role(self.ben, Role.MAINTAINER)
        assert isinstance(self.publish("1.0", FIRST, "initial", title="Quarry RAIL"), licenses.Version)
        self.model = world.release(self.ada, self.publisher, requires=(f"{SLUG}@1.0",))

    def give_role(self, person: Principal, role: Role) -> None:
        given = self.world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=person.person_id,
            role=role,
            principal=self.ada,
            now=self.world.now,
        )
        assert not isinstance(given, Refusal), given

    def operator(self) -> Principal:
        person = self.world.person("ops@registry.example")
        self.world.write(
            lambda session: session.connection().execute(
                text("UPDATE person SET is_operator = true WHERE id = :id"),
                {"id": person.person_id.hex if self.world.database.dialect == "sqlite" else person.person_id},
            )
        )
        return replace(person, is_operator=True)

    def publish(self, number: str, words: bytes, kind: str, by: Principal | None = None, **more: Any) -> Any:
        who = by or self.ada
        return self.world.write(
            licenses.publish_version,
            command=licenses.PublishVersion(
                slug=SLUG, number=number, change_class=licenses.ChangeClass(kind), text=words, **more
            ),
            now=self.world.now,
            by=who.person_id,
            is_operator=who.is_operator,
        )

    def say(self, person: Principal, said: Answer = CONFIRM, number: str = "1.0.1") -> Any:
        return self.world.write(
            second_persons.answer, slug=SLUG, number=number, said=said, principal=person, now=self.world.now
        )

    def require(self, number: str | None) -> Any:
        """Let the gate require a version; which one it requires then, or why it does not."""
        reference = f"{SLUG}@{number}" if number else SLUG
        gate = self.world.write(
            catalog.change_gate,
            publisher="quarry",
            name="quarry-15b",
            demand=catalog.GateDemand(mode=catalog.GateMode.AUTO, licenses=(reference,)),
            principal=self.ada,
            now=self.world.now,
        )
        if isinstance(gate, Refusal):
            return gate
        (version_id,) = gate.license_version_ids
        return self.world.read(licenses.get_version_by_id, version_id=version_id).number

    def standing(self, number: str = "1.0.1") -> SecondPerson:
        proposal = self.world.read(licenses.find_proposal, slug=SLUG, number=number)
        return proposal.second

    def problems(self) -> list[str]:
        return [
            f"{one.table}: {one.problem}"
            for one in self.world.read(audit.find_discrepancies, sealer=self.world.sealer)
        ]

    def work_off(self) -> None:
        """Do what the worker does with the outbox."""
        tell: dict[str, Callable[..., None]] = {
            licenses.CLASS_PROPOSED: second_person_telling.tell_second_persons,
            licenses.CLASS_JUDGED: second_person_telling.tell_publisher,
        }
        for message in self.world.write(outbox.claim, now=self.world.now):
            if message.topic in tell:
                task = msgspec.json.decode(message.payload, type=licenses.ProposalTask)
                self.world.write(
                    tell[message.topic],
                    task=task,
                    sealer=self.world.sealer,
                    base_url=BASE_URL,
                    now=self.world.now,
                )
            self.world.write(outbox.complete, message=message, now=self.world.now)

    def told(self, person: Principal) -> list[str]:
        found = self.world.read(identity.list_notices, person_id=person.person_id, sealer=self.world.sealer)
        return [one.message.kind for one in found]


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return Scene(World(database=database, clock=clock))


def code(outcome: Any) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert outcome.remedy is not None
    return outcome.code


@pytest.mark.parametrize("kind", ["editorial", "compatible"])
def test_no_gate_requires_a_version_before_a_second_person_has_confirmed_its_class(
    scene: Scene, kind: str
) -> None:
    scene.publish("1.0.1", MENDED, kind)
    assert scene.standing() is SecondPerson.WAITS
    refusal = scene.require("1.0.1")
    assert code(refusal) == "license-class-not-confirmed"
    assert refusal.remedy.url == "/licenses/quarry-rail/1.0.1/second-person"
    verdict = scene.say(scene.ben)
    assert isinstance(verdict, licenses.Verdict)
    assert scene.standing() is SecondPerson.CONFIRMED
    assert scene.require("1.0.1") == "1.0.1"
    scene.world.integrate()
    assert scene.problems() == []


@pytest.mark.parametrize("kind", ["initial", "material"])
def test_a_class_that_asks_everybody_takes_one_person(scene: Scene, kind: str) -> None:
    if kind == "material":
        scene.publish("2.0", LOOSER, kind)
        assert scene.require("2.0") == "2.0"
    number = "1.0" if kind == "initial" else "2.0"
    assert scene.standing(number) is SecondPerson.NOT_NEEDED
    assert code(scene.say(scene.ben, number=number)) == "license-class-settled"


def test_a_text_of_the_installation_takes_nobody(scene: Scene) -> None:
    scene.world.license("1.0", FIRST, "initial")
    version = scene.world.license("1.0.1", MENDED, "editorial")
    proposal = scene.world.read(licenses.open_proposal, version=version)
    assert proposal.second is SecondPerson.NOT_NEEDED


def test_a_bare_name_means_the_latest_version_that_stands(scene: Scene) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    assert scene.require(None) == "1.0"
    scene.say(scene.ben)
    assert scene.require(None) == "1.0.1"


def test_nobody_confirms_their_own_version(scene: Scene) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    assert code(scene.say(scene.ada)) == "second-person-same"
    assert code(scene.say(replace(scene.ada, is_operator=True))) == "second-person-same"
    assert scene.standing() is SecondPerson.WAITS


def test_who_has_nothing_to_do_with_it_cannot_confirm_or_object(scene: Scene) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    rival = scene.world.person("rival@else.example")
    scene.world.publisher(rival, "rival")
    reviewer = scene.world.person("review@quarry.example")
    scene.give_role(reviewer, Role.REVIEWER)
    for person in (rival, reviewer):
        assert code(scene.say(person)) == "second-person-not-entitled"
        assert code(scene.say(person, OBJECT)) == "second-person-not-entitled"


def test_a_maintainer_whose_role_has_ended_cannot_confirm(scene: Scene) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    roles = scene.world.read(catalog.list_roles, publisher="quarry", principal=scene.ada)
    (role,) = [one for one in roles if one.person_id == scene.ben.person_id]
    scene.world.write(
        catalog.end_role, publisher="quarry", role_id=role.id, principal=scene.ada, now=scene.world.now
    )
    assert code(scene.say(scene.ben)) == "second-person-not-entitled"


def test_operators_and_who_published_an_earlier_version_can_confirm(scene: Scene) -> None:
    operator = scene.operator()
    scene.publish("1.0.1", MENDED, "editorial", by=operator)
    lone = scene.say(scene.ada)
    assert lone.given_by == scene.ada.person_id
    scene.publish("1.0.2", LOOSER, "compatible")
    assert (
        scene.say(operator, replace(CONFIRM, compared_with="1.0.1"), "1.0.2").given_by == operator.person_id
    )


@pytest.mark.parametrize("said", [CONFIRM, OBJECT])
def test_only_a_person_in_a_browser_with_a_fresh_sign_in_decides(scene: Scene, said: Answer) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    token = Principal(
        person_id=scene.ben.person_id,
        channel=Channel.TOKEN,
        scopes=frozenset(Scope),
        signed_in_at=scene.world.now,
    )
    stale = replace(scene.ben, signed_in_at=scene.world.now - timedelta(days=1))
    assert code(scene.say(token, said)) == "fresh-sign-in-needed"
    assert code(scene.say(stale, said)) == "fresh-sign-in-needed"
    assert code(scene.say(Principal(), said)) == "not-signed-in"
    assert scene.standing() is SecondPerson.WAITS


def test_an_objection_stays_and_is_told_with_its_reason(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "editorial")
    assert code(scene.say(scene.ben, replace(OBJECT, reason="  "))) == "malformed-request"
    assert scene.say(scene.ben, OBJECT).reason == "It drops the word well."
    assert code(scene.require("1.0.1")) == "license-class-not-confirmed"
    assert code(scene.say(scene.operator())) == "license-class-settled"
    assert scene.standing() is SecondPerson.OBJECTED
    scene.work_off()
    assert scene.told(scene.ada) == ["license-objected"]
    assert scene.told(scene.ben) == []


def test_the_text_of_an_objection_comes_again_as_material(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "compatible")
    assert code(scene.publish("1.1", LOOSER, "material")) == "license-text-unchanged"
    scene.say(scene.ben, OBJECT)
    assert scene.publish("1.1", LOOSER, "material").series == 3
    assert scene.require("1.1") == "1.1"
    scene.world.integrate()
    assert scene.problems() == []


def test_what_waits_behind_a_confirmed_later_version_is_overtaken(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "compatible")
    scene.publish("1.0.2", MENDED, "editorial")
    assert isinstance(scene.say(scene.ben, number="1.0.2"), licenses.Verdict)
    assert scene.standing("1.0.1") is SecondPerson.OVERTAKEN
    assert code(scene.say(scene.ben, number="1.0.1")) == "license-class-settled"
    assert code(scene.require("1.0.1")) == "license-class-not-confirmed"


def test_a_version_is_confirmed_beside_the_latest_that_stands_not_beside_a_refused_one(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "compatible")
    scene.say(scene.ben, OBJECT)
    scene.publish("1.0.2", LOOSER + b"\n", "editorial")
    refused = scene.say(scene.ben, replace(CONFIRM, compared_with="1.0.1"), "1.0.2")
    assert code(refused) == "license-comparison-outdated"
    assert "1.0 " in refused.detail
    proposal = scene.world.read(licenses.find_proposal, slug=SLUG, number="1.0.2")
    assert proposal.compared.number == "1.0"


def test_a_refused_version_counts_for_nothing_in_what_changed(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "compatible")
    scene.say(scene.ben, OBJECT)
    newest = scene.publish("1.0.2", MENDED, "editorial")
    scene.say(scene.ben, number="1.0.2")
    first = scene.world.read(licenses.find_version, slug=SLUG, number="1.0")
    changes = scene.world.read(licenses.find_changes, old=first, new=newest)
    assert changes.change_class is licenses.ChangeClass.EDITORIAL


def test_a_refused_version_does_not_loosen_what_a_later_one_may_tighten(scene: Scene) -> None:
    bans = (licenses.Restriction(slug="no-malware"), licenses.Restriction(slug="no-spam"))
    scene.publish("1.1", b"1.1", "material", restrictions=bans)
    scene.publish("1.1.1", b"1.1.1", "compatible", restrictions=bans[:1])
    assert code(scene.publish("1.1.2", b"1.1.2", "editorial", restrictions=bans)) == (
        "license-change-class-wrong"
    )
    scene.say(scene.ben, replace(OBJECT, compared_with="1.1"), "1.1.1")
    assert isinstance(scene.publish("1.1.2", b"1.1.2", "editorial", restrictions=bans), licenses.Version)


def test_unknown_versions_are_named_as_such(scene: Scene) -> None:
    assert code(scene.say(scene.ben, number="9.9")) == "license-version-not-found"
    refused = scene.world.write(
        second_persons.answer,
        slug="nothing",
        number="1.0",
        said=CONFIRM,
        principal=scene.ben,
        now=scene.world.now,
    )
    assert code(refused) == "license-not-found"


def test_second_persons_are_told_once_and_the_publisher_of_the_confirmation(scene: Scene) -> None:
    operator = scene.operator()
    stranger = scene.world.person("stranger@else.example")
    scene.publish("1.0.1", MENDED, "editorial")
    scene.work_off()
    scene.work_off()
    assert [scene.told(one) for one in (scene.ben, operator)] == [["license-waits"]] * 2
    scene.say(scene.ben)
    scene.work_off()
    assert [scene.told(one) for one in (scene.ada, stranger)] == [["license-confirmed"], []]


def test_nobody_is_asked_for_a_version_that_is_settled_meanwhile(scene: Scene) -> None:
    operator = scene.operator()
    scene.publish("1.0.1", MENDED, "editorial")
    scene.say(scene.ben)
    scene.work_off()
    assert scene.told(operator) == []


def test_a_version_from_before_counts_as_it_did(scene: Scene) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    scene.world.write(
        lambda session: session.connection().execute(text("UPDATE license_version SET asks_second = false"))
    )
    assert scene.standing() is SecondPerson.NOT_ASKED
    assert scene.require("1.0.1") == "1.0.1"
    assert code(scene.say(scene.ben)) == "license-class-settled"
    scene.world.integrate()
    # A row that only pretends to be from before does not fit what the log says of it.
    (problem,) = scene.problems()
    assert problem == "license_version: version asks_second is None, its ledger entry says True"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM license_verdict", "no second person had confirmed"),
        ("DELETE FROM license_verdict", "license_verdict: is missing although the log says"),
        ("UPDATE license_verdict SET outcome = 'objected', reason = 'No.'", "differs from its ledger entry"),
        (
            "UPDATE license_verdict SET given_by = (SELECT published_by FROM license_version WHERE ordinal = 2)",
            "was given by who published the version",
        ),
        (
            "UPDATE license_verdict SET given_at = '2020-01-01 00:00:00.000000'",
            "differs from its ledger entry",
        ),
        (
            "UPDATE license_verdict SET given_at = '2100-01-01 00:00:00.000000'",
            "no second person had confirmed",
        ),
    ],
)
def test_what_is_altered_behind_our_back_is_found(scene: Scene, statement: str, problem: str) -> None:
    scene.publish("1.0.1", MENDED, "editorial")
    scene.say(scene.ben)
    scene.require("1.0.1")
    scene.world.integrate()
    assert scene.problems() == []
    scene.world.write(lambda session: session.connection().execute(text(statement)))
    assert any(problem in one for one in scene.problems()), scene.problems()


@pytest.mark.parametrize("round_", range(4))
def test_of_two_that_decide_at_once_one_is_heard(scene: Scene, round_: int) -> None:
    operator = scene.operator()
    scene.publish("1.0.1", MENDED, "editorial")
    with ThreadPoolExecutor(4) as threads:
        said = (CONFIRM, OBJECT) if round_ % 2 else (CONFIRM, CONFIRM)
        heard = [
            threads.submit(scene.say, scene.ben, said[0]),
            threads.submit(scene.say, operator, said[1]),
        ]
        changed = threads.submit(scene.require, "1.0.1")
    outcomes = [one.result() for one in heard]
    (verdict,) = [one for one in outcomes if isinstance(one, licenses.Verdict)]
    (refusal,) = [one for one in outcomes if isinstance(one, Refusal)]
    assert code(refusal) == "license-class-settled"
    gate = changed.result()
    if isinstance(gate, Refusal):
        assert code(gate) == "license-class-not-confirmed"
    else:
        assert verdict.outcome is Outcome.CONFIRMED
    scene.world.integrate()
    assert scene.problems() == []


def test_of_two_versions_confirmed_at_once_the_earlier_never_stands_unseen(scene: Scene) -> None:
    scene.publish("1.0.1", LOOSER, "compatible")
    scene.publish("1.0.2", MENDED, "editorial")
    with ThreadPoolExecutor(2) as threads:
        tries = [threads.submit(scene.say, scene.ben, CONFIRM, one) for one in ("1.0.1", "1.0.2")]
    outcomes = [one.result() for one in tries]
    # Whichever came first, the other has to be looked at beside it, or is overtaken.
    assert sum(isinstance(one, licenses.Verdict) for one in outcomes) == 1
    (refusal,) = [one for one in outcomes if isinstance(one, Refusal)]
    assert code(refusal) in {"license-comparison-outdated", "license-class-settled"}
