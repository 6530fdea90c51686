"""What a download record says the right rested on; SQLite and PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import func, select

from registry import licenses
from registry.acceptances.domain import Ticket, write_ticket
from registry.acceptances.service import TICKET_SECRET
from registry.catalog.domain import ModelView
from registry.delivery import reading, schemas, store
from registry.delivery.domain import UrlIssued
from registry.delivery.store import Filter
from registry.delivery.tables import DownloadRecordAcceptance
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from tests.clock import SettableClock
from tests.integration.access.test_query_plans import fill
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


def downloads_under(world: World, owner: Principal, receipt_id: Any, publisher: str = "quarry") -> Any:
    asked = reading.DownloadsAsked(publisher=publisher, receipt=str(receipt_id))
    found = world.read(reading.open_downloads, asked=asked, principal=owner, sealer=world.sealer)
    assert isinstance(found, reading.Downloads), found
    return found


def test_downloads_under_an_acceptance_are_found_whatever_its_place_at_the_gate(world: World) -> None:
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
    owner = world.person("owner@quarry.example")
    person, other = world.person(), world.person("other@lab.example")
    first = world.accept(person, model)
    further = accept_text(world, person, model, second)
    world.accept(other, model)
    accept_text(world, other, model, second)
    world.resolve(world.token(other))
    token = world.token(person)
    for _ in range(5):
        assert isinstance(world.resolve(token), UrlIssued)
    wanted = [one.id for one in records_of(world, person)]
    for acceptance in (first, further):
        found = downloads_under(world, owner, acceptance.id)
        assert found.subject_id == person.person_id
        pages, after = [], None
        while rows := world.read(
            reading.list_named, downloads=found, sealer=world.sealer, after=after, limit=2
        ):
            pages += [row.record.id for row in rows]
            after = pages[-1]
        assert pages == wanted


def test_another_publisher_sees_nothing_under_the_acceptance(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    summary = world.accept(person, model)
    assert isinstance(world.resolve(world.token(person)), UrlIssued)
    rival = world.person("rival@tarn.example")
    world.release(rival, world.publisher(rival, "tarn"), name="tarn-1b")
    found = downloads_under(world, rival, summary.id, "tarn")
    assert not world.read(reading.list_named, downloads=found, sealer=world.sealer, after=None, limit=9)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("after", [None, UUID(int=2**127)])
def test_downloads_under_an_acceptance_are_found_by_its_index_in_order(
    database: Database, after: UUID | None
) -> None:
    """The planner is free to choose; nothing is sorted, so that a page costs its own length."""
    wanted = Filter(model_ids=[UUID(int=1), UUID(int=2)])

    def explain(session: Any) -> list[str]:
        fill(session, {"download_record", "download_record_acceptance"})
        plans = []
        for statement in store.statements_under(wanted, UUID(int=3), after=after):
            compiled = statement.limit(50).compile(
                dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
            )
            rows = session.connection().exec_driver_sql(f"EXPLAIN {compiled}".replace("%%", "%"))
            plans.append("\n".join(str(row[0]) for row in rows))
        return plans

    first, further = database.write_now(explain)
    for plan, index in (
        (first, "ix_download_record_acceptance"),
        (further, "ix_download_record_acceptance_acceptance"),
    ):
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan
