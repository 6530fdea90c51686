"""What the catalog needs of an object store. The composition root passes one in; every call may block."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

PART_LINK_S = 900
"""How long a link to upload one part is good for; a slow line sends 64 MiB in that time at 0.6 Mbit/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part of an upload that the store has."""

    number: int
    size: int
    etag: str


class ObjectStore(Protocol):
    """An S3 bucket. Each function raises `Unavailable` when the store cannot be reached."""

    @property
    def threads(self) -> Executor:
        """Where calls of this store may block."""
        ...

    def start_multipart(self, key: str) -> str:
        """Begin an upload in parts and return its id."""
        ...

    def presign_part(self, key: str, multipart_id: str, number: int, *, expires_s: int = PART_LINK_S) -> str:
        """Return a URL to which part `number` can be PUT for so long; no network."""
        ...

    def list_parts(self, key: str, multipart_id: str) -> list[StoredPart] | None:
        """Return the parts that are there, by number; None where no such upload is open."""
        ...

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the parts one object; afterwards no URL of the upload can change it."""
        ...

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Give the upload up and drop its parts; succeeds where there is none."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Store a small object; raise `Unavailable` unless the store confirms its digest."""
        ...

    def open(self, key: str) -> Iterator[bytes]:
        """Return the object's bytes in chunks."""
        ...

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start` on."""
        ...

    def head(self, key: str) -> int | None:
        """Return the object's size, or None where there is none."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object of any size inside the store; an existing target with this key stays or is equal."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; succeeds where there is none."""
        ...


async def ask(
    objects: ObjectStore,
    call: Callable[Parameters, Answer],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Answer:
    """Return what a blocking call gives, on the store's own threads: one that stalls holds up no page."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(objects.threads, partial(call, *args, **kwargs))
