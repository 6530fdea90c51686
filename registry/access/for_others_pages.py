"""`/manage/{publisher}/decisions`: what somebody else is told about a model, for who may read the records."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlmodel import Session

from registry.access import for_others, service
from registry.access.domain import Denial, Permit, Reason
from registry.access.views import publisher_head
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.identifiers import REPO_ID_MAX_CHARACTERS
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, FieldKind, FormField, Link, Shape, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

ADDRESS_MAX_CHARACTERS = 254


class AskingPages(Controller):
    """Asking for somebody else at one publisher."""

    path = "/manage/{publisher:str}/decisions"
    include_in_schema = False

    @get("/", operation_id="show_asking_for_others")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Show an empty form."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        found = await desk.database.read(lambda session: _load(session, visit, publisher))
        if isinstance(found, Refusal):
            return refuse(request, found)
        return _page(desk, visit, found)

    @post("/", operation_id="ask_for_somebody_by_form", status_code=200)
    async def ask(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Record the look, then show what the person is told."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/manage/{publisher}/decisions")
        if isinstance(form, Refusal):
            return refuse(request, form)
        model, email = form.text("model").strip(), form.text("person").strip()
        now = desk.clock.now()

        def look(session: Session) -> tuple[SimpleNamespace, Permit | Denial | Refusal | None] | Refusal:
            found = _load(session, visit, publisher)
            if isinstance(found, Refusal) or _errors(model, email):
                return found if isinstance(found, Refusal) else (found, None)
            verdict = for_others.explain_for(
                session,
                visit.principal,
                publisher=publisher,
                model=model.rpartition("/")[2],
                email=email,
                sealer=desk.sealer,
                now=now,
                contact=desk.settings.contact,
            )
            return found, verdict

        looked = await desk.database.write(look)
        if isinstance(looked, Refusal):
            return refuse(request, looked)
        found, verdict = looked
        errors = _errors(model, email)
        if isinstance(verdict, Refusal):
            if verdict.status != 404:
                return refuse(request, verdict)
            errors = {"model": "There is no such model of this publisher."}
        if errors:
            return _page(desk, visit, found, typed=(model, email), errors=errors, status=422)
        assert isinstance(verdict, Permit | Denial)  # noqa: S101 - without an error there is an answer
        repo = f"{found.name}/{model.rpartition('/')[2]}"
        return _page(desk, visit, found, typed=(model, email), answer=answer_view(verdict, repo, email))


def _load(session: Session, visit: Visit, publisher: str) -> SimpleNamespace | Refusal:
    found = for_others.may_ask_for_others(session, publisher, principal=visit.principal)
    if isinstance(found, Refusal):
        return found
    roles = service.roles_at(session, found, principal=visit.principal)
    return publisher_head(found, roles, is_operator=visit.principal.is_operator)


def _errors(model: str, email: str) -> dict[str, str]:
    errors = {}
    if not model or len(model) > REPO_ID_MAX_CHARACTERS:
        errors["model"] = "Write the name of one of the publisher’s models."
    if "@" not in email or len(email) > ADDRESS_MAX_CHARACTERS:
        errors["person"] = "Write the e-mail address with which the person signs in."
    return errors


def _page(
    desk: Desk,
    visit: Visit,
    head: SimpleNamespace,
    *,
    typed: tuple[str, str] = ("", ""),
    errors: dict[str, str] | None = None,
    answer: SimpleNamespace | None = None,
    status: int = 200,
) -> Response[Any]:
    said = errors or {}
    view = SimpleNamespace(
        publisher=head,
        model=FormField(
            name="model",
            label="Model",
            value=typed[0][:REPO_ID_MAX_CHARACTERS],
            error=said.get("model"),
        ),
        person=FormField(
            name="person",
            label="E-mail address",
            kind=FieldKind.EMAIL,
            value=typed[1][:ADDRESS_MAX_CHARACTERS],
            error=said.get("person"),
        ),
        post_url=f"/manage/{quote(head.name)}/decisions",
        answer=answer,
    )
    html = desk.pages.render("manage/decisions.html", page=visit.page, view=view)
    return respond(html, status_code=status)


def answer_view(verdict: Permit | Denial, repo: str, email: str) -> SimpleNamespace:
    """Return a decision as it is shown to somebody else than whom it is about."""
    refusal = verdict.refusal if isinstance(verdict, Denial) else None
    return SimpleNamespace(
        model=repo,
        url=f"/{repo}",
        person=email,
        state=_state(met=refusal is None),
        title=refusal.title if refusal else "You may download",
        detail=refusal.detail if refusal else "",
        remedy=refusal.remedy.text if refusal and refusal.remedy else None,
        decider=refusal.decider if refusal else None,
        since=refusal.since if refusal else None,
        until=refusal.until if refusal else (verdict.reaccept_by if isinstance(verdict, Permit) else None),
        rows=[_row(reason) for reason in verdict.reasons],
    )


def _row(reason: Reason) -> SimpleNamespace:
    met_by = None
    if reason.acceptance_id is not None:
        met_by = Link(label="acceptance", url=f"/records/{reason.acceptance_id}")
    return SimpleNamespace(
        state=_state(met=reason.met),
        title=reason.title,
        detail=reason.detail or None,
        met_by=met_by,
        since=reason.since if reason.since and reason.since.year > 1970 else None,
        until=reason.until,
        decider=reason.decider,
    )


def _state(*, met: bool) -> Badge:
    if met:
        return Badge(word="Met", shape=Shape.DONE, tone=Tone.OK)
    return Badge(word="Missing", shape=Shape.TODO, tone=Tone.TODO)
