"""What a file is, found while its bytes stream past: kind, warnings, a summary for the page.

The same bytes may stand under several names, so an inspection speaks of bytes alone; `flags_for` adds what
follows from the name a release gives them.
"""

import codecs
import io
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from registry.catalog.pickles import (
    NAMES_SHOWN_COUNT,
    PickleFindings,
    has_pickle_magic,
    scan_numpy,
    scan_stream,
    scan_zip,
)
from registry.catalog.safetensors_header import (
    HEADER_READ_MAX_BYTES,
    LENGTH_BYTES,
    SafetensorsDefect,
    SafetensorsSummary,
    check_header,
    looks_like_safetensors,
    stated_header_length,
)

INSPECTION_VERSION = 1
CONTENT_MAX_BYTES = 1024 * 1024
"""Texts up to this size are kept in the database and served from there."""
LFS_POINTER_MAX_BYTES = 1024
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"Rar!": "rar",
}
_PICKLE_NAMES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
_WEIGHT_NAMES = (
    *_PICKLE_NAMES,
    ".safetensors",
    ".onnx",
    ".gguf",
    ".ggml",
    ".h5",
    ".msgpack",
    ".npz",
    ".tflite",
)


class FileKind(StrEnum):
    """What the bytes are."""

    EMPTY = "empty"
    TEXT = "text"
    SAFETENSORS = "safetensors"
    PICKLE = "pickle"
    ZIP = "zip"
    NUMPY = "numpy"
    GGUF = "gguf"
    LFS_POINTER = "lfs-pointer"
    ARCHIVE = "archive"
    BINARY = "binary"


class Severity(StrEnum):
    """How much a flag matters to somebody who is about to load the file."""

    NOTE = "note"
    CAUTION = "caution"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing to know about a file, in plain words."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found in a file's bytes."""

    kind: FileKind
    flags: tuple[Flag, ...] = ()
    safetensors: SafetensorsSummary | None = None


BLOCKING_CODES = frozenset({"safetensors-broken", "not-safetensors", "zip-unsafe-names", "zip-bomb"})
"""Files with these flags cannot be released: nothing honest can load them."""


