"""Keys that acceptances are bound to: one each, in a private folder beside the credentials, by its thumbprint.

A key of its own for every acceptance, since it stands in the public statement: one that was used twice would tell
that both acceptances are one person's.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.client.credentials import CredentialFile
from registry.client.errors import ClientError, Malformed
from registry.client.keys import decode_base64url, encode_base64url, thumbprint
from registry.client.wire import Fields, parse_json

FOLDER = "receipt-keys"
FILE_MAX_BYTES = 4 << 10
POSSESSION_PREFIX = b"gatehouse-holder-key/1\n"
"""Before the declaration that a new key signs, so that no signature of it can be taken for one of another kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderKey:
    """A key pair of one acceptance."""

    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"HolderKey({self.name!r})"

    @property
    def public(self) -> bytes:
        """The 32 bytes that are given away."""
        return self.private.public_key().public_bytes_raw()

    @property
    def name(self) -> str:
        """Its RFC 7638 thumbprint."""
        return thumbprint(self.public)

    @property
    def x(self) -> str:
        """The public key as a statement names it (RFC 8037)."""
        return encode_base64url(self.public)

    def prove(self, declaration: bytes) -> str:
        """Return the signature that shows that the key is at hand."""
        return encode_base64url(self.private.sign(POSSESSION_PREFIX + declaration))


class HolderKeys:
    """The folder of the keys, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "HolderKeys":
        """Return the folder in the user's configuration."""
        return cls(CredentialFile.of_user(environment).path.parent / FOLDER)

    def keep(self, key: HolderKey) -> None:
        """Store a key; it is on the disk when this returns.

        Raises:
            ClientError: it cannot be written.
        """
        jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": key.x,
            "d": encode_base64url(key.private.private_bytes_raw()),
        }
        path = self._path(key.name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(jwk, file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ClientError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None

    def forget(self, key: HolderKey) -> None:
        """Remove a key that nothing was bound to."""
        with suppress(OSError):
            self._path(key.name).unlink(missing_ok=True)

    def find(self, public: bytes) -> HolderKey | None:
        """Return the private part of a key, if it is kept here."""
        path = self._path(thumbprint(public))
        return read_holder_key(path) if path.is_file() else None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def make_holder_key() -> HolderKey:
    """Return a new key that nobody has seen."""
    return HolderKey(private=Ed25519PrivateKey.generate())


def read_holder_key(path: Path) -> HolderKey:
    """Return the key in a file: a private Ed25519 JWK (RFC 8037).

    Raises:
        ClientError: the file cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES)
    except OSError as error:
        raise ClientError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
    jwk = Fields(parse_json(data, what=str(path)), where=path.name)
    if (jwk.text("kty"), jwk.text("crv")) != ("OKP", "Ed25519"):
        raise Malformed(f"{path} holds no Ed25519 key")
    secret = decode_base64url(jwk.text("d"), what=f"{path.name}.d")
    if len(secret) != 32:
        raise Malformed(f"{path} holds no Ed25519 key")
    key = HolderKey(private=Ed25519PrivateKey.from_private_bytes(secret))
    if jwk.text("x") != key.x:
        raise Malformed(f"{path} holds a private key that does not belong to its public one")
    return key
