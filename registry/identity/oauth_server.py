"""Adapter of Authlib's framework-neutral authorization server to our tables; one per request and transaction.

Authlib parses and judges requests by the RFCs; what is stored, used up or ended is decided here. Its errors
come back as answers, so whatever was noted on the way to one is committed.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    InvalidGrantError,
    InvalidScopeError,
    OAuth2Request,
    TokenMixin,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from sqlmodel import Session

from registry.identity import oauth_service as service
from registry.identity import oauth_store as store
from registry.identity.domain import Principal, Scope, digest_of
from registry.identity.oauth_domain import (
    REFRESH_PREFIX,
    Client,
    DeviceState,
    EndReason,
    OAuthAnswer,
    find_client,
    judge_device,
    oauth_error,
)
from registry.identity.oauth_tables import AuthorizationCode, DeviceAuthorization, LoginKind, ProgramLogin
from registry.identity.tables import AccessToken, Person

_TRANSPORT = "https://registry.invalid"
"""Authlib looks at the scheme only; how clients reach us is the deployment's matter."""

# Authlib writes issued tokens into its log at DEBUG.
logging.getLogger("authlib").setLevel(logging.WARNING)

Fields = Mapping[str, str]


class _Request(OAuth2Request):
    """The fields of a posted form or JSON object."""

    def __init__(self, fields: Fields) -> None:
        super().__init__("POST", _TRANSPORT)
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data if self.payload else {}


class _Client(ClientMixin):
    """A client of ours as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        del endpoint
        return method == "none"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grants


class _Device:
    """A program that waits, as Authlib asks about it."""

    def __init__(self, row: DeviceAuthorization) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_scope(self) -> str:
        return self.row.scopes


class _Code(AuthorizationCodeMixin):
    """An authorization code that was just used up; its challenge is always a digest."""

    code_challenge_method = "S256"

    def __init__(self, row: AuthorizationCode) -> None:
        self.row = row
        self.code_challenge = row.code_challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return self.row.scopes


class _Refresh(TokenMixin):
    """A refresh token that was just used up."""

    def __init__(self, login: ProgramLogin) -> None:
        self.login = login

    def check_client(self, client: ClientMixin) -> bool:
        return self.login.client_id == client.get_client_id()

    def get_scope(self) -> str:
        return self.login.scopes


class _Known(TokenMixin):
    """A token that somebody wants to end, or to know about: an access token or a whole login."""

    def __init__(
        self, *, login: ProgramLogin | None, access: tuple[AccessToken, Person] | None, expires_at: datetime
    ) -> None:
        self.login = login
        self.access = access
        self.expires_at = expires_at

    @property
    def person_id(self) -> UUID | None:
        if self.access is not None:
            return self.access[1].id
        return self.login.person_id if self.login is not None else None

    def check_client(self, client: ClientMixin) -> bool:
        # A personal or a CI token belongs to no program; who holds it may end it.
        if self.login is None or self.login.kind is LoginKind.CI:
            return True
        return self.login.client_id == client.get_client_id()


class Server(AuthorizationServer):
    """Answers the token, revocation and introspection endpoints in the transaction of `session`."""

    def __init__(self, session: Session, *, now: datetime, principal: Principal | None = None) -> None:
        super().__init__(scopes_supported=[scope.value for scope in Scope])
        self.session = session
        self.now = now
        self.principal = principal
        self.issued: dict[str, object] = {}
        self.register_token_generator("default", self._generate)  # type: ignore[arg-type] # Authlib's stub asks for its own class
        self.register_grant(_DeviceGrant)
        self.register_grant(_RefreshGrant)
        self.register_grant(_CodeGrant, [CodeChallenge(required=True)])
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    def query_client(self, client_id: str) -> ClientMixin:
        """Return the client of this id."""
        found = find_client(client_id)
        return _Client(found) if found is not None else None  # type: ignore[return-value] # None is Authlib's word for unknown

    def create_oauth2_request(self, request: Fields | OAuth2Request) -> OAuth2Request:
        """Return the fields as Authlib's request."""
        return request if isinstance(request, OAuth2Request) else _Request(request)

    def handle_response(self, status: int, body: Mapping[str, object], headers: object) -> OAuthAnswer:
        """Return Authlib's answer as ours; every one of them gets the same headers."""
        del headers
        if "error" in body:
            said = body.get("error_description")
            return oauth_error(str(body["error"]), str(said) if said else None, status=status)
        return OAuthAnswer(status=status, body=body)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Tell nobody: nothing listens."""

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Do nothing more: `_generate` has stored the tokens in this transaction."""

    def issue(self, client: ClientMixin, login: UUID, person_id: UUID, scopes: Sequence[Scope]) -> None:
        """Make the tokens that this request is answered with."""
        assert isinstance(client, _Client)  # noqa: S101 - `query_client` makes no other
        self.issued = service.issue_tokens(
            self.session,
            client=client.client,
            login_id=login,
            person_id=person_id,
            scopes=scopes,
            now=self.now,
        )

    def _generate(self, **_: object) -> dict[str, object]:
        return self.issued


