"""Pull refuses what a hostile manifest, folder or registry would have it write."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client.api import Registry
from registry.client.errors import (
    ClientError,
    UnsafePath,
    VerificationFailed,
)
from registry.client.folder import TargetFolder
from registry.client.keys import parse_keys
from registry.client.pull import pull
from tests.unit.client.pulling import Told, contents, order, run
from tests.unit.client.stub import MODEL, Key, Stub

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("small_steps")


# What the manifest may not do


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "a//b",
        "./a",
        "a/.",
        "",
        "a\\..\\b",
        "a\x00b",
        "a\nb",
        "a" * 256,
        "/".join(["a" * 100] * 11),
        ".gatehouse/x.part",
    ],
)
def test_hostile_path_is_refused_before_anything_is_fetched(
    registry: Registry, stub: Stub, tmp_path: Path, path: str
) -> None:
    stub.files = {"ok": b"fine"}
    stub.entries = [
        {"path": path, "size": 4, "sha256": hashlib.sha256(b"fine").hexdigest(), "git_oid": "0" * 40}
    ]
    with pytest.raises(UnsafePath):
        run(registry, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert not [path for path in stub.paths("api") if "/resolve/" in path]


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_paths_that_cannot_stand_together_are_refused(
    registry: Registry, stub: Stub, tmp_path: Path, paths: tuple[str, ...]
) -> None:
    stub.entries = [{"path": path, "size": 0, "sha256": hashlib.sha256(b"").hexdigest()} for path in paths]
    with pytest.raises(UnsafePath):
        run(registry, tmp_path)


def test_link_in_the_folder_does_not_lead_outside(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    outside, to = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    to.mkdir()
    (to / "nested").symlink_to(outside)
    with pytest.raises(UnsafePath, match="link"):
        run(registry, to)
    assert not list(outside.iterdir())


def test_link_in_a_files_place_is_replaced_and_its_target_left_alone(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    outside, to = tmp_path / "outside.json", tmp_path / "to"
    outside.write_bytes(b"{}")
    to.mkdir()
    (to / "config.json").symlink_to(outside)
    outside.write_bytes(b"precious")
    run(registry, to)
    assert outside.read_bytes() == b"precious"
    assert not (to / "config.json").is_symlink()


def test_link_in_place_of_the_state_folder_is_refused(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / ".gatehouse").symlink_to(tmp_path)
    with pytest.raises(UnsafePath):
        run(registry, tmp_path / "to")


def test_folder_in_a_files_place_is_reported(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ClientError, match=r"cannot write config\.json"):
        run(registry, tmp_path)


def test_two_pulls_into_one_folder_do_not_mix(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    folder = TargetFolder(tmp_path)
    try:
        with pytest.raises(ClientError, match="another pull"):
            run(registry, tmp_path)
    finally:
        folder.close()
    run(registry, tmp_path)
    assert contents(tmp_path) == otter


def test_disk_without_room_is_told_before_the_first_byte(
    registry: Registry, stub: Stub, tmp_path: Path
) -> None:
    stub.entries = [{"path": "huge", "size": 10**15, "sha256": "0" * 64}]
    with pytest.raises(ClientError, match="not enough room"):
        run(registry, tmp_path)
    assert not stub.paths("store")


# What the manifest must be


def tampered(stub: Stub, **members: Any) -> tuple[str, int, dict[str, str], Any]:
    manifest = stub.manifest()
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    body = {"manifest": manifest, "digest": digest, "signature": stub.key.sign(manifest.encode())} | members
    return (f"/api/v1/models/{MODEL}/releases/", 200, {}, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stub: {"manifest": stub.manifest() + " "}, "manifest digest differs"),
        (lambda stub: {"digest": "sha256:" + "0" * 64}, "manifest digest differs"),
        (lambda stub: {"signature": Key("eve").sign(stub.manifest().encode())}, "does not publish"),
        (
            lambda stub: {"signature": Key("eve").sign(stub.manifest().encode(), kid=stub.key.kid)},
            "does not fit its content",
        ),
        (lambda stub: {"signature": stub.key.sign(b"{}")}, "over another text"),
        (
            lambda stub: {
                "signature": stub.key.sign(stub.manifest().encode(), typ="gatehouse-acceptance+sd-jwt")
            },
            "signed as another thing",
        ),
        (
            lambda stub: {"signature": stub.key.sign(stub.manifest().encode(), alg="none")},
            "expected 'Ed25519'",
        ),
    ],
    ids=[
        "text",
        "digest",
        "stranger",
        "stranger under our name",
        "other text",
        "acceptance",
        "algorithm none",
    ],
)
def test_manifest_that_is_not_signed_as_it_stands_is_refused(
    registry: Registry,
    stub: Stub,
    otter: dict[str, bytes],
    tmp_path: Path,
    change: Callable[[Stub], dict[str, Any]],
    words: str,
) -> None:
    stub.api_answers = [tampered(stub, **change(stub))]
    with pytest.raises(VerificationFailed, match=words):
        run(registry, tmp_path)
    assert not stub.paths("store")


def test_manifest_of_another_commit_is_refused(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    model = stub.model()
    model["release"]["commit"] = "0" * 40
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, model)]
    with pytest.raises(VerificationFailed, match="that of commit"):
        run(registry, tmp_path)


def test_manifest_of_another_model_is_refused(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    model = stub.model() | {"id": "something else", "name": "weasel"}
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, model)]
    with pytest.raises(VerificationFailed, match="expected tarn/weasel"):
        run(registry, tmp_path)


def test_key_that_was_not_there_at_sign_in_is_told(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    told = Told()
    pinned = parse_keys([Key("older").jwk], where="pinned")
    pull(registry, order(tmp_path, pinned=pinned), progress=told, pause=registry.session.pause)
    assert "did not have when you signed in" in " ".join(told.lines)
