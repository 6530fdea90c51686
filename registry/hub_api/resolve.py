"""`/{publisher}/{model}/resolve/{revision}/{path}`: files in the Hub's grammar.

HEAD answers 200 with what the client needs to know; GET of a large file answers 302 to a URL presigned for
this request, GET of a small text answers its bytes. The gate is asked on both (`delivery.resolving`).

This is the hot path, answered before the framework routes the request: its injection and response objects
cost as much as all the rest (measured with a resolver that does nothing: 2 µs here, 125 µs as a handler).
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from registry import identity
from registry.delivery.domain import (
    Asker,
    Authorised,
    FileRefused,
    FileRequest,
    ServedFile,
    TextServed,
    UrlIssued,
    malformed_path,
    no_such_model,
    no_such_revision,
    parse_file_path,
    range_start,
)
from registry.delivery.resolving import Resolver
from registry.hub_api import service
from registry.hub_api.domain import FILE_WORDS, RangeKind, Span, is_revision, named_revision, select_range
from registry.hub_api.errors import answer_refusal, reaccept_warning, update_warning
from registry.identity.authentication import bearer_token
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal, Remedy, Unavailable, UnfitValue
from registry.kernel.problems import (
    AnyRequest,
    defect_refusal,
    refuse,
    unavailable_refusal,
    unfit_value_refusal,
)

TEXT_HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
)
"""A publisher's text is never run or framed as a page of ours."""
_COMMON = (
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"accept-ranges", b"bytes"),
)
_READ = frozenset({b"authorization", b"range", b"if-range", b"user-agent", b"cookie", b"accept"})
_EXPLAINED = frozenset({"license-not-accepted", "access-blocked", "review-needed"})
"""Refusals that a second look can explain better: an earlier version, a reason, a date."""
_REF_FOLDERS = ("refs/heads/", "refs/tags/")

_log = structlog.get_logger()

Headers = list[tuple[bytes, bytes]]
ROUTE = "/{publisher}/{model}/resolve/{revision}/{path}"