class _DeviceGrant(DeviceCodeGrant):
    """Gives an allowed program its tokens, once (RFC 8628 §3.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: Server

    def query_device_credential(self, device_code: str) -> _Device | None:
        row = store.find_device(self.server.session, digest_of(device_code))
        return _Device(row) if row is not None else None

    def validate_device_credential(self, credential: _Device) -> UUID:
        row, server = credential.row, self.server
        state = judge_device(
            expires_at=row.expires_at, approved=row.approved, consumed_at=row.consumed_at, now=server.now
        )
        if state is not DeviceState.APPROVED or row.person_id is None:
            raise _answered(state)
        if not store.consume_device(server.session, row.digest, now=server.now):
            raise InvalidGrantError
        return row.person_id

    def create_token_response(self) -> Any:
        row = self.request.credential.row if self.request.credential else None
        client = self.request.client
        assert isinstance(client, _Client) and isinstance(row, DeviceAuthorization)  # noqa: S101, PT018 - validated just before
        scopes = [Scope(word) for word in row.scopes.split()]
        person_id: UUID = self.request.user  # type: ignore[assignment] # what `validate_device_credential` returned
        login = service.open_login(
            self.server.session,
            client=client.client,
            person_id=person_id,
            kind=LoginKind.DEVICE,
            scopes=scopes,
            sealed_network=row.sealed_network,
            now=self.server.now,
        )
        self.server.issue(client, login, person_id, scopes)
        return super().create_token_response()  # type: ignore[no-untyped-call] # Authlib's stub leaves it open


class _CodeGrant(AuthorizationCodeGrant):
    """Gives a program its tokens for the code that came back through the browser, once (RFC 7636)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: Server

    def query_authorization_code(self, code: str, client: ClientMixin) -> _Code | None:
        session, now = self.server.session, self.server.now
        row = store.find_code(session, digest_of(code))
        if row is None or row.client_id != client.get_client_id() or now >= row.expires_at:
            return None
        if row.used_at is not None:
            # Somebody else has the code too: what came of it ends (RFC 6749 §4.1.2).
            if row.login_id is not None:
                store.lock_login(session, row.login_id)
                store.end_login(session, row.login_id, reason=EndReason.REUSED.value, now=now)
            return None
        # Before address and verifier are compared: there is one try.
        store.use_code(session, row.digest, now=now)
        return _Code(row)

    def authenticate_user(self, authorization_code: _Code) -> UUID:
        return authorization_code.row.person_id

    def create_token_response(self) -> Any:
        found, client = self.request.authorization_code, self.request.client
        assert isinstance(client, _Client) and isinstance(found, _Code)  # noqa: S101, PT018 - validated just before
        row, session = found.row, self.server.session
        scopes = [Scope(word) for word in row.scopes.split()]
        login = service.open_login(
            session,
            client=client.client,
            person_id=row.person_id,
            kind=LoginKind.BROWSER,
            scopes=scopes,
            sealed_network=row.sealed_network,
            now=self.server.now,
        )
        store.note_login_of_code(session, row.digest, login_id=login)
        self.server.issue(client, login, row.person_id, scopes)
        return super().create_token_response()

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """Do nothing more: the code was used up when it was looked at, and stays to notice a second use."""


