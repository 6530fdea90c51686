"""Ids, names and digests, and their parsing."""

import hashlib
import os
import re
import threading
import time
from typing import NewType
from uuid import UUID

Digest = NewType("Digest", str)
"""`sha256:` followed by 64 lower-case hex digits."""

CommitId = NewType("CommitId", str)
"""40 lower-case hex digits."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9.+-]*[a-z0-9+])?\Z")

REPO_ID_MAX_CHARACTERS = 96
"""Length limit of `publisher/model` (huggingface_hub `validate_repo_id`)."""


def sha256(data: bytes) -> Digest:
    """Return the digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def parse_digest(text: str) -> Digest | None:
    """Return `text` as a digest if it has the form `sha256:<64 hex>`."""
    return Digest(text) if _DIGEST.match(text) else None


def is_sha256_hex(text: str) -> bool:
    """Whether `text` is 64 lower-case hex digits."""
    return _SHA256_HEX.match(text) is not None


def is_commit_id(text: str) -> bool:
    """Whether `text` is a 40-hex commit id."""
    return _COMMIT.match(text) is not None


def is_name(text: str) -> bool:
    """Whether `text` may name a publisher or a model, by the Hub's repo-id rules."""
    return (
        len(text) <= REPO_ID_MAX_CHARACTERS
        and _NAME.match(text) is not None
        and "--" not in text
        and ".." not in text
        and not text.endswith(".git")
    )


def is_slug(text: str) -> bool:
    """Whether `text` may be the slug of a license."""
    return len(text) <= 64 and _SLUG.match(text) is not None and ".." not in text


class _MonotonicIds:
    """UUIDv7 whose order within one process never goes back, also when the clock does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = 0
        self._sequence = 0

    def next(self) -> UUID:
        with self._lock:
            moment = time.time_ns() // 1_000_000
            if moment > self._last_ms:
                self._last_ms, self._sequence = moment, 0
            elif self._sequence < 0xFFF:
                self._sequence += 1
            else:
                self._last_ms, self._sequence = self._last_ms + 1, 0
            high = (self._last_ms << 80) | (0x7 << 76) | (self._sequence << 64)
        random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
        return UUID(int=high | (0b10 << 62) | random)


_ids = _MonotonicIds()


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): sorted by time, in order within one process, otherwise random."""
    return _ids.next()
