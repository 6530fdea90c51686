"""What every page starts from: who visits, what the layout shows, and the check of its forms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from sqlmodel import Session

from registry import ledger
from registry.identity import linking, service
from registry.identity.authentication import Cookies, principal_of
from registry.identity.domain import Principal, digest_of, not_signed_in, safe_next
from registry.identity.notices import count_unread
from registry.identity.standing_domain import Reach
from registry.kernel.clock import Clock
from registry.kernel.country_database import CountryDatabase
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.page_parts import LogLine, Page, Visitor
from registry.kernel.pages import CSRF_FIELD, Pages, check_csrf, csrf_token
from registry.kernel.problems import AnyRequest
from registry.kernel.sealing import Sealer
from registry.settings import Settings

FORM_MAX_BYTES = 262_144
FORM_MAX_FIELDS = 200
SIGN_IN_PATH = "/sign-in"
LOOPBACK = frozenset({"127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a page: the principal, the layout's values, and the secret behind its forms."""

    principal: Principal
    page: Page
    email: str | None
    """None of who is not signed in, and of who has given no address yet."""
    browser: str
    """Digest of what forms are bound to: the web session, or the browser's own cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form that came from our own page; the first value of each name, and all."""

    fields: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """Return the value of a field, empty if it was not sent."""
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A form that came from our own page with a file."""

    form: Form
    file: IO[bytes] | None
    """Open and at its start; None where no file was chosen. It is gone when it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts that page handlers and controllers work with; injected as one."""

    settings: Settings
    clock: Clock
    database: Database
    sealer: Sealer
    pages: Pages
    cookies: Cookies
    visits: "Visits"
    reach: Reach = field(default_factory=Reach)
    countries: CountryDatabase = field(default_factory=CountryDatabase)

    def country_of(self, request: AnyRequest) -> str | None:
        """Return in which country the address of a request is, by the operator's database."""
        return self.countries.find(request.client.host if request.client else None)


