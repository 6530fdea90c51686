"""PostgreSQL dies under the running service, or holds rows locked: refused plainly, nothing confirmed is lost."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import httpx2
import psycopg
import pytest
from sqlmodel import select

from registry import audit, ledger
from registry.acceptances.tables import Acceptance
from registry.catalog.domain import ModelView
from registry.delivery.seaweedfs import StoreAddress
from registry.identity.domain import Principal
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.faults.serving import (
    FilledForm,
    Service,
    fill_form,
    is_hub_outage,
    is_outage,
    receipt_id,
    served,
    wait_until,
)
from tests.servers.postgres import PostgresServer
from tests.servers.processes import ServerUnavailable
from tests.servers.schema import migrate
from tests.world import World

MODEL = "quarry/quarry-15b"
ACCEPTORS = 24
KILLED_AFTER = 6
STATEMENT_TIMEOUT = "?options=-c%20statement_timeout%3D500"


@dataclass
class Scene:
    """A served registry over a PostgreSQL of its own."""

    server: PostgresServer
    url: str
    service: Service
    world: World
    model: ModelView
    user: Principal
    token: str
    people: int = 0

    def form(self) -> FilledForm:
        """The acceptance page in the browser of somebody new."""
        self.people += 1
        person = self.world.person(f"person-{self.people}@nordlab.example")
        return fill_form(self.service, self.world, person, MODEL)

    def stored(self) -> list[UUID]:
        return list(self.world.read(lambda session: session.exec(select(Acceptance.id)).all()))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, object_store_address: StoreAddress) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("postgres-faults")
    server = PostgresServer(folder, synchronous_commit="on")
    try:
        url = server.start()["url"]
    except ServerUnavailable as error:
        pytest.skip(str(error))
    try:
        migrate(url)
        with served(folder, url + STATEMENT_TIMEOUT, object_store_address) as service:
            database = Database(url)
            world = World(database=database, clock=SystemClock())
            model = world.gated_model()
            user = world.person()
            world.accept(user, model)
            yield Scene(
                server=server,
                url=url,
                service=service,
                world=world,
                model=model,
                user=user,
                token=world.token(user),
            )
            database.close()
    finally:
        server.stop()


def test_an_outage_is_told_in_each_routes_own_shape_and_ends_by_itself(scene: Scene) -> None:
    scene.service.wait_until_ready()
    form = scene.form()
    file = f"/{MODEL}/resolve/main/model.safetensors"
    scene.server.kill()
    try:
        with scene.service.program(scene.token) as program:
            for method in ("GET", "HEAD"):
                answer = program.request(method, file)
                assert answer.status_code == 503
                assert "location" not in answer.headers
                assert "cannot be reached" in answer.headers["x-error-message"]
            is_hub_outage(program.get(file))
            is_hub_outage(program.get(f"/api/models/{MODEL}"))
            is_hub_outage(program.get("/api/whoami-v2"))
            is_outage(program.get("/api/v1/receipts"))
        with scene.service.client() as anonymous:
            is_outage(anonymous.get(f"/api/v1/models/{MODEL}"))
            is_hub_outage(anonymous.get(file))
            page = anonymous.get(f"/{MODEL}", headers={"Accept": "text/html"})
            assert page.status_code == 503
            assert page.headers["content-type"].startswith("text/html")
            assert "cannot be reached" in page.text
            assert anonymous.get("/health/live").status_code == 200
        is_outage(form.post())
        status, parts = scene.service.readiness()
        assert status == 503
        assert parts == {"database": "unavailable", "object store": "ok"}
    finally:
        scene.server.launch()
    scene.service.wait_until_ready()
    with scene.service.program(scene.token) as program:
        assert program.get(file).status_code == 302
        assert program.get("/api/v1/receipts").status_code == 200
    assert form.post().status_code == 303, "the same form is good afterwards"


def test_nothing_confirmed_is_lost_when_it_dies_while_people_accept(scene: Scene) -> None:
    scene.service.wait_until_ready()
    before = len(scene.stored())
    forms = [scene.form() for _ in range(ACCEPTORS)]
    with ThreadPoolExecutor(4) as threads:
        posted: list[Future[httpx2.Response]] = [threads.submit(form.post) for form in forms]
        wait_until(lambda: sum(one.done() for one in posted) >= KILLED_AFTER, "nobody accepts")
        scene.server.kill()
        answers = [one.result() for one in posted]
    scene.server.launch()
    scene.service.wait_until_ready()
    confirmed = {receipt_id(answer) for answer in answers if answer.status_code == 303}
    assert len(confirmed) >= KILLED_AFTER
    for answer in answers:
        if answer.status_code != 303:
            is_outage(answer)
    assert confirmed <= set(scene.stored())
    again = [form.post() for form in forms]
    assert {answer.status_code for answer in again} == {303}
    assert confirmed <= {receipt_id(answer) for answer in again}, "a repeated act gives the same acceptance"
    stored = scene.stored()
    assert len(stored) == before + ACCEPTORS
    wait_until(
        lambda: (
            scene.world.read(lambda session: audit.find_discrepancies(session, sealer=scene.world.sealer))
            == []
        ),
        "the record is not whole",
    )


def test_locked_rows_are_an_outage_and_no_endless_wait(scene: Scene) -> None:
    scene.service.wait_until_ready()
    form = scene.form()
    with psycopg.connect(scene.url) as other, scene.service.program(scene.token) as program:
        other.execute("SELECT 1 FROM person FOR UPDATE")
        is_outage(form.post())
        other.rollback()
        other.execute("LOCK TABLE download_record IN ACCESS EXCLUSIVE MODE")
        is_hub_outage(program.get(f"/{MODEL}/resolve/main/model.safetensors"))
        other.rollback()
        other.execute("LOCK TABLE access_token IN ACCESS EXCLUSIVE MODE")
        is_hub_outage(program.get(f"/{MODEL}/resolve/main/model.safetensors"))
        is_outage(program.get("/api/v1/receipts"))
        other.rollback()
        assert program.get(f"/{MODEL}/resolve/main/model.safetensors").status_code == 302
    assert form.post().status_code == 303


def test_the_sequencer_waits_for_a_lock_and_goes_on(scene: Scene) -> None:
    scene.service.wait_until_ready()
    with psycopg.connect(scene.url) as other:
        other.execute("LOCK TABLE ledger_checkpoint IN ACCESS EXCLUSIVE MODE")
        scene.world.accept(scene.world.person("late@nordlab.example"), scene.model)
        wait_until(lambda: "ledger.sequencer_waits" in scene.service.log.read_text(), "the sequencer hangs")
    wait_until(lambda: not scene.world.read(ledger.has_pending), "the entry is not published")
    with scene.service.client() as client:
        assert int(client.get("/ledger/checkpoint").text.splitlines()[1]) > len(scene.stored())
