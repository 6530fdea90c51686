"""Receipts over the JSON API; accepting is not offered here: it takes a person in a browser session."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlmodel import Session

from registry.acceptances import receipts, service
from registry.acceptances.copies import find_copies, note_copy
from registry.acceptances.domain import AcceptanceSummary, CopyEvent
from registry.acceptances.receipt_document import DOCUMENT, PDF_TYPE, document_inputs
from registry.acceptances.refusals import no_such_acceptance
from registry.acceptances.sharing import show_only
from registry.acceptances.store import Filter
from registry.identity.domain import Principal, Scope, not_signed_in, scope_missing
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse
from registry.kernel.typesetting import Typesetter

PAGE_MAX = 200
PUBLICATION_LOOKS = 6
PUBLICATION_PAUSE_SECONDS = 0.25
"""Together half as long again as the merge delay of the log."""
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class AcceptanceItem(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance of the caller's."""

    id: str
    model: str
    license: str
    text_sha256: str
    grade: str
    accepted_at: str
    withdrawn_at: str | None
    receipt_url: str


class AcceptanceItems(msgspec.Struct, frozen=True, kw_only=True):
    """A page of acceptances, newest first."""

    items: list[AcceptanceItem]
    next: str | None


class ReceiptsApi(Controller):
    """What the caller has accepted."""

    path = "/api/v1/receipts"
    tags = ("receipts",)

    @get("/", operation_id="list_receipts", responses={401: _PROBLEM, 403: _PROBLEM})
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response[AcceptanceItems]:
        """List the caller's acceptances."""
        if refusal := may_read_own(principal):
            return refuse(request, refusal)
        wanted = Filter(person_id=principal.person_id)
        rows = await desk.database.read(
            lambda session: service.list_acceptances(session, wanted, after=after, limit=limit)
        )
        base = desk.settings.base_url
        following = (
            f"{base}/api/v1/receipts?after={rows[-1].id}&limit={limit}" if len(rows) == limit else None
        )
        return Response(AcceptanceItems(items=[view(row, base) for row in rows], next=following))

    @get("/{acceptance_id:uuid}", operation_id="get_receipt", responses={404: _PROBLEM})
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        acceptance_id: FromPath[UUID],
        only: FromQuery[list[str] | None] = None,
    ) -> Response[Any]:
        """Answer the receipt file: statement, disclosures, text, proof and keys.

        `only`, once for each, names the claims that it discloses; without it, all.
        """
        if refusal := may_read_own(principal):
            return refuse(request, refusal)

        found = await load_own(desk, principal, acceptance_id)
        if isinstance(found, Refusal):
            return refuse(request, found)
        receipt, _ = found
        if only is not None:
            receipt = show_only(receipt, only)
        kind = "receipt" if only is None else "proof"
        return Response(
            receipts.encode_receipt(receipt),
            media_type=receipts.MEDIA_TYPE,
            headers=_headers(f"{kind}-{receipt.license.slug}-{receipt.license.number}.json"),
        )

    @get(
        "/{acceptance_id:uuid}/pdf", operation_id="get_receipt_pdf", responses={404: _PROBLEM, 503: _PROBLEM}
    )
    async def show_pdf(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        typesetter: NamedDependency[Typesetter],
        acceptance_id: FromPath[UUID],
    ) -> Response[Any]:
        """Answer the receipt as pages for print, with the receipt file attached to them."""
        if refusal := may_read_own(principal):
            return refuse(request, refusal)
        found = await load_own(desk, principal, acceptance_id)
        if isinstance(found, Refusal):
            return refuse(request, found)
        receipt, summary = found
        file = receipts.encode_receipt(receipt)
        pdf = await typesetter.typeset(DOCUMENT, document_inputs(receipt, file, summary))
        return Response(
            pdf,
            media_type=PDF_TYPE,
            headers=_headers(f"receipt-{receipt.license.slug}-{receipt.license.number}.pdf"),
        )


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
    }


async def load_own(
    desk: Desk, principal: Principal, acceptance_id: UUID
) -> tuple[receipts.Receipt, AcceptanceSummary] | Refusal:
    """Return the caller's own receipt, whole where the log publishes it soon, and note that they fetched it."""

    def work(session: Session) -> tuple[receipts.Receipt, AcceptanceSummary, bool] | Refusal:
        summary = service.get_acceptance(session, acceptance_id)
        if summary is None or summary.person_id != principal.person_id:
            return no_such_acceptance()
        receipt = receipts.build_receipt(
            session,
            acceptance_id=acceptance_id,
            base_url=desk.settings.base_url,
            sealer=desk.sealer,
        )
        return receipt, summary, CopyEvent.FETCHED not in find_copies(session, acceptance_id)

    found = await desk.database.read(work)
    # Who has just accepted is given the whole receipt: its entry is published within the merge delay.
    for _ in range(PUBLICATION_LOOKS):
        if isinstance(found, Refusal) or found[0].ledger is not None:
            break
        await asyncio.sleep(PUBLICATION_PAUSE_SECONDS)
        found = await desk.database.read(work)
    if isinstance(found, Refusal):
        return found
    receipt, summary, is_first = found
    if is_first:
        now = desk.clock.now()
        await desk.database.write(
            lambda session: note_copy(session, acceptance_id, CopyEvent.FETCHED, now=now)
        )
    return receipt, summary


def may_read_own(principal: Principal) -> Refusal | None:
    """Return why the caller may not read their own records."""
    if principal.person_id is None:
        return not_signed_in("/records")
    return None if principal.may(Scope.READ) else scope_missing(Scope.READ)


def view(row: AcceptanceSummary, base_url: str) -> AcceptanceItem:
    """Return an acceptance as the API shows it to its acceptor."""
    return AcceptanceItem(
        id=str(row.id),
        model=f"{row.publisher}/{row.model}",
        license=f"{row.slug}@{row.number}",
        text_sha256=row.text_sha256,
        grade=row.grade.value,
        accepted_at=iso(row.accepted_at),
        withdrawn_at=iso(row.withdrawn_at) if row.withdrawn_at else None,
        receipt_url=f"{base_url}/api/v1/receipts/{row.id}",
    )
