"""A file while it arrives: its spans in any order, its digest from the front, its journal for a later run.

The bytes go to `.gatehouse/<name>.part`; the journal beside it has one line `start end` per stretch that was written.
After `kill -9` both are still there and only what is missing is fetched. The journal is a hint, not evidence:
whatever it says, the file gets its name only after the SHA-256 over all its bytes was right.
"""

import errno
import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from registry.client.errors import ClientError
from registry.client.folder import TargetFolder
from registry.client.release import ReleaseFile

JOURNAL_MAX_BYTES = 16 << 20
JOURNAL_STEP_BYTES = 8 << 20
"""A stretch is noted at least this often: the most per connection that a killed run fetches again."""
HASH_BLOCK_BYTES = 1 << 20
WRITE_OUT_STEP_BYTES = 16 << 20
"""The disk starts to write after so many bytes were hashed; otherwise all of it waits for the last `fsync`."""

_LINE = re.compile(rb"(\d{1,18}) (\d{1,18})\n")


@dataclass(slots=True)
class Span:
    """A stretch that one connection fetches: bytes from `position` to `end` are still missing."""

    position: int
    end: int
    noted: int
    """Up to here the journal knows of it."""


class Settled(StrEnum):
    """How the check of a complete file ended."""

    IN_PLACE = "in-place"
    WRONG_DIGEST = "wrong-digest"
    STOPPED = "stopped"


