import collections
import io
import json
import os
import pickle
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.inspection import (
    CONTENT_MAX_BYTES,
    FileKind,
    Inspection,
    Inspector,
    find_blocking,
    flags_for,
    inspection_json,
    parse_inspection,
)

RAN: list[str] = []


class Evil:
    """Its pickle says `os.system`; that nothing runs is checked by `RAN`."""

    def __reduce__(self) -> Any:
        return RAN.append, ("ran",)


class Calls:
    def __init__(self, target: Any) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return self.target, ("true",)


def inspect(data: bytes, *, chunk: int = 100_000, reader: bool = True) -> Inspection:
    inspector = Inspector(len(data))
    for start in range(0, len(data), chunk):
        inspector.feed(data[start : start + chunk])
    return inspector.finish(io.BytesIO(data) if reader else None)


def codes(data: bytes, path: str = "model.bin") -> list[str]:
    return [flag.code for flag in flags_for(path, inspect(data))]


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(start: int, stop: int, dtype: str = "F32", shape: list[int] | None = None) -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": [(stop - start) // 4] if shape is None else shape,
        "data_offsets": [start, stop],
    }


GOOD = safetensors({"__metadata__": {"format": "pt"}, "b": tensor(8, 16), "a": tensor(0, 8)}, b"\0" * 16)


def make_zip(members: dict[str, bytes], *, packed: bool = False) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


@pytest.mark.parametrize("chunk", [1, 7, 8, 9, 10_000])
def test_a_good_safetensors_file_is_summed_up(chunk: int) -> None:
    found = inspect(GOOD, chunk=chunk)
    assert found.kind is FileKind.SAFETENSORS
    assert found.flags == ()
    assert found.safetensors is not None
    assert (found.safetensors.tensors, found.safetensors.parameters) == (2, 4)
    assert found.safetensors.dtypes == {"F32": 2}
    assert found.safetensors.metadata == {"format": "pt"}


def test_a_header_larger_than_what_is_kept_of_other_files_is_read_whole() -> None:
    header = {f"tensor.{n:06}": tensor(4 * n, 4 * n + 4) for n in range(20_000)}
    data = safetensors(header, b"\0" * 80_000)
    assert len(data) > CONTENT_MAX_BYTES
    found = inspect(data, chunk=65_536)
    assert found.safetensors is not None
    assert found.safetensors.tensors == 20_000


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:-1],
        GOOD + b"x",
        safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, b"\0" * 12),
        safetensors({"a": tensor(0, 8), "b": tensor(12, 16)}, b"\0" * 16),
        safetensors({"a": tensor(4, 8)}, b"\0" * 8),
        safetensors({"a": tensor(0, 8, shape=[3])}, b"\0" * 8),
        safetensors({"a": tensor(0, 8, dtype="X9")}, b"\0" * 8),
        safetensors({"a": tensor(0, 8, shape=[-2])}, b"\0" * 8),
        safetensors({"a": tensor(0, 8, shape=[2**62, 2**62, 2**62])}, b"\0" * 8),
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, b"\0" * 8),
        safetensors({"a": {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}}, b"\0" * 8),
        safetensors({"a": {"dtype": [], "shape": {}, "data_offsets": None}}),
        safetensors({"a": 5}),
        safetensors({"__metadata__": {"a": 5}}),
        safetensors(
            b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
            b"\0" * 4,
        ),
        safetensors(b"{nonsense"),
        safetensors(b'{"a": NaN}'),
        safetensors(b'{"a":' + b"[" * 100_000),
        safetensors(b"{" + b"\xff" * 10),
    ],
)
def test_a_safetensors_header_that_does_not_fit_blocks_the_release(data: bytes) -> None:
    assert codes(data, "model.safetensors") == ["safetensors-broken"]
    assert find_blocking("model.safetensors", inspect(data)) is not None


@pytest.mark.parametrize(
    "data", [b"", b"x", (2**63).to_bytes(8, "little") + b"{}", b"\xff" * 100, b"text\n", GOOD[:8]]
)
def test_other_bytes_under_a_safetensors_name_block_the_release(data: bytes) -> None:
    blocking = find_blocking("sub/Model.SafeTensors", inspect(data))
    assert blocking is not None
    assert blocking.code == "not-safetensors"
    assert find_blocking("data.txt", inspect(data)) is None


@given(st.binary(max_size=300))
def test_any_header_is_judged(noise: bytes) -> None:
    inspect(safetensors(b"{" + noise))
    inspect(noise)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("target", [os.system, eval, exec, __import__])
