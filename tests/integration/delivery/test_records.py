"""What a download record says the right rested on; SQLite and PostgreSQL."""

from typing import Any

import pytest
from sqlmodel import func, select

from registry import licenses
from registry.acceptances.domain import Ticket, write_ticket
from registry.acceptances.service import TICKET_SECRET
from registry.catalog.domain import ModelView
from registry.delivery import reading, schemas
from registry.delivery.domain import UrlIssued
from registry.delivery.store import Filter
from registry.delivery.tables import DownloadRecordAcceptance
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from tests.clock import SettableClock
from tests.world import TEXT_10, World

SECOND = TEXT_10 + b"Second.\n"


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def links(world: World) -> int:
    count: int = world.read(
        lambda session: session.exec(select(func.count()).select_from(DownloadRecordAcceptance)).one()
    )
    return count


def accept_text(world: World, person: Principal, model: ModelView, version: licenses.Version) -> Any:
    """Accept another than the first of the required texts."""
    ticket = Ticket(
        person_id=person.person_id or new_id(),
        session_id=person.session_id or "",
        gate_revision_id=model.gate.revision_id,
        license_version_id=version.id,
        text_sha256=version.sha256,
        presented_at=world.now,
    )
    written = write_ticket(ticket, world.sealer.derive_secret(TICKET_SECRET))
    return world.accept(person, model, ticket=written, text_sha256=version.sha256)


def records_of(world: World, person: Any, **narrowed: Any) -> Any:
    wanted = Filter(person_id=person.person_id, **narrowed)
    return world.read(reading.list_downloads, wanted=wanted)


def test_a_record_names_every_acceptance_that_the_right_rested_on(world: World) -> None:
    second = world.write(
        licenses.publish_version,
        command=licenses.PublishVersion(
            slug="second-m",
            number="1.0",
            change_class=licenses.ChangeClass.INITIAL,
            text=SECOND,
            title="Second M",
        ),
        now=world.now,
        by=None,
    )
    model = world.gated_model(requires=("sample-openrail-m@1.0", "second-m@1.0"))
    person = world.person()
    given = [world.accept(person, model), accept_text(world, person, model, second)]
    assert isinstance(world.resolve(world.token(person)), UrlIssued)
    (record,) = records_of(world, person)
    assert record.acceptance_ids == tuple(summary.id for summary in given)
    shown = schemas.view_download(record, None)
    assert shown.receipt_id == str(given[0].id)
    assert shown.further_receipt_ids == [str(given[1].id)]
    assert [one.id for one in records_of(world, person, license_version_ids=[second.id])] == [record.id]


def test_one_license_needs_no_further_row(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    summary = world.accept(person, model)
    assert isinstance(world.resolve(world.token(person)), UrlIssued)
    (record,) = records_of(world, person)
    assert record.acceptance_ids == (summary.id,)
    assert links(world) == 0
