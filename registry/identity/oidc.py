"""Adapter to the providers that people sign in with: OpenID Connect, and plain OAuth 2 with a user API.

Nothing here touches the database: a handler asks the provider first, then records what came of it. What a
provider publishes (addresses, keys) is remembered for an hour; keys are looked up anew when a token names one
that is not known, at most once a minute. If a provider cannot be reached, what is remembered serves on.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx2
import structlog
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from joserfc import jws
from joserfc.errors import JoseError

from registry.identity.id_tokens import (
    ALGORITHMS,
    Claimed,
    Expected,
    groups_of,
    judge_claims,
    moment,
    subject_of,
    text_of,
    token_refusal,
    words_of,
)
from registry.identity.provider_documents import (
    Key,
    Metadata,
    fixed_metadata,
    read_keys,
    read_metadata,
    silent,
    try_key,
    unreadable,
)
from registry.identity.providers import Protocol, Provider
from registry.kernel.clock import Clock
from registry.kernel.outbound import Outbound, OutboundRefused
from registry.kernel.outcomes import Refusal, Remedy

METADATA_LIFETIME = timedelta(hours=1)
KEYS_AGAIN_AFTER = timedelta(minutes=1)
"""How soon keys are looked up anew for a token that none of them has made."""
DOWN_FOR = timedelta(minutes=1)
"""How long the sign-in page says that a provider did not answer."""
EXCHANGE_SECONDS = 20.0
"""How long all requests of one sign-in may take together."""
TOKEN_MAX_CHARACTERS = 64 * 1024

_log = structlog.get_logger()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to a provider: what only this registry and the browser know of it."""

    state: str
    nonce: str
    verifier: str
    """PKCE (RFC 7636): shows that who redeems the code also asked for it."""
    at: datetime
    again: bool
    """Whether the person is to be signed in anew."""