def test_pickles_that_call_out_are_flagged_and_never_run(protocol: int, target: Any) -> None:
    found = codes(pickle.dumps(Calls(target), protocol=protocol))
    assert found[0] in ("pickle-dangerous", "pickle-unknown-imports")
    if target is not __import__:
        assert found[0] == "pickle-dangerous"


def test_nothing_in_a_pickle_is_executed() -> None:
    for data in (pickle.dumps(Evil()), make_zip({"archive/data.pkl": pickle.dumps(Evil())})):
        inspect(data)
    assert RAN == []


def evil_pickle() -> bytes:
    return pickle.dumps(Calls(os.system))


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        (evil_pickle(), "notes.txt", ["pickle-dangerous", "pickle-by-another-name"]),
        (b"cposix\nsystem\n(S'true'\ntR.", "README.md", ["pickle-dangerous", "pickle-by-another-name"]),
        (pickle.dumps({"x": b"y" * 500_000, "z": Calls(os.system)}), "a.pkl", ["pickle-dangerous"]),
        (pickle.dumps(1) + evil_pickle(), "a.pkl", ["pickle-dangerous"]),
        (evil_pickle()[:-1], "a.pkl", ["pickle-dangerous", "pickle-unreadable"]),
        (evil_pickle() + b"\0" * 50, "a.pkl", ["pickle-dangerous", "pickle-unreadable"]),
        (pickle.dumps(collections.OrderedDict(a=1)), "a.pkl", ["pickle"]),
        (pickle.dumps(Calls(json.loads)), "a.pkl", ["pickle-unknown-imports"]),
        (b"\x80\x04garbage", "a.pkl", ["pickle-unreadable"]),
        (b"\x80\x02" + b"}" * 2_000_000, "a.bin", ["pickle-unreadable", "not-fully-scanned"]),
        (b"plain words", "a.bin", ["not-weights"]),
        (b"config\nvalues\n# Title\n", "README.md", []),
        (b"cjson\nloads\n(S'1'\ntR.", "a.pkl", ["pickle-unknown-imports"]),
        (b"c\nd\ne\nf\n", "vocab.txt", []),
        (b"(" * 2_000_000, "a.pkl", ["pickle-unreadable", "not-fully-scanned"]),
        (b"", "a.bin", ["not-weights"]),
        (b"", "a.txt", []),
        (b"\x1f\x8b\x08rest", "a.bin", ["archive-not-scanned"]),
        (b"7z\xbc\xaf\x27\x1c", "a.pt", ["archive-not-scanned"]),
        (b"\0" * 257 + b"ustar\0" + b"\0" * 249, "a.nemo", ["archive-not-scanned"]),
        (b"\x08\x07onnx" + bytes(range(128, 192)), "a.onnx", []),
        (b"GGUF\x03\0\0\0", "a.gguf", []),
    ],
)
def test_what_a_file_holds_is_said_whatever_its_name(data: bytes, path: str, expected: list[str]) -> None:
    assert codes(data, path) == expected


def test_a_pickle_of_endless_steps_is_not_followed_to_the_end() -> None:
    data = b"\x80\x02" + b"]0" * 2_000_000 + b"cposix\nsystem\n."
    (flag, *_) = inspect(data).flags
    assert flag.code in ("pickle-unreadable", "not-fully-scanned")


def test_the_old_format_of_torch_is_read_through_its_five_pickles() -> None:
    def legacy(state: Any) -> bytes:
        values = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, state, ["0"]]
        return b"".join(pickle.dumps(value, protocol=2) for value in values) + bytes(range(256)) * 50

    assert codes(legacy(collections.OrderedDict(a=1)), "alex.pth") == ["pickle"]
    assert codes(legacy(Calls(os.system)), "alex.pth") == ["pickle-dangerous"]


def numpy_file(dtype: str, rest: bytes) -> bytes:
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': (1,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + rest


