"""Signing keys: made, rotated, sealed at rest, opened once into an immutable ring; JWS, notes, JWK.

A key signs from `valid_from` to `valid_until`; its public part stays published for ever, so that what it
signed in that time stays verifiable. Rotation leaves the old key valid for `ROTATION_OVERLAP`: processes
that opened their ring before go on with it until they open it again.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.kernel.canonical import Json
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.key_tokens import PrivateKey
from registry.kernel.outcomes import CorruptRecord, GatehouseError
from registry.kernel.sealing import Sealer
from registry.ledger.domain import KeyPurpose
from registry.ledger.notes import NoteSignature, key_id
from registry.ledger.tables import SigningKey

ROTATION_OVERLAP = timedelta(hours=1)
"""How long a rotated key may still sign; a ring must be opened anew within this time."""
ALGORITHM = "Ed25519"
"""RFC 9864; the polymorphic name `EdDSA` is deprecated."""


PUBLIC_BYTES = 32
_IN_TOKEN = b"gatehouse-token:"
"""Before the public part and the label of a key in a token; longer than the 32 bytes of a private key with them."""


class SignatureMismatch(GatehouseError):
    """A signature does not fit, or its key is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKey:
    """The public part of a key, and when it may have signed."""

    kid: str
    purpose: KeyPurpose
    public: bytes
    valid_from: datetime
    valid_until: datetime | None
    compromised_at: datetime | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the key may have signed at `moment`."""
        return self.valid_from <= moment and (self.valid_until is None or moment <= self.valid_until)

    def jwk(self) -> dict[str, str | None]:
        """Return the key as a JWK (RFC 8037) with its validity."""
        members = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _base64url(self.public),
            "kid": self.kid,
            "use": self.purpose.value,
            "valid_from": iso(self.valid_from),
            "valid_until": iso(self.valid_until) if self.valid_until else None,
        }
        return members | ({"compromised_at": iso(self.compromised_at)} if self.compromised_at else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that signs; its private part never leaves it."""

    kid: str
    public: bytes
    private: PrivateKey = field(repr=False)

    def sign_jws(self, payload: bytes, header: Mapping[str, Json]) -> str:
        """Return the compact JWS (RFC 7515) of `payload`; `alg` and `kid` are set here."""
        if not header.keys().isdisjoint({"alg", "kid"}):
            raise ValueError("alg and kid of a signature are not the caller's to choose")
        members = json.dumps({"alg": ALGORITHM, "kid": self.kid, **header}, separators=(",", ":"))
        message = f"{_base64url(members.encode())}.{_base64url(payload)}"
        return f"{message}.{_base64url(self.private.sign(message.encode()))}"

    def sign_note(self, text: str, name: str) -> NoteSignature:
        """Return the signature line of `name` under the note text `text` (C2SP signed-note)."""
        return NoteSignature(
            name=name, key_id=key_id(name, self.public), signature=self.private.sign(text.encode())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The current keys, opened, and every public key there ever was."""

    statement: Signer
    checkpoint: Signer
    published: tuple[PublishedKey, ...]

    def sign_jws(self, payload: bytes, header: Mapping[str, Json]) -> str:
        """Return the compact JWS of `payload` by the statement key."""
        return self.statement.sign_jws(payload, header)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedJWS:
    """A signature that fits: by which key, over what."""

    key: PublishedKey
    header: Mapping[str, Json]
    payload: bytes


class JWSVerifier:
    """Verifies many signatures by statement keys; each key and each header is read once."""

    def __init__(self, published: Sequence[PublishedKey]) -> None:
        self._keys = {
            key.kid: (key, Ed25519PublicKey.from_public_bytes(key.public))
            for key in published
            if key.purpose is KeyPurpose.STATEMENT
        }
        self._headers: dict[str, Mapping[str, Json]] = {}

    def verify(self, token: str) -> VerifiedJWS:
        """Return the content of a compact JWS; the key's validity is the caller's to check.

        Raises:
            SignatureMismatch: it is no such JWS, its key is unknown, or its signature does not fit.
        """
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():
            raise SignatureMismatch("it is not a compact JWS of three parts")
        header = self._read_header(parts[0])
        key, public = self._keys[str(header["kid"])]
        try:
            public.verify(_decode(parts[2]), f"{parts[0]}.{parts[1]}".encode())
        except InvalidSignature:
            raise SignatureMismatch(f"the signature does not fit the text and key {key.kid}") from None
        return VerifiedJWS(key=key, header=header, payload=_decode(parts[1]))

    def _read_header(self, encoded: str) -> Mapping[str, Json]:
        """Return a header that says how we sign, by a key that is known; nothing else is remembered."""
        known = self._headers.get(encoded)
        if known is not None:
            return known
        try:
            header = json.loads(_decode(encoded))
        except ValueError:
            raise SignatureMismatch("its header is not JSON") from None
        if not isinstance(header, dict) or header.get("alg") != ALGORITHM:
            raise SignatureMismatch(f"it is not signed with {ALGORITHM}")
        # Nothing here signs with extensions; one that is marked critical could change what was signed.
        if "crit" in header or "b64" in header:
            raise SignatureMismatch("signature has critical header members, expected none")
        if header.get("kid") not in self._keys:
            raise SignatureMismatch(f"signed by an unknown key: got kid {str(header.get('kid'))[:64]!r}")
        self._headers[encoded] = header
        return header


def verify_jws(token: str, published: Sequence[PublishedKey]) -> VerifiedJWS:
    """Do as `JWSVerifier.verify` for one signature."""
    return JWSVerifier(published).verify(token)


def thumbprint(public: bytes) -> str:
    """Return the JWK thumbprint (RFC 7638) of an Ed25519 key: the `kid` of every key here."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(public)}"}}'
    return _base64url(hashlib.sha256(members.encode()).digest())