class _RefreshGrant(RefreshTokenGrant):
    """Gives new tokens for a refresh token, once; a second use ends the login (RFC 9700 §4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Server

    def authenticate_refresh_token(self, refresh_token: str) -> TokenMixin:
        found = self._use_up(refresh_token)
        if found is None:
            raise InvalidGrantError
        return found

    def _use_up(self, text: str) -> _Refresh | None:
        server, session, now = self.server, self.server.session, self.server.now
        row = store.find_refresh_token(session, digest_of(text)) if text.startswith(REFRESH_PREFIX) else None
        # Locked before the token is used up: refreshing and ending a login wait for each other, so that no
        # token is made after the end.
        login = store.lock_login(session, row.login_id) if row is not None else None
        if row is None or login is None or login.ended_at is not None or now >= row.expires_at:
            return None
        client = self.request.client
        if client is None or login.client_id != client.get_client_id():
            return None
        asked = (self.request.payload.scope if self.request.payload else None) or login.scopes
        if not set(asked.split()) <= set(login.scopes.split()):
            raise InvalidScopeError
        if not store.use_refresh_token(session, row.digest, now=now):
            store.end_login(session, login.id, reason=EndReason.REUSED.value, now=now)
            return None
        scopes = [Scope(word) for word in sorted(set(asked.split()))]
        server.issue(client, login.id, login.person_id, scopes)
        return _Refresh(login)

    def authenticate_user(self, refresh_token: _Refresh) -> UUID:
        return refresh_token.login.person_id

    def revoke_old_credential(self, refresh_token: TokenMixin) -> None:
        """Do nothing more: the token was used up when it was looked at."""


class _Revocation(RevocationEndpoint):
    """Ends a token; with a program's token its whole login (RFC 7009)."""

    CLIENT_AUTH_METHODS = ("none",)
    server: Server

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Known | None:
        del token_type_hint
        return _find_known(self.server.session, token_string)

    def revoke_token(self, token: _Known, request: OAuth2Request) -> None:
        del request
        session, now = self.server.session, self.server.now
        if token.login is not None and token.login.kind is not LoginKind.CI:
            store.lock_login(session, token.login.id)
            store.end_login(session, token.login.id, reason=EndReason.SIGNED_OUT.value, now=now)
        elif token.access is not None:
            store.revoke_any_token(session, token.access[0].id, now=now)


class _Introspection(IntrospectionEndpoint):
    """Tells a person about their own tokens, an operator about all (RFC 7662)."""

    server: Server

    def authenticate_endpoint_client(self, request: OAuth2Request) -> None:
        """Do nothing more: the caller came with a token or a session of ours, not as a program."""

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Known | None:
        del token_type_hint
        return _find_known(self.server.session, token_string)

    def check_permission(self, token: _Known, client: None, request: OAuth2Request) -> bool:
        del client, request
        asks = self.server.principal
        if asks is None or asks.person_id is None:
            return False
        return asks.person_id == token.person_id or (asks.is_operator and asks.may(Scope.AUDIT))

    def create_introspection_payload(self, token: _Known | None) -> dict[str, object]:
        if token is None or self.server.now >= token.expires_at or _is_over(token):
            return {"active": False}
        if token.access is not None:
            access = token.access[0]
            scopes, issued, kind = access.scopes, access.created_at, "Bearer"
        else:
            assert token.login is not None  # noqa: S101 - `_find_known` found one of them
            scopes, issued, kind = token.login.scopes, token.login.created_at, "refresh_token"
        payload: dict[str, object] = {
            "active": True,
            "scope": scopes,
            "token_type": kind,
            "sub": str(token.person_id),
            "iat": int(issued.timestamp()),
            "exp": int(token.expires_at.timestamp()),
        }
        if token.login is not None:
            payload["client_id"] = token.login.client_id
        return payload


def _find_known(session: Session, text: str) -> _Known | None:
    if text.startswith(REFRESH_PREFIX):
        row = store.find_refresh_token(session, digest_of(text))
        login = store.find_login(session, row.login_id) if row is not None else None
        if row is None or login is None:
            return None
        expires_at = row.used_at or row.expires_at
        return _Known(login=login, access=None, expires_at=expires_at)
    access = store.find_any_token(session, digest_of(text))
    if access is None:
        return None
    login_id = access[0].login_id
    login = store.find_login(session, login_id) if login_id is not None else None
    return _Known(login=login, access=access, expires_at=access[0].expires_at)


def _is_over(token: _Known) -> bool:
    if token.access is not None and token.access[0].revoked_at is not None:
        return True
    return token.login is not None and token.login.ended_at is not None


def _answered(state: DeviceState) -> InvalidGrantError:
    error = InvalidGrantError()
    error.error = state.value if state is not DeviceState.APPROVED else DeviceState.USED.value
    return error
