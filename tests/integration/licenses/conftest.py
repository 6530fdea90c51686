"""A registry of licenses on a real database, with a log that can be sequenced."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest
from sqlmodel import Session

from registry import identity, ledger, licenses
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from registry.licenses import ChangeClass, PublishVersion, Version
from tests.clock import SettableClock

T = TypeVar("T")

EXAMPLE = PublishVersion(
    slug="example-openrail-m",
    number="1.0",
    change_class=ChangeClass.INITIAL,
    text=b"Example OpenRAIL-M 1.0\n\n1. Grant. Anyone may use the Model.\n\n2. Output. It is yours.\n",
    title="Example OpenRAIL-M",
    publisher="Example",
)


class Registry:
    """The licenses under test, with short names for what the tests do to them."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.database = database
        self.clock = clock
        self.sealer = Sealer(b"s" * 32)

    def write(self, work: Callable[[Session], T]) -> T:
        return self.database.write_now(work)

    def read(self, work: Callable[[Session], T]) -> T:
        return self.database.read_now(work)

    def publish(
        self, command: PublishVersion = EXAMPLE, *, by: UUID | None = None, is_operator: bool = False
    ) -> Version | Refusal:
        now = self.clock.now()
        return self.write(
            lambda session: licenses.publish_version(
                session, command, now=now, by=by, is_operator=is_operator
            )
        )

    def published(self, command: PublishVersion = EXAMPLE, *, by: UUID | None = None) -> Version:
        outcome = self.publish(command, by=by)
        assert isinstance(outcome, Version), outcome
        return outcome

    def load_bundled(self) -> list[Version]:
        now = self.clock.now()
        return self.write(lambda session: licenses.load_bundled(session, now=now))

    def person(self, email: str) -> UUID:
        now = self.clock.now()
        return self.write(
            lambda session: identity.ensure_person(session, email=email, sealer=self.sealer, now=now)
        )

    def integrate(self) -> None:
        now = self.clock.now()
        keys = self.write(lambda session: ledger.ensure_key_ring(session, sealer=self.sealer, now=now))
        while self.write(
            lambda session: ledger.integrate(session, keys=keys, origin="registry.example/ledger", now=now)
        ):
            pass

    def discrepancies(self) -> list[tuple[str, str, str]]:
        found = self.read(lambda session: list(licenses.find_discrepancies(session)))
        return [(one.table, one.row_id, one.problem) for one in found]


@pytest.fixture
def registry(database: Database, clock: SettableClock) -> Registry:
    return Registry(database, clock)
