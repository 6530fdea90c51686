"""A report that is sent as a file: read part by part, imported once it is confirmed; SQLite and PostgreSQL."""

import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from registry.acceptances import report_staging
from registry.acceptances.import_statement import IMPORT_TYP
from registry.acceptances.report_staging import FINISHED_KEPT, UNCONFIRMED_KEPT, SentReport
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.acceptances.imports import bring_in, claimed, imports, prove
from tests.world import BASE_URL, World, run

HEAD = "user,fullname,email,status,time\n"


@pytest.fixture
def world(database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(report_staging, "ROWS_PER_IMPORT", 2)
    world = World(database=database, clock=clock)
    world.gated_model()
    return world


def stage(world: World, file: str | bytes, **changes: Any) -> Any:
    """Send a file as the owner, for the usual model; its id, or why not."""
    data = file.encode() if isinstance(file, str) else file
    given = {"publisher": "quarry", "name": "quarry-15b", "principal": world.person("owner@quarry.example")}
    return run(
        report_staging.stage_report(
            world.database, io.BytesIO(data), sealer=world.sealer, now=world.now, **{**given, **changes}
        )
    )


def seen(world: World, report_id: UUID) -> SentReport:
    found: SentReport = world.read(
        report_staging.find_sent,
        report_id=report_id,
        publisher="quarry",
        principal=world.person("owner@quarry.example"),
    )
    return found


def confirm(world: World, report_id: UUID, **changes: Any) -> Any:
    given = {"publisher": "quarry", "invite": False, "principal": world.person("owner@quarry.example")}
    return world.write(
        report_staging.confirm_report, report_id=report_id, now=world.now, **{**given, **changes}
    )


def carry_out(world: World, most: int = 1000) -> int:
    """Let a worker work; how many steps it found."""
    steps = 0
    while steps < most and world.write(
        report_staging.import_due,
        issuer=BASE_URL,
        sign=lambda payload: world.keys.sign_jws(payload, {"typ": IMPORT_TYP}),
        sealer=world.sealer,
        now=world.now,
    ):
        steps += 1
    return steps


def people(count: int) -> str:
    return HEAD + "".join(f"p{n},Person {n},person{n}@lab.example,accepted,\n" for n in range(count))


def rows_of(world: World, table: str) -> int:
    statement = text(f"SELECT count(*) FROM {table}")
    return int(world.read(lambda session: session.connection().execute(statement).scalar_one()))


def test_nothing_is_imported_before_it_is_confirmed_and_then_all_of_it(world: World) -> None:
    report_id = stage(world, people(5))
    assert carry_out(world) == 0
    assert imports(world) == []
    assert seen(world, report_id).preview.added == 5
    assert confirm(world, report_id) is None
    assert confirm(world, report_id, invite=True) is None
    assert carry_out(world) == 4
    done = seen(world, report_id)
    assert (done.done.added, done.invite, done.finished_at) == (5, False, world.now)
    assert {row.email for row in imports(world)} == {f"person{n}@lab.example" for n in range(5)}
    assert rows_of(world, "import_report_part") == 0
    assert carry_out(world) == 0


def test_the_preview_says_what_becomes_of_every_row(world: World) -> None:
    bring_in(world, claimed("known@lab.example"))
    mara = prove(world, world.person())
    world.accept(mara, world.model(mara))
    rows = [
        "mara-h,Mara,mara@nordlab.example,accepted,2025-03-01T10:00:00Z",
        "k,Known,known@lab.example,accepted,",
        "p,Pending,pending@lab.example,pending,",
        "ben,Ben,ben@uni.example,,",
        "BEN,Benjamin,ben2@uni.example,accepted,",
        "other,Other Ben,ben@uni.example,accepted,",
        "=cmd(),Eve,eve@uni.example,accepted,",
        f"long,{'x' * 10_000},long@uni.example,accepted,",
        "late,Late,late@uni.example,accepted,tomorrow",
        "f,=1+1,formula@uni.example,accepted,",
    ]
    report_id = stage(world, "\ufeff" + "\r\n".join([HEAD.strip(), *rows]) + "\r\n")
    preview = seen(world, report_id).preview
    assert (preview.added, preview.known, preview.linked) == (3, 1, 1)
    assert (preview.repeated, preview.wrong, preview.not_accepted) == (2, 3, 1)
    assert preview.remarks == [
        (6, "is about the same person as 5, and left out"),
        (7, "is about the same person as 5, and left out"),
        (8, "user is not the name of an account"),
        (9, "fullname is longer than 200 characters"),
        (10, "time is not a moment as 2026-11-26T18:00:00Z"),
    ]
    confirm(world, report_id)
    carry_out(world)
    assert seen(world, report_id).done.added == 3
    assert {row.name for row in imports(world)} == {"Mara", "Ben", "=1+1", "Mara Lindqvist"}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "Line 1 names neither a column email nor a column user"),
        (HEAD.encode(), "The report has no rows"),
        (b"[]", "The report has no rows"),
        (b'{"a":1}', "Line 1 names neither"),
        (people(5).encode() + b"only,three,cells\n", "Line 7 has 3 columns, the first line has 5"),
        (people(5).encode() + b"\xff\xfe,,,,\n", "The file is not UTF-8 text"),
        (people(5).encode() + b'"' + b"x" * 200_000, "A row is longer than 65,536 characters"),
        (b'[{"email":"a@b.example"},{"email":["c@d.example"]}]', "Entry 2: the email is not one text"),
        (b'[{"email":"a@b.example"},' + b"[" * 100_000, "Entry 2 is not whole JSON, or too long"),
        (b'[{"email":"a@b.example"}', "Entry 2 is not whole JSON, or too long"),
        (b'[{"email":"a@b.example"}] and more', "After entry 1 stands something that is no entry"),
        (b"\xff\xfeu\x00s\x00e\x00r\x00", "UTF-8"),
        (b"PK\x03\x04" + bytes(1000), "Line 1 names neither"),
    ],
)
def test_of_a_file_that_cannot_be_read_nothing_stays(world: World, file: bytes, said: str) -> None:
    refusal = stage(world, file)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "report-unreadable"
    assert said in refusal.detail
    assert (rows_of(world, "import_report"), rows_of(world, "import_report_part")) == (0, 0)
    assert imports(world) == []