def files_first(files: "FileRoute", next_app: ASGIApp) -> ASGIApp:
    """Return an application that answers file addresses itself and leaves every other one to `next_app`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and is_file_address(scope["raw_path"]):
            scope["path_template"] = ROUTE
            await files.answer(scope, receive, send)
        else:
            await next_app(scope, receive, send)

    return answer


def is_file_address(raw_path: bytes) -> bool:
    """Whether the third part of the undecoded path is `resolve`, or `raw`, which means the same here."""
    parts = raw_path.split(b"/", 4)
    return len(parts) == 5 and parts[3] in FILE_WORDS


class FileRoute:
    """Answers HEAD and GET for files."""

    def __init__(self, *, resolver: Resolver, desk: Desk) -> None:
        self._resolver = resolver
        self._desk = desk

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Send the file, the way to it, or the refusal; a defect leaves as one, in the Hub's shape."""
        try:
            await self._answer(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the edge: logged by its kind, answered without its data
            _log.error("defect", kind=type(error).__name__, exc_info=error)
            await self._refuse(scope, receive, send, {}, defect_refusal())

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        headers = {
            name.decode("ascii"): value.decode("latin-1") for name, value in scope["headers"] if name in _READ
        }
        file = parse_address(scope["raw_path"])
        if method not in {"GET", "HEAD"}:
            return await self._refuse(scope, receive, send, headers, _method_refusal())
        if isinstance(file, Refusal):
            return await self._refuse(scope, receive, send, headers, file)
        token = bearer_token(headers)
        try:
            client = scope["client"]
            country = self._desk.countries.find(client[0] if client else None)
            principal = None if token else await self._visitor(headers, country)
            outcome = await self._resolver.resolve(
                file,
                Asker(
                    token=token,
                    principal=principal,
                    wants_body=method == "GET",
                    range_start=range_start(headers.get("range")),
                    client=headers.get("user-agent", ""),
                    request_id=str(scope.get("request_id", "")),
                    country=country,
                ),
            )
            if isinstance(outcome, FileRefused):
                refusal = await self._explain(outcome.refusal, file, token, principal, country)
                return await self._refuse(scope, receive, send, headers, refusal, commit=outcome.commit)
        except Unavailable as error:
            return await self._refuse(scope, receive, send, headers, unavailable_refusal(error))
        except UnfitValue:
            return await self._refuse(scope, receive, send, headers, unfit_value_refusal())
        if isinstance(outcome, UrlIssued):
            location = [(b"location", outcome.url.encode("ascii")), (b"content-length", b"0")]
            return await _send(send, 302, [*_about(outcome.file), *location, *self._warn(file, outcome)])
        if isinstance(outcome, TextServed):
            return await _send_text(send, outcome, headers, self._warn(file, outcome))
        size = (b"content-length", str(outcome.file.size).encode())
        kind = () if outcome.file.large else TEXT_HEADERS
        return await _send(send, 200, [*_about(outcome.file), *kind, size, *self._warn(file, outcome)])

    def _warn(self, file: FileRequest, outcome: Authorised | UrlIssued | TextServed) -> Headers:
        """Return the headers that say until when new terms are to be accepted, or the release to be given up."""
        repo_id, base_url = f"{file.publisher}/{file.model}", self._desk.settings.base_url
        said = []
        if outcome.reaccept_by is not None:
            said.append(reaccept_warning(repo_id, outcome.reaccept_by, base_url=base_url))
        if outcome.update is not None:
            said.append(update_warning(repo_id, outcome.update, base_url=base_url))
        return [(b"x-hf-warning", one.encode("ascii")) for one in said]

    async def _visitor(self, headers: dict[str, str], country: str | None) -> Principal | None:
        """Return who a browser's web session belongs to."""
        if "cookie" not in headers:
            return None
        secret = self._desk.cookies.read(headers, self._desk.cookies.session)
        if secret is None:
            return None
        now = self._desk.clock.now()
        found = await self._desk.database.read(
            lambda session: identity.authenticate_session(session, secret=secret, now=now)
        )
        return replace(found, country=country) if found else None

    async def _explain(
        self,
        refusal: Refusal,
        file: FileRequest,
        token: str | None,
        principal: Principal | None,
        country: str | None,
    ) -> Refusal:
        if refusal.code not in _EXPLAINED:
            return refusal
        now = self._desk.clock.now()
        explained = await self._desk.database.read(
            lambda session: service.explain_file_refusal(
                session, file, token=token, principal=principal, country=country, now=now
            )
        )
        return explained or refusal

    async def _refuse(
        self,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        headers: dict[str, str],
        refusal: Refusal,
        *,
        commit: str | None = None,
    ) -> None:
        """Send a refusal in the Hub's way, or as a page where a browser asks for one."""
        request_id = scope.get("request_id")
        answer = answer_refusal(
            refusal,
            base_url=self._desk.settings.base_url,
            now=self._desk.clock.now(),
            request_id=str(request_id) if request_id else None,
            commit=commit,
        )
        extra = {"Allow": "GET, HEAD"} if answer.status == 405 else {}
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            request: AnyRequest = Request(scope, receive=receive, send=send)
            kept = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
            page = refuse(request, refusal, headers=kept)
            await page.to_asgi_response(None, request)(scope, receive, send)
            return
        sent = [
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in {**answer.headers, **extra}.items()
        ]
        sent += [(b"x-content-type-options", b"nosniff"), (b"content-length", str(len(answer.body)).encode())]
        await _send(send, answer.status, sent, b"" if scope["method"] == "HEAD" else answer.body)


def parse_address(raw_path: bytes) -> FileRequest | Refusal:
    """Return the file that an address names; judged by its letters alone, the same for any model."""
    file = parse_file_path(raw_path.partition(b"?")[0])
    if file is None:
        return malformed_path()
    if not is_name(file.publisher) or not is_name(file.model):
        return no_such_model()
    if not is_revision(file.revision):
        return no_such_revision(file.publisher, file.model)
    if file.revision.startswith(_REF_FOLDERS):
        return replace(file, revision=file.revision.split("/", 2)[2])
    revision = named_revision(file.revision)
    return file if revision == file.revision else replace(file, revision=revision)


def _about(file: ServedFile) -> Headers:
    """Return the headers that the Hub's client reads of every file (huggingface_hub `get_hf_file_metadata`)."""
    etag = f'"{file.etag}"'.encode()
    return [
        *_COMMON,
        (b"x-repo-commit", file.commit.encode()),
        (b"x-linked-etag", etag),
        (b"x-linked-size", str(file.size).encode()),
        (b"etag", etag),
    ]


async def _send_text(send: Send, outcome: TextServed, headers: dict[str, str], warning: Headers) -> None:
    """Send a small text, or the part of it that is asked for (RFC 9110 §14)."""
    content, file = outcome.content, outcome.file
    about = [*_about(file), *TEXT_HEADERS, *warning]
    asked = headers.get("range")
    if headers.get("if-range", f'"{file.etag}"') != f'"{file.etag}"':
        asked = None
    part = select_range(asked, len(content))
    if isinstance(part, Span):
        span = f"bytes {part.start}-{part.end - 1}/{len(content)}".encode()
        length = str(part.end - part.start).encode()
        found = [*about, (b"content-range", span), (b"content-length", length)]
        return await _send(send, 206, found, content[part.start : part.end])
    if part is RangeKind.UNSATISFIABLE:
        said = f"The file has {len(content)} bytes, and the range lies outside of them".encode()
        span = f"bytes */{len(content)}".encode()
        found = [*about, (b"content-range", span), (b"x-error-message", said), (b"content-length", b"0")]
        return await _send(send, 416, found)
    return await _send(send, 200, [*about, (b"content-length", str(len(content)).encode())], content)


async def _send(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _method_refusal() -> Refusal:
    return Refusal(
        code="method-not-allowed",
        status=405,
        title="Files are only read here",
        detail="This address answers GET and HEAD.",
        remedy=Remedy(text="Publish with: gatehouse publish FOLDER publisher/model"),
    )
