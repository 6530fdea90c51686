"""Whether an ID token says what it must: the checks of OpenID Connect Core 1.0 §3.1.3.7, as pure rules.

The signature is checked before (`oidc`); what is judged here are the claims of a token that the provider made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal, Remedy

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519")
"""Signatures that only the provider can make. Never `none`, and never one made with a shared secret: with it,
whoever knows the public key or the client could sign as the provider."""
CLOCK_TOLERANCE = timedelta(minutes=2)
SUBJECT_MAX_CHARACTERS = 255
"""OpenID Connect Core 1.0 §2."""
GROUP_MAX_CHARACTERS = 200
_SECONDS_MOST = 32_503_680_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What this registry asked for."""

    provider: str
    """Its name, for people."""
    issuer: str
    client_id: str
    nonce: str
    asked_at: datetime
    again: bool
    """Whether the person was to be signed in anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a provider says of the person who was there; checked, and still only a claim."""

    issuer: str
    subject: str
    name: str
    """How the person is called there, for their own eyes."""
    email: str | None
    """Only an address that the provider calls verified."""
    at: datetime | None
    """When the provider signed the person in; None if it does not say."""
    acr: str | None
    amr: tuple[str, ...]
    groups: frozenset[str] | None = None
    """Names of the groups that an ID token puts the person into; None if it says nothing of them."""


def judge_claims(claims: Mapping[str, Any], expected: Expected, *, now: datetime) -> Refusal | None:
    """Return why these claims do not count as an answer to what was asked; None if they do."""
    return (
        _judge_parties(claims, expected)
        or _judge_times(claims, expected, now=now)
        or _judge_person(claims, expected)
    )


def _judge_parties(claims: Mapping[str, Any], expected: Expected) -> Refusal | None:
    if claims.get("iss") != expected.issuer:
        return token_refusal(
            "id-token-issuer", expected.provider, f"It names another issuer than {expected.issuer}."
        )
    given = claims.get("aud")
    audience = [given] if isinstance(given, str) else given
    if not isinstance(audience, list) or expected.client_id not in audience:
        return token_refusal("id-token-audience", expected.provider, "It was made for another site.")
    party = claims.get("azp")
    if (party is not None or len(audience) > 1) and party != expected.client_id:
        return token_refusal(
            "id-token-audience", expected.provider, "It was made at the request of another site."
        )
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or nonce != expected.nonce:
        return token_refusal("id-token-nonce", expected.provider, "It answers another request than yours.")
    return None


def _judge_times(claims: Mapping[str, Any], expected: Expected, *, now: datetime) -> Refusal | None:
    ends, made = moment(claims.get("exp")), moment(claims.get("iat"))
    if ends is None or made is None:
        return token_refusal(
            "id-token-malformed", expected.provider, "It does not say when it was made or ends."
        )
    if made > now + CLOCK_TOLERANCE or made < expected.asked_at - CLOCK_TOLERANCE:
        return _clock_refusal(expected, made, now)
    if ends <= now - CLOCK_TOLERANCE:
        return token_refusal(
            "id-token-expired",
            expected.provider,
            f"It ended at {iso(ends)}; it is {iso(now)} here. Two minutes of difference are tolerated.",
        )
    stated = moment(claims.get("auth_time"))
    if stated is not None and stated > now + CLOCK_TOLERANCE:
        return _clock_refusal(expected, stated, now)
    if expected.again and (stated is None or stated < expected.asked_at - CLOCK_TOLERANCE):
        return Refusal(
            code="provider-did-not-ask-again",
            status=403,
            title=f"{expected.provider} did not ask you to sign in again",
            detail="It answered from an earlier sign-in, which does not show that you are here now. "
            "Nothing was changed.",
            remedy=Remedy(text="Sign in again another way", url="/sign-in/again"),
            since=stated,
        )
    return None


def _judge_person(claims: Mapping[str, Any], expected: Expected) -> Refusal | None:
    if subject_of(claims.get("sub")) is None:
        return token_refusal("id-token-malformed", expected.provider, "It does not say who you are there.")
    return None


def _clock_refusal(expected: Expected, theirs: datetime, now: datetime) -> Refusal:
    return Refusal(
        code="provider-clock-wrong",
        status=403,
        title=f"The clocks of {expected.provider} and of this registry differ too much",
        detail=f"Its answer is of {iso(theirs)}, and it is {iso(now)} here. Two minutes of difference are "
        "tolerated; beyond, an old answer could pass for a new one. You are not signed in.",
        remedy=Remedy(
            text="Sign in with a link sent to your e-mail address, and tell the operators", url="/sign-in"
        ),
        decider="The operators of this registry, or of the provider",
    )


def token_refusal(code: str, provider: str, why: str) -> Refusal:
    """Return the refusal of a provider's answer that does not stand."""
    return Refusal(
        code=code,
        status=403,
        title=f"The answer of {provider} does not stand",
        detail=f"{why} You are not signed in, and nothing was changed.",
        remedy=Remedy(
            text="Start again from the sign-in page; if it stays, tell the operators", url="/sign-in"
        ),
        decider="The operators of this registry",
    )


def subject_of(value: object) -> str | None:
    """Return the identifier of a person at a provider, if it is one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= SUBJECT_MAX_CHARACTERS or "\x00" in value:
        return None
    return value


def moment(value: object) -> datetime | None:
    """Return the time that a number of seconds since 1970 stands for."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _SECONDS_MOST:
        return None
    return datetime.fromtimestamp(int(value), UTC)


def words_of(value: object) -> tuple[str, ...]:
    """Return the short words of a list such as `amr`; what is none is left out."""
    if not isinstance(value, list):
        return ()
    found = [item for item in value if isinstance(item, str) and item.isascii() and item.isprintable()]
    return tuple(item for item in found if 1 <= len(item) <= 20 and " " not in item)[:8]


def groups_of(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """Return the groups that the claims of an ID token name; None if what they say of them cannot be read.

    A claim that is not there means none, but where it is said to be elsewhere (OpenID Connect Core 1.0 §5.6.2), as
    some providers do for who is in too many. Names that no rule can have are left out.
    """
    value = claims.get(claim)
    if value is None:
        elsewhere = claims.get("_claim_names")
        return None if isinstance(elsewhere, dict) and claim in elsewhere else frozenset()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        return None
    return frozenset(name for name in names if isinstance(name, str) and is_group_name(name))


def is_group_name(name: str) -> bool:
    """Whether a rule can be about a group of this name: one line, no letter that is not seen."""
    return 1 <= len(name) <= GROUP_MAX_CHARACTERS and name.isprintable() and name == name.strip()


def text_of(value: object, most: int) -> str | None:
    """Return a printable text of bounded length, if it is one."""
    if not isinstance(value, str):
        return None
    text = "".join(letter for letter in value if letter.isprintable()).strip()[:most]
    return text or None