def load_key_ring(session: Session, *, sealer: Sealer) -> KeyRing:
    """Return the current keys opened, and all public ones.

    Raises:
        CorruptRecord: a purpose has no current key, or a stored key does not fit itself.
    """
    rows = session.exec(select(SigningKey).order_by(col(SigningKey.created_at), col(SigningKey.kid))).all()
    current = {row.purpose: row for row in rows if row.retired_at is None}
    for purpose in KeyPurpose:
        if purpose not in current:
            raise CorruptRecord(f"there is no current {purpose.value} key")
    return KeyRing(
        statement=open_key(current[KeyPurpose.STATEMENT], sealer=sealer),
        checkpoint=open_key(current[KeyPurpose.CHECKPOINT], sealer=sealer),
        published=tuple(_published(row) for row in rows),
    )


def ensure_key_ring(session: Session, *, sealer: Sealer, now: datetime) -> KeyRing:
    """Return the key ring; keys that were never made are made. Safe for processes that start at once."""
    for purpose in KeyPurpose:
        if session.exec(select(SigningKey.kid).where(SigningKey.purpose == purpose).limit(1)).first() is None:
            try:
                with session.begin_nested():
                    _create_key(session, purpose, sealer=sealer, now=now)
            except IntegrityError:
                continue  # Another process has made it; it is read below.
    return load_key_ring(session, sealer=sealer)


def rotate_key(session: Session, purpose: KeyPurpose, *, sealer: Sealer, now: datetime) -> str:
    """Make a new current key for `purpose` and return its kid; the old one ends after the overlap."""
    session.exec(
        update(SigningKey)
        .where(col(SigningKey.purpose) == purpose, col(SigningKey.retired_at).is_(None))
        .values(retired_at=now + ROTATION_OVERLAP)
    )
    return _create_key(session, purpose, sealer=sealer, now=now)


def end_compromised_key(
    session: Session, kid: str, *, sealer: Sealer, now: datetime, compromised_at: datetime
) -> str | None:
    """End the key `kid`, in wrong hands since `compromised_at`, at once; return the kid of the key after it.

    None means that the key was not the current one, or is unknown, so that none had to follow.
    """
    row = session.get(SigningKey, kid)
    if row is None:
        return None
    was_current = row.retired_at is None
    session.exec(
        update(SigningKey)
        .where(col(SigningKey.kid) == kid)
        .values(
            retired_at=now if row.retired_at is None else min(now, row.retired_at),
            compromised_at=compromised_at,
        )
    )
    return _create_key(session, row.purpose, sealer=sealer, now=now) if was_current else None


