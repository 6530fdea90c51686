"""Importing who accepted elsewhere, over the JSON API: rows of a report, some at a time."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from registry import ledger
from registry.acceptances import inviting
from registry.acceptances.import_statement import IMPORT_TYP
from registry.acceptances.importing import ROWS_PER_IMPORT, ImportRows, import_acceptors
from registry.acceptances.reports import NAME_MOST, Claimed, NotAccepted, Row, Source, Wrong, judge_row
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
Cell = Annotated[str, msgspec.Meta(max_length=300)]


class ReportRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a report, as it stands there; empty where the report does not say it."""

    line: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    user: Cell = ""
    fullname: Annotated[str, msgspec.Meta(max_length=NAME_MOST)] = ""
    email: Cell = ""
    status: Cell = ""
    time: Cell = ""


class ImportInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some rows of a report. The same rows sent again change nothing."""

    source: Source
    rows: Annotated[list[ReportRow], msgspec.Meta(min_length=1, max_length=ROWS_PER_IMPORT)]
    invite: bool = False
    """Whether each person is sent one letter that invites them to accept the text of today."""
    dry_run: bool = False
    """Only say what would come of it."""


class ImportOut(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the rows, or would come of them. All that is imported has grade C: which text is not known."""

    added: int
    known: int
    forgotten: int
    not_accepted: int
    linked: int
    dry_run: bool


class InviteInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether to invite, or only to count."""

    dry_run: bool = False
    """Only say how many it would be."""


class InviteOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many are written to, or would be, who were not asked to be before."""

    asked: int
    dry_run: bool


class ImportsApi(Controller):
    """Who accepted a model's terms elsewhere."""

    path = "/api/v1/models/{publisher:str}/{name:str}/acceptors"
    tags = ("models",)

    @post(
        "/",
        operation_id="import_acceptors",
        status_code=200,
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def add(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        keys: NamedDependency[ledger.KeyRing],
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[ImportInput],
    ) -> Response[Any]:
        """Record everybody in the rows who accepted and is not on record yet; they get no access by it."""
        now = desk.clock.now()
        judged = [judge_row(_row(one), now=now) for one in data.rows]
        wrong = [one for one in judged if isinstance(one, Wrong)]
        if wrong:
            return refuse(request, rows_wrong(wrong))
        command = ImportRows(
            publisher=publisher,
            name=name,
            source=data.source,
            rows=[one for one in judged if isinstance(one, Claimed)],
            invite=data.invite,
            dry_run=data.dry_run,
        )
        outcome = await desk.database.write(
            lambda session: import_acceptors(
                session,
                command,
                principal=principal,
                issuer=desk.settings.base_url,
                sign=lambda payload: keys.sign_jws(payload, {"typ": IMPORT_TYP}),
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(
            ImportOut(
                added=outcome.added,
                known=outcome.known,
                forgotten=outcome.forgotten,
                not_accepted=sum(isinstance(one, NotAccepted) for one in judged),
                linked=outcome.linked,
                dry_run=data.dry_run,
            )
        )

    @post(
        "/invitations",
        operation_id="invite_acceptors",
        status_code=200,
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def invite(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[InviteInput],
    ) -> Response[Any]:
        """Have everybody invited who was imported for the model without an invitation: one letter each, at their pace."""
        outcome = await inviting.ask_to_invite_all(
            desk.database,
            publisher=publisher,
            name=name,
            principal=principal,
            dry_run=data.dry_run,
            now=desk.clock.now(),
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(InviteOut(asked=outcome, dry_run=data.dry_run))


def rows_wrong(wrong: Sequence[Wrong]) -> Refusal:
    """Return the refusal of rows that cannot be read; no row of the same message was imported."""
    return Refusal(
        code="report-rows-wrong",
        status=422,
        title="Some rows of the report cannot be read",
        detail=f"{len(wrong)} rows are wrong; none of those sent with them was imported.",
        errors={f"line {one.line}": one.text for one in wrong[:100]},
        remedy=Remedy(text="Mend or remove these lines, and import the file again"),
    )


def _row(sent: ReportRow) -> Row:
    return Row(
        line=sent.line,
        account=sent.user,
        name=sent.fullname,
        email=sent.email,
        status=sent.status,
        time=sent.time,
    )