def test_arrays_of_objects_are_scanned_and_plain_arrays_are_not_suspected() -> None:
    assert codes(numpy_file("|O", evil_pickle()), "x.npy") == ["pickle-dangerous"]
    assert codes(numpy_file("<f4", b"\0\0\0\0"), "x.npy") == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"m/data.pkl": pickle.dumps(collections.OrderedDict()), "m/data/0": b"\0" * 100}, ["pickle"]),
        ({"m/data.pkl": evil_pickle()}, ["pickle-dangerous"]),
        ({"m/innocent.txt": evil_pickle()}, ["pickle-dangerous"]),
        ({"m/data.pkl": pickle.dumps(1), "../../etc/cron.d/x": b"x"}, ["zip-unsafe-names", "pickle"]),
        ({"/etc/passwd": b"x"}, ["zip-unsafe-names"]),
        ({"..\\..\\x": b"x"}, ["zip-unsafe-names"]),
        ({"C:\\x": b"x"}, ["zip-unsafe-names"]),
        ({"a.txt": b"x"}, []),
    ],
)
def test_archives_are_looked_into(members: dict[str, bytes], expected: list[str]) -> None:
    assert codes(make_zip(members), "m.pt") == expected


def test_a_link_in_an_archive_is_flagged() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert codes(target.getvalue(), "m.pt") == ["zip-unsafe-names"]


def test_archives_built_to_exhaust_their_reader_block_the_release() -> None:
    bomb = make_zip({"m/data.pkl": b"\0" * 60_000_000}, packed=True)
    assert codes(bomb, "m.pt") == ["zip-bomb"]
    directory = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0, 0, 2**31, 0, 0)
    assert codes(b"PK\x03\x04" + b"\0" * 50 + directory, "m.pt") == ["zip-bomb"]
    assert find_blocking("m.pt", inspect(bomb)) is not None


@pytest.mark.parametrize("cut", [5, 30, 60])
def test_a_broken_archive_is_flagged(cut: int) -> None:
    assert codes(make_zip({"m/data.pkl": pickle.dumps(1)})[:-cut], "m.pt")[0] == "zip-broken"


@given(st.binary(max_size=200), st.integers(0, 150))
def test_a_damaged_archive_never_breaks_the_inspection(noise: bytes, at: int) -> None:
    data = bytearray(make_zip({"m/data.pkl": evil_pickle(), "x": b"y" * 50}, packed=True))
    data[at : at + len(noise)] = noise
    inspect(bytes(data))
    inspect(b"PK\x03\x04" + noise)
    inspect(b"\x80\x04" + noise)
    inspect(b"\x93NUMPY\x01\x00" + noise)


def test_a_pointer_in_place_of_weights_is_flagged() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5\n"
    assert inspect(pointer).kind is FileKind.LFS_POINTER
    assert codes(pointer, "model.safetensors") == ["lfs-pointer"]
    assert find_blocking("model.safetensors", inspect(pointer)) is None


@pytest.mark.parametrize(
    ("data", "kind", "kept"),
    [
        (b"words\n", FileKind.TEXT, True),
        ("wörter".encode() * 20_000, FileKind.TEXT, True),
        (b"words" * 300_000, FileKind.TEXT, False),
        (b"words\0", FileKind.BINARY, False),
        (b"w\xf6rter", FileKind.BINARY, False),
        ("ö".encode()[:1], FileKind.BINARY, False),
        (b"", FileKind.EMPTY, True),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1000])
def test_small_texts_are_told_from_other_bytes(data: bytes, kind: FileKind, kept: bool, chunk: int) -> None:
    if chunk == 1 and len(data) > 200_000:
        chunk = 999
    inspector = Inspector(len(data))
    for start in range(0, len(data), chunk):
        inspector.feed(data[start : start + chunk])
    assert inspector.finish(io.BytesIO(data)).kind is kind
    assert inspector.content() == (data if kept else None)


def test_a_large_file_without_a_reader_is_said_to_be_unscanned() -> None:
    data = evil_pickle() + b"\0" * CONTENT_MAX_BYTES
    assert [flag.code for flag in inspect(data, reader=False).flags] == ["not-scanned"]


def test_too_few_bytes_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="expected 5"):
        Inspector(5).finish()


@pytest.mark.parametrize("data", [GOOD, evil_pickle(), b"text", b""])
def test_an_inspection_reads_back(data: bytes) -> None:
    found = inspect(data)
    assert parse_inspection(inspection_json(found)) == found


def test_names_from_hostile_files_come_out_short_and_plain() -> None:
    name = "x\nFAKE LOG LINE\x1b[31m" + "y" * 5_000
    data = b"\x80\x04\x8d" + struct.pack("<Q", len(name)) + name.encode() + b"\x8c\x01z\x93."
    for flag in inspect(data).flags:
        assert flag.message.isprintable()
        assert len(flag.message) < 500
