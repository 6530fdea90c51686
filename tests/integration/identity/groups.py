"""An organisation whose members come by the groups of a provider, and what officers, operators and members do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update

from registry import identity
from registry.identity import organisation_groups as groups
from registry.identity import organisations
from registry.identity.domain import Principal
from registry.identity.group_membership import Shown, bring_in_line
from registry.identity.organisation_domain import OrganisationView
from registry.identity.organisation_tables import OrganisationMember
from registry.identity.providers import Provider
from registry.identity.tables import Person
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene
from tests.integration.identity.conftest import HTTPS_URL, Registry
from tests.integration.identity.test_providers import round_trip

GROUP = "ml-research"


@dataclass
class Scene:
    """An organisation, its officer, an operator, and a registry that people sign in to by a provider."""

    registry: Registry
    organisation: OrganisationView
    officer: Principal
    operator: Principal

    @property
    def now(self) -> Any:
        return self.registry.world.now

    def provider(self, provider_id: str = "acme") -> Provider:
        found = self.registry.parts.relying_party.find(provider_id)
        assert found is not None
        return found

    def ask(self, name: str = GROUP, *, provider: str = "acme", by: Principal | None = None) -> Any:
        world = self.registry.world
        return world.write(
            groups.ask_for_group,
            organisation_id=self.organisation.id,
            provider=self.registry.parts.relying_party.find(provider),
            name=name,
            principal=by or self.officer,
            base_url=HTTPS_URL,
            sealer=world.sealer,
            now=self.now,
        )

    def confirm(self, group_id: UUID, *, by: Principal | None = None) -> Any:
        return self._act(groups.confirm_group, group_id, by or self.operator)

    def end(self, group_id: UUID, *, by: Principal | None = None) -> Any:
        return self._act(groups.end_group, group_id, by or self.officer)

    def _act(self, act: Callable[..., Any], group_id: UUID, by: Principal) -> Any:
        return self.registry.world.write(
            act, organisation_id=self.organisation.id, group_id=group_id, principal=by, now=self.now
        )

    def group(self, name: str = GROUP, *, provider: str = "acme") -> UUID:
        """A group that makes members."""
        asked = self.ask(name, provider=provider)
        assert not isinstance(asked, Refusal), asked
        confirmed = self.confirm(asked.id)
        assert not isinstance(confirmed, Refusal), confirmed
        return UUID(str(confirmed.id))

    def name(self, email: str) -> None:
        world = self.registry.world
        world.write(
            organisations.name_member,
            organisation_id=self.organisation.id,
            email=email,
            is_officer=False,
            principal=self.officer,
            sealer=world.sealer,
            now=self.now,
        )

    def leave(self, person_id: UUID, *, by: Principal) -> None:
        outcome = self.registry.world.write(
            organisations.end_membership,
            organisation_id=self.organisation.id,
            person_id=person_id,
            principal=by,
            now=self.now,
        )
        assert not isinstance(outcome, Refusal), outcome

    def belongs(self, person_id: UUID) -> bool:
        found = self.registry.world.read(
            organisations.list_organisations, principal=Principal(person_id=person_id), now=self.now
        )
        return [one.id for one in found] == [self.organisation.id]

    def rows(self, person_id: UUID) -> list[tuple[str, str | None]]:
        """By what the person belongs or belonged, and who ended it."""

        def work(session: Any) -> Any:
            return session.exec(
                select(OrganisationMember)
                .where(OrganisationMember.person_id == person_id)
                .order_by(col(OrganisationMember.id))
            ).all()

        return [(row.source, row.ended_by) for row in self.registry.world.read(work)]

    def show(self, person_id: UUID, *names: str) -> None:
        """A checked token of the person's account says that they are in these groups."""
        world = self.registry.world
        shown = Shown(
            provider=self.provider(), groups=frozenset(names), person_id=person_id, account_id=person_id
        )
        world.write(bring_in_line, shown=shown, base_url=HTTPS_URL, sealer=world.sealer, now=world.now)

    def told(self, person_id: UUID) -> list[str]:
        world = self.registry.world
        notices = world.read(identity.list_notices, person_id=person_id, sealer=world.sealer)
        return [one.message.kind for one in reversed(notices)]

    async def sign_in(self, provider: str = "acme") -> UUID:
        """Somebody signs in with the provider; return who it was."""
        browser = await self.registry.open_browser()
        answer = await round_trip(browser, provider)
        assert answer.status_code == 303, answer.text[-2000:]
        return UUID((await browser.whoami())["person"]["id"])


def group_scene(registry: Registry, clock: SettableClock) -> Scene:
    world = registry.world
    found = cover_scene(world.database, clock, world=world)
    operator = replace(world.person("ops@registry.example"), is_operator=True)
    world.write(
        lambda session: session.exec(
            update(Person).where(col(Person.id) == operator.person_id).values(is_operator=True)
        )
    )
    return Scene(registry, found.organisation, found.officer, operator)
