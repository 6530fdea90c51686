"""Routes of the authorization server: what programs call (RFC 6749, 7009, 7662, 8414, 8628)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from registry.identity import ci_exchange
from registry.identity import oauth_service as service
from registry.identity.authentication import OWN_AUTHENTICATION
from registry.identity.ci_domain import read_job
from registry.identity.ci_issuers import CIIssuers
from registry.identity.device_polling import DevicePolls
from registry.identity.domain import Principal, Scope, not_signed_in
from registry.identity.oauth_domain import (
    CODE_GRANT,
    DEVICE_GRANT,
    DEVICE_LIFETIME,
    EXCHANGE_GRANT,
    REFRESH_GRANT,
    OAuthAnswer,
    find_client,
    oauth_error,
    read_scopes,
    show_user_code,
)
from registry.identity.oauth_server import Server
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, absolute, refuse

BODY_MAX_BYTES = 65_536
FIELDS_MAX_COUNT = 30
GRANTS = (DEVICE_GRANT, CODE_GRANT, REFRESH_GRANT)
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name of RFC 8693
_MALFORMED = "The body is neither a form nor a JSON object of texts, or names a parameter twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthDesk:
    """What the token endpoint needs besides the desk; one per process."""

    polls: DevicePolls
    issuers: CIIssuers


class OAuthApi(Controller):
    """What programs call; none of them brings a credential in a header."""

    opt = {OWN_AUTHENTICATION: True}  # noqa: RUF012 - Litestar reads it from the class
    include_in_schema = False

    @get("/.well-known/oauth-authorization-server", operation_id="show_oauth_metadata", sync_to_thread=False)
    def metadata(self, desk: NamedDependency[Desk]) -> Response[dict[str, object]]:
        """Answer what is offered here, and where (RFC 8414)."""
        base = desk.settings.base_url
        body: dict[str, object] = {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "device_authorization_endpoint": f"{base}/oauth/device",
            "revocation_endpoint": f"{base}/oauth/revoke",
            "introspection_endpoint": f"{base}/oauth/introspect",
            "grant_types_supported": [*GRANTS, *([EXCHANGE_GRANT] if desk.settings.ci_issuers else [])],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": [scope.value for scope in Scope],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
        }
        return Response(body, headers={"Cache-Control": "public, max-age=3600"})

    @post("/oauth/device", operation_id="start_device_login", status_code=200)
    async def device(
        self, request: AnyRequest, desk: NamedDependency[Desk], oauth: NamedDependency[OAuthDesk]
    ) -> Response[Any]:
        """Give a program its codes, and the address where a person decides (RFC 8628 §3.2)."""
        fields = await read_fields(request)
        client = find_client(fields.get("client_id")) if fields is not None else None
        if fields is None:
            return answer(oauth_error("invalid_request", _MALFORMED))
        if client is None:
            return answer(oauth_error("invalid_client"))
        scopes = read_scopes(fields.get("scope"), client)
        if scopes is None:
            return answer(oauth_error("invalid_scope"))
        now = desk.clock.now()
        started = await desk.database.write(
            lambda session: service.start_device(
                session,
                client=client,
                scopes=scopes,
                program=request.headers.get("user-agent", ""),
                network=network_of(request),
                sealer=desk.sealer,
                now=now,
            )
        )
        base = desk.settings.base_url
        if isinstance(started, Refusal):
            return answer(refusal_answer(started, base_url=base))
        code = show_user_code(started.user_code)
        body = {
            "device_code": started.device_code,
            "user_code": code,
            "verification_uri": f"{base}/device",
            "verification_uri_complete": f"{base}/device?user_code={code}",
            "interval": int(oauth.polls.expect(started.device_code).total_seconds()),
            "expires_in": int(DEVICE_LIFETIME.total_seconds()),
        }
        return answer(OAuthAnswer(status=200, body=body))

    @post("/oauth/token", operation_id="grant_token", status_code=200)
    async def token(
        self, request: AnyRequest, desk: NamedDependency[Desk], oauth: NamedDependency[OAuthDesk]
    ) -> Response[Any]:
        """Give tokens for a code or a refresh token."""
        fields = await read_fields(request)
        if fields is None:
            return answer(oauth_error("invalid_request", _MALFORMED))
        # Who has to wait was answered before (`poll_route`), unless the body came in pieces.
        if fields.get("grant_type") == DEVICE_GRANT and fields.get("device_code"):
            waits = await oauth.polls.answer(
                device_code=fields["device_code"], client_id=fields.get("client_id", "")
            )
            if waits is not None:
                return answer(waits)
        if fields.get("grant_type") == EXCHANGE_GRANT:
            return answer(await exchange(desk, oauth.issuers, fields))
        return answer(await serve(desk, lambda server: server.create_token_response(fields)))

    @post("/oauth/revoke", operation_id="revoke_oauth_token", status_code=200)
    async def revoke(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """End a token, and with it the login of its program (RFC 7009)."""
        fields = await read_fields(request)
        if fields is None:
            return answer(oauth_error("invalid_request", _MALFORMED))
        return answer(await serve(desk, lambda server: server.create_endpoint_response("revocation", fields)))


class IntrospectionApi(Controller):
    """What is known of a token, for who may know it."""

    include_in_schema = False

    @post("/oauth/introspect", operation_id="introspect_token", status_code=200)
    async def introspect(
        self, request: AnyRequest, desk: NamedDependency[Desk], principal: NamedDependency[Principal]
    ) -> Response[Any]:
        """Answer whether a token works and what for, to its person or an operator (RFC 7662)."""
        if principal.person_id is None:
            return refuse(request, not_signed_in())
        fields = await read_fields(request)
        if fields is None:
            return answer(oauth_error("invalid_request", _MALFORMED))
        found = await serve(
            desk,
            lambda server: server.create_endpoint_response("introspection", fields),
            principal=principal,
        )
        return answer(found)


async def serve(desk: Desk, use: Any, *, principal: Principal | None = None) -> OAuthAnswer:
    """Return what the authorization server answers; what it noted is durable by then."""
    now = desk.clock.now()
    found: OAuthAnswer = await desk.database.write(
        lambda session: use(Server(session, now=now, principal=principal))
    )
    return found


async def exchange(desk: Desk, issuers: CIIssuers, fields: Mapping[str, str]) -> OAuthAnswer:
    """Return the answer to a CI job; its identity is verified before any transaction is open."""
    if fields.get("subject_token_type") != ID_TOKEN_TYPE or not fields.get("subject_token"):
        return oauth_error("invalid_request", f"A subject_token of the type {ID_TOKEN_TYPE} is needed")
    try:
        rule_id = UUID(fields.get("resource", ""))
    except ValueError:
        return oauth_error("invalid_target", "The resource is the id of a trust rule, from the settings")
    now = desk.clock.now()
    verified = await issuers.verify(fields["subject_token"], now=now)
    if verified is None:
        return oauth_error(
            "invalid_grant", "The subject_token is not signed by a CI system that this registry trusts"
        )
    issuer, claims = verified
    job = read_job(issuer, claims, audience=desk.settings.base_url, now=now)
    if isinstance(job, str):
        return oauth_error("invalid_grant", job)
    return await desk.database.write(
        lambda session: ci_exchange.exchange(session, rule_id=rule_id, job=job, now=now)
    )


async def read_fields(request: AnyRequest) -> Mapping[str, str] | None:
    """Return the parameters of a form or a JSON object; None if they cannot be read, or one stands twice."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return None
    return parse_fields(bytes(body), request.headers.get("content-type", ""))


