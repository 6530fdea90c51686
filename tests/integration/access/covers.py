"""An organisation with a proved domain beside a gated model, and what its officers and members do."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from registry import access
from registry.acceptances.domain import Capacity
from registry.catalog.domain import ModelView
from registry.identity import organisations
from registry.identity.domain import Principal
from registry.identity.membership import join_by_domain
from registry.identity.organisation_domain import OrganisationView
from registry.kernel import mail, outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import BASE_URL, World

OFFICER, MEMBER, OUTSIDER = "mara@nordlab.example", "per@nordlab.example", "noor@else.example"


@dataclass
class Scene:
    """A gated model, and an organisation whose domain is proved."""

    world: World
    model: ModelView
    organisation: OrganisationView
    officer: Principal

    def join(self, email: str = MEMBER) -> Principal:
        """Somebody signs in with an address."""
        person = self.world.person(email)
        self.world.write(join_by_domain, person_id=person.person_id, email=email, now=self.world.now)
        return person

    def accept(self, who: Principal | None = None, **changes: Any) -> Any:
        capacity = Capacity(
            **{
                "organisation_id": self.organisation.id,
                "authorised": True,
                "title": "Head of research",
                **changes,
            }
        )
        return self.world.accept(who or self.officer, self.model, capacity=capacity)

    def code(self, who: Principal) -> str | None:
        verdict = self.world.decide(who, self.model)
        return None if isinstance(verdict, access.Permit) else verdict.refusal.code

    def permit(self, who: Principal) -> access.Permit:
        verdict = self.world.decide(who, self.model)
        assert isinstance(verdict, access.Permit), verdict
        return verdict


def mailed_secret(world: World) -> str:
    """The secret in the newest letter that proves a domain."""

    def work(session: Any) -> str:
        letters = [
            mail.unqueue(message.payload, sealer=world.sealer)
            for message in outbox.claim(session, now=world.now)
            if message.topic == mail.TOPIC
        ]
        letter = [one for one in letters if "/organisations/prove?secret=" in one.text][-1]
        assert letter.to == "postmaster@nordlab.example"
        return letter.text.partition("secret=")[2].split()[0]

    return world.write(work)


def prove(world: World, officer: Principal, organisation: OrganisationView) -> Any:
    claimed = world.write(
        organisations.claim_domain,
        organisation_id=organisation.id,
        domain="NordLab.example",
        mailbox="postmaster",
        principal=officer,
        base_url=BASE_URL,
        sealer=world.sealer,
        now=world.now,
    )
    assert not isinstance(claimed, Refusal), claimed
    return world.write(organisations.prove_domain, secret=mailed_secret(world), now=world.now)


def cover_scene(database: Database, clock: SettableClock, *, world: World | None = None) -> Scene:
    """A gated model, and an organisation that can accept."""
    world = world or World(database=database, clock=clock)
    model = world.gated_model()
    officer = world.person(OFFICER)
    world.write(
        lambda session: session.connection().execute(
            text("UPDATE person SET verified_at = created_at WHERE verified_at IS NULL")
        )
    )
    founded = world.write(
        organisations.found_organisation, name="Nordlab Institute", principal=officer, now=world.now
    )
    assert prove(world, officer, founded) == ("nordlab.example", "Nordlab Institute")
    found = world.read(
        organisations.get_organisation, organisation_id=founded.id, principal=officer, now=world.now
    )
    return Scene(world=world, model=model, organisation=found, officer=officer)
