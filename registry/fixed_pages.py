"""The registry's fixed pages: static files, problems and their codes, local mail of the embedded default."""

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from registry import identity
from registry.hub_api.errors import CODES
from registry.identity.domain import ANONYMOUS
from registry.identity.visits import Desk, may_read_local_mail
from registry.kernel import mail
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import Refusal, Remedy, Unavailable
from registry.kernel.page_parts import Badge, Link, Page, Pager, Shape
from registry.kernel.pages import STATIC_CACHE_CONTROL, respond
from registry.kernel.problems import AnyRequest, BeginPage, Problem, RemedyView, RenderPage, refuse
from registry.parts import mail_folder
from registry.problem_codes import GROUPS, find_problem
from registry.problem_kinds import ProblemCode

MAIL_SHOWN_MOST = 100
RELOAD_SECONDS = 2
_MAIL_ID = re.compile(r"[0-9a-f-]{36}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """A field of a form and what is wrong with it."""

    label: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """`problems/problem.html`."""

    said: str
    title: str
    detail: str
    remedy: Link | None
    remedy_text: str | None
    decider: str | None
    since: datetime | None
    until: datetime | None
    errors: list[FieldError]
    code: str
    code_url: str
    status: int
    reference: str | None
    document: str
    asked: str | None = None
    more: tuple[Link, ...] = ()
    crumbs: tuple[Link, ...] = ()


def problem_page(desk: Desk) -> RenderPage:
    """Return what draws a problem as a page; it needs no database, since that may be the problem."""

    def render(request: AnyRequest, problem: Problem) -> bytes:
        begun = request.scope.get("page")
        page = begun if isinstance(begun, Page) else Page(csrf_token="", path=request.url.path)
        return desk.pages.render("problems/problem.html", page=page, view=view_problem(problem)).encode()

    return render


def page_beginner(desk: Desk) -> BeginPage:
    """Return what finds out who visits where no handler has, so that the page of a problem knows them."""

    async def begin(request: AnyRequest) -> None:
        if "page" in request.scope:
            return
        try:
            if "principal" not in request.scope and (
                secret := desk.cookies.read(request.headers, desk.cookies.session)
            ):
                now = desk.clock.now()
                principal = await desk.database.read(
                    lambda session: identity.authenticate_session(session, secret=secret, now=now)
                )
                request.scope["principal"] = principal or ANONYMOUS  # type: ignore[typeddict-unknown-key] # our own key in an open dict
            await desk.visits.begin(request)
        except Unavailable:
            return  # The page then says the same to everybody.

    return begin


def view_problem(problem: Problem) -> ProblemView:
    """Return a problem as the page shows it."""
    remedy = problem.remedy
    # What the code means is linked below in any case; a button that only leads there would promise an act.
    place = remedy.url if remedy and remedy.url != problem.type else None
    return ProblemView(
        said={401: "Sign-in needed", 403: "Not allowed", 404: "Not found"}.get(problem.status, "Refused"),
        title=problem.title,
        detail=problem.detail,
        remedy=Link(label=remedy.text, url=place) if remedy and place else None,
        remedy_text=remedy.text if remedy and not place else None,
        decider=problem.decider,
        since=parse_iso(problem.since) if problem.since else None,
        until=parse_iso(problem.until) if problem.until else None,
        errors=[FieldError(label=name, message=text) for name, text in problem.errors.items()],
        code=problem.code,
        code_url=problem.type,
        status=problem.status,
        reference=problem.request_id,
        document=msgspec.json.format(msgspec.json.encode(problem), indent=2).decode(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemLine:
    """A code in the index."""

    code: str
    title: str
    url: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroupView:
    """Codes of one kind of act."""

    title: str
    problems: list[ProblemLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemIndexView:
    """`problems/index.html`."""

    groups: list[ProblemGroupView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCodeView:
    """`problems/code.html`."""

    code: str
    title: str
    status: int
    meaning: tuple[str, ...]
    actions: tuple[str, ...]
    decider: str | None
    hub_headers: list[str]
    document: str


class ProblemPages(Controller):
    """`/problems`: every refusal by its code; what the `type` of a problem document leads to."""

    path = "/problems"
    include_in_schema = False

    @get("/", operation_id="show_problems")
    async def index(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """List every code."""
        visit = await desk.visits.begin(request)
        groups = [
            ProblemGroupView(
                title=group.title,
                problems=[
                    ProblemLine(
                        code=one.code, title=one.title, url=f"/problems/{one.code}", status=one.status
                    )
                    for one in group.problems
                ],
            )
            for group in GROUPS
        ]
        view = ProblemIndexView(groups=groups)
        return respond(desk.pages.render("problems/index.html", page=visit.page, view=view))

    @get("/{code:str}", operation_id="show_problem")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], code: FromPath[str]
    ) -> Response[Any]:
        """Say what one code means, what to do and who decides."""
        problem = find_problem(code)
        if problem is None:
            return refuse(request, _nothing_here())
        visit = await desk.visits.begin(request)
        view = view_code(problem, base_url=desk.settings.base_url)
        return respond(desk.pages.render("problems/code.html", page=visit.page, view=view))


def view_code(problem: ProblemCode, *, base_url: str) -> ProblemCodeView:
    """Return a documented code as its page shows it."""
    example = Problem(
        type=f"{base_url}/problems/{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.meaning[0],
        code=problem.code,
        remedy=RemedyView(text=problem.actions[0].rstrip("."), url=f"{base_url}/problems/{problem.code}"),
        decider=problem.decider,
    )
    hub = CODES.get(problem.code)
    headers = [f"X-Error-Code: {hub.value}"] if hub else []
    if problem.code in CODES:
        headers.append("X-Error-Message: the same answer in one line, with the address where to act")
    return ProblemCodeView(
        code=problem.code,
        title=problem.title,
        status=problem.status,
        meaning=problem.meaning,
        actions=problem.actions,
        decider=problem.decider,
        hub_headers=headers,
        document=msgspec.json.format(msgspec.json.encode(example), indent=2).decode(),
    )


class StaticFiles(Controller):
    """Style sheets, scripts and the mark, under addresses that change with their content."""

    include_in_schema = False

    @get("/static/{digest:str}/{name:str}", operation_id="get_static_file", sync_to_thread=False)
    def static(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        digest: FromPath[str],
        name: FromPath[str],
    ) -> Response[Any]:
        """Answer a static file; it never changes, so it may be kept for ever."""
        return _static_file(request, desk, digest, name)

    @get(["/favicon.ico", "/favicon.svg"], operation_id="get_mark", sync_to_thread=False)
    def mark(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Answer the mark for browsers that ask by themselves."""
        return _static_file(request, desk, desk.pages.static_digest, "mark.svg")

    @get("/robots.txt", operation_id="get_robots", sync_to_thread=False)
    def robots(self) -> Response[str]:
        """Answer what crawlers may read: cards and licenses, not files."""
        text = "User-agent: *\nDisallow: /api/\nDisallow: /sign-in\nDisallow: /records\nDisallow: /manage\n"
        return Response(text, media_type="text/plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """A local mail in the list."""

    to: str
    subject: str
    url: str
    at: datetime
    state: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxView:
    """`outbox/index.html`."""

    messages: list[MailRow]
    is_more_coming: bool
    """Mail was queued and is not here yet; the page loads itself again."""
    pager: Pager | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailView:
    """A local mail in full."""

    to: str
    sender: str
    subject: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """`outbox/message.html`."""

    message: MailView
    links: list[Link]


class LocalMailPages(Controller):
    """Mail that stays on this machine because no mail server is set; answered on this machine only."""

    path = "/outbox"
    include_in_schema = False

    @get("/", operation_id="show_local_mail")
    async def index(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """List the newest local mails."""
        if not may_read_local_mail(request, desk.settings):
            return refuse(request, _nothing_here())
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        # Asked before looking into the folder, so that a letter that arrives in between is seen there.
        coming = await desk.database.read(lambda session: mail.is_on_its_way(session, now=now))
        rows = []
        for path in sorted(mail_folder(desk.settings).glob("*.eml"), reverse=True)[:MAIL_SHOWN_MOST]:
            message = _read_mail(path)
            rows.append(
                MailRow(
                    to=str(message["To"]),
                    subject=str(message["Subject"]),
                    url=f"/outbox/{path.stem}",
                    at=_date_of(message),
                    state=Badge(word="Kept here", shape=Shape.DONE),
                )
            )
        view = OutboxView(messages=rows, is_more_coming=coming)
        html = desk.pages.render("outbox/index.html", page=visit.page, view=view)
        return respond(html, headers={"Refresh": str(RELOAD_SECONDS)} if coming else None)

    @get("/{mail_id:str}", operation_id="show_local_mail_message")
    async def message(
        self, request: AnyRequest, desk: NamedDependency[Desk], mail_id: FromPath[str]
    ) -> Response[Any]:
        """Show one local mail."""
        path = mail_folder(desk.settings) / f"{mail_id}.eml"
        allowed = may_read_local_mail(request, desk.settings)
        if not allowed or not _MAIL_ID.match(mail_id) or not path.is_file():
            return refuse(request, _nothing_here())
        visit = await desk.visits.begin(request)
        message = _read_mail(path)
        body = message.get_body(("plain",))
        text = str(body.get_content()) if body else ""
        ours = re.compile(re.escape(desk.settings.base_url) + r"/\S+")
        view = MessageView(
            message=MailView(
                to=str(message["To"]),
                sender=str(message["From"]),
                subject=str(message["Subject"]),
                text=text,
                at=_date_of(message),
            ),
            links=[Link(label="Open the link in this mail", url=url) for url in ours.findall(text)],
        )
        return respond(desk.pages.render("outbox/message.html", page=visit.page, view=view))


def _static_file(request: AnyRequest, desk: Desk, digest: str, name: str) -> Response[Any]:
    found = desk.pages.find_static(digest, name)
    if found is None:
        return refuse(request, _nothing_here())
    headers = {"Cache-Control": STATIC_CACHE_CONTROL, "X-Content-Type-Options": "nosniff"}
    return Response(found.content, media_type=found.media_type, headers=headers)


def _read_mail(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes
    return message


def _date_of(message: EmailMessage) -> datetime:
    moment: datetime = message["Date"].datetime
    return moment.astimezone(UTC)


def _nothing_here() -> Refusal:
    return Refusal(
        code="not-found",
        status=404,
        title="There is nothing at this address",
        detail="Nothing was sent.",
        remedy=Remedy(text="Start from the catalog", url="/"),
    )
