"""Where signing keys live that are not kept in the database: a seam for hardware tokens and key services.

The database keeps a sealed reference and the public part; the private part never leaves the token.
"""

from dataclasses import dataclass
from typing import Protocol


class PrivateKey(Protocol):
    """Signs with Ed25519 (RFC 8032); raises Unavailable where it cannot now."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the 64 bytes of the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A key that a token has made."""

    label: str
    """How the token finds it again."""
    public: bytes
    """32 bytes."""


class KeyToken(Protocol):
    """A place that makes Ed25519 keys and signs with them."""

    def create(self, label: str) -> TokenKey:
        """Return a new key under a label that no other has."""

    def open(self, label: str) -> PrivateKey:
        """Return the key under a label; raise GatehouseError where there is none."""
