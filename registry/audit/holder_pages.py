"""`/manage/{publisher}/holders`: who held access to a model at a moment, and by which facts; for those who read the records."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlmodel import Session

from registry import access, catalog, identity
from registry.audit import holders
from registry.audit.holders import AcceptanceThen, Holder, HoldersAt, Question
from registry.audit.holders_api import note_look
from registry.catalog.domain import Command
from registry.identity.domain import Profile, nameless, not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Link, Option, Pager
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PAGE_HOLDERS = 50
ASKED_WRONGLY = 422


class HolderPages(Controller):
    """Who held access then."""

    include_in_schema = False

    @get("/manage/{publisher:str}/holders", operation_id="show_holders")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: Annotated[str, QueryParameter(max_length=200)] = "",
        revision: Annotated[str, QueryParameter(max_length=200)] = "",
        at: Annotated[str, QueryParameter(max_length=40)] = "",
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Ask for a model and a moment, and answer; the look is recorded once there is an answer."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        asked = {"model": model, "revision": revision.strip(), "at": at.strip()}
        loaded = await desk.database.read(
            lambda session: load_holders(session, desk, visit, publisher, asked, after)
        )
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        question, view = loaded
        if question is not None:
            await note_look(desk, question, visit.principal, export=False)
        html = desk.pages.render("manage/holders.html", page=visit.page, view=view)
        return respond(html, status_code=ASKED_WRONGLY if view.problem else 200)


def load_holders(
    session: Session,
    desk: Desk,
    visit: Visit,
    publisher: str,
    asked: Mapping[str, str],
    after: UUID | None,
) -> tuple[Question | None, SimpleNamespace] | Refusal:
    """Return the page, with what was answered; or why the visitor may not ask."""
    principal = visit.principal
    found = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(found, Refusal):
        return found
    question: Question | Refusal | None = None
    if asked["model"]:
        question = holders.open_question(
            session, publisher=publisher, **asked, principal=principal, now=desk.clock.now()
        )
    here = f"/manage/{quote(found.name)}/holders"
    answer: HoldersAt | None = None
    people: Mapping[UUID, Profile] = {}
    if isinstance(question, Question):
        # The moment stays the same from page to page, and in the exports.
        asked = {**asked, "at": iso(question.moment.at)}
        answer = holders.answer(
            session, question, after=after, limit=PAGE_HOLDERS, address=f"{here}?{urlencode(asked)}"
        )
        people = identity.open_shown(
            session, person_ids=[UUID(one.person_id) for one in answer.items], sealer=desk.sealer
        )
    view = SimpleNamespace(
        publisher=access.publisher_head(
            found, access.roles_at(session, found, principal=principal), is_operator=principal.is_operator
        ),
        models=[
            Option(value=one.name, label=one.name, chosen=one.name == asked["model"])
            for one in catalog.list_own_models(session, publisher_id=found.id)
        ],
        revision=asked["revision"],
        at=asked["at"],
        problem=_problem(question) if isinstance(question, Refusal) else None,
        answer=answer_view(found.name, answer, people, asked, after) if answer else None,
        action_url=here,
    )
    return (question if isinstance(question, Question) else None), view


def _problem(refusal: Refusal) -> str:
    return "; ".join(refusal.errors.values()) or refusal.detail


def answer_view(
    publisher: str,
    answer: HoldersAt,
    people: Mapping[UUID, Profile],
    asked: Mapping[str, str],
    after: UUID | None,
) -> SimpleNamespace:
    """Return what the page shows of an answer."""
    here = f"/manage/{quote(publisher)}/holders?{urlencode(asked)}"
    export = f"/api/v1/audit/holders?{urlencode({'publisher': publisher, **asked})}"
    return SimpleNamespace(
        model=answer.model,
        release=answer.release,
        at=_moment(answer.at),
        gate=SimpleNamespace(
            said=f"revision {answer.gate.revision}, {answer.gate.mode}",
            licenses=answer.gate.licenses,
            since=_moment(answer.gate.since),
            entry=_entry(answer.gate.log_index),
        ),
        everybody=answer.anybody,
        nobody=answer.nobody,
        unknown=answer.unknown,
        covers=[
            SimpleNamespace(
                license=one.license, receipt_url=f"/records/{one.receipt_id}", entry=_entry(one.log_index)
            )
            for one in answer.covers
        ],
        rows=[_row(one, people) for one in answer.items],
        pager=Pager(
            said="In no order of time: by person",
            next_url=answer.next,
            next_label="More people",
            first_url=here if after else None,
        ),
        csv_url=f"{export}&format=csv",
        jsonl_url=f"{export}&format=jsonl",
        parquet_url=f"{export}&format=parquet",
    )


def _row(holder: Holder, people: Mapping[UUID, Profile]) -> SimpleNamespace:
    person_id = UUID(holder.person_id)
    profile = people.get(person_id)
    return SimpleNamespace(
        person=profile.email if profile else nameless(person_id),
        facts=[*map(_accepted, holder.acceptances), *_further(holder)],
    )


def _accepted(fact: AcceptanceThen) -> SimpleNamespace:
    return SimpleNamespace(
        said=f"accepted {fact.license}",
        at=_moment(fact.accepted_at),
        until=None,
        url=f"/records/{fact.receipt_id}",
        entry=_entry(fact.log_index),
    )


def _further(holder: Holder) -> Sequence[SimpleNamespace]:
    facts = []
    if holder.grant:
        ends = holder.grant.ends_at
        facts.append(
            SimpleNamespace(
                said="granted by a reviewer",
                at=_moment(holder.grant.granted_at),
                until=_moment(ends) if ends else None,
                url=None,
                entry=_entry(holder.grant.log_index),
            )
        )
    if holder.role_log_index is not None:
        facts.append(
            SimpleNamespace(
                said="could see it by a role",
                at=None,
                until=None,
                url=None,
                entry=_entry(holder.role_log_index),
            )
        )
    return facts


def _entry(index: int | None) -> Link | None:
    return None if index is None else Link(label=f"{index:,}", url=f"/log/{index}")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
