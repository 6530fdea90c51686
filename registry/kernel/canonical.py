"""Value to canonical bytes (RFC 8785, JSON Canonicalization Scheme) to digest.

Everything that is signed or hashed as a JSON value goes through here. Integers beyond 2^53 are
refused by the scheme: sizes and ids that may be larger are strings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import rfc8785

from registry.kernel.identifiers import Digest, sha256

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]

INTEGER_MOST = 2**53 - 1
"""The largest integer that every reader of JSON takes for the same number (RFC 8785 §3.2.2.3)."""
_SORTED = msgspec.json.Encoder(order="sorted")


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`; equal values give equal bytes."""
    plain: Any = value
    # An acceptance is canonicalised twice, and the library in pure Python took a third of all its time. For
    # what `_is_simple` admits the sorted output of the fast encoder is the same; a property test compares them.
    return _SORTED.encode(plain) if _is_simple(plain) else rfc8785.dumps(plain)


def canonical_digest(value: Json) -> Digest:
    """Return the SHA-256 digest of the canonical bytes of `value`."""
    return sha256(canonical_bytes(value))


def _is_simple(value: object) -> bool:
    """Whether `value` has no number that is not a plain integer, and no name beyond ASCII.

    The scheme orders names by UTF-16 units and writes floats as ECMAScript does; the encoder does neither.
    """
    if type(value) is str:
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if type(value) is dict:
        return all(
            type(name) is str and name.isascii() and _is_simple(member) for name, member in value.items()
        )
    if type(value) is int:
        return -INTEGER_MOST <= value <= INTEGER_MOST
    if type(value) is list or type(value) is tuple:
        return all(map(_is_simple, value))
    return value is None or type(value) is bool
