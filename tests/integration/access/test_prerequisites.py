"""What a gate asks beforehand holds on every way to a file, and says what to do and where."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry import acceptances, access, catalog, identity
from registry.access import requesting
from registry.access.domain import Denial, Permit, ReasonCode
from registry.access.permitted import Narrowing, list_permitted
from registry.access.request_views import Office
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.gates import GateDemand
from registry.catalog.prerequisites import (
    CountryRule,
    CountrySource,
    NamedOrganisation,
    Prerequisites,
)
from registry.delivery.domain import FileRefused, UrlIssued
from registry.identity.domain import Method, Principal, Proof
from registry.identity.organisation_tables import Organisation, OrganisationDomain, OrganisationMember
from registry.identity.standing_domain import Declared, EntityType, Reach
from registry.identity.tables import ExternalIdentity, Passkey, Person, WebSession
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import ANSWERS, BASE_URL, World

HUB = "https://hub.example"
NORDIC = CountryRule(countries=("NO", "SE"), admits=True)
REACH = Reach(issuers={HUB: "Hub"}, network="Sample-Country of 1 November 2026")


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def ask_beforehand(world: World, mode: GateMode = GateMode.AUTO, **asked: Any) -> ModelView:
    """The usual gated model, with prerequisites."""
    owner = world.person("owner@quarry.example")
    model = world.model(owner)
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=GateDemand(
            mode=mode,
            licenses=("sample-openrail-m@1.0",),
            fields=model.gate.fields,
            prerequisites=Prerequisites(**asked),
            reach=REACH,
        ),
        principal=owner,
        now=world.now,
    )
    assert not isinstance(changed, Refusal), changed
    return world.model(owner)


def add(world: World, *rows: Any) -> None:
    for row in rows:
        world.write(lambda session, row=row: session.add(row))


def confirm_email(world: World, person: Principal) -> None:
    def work(session: Any) -> None:
        session.get(Person, person.person_id).verified_at = world.now

    world.write(work)


def set_passkey(world: World, person: Principal) -> None:
    add(
        world,
        Passkey(
            id=new_id(),
            person_id=person.person_id,
            credential_id=new_id().bytes,
            credential=b"key",
            name="laptop",
            sign_count=0,
            backed_up=False,
            created_at=world.now,
        ),
    )

    def work(session: Any) -> None:
        session.get(Person, person.person_id).asks_passkey = True

    world.write(work)


def link_account(world: World, person: Principal) -> None:
    add(
        world,
        ExternalIdentity(
            id=new_id(),
            person_id=person.person_id,
            issuer=HUB,
            subject_index=new_id().bytes,
            sealed_account=b"sealed",
            created_at=world.now,
            last_used_at=world.now,
        ),
    )


def found_organisation(world: World, officer: Principal) -> Organisation:
    """An organisation with a proved domain."""
    body = Organisation(id=new_id(), name="Nordlab", created_by=officer.person_id, created_at=world.now)
    claim = OrganisationDomain(
        id=new_id(),
        organisation_id=body.id,
        domain="nordlab.example",
        mailbox="postmaster",
        secret_digest=new_id().hex,
        claimed_by=officer.person_id,
        claimed_at=world.now,
        proved_at=world.now,
        valid_until=world.now + timedelta(days=365),
    )
    kept = Organisation(**body.model_dump())
    add(world, body)
    add(world, claim)
    return kept


def join(world: World, body: Organisation, person: Principal) -> None:
    add(
        world,
        OrganisationMember(
            id=new_id(),
            organisation_id=body.id,
            person_id=person.person_id,
            is_officer=False,
            since=world.now,
        ),
    )


def declare(world: World, person: Principal, **given: str) -> Refusal | None:
    outcome: Refusal | None = world.write(
        identity.declare,
        person_id=person.person_id,
        given={Declared(kind): value for kind, value in given.items()},
        now=world.now,
    )
    return outcome


def refused_everywhere(world: World, person: Principal, model: ModelView) -> Refusal:
    """The one refusal of decision, download and acceptance; no list shows the model."""
    verdict = world.decide(person, model)
    assert isinstance(verdict, Denial)
    unmet = [reason for reason in verdict.reasons if not reason.met]
    assert unmet[0].code is ReasonCode.PREREQUISITE
    token = world.token(person)
    for asker in (person, token):
        outcome = world.resolve(asker)
        assert isinstance(outcome, FileRefused)
        assert outcome.refusal.code == verdict.refusal.code
    accepted = world.accept(person, model)
    assert isinstance(accepted, Refusal)
    assert accepted.code == verdict.refusal.code
    assert accepted.detail.startswith("Nothing was accepted.")
    permitted = world.read(
        list_permitted, principal=person, narrowing=Narrowing(), before=None, limit=5, now=world.now
    )
    assert [one.model.name for one in permitted] == []
    return verdict.refusal


@pytest.mark.parametrize(
    ("asked", "meet", "url"),
    [
        ({"email": True}, confirm_email, "/settings/email?next=/quarry/quarry-15b"),
        ({"second_factor": True}, set_passkey, "/settings/passkeys"),
        ({"issuers": (HUB,)}, link_account, "/settings/identities"),
        (
            {"minimum_age": 18},
            lambda world, person: declare(world, person, age="18"),
            "/settings/declarations?next=/quarry/quarry-15b",
        ),
        (
            {"entities": (EntityType.ACADEMIC,)},
            lambda world, person: declare(world, person, entity="academic"),
            "/settings/declarations?next=/quarry/quarry-15b",
        ),
        (
            {"country": NORDIC},
            lambda world, person: declare(world, person, country="NO"),
            "/settings/declarations?next=/quarry/quarry-15b",
        ),
    ],
    ids=["email", "second-factor", "identity", "age", "entity", "country"],
)
def test_a_gate_opens_only_to_whom_its_prerequisite_holds(
    world: World, asked: dict[str, Any], meet: Any, url: str
) -> None:
    world.gated_model()
    model = ask_beforehand(world, **asked)
    person = world.person()
    refusal = refused_everywhere(world, person, model)
    assert refusal.code == "missing-prerequisite"
    assert refusal.remedy is not None
    assert refusal.remedy.url == url
    meet(world, person)
    accepted = world.accept(person, model)
    assert isinstance(accepted, acceptances.AcceptanceSummary), accepted
    for asker in (person, world.token(person)):
        assert isinstance(world.resolve(asker), UrlIssued)
    permitted = world.read(
        list_permitted, principal=person, narrowing=Narrowing(), before=None, limit=5, now=world.now
    )
    assert [one.model.name for one in permitted] == ["quarry-15b"]
    world.integrate()
    assert world.read(lambda session: list(catalog.find_discrepancies(session))) == []


def test_membership_counts_as_long_as_it_stands(world: World) -> None:
    world.gated_model()
    officer, member, other = (
        world.person(f"{name}@nordlab.example") for name in ("officer", "member", "other")
    )
    body = found_organisation(world, officer)
    elsewhere = found_organisation(world, officer)
    join(world, body, member)
    join(world, elsewhere, other)
    model = ask_beforehand(world, organisations=(NamedOrganisation(id=body.id, name="told wrong"),))
    assert model.gate.prerequisites.organisations[0].name == "Nordlab"
    assert "Not a member of Nordlab" in refused_everywhere(world, other, model).title
    assert isinstance(world.accept(member, model), acceptances.AcceptanceSummary)
    assert isinstance(world.resolve(member), UrlIssued)
    world.clock.advance(timedelta(days=366))
    assert world.decide(member, model).refusal.code == "missing-prerequisite"


def test_a_second_factor_is_one_of_this_sign_in_in_a_browser_and_of_an_open_one_for_a_token(
    world: World,
) -> None:
    world.gated_model()
    model = ask_beforehand(world, second_factor=True)
    person = world.person()
    by_mail = Proof(method=Method.EMAIL_LINK, provider=None, amr=("email",), acr=None, at=world.now)
    by_passkey = replace(by_mail, amr=("email", "hwk", "user", "mfa"))
    add(
        world,
        WebSession(
            digest=new_id().hex,
            person_id=person.person_id,
            method="passkey",
            created_at=world.now,
            expires_at=world.now + timedelta(days=14),
            amr="hwk user mfa",
        ),
    )
    weak, strong = replace(person, proof=by_mail), replace(person, proof=by_passkey)
    assert isinstance(world.accept(weak, model), Refusal)
    assert isinstance(world.accept(strong, model), acceptances.AcceptanceSummary)
    assert isinstance(world.decide(weak, model), Denial)
    assert isinstance(world.decide(strong, model), Permit)
    token = world.token(person)
    assert isinstance(world.resolve(token), UrlIssued)
    world.clock.advance(timedelta(days=15))
    refused = world.resolve(token)
    assert isinstance(refused, FileRefused)
    assert (
        "a token counts as long as that sign-in is open"
        in (refused.refusal.remedy or pytest.fail("none")).text
    )


def test_a_country_that_is_not_let_in_is_told_the_rule_and_the_source(world: World) -> None:
    world.gated_model()
    model = ask_beforehand(world, country=NORDIC)
    person = world.person()
    assert declare(world, person, country="DE") is None
    told = world.read(
        access.explain,
        principal=person,
        publisher="quarry",
        model="quarry-15b",
        now=world.now,
        contact="help@x.example",
    )
    assert told.refusal.code == "outside-the-gate"
    assert told.refusal.title == "This gate is closed to people from Germany"
    assert "you declared Germany. The gate lets in only people from Norway, Sweden." in told.refusal.detail
    assert told.refusal.remedy.text == "Write to help@x.example"
    assert told.refusal.decider == "The maintainers of quarry"
    # Who declares one country and answers with another is held to both.
    declare(world, person, country="NO")
    answered = world.accept(person, model, answers={**ANSWERS, "Country": "DE"})
    assert answered.code == "outside-the-gate"
    assert "To “Country” you answered Germany" in answered.detail
    assert isinstance(world.accept(person, model), acceptances.AcceptanceSummary)
    declare(world, person, country="")
    assert world.decide(person, model).refusal.code == "missing-prerequisite"


def test_a_country_told_by_the_network_address_belongs_to_the_request(world: World) -> None:
    world.gated_model()
    rule = CountryRule(countries=("DE",), admits=False, source=CountrySource.NETWORK)
    model = ask_beforehand(world, country=rule)
    person = replace(world.person(), country="DK")
    assert isinstance(world.accept(person, model), acceptances.AcceptanceSummary)
    assert isinstance(world.resolve(person), UrlIssued)
    for country in ("DE", None):
        outcome = world.resolve(replace(person, country=country))
        assert isinstance(outcome, FileRefused)
        assert outcome.refusal.code == "outside-the-gate"


def test_who_asks_for_access_meets_the_prerequisites_first(world: World) -> None:
    world.gated_model()
    model = ask_beforehand(world, mode=GateMode.MANUAL, minimum_age=18)
    person = world.person()
    declare(world, person, age="18")
    assert isinstance(world.accept(person, model), acceptances.AcceptanceSummary)
    declare(world, person, age="16")
    office = Office(principal=person, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    outcome = world.write(
        requesting.ask,
        office=office,
        publisher="quarry",
        model="quarry-15b",
        answers=ANSWERS,
        note="To study it",
    )
    assert isinstance(outcome, Refusal)
    assert outcome.code == "missing-prerequisite"
    assert outcome.title == "This gate asks for the age of 18"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"issuers": ("https://unknown.example",)}, "issuers"),
        ({"minimum_age": 17}, "minimum_age"),
        ({"organisations": (NamedOrganisation(id=new_id(), name=""),)}, "organisations"),
        ({"country": CountryRule(countries=("XX",), admits=True)}, "countries"),
        ({"country": replace(NORDIC, source=CountrySource.NETWORK)}, "country_source"),
    ],
)
def test_nothing_is_asked_that_nobody_could_meet(world: World, asked: dict[str, Any], field: str) -> None:
    world.gated_model()
    owner = world.person("owner@quarry.example")
    reach = replace(REACH, network=None)
    refused = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=GateDemand(mode=GateMode.AUTO, prerequisites=Prerequisites(**asked), reach=reach),
        principal=owner,
        now=world.now,
    )
    assert isinstance(refused, Refusal)
    assert field in refused.errors
    assert world.model(owner).gate.number == 1
