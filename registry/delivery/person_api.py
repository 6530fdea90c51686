"""Everything that a publisher's records hold about one person, for its auditors; the reason for looking is recorded.

Somebody who is not in the records is answered like somebody whom the registry does not know.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import acceptances, access, catalog, identity
from registry.catalog.domain import Command
from registry.catalog.refusals import malformed
from registry.delivery import reading, schemas
from registry.delivery.store import Filter
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.exports import ROWS_PER_READ, pages_of
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

FORMAT = "gatehouse-person-records/1"
REASON_MIN_CHARACTERS, REASON_MAX_CHARACTERS = 8, 500
QUERY_PARAMETERS = frozenset({"publisher", "person", "reason"})
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAsked:
    """Whose records are asked for, by somebody who may ask."""

    publisher: catalog.PublisherView
    person_id: UUID | None
    """None: the registry knows nobody like that."""
    gate_ids: Sequence[UUID]
    model_ids: Sequence[UUID]
    reason: str


class PersonAuditApi(Controller):
    """All about one person."""

    path = "/api/v1/audit/person"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_person",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def person(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        person: Annotated[str, QueryParameter(min_length=1, max_length=320)],
        reason: Annotated[str, QueryParameter(max_length=2000)] = "",
    ) -> Response[Any]:
        """Answer one document that streams; the person finds the look, and the reason, in their own data."""
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        asked = await desk.database.read(
            lambda session: open_person(
                session, desk, publisher=publisher, person=person, reason=reason, principal=principal
            )
        )
        if isinstance(asked, Refusal):
            return refuse(request, asked)
        now = desk.clock.now()
        await desk.database.write(
            lambda session: catalog.record_look(
                session,
                catalog.Looked.PERSON,
                principal=principal,
                publisher_id=asked.publisher.id,
                subject_id=asked.person_id,
                export=True,
                reason=asked.reason,
                now=now,
            )
        )
        return Stream(
            write_person(desk, asked),
            media_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="person-{asked.publisher.name}.json"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


def open_person(
    session: Session, desk: Desk, *, publisher: str, person: str, reason: str, principal: Principal
) -> PersonAsked | Refusal:
    """Return whose records are asked for, or why this principal is not told."""
    found = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(found, Refusal):
        return found
    said = clean_reason(reason)
    if isinstance(said, Refusal):
        return said
    models = catalog.list_own_models(session, publisher_id=found.id)
    return PersonAsked(
        publisher=found,
        person_id=_find_person(session, desk, person.strip()),
        gate_ids=list(dict.fromkeys(gate for model in models for gate in model.gate_ids)),
        model_ids=[model.model_id for model in models],
        reason=said,
    )


def clean_reason(text: str) -> str | Refusal:
    """Return why somebody looks, as one line, or that it does not say it."""
    said = " ".join(text.split())
    if REASON_MIN_CHARACTERS <= len(said) <= REASON_MAX_CHARACTERS and said.isprintable():
        return said
    expected = (
        f"say in {REASON_MIN_CHARACTERS} to {REASON_MAX_CHARACTERS} characters why; the person can read it"
    )
    return malformed("A reason for looking is needed", {"reason": expected})


def _find_person(session: Session, desk: Desk, text: str) -> UUID | None:
    try:
        person_id = UUID(text)
    except ValueError:
        return identity.find_shown_by_email(session, email=text, sealer=desk.sealer)
    return person_id if identity.person_exists(session, person_id) else None


async def write_person(desk: Desk, asked: PersonAsked) -> AsyncIterator[bytes]:
    """Yield the document piece by piece: who and why, then the lists page by page, newest first."""
    head = {
        "format": FORMAT,
        "publisher": asked.publisher.name,
        "made_at": iso(desk.clock.now()),
        "reason": asked.reason,
    }
    yield msgspec.json.encode(head)[:-1]
    for name, load in (
        ("acceptances", _acceptances),
        ("access_requests", _requests),
        ("downloads", _downloads),
    ):
        yield f',"{name}":['.encode()
        first = True
        if asked.person_id is not None:

            async def read(after: UUID | None, load: Any = load) -> Sequence[tuple[UUID, Mapping[str, Any]]]:
                return await desk.database.read(lambda session: load(session, desk, asked, after))

            async for rows in pages_of(read, lambda row: row[0]):
                yield (b"" if first else b",") + b",".join(msgspec.json.encode(value) for _, value in rows)
                first = False
        yield b"]"
    yield b"}\n"


Item = tuple[UUID, Mapping[str, Any]]


def _acceptances(session: Session, desk: Desk, asked: PersonAsked, after: UUID | None) -> Sequence[Item]:
    wanted = acceptances.Filter(person_id=asked.person_id, gate_ids=asked.gate_ids)
    rows = acceptances.list_opened(session, wanted, sealer=desk.sealer, after=after, limit=ROWS_PER_READ)
    return [
        (
            row.summary.id,
            {
                "receipt_id": str(row.summary.id),
                "model": f"{row.summary.publisher}/{row.summary.model}",
                "license": f"{row.summary.slug}@{row.summary.number}",
                "text_sha256": row.summary.text_sha256,
                "for_organisation": str(row.summary.organisation_id) if row.summary.organisation_id else None,
                "grade": row.summary.grade.value,
                "accepted_at": iso(row.summary.accepted_at),
                "withdrawn_at": iso(row.summary.withdrawn_at) if row.summary.withdrawn_at else None,
                "name": row.name,
                "email": row.email,
                "answers": dict(row.answers),
                "log_index": row.entry_index,
            },
        )
        for row in rows
    ]


def _requests(session: Session, desk: Desk, asked: PersonAsked, after: UUID | None) -> Sequence[Item]:
    del desk
    if asked.person_id is None:
        return ()
    rows = access.list_requests_at(
        session,
        person_id=asked.person_id,
        publisher_id=asked.publisher.id,
        after=after,
        limit=ROWS_PER_READ,
    )
    return [
        (
            row.id,
            {
                "id": str(row.id),
                "gate": str(row.gate_id),
                "state": row.state.value,
                "started_at": iso(row.started_at),
                "granted_at": iso(row.granted_at) if row.granted_at else None,
                "access_until": iso(row.access_until) if row.access_until else None,
                "ended_at": iso(row.ended_at) if row.ended_at else None,
            },
        )
        for row in rows
    ]


def _downloads(session: Session, desk: Desk, asked: PersonAsked, after: UUID | None) -> Sequence[Item]:
    del desk
    wanted = Filter(person_id=asked.person_id, model_ids=asked.model_ids)
    rows = reading.list_downloads(session, wanted, after=after, limit=ROWS_PER_READ)
    return [(row.id, msgspec.to_builtins(schemas.view_download(row, None))) for row in rows]