class PartialFile:
    """One file on its way; its methods may be called by several threads."""

    def __init__(self, folder: TargetFolder, file: ReleaseFile) -> None:
        name = f"{file.sha256[:40]}-{hashlib.sha256(file.path.encode()).hexdigest()[:16]}"
        self.file = file
        self.changed = threading.Condition()
        self.resumed_bytes = 0
        self._generation = 0
        self._folder = folder
        self._part_name = f"{name}.part"
        self._journal_name = f"{name}.spans"
        self._part = folder.open_state_file(self._part_name)
        self._journal = folder.open_state_file(self._journal_name, flags=os.O_APPEND)
        self._gaps: list[tuple[int, int]] = []
        self._active: list[Span] = []
        self._load()

    def _load(self) -> None:
        """Find out what an earlier run has left; an unfinished last line of the journal is ignored."""
        size = self.file.size
        written: list[tuple[int, int]] = []
        if os.fstat(self._part).st_size == size:
            data = os.pread(self._journal, JOURNAL_MAX_BYTES, 0)
            stretches = sorted((int(match[1]), int(match[2])) for match in _LINE.finditer(data))
            written = [(start, end) for start, end in stretches if start < end <= size]
        position = 0
        for start, end in written:
            if start > position:
                self._gaps.append((position, start))
            position = max(position, end)
        if position < size:
            self._gaps.append((position, size))
        self.resumed_bytes = size - sum(end - start for start, end in self._gaps)
        if not written:
            self._begin_anew()

    def _begin_anew(self) -> None:
        os.ftruncate(self._journal, 0)
        os.ftruncate(self._part, 0)
        os.ftruncate(self._part, self.file.size)
        self._gaps = [(0, self.file.size)] if self.file.size else []
        self._active = []
        self._generation += 1
        self.resumed_bytes = 0

    def start_over(self) -> None:
        """Forget every byte; no span may be held by anybody."""
        with self.changed:
            self._begin_anew()
            self.changed.notify_all()

    def close(self) -> None:
        """Release the files; what was written stays for a later run, if it is anything."""
        if self._gaps and self.missing_bytes() == self.file.size:
            self.discard()
        os.close(self._part)
        os.close(self._journal)

    def take(self, *, at_most_bytes: int) -> Span | None:
        """Return the next stretch to fetch, or None while all of the rest is being fetched."""
        with self.changed:
            if not self._gaps:
                return None
            start, end = self._gaps.pop(0)
            if end - start > at_most_bytes:
                self._gaps.insert(0, (start + at_most_bytes, end))
                end = start + at_most_bytes
            span = Span(position=start, end=end, noted=start)
            self._active.append(span)
            return span

    def is_complete(self) -> bool:
        """Whether every byte has been written."""
        with self.changed:
            return not self._gaps and not self._active

    def missing_bytes(self) -> int:
        """Return how many bytes nobody has taken yet."""
        with self.changed:
            return sum(end - start for start, end in self._gaps)

    def write(self, span: Span, data: memoryview) -> None:
        """Store the next bytes of `span`.

        Raises:
            ClientError: the disk is full or failing.
        """
        position, written = span.position, 0
        try:
            while written < len(data):
                written += os.pwrite(self._part, data[written:], position + written)
            if position + written - span.noted >= JOURNAL_STEP_BYTES or position + written == span.end:
                self._note(span.noted, position + written)
                span.noted = position + written
        except OSError as error:
            raise _disk_error(error) from None
        with self.changed:
            span.position = position + written
            if span.position == span.end:
                self._active.remove(span)
            self.changed.notify_all()

    def wake(self) -> None:
        """Let whoever waits for bytes look again."""
        with self.changed:
            self.changed.notify_all()

    def put_back(self, span: Span) -> None:
        """Give up the rest of `span`, for another connection or a later run."""
        with self.changed:
            if span not in self._active:
                return
            self._active.remove(span)
            if span.position > span.noted:
                self._note(span.noted, span.position)
            self._gaps = sorted([*self._gaps, (span.position, span.end)])
            self.changed.notify_all()

    def _note(self, start: int, end: int) -> None:
        """Append one line in one write (`O_APPEND`): two threads' lines never mix."""
        os.write(self._journal, b"%d %d\n" % (start, end))

    def _contiguous(self) -> int:
        """Return up to where all bytes from the front are there."""
        starts = [span.position for span in self._active]
        if self._gaps:
            starts.append(self._gaps[0][0])
        return min(starts, default=self.file.size)

    def settle(self, should_stop: Callable[[], bool]) -> Settled:
        """Hash the bytes as they close up from the front; at the end move a right file to its place, durably.

        Runs beside the connections that still write: hashing overlaps with fetching.
        """
        block = memoryview(bytearray(min(HASH_BLOCK_BYTES, max(self.file.size, 1))))
        hasher, position, generation = hashlib.sha256(), 0, self._generation
        while position < self.file.size:
            with self.changed:
                while self._contiguous() <= position and self._generation == generation:
                    if should_stop():
                        return Settled.STOPPED
                    self.changed.wait()
                available = self._contiguous()
                if self._generation != generation:
                    # What was hashed is gone from the file.
                    hasher, position, generation = hashlib.sha256(), 0, self._generation
                    continue
            count = os.preadv(self._part, [block[: min(len(block), available - position)]], position)
            hasher.update(block[:count])
            position += count
            if position % WRITE_OUT_STEP_BYTES < count:
                self._begin_write_out(position)
        if hasher.hexdigest() != self.file.sha256:
            return Settled.WRONG_DIGEST
        try:
            os.fsync(self._part)
        except OSError as error:
            raise _disk_error(error) from None
        self._folder.install(self._part_name, self.file.path)
        self._folder.remove_state_file(self._journal_name)
        return Settled.IN_PLACE

    def _begin_write_out(self, position: int) -> None:
        """Let the kernel write what was hashed last; Linux does so on this advice, without waiting."""
        start = max(0, position - WRITE_OUT_STEP_BYTES)
        os.posix_fadvise(self._part, start, position - start, os.POSIX_FADV_DONTNEED)

    def discard(self) -> None:
        """Remove what was written, so that no later run builds on it."""
        self._folder.remove_state_file(self._part_name)
        self._folder.remove_state_file(self._journal_name)


def _disk_error(error: OSError) -> ClientError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ClientError(
            "the disk is full",
            advice=("Make room and run the same command again: it goes on where it stopped.",),
        )
    return ClientError(f"cannot write: {os.strerror(error.errno or 0)}")