class Inspector:
    """Takes a file's chunks in order; `finish` says what it is."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = bytearray()
        self._head_limit = CONTENT_MAX_BYTES
        self._fed = 0
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes) -> None:
        """Add the next bytes of the file."""
        taken = max(0, self._head_limit - len(self._head))
        self._head += chunk[:taken]
        if self._fed <= LENGTH_BYTES < len(self._head):
            # The first nine bytes are known now: a safetensors header is kept whole.
            self._head_limit = max(self._head_limit, self._header_end())
            self._head += chunk[taken : taken + self._head_limit - len(self._head)]
        self._fed += len(chunk)
        if self._decoder is not None and not _continues_text(self._decoder, chunk):
            self._decoder = None

    def _header_end(self) -> int:
        head = bytes(self._head[: LENGTH_BYTES + 1])
        if not looks_like_safetensors(head, self._size):
            return 0
        end = LENGTH_BYTES + (stated_header_length(head) or 0)
        return end if end <= HEADER_READ_MAX_BYTES else 0

    def finish(self, reader: BinaryIO | None = None) -> Inspection:
        """Return what the file is; `reader` gives the whole file again where the head is not enough."""
        if self._fed != self._size:
            raise ValueError(f"the file has {self._fed} bytes, expected {self._size}")
        if self._size == 0:
            return Inspection(kind=FileKind.EMPTY)
        head = bytes(self._head)
        if looks_like_safetensors(head, self._size):
            return self._safetensors(head)
        if head.startswith(_LFS_POINTER) and self._size <= LFS_POINTER_MAX_BYTES:
            return Inspection(kind=FileKind.LFS_POINTER, flags=(_LFS_FLAG,))
        archive = next((name for magic, name in _ARCHIVES.items() if head.startswith(magic)), None)
        if archive is None and head[257:262] == b"ustar":
            archive = "tar"
        if archive is not None:
            message = f"A {archive} archive; what is in it was not scanned."
            return Inspection(
                kind=FileKind.ARCHIVE, flags=(_flag("archive-not-scanned", Severity.CAUTION, message),)
            )
        if head.startswith(b"GGUF"):
            return Inspection(kind=FileKind.GGUF)
        whole = reader if len(head) < self._size else io.BytesIO(head)
        return self._scanned(head, whole)

    def content(self) -> bytes | None:
        """Return the file's bytes when it is a text small enough to be kept in the database."""
        if self._size > CONTENT_MAX_BYTES or not self._is_text():
            return None
        return bytes(self._head)

    def _is_text(self) -> bool:
        return self._decoder is not None and _continues_text(self._decoder, b"", final=True)

    def _safetensors(self, head: bytes) -> Inspection:
        length = stated_header_length(head) or 0
        if LENGTH_BYTES + length > HEADER_READ_MAX_BYTES:
            message = f"The safetensors header has {length:,} bytes, too many to be checked."
            flag = _flag("safetensors-header-large", Severity.CAUTION, message)
            return Inspection(kind=FileKind.SAFETENSORS, flags=(flag,))
        checked = check_header(head[LENGTH_BYTES : LENGTH_BYTES + length], self._size)
        if isinstance(checked, SafetensorsDefect):
            flag = _flag("safetensors-broken", Severity.DANGER, checked.message)
            return Inspection(kind=FileKind.SAFETENSORS, flags=(flag,))
        return Inspection(kind=FileKind.SAFETENSORS, safetensors=checked)

    def _scanned(self, head: bytes, whole: BinaryIO | None) -> Inspection:
        text = self._is_text()
        kind = FileKind.TEXT if text else FileKind.BINARY
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            kind = FileKind.ZIP
        elif head.startswith(b"\x93NUMPY"):
            kind = FileKind.NUMPY
        elif has_pickle_magic(head):
            kind = FileKind.PICKLE
        if whole is None:
            needed = kind in (FileKind.ZIP, FileKind.NUMPY, FileKind.PICKLE)
            return Inspection(kind=kind, flags=(_NOT_SCANNED,) if needed else ())
        if kind is FileKind.ZIP:
            return Inspection(kind=kind, flags=tuple(_zip_flags(scan_zip(whole, self._size))))
        if kind is FileKind.NUMPY:
            return Inspection(kind=kind, flags=tuple(_pickle_flags(scan_numpy(whole))))
        findings = scan_stream(whole)
        imports = findings.dangerous or (findings.unknown and findings.complete)
        if kind is FileKind.PICKLE or imports or findings.not_scanned:
            # Pickles of protocol 0 look like text; what they import gives them away.
            return Inspection(kind=FileKind.PICKLE, flags=tuple(_pickle_flags(findings)))
        return Inspection(kind=kind)


