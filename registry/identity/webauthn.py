"""Adapter to WebAuthn (Level 3) through Yubico's `fido2`: options for the browser, checks of what it answers.

A challenge is made without a row in the database: it carries its end and a keyed digest over what it is for and
which browser it was given to. That it is answered once is noted when it is answered.
"""

import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

CHALLENGE_LIFETIME = timedelta(minutes=15)
ANSWER_MAX_CHARACTERS = 32 * 1024
CREDENTIAL_ID_MAX_BYTES = 1023
"""WebAuthn Level 3, §4 "Credential ID"."""
_NONCE_BYTES = 16
_TIME_BYTES = 8
_REQUIRED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A new passkey that the browser made for this registry."""

    credential_id: bytes
    credential: bytes
    sign_count: int
    backed_up: bool
    challenge: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A passkey that the browser used; the signature is not yet checked."""

    credential_id: bytes
    user_handle: bytes | None
    challenge: bytes
    _answer: AuthenticationResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An assertion with the key that made it, as anybody checks it (WebAuthn §7.2)."""

    rp_id: str
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""


class WebAuthn:
    """Makes and checks WebAuthn messages for one registry."""

    def __init__(self, *, base_url: str, name: str, secret: bytes) -> None:
        """Take the public address: its host is the RP id, its origin the only one that counts."""
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        self.offered = _is_usable(parts.scheme, host)
        """Whether browsers offer passkeys at this address: https or localhost, and a name, not a number."""
        self._secret = secret
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(name=name, id=host or "localhost"),
            verify_origin=lambda origin: origin == base_url,
        )

    def challenge(self, purpose: str, bound_to: str, *, now: datetime) -> bytes:
        """Return a challenge for one purpose and one browser or session."""
        ends = int((now + CHALLENGE_LIFETIME).timestamp())
        body = os.urandom(_NONCE_BYTES) + ends.to_bytes(_TIME_BYTES, "big")
        return body + self._mac(body, purpose, bound_to)

    def challenge_end(self, challenge: bytes, purpose: str, bound_to: str) -> datetime | None:
        """Return when a challenge ends; None if it was not made here, for this purpose and this browser."""
        body, mac = challenge[: _NONCE_BYTES + _TIME_BYTES], challenge[_NONCE_BYTES + _TIME_BYTES :]
        if len(body) < _NONCE_BYTES + _TIME_BYTES:
            return None
        if not hmac.compare_digest(mac, self._mac(body, purpose, bound_to)):
            return None
        return datetime.fromtimestamp(int.from_bytes(body[_NONCE_BYTES:], "big"), UTC)

    def creation_options(self, challenge: bytes, *, person_id: UUID, label: str, known: list[bytes]) -> str:
        """Return what the browser is given to make a passkey, as JSON."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(name=label, id=person_id.bytes, display_name=label),
            credentials=_descriptors(known),
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return json.dumps(dict(options.public_key))

    def request_options(self, challenge: bytes, *, allowed: list[bytes] | None = None) -> str:
        """Return what the browser is given to use a passkey, as JSON; any of this registry's if none is named."""
        options, _ = self._server.authenticate_begin(
            credentials=_descriptors(allowed) if allowed else None,
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return json.dumps(dict(options.public_key))

    def read_registration(self, answer: str) -> Registered | None:
        """Return the new passkey of an answer that fits its own challenge, origin and RP id; else None."""
        try:
            response = RegistrationResponse.from_dict(_parse(answer))
            challenge = response.response.client_data.challenge
            data = self._server.register_complete(_state(challenge), response)
        except _UNREADABLE:
            return None
        made = data.credential_data
        if made is None or len(made.credential_id) > CREDENTIAL_ID_MAX_BYTES:
            return None
        return Registered(
            credential_id=made.credential_id,
            credential=bytes(made),
            sign_count=data.counter,
            backed_up=bool(data.flags & data.FLAG.BS),
            challenge=challenge,
        )

    def read_assertion(self, answer: str) -> Shown | None:
        """Return which passkey an answer names; None if it cannot be read."""
        try:
            response = AuthenticationResponse.from_dict(_parse(answer))
            return Shown(
                credential_id=response.raw_id,
                user_handle=response.response.user_handle,
                challenge=response.response.client_data.challenge,
                _answer=response,
            )
        except _UNREADABLE:
            return None

    def check_assertion(self, shown: Shown, credential: bytes) -> tuple[int, bool] | None:
        """Return the signature counter and whether the key is backed up, if this key has signed the answer."""
        try:
            key = AttestedCredentialData(credential)
            self._server.authenticate_complete(_state(shown.challenge), [key], shown._answer)  # noqa: SLF001 - of this module
        except _UNREADABLE:
            return None
        data = shown._answer.response.authenticator_data  # noqa: SLF001 - of this module
        return data.counter, bool(data.flags & data.FLAG.BS)

    def prove(self, shown: Shown, credential: bytes) -> "Proven | None":
        """Return what shows to others that the passkey signed; None for a kind of key that few can check."""
        key = _spki(AttestedCredentialData(credential).public_key)
        answer = shown._answer.response  # noqa: SLF001 - of this module
        if key is None:
            return None
        return Proven(
            rp_id=self._server.rp.id or "",
            client_data=bytes(answer.client_data),
            authenticator_data=bytes(answer.authenticator_data),
            signature=answer.signature,
            public_key=key,
        )

    def _mac(self, body: bytes, purpose: str, bound_to: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}\x00{bound_to}\x00".encode() + body, "sha256")


_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)
"""What the library raises for answers that do not fit, whatever is wrong with them."""


def _is_usable(scheme: str, host: str) -> bool:
    if host == "localhost":
        return True
    is_number = ":" in host or host.replace(".", "").isdigit()
    return scheme == "https" and not is_number


def _parse(answer: str) -> dict[str, object]:
    if len(answer) > ANSWER_MAX_CHARACTERS:
        raise ValueError("too large")
    given = json.loads(answer)
    if not isinstance(given, dict):
        raise TypeError("not an object")
    return given


def _spki(key: CoseKey) -> bytes | None:
    """Return a public key as SubjectPublicKeyInfo: those of ES256, EdDSA and RS256 (RFC 9053 §2, RFC 8230 §4)."""
    public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
    if key.get(3) == ES256.ALGORITHM:
        public = ec.EllipticCurvePublicNumbers(
            int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big"), ec.SECP256R1()
        ).public_key()
    elif key.get(3) == EdDSA.ALGORITHM:
        public = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
    elif key.get(3) == RS256.ALGORITHM:
        numbers = rsa.RSAPublicNumbers(int.from_bytes(key[-2], "big"), int.from_bytes(key[-1], "big"))
        public = numbers.public_key()
    else:
        return None
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _state(challenge: bytes) -> dict[str, object]:
    return {"challenge": websafe_encode(challenge), "user_verification": _REQUIRED}


def _descriptors(ids: list[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one) for one in ids]
