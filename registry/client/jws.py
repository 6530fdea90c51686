"""Compact JWS (RFC 7515) with the one algorithm that a registry uses: `Ed25519` (RFC 9864)."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.client.errors import Malformed, VerificationFailed, printable
from registry.client.keys import KeyUse, PublicKey, decode_base64url
from registry.client.wire import Fields, parse_json

ALGORITHM = "Ed25519"
JWS_MAX_CHARACTERS = 64 << 20
HEADER_MEMBERS = frozenset({"alg", "kid", "typ", "cty"})
"""Every other header member could change what the signature means (`crit`, `b64`, `jwk`, `x5u`) and is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedJWS:
    """The parts of a JWS; nothing in it counts before `check_signature` has returned."""

    algorithm: str
    kid: str
    typ: str | None
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse_compact(token: str, *, what: str) -> UnverifiedJWS:
    """Return the parts of a compact JWS.

    Raises:
        Malformed: it has another form, or header members that are not understood.
    """
    if len(token) > JWS_MAX_CHARACTERS:
        raise Malformed(f"{what} is longer than {JWS_MAX_CHARACTERS} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed(f"{what} has {len(parts)} parts, expected 3")
    header_bytes = decode_base64url(parts[0], what=f"the header of {what}")
    header = Fields(parse_json(header_bytes, what=f"the header of {what}"), where=f"the header of {what}")
    header.only(HEADER_MEMBERS)
    return UnverifiedJWS(
        algorithm=header.text("alg"),
        kid=header.text("kid"),
        typ=header.maybe_text("typ"),
        payload=decode_base64url(parts[1], what=f"the payload of {what}"),
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=decode_base64url(parts[2], what=f"the signature of {what}"),
    )


def find_key(keys: Sequence[PublicKey], *, kid: str, use: KeyUse) -> PublicKey | None:
    """Return the key named `kid` that may sign for `use`."""
    return next((key for key in keys if key.kid == kid and key.use is use), None)


def check_signature(token: UnverifiedJWS, key: PublicKey, *, what: str) -> None:
    """Return if `key` has signed `token`.

    Raises:
        VerificationFailed: the algorithm is another one, or the signature does not fit.
    """
    if token.algorithm != ALGORITHM:
        raise VerificationFailed(
            f"{what} is signed with {printable(token.algorithm, limit=40)!r}, expected {ALGORITHM!r}"
        )
    if not key.has_signed(token.signature, token.signing_input):
        raise VerificationFailed(f"the signature of {what} does not fit its content and key {key.kid}")
