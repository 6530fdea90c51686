"""Key binding (RFC 9901 §4.3): whoever hands over a receipt shows that they hold the key that its statement names.

The key is of one acceptance: made for it by the acceptor's client and never used for another. So it names nobody, and
may stand in the public statement. The proof is for one audience and one nonce, so that it cannot be handed on.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from registry.client.errors import Malformed, VerificationFailed, printable
from registry.client.jws import ALGORITHM
from registry.client.keys import decode_base64url, encode_base64url, thumbprint
from registry.client.sd_jwt import UnverifiedSDJWT
from registry.client.wire import Fields, JsonObject, parse_json

TYPE = "kb+jwt"
"""What `typ` says (RFC 9901 §4.3)."""
HEADER_MEMBERS = frozenset({"alg", "typ"})
DEFAULT_MAX_AGE = timedelta(minutes=10)
CLOCK_SKEW = timedelta(minutes=1)
"""How far ahead of the verifier's clock the holder's may be."""
ASKED_MAX_CHARACTERS = 1_000
KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the verifier has asked the holder for: the proof is made for them, now, and for nobody else."""

    audience: str
    nonce: str
    now: datetime
    max_age: timedelta = DEFAULT_MAX_AGE


def bind(presented: str, key: Ed25519PrivateKey, *, audience: str, nonce: str, now: datetime) -> str:
    """Return the key-binding JWT over `presented`, an SD-JWT as it is handed over, with its last `~`."""
    header = {"alg": ALGORITHM, "typ": TYPE}
    payload = {"iat": int(now.timestamp()), "aud": audience, "nonce": nonce, "sd_hash": _hash(presented)}
    parts = [encode_base64url(json.dumps(one, separators=(",", ":")).encode()) for one in (header, payload)]
    message = ".".join(parts)
    return f"{message}.{encode_base64url(key.sign(message.encode('ascii')))}"


def confirmation_key(claims: JsonObject) -> bytes | None:
    """Return the holder's public key that a statement names (RFC 7800 `cnf`); None if it names none.

    Raises:
        Malformed: it names one of another kind.
    """
    if "cnf" not in claims:
        return None
    jwk = Fields(claims["cnf"], where="statement.cnf").member("jwk")
    if (jwk.text("kty"), jwk.text("crv")) != ("OKP", "Ed25519"):
        raise Malformed(f"the holder's key is a {printable(jwk.text('crv'), limit=40)} key, expected Ed25519")
    if "d" in jwk.value:
        raise Malformed("the statement holds the holder's private key")
    raw = decode_base64url(jwk.text("x"), what="statement.cnf.jwk.x")
    if len(raw) != KEY_BYTES:
        raise Malformed(f"statement.cnf.jwk.x has {len(raw)} bytes, expected {KEY_BYTES}")
    return raw


def check_key_binding(sd_jwt: UnverifiedSDJWT, claims: JsonObject, asked: Asked | None) -> str:
    """Return in words who has shown what; the steps of RFC 9901 §7.3 in their order.

    Where nobody asked for a proof, one that is there must still fit; audience and nonce are then only told.

    Raises:
        VerificationFailed: a proof was asked for and is missing, or the one that is there does not fit.
    """
    key = confirmation_key(claims)
    if sd_jwt.key_binding is None:
        if asked is not None:
            raise VerificationFailed(
                "no key binding follows the statement: whoever handed it over has not shown that they hold "
                f"the acceptor's key, expected that for audience {printable(asked.audience)!r} and your nonce"
            )
        return (
            "the statement names no key of its holder"
            if key is None
            else "the statement names a key of its holder; whoever handed it over did not show that they have it"
        )
    if key is None:
        raise VerificationFailed("a key binding follows, but the statement names no key of its holder (cnf)")
    payload = _read(sd_jwt.key_binding, key)
    if not _is_same(payload.text("sd_hash"), _hash(sd_jwt.presented)):
        raise VerificationFailed(
            "sd_hash differs: the key binding was made over another statement or other disclosures"
        )
    made_at = _moment(payload.number("iat"))
    if made_at < _moment(Fields(claims, where="statement").number("iat")) - CLOCK_SKEW:
        raise VerificationFailed(f"the key binding of {made_at.isoformat()} is older than the acceptance")
    audience, nonce = payload.text("aud"), payload.text("nonce")
    who = f"whoever handed it over holds the key {thumbprint(key)} that the statement names"
    if asked is None:
        return f"{who}; it was made for audience {printable(audience)!r}, and you named none to compare"
    _compare(audience, nonce, made_at, asked)
    return f"{who}, shown to {printable(audience)!r} with your nonce at {made_at.isoformat()}"


def _read(token: str, key: bytes) -> Fields:
    """Return the payload of a key-binding JWT that `key` has signed."""
    what = "the key binding"
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed(f"{what} has {len(parts)} parts, expected 3")
    header = Fields(
        parse_json(decode_base64url(parts[0], what=f"the header of {what}"), what=f"the header of {what}"),
        where=f"the header of {what}",
    )
    header.only(HEADER_MEMBERS)
    for name, expected in (("typ", TYPE), ("alg", ALGORITHM)):
        if header.text(name) != expected:
            raise VerificationFailed(
                f"{name} of {what} is {printable(header.text(name), limit=40)!r}, expected {expected!r}"
            )
    signature = decode_base64url(parts[2], what=f"the signature of {what}")
    payload = decode_base64url(parts[1], what=f"the payload of {what}")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, f"{parts[0]}.{parts[1]}".encode("ascii"))
    except InvalidSignature:
        raise VerificationFailed(
            f"the signature of {what} does not fit its content and the key {thumbprint(key)} of the statement"
        ) from None
    return Fields(parse_json(payload, what=f"the payload of {what}"), where="key binding")


def _compare(audience: str, nonce: str, made_at: datetime, asked: Asked) -> None:
    if audience != asked.audience:
        raise VerificationFailed(
            f"audience differs: the key binding was made for {printable(audience)!r}, "
            f"expected {printable(asked.audience)!r}"
        )
    if not _is_same(nonce, asked.nonce):
        raise VerificationFailed(
            f"nonce differs: the key binding has {printable(nonce, limit=80)!r}, not the one you gave"
        )
    if made_at > asked.now + CLOCK_SKEW:
        raise VerificationFailed(
            f"the key binding is dated {made_at.isoformat()}, in the future of this clock ({asked.now.isoformat()})"
        )
    if made_at < asked.now - asked.max_age:
        raise VerificationFailed(
            f"the key binding is dated {made_at.isoformat()}, more than {int(asked.max_age.total_seconds())} "
            "seconds ago: it may be an old one that was shown before"
        )


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(*(text.encode("utf-8", "surrogatepass") for text in (one, other)))


def _hash(presented: str) -> str:
    return encode_base64url(hashlib.sha256(presented.encode("ascii")).digest())


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise VerificationFailed(f"the key binding or its statement has no time: {seconds}") from None
