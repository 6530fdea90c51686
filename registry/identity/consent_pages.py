"""The page where a person allows a program that opened this browser (RFC 6749 §4.1, 7636, 8252, 9207)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from registry.identity import oauth_service as service
from registry.identity import oauth_views as views
from registry.identity.device_pages import ALLOW, to_sign_in
from registry.identity.domain import Channel, Scope
from registry.identity.oauth_api import network_of
from registry.identity.oauth_domain import (
    CODE_GRANT,
    Client,
    authorization_refused,
    find_client,
    is_loopback_redirect,
    is_s256_challenge,
    read_scopes,
)
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

STATE_MAX_CHARACTERS = 512
FIELDS_MAX_COUNT = 30
_NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state"),
    *("code_challenge", "code_challenge_method"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A program's request that may be shown to a person."""

    client: Client
    scopes: tuple[Scope, ...]
    redirect_uri: str
    state: str | None
    code_challenge: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack:
    """A request whose address is proven and which is wrong otherwise: the program is told itself."""

    redirect_uri: str
    state: str | None
    error: str


class ConsentPages(Controller):
    """Showing who asks, and sending the answer back to the program on the same machine."""

    path = "/authorize"
    include_in_schema = False

    @get("/", operation_id="show_consent")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show which program asks for what; opening the page allows nothing."""
        visit = await desk.visits.begin(request)
        query = parse_qsl(
            request.scope["query_string"].decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX_COUNT,
        )
        asked = read_asked(query)
        if isinstance(asked, Refusal):
            return refuse(request, asked)
        if isinstance(asked, SentBack):
            return _return(desk, visit, asked.redirect_uri, {"error": asked.error}, state=asked.state)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        network = network_of(request)
        asks = views.asking_program(
            asked.client,
            asked.scopes,
            program=request.headers.get("user-agent", ""),
            network=network,
            same_network=True,
            asked_at=desk.clock.now(),
        )
        view = views.ConsentView(asks=asks, goes_to=asked.redirect_uri, fields=asked.fields)
        return respond(desk.pages.render("identity/consent.html", page=visit.page, view=view))

    @post("/", operation_id="decide_consent", status_code=200)
    async def decide(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Send a code, or the refusal, to the program; the request is judged anew."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if isinstance(form, Refusal):
            return refuse(request, form)
        asked = read_asked(_pairs(form))
        if isinstance(asked, Refusal):
            return refuse(request, asked)
        if isinstance(asked, SentBack):
            return _return(desk, visit, asked.redirect_uri, {"error": asked.error}, state=asked.state)
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return to_sign_in(visit)
        if form.text("decision") != ALLOW:
            refused = {"error": "access_denied"}
            return _return(
                desk, visit, asked.redirect_uri, refused, state=asked.state, name=asked.client.name
            )
        now = desk.clock.now()
        code = await desk.database.write(
            lambda session: service.issue_code(
                session,
                client=asked.client,
                person_id=person_id,
                scopes=asked.scopes,
                redirect_uri=asked.redirect_uri,
                code_challenge=asked.code_challenge,
                network=network_of(request),
                sealer=desk.sealer,
                now=now,
            )
        )
        return _return(
            desk, visit, asked.redirect_uri, {"code": code}, state=asked.state, name=asked.client.name
        )


def read_asked(pairs: list[tuple[str, str]]) -> Asked | SentBack | Refusal:
    """Return the program's request, judged; nothing goes back to an address before it is proven."""
    fields = {name: value for name, value in pairs if name in _NAMES}
    if len(fields) != sum(name in _NAMES for name, _ in pairs) or any(
        "\x00" in text for text in fields.values()
    ):
        return authorization_refused("The program's request names something twice")
    client = find_client(fields.get("client_id"))
    if client is None:
        return authorization_refused("The program is not known here")
    redirect_uri, state = fields.get("redirect_uri", ""), fields.get("state")
    if not is_loopback_redirect(redirect_uri, client):
        return authorization_refused("The program wants to be answered at an address that is not its own")
    scopes = read_scopes(fields.get("scope"), client)
    if fields.get("response_type") != "code" or CODE_GRANT not in client.grants:
        return SentBack(redirect_uri=redirect_uri, state=state, error="unsupported_response_type")
    challenge, method = fields.get("code_challenge", ""), fields.get("code_challenge_method", "")
    if not is_s256_challenge(challenge, method) or len(state or "") > STATE_MAX_CHARACTERS:
        return SentBack(redirect_uri=redirect_uri, state=None, error="invalid_request")
    if scopes is None:
        return SentBack(redirect_uri=redirect_uri, state=state, error="invalid_scope")
    return Asked(
        client=client,
        scopes=scopes,
        redirect_uri=redirect_uri,
        state=state,
        code_challenge=challenge,
        fields=fields,
    )


def _pairs(form: Form) -> list[tuple[str, str]]:
    return [(name, value) for name, values in form.lists.items() for value in values]


def _return(
    desk: Desk,
    visit: Visit,
    redirect_uri: str,
    answer: Mapping[str, str],
    *,
    state: str | None,
    name: str = "the program",
) -> Response[Any]:
    """Send the browser on by a page of ours: a form's policy forbids its redirect to leave the site.

    The header goes on by itself; the link on the page is for browsers that do not follow it.
    """
    query = {**answer, **({"state": state} if state is not None else {}), "iss": desk.settings.base_url}
    url = f"{redirect_uri}?{urlencode(query)}"
    view = views.ReturnView(allowed="code" in answer, name=name, url=url)
    html = desk.pages.render("identity/return.html", page=visit.page, view=view)
    return respond(html, headers={"Refresh": f"0; url={url}"})
