"""Publish: every byte once, honest digests, and on where a killed run stopped."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client import upload
from registry.client.answers import Upload, UploadState
from registry.client.api import Registry
from registry.client.errors import (
    ClientError,
    Invalid,
    Malformed,
    Unavailable,
    UnsafePath,
    UsageProblem,
    VerificationFailed,
)
from registry.client.progress import Silent
from registry.client.publish import PublishOrder, PublishResult, find_files, publish, title_of
from registry.client.upload import missing_parts
from tests.unit.client.stub import MODEL, TOKEN, Fault, Stub, UploadRow

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def immediate_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "seconds_to_wait", lambda *_args, **_more: 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "otter"
    (source / "nested").mkdir(parents=True)
    (source / "README.md").write_bytes(b"# Otter\n")
    (source / "empty.txt").write_bytes(b"")
    (source / "nested" / "same.md").write_bytes(b"# Otter\n")
    (source / "model.safetensors").write_bytes(random.Random(1).randbytes(12 * MIB + 5))
    return source


def run(registry: Registry, folder: Path, **more: Any) -> PublishResult:
    order = PublishOrder(
        folder=folder, publisher="tarn", name="otter", **{"licenses": ("tarn-openrail-m@1.1",), **more}
    )
    return publish(registry, order, progress=Silent(), pause=registry.session.pause)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def puts(stub: Stub) -> list[str]:
    return stub.paths("store", "PUT")


def test_folder_becomes_a_release_of_all_its_files(registry: Registry, stub: Stub, folder: Path) -> None:
    result = run(registry, folder, message="First", gate_mode="manual")
    assert result.release.commit == "c" * 40
    assert result.release.url == f"{stub.api_url}/{MODEL}"
    (body,) = stub.releases
    assert [file["path"] for file in body["files"]] == [
        "README.md",
        "empty.txt",
        "model.safetensors",
        "nested/same.md",
    ]
    assert all(file["sha256"] == digest(folder / file["path"]) for file in body["files"])
    assert (body["message"], body["ref"], body["licenses"]) == ("First", "main", ["tarn-openrail-m@1.1"])
    assert (body["gate_mode"], body["create"]) == ("manual", True)


def test_large_file_goes_in_parts_and_equal_files_once(registry: Registry, stub: Stub, folder: Path) -> None:
    run(registry, folder)
    assert len(puts(stub)) == 3 + 1
    assert stub.objects[digest(folder / "model.safetensors")] == (folder / "model.safetensors").read_bytes()


def test_token_is_not_sent_to_the_store(registry: Registry, stub: Stub, folder: Path) -> None:
    run(registry, folder)
    assert all(
        "authorization" not in request.headers for request in stub.requests if request.server == "store"
    )


def test_second_publish_sends_nothing(registry: Registry, stub: Stub, folder: Path) -> None:
    run(registry, folder)
    stub.requests.clear()
    assert run(registry, folder).sent_bytes == 0
    assert puts(stub) == []
    assert len(stub.releases) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="PUT", times=2, status=403),
        Fault(method="PUT", times=3, status=503),
        Fault(method="PUT", times=3, cut_after=100),
    ],
    ids=["expired", "unavailable", "cut"],
)
def test_store_that_misbehaves_for_a_while_delays_only(
    registry: Registry, stub: Stub, folder: Path, fault: Fault
) -> None:
    stub.faults = [fault]
    run(registry, folder)
    assert stub.objects[digest(folder / "model.safetensors")] == (folder / "model.safetensors").read_bytes()
    assert fault.times == 0


@pytest.mark.parametrize(("status", "words"), [(403, "the store refuses"), (500, "cannot be sent")])
def test_store_that_keeps_failing_is_reported_and_nothing_published(
    registry: Registry, stub: Stub, folder: Path, status: int, words: str
) -> None:
    stub.faults = [Fault(method="PUT", times=10_000, status=status)]
    with pytest.raises(Unavailable, match=words):
        run(registry, folder)
    assert stub.releases == []


def test_only_missing_parts_and_parts_of_a_wrong_size_are_sent(
    registry: Registry, stub: Stub, folder: Path
) -> None:
    data = (folder / "model.safetensors").read_bytes()
    row = UploadRow(id="u0", sha256=digest(folder / "model.safetensors"), size=len(data))
    row.parts = {1: data[: 5 * MIB], 2: b"half a part"}
    stub.uploads["u0"] = row
    run(registry, folder)
    assert sorted(path for path in puts(stub) if path.startswith("/parts/u0/")) == [
        "/parts/u0/2",
        "/parts/u0/3",
    ]
    assert stub.objects[row.sha256] == data


def test_upload_killed_before_its_last_request_is_only_completed(
    registry: Registry, stub: Stub, folder: Path
) -> None:
    data = (folder / "README.md").read_bytes()
    stub.uploads["u0"] = UploadRow(
        id="u0", sha256=hashlib.sha256(data).hexdigest(), size=len(data), parts={1: data}
    )
    run(registry, folder)
    assert not [path for path in puts(stub) if path.startswith("/parts/u0/")]
    assert stub.uploads["u0"].state == "stored"


def test_upload_in_verification_is_only_waited_for(registry: Registry, stub: Stub, folder: Path) -> None:
    sha256 = digest(folder / "README.md")
    row = UploadRow(id="u0", sha256=sha256, size=8, state="verifying")
    stub.uploads["u0"] = row
    polls = iter(range(100))

    def pause(_seconds: float) -> None:
        if next(polls) == 1:
            row.state = "stored"

    order = PublishOrder(folder=folder, publisher="tarn", name="otter", licenses=("a@1",))
    publish(registry, order, progress=Silent(), pause=pause)
    assert not [path for path in puts(stub) if path.startswith("/parts/u0/")]


def test_refused_verification_is_told_in_the_registrys_words(
    registry: Registry, stub: Stub, folder: Path
) -> None:
    stub.verify = lambda row, _data: (
        "The header of the safetensors file is broken." if row.size > MIB else None
    )
    with pytest.raises(VerificationFailed, match=r"model\.safetensors: The header of the safetensors file"):
        run(registry, folder)
    assert stub.releases == []


def test_file_that_changes_meanwhile_is_noticed(
    registry: Registry, stub: Stub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = registry.plan_uploads

    def plan_and_touch(*args: Any) -> Any:
        (folder / "README.md").write_bytes(b"# Weasel")
        os.utime(folder / "README.md", ns=(1, 1))
        return planned(*args)

    monkeypatch.setattr(registry, "plan_uploads", plan_and_touch)
    (folder / "nested" / "same.md").unlink()
    with pytest.raises(ClientError, match="was changed while it was published"):
        run(registry, folder)
    assert stub.releases == []


def test_refusal_of_the_release_names_the_fields(registry: Registry, stub: Stub, folder: Path) -> None:
    problem = {
        "title": "The release is malformed",
        "detail": "",
        "code": "x",
        "errors": {"ref": "no such branch"},
    }
    stub.api_answers = [(f"/api/v1/models/{MODEL}/releases", 422, {}, problem)]
    with pytest.raises(Invalid) as caught:
        run(registry, folder)
    assert caught.value.errors == {"ref": "no such branch"}


# The folder


def test_caches_and_hidden_state_are_left_out(folder: Path) -> None:
    for left_out in (
        ".git/config",
        ".gatehouse/x.part",
        "__pycache__/a.pyc",
        ".cache/huggingface/x",
        ".DS_Store",
    ):
        (folder / left_out).parent.mkdir(parents=True, exist_ok=True)
        (folder / left_out).write_bytes(b"x")
    (folder / ".gitattributes").write_bytes(b"x")
    (folder / ".cache" / "own.json").write_bytes(b"x")
    assert [path for path, _ in find_files(folder)] == [
        ".cache/own.json",
        ".gitattributes",
        "README.md",
        "empty.txt",
        "model.safetensors",
        "nested/same.md",
    ]


def test_link_to_outside_is_refused_and_link_to_inside_is_its_file(folder: Path, tmp_path: Path) -> None:
    (folder / "copy.md").symlink_to(folder / "README.md")
    assert ("copy.md", (folder / "README.md").resolve()) in find_files(folder)
    secret = tmp_path / "id_ed25519"
    secret.write_bytes(b"secret")
    (folder / "innocent.txt").symlink_to(secret)
    with pytest.raises(UnsafePath, match=r"innocent\.txt is a link to outside"):
        find_files(folder)


def test_linked_folder_and_pipe_are_refused(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnsafePath, match="neither a file nor a folder"):
        find_files(folder)
    (folder / "pipe").unlink()
    (folder / "linked").symlink_to(folder / "nested")
    with pytest.raises(UnsafePath):
        find_files(folder)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"x")]
)
def test_folder_without_files_is_a_usage_problem(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "nothing")
    with pytest.raises(UsageProblem):
        find_files(tmp_path / "nothing")


# The license


def test_license_text_is_published_before_the_release(registry: Registry, stub: Stub, folder: Path) -> None:
    text = folder.parent / "license.md"
    text.write_bytes(b"\n# Tarn OpenRAIL-M\r\n\r\nUse it well.\n")
    run(registry, folder, license_file=text)
    made = stub.licenses["tarn-openrail-m@1.1"]
    assert made["text"].encode() == text.read_bytes()
    assert (made["title"], made["change_class"]) == ("Tarn OpenRAIL-M", "initial")


def test_license_text_that_is_published_already_is_left_alone(
    registry: Registry, stub: Stub, folder: Path
) -> None:
    text = folder.parent / "license.md"
    text.write_bytes(b"Tarn\n")
    run(registry, folder, license_file=text)
    run(registry, folder, license_file=text)
    assert stub.paths("api", "POST").count("/api/v1/licenses") == 1


def test_other_text_under_a_published_number_is_refused(registry: Registry, stub: Stub, folder: Path) -> None:
    text = folder.parent / "license.md"
    text.write_bytes(b"Tarn\n")
    run(registry, folder, license_file=text)
    text.write_bytes(b"Tarn, altered\n")
    with pytest.raises(ClientError, match="published with another text"):
        run(registry, folder, license_file=text)
    assert len(stub.releases) == 1


@pytest.mark.parametrize("licenses", [("a",), ("a@",), ("A b@1",), ("a@1@2",)])
def test_license_without_its_number_is_a_usage_problem(
    registry: Registry, stub: Stub, folder: Path, licenses: tuple[str, ...]
) -> None:
    with pytest.raises(UsageProblem):
        run(registry, folder, licenses=licenses)
    assert stub.requests == []


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Tarn **OpenRAIL**\n", "Tarn **OpenRAIL"),
        ("\ufeff\n\n===\nTitle", "Title"),
        ("", "License"),
        ("x" * 500, "x" * 200),
    ],
)
def test_title_is_the_first_line_that_says_something(text: str, title: str) -> None:
    assert title_of(text.encode()) == title


# Parts


def planned(size: int, part_size: int, parts: dict[int, int]) -> Upload:
    return Upload(
        id="u",
        sha256="0" * 64,
        size=size,
        state=UploadState.OPEN,
        part_size=part_size,
        parts=parts,
        problem="",
    )


@pytest.mark.parametrize(
    ("size", "parts", "expected"),
    [
        (25, {}, [1, 2, 3]),
        (25, {1: 10, 2: 10, 3: 5}, []),
        (25, {1: 10, 2: 9, 3: 10}, [2, 3]),
        (20, {2: 10}, [1]),
        (1, {}, [1]),
        (0, {}, []),
        (25, {1: 10, 2: 10, 3: 5, 4: 10}, []),
    ],
)
def test_parts_count_only_with_the_size_they_must_have(
    size: int, parts: dict[int, int], expected: list[int]
) -> None:
    assert missing_parts(planned(size, 10, parts)) == expected


@pytest.mark.parametrize("part_size", [0, 1])
def test_part_size_that_makes_no_sense_is_refused(part_size: int) -> None:
    with pytest.raises(Malformed):
        missing_parts(planned(50_000, part_size, {}))


# A whole process


def start_publish(stub: Stub, folder: Path) -> subprocess.Popen[str]:
    addresses = {"GATEHOUSE_ENDPOINT": stub.api_url, "GATEHOUSE_TOKEN": TOKEN}
    command = ["publish", str(folder), MODEL, "--license", "tarn-openrail-m@1.1", "--connections", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "registry.cli", *command],
        cwd=ROOT,
        env={**os.environ, **addresses, "XDG_CONFIG_HOME": str(folder.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_publish_killed_in_the_middle_goes_on_where_it_was(stub: Stub, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    for other in ("README.md", "empty.txt", "nested/same.md"):
        (folder / other).unlink()
    stub.faults = [Fault(method="PUT", times=0), Fault(method="PUT", times=1, stall_after=0)]
    first = stub.take_fault
    stub.take_fault = lambda method: first(method) if stub.uploads["u0"].parts else None  # type: ignore[method-assign] # stalls from the second part on
    process = start_publish(stub, folder)
    assert stub.stalled.wait(20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert stub.releases == []
    stub.go_on.set()
    deadline = time.monotonic() + 20
    while len(stub.uploads["u0"].parts) < 2:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    stub.requests.clear()
    again = start_publish(stub, folder)
    answer, talk = again.communicate(timeout=60)
    assert again.returncode == 0, talk
    assert answer == "c" * 40 + "\n"
    assert puts(stub) == ["/parts/u0/3"]
    assert stub.objects[digest(folder / "a.safetensors")] == (folder / "a.safetensors").read_bytes()