def _continues_text(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        return "\0" not in decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False


def _flag(code: str, severity: Severity, message: str) -> Flag:
    return Flag(code=code, severity=severity, message=message)


_LFS_FLAG = _flag(
    "lfs-pointer",
    Severity.DANGER,
    "This is a git-LFS pointer, not the file it points to: the real bytes were never uploaded.",
)
_NOT_SCANNED = _flag("not-scanned", Severity.CAUTION, "The file could not be scanned for code.")


def _pickle_flags(findings: PickleFindings) -> list[Flag]:
    flags: list[Flag] = []
    if findings.dangerous:
        names = _listed(findings.dangerous)
        message = f"Loading this file runs code: it calls {names}. Do not load it."
        flags.append(_flag("pickle-dangerous", Severity.DANGER, message))
    if findings.unknown:
        message = f"Loading this file imports {_listed(findings.unknown)}, not among the names known to be harmless."
        flags.append(_flag("pickle-unknown-imports", Severity.CAUTION, message))
    if findings.unreadable:
        message = "The pickle in this file cannot be read to its end, so what it does is not known."
        flags.append(_flag("pickle-unreadable", Severity.CAUTION, message))
    if findings.not_scanned:
        message = f"Not all of this file was scanned: {'; '.join(sorted(findings.not_scanned))}."
        flags.append(_flag("not-fully-scanned", Severity.CAUTION, message))
    if findings.pickles and not flags:
        message = "A pickle: loading it can run code. The scan found only harmless imports."
        flags.append(_flag("pickle", Severity.NOTE, message))
    return flags


def _zip_flags(findings: PickleFindings) -> list[Flag]:
    flags: list[Flag] = []
    if findings.unsafe_names:
        names = _listed(findings.unsafe_names)
        message = f"Unpacking this archive writes outside its folder: {names}."
        flags.append(_flag("zip-unsafe-names", Severity.DANGER, message))
    if findings.bomb is not None:
        flags.append(
            _flag(
                "zip-bomb", Severity.DANGER, f"This archive is built to exhaust its reader: {findings.bomb}."
            )
        )
    if findings.broken_archive:
        flags.append(_flag("zip-broken", Severity.CAUTION, "This archive cannot be read."))
    return flags + _pickle_flags(findings)


def _listed(names: set[str] | list[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - NAMES_SHOWN_COUNT
    return ", ".join(ordered[:NAMES_SHOWN_COUNT]) + (f" and {more} more" if more > 0 else "")


def flags_for(path: str, inspection: Inspection) -> tuple[Flag, ...]:
    """Return the flags of a file that a release calls `path`."""
    name = path.lower()
    flags = list(inspection.flags)
    if inspection.kind is FileKind.LFS_POINTER:
        return tuple(flags)
    if name.endswith(".safetensors") and inspection.kind is not FileKind.SAFETENSORS:
        flags.append(
            _flag(
                "not-safetensors", Severity.DANGER, "The name says safetensors; the bytes are something else."
            )
        )
    elif inspection.kind in (FileKind.TEXT, FileKind.EMPTY) and name.endswith(_WEIGHT_NAMES):
        what = "empty" if inspection.kind is FileKind.EMPTY else "a text"
        flags.append(
            _flag("not-weights", Severity.CAUTION, f"The name promises weights; the file is {what}.")
        )
    elif inspection.kind is FileKind.PICKLE and not name.endswith(_PICKLE_NAMES):
        flags.append(
            _flag(
                "pickle-by-another-name", Severity.CAUTION, "The name does not say so, but this is a pickle."
            )
        )
    return tuple(flags)


def find_blocking(path: str, inspection: Inspection) -> Flag | None:
    """Return the flag because of which this file cannot be released, if there is one."""
    return next((flag for flag in flags_for(path, inspection) if flag.code in BLOCKING_CODES), None)


def inspection_json(inspection: Inspection) -> bytes:
    """Return the inspection as JSON, for storage."""
    document: dict[str, Any] = {
        "v": INSPECTION_VERSION,
        "kind": inspection.kind.value,
        "flags": [
            {"code": flag.code, "severity": flag.severity.value, "message": flag.message}
            for flag in inspection.flags
        ],
    }
    if inspection.safetensors is not None:
        summary = inspection.safetensors
        document["safetensors"] = {
            "tensors": summary.tensors,
            "parameters": str(summary.parameters),
            "dtypes": summary.dtypes,
            "metadata": summary.metadata,
        }
    return json.dumps(document, separators=(",", ":")).encode()


def parse_inspection(data: bytes) -> Inspection:
    """Return the inspection that `inspection_json` wrote."""
    document = json.loads(data)
    summary = document.get("safetensors")
    return Inspection(
        kind=FileKind(document["kind"]),
        flags=tuple(
            Flag(code=flag["code"], severity=Severity(flag["severity"]), message=flag["message"])
            for flag in document["flags"]
        ),
        safetensors=None
        if summary is None
        else SafetensorsSummary(
            tensors=summary["tensors"],
            parameters=int(summary["parameters"]),
            dtypes=summary["dtypes"],
            metadata=summary["metadata"],
        ),
    )
