"""The page of a publisher's acceptances, and its exports."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlmodel import Session

from registry import access
from registry.acceptances import ImportFigures, OpenedAcceptance
from registry.acceptances.domain import AcceptanceState, Grade
from registry.audit import reading, weekly_chart
from registry.audit.api import export_response, note_register_look
from registry.audit.reading import COUNTED_MOST, Figures, Register, RegisterAsked
from registry.catalog.domain import Command, Role, may_any
from registry.identity.domain import nameless, not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.exports import ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, Link, Option, Pager, Shape, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PAGE_RECORDS = 50
Text = Annotated[str, QueryParameter(max_length=300)]


class RegisterPages(Controller):
    """`/manage/{publisher}/acceptances`: who accepted which text."""

    include_in_schema = False

    @get("/manage/{publisher:str}/acceptances", operation_id="show_acceptances")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        search: Text = "",
        model: Text = "",
        license: Text = "",  # noqa: A002 - the name in the address
        grade: Text = "",
        standing: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
        since: Text = "",
        until: Text = "",
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the register, newest first; the look is recorded."""
        asked = RegisterAsked(
            publisher=publisher,
            search=search.strip(),
            model=model,
            license=license,
            grade=grade,
            state=standing,
            since=since,
            until=until,
        )
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        loaded = await desk.database.read(lambda session: load_register(session, desk, visit, asked, after))
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        register, view = loaded
        await note_register_look(desk, register, visit.principal, export=False)
        return respond(desk.pages.render("manage/acceptances.html", page=visit.page, view=view))

    @get("/manage/{publisher:str}/acceptances.csv", operation_id="export_acceptances_csv")
    async def csv(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, as CSV."""
        return await _export(request, desk, publisher, ExportFormat.CSV)

    @get("/manage/{publisher:str}/acceptances.jsonl", operation_id="export_acceptances_jsonl")
    async def jsonl(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, one JSON text a line."""
        return await _export(request, desk, publisher, ExportFormat.JSONL)

    @get("/manage/{publisher:str}/acceptances.parquet", operation_id="export_acceptances_parquet")
    async def parquet(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, as Apache Parquet."""
        return await _export(request, desk, publisher, ExportFormat.PARQUET)


async def _export(request: AnyRequest, desk: Desk, publisher: str, kind: ExportFormat) -> Response[Any]:
    visit = await desk.visits.begin(request)
    principal = visit.principal
    if principal.person_id is None:
        return refuse(request, not_signed_in(visit.page.path))
    names = RegisterAsked.__dataclass_fields__.keys() - {"publisher"}
    if unknown := access.check_parameters(request.query_params, names):
        return refuse(request, unknown)
    given = {name: request.query_params.get(name, "")[:300] for name in names}
    asked = RegisterAsked(publisher=publisher, **given)
    register = await desk.database.read(
        lambda session: reading.open_register(session, asked, principal=principal, sealer=desk.sealer)
    )
    if isinstance(register, Refusal):
        return refuse(request, register)
    await note_register_look(desk, register, principal, export=True)
    return export_response(desk, register, kind)


def load_register(
    session: Session, desk: Desk, visit: Visit, asked: RegisterAsked, after: UUID | None
) -> tuple[Register, SimpleNamespace] | Refusal:
    """Return the register and its page, or why the visitor may not read it."""
    register = reading.open_register(session, asked, principal=visit.principal, sealer=desk.sealer)
    if isinstance(register, Refusal):
        return register
    rows = reading.list_register(session, register, sealer=desk.sealer, after=after, limit=PAGE_RECORDS + 1)
    now = desk.clock.now()
    starts = weekly_chart.week_starts(now)
    counts = reading.count_weeks(session, register, starts, until=starts[-1] + timedelta(weeks=1))
    view = register_view(
        register,
        asked,
        rows,
        roles=access.roles_at(session, register.publisher, principal=visit.principal),
        figures=reading.count_register(session, register, now=now),
        chart=weekly_chart.draw(starts, counts),
        versions=reading.list_versions_in_use(session, register, visit.principal),
        imports=reading.count_imports(session, register),
        after=after,
    )
    return register, view


def register_view(
    register: Register,
    asked: RegisterAsked,
    rows: Sequence[OpenedAcceptance],
    *,
    roles: Sequence[Role],
    figures: Figures,
    chart: SimpleNamespace | None,
    versions: Sequence[str],
    imports: ImportFigures,
    after: UUID | None,
) -> SimpleNamespace:
    """Return the page of the register; `rows` holds one more where the list goes on."""
    here = f"/manage/{quote(register.publisher.name)}/acceptances"
    filters = {name: value for name, value in asdict(asked).items() if value and name != "publisher"}
    query = f"?{urlencode(filters)}" if filters else ""
    following = urlencode({**filters, "after": rows[PAGE_RECORDS - 1].summary.id}) if _more(rows) else None
    return SimpleNamespace(
        publisher=access.publisher_head(register.publisher, roles),
        figures=_figures(figures),
        imports=_imports(register, imports),
        imports_url=(
            f"/manage/{quote(register.publisher.name)}/imports"
            if may_any(roles, Command.IMPORT_ACCEPTORS)
            else None
        ),
        holders_url=f"/manage/{quote(register.publisher.name)}/holders",
        chart=chart,
        query=asked.search,
        models=[
            Option(value=model.name, label=model.name, chosen=model.name == asked.model)
            for model in register.models
        ],
        versions=[Option(value=name, label=name, chosen=name == asked.license) for name in versions],
        grades=[Option(value=one.value, label=one.value, chosen=one.value == asked.grade) for one in Grade],
        states=[
            Option(value=value, label=label, chosen=value == asked.state)
            for value, label in (("current", "Current"), ("withdrawn", "Withdrawn"))
        ],
        since=asked.since,
        until=asked.until,
        rows=[_row(row) for row in rows[:PAGE_RECORDS]],
        said=_said(rows, narrowed=asked.is_narrowed, after=after),
        pager=Pager(
            said="Newest first",
            next_url=f"{here}?{following}" if following else None,
            next_label="Older records",
            first_url=f"{here}{query}" if after else None,
        ),
        action_url=here,
        clear_url=here if asked.is_narrowed else None,
        csv_url=f"{here}.csv{query}",
        jsonl_url=f"{here}.jsonl{query}",
        parquet_url=f"{here}.parquet{query}",
    )


def _more(rows: Sequence[OpenedAcceptance]) -> bool:
    return len(rows) > PAGE_RECORDS


def _said(rows: Sequence[OpenedAcceptance], *, narrowed: bool, after: UUID | None) -> str:
    if after is not None or _more(rows):
        return f"{min(len(rows), PAGE_RECORDS)} records on this page, newest first."
    count = "1 record" if len(rows) == 1 else f"{len(rows)} records"
    return f"{count} {'that fit the filters' if narrowed else 'in all'}, newest first."


def _figures(figures: Figures) -> Sequence[SimpleNamespace]:
    in_force = figures.ever - figures.withdrawn
    ever = _counted(figures.ever)
    return [
        SimpleNamespace(
            label="Acceptances in force",
            value=_counted(in_force if figures.ever <= COUNTED_MOST else figures.ever),
            detail=f"of {ever} ever" if figures.withdrawn else None,
        ),
        SimpleNamespace(label="In the last 7 days", value=_counted(figures.recent), detail=None),
        SimpleNamespace(label="Withdrawn", value=_counted(figures.withdrawn), detail=None),
    ]


def _imports(register: Register, figures: ImportFigures) -> SimpleNamespace | None:
    """Return what is said of those who accepted elsewhere, apart from acceptances; None where there are none."""
    if not figures.ever:
        return None
    address = f"/api/v1/audit/imports?publisher={quote(register.publisher.name)}"
    return SimpleNamespace(
        ever=_counted(figures.ever),
        upgraded=_counted(figures.upgraded),
        erased=_counted(figures.erased),
        csv_url=f"{address}&format=csv",
        jsonl_url=f"{address}&format=jsonl",
    )


def _counted(number: int) -> str:
    return f"over {COUNTED_MOST:,}" if number > COUNTED_MOST else f"{number:,}"


def _row(row: OpenedAcceptance) -> SimpleNamespace:
    summary = row.summary
    withdrawn = summary.state is AcceptanceState.WITHDRAWN
    return SimpleNamespace(
        at=summary.accepted_at,
        person=row.name or row.email or nameless(row.summary.person_id),
        receipt_url=f"/records/{summary.id}",
        capacity="their organisation" if summary.organisation_id else "themself",
        model=summary.model,
        license=summary.title,
        text=f"{summary.number} · {row.language}",
        grade=summary.grade.value,
        state=(
            Badge(word="Withdrawn", shape=Shape.ENDED, tone=Tone.STOP)
            if withdrawn
            else Badge(word="Current", shape=Shape.DONE, tone=Tone.OK)
        ),
        entry=(
            Link(label=f"{row.entry_index:,}", url=f"/log/{row.entry_index}")
            if row.entry_index is not None
            else None
        ),
    )