def test_what_is_interrupted_goes_on_where_it_was_and_takes_no_row_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = stage(world, people(7))
    confirm(world, report_id)
    carry_out(world, most=2)
    assert len(imports(world)) == 4
    real = report_staging.report_store.delete_part

    def crash(*_: Any) -> None:
        raise OSError("the power is gone")

    monkeypatch.setattr(report_staging.report_store, "delete_part", crash)
    with pytest.raises(OSError, match="the power is gone"):
        carry_out(world)
    assert len(imports(world)) == 4
    monkeypatch.setattr(report_staging.report_store, "delete_part", real)
    carry_out(world)
    assert (len(imports(world)), seen(world, report_id).done.added) == (7, 7)


def test_a_reading_that_was_interrupted_shows_nowhere_and_goes_after_a_day(
    world: World, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = report_staging.importing.foresee_rows
    calls: list[int] = []

    def crash(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the power is gone")
        return real(*given, **more)

    monkeypatch.setattr(report_staging.importing, "foresee_rows", crash)
    with pytest.raises(OSError, match="the power is gone"):
        stage(world, people(7))
    monkeypatch.setattr(report_staging.importing, "foresee_rows", real)
    model = world.model(world.person("owner@quarry.example"))
    assert world.read(report_staging.list_sent, model_ids=[model.id], limit=10) == []
    assert carry_out(world) == 0
    clock.advance(UNCONFIRMED_KEPT + timedelta(minutes=1))
    assert carry_out(world) == 1
    assert (rows_of(world, "import_report"), rows_of(world, "import_report_part")) == (0, 0)
    assert imports(world) == []


def test_reports_go_when_their_time_is_over(world: World, clock: SettableClock) -> None:
    finished, waiting = stage(world, people(1)), stage(world, people(2))
    confirm(world, finished)
    carry_out(world)
    clock.advance(UNCONFIRMED_KEPT + timedelta(minutes=1))
    assert carry_out(world) == 1
    assert seen(world, waiting).code == "report-unknown"  # type: ignore[attr-defined] # a refusal
    assert seen(world, finished).done.added == 1
    clock.advance(FINISHED_KEPT)
    assert carry_out(world) == 1
    assert rows_of(world, "import_report") == 0
    assert len(imports(world)) == 1


def test_a_report_can_be_discarded_until_it_is_confirmed(world: World) -> None:
    owner = world.person("owner@quarry.example")
    first, second = stage(world, people(1)), stage(world, people(1))
    discard = {"publisher": "quarry", "principal": owner, "sealer": world.sealer}
    assert world.write(report_staging.discard_report, report_id=first, **discard) is None
    assert confirm(world, first).code == "report-unknown"
    confirm(world, second)
    assert world.write(report_staging.discard_report, report_id=second, **discard).code == "report-confirmed"
    carry_out(world)
    assert len(imports(world)) == 1


def test_it_takes_a_maintainer_of_that_publisher(world: World) -> None:
    stranger, rival = world.person("stranger@lab.example"), world.person("rival@tarn.example")
    world.publisher(rival, "tarn")
    assert stage(world, people(1), principal=stranger).code == "role-missing"
    report_id = stage(world, people(1))
    assert confirm(world, report_id, principal=stranger).code == "role-missing"
    assert confirm(world, report_id, principal=rival, publisher="tarn").code == "report-unknown"
    assert carry_out(world) == 0


def test_only_so_many_wait(world: World) -> None:
    for _ in range(report_staging.UNCONFIRMED_MOST):
        assert isinstance(stage(world, people(1)), UUID)
    assert stage(world, people(1)).code == "reports-waiting"


def test_who_was_deleted_meanwhile_is_left_out(world: World) -> None:
    report_id = stage(world, people(2))
    index = world.sealer.blind_index("person0@lab.example", "email")
    world.write(
        lambda session: session.connection().execute(
            text("INSERT INTO forgotten_import VALUES (:one, :now)"), {"one": index, "now": str(world.now)}
        )
    )
    confirm(world, report_id)
    carry_out(world)
    done = seen(world, report_id).done
    assert (done.added, done.forgotten) == (1, 1)


def test_what_waits_is_sealed(world: World) -> None:
    stage(world, people(3))
    rows = world.read(
        lambda session: session.connection().execute(text("SELECT * FROM import_report_part")).all()
    )
    assert len(rows) == 2
    assert not any(b"lab.example" in bytes(row[-1]) or b"Person" in bytes(row[-1]) for row in rows)
