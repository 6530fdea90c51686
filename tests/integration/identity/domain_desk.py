"""An organisation that proves its domain by a record, and a DNS that says what the test wants."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from registry.identity import list_notices, organisations
from registry.identity.dns_records import DNSRecords
from registry.identity.domain import Principal
from registry.identity.domain_telling import tell_of_ends
from registry.identity.organisation_domain import (
    CHECK_EVERY,
    DomainView,
    OrganisationView,
    Record,
)
from registry.identity.organisation_tables import OrganisationMember
from registry.identity.record_checker import RecordChecker
from tests.clock import SettableClock
from tests.integration.access.covers import Scene
from tests.servers.dns import DNSServer, texts
from tests.world import BASE_URL, World, run

DOMAIN = "nordlab.example"
NAME = f"_gatehouse-challenge.{DOMAIN}"


@dataclass
class Desk:
    """A registry, its organisation, and a DNS that says what the test wants."""

    scene: Scene
    server: DNSServer
    clock: SettableClock

    @property
    def world(self) -> World:
        return self.scene.world

    @property
    def checker(self) -> RecordChecker:
        return RecordChecker(
            database=self.world.database,
            records=DNSRecords([self.server.address], timeout_seconds=1),
            clock=self.clock,
            sealer=self.world.sealer,
            base_url=BASE_URL,
        )

    def claim(self, *, by: Principal | None = None, mailbox: str | None = None, **changes: Any) -> Any:
        given = {"organisation_id": self.scene.organisation.id, "domain": DOMAIN, **changes}
        return self.world.write(
            organisations.claim_domain,
            mailbox=mailbox,
            principal=by or self.scene.officer,
            base_url=BASE_URL,
            sealer=self.world.sealer,
            now=self.world.now,
            **given,
        )

    def found(self, **changes: Any) -> OrganisationView:
        given = {"organisation_id": self.scene.organisation.id, "principal": self.scene.officer, **changes}
        found = self.world.read(organisations.get_organisation, now=self.world.now, **given)
        assert isinstance(found, OrganisationView), found
        return found

    @property
    def claimed(self) -> DomainView:
        """The one claim by a record."""
        (found,) = (one for one in self.found().domains if one.record)
        return found

    @property
    def record(self) -> Record:
        record = self.claimed.record
        assert record is not None
        return record

    def set_record(self) -> None:
        self.server.say(NAME, texts(self.record.value.encode()))

    def check(self, by: Principal | None = None) -> Any:
        return run(
            self.checker.check(
                organisation_id=self.scene.organisation.id,
                domain_id=self.claimed.id,
                principal=by or self.scene.officer,
            )
        )

    def look(self) -> int:
        """What the worker looks up when a day has gone by."""
        self.clock.advance(CHECK_EVERY)
        return run(self.checker.check_due())

    def tell(self) -> int:
        return self.world.write(tell_of_ends, base_url=BASE_URL, sealer=self.world.sealer, now=self.world.now)

    def told(self, who: Principal | None = None) -> list[str]:
        """What somebody was told, oldest first."""
        person_id = (who or self.scene.officer).person_id
        notices = self.world.read(list_notices, person_id=person_id, sealer=self.world.sealer)
        return [one.message.kind for one in reversed(notices)]

    def until(self, who: Principal) -> datetime | None:
        """Until when somebody is a member."""
        rows = self.world.read(
            lambda session: session.exec(
                select(OrganisationMember).where(
                    col(OrganisationMember.person_id) == who.person_id,
                    col(OrganisationMember.ended_at).is_(None),
                )
            ).all()
        )
        (row,) = rows
        until: datetime | None = row.until
        return until