class Visits:
    """Makes visits; one per application."""

    def __init__(
        self,
        *,
        database: Database,
        sealer: Sealer,
        cookies: Cookies,
        settings: Settings,
        manages: Callable[[Session, UUID], bool],
    ) -> None:
        """Take the parts; `manages` tells who has something to manage, which contexts above know."""
        self._manages = manages
        self._database = database
        self._sealer = sealer
        self._cookies = cookies
        self._settings = settings
        self._secret = sealer.derive_secret("csrf")

    async def begin(self, request: AnyRequest, browser_secret: str | None = None) -> Visit:
        """Return the visit of this request."""
        principal = principal_of(request.scope)
        secret = browser_secret or self._cookies.read(request.headers, self._cookies.browser) or ""
        browser = principal.session_id or digest_of(secret)
        visitor, email, log = await self._database.read(lambda session: self._look_up(session, principal))
        page = Page(
            csrf_token=csrf_token(self._secret, browser),
            path=way_back(request),
            visitor=visitor,
            log=log,
            local_mail=may_read_local_mail(request, self._settings),
        )
        request.scope["page"] = page  # type: ignore[typeddict-unknown-key] # for the page of a problem
        return Visit(principal=principal, page=page, email=email, browser=browser)

    async def read_form(
        self, request: AnyRequest, visit: Visit, *, max_fields: int = FORM_MAX_FIELDS
    ) -> Form | Refusal:
        """Return the posted form, or the refusal of one that did not come from our page."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_MAX_BYTES:
                return _form_refusal("form-too-large", 413, "The form is too large")
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=max_fields, errors="strict"
            )
        except ValueError:
            return _form_refusal("form-malformed", 400, "The form cannot be read")
        if any("\x00" in text for pair in pairs for text in pair):
            return _form_refusal("form-malformed", 400, "The form holds a NUL character")
        lists: dict[str, list[str]] = {}
        for name, value in pairs:
            lists.setdefault(name, []).append(value)
        fields = {name: values[0] for name, values in lists.items()}
        if not check_csrf(self._secret, visit.browser, fields.get(CSRF_FIELD, "")):
            return _form_refusal("form-not-yours", 403, "The form was not made for this sign-in")
        return Form(fields=fields, lists=lists)

    async def read_own_form(
        self, request: AnyRequest, *, back_to: str | None = None
    ) -> tuple[Visit, Form | Refusal]:
        """Return the visit and its form; a refusal of who is not signed in, which leads `back_to` a page afterwards."""
        visit = await self.begin(request)
        form = await self.read_form(request, visit)
        if visit.principal.session_id is None:
            return visit, not_signed_in(back_to or visit.page.path)
        return visit, form

    async def read_upload(self, request: AnyRequest, visit: Visit, *, file: str) -> Upload | Refusal:
        """Return the posted form with the file in its field `file`, or the refusal of one that is not from our page.

        The route's own limit bounds the body. What of the file memory does not hold lies in a file without a name.
        """
        try:
            sent = await request.form()
        except RequestEntityTooLarge:
            return _form_refusal("form-too-large", 413, "The form is too large")
        except (ClientException, ValidationException, UnicodeDecodeError, LookupError):
            return _form_refusal("form-malformed", 400, "The form cannot be read")
        fields: dict[str, str] = {}
        found: UploadFile | None = None
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                found = value if name == file else found
            elif isinstance(value, str):
                fields.setdefault(name, value)
        if any("\x00" in text for pair in fields.items() for text in pair):
            return _form_refusal("form-malformed", 400, "The form holds a NUL character")
        if not check_csrf(self._secret, visit.browser, fields.get(CSRF_FIELD, "")):
            return _form_refusal("form-not-yours", 403, "The form was not made for this sign-in")
        lists = {name: (value,) for name, value in fields.items()}
        return Upload(form=Form(fields=fields, lists=lists), file=found.file if found else None)

    def _look_up(
        self, session: Session, principal: Principal
    ) -> tuple[Visitor | None, str | None, LogLine | None]:
        checkpoint = ledger.latest_checkpoint(session)
        log = LogLine(entries=checkpoint.size, checkpoint_at=checkpoint.signed_at) if checkpoint else None
        if principal.person_id is None:
            return None, None, log
        profile = service.open_profile(session, person_id=principal.person_id, sealer=self._sealer)
        label = profile.email if profile else self._label(session, principal.person_id)
        if label is None:
            return None, None, log
        manages = principal.is_operator or self._manages(session, principal.person_id)
        unread = count_unread(session, person_id=principal.person_id)
        return Visitor(label=label, manages=manages, unread=unread), profile.email if profile else None, log

    def _label(self, session: Session, person_id: UUID) -> str | None:
        """Return how to call a person who has no address yet."""
        return linking.find_label(session, person_id=person_id, sealer=self._sealer)


def way_back(request: AnyRequest) -> str:
    """Return the path and query to come back to after signing in; never one that holds a sign-in link."""
    path, query = request.url.path, request.url.query
    if path == SIGN_IN_PATH:
        return safe_next(request.query_params.get("next"))
    if path.startswith(f"{SIGN_IN_PATH}/"):
        return "/"
    return path + (f"?{query}" if query else "")


def may_read_local_mail(request: AnyRequest, settings: Settings) -> bool:
    """Whether to show mail that stays on this machine: it holds sign-in links of everybody.

    The request must come from this machine and be meant for this registry's own address. A page of another
    site whose name is made to point to loopback (DNS rebinding) sends its own name as the host.
    """
    client = request.client.host if request.client else ""
    meant = request.headers.get("host", "").lower() == urlsplit(settings.base_url).netloc.lower()
    return settings.keeps_mail_here and client in LOOPBACK and meant


def _form_refusal(code: str, status: int, title: str) -> Refusal:
    return Refusal(
        code=code,
        status=status,
        title=title,
        detail="Nothing was changed.",
        remedy=Remedy(text="Go back, load the page again and send the form from there"),
    )
