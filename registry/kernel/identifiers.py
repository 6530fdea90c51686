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


_last_ms = 0
_sequence = 0
_uuid_lock = threading.Lock()


def new_id(now_ms: int | None = None) -> UUID:
    """Return a UUIDv7 (RFC 9562): sorted by time, in order within one process, otherwise random."""
    global _last_ms, _sequence  # the counter that keeps ids of one millisecond in order
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    with _uuid_lock:
        if moment <= _last_ms:
            moment = _last_ms
            _sequence += 1
            if _sequence > 0xFFF:
                moment += 1
                _sequence = 0
        else:
            _sequence = 0
        _last_ms = moment
        sequence = _sequence
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(moment << 80) | (0x7 << 76) | (sequence << 64) | (0b10 << 62) | random)
