"""What providers publish of themselves, read with distrust: addresses, keys; and how their faults are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from registry.identity.id_tokens import ALGORITHMS
from registry.identity.providers import Provider
from registry.kernel.outbound import scheme_trouble
from registry.kernel.outcomes import Refusal, Remedy

KEYS_MOST = 50
RSA_BITS_LEAST = 2048

Key = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Addresses and habits of a provider."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str | None
    userinfo_endpoint: str | None
    names_itself: bool
    """Whether answers carry `iss` (RFC 9207)."""
    algorithms: frozenset[str]
    basic: bool
    """Whether the secret goes into the `Authorization` header."""


def read_metadata(provider: Provider, document: object) -> Metadata | Refusal:
    """Return what a discovery document says, if the provider may say it."""
    if not isinstance(document, dict):
        return unreadable(provider, "its description is not an object")
    if document.get("issuer") != provider.issuer:
        return unreadable(provider, "its description is of another issuer")
    for key in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        url = document.get(key)
        if not isinstance(url, str) or scheme_trouble(url, provider.reach):
            return unreadable(provider, f"its {key} is not an address that may be asked")
    userinfo = document.get("userinfo_endpoint")
    if userinfo is not None and (not isinstance(userinfo, str) or scheme_trouble(userinfo, provider.reach)):
        return unreadable(provider, "its userinfo_endpoint is not an address that may be asked")
    if urlsplit(document["authorization_endpoint"]).fragment:
        return unreadable(provider, "its authorization_endpoint has a fragment")
    algorithms = document.get("id_token_signing_alg_values_supported")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=userinfo,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        algorithms=frozenset(
            item for item in (algorithms if isinstance(algorithms, list) else ["RS256"]) if item in ALGORITHMS
        ),
        basic=not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def fixed_metadata(provider: Provider) -> Metadata:
    """Return the addresses that the setting names, of a provider without discovery."""
    return Metadata(
        authorization_endpoint=provider.authorization_endpoint,
        token_endpoint=provider.token_endpoint,
        jwks_uri=None,
        userinfo_endpoint=None,
        names_itself=False,
        algorithms=frozenset(),
        basic=False,
    )


def read_keys(document: object) -> Sequence[tuple[str | None, Key]]:
    """Return the public keys that can check signatures; others in the set are passed over."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys: list[tuple[str | None, Key]] = []
    for item in listed[:KEYS_MOST] if isinstance(listed, list) else []:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        if item.get("kty") == "RSA" and len(str(item.get("n", ""))) * 6 < RSA_BITS_LEAST:
            continue
        try:
            key = import_key({name: value for name, value in item.items() if name not in {"d", "k"}})
        except (JoseError, ValueError, TypeError, KeyError, SecurityWarning):
            continue
        if isinstance(key, (RSAKey, ECKey, OKPKey)):
            name = item.get("kid")
            keys.append((name if isinstance(name, str) else None, key))
    return keys


def try_key(token: str, key: Key, algorithm: str) -> Mapping[str, Any] | None:
    """Return the claims of a token if this key has signed it."""
    try:
        return jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, AttributeError):
        # Also a key of another kind than the algorithm takes.
        return None


def silent(provider: Provider) -> Refusal:
    """Return the refusal of a sign-in with a provider that cannot be reached."""
    return Refusal(
        code="provider-silent",
        status=503,
        title=f"{provider.name} does not answer",
        detail="Nobody was signed in by it just now. Who is signed in already stays so.",
        remedy=Remedy(
            text="Sign in with a link sent to your e-mail address, or try again later", url="/sign-in"
        ),
        decider=f"The operators of {provider.name}",
    )


def unreadable(provider: Provider, why: str) -> Refusal:
    """Return the refusal of an answer that is not read, or an address that is not asked."""
    return Refusal(
        code="provider-answer-refused",
        status=503,
        title=f"The answer of {provider.name} was not read",
        detail=f"Reason: {why}. Nobody was signed in by it just now. Who is signed in already stays so.",
        remedy=Remedy(
            text="Sign in with a link sent to your e-mail address, and tell the operators", url="/sign-in"
        ),
        decider="The operators of this registry, or of the provider",
    )
