"""The word of a second person on the change class of a license version, over the JSON API."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from sqlmodel import Session

from registry import licenses
from registry.catalog import second_persons
from registry.catalog.second_persons import Answer
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse
from registry.licenses import ChangeClass, Outcome, Proposal, SecondPerson
from registry.licenses.domain import NUMBER_MAX_CHARACTERS, REASON_MAX_CHARACTERS

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_DECIDED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}


class SecondPersonOut(msgspec.Struct, frozen=True, kw_only=True):
    """Where the confirmation of a version's change class stands."""

    license: str
    change_class: ChangeClass
    second_person: SecondPerson
    compared_with: str | None
    """Number of the latest version before it that stands: what a second person compares it with."""
    compare_url: str | None
    terms_changed: list[str]
    """What differs beside the text: included texts and use restrictions, in sentences."""
    decided_at: str | None
    reason: str | None
    """Of an objection."""
    page_url: str
    """Where a second person decides in a browser."""


class AnswerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a second person says, once and for good."""

    outcome: Outcome
    compared_with: Annotated[str, msgspec.Meta(min_length=1, max_length=NUMBER_MAX_CHARACTERS)]
    """Number of the version with which you compared it."""
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX_CHARACTERS)] = ""
    """Of an objection; everybody reads it, the log holds its digest."""


class SecondPersonApi(Controller):
    """Second persons for change classes that ask nobody again."""

    path = "/api/v1/licenses/{slug:str}/{number:str}/second-person"
    tags = ("licenses",)

    @get("/", operation_id="get_second_person", responses={404: _PROBLEM})
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        slug: FromPath[str],
        number: FromPath[str],
    ) -> Response[Any]:
        """Answer where the confirmation of a version's change class stands."""
        found = await desk.database.read(lambda session: licenses.find_proposal(session, slug, number))
        return refuse(request, found) if isinstance(found, Refusal) else Response(_view(found, desk))

    @post("/", operation_id="answer_as_second_person", status_code=200, responses=_DECIDED)
    async def answer(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        slug: FromPath[str],
        number: FromPath[str],
        data: JSONBody[AnswerInput],
    ) -> Response[Any]:
        """Confirm a change class or object to it; needs a second person with a fresh sign-in in a browser."""
        said = Answer(outcome=data.outcome, compared_with=data.compared_with, reason=data.reason)

        def work(session: Session) -> Proposal | Refusal:
            outcome = second_persons.answer(
                session, slug=slug, number=number, said=said, principal=principal, now=desk.clock.now()
            )
            if isinstance(outcome, Refusal):
                return outcome
            return licenses.find_proposal(session, slug, number)

        outcome = await desk.database.write(work)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Response(_view(outcome, desk))


def _view(proposal: Proposal, desk: Desk) -> SecondPersonOut:
    version, compared, verdict = proposal.version, proposal.compared, proposal.verdict
    base_url = desk.settings.base_url
    return SecondPersonOut(
        license=version.reference,
        change_class=version.change_class,
        second_person=proposal.second,
        compared_with=compared.number if compared else None,
        compare_url=f"{base_url}{licenses.compare_path(compared, version)}" if compared else None,
        terms_changed=list(proposal.terms_said),
        decided_at=iso(verdict.given_at) if verdict else None,
        reason=verdict.reason if verdict else None,
        page_url=f"{base_url}{licenses.second_person_path(version)}",
    )