def parse_fields(body: bytes, content_type: str) -> Mapping[str, str] | None:
    """Return the parameters in a body; None if they cannot be read, are too many, or one stands twice."""
    if len(body) > BODY_MAX_BYTES:
        return None
    try:
        if content_type.startswith("application/json"):
            given = msgspec.json.decode(body, type=dict[str, str | int | bool | None])
            pairs = [(name, value) for name, value in given.items() if isinstance(value, str)]
        else:
            pairs = parse_qsl(
                body.decode("utf-8"),
                keep_blank_values=True,
                max_num_fields=FIELDS_MAX_COUNT,
                errors="strict",
            )
    except (ValueError, msgspec.DecodeError):
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) and not _has_nul(fields) else None


def _has_nul(fields: Mapping[str, str]) -> bool:
    # PostgreSQL takes no NUL in a text.
    return any("\x00" in text for pair in fields.items() for text in pair)


def answer(found: OAuthAnswer) -> Response[Any]:
    """Return the answer as a response."""
    return Response(found.body, status_code=found.status, headers=dict(found.headers))


def refusal_answer(refusal: Refusal, *, base_url: str) -> OAuthAnswer:
    """Return a refusal of ours in the form of RFC 6749, with where it is explained."""
    remedy = refusal.remedy
    said = f"{refusal.title}. {refusal.detail}"
    if remedy is not None:
        url = absolute(remedy.url, base_url)
        said += f" {remedy.text}{': ' + url if url else ''}"
    body = {
        "error": "temporarily_unavailable" if refusal.status == 429 else "invalid_request",
        "error_description": said,
        "error_uri": f"{base_url}/problems/{refusal.code}",
    }
    return OAuthAnswer(status=refusal.status, body=body)


def network_of(request: AnyRequest) -> str:
    """Return the address that the request came from."""
    return request.client.host if request.client else "unknown"
