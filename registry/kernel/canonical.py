"""Value to canonical bytes (RFC 8785, JSON Canonicalization Scheme) to digest.

Everything that is signed or hashed as a JSON value goes through here. Integers beyond 2^53 are
refused by the scheme: sizes and ids that may be larger are strings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

from registry.kernel.identifiers import Digest, sha256

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`; equal values give equal bytes."""
    plain: Any = value
    return rfc8785.dumps(plain)


def canonical_digest(value: Json) -> Digest:
    """Return the SHA-256 digest of the canonical bytes of `value`."""
    return sha256(canonical_bytes(value))
