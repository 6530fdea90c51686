"""Value to canonical bytes (RFC 8785, JSON Canonicalization Scheme) to digest.

Everything that is signed or hashed as a JSON value goes through here. Integers beyond 2^53 are
refused by the scheme: sizes and ids that may be larger are strings.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    # what is admitted here the sorted output of the fast encoder is the same; a property test compares them.
    if _are_simple((plain,)):
        try:
            encoded = _SORTED.encode(plain)
        except UnicodeEncodeError:  # half of a surrogate pair
            return rfc8785.dumps(plain)
        if encoded.isascii() or _has_plain_names(plain):
            return encoded
    return rfc8785.dumps(plain)


def canonical_digest(value: Json) -> Digest:
    """Return the SHA-256 digest of the canonical bytes of `value`."""
    return sha256(canonical_bytes(value))


def _are_simple(values: Iterable[object]) -> bool:
    """Whether all are made of texts, plain integers, booleans, lists, and mappings whose names are texts.

    The scheme writes floats as ECMAScript does; the encoder does not. Texts, which most are, come first.
    """
    value: Any
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is dict:
            for name in value:
                if type(name) is not str:
                    return False
            if not _are_simple(value.values()):
                return False
        elif kind is list or kind is tuple:
            if not _are_simple(value):
                return False
        elif kind is int:
            if not -INTEGER_MOST <= value <= INTEGER_MOST:
                return False
        elif value is not None and kind is not bool:
            return False
    return True


def _has_plain_names(value: object) -> bool:
    """Whether no name in `value` goes beyond ASCII; the scheme orders names by UTF-16 units, the encoder does not."""
    if type(value) is dict:
        return all(name.isascii() and _has_plain_names(member) for name, member in value.items())
    return all(map(_has_plain_names, value)) if isinstance(value, list | tuple) else True
