"""Sealing of personal data and secrets at rest: AES-256-GCM under wrapped keys, bound to their place.

Every person has a data key of their own, wrapped by the master key. Destroying the data key erases what it
sealed (P7). What belongs to nobody in particular (mail in the outbox, signing keys) is sealed by the system
key. `context` names the place of the value (`table:id:field`); a value moved elsewhere does not open.

Format of a sealed value: 1 byte version (1), 4 bytes master key id, 12 bytes nonce, ciphertext with tag.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, delete, func, insert, update
from sqlmodel import Field, Session, col, select

from registry.kernel.among import is_among
from registry.kernel.database import Table, UTCDateTime
from registry.kernel.inserting import insert_many
from registry.kernel.key_tokens import KeyToken
from registry.kernel.outcomes import CorruptRecord, GatehouseError

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + 4 + _NONCE_BYTES


class SealingKey(Table, table=True):
    """The wrapped data key of one person; the row goes when the person is erased."""

    subject_id: UUID = Field(primary_key=True)
    wrapped: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)


_SELECT_KEYS = select(SealingKey.subject_id, SealingKey.wrapped).order_by(col(SealingKey.subject_id))


@dataclass(frozen=True, slots=True)
class _MasterKey:
    key_id: bytes
    system: AESGCM
    wrapping: AESGCM
    blind: bytes = field(repr=False)

    @classmethod
    def derive(cls, secret: bytes) -> "_MasterKey":
        def expand(purpose: bytes) -> bytes:
            return HKDF(SHA256(), KEY_BYTES, None, b"gatehouse/1/" + purpose).derive(secret)

        return cls(
            key_id=hashlib.sha256(expand(b"id")).digest()[:4],
            system=AESGCM(expand(b"system")),
            wrapping=AESGCM(expand(b"wrap")),
            blind=expand(b"blind"),
        )

    def blind_index(self, value: str, purpose: str) -> bytes:
        message = purpose.encode() + b"\x00" + value.encode()
        return hmac.digest(self.blind, message, "sha256")


class Sealer:
    """Seals and opens; the first master key seals, the others still open what they sealed."""

    def __init__(self, *secrets: bytes, token: KeyToken | None = None) -> None:
        if not secrets or any(len(secret) < KEY_BYTES for secret in secrets):
            raise GatehouseError(f"a master key has at least {KEY_BYTES} bytes")
        keys = [_MasterKey.derive(secret) for secret in secrets]
        self._current = keys[0]
        self._by_id: Mapping[bytes, _MasterKey] = {key.key_id: key for key in keys}
        self.token = token
        """Where new signing keys are made; None: in the database, sealed."""

    def seal_system(self, plaintext: bytes, context: bytes) -> bytes:
        """Return `plaintext` sealed by the system key for this place."""
        return _seal(self._current.key_id, self._current.system, plaintext, context)

    def open_system(self, sealed: bytes, context: bytes) -> bytes:
        """Return what `seal_system` sealed; raise CorruptRecord if altered, moved or of a lost key."""
        return _open(self._master_of(sealed).system, sealed, context)

    def new_subject_key(self, session: Session, subject_id: UUID, *, now: datetime) -> "SubjectKey":
        """Create the data key of a person."""
        key = AESGCM.generate_key(256)
        wrapped = _seal(self._current.key_id, self._current.wrapping, key, b"subject:" + subject_id.bytes)
        session.exec(insert(SealingKey).values(subject_id=subject_id, wrapped=wrapped, created_at=now))
        return SubjectKey(self._current.key_id, AESGCM(key))

    def new_subject_keys(
        self, session: Session, subject_ids: Sequence[UUID], *, now: datetime
    ) -> "dict[UUID, SubjectKey]":
        """Create the data keys of several people at once."""
        keys = {subject_id: AESGCM.generate_key(256) for subject_id in subject_ids}
        rows = [
            {
                "subject_id": subject_id,
                "wrapped": _seal(
                    self._current.key_id, self._current.wrapping, key, b"subject:" + subject_id.bytes
                ),
                "created_at": now,
            }
            for subject_id, key in keys.items()
        ]
        insert_many(session, SealingKey, rows)
        return {one: SubjectKey(self._current.key_id, AESGCM(key)) for one, key in keys.items()}

    def find_subject_key(self, session: Session, subject_id: UUID) -> "SubjectKey | None":
        """Return the data key of a person, or None after erasure."""
        wrapped = session.exec(
            select(SealingKey.wrapped).where(SealingKey.subject_id == subject_id)
        ).one_or_none()
        return None if wrapped is None else self._unwrap(subject_id, wrapped)

    def find_subject_keys(self, session: Session, subject_ids: Sequence[UUID]) -> "dict[UUID, SubjectKey]":
        """Return the data keys of several people; erased ones are absent."""
        if not subject_ids:
            return {}
        wanted = _SELECT_KEYS.where(is_among(session, SealingKey.subject_id, subject_ids))
        rows = session.connection().execute(wanted)
        return {subject_id: self._unwrap(subject_id, wrapped) for subject_id, wrapped in rows}

    def destroy_subject_key(self, session: Session, subject_id: UUID) -> None:
        """Make all that the person's data key sealed unreadable for ever."""
        session.exec(delete(SealingKey).where(col(SealingKey.subject_id) == subject_id))

    def blind_index(self, value: str, purpose: str) -> bytes:
        """Return a keyed digest of `value`: equal values can be found, none can be guessed from it."""
        return self._current.blind_index(value, purpose)

    def blind_indexes(self, value: str, purpose: str) -> tuple[bytes, ...]:
        """Return the keyed digests of `value` under every master key, the current one first.

        What was stored before a rotation is found by one of the others.
        """
        return tuple(key.blind_index(value, purpose) for key in self._by_id.values())

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value was sealed, or a key wrapped, under the master key that seals now."""
        return sealed[1:5] == self._current.key_id

    def reseal_system(self, sealed: bytes, context: bytes) -> bytes:
        """Return what `seal_system` sealed for this place, sealed by the current system key."""
        return (
            sealed
            if self.is_current(sealed)
            else self.seal_system(self.open_system(sealed, context), context)
        )

    def rewrap_subject_keys(self, session: Session, *, limit: int) -> int:
        """Wrap some people's data keys anew that an older master key wraps; return how many, 0 when none is left.

        What they sealed stays as it is.
        """
        older = select(SealingKey.subject_id, SealingKey.wrapped).where(self.is_older(SealingKey.wrapped))
        rows = session.exec(older.order_by(col(SealingKey.subject_id)).limit(limit)).all()
        for subject_id, wrapped in rows:
            context = b"subject:" + subject_id.bytes
            key = _open(self._master_of(wrapped).wrapping, wrapped, context)
            again = _seal(self._current.key_id, self._current.wrapping, key, context)
            # Who is erased meanwhile stays so: only the very row that was read is changed.
            session.exec(
                update(SealingKey)
                .where(col(SealingKey.subject_id) == subject_id, col(SealingKey.wrapped) == wrapped)
                .values(wrapped=again)
            )
        return len(rows)

    def is_older(self, column: Any) -> ColumnElement[bool]:
        """Return the condition that a column's value is not under the current master key."""
        found: ColumnElement[bool] = func.substr(col(column), 2, 4) != self._current.key_id
        return found

    def derive_secret(self, purpose: str) -> bytes:
        """Return a 32-byte secret for one purpose, the same in every process of this registry."""
        return hmac.digest(self._current.blind, b"secret\x00" + purpose.encode(), "sha256")

    def _unwrap(self, subject_id: UUID, wrapped: bytes) -> "SubjectKey":
        master = self._master_of(wrapped)
        key = _open(master.wrapping, wrapped, b"subject:" + subject_id.bytes)
        return SubjectKey(master.key_id, AESGCM(key))

    def _master_of(self, sealed: bytes) -> _MasterKey:
        master = self._by_id.get(sealed[1:5])
        if master is None:
            raise CorruptRecord(f"sealed by an unknown master key, id {sealed[1:5].hex()}")
        return master


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The opened data key of one person; lives as long as one piece of work."""

    key_id: bytes
    _cipher: AESGCM = field(repr=False)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return `plaintext` sealed for this person and place."""
        return _seal(self.key_id, self._cipher, plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what `seal` sealed; raise CorruptRecord if altered, moved or of another person."""
        return _open(self._cipher, sealed, context)


def _seal(key_id: bytes, cipher: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + key_id + nonce + cipher.encrypt(nonce, plaintext, context)


def _open(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    if len(sealed) < _HEADER_BYTES or sealed[:1] != _VERSION:
        raise CorruptRecord(f"not a sealed value of version 1 ({len(sealed)} bytes)")
    try:
        return cipher.decrypt(sealed[5:_HEADER_BYTES], sealed[_HEADER_BYTES:], context)
    except InvalidTag:
        raise CorruptRecord("sealed value was altered, or belongs elsewhere") from None
