"""Releases whose bytes were inspected as an upload's are and, with a real object store, lie in it."""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from uuid import UUID

from registry.catalog import gates
from registry.catalog.domain import ModelView, StatedFile, blob_key
from registry.catalog.inspection import Inspector
from registry.catalog.manifests import GitBlobHasher
from registry.catalog.uploads import Measured, record_blob
from registry.identity.domain import Principal
from tests.world import CARD, World

TENSOR_BYTES = 2 * 1024 * 1024


def safetensors(size: int = TENSOR_BYTES) -> bytes:
    """A valid safetensors file with one tensor of `size` bytes that differ."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    pattern = bytes(range(256)) * 4099  # a length that is no power of two, so that shifted parts differ
    body = (pattern * (size // len(pattern) + 1))[:size]
    return len(header).to_bytes(8, "little") + header + body


WEIGHTS = safetensors()
FILES = {
    "README.md": CARD,
    "config.json": b'{"hidden_size": 8}\n',
    "model.safetensors": WEIGHTS,
}


@dataclass
class HubWorld(World):
    """A world whose files are what they seem."""

    keeps_bytes: bool = False
    """Whether the object store is a real one that takes the bytes."""
    _stated: dict[tuple[UUID, str], StatedFile] = field(default_factory=dict)
    """What publishers have brought already; a release may have the same bytes thousands of times."""

    def blob(self, publisher_id: UUID, content: bytes, *, text: bool) -> StatedFile:
        del text  # the inspection finds out
        sha256 = hashlib.sha256(content).hexdigest()
        if (known := self._stated.get((publisher_id, sha256))) is not None:
            return known
        hasher, inspector = GitBlobHasher(len(content)), Inspector(len(content))
        hasher.feed(content)
        inspector.feed(content)
        measured = Measured(
            size=len(content),
            sha256=sha256,
            git_oid=hasher.hexdigest(),
            inspection=inspector.finish(),
            content=inspector.content(),
        )
        self.write(record_blob, publisher_id=publisher_id, measured=measured, now=self.now)
        if self.keeps_bytes:
            assert self.store is not None
            self.store.put(blob_key(sha256), content)
        stated = StatedFile(path="", sha256=sha256, size=len(content))
        self._stated[publisher_id, sha256] = stated
        return stated

    def release(
        self, owner: Principal, publisher: Any, *, files: dict[str, bytes] | None = None, **given: Any
    ) -> ModelView:
        with same_weights_everywhere():
            return super().release(owner, publisher, files=files or FILES, **given)


def same_weights_everywhere() -> AbstractContextManager[object]:
    """Let publishers of one shared registry release the same weights.

    Scenes are many and their weights are one file. That the same weights are refused behind another gate has
    tests of its own, with registries of their own.
    """
    return patch.object(gates, "check_copies", return_value=None)
