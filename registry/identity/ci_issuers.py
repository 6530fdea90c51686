"""Adapter of CI systems that vouch for their jobs: configuration and keys by HTTP, identity tokens by joserfc.

Keys are fetched outside of transactions, kept for an hour, and fetched anew where a token names one that is
not known, at most once a minute. Kept keys go on working while the issuer cannot be reached.
"""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from registry.identity.ci_domain import ALGORITHMS, Issuer
from registry.kernel.outcomes import Unavailable

KEYS_KEPT = timedelta(hours=1)
KEYS_PAUSE = timedelta(minutes=1)
"""Until keys are fetched again because a token names an unknown one: nobody makes us ask more often."""
ANSWER_MAX_BYTES = 1 << 20
TIMEOUT_SECONDS = 10.0
TOKEN_MAX_CHARACTERS = 16_384

_log = structlog.get_logger()


@dataclass(slots=True)
class _Kept:
    """The keys of one issuer, and when they were fetched or tried."""

    keys: KeySet | None = None
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class CIIssuers:
    """Verifies identity tokens of the issuers that the settings name; one per process."""

    def __init__(
        self, issuers: Sequence[Issuer], *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._kept = {issuer.url: _Kept() for issuer in issuers}
        self._transport = transport

    async def verify(self, token: str, *, now: datetime) -> tuple[Issuer, Mapping[str, Any]] | None:
        """Return the issuer and its claims; None if the token is not one of a named issuer, well signed.

        Times, audience and job are not judged here.

        Raises:
            Unavailable: the issuer's keys cannot be had.
        """
        if len(token) > TOKEN_MAX_CHARACTERS or token.count(".") != 2:
            return None
        # Read before it is trusted, only to learn whose keys to take; the verified claims are read below.
        header, claims = _peek(token, 0), _peek(token, 1)
        issuer = self._issuers.get(str(claims.get("iss")))
        kid = header.get("kid")
        if issuer is None or not isinstance(kid, str) or header.get("alg") not in ALGORITHMS:
            return None
        keys = await self._keys(issuer, kid, now)
        if not _knows(keys, kid):
            return None
        try:
            verified = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            return None
        return (issuer, verified.claims) if verified.claims.get("iss") == issuer.url else None

    async def _keys(self, issuer: Issuer, kid: str, now: datetime) -> KeySet:
        kept = self._kept[issuer.url]
        async with kept.lock:
            stale = kept.fetched_at is None or now - kept.fetched_at > KEYS_KEPT
            if stale or not _knows(kept.keys, kid):
                tried_lately = kept.tried_at is not None and now - kept.tried_at < KEYS_PAUSE
                if kept.keys is None or not tried_lately:
                    await self._fetch(issuer, kept, now)
            if kept.keys is None:
                raise Unavailable("issuer of the identity token", "its keys cannot be fetched")
            return kept.keys

    async def _fetch(self, issuer: Issuer, kept: _Kept, now: datetime) -> None:
        kept.tried_at = now
        try:
            async with httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, follow_redirects=False, transport=self._transport
            ) as client:
                configuration = await _get(client, f"{issuer.url}/.well-known/openid-configuration")
                if configuration.get("issuer") != issuer.url:
                    raise ValueError("the configuration is another issuer's")
                keys = await _get(client, _keys_url(issuer, configuration))
            kept.keys = KeySet.import_key_set({"keys": _usable(keys)})
            kept.fetched_at = now
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            # Kept keys go on; without any, the caller is told to try again.
            _log.warning("ci-keys.unavailable", issuer=issuer.url, error=type(error).__name__)


def _keys_url(issuer: Issuer, configuration: Mapping[str, Any]) -> str:
    url = str(configuration["jwks_uri"])
    if urlsplit(url).scheme != urlsplit(issuer.url).scheme:
        raise ValueError("the keys are at an address of another kind")
    return url


def _usable(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys for signatures of the kinds that are taken; others may be there for other uses."""
    return [
        key
        for key in keys["keys"]
        if key.get("kty") in {"RSA", "EC"}
        and key.get("use", "sig") == "sig"
        and isinstance(key.get("kid"), str)
    ]


def _knows(keys: KeySet | None, kid: str) -> bool:
    return keys is not None and any(key.kid == kid for key in keys.keys)


async def _get(client: httpx2.AsyncClient, url: str) -> Mapping[str, Any]:
    answer = await client.get(url, headers={"Accept": "application/json"})
    answer.raise_for_status()
    if len(answer.content) > ANSWER_MAX_BYTES:
        raise ValueError("the answer is too long")
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError("the answer is no object")
    return found


def _peek(token: str, part: int) -> Mapping[str, Any]:
    text = token.split(".")[part]
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