class RelyingParty:
    """Signs people in with providers; one per process."""

    def __init__(self, providers: Sequence[Provider], *, base_url: str, clock: Clock) -> None:
        self.providers = tuple(providers)
        self._by_id = {provider.id: provider for provider in providers}
        self._base_url = base_url
        self._clock = clock
        self._metadata: dict[str, tuple[datetime, Metadata]] = {}
        self._keys: dict[str, tuple[datetime, Sequence[tuple[str | None, Key]]]] = {}
        self._failed_at: dict[str, datetime] = {}

    def find(self, provider_id: str) -> Provider | None:
        """Return the provider of this name in addresses."""
        return self._by_id.get(provider_id)

    def find_by_issuer(self, issuer: str) -> Provider | None:
        """Return the provider that signs as `issuer`."""
        return next((provider for provider in self.providers if provider.issuer == issuer), None)

    def silent(self) -> Sequence[Provider]:
        """Return the providers that did not answer a moment ago."""
        since = self._clock.now() - DOWN_FOR
        return [item for item in self.providers if self._failed_at.get(item.id, since) > since]

    async def authorization_url(self, provider: Provider, asked: Asked) -> str | Refusal:
        """Return where to send the browser."""

        async def make() -> str | Refusal:
            metadata = await self._find_metadata(provider)
            if isinstance(metadata, Refusal):
                return metadata
            extra = {"nonce": asked.nonce} if provider.protocol is Protocol.OIDC else {}
            if asked.again:
                extra |= {"prompt": "login", "max_age": "0"}
            async with self._client(provider, metadata) as client:
                url, _ = client.create_authorization_url(
                    metadata.authorization_endpoint,
                    state=asked.state,
                    code_verifier=asked.verifier,
                    **extra,
                )
            return str(url)

        return await self._guarded(provider, make)

    async def finish(self, provider: Provider, asked: Asked, answer: Mapping[str, str]) -> Claimed | Refusal:
        """Return who was there, by what the browser brought back; or why that does not count.

        Steps, in this order: (1) the answer is of this provider (RFC 9207); (2) it is a code and no error;
        (3) the code is redeemed with the verifier; (4) the ID token's signature, then (5) its claims are checked;
        (6) what it does not say is asked of the user API, which must speak of the same person.
        """

        async def do() -> Claimed | Refusal:
            metadata = await self._find_metadata(provider)
            if isinstance(metadata, Refusal):
                return metadata
            if refusal := _judge_answer(provider, metadata, answer):
                return refusal
            async with self._client(provider, metadata) as oauth:
                token = await _redeem(oauth, provider, metadata, asked, answer["code"])
            if isinstance(token, Refusal):
                return token
            async with Outbound(reach=provider.reach).client() as client:
                # Authlib's own client would judge the token's lifetime by the machine's clock.
                client.headers["Authorization"] = f"Bearer {token['access_token']}"
                if provider.protocol is Protocol.OAUTH2:
                    return await _ask_user_api(client, provider)
                claims = await self._open_id_token(provider, metadata, token.get("id_token"))
                if isinstance(claims, Refusal):
                    return claims
                if refusal := judge_claims(claims, _expected(provider, asked), now=self._clock.now()):
                    return refusal
                return await _complete(client, provider, metadata, claims)

        return await self._guarded(provider, do)

    def redirect_uri(self, provider: Provider) -> str:
        """Return where a provider sends people back to; one address for each, so that none answers for another."""
        return f"{self._base_url}/sign-in/callback/{provider.id}"

    async def _guarded(self, provider: Provider, work: Callable[[], Awaitable[_T | Refusal]]) -> _T | Refusal:
        """Run the exchange within its time; what is wrong on the way becomes a refusal that names no secret."""
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS):
                return await work()
        except OutboundRefused as error:
            self._note_failure(provider, str(error))
            return unreadable(provider, str(error))
        except (httpx2.HTTPError, TimeoutError) as error:
            self._note_failure(provider, type(error).__name__)
            return silent(provider)

    def _note_failure(self, provider: Provider, why: str) -> None:
        self._failed_at[provider.id] = self._clock.now()
        _log.warning("provider.failed", provider=provider.id, why=why)

    def _client(self, provider: Provider, metadata: Metadata) -> AsyncOAuth2Client:
        method = "client_secret_basic" if metadata.basic else "client_secret_post"
        return AsyncOAuth2Client(
            client_id=provider.client_id,
            client_secret=provider.client_secret or None,
            token_endpoint_auth_method=method if provider.client_secret else "none",
            scope=" ".join(provider.scopes),
            redirect_uri=self.redirect_uri(provider),
            code_challenge_method="S256",
            **Outbound(reach=provider.reach).options(),
        )

    async def _find_metadata(self, provider: Provider) -> Metadata | Refusal:
        if provider.protocol is Protocol.OAUTH2:
            return fixed_metadata(provider)
        now = self._clock.now()
        known = self._metadata.get(provider.id)
        if known is not None and now - known[0] < METADATA_LIFETIME:
            return known[1]
        try:
            async with Outbound(reach=provider.reach).client() as client:
                document = await _get_json(
                    client, provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
                )
        except (httpx2.HTTPError, OutboundRefused, TimeoutError):
            if known is None:
                raise
            self._metadata[provider.id] = (now - METADATA_LIFETIME + KEYS_AGAIN_AFTER, known[1])
            return known[1]
        found = read_metadata(provider, document)
        if isinstance(found, Metadata):
            self._metadata[provider.id] = (now, found)
            self._failed_at.pop(provider.id, None)
        return found

    async def _open_id_token(
        self, provider: Provider, metadata: Metadata, token: object
    ) -> Mapping[str, Any] | Refusal:
        """Return the claims of a token that one of the provider's keys has signed."""
        if not isinstance(token, str) or len(token) > TOKEN_MAX_CHARACTERS:
            return token_refusal("id-token-malformed", provider.name, "It holds no ID token.")
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError):
            return token_refusal("id-token-malformed", provider.name, "Its ID token cannot be read.")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or algorithm not in metadata.algorithms:
            return token_refusal(
                "id-token-algorithm",
                provider.name,
                "Its ID token is not signed in a way that only the provider can sign.",
            )
        for fresh in (False, True):
            keys = await self._find_keys(provider, metadata, fresh=fresh)
            for key in [key for name, key in keys if key_id is None or name == key_id]:
                claims = try_key(token, key, algorithm)
                if claims is not None:
                    return claims
        return token_refusal(
            "id-token-signature", provider.name, "Its ID token is not signed by any key that it publishes."
        )

    async def _find_keys(
        self, provider: Provider, metadata: Metadata, *, fresh: bool
    ) -> Sequence[tuple[str | None, Key]]:
        now = self._clock.now()
        known = self._keys.get(provider.id)
        lifetime = KEYS_AGAIN_AFTER if fresh else METADATA_LIFETIME
        if known is not None and now - known[0] < lifetime:
            return known[1]
        assert metadata.jwks_uri is not None  # noqa: S101 - read_metadata has seen to it
        try:
            async with Outbound(reach=provider.reach).client() as client:
                document = await _get_json(client, metadata.jwks_uri)
        except (httpx2.HTTPError, OutboundRefused, TimeoutError):
            if known is None:
                raise
            return known[1]
        keys = read_keys(document)
        self._keys[provider.id] = (now, keys)
        return keys


def _expected(provider: Provider, asked: Asked) -> Expected:
    return Expected(
        provider=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        nonce=asked.nonce,
        asked_at=asked.at,
        again=asked.again,
    )


