"""Service accounts over the JSON API. Making takes a web session, as on the pages; ending takes less."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from registry.identity import service_accounts as service
from registry.identity.domain import Principal, Scope, TokenSummary
from registry.identity.service_account_domain import AccountView, NewToken
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}


class AccountInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service account to be."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    organisation: UUID | None = None
    """Whose covers let it in; null: the acceptances of who makes it."""


class TokenInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to be."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=4)]
    days: Annotated[int, Meta(ge=1, le=365)]


class AccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """A service account."""

    id: str
    name: str
    organisation: str | None
    organisation_name: str | None
    created_at: str
    suspended_at: str | None
    ended_at: str | None
    works: bool
    """Whether its tokens are taken."""
    yours: bool
    """Whether you are its sponsor, who makes its tokens."""


class AccountsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The service accounts that you manage, newest first."""

    items: list[AccountOut]


class ServiceTokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a service account; `token` is there when it is made, and never again."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str
    last_used_at: str | None
    revoked_at: str | None
    token: str | None = None


class ServiceTokensOut(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a service account, newest first; those of CI jobs are not among them."""

    items: list[ServiceTokenOut]


class ServiceAccountsApi(Controller):
    """Accounts of machines."""

    path = "/api/v1/service-accounts"
    tags = ("service accounts",)

    @get("/", operation_id="list_service_accounts", responses=_REFUSED)
    async def index(
        self, request: AnyRequest, desk: NamedDependency[Desk], principal: NamedDependency[Principal]
    ) -> Response[Any]:
        """List the accounts that the caller manages."""
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: service.list_accounts(session, principal=principal, now=now)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        return _private(AccountsOut(items=[_account(one) for one in found]))

    @post("/", operation_id="create_service_account", responses=_REFUSED)
    async def make(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        data: JSONBody[AccountInput],
    ) -> Response[Any]:
        """Make an account; needs a person in a web session."""
        now = desk.clock.now()
        made = await desk.database.write(
            lambda session: service.make_account(
                session, name=data.name, organisation_id=data.organisation, principal=principal, now=now
            )
        )
        return (
            refuse(request, made) if isinstance(made, Refusal) else _private(_account(made), status_code=201)
        )

    @get("/{account_id:uuid}/tokens", operation_id="list_service_tokens", responses=_REFUSED)
    async def tokens(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        account_id: FromPath[UUID],
    ) -> Response[Any]:
        """List the account's tokens, without their secrets."""
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: service.list_tokens(session, account_id, principal=principal, now=now)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        return _private(ServiceTokensOut(items=[_token(one) for one in found]))

    @post("/{account_id:uuid}/tokens", operation_id="create_service_token", responses=_REFUSED)
    async def make_token(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        account_id: FromPath[UUID],
        data: JSONBody[TokenInput],
    ) -> Response[Any]:
        """Make a token; needs the account's sponsor in a web session."""
        now = desk.clock.now()
        asked = NewToken(name=data.name, scopes=frozenset(data.scopes), days=data.days)
        made = await desk.database.write(
            lambda session: service.create_token(
                session, account_id, asked=asked, principal=principal, now=now
            )
        )
        if isinstance(made, Refusal):
            return refuse(request, made)
        return _private(_token(made[0], made[1]), status_code=201)

    @post(
        "/{account_id:uuid}/tokens/{token_id:uuid}/revoke",
        operation_id="end_service_token",
        status_code=200,
        responses=_REFUSED,
    )
    async def revoke_token(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        account_id: FromPath[UUID],
        token_id: FromPath[UUID],
    ) -> Response[Any]:
        """End one token at once."""
        return await _change(
            request,
            desk,
            lambda session, now: service.revoke_token(
                session, account_id, token_id=token_id, principal=principal, now=now
            ),
        )

    @post(
        "/{account_id:uuid}/{act:str}",
        operation_id="change_service_account",
        status_code=200,
        responses=_REFUSED,
    )
    async def change(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        account_id: FromPath[UUID],
        act: FromPath[service.Act],
    ) -> Response[Any]:
        """Suspend, resume, take over or end the account."""
        return await _change(
            request,
            desk,
            lambda session, now: service.change(session, account_id, act=act, principal=principal, now=now),
        )


async def _change(
    request: AnyRequest, desk: Desk, work: Callable[[Any, datetime], AccountView | Refusal]
) -> Response[Any]:
    now = desk.clock.now()
    outcome = await desk.database.write(lambda session: work(session, now))
    return refuse(request, outcome) if isinstance(outcome, Refusal) else _private(_account(outcome))


def _account(one: AccountView) -> AccountOut:
    return AccountOut(
        id=str(one.id),
        name=one.name,
        organisation=str(one.organisation_id) if one.organisation_id else None,
        organisation_name=one.organisation,
        created_at=iso(one.created_at),
        suspended_at=iso(one.suspended_at) if one.suspended_at else None,
        ended_at=iso(one.ended_at) if one.ended_at else None,
        works=one.works,
        yours=one.is_sponsor,
    )


def _token(row: TokenSummary, secret: str | None = None) -> ServiceTokenOut:
    return ServiceTokenOut(
        id=str(row.id),
        name=row.name,
        scopes=[scope.value for scope in row.scopes],
        created_at=iso(row.created_at),
        expires_at=iso(row.expires_at),
        last_used_at=iso(row.last_used_at) if row.last_used_at else None,
        revoked_at=iso(row.revoked_at) if row.revoked_at else None,
        token=secret,
    )


def _private(out: Any, *, status_code: int = 200) -> Response[Any]:
    return Response(out, status_code=status_code, headers={"Cache-Control": "private, no-store"})