def reseal_keys(session: Session, *, sealer: Sealer) -> int:
    """Seal the private parts anew that an older master key seals; return how many."""
    rows = session.exec(select(SigningKey).where(sealer.is_older(SigningKey.sealed_private))).all()
    for row in rows:
        context = _sealing_context(row.kid, row.purpose, row.created_at)
        session.exec(
            update(SigningKey)
            .where(col(SigningKey.kid) == row.kid)
            .values(sealed_private=sealer.reseal_system(row.sealed_private, context))
        )
    return len(rows)


def list_published_keys(session: Session) -> list[PublishedKey]:
    """Return every public key, oldest first."""
    statement = select(SigningKey).order_by(col(SigningKey.created_at), col(SigningKey.kid))
    return [_published(row) for row in session.exec(statement)]


def is_current(session: Session, kid: str) -> bool:
    """Whether the key `kid` is the one that its purpose signs with now."""
    statement = select(SigningKey.kid).where(SigningKey.kid == kid, col(SigningKey.retired_at).is_(None))
    return session.exec(statement).first() is not None


def open_key(row: SigningKey, *, sealer: Sealer) -> Signer:
    """Return the stored key, ready to sign; a row that was altered or put in from outside does not open.

    Raises:
        CorruptRecord: the kid, the public part or the sealed part does not fit the others.
        GatehouseError: the key is in a token, which is not set up here or does not have it.
    """
    sealed = check_key(row, sealer=sealer)
    if not sealed.startswith(_IN_TOKEN):
        return Signer(kid=row.kid, public=row.public, private=Ed25519PrivateKey.from_private_bytes(sealed))
    if sealer.token is None:
        raise GatehouseError(
            f"signing key {row.kid} is in a key token; set GATEHOUSE_PKCS11_MODULE and the like"
        )
    label = sealed.removeprefix(_IN_TOKEN)[PUBLIC_BYTES:].decode()
    return Signer(kid=row.kid, public=row.public, private=sealer.token.open(label))


def check_key(row: SigningKey, *, sealer: Sealer) -> bytes:
    """Return what the sealed part of a stored key holds, after making sure that all of its parts fit.

    That is the private key, or where the key is in a token; the token is not asked.

    Raises:
        CorruptRecord: the kid, the public part or the sealed part does not fit the others.
    """
    sealed = sealer.open_system(row.sealed_private, _sealing_context(row.kid, row.purpose, row.created_at))
    if sealed.startswith(_IN_TOKEN):
        public = sealed.removeprefix(_IN_TOKEN)[:PUBLIC_BYTES]
    else:
        public = Ed25519PrivateKey.from_private_bytes(sealed).public_key().public_bytes_raw()
    if public != row.public or thumbprint(public) != row.kid:
        raise CorruptRecord(f"signing key {row.kid} does not fit its public part")
    return sealed


def _create_key(session: Session, purpose: KeyPurpose, *, sealer: Sealer, now: datetime) -> str:
    if sealer.token is None:
        private = Ed25519PrivateKey.generate()
        public, kept = private.public_key().public_bytes_raw(), private.private_bytes_raw()
    else:
        made = sealer.token.create(f"gatehouse-{purpose.value}-{new_id()}")
        public, kept = made.public, _IN_TOKEN + made.public + made.label.encode()
    kid = thumbprint(public)
    sealed = sealer.seal_system(kept, _sealing_context(kid, purpose, now))
    session.exec(
        insert(SigningKey).values(
            kid=kid, purpose=purpose, public=public, sealed_private=sealed, created_at=now
        )
    )
    return kid


def _sealing_context(kid: str, purpose: KeyPurpose, created_at: datetime) -> bytes:
    """Return what binds the sealed part to the facts of its row that must never change."""
    return f"signing_key:{kid}:{purpose.value}:{iso(created_at)}".encode()


def _published(row: SigningKey) -> PublishedKey:
    return PublishedKey(
        kid=row.kid,
        purpose=row.purpose,
        public=row.public,
        valid_from=row.created_at,
        valid_until=row.retired_at,
        compromised_at=row.compromised_at,
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Return the bytes of unpadded base64url; one value has one spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        data = b""
    if _base64url(data) != text:
        raise SignatureMismatch("a part of it is not base64url in its one spelling")
    return data
