"""The header of a safetensors file, checked against the file's size without reading the tensors.

Format: huggingface/safetensors README, "Format": 8 bytes little-endian header length, a JSON object,
then the data; tensors cover the data without holes or overlaps.
"""

import json
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

LENGTH_BYTES = 8
HEADER_MAX_BYTES = 100_000_000
"""The format's own limit (`MAX_HEADER_SIZE` of the safetensors library)."""
HEADER_READ_MAX_BYTES = 25_000_000
"""Real headers stay below 5 MB; a larger one is reported unread, so that checking it cannot eat the memory."""
METADATA_MAX_ENTRIES = 50
METADATA_MAX_CHARACTERS = 500
DIMENSIONS_MAX_COUNT = 32

_BITS = {
    dtype: bits
    for bits, dtypes in {
        4: ("F4",),
        6: ("F6_E2M3", "F6_E3M2"),
        8: ("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
        16: ("I16", "U16", "F16", "BF16"),
        32: ("I32", "U32", "F32"),
        64: ("I64", "U64", "F64", "C64"),
    }.items()
    for dtype in dtypes
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsSummary:
    """What the header says about the tensors."""

    tensors: int
    parameters: int
    dtypes: dict[str, int]
    """Data type to number of tensors."""
    metadata: dict[str, str]
    """The `__metadata__` texts, cut to a reasonable size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsDefect:
    """The first thing in the header that does not fit."""

    message: str


def stated_header_length(head: bytes) -> int | None:
    """Return the header length that the first 8 bytes state; None when there are fewer."""
    return int.from_bytes(head[:LENGTH_BYTES], "little") if len(head) >= LENGTH_BYTES else None


def looks_like_safetensors(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that starts with `head` claims to be safetensors."""
    length = stated_header_length(head)
    if length is None or head[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        return False
    return 2 <= length <= min(HEADER_MAX_BYTES, size - LENGTH_BYTES)


def check_header(header: bytes, size: int) -> SafetensorsSummary | SafetensorsDefect:
    """Return a summary when `header` describes a file of `size` bytes exactly, else what does not fit."""
    try:
        document = json.loads(header, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _HeaderError) else "it is not JSON"
        return SafetensorsDefect(message=f"The header cannot be read: {reason}.")
    if not isinstance(document, dict):
        return SafetensorsDefect(message="The header is not a JSON object.")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        return SafetensorsDefect(message="The header's __metadata__ is not a list of texts.")
    data_bytes = size - LENGTH_BYTES - len(header)
    try:
        parameters, dtypes = _check_tensors(document, data_bytes)
    except _HeaderError as error:
        return SafetensorsDefect(message=f"{error}.")
    shown = list(metadata.items())[:METADATA_MAX_ENTRIES]
    return SafetensorsSummary(
        tensors=len(document),
        parameters=parameters,
        dtypes=dict(sorted(dtypes.items())),
        metadata={key[:METADATA_MAX_CHARACTERS]: text[:METADATA_MAX_CHARACTERS] for key, text in shown},
    )


class _HeaderError(ValueError):
    """What does not fit, in plain words."""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _HeaderError("a name is given more than once")
    return found


def _refuse_constant(name: str) -> None:
    raise _HeaderError(f"{name} is not a JSON number")


def _check_tensors(document: dict[str, Any], data_bytes: int) -> tuple[int, Counter[str]]:
    spans: list[tuple[int, int, str]] = []
    dtypes: Counter[str] = Counter()
    parameters = 0
    for name, tensor in document.items():
        shown = ascii(name[:60])
        if not isinstance(tensor, dict):
            raise _HeaderError(f"Tensor {shown} is not an object")
        dtype: Any = tensor.get("dtype")
        shape: Any = tensor.get("shape")
        offsets: Any = tensor.get("data_offsets")
        if not isinstance(dtype, str) or dtype not in _BITS:
            raise _HeaderError(f"Tensor {shown} has an unknown data type")
        if not _are_counts(shape) or len(shape) > DIMENSIONS_MAX_COUNT:
            raise _HeaderError(f"Tensor {shown} has no readable shape")
        if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
            raise _HeaderError(f"Tensor {shown} has no readable place in the file")
        elements = prod(shape)
        if elements * _BITS[dtype] != (offsets[1] - offsets[0]) * 8:
            raise _HeaderError(f"Tensor {shown} has another size than its shape and data type say")
        parameters += elements
        dtypes[dtype] += 1
        spans.append((offsets[0], offsets[1], shown))
    end = 0
    for start, stop, shown in sorted(spans):
        if start != end:
            raise _HeaderError(f"Tensor {shown} does not start where the one before it ends")
        end = stop
    if end != data_bytes:
        raise _HeaderError(f"The tensors cover {end:,} bytes of data, the file holds {data_bytes:,}")
    return parameters, dtypes


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63 for number in value
    )
