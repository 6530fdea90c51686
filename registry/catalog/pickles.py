"""What loading a pickle would import, found by reading its opcodes; nothing is ever unpickled.

Adapter of the picklescan library, with bounds that it lacks: large values are skipped unread, the number
of opcodes is limited, and archives are checked before any member is unpacked.
"""

import io
import logging
import os
import pickletools
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, BinaryIO, Self

from picklescan.relaxed_zipfile import RelaxedZipFile
from picklescan.scanner import SafetyLevel, scan_pickle_bytes

READS_MAX_COUNT = 600_000
"""Reads of one pickle stream, about two an opcode; keeps the scanner's list below 100 MB."""
SKIPPED_FROM_BYTES = 64 * 1024
"""Longer values are tensors or blobs of bytes, never a module's name."""
LINE_MAX_BYTES = 64 * 1024
MEMBERS_MAX_COUNT = 200_000
DIRECTORY_MAX_BYTES = 64 * 1024 * 1024
MEMBER_PICKLE_MAX_BYTES = 64 * 1024 * 1024
"""Of one unpacked pickle in an archive; torch keeps tensors in members of their own."""
MEMBERS_SCANNED_MAX_COUNT = 4_096
UNPACKED_MAX_BYTES = 256 * 1024 * 1024
RATIO_MAX = 200
RATIO_FROM_BYTES = 10 * 1024 * 1024
"""Below this, a high ratio is harmless: a file of zeros, say."""
NAMES_SHOWN_COUNT = 10
TORCH_PICKLES_COUNT = 5

_PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dat", ".data", ".p", ".ckpt")
_PROTOCOLS = frozenset({b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"})
_TOO_LONG = "the pickle has too many steps to follow"
_NUMPY_MAGIC = b"\x93NUMPY"
_END_OF_DIRECTORY = b"PK\x05\x06"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""First value of the files that torch wrote before it wrote zip archives (torch/serialization.py)."""


@dataclass(slots=True, kw_only=True)
class PickleFindings:
    """What was found in one file, across all pickles in it."""

    pickles: int = 0
    dangerous: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    complete: bool = False
    """The first pickle reaches its end, which no other text or data does by chance."""
    unreadable: bool = False
    """A pickle breaks off or is malformed."""
    not_scanned: set[str] = field(default_factory=set)
    """Why parts were left unscanned."""
    unsafe_names: list[str] = field(default_factory=list)
    bomb: str | None = None
    broken_archive: bool = False

    def add(self, other: "PickleFindings") -> None:
        """Take over what was found in another part of the file."""
        self.pickles += other.pickles
        self.dangerous |= other.dangerous
        self.unknown |= other.unknown
        self.unreadable = self.unreadable or other.unreadable
        self.not_scanned |= other.not_scanned


def has_pickle_magic(head: bytes) -> bool:
    """Whether `head` starts like a pickle of protocol 2 to 5."""
    return head[:2] in _PROTOCOLS


def scan_stream(reader: BinaryIO) -> PickleFindings:
    """Return what the pickles from the reader's position on would import; the tensors after them are passed over."""
    _silence_scanner()
    start = reader.tell()
    if not (ended := _first_pickle(_Window(reader))).reaches_stop and not ended.imports:
        return PickleFindings(unreadable=True, not_scanned={_TOO_LONG} if ended.exhausted else set())
    findings = PickleFindings(pickles=1, complete=ended.reaches_stop, unreadable=not ended.reaches_stop)
    reader.seek(start)
    window = _Window(reader)
    try:
        if ended.is_torch:
            # Five pickles, then the tensors' bytes (torch/serialization.py, `_legacy_load`).
            for _ in range(TORCH_PICKLES_COUNT):
                _scan(window, findings, multiple=False)
        else:
            _scan(window, findings, multiple=True)
    except _BudgetSpentError:
        findings.not_scanned.add(_TOO_LONG)
        findings.dangerous |= {_shown(name) for name in ended.imports if _is_known_dangerous(name)}
    except Exception:  # noqa: BLE001  # The library raises whatever hostile bytes provoke.
        findings.unreadable = True
        reader.seek(start)
        _judge_first(_Window(reader), ended, findings)
    return findings


def _judge_first(window: "_Window", first: "_FirstPickle", findings: PickleFindings) -> None:
    """Add what the first pickle imports, where the scanner cannot follow what comes after it."""
    try:
        _scan(window, findings, multiple=False)
    except Exception:  # noqa: BLE001  # As above; the names that were seen are all that is known.
        dangerous = {name for name in first.imports if _is_known_dangerous(name)}
        findings.dangerous |= {_shown(name) for name in dangerous}
        findings.unknown |= {
            _shown(name) or "a name that cannot be followed" for name in first.imports - dangerous
        }


def _scan(window: "_Window", findings: PickleFindings, *, multiple: bool) -> None:
    result = scan_pickle_bytes(window, "upload", multiple_pickles=multiple)
    findings.unreadable = findings.unreadable or result.scan_err
    for found in result.globals:
        name = _shown(f"{found.module}.{found.name}")
        if found.safety is SafetyLevel.Dangerous:
            findings.dangerous.add(name)
        elif found.safety is SafetyLevel.Suspicious:
            findings.unknown.add(name)


def scan_numpy(reader: BinaryIO) -> PickleFindings:
    """Return what loading a `.npy` file would import: only arrays of objects hold a pickle."""
    prefix = reader.read(12)
    wide = prefix[6:7] >= b"\x02"
    length = int.from_bytes(prefix[8:12] if wide else prefix[8:10], "little")
    reader.seek(12 if wide else 10)
    if length > LINE_MAX_BYTES:
        return PickleFindings(not_scanned={"the array's header is too long"})
    header = reader.read(length)
    return scan_stream(reader) if b"O" in header.partition(b"'descr'")[2].split(b",")[0] else PickleFindings()


def scan_zip(reader: BinaryIO, size: int) -> PickleFindings:
    """Return what the members of a zip archive are and what the pickles among them would import."""
    _silence_scanner()
    findings = PickleFindings()
    if _directory_bytes(reader, size) > DIRECTORY_MAX_BYTES:
        findings.bomb = "its table of contents is larger than any real archive's"
        return findings
    try:
        with RelaxedZipFile(reader, "r") as archive:
            members = archive.infolist()
            findings.unsafe_names = list(_unsafe_names(members))
            findings.bomb = _find_bomb(members, size)
            if findings.bomb is None:
                _scan_members(archive, members, findings)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        findings.broken_archive = True
    return findings


def _scan_members(archive: RelaxedZipFile, members: list[zipfile.ZipInfo], findings: PickleFindings) -> None:
    # Members that are named like pickles come first: they are what torch and others load.
    ordered = sorted(members, key=lambda member: not member.filename.lower().endswith(_PICKLE_SUFFIXES))
    if len(ordered) > MEMBERS_SCANNED_MAX_COUNT:
        findings.not_scanned.add(f"the archive holds {len(ordered):,} files")
    budget = UNPACKED_MAX_BYTES
    for member in ordered[:MEMBERS_SCANNED_MAX_COUNT]:
        budget -= _scan_member(archive, member, findings)
        if budget < 0:
            findings.not_scanned.add("the archive holds too much to unpack")
            return


def _scan_member(archive: RelaxedZipFile, member: zipfile.ZipInfo, findings: PickleFindings) -> int:
    """Add what one member holds to `findings`; return how many bytes were unpacked."""
    try:
        with archive.open(member, "r") as opened:
            head = opened.read(8)
        named = member.filename.lower().endswith(_PICKLE_SUFFIXES)
        numpy = head.startswith(_NUMPY_MAGIC)
        if not (named or numpy or has_pickle_magic(head)):
            return len(head)
        with archive.open(member, "r") as opened:
            data = opened.read(MEMBER_PICKLE_MAX_BYTES)
    except Exception:  # noqa: BLE001  # zipfile raises whatever a hostile archive provokes (zlib.error, struct.error, …).
        findings.not_scanned.add("a member of the archive cannot be unpacked")
        return 0
    found = (scan_numpy if numpy else scan_stream)(io.BytesIO(data))
    if not named and found.unreadable and not found.dangerous:
        return len(data)  # Tensor data that happens to start like a pickle.
    if len(data) == MEMBER_PICKLE_MAX_BYTES:
        found.not_scanned.add("a pickle in the archive is too large")
    findings.add(found)
    return len(data)


def _unsafe_names(members: Iterable[zipfile.ZipInfo]) -> Iterable[str]:
    for member in members:
        name = member.orig_filename
        steps = name.replace("\\", "/").split("/")
        linked = stat.S_ISLNK(member.external_attr >> 16)
        if linked or ".." in steps or name[:1] in ("/", "\\") or ":" in steps[0] or "\0" in name:
            yield _shown(name)


def _find_bomb(members: list[zipfile.ZipInfo], size: int) -> str | None:
    if len(members) > MEMBERS_MAX_COUNT:
        return f"it holds {len(members):,} files"
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    if packed > size:
        return "its files overlap"
    if unpacked > RATIO_FROM_BYTES and unpacked > RATIO_MAX * max(packed, 1):
        return f"it unpacks to {unpacked:,} bytes, more than {RATIO_MAX} times its size"
    return None


def _directory_bytes(reader: BinaryIO, size: int) -> int:
    """Return how large the archive says its table of contents is, before anything reads it."""
    tail_from = max(0, size - 65_557)
    reader.seek(tail_from)
    tail = reader.read(65_557)
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(tail) < at + 22:
        return 0
    stated = int.from_bytes(tail[at + 12 : at + 16], "little")
    locator = tail.rfind(b"PK\x06\x06", 0, at)
    if locator >= 0:
        stated = max(
            stated if stated < 2**32 - 1 else 0, int.from_bytes(tail[locator + 40 : locator + 48], "little")
        )
    reader.seek(0)
    return stated


@dataclass(slots=True, kw_only=True)
class _FirstPickle:
    reaches_stop: bool = False
    is_torch: bool = False
    exhausted: bool = False
    imports: set[str] = field(default_factory=set)


def _first_pickle(window: "_Window") -> _FirstPickle:
    """Follow the first pickle of the stream to its end; guards against files that only look like one."""
    seen = _FirstPickle()
    try:
        for opcode, argument, _at in pickletools.genops(window):
            if opcode.name in ("GLOBAL", "INST"):
                seen.imports.add(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                seen.imports.add("")
            elif opcode.name in ("LONG1", "LONG4", "LONG") and argument == _TORCH_MAGIC:
                seen.is_torch = True
        seen.reaches_stop = True
    except _BudgetSpentError:
        seen.exhausted = True
    except Exception:  # noqa: BLE001, S110  # Any error means: not a pickle from here on.
        pass
    return seen


def _is_known_dangerous(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in (
        "os",
        "posix",
        "nt",
        "subprocess",
        "sys",
        "builtins",
        "__builtin__",
        "runpy",
    )


def _shown(name: str) -> str:
    """Return a name out of hostile bytes as short ASCII on one line."""
    plain = "".join(character if " " < character < "\x7f" else "?" for character in name)
    return plain[:80]


def _silence_scanner() -> None:
    # The library logs names out of the file, newlines included; they must not reach our log.
    logging.getLogger("picklescan").disabled = True


class _BudgetSpentError(Exception):
    """The stream has more steps than are followed."""


class _Skipped(bytes):
    """Stands for a long value that was passed over; says its length and holds nothing."""

    length: int

    def __new__(cls, length: int) -> Self:
        made = super().__new__(cls)
        made.length = length
        return made

    def __len__(self) -> int:
        return self.length


class _Window(io.RawIOBase, IO[bytes]):
    """A reader with a budget that does not load long values."""

    def __init__(self, reader: BinaryIO) -> None:
        super().__init__()
        self._reader = reader
        at = reader.tell()
        self._size = reader.seek(0, os.SEEK_END)
        reader.seek(at)
        self._left = READS_MAX_COUNT

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _BudgetSpentError

    def read(self, size: int = -1, /) -> bytes:
        self._spend()
        at = self._reader.tell()
        if size < 0 or size > self._size - at:
            size = self._size - at
        if size <= SKIPPED_FROM_BYTES:
            return self._reader.read(size)
        self._reader.seek(at + size)
        return _Skipped(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        del size
        self._spend()
        return self._reader.readline(LINE_MAX_BYTES)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def seekable(self) -> bool:
        return True
