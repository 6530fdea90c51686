"""SD-JWT (RFC 9901): an issuer-signed JWT whose personal claims are salted digests, disclosed one by one.

The issuer-signed part, without any disclosure, is what the ledger keeps; nothing in it names a person.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.outcomes import CorruptRecord

MEDIA_TYPE = "application/sd-jwt"
TYP = "gatehouse-acceptance+sd-jwt"
SALT_BYTES = 16
"""128 bits, as RFC 9901 §9.3 asks, so that contact data cannot be guessed from a digest."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

Sign = Callable[[bytes], str]
"""Returns the compact JWS over a payload, with `typ` already set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An issuer-signed JWT and every disclosure that belongs to it."""

    jwt: str
    disclosures: tuple[str, ...]

    def whole(self) -> str:
        """Return the SD-JWT with all disclosures (RFC 9901 §4)."""
        return "~".join((self.jwt, *self.disclosures, ""))


def issue(
    claims: Mapping[str, Json],
    hidden: Mapping[str, Json | Mapping[str, Json]],
    *,
    groups: Sequence[str],
    sign: Sign,
) -> Issued:
    """Sign `claims` with the digests of `hidden` claims.

    Names in `groups` are mappings whose members are hidden one by one under a visible name (RFC 9901 §6.2),
    beside those of its members that stand in `claims`; every other hidden claim is one disclosure at the top.
    """
    disclosures: list[str] = []
    payload: dict[str, Json] = dict(claims)
    digests: list[str] = []
    for name, value in hidden.items():
        if name in groups and isinstance(value, Mapping):
            members = [_hide(member, given, disclosures) for member, given in value.items()]
            beside = claims.get(name, {})
            payload[name] = {**(beside if isinstance(beside, Mapping) else {}), "_sd": sorted(members)}
        else:
            digests.append(_hide(name, value, disclosures))
    payload["_sd"] = sorted(digests)
    payload["_sd_alg"] = "sha-256"
    return Issued(jwt=sign(canonical_bytes(payload)), disclosures=tuple(disclosures))


def _hide(name: str, value: Json, disclosures: list[str]) -> str:
    """Return the digest of a new disclosure (RFC 9901 §4.2.1), which is put among `disclosures`."""
    encoded = encode(msgspec.json.encode((encode(os.urandom(SALT_BYTES)), name, value)))
    disclosures.append(encoded)
    return digest(encoded)


def digest(disclosure: str) -> str:
    """Return the digest of a disclosure as it stands in `_sd` (RFC 9901 §4.2.3)."""
    return encode(hashlib.sha256(disclosure.encode("ascii")).digest())


def read_payload(jwt: str) -> dict[str, Json]:
    """Return the claims of the issuer-signed part; the signature is not looked at."""
    try:
        payload = json.loads(decode(jwt.split(".")[1]))
    except (IndexError, ValueError):
        raise CorruptRecord("statement is not a compact JWS with a JSON payload") from None
    if not isinstance(payload, dict):
        raise CorruptRecord("statement payload is not a JSON object")
    return payload


def open_claims(payload: Mapping[str, Json], disclosures: Sequence[str]) -> dict[str, Json]:
    """Return the claims with those that the disclosures open in their places, and no digests (RFC 9901 §7.1).

    For statements of our own, whose signature and disclosures are known to fit.
    """
    by_digest = {digest(encoded): encoded for encoded in disclosures}
    return _open_object(payload, by_digest)


def _open_object(members: Mapping[str, Json], by_digest: Mapping[str, str]) -> dict[str, Json]:
    opened: dict[str, Json] = {
        name: _open_object(value, by_digest) if isinstance(value, Mapping) else value
        for name, value in members.items()
        if name not in {"_sd", "_sd_alg"}
    }
    digests = members.get("_sd")
    for one in digests if isinstance(digests, list) else ():
        if isinstance(one, str) and one in by_digest:
            name, value = read_disclosure(by_digest[one])
            opened[name] = value
    return opened


def read_disclosure(encoded: str) -> tuple[str, Json]:
    """Return name and value of a disclosure."""
    try:
        _salt, name, value = json.loads(decode(encoded))
    except (ValueError, TypeError):
        raise CorruptRecord("a disclosure is not a JSON array of salt, name and value") from None
    return name, value


def hidden_digests(payload: Json) -> frozenset[str]:
    """Return every digest that stands in an `_sd` anywhere in the payload."""
    if not isinstance(payload, Mapping):
        return frozenset()
    found: set[str] = set()
    for name, value in payload.items():
        if name == "_sd" and isinstance(value, list):
            found.update(item for item in value if isinstance(item, str))
        else:
            found |= hidden_digests(value)
    return frozenset(found)


def encode(data: bytes) -> str:
    """Return unpadded base64url (RFC 7515 §2)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of unpadded base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