def _judge_answer(provider: Provider, metadata: Metadata, answer: Mapping[str, str]) -> Refusal | None:
    named = answer.get("iss")
    if (named is not None and named != provider.issuer) or (named is None and metadata.names_itself):
        return Refusal(
            code="provider-mixed-up",
            status=403,
            title="The answer is of another provider",
            detail=f"You went to {provider.name}, and the answer does not say that it comes from there. "
            "You are not signed in.",
            remedy=Remedy(text="Start again from the sign-in page", url="/sign-in"),
        )
    if "error" in answer or not answer.get("code"):
        gave_up = answer.get("error") in {"access_denied", "consent_required", "login_required"}
        return Refusal(
            code="provider-declined",
            status=403,
            title=f"{provider.name} did not sign you in",
            detail="You stopped there, or it did not agree." if gave_up else "It answered with an error.",
            remedy=Remedy(text="Try again, or sign in another way", url="/sign-in"),
        )
    return None


async def _redeem(
    client: AsyncOAuth2Client, provider: Provider, metadata: Metadata, asked: Asked, code: str
) -> Mapping[str, Any] | Refusal:
    try:
        token = await client.fetch_token(
            metadata.token_endpoint,
            grant_type="authorization_code",
            code=code,
            code_verifier=asked.verifier,
            headers={"Accept": "application/json"},
        )
    except OAuthError:
        return _code_refused(provider)
    except httpx2.HTTPStatusError as error:
        if not error.response.is_redirect:
            raise
        return unreadable(provider, "the answer is a redirect, which is not followed")
    except (ValueError, KeyError, TypeError, AttributeError):
        return unreadable(provider, "the answer to the code is not JSON")
    if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
        return _code_refused(provider)
    return token


async def _complete(
    client: httpx2.AsyncClient, provider: Provider, metadata: Metadata, claims: Mapping[str, Any]
) -> Claimed | Refusal:
    """Return who the claims speak of; an address that the token does not hold is asked for."""
    facts = dict(claims)
    if "email" in provider.scopes and "email" not in facts and metadata.userinfo_endpoint:
        more = await _get_json(client, metadata.userinfo_endpoint)
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            return token_refusal(
                "id-token-subject", provider.name, "Its user API speaks of somebody else than its ID token."
            )
        facts = more | facts
    subject = subject_of(facts["sub"])
    assert subject is not None  # noqa: S101 - judge_claims has seen to it
    full = " ".join(filter(None, (text_of(facts.get(key), 60) for key in ("given_name", "family_name"))))
    name = text_of(facts.get("preferred_username"), 120) or text_of(facts.get("name"), 120) or full or subject
    email = facts.get("email")
    # Of the ID token alone: what the user API says is signed by nobody.
    groups = groups_of(claims, provider.groups_claim) if provider.groups_claim else None
    return Claimed(
        issuer=provider.issuer,
        subject=subject,
        name=name,
        email=email if isinstance(email, str) and facts.get("email_verified") is True else None,
        at=moment(facts.get("auth_time")),
        acr=text_of(facts.get("acr"), 200),
        amr=words_of(facts.get("amr")),
        groups=groups,
    )


async def _ask_user_api(client: httpx2.AsyncClient, provider: Provider) -> Claimed | Refusal:
    """Return who the access token belongs to, in the shape that GitHub made common."""
    user = await _get_json(client, provider.user_endpoint)
    subject = subject_of(user.get("id")) if isinstance(user, dict) else None
    if not isinstance(user, dict) or subject is None:
        return unreadable(provider, "the user API does not say who it is")
    email = None
    if provider.emails_endpoint:
        addresses = await _get_json(client, provider.emails_endpoint)
        for item in addresses if isinstance(addresses, list) else []:
            if isinstance(item, dict) and item.get("primary") is True and item.get("verified") is True:
                email = item.get("email")
    return Claimed(
        issuer=provider.issuer,
        subject=subject,
        name=text_of(user.get("login"), 120) or subject,
        email=email if isinstance(email, str) else None,
        at=None,
        acr=None,
        amr=(),
    )


async def _get_json(client: httpx2.AsyncClient, url: str) -> Any:
    answer = await client.get(url, headers={"Accept": "application/json"})
    if answer.is_redirect:
        raise OutboundRefused("the answer is a redirect, which is not followed")
    answer.raise_for_status()
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        raise OutboundRefused("the answer is not JSON") from None


def _code_refused(provider: Provider) -> Refusal:
    return Refusal(
        code="provider-code-refused",
        status=403,
        title=f"{provider.name} did not stand by its answer",
        detail="The code that your browser brought back is not, or no longer, good there. You are not signed in.",
        remedy=Remedy(text="Start again from the sign-in page", url="/sign-in"),
    )
