"""`gatehouse ledger mirror`, `watch` and `check` against the served registry, a real bucket and a static host."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from registry.client.errors import ExitCode
from registry.delivery.seaweedfs import StoreAddress
from tests.e2e.hub.conftest import ROOT, Registry, Scene, Stage

pytestmark = [pytest.mark.hub, pytest.mark.slow]


def run(home: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    return subprocess.run(
        [sys.executable, "-m", "registry.cli", "ledger", *words],
        cwd=ROOT,
        env=kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)} | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


@pytest.fixture
def copied(registry: Registry, scene: Scene, tmp_path: Path) -> Path:
    """A copy of the registry's log, with an acceptance in it."""
    scene.accept()
    registry.world.integrate()
    folder = tmp_path / "copy"
    done = run(tmp_path, "mirror", str(folder), "--endpoint", registry.url, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] > 0
    return folder


@pytest.fixture
def static_host(copied: Path) -> Iterator[str]:
    """The address of a web server that knows nothing but files."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(copied))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_copy_is_checked_offline_watched_and_served_by_any_static_host(
    copied: Path, static_host: str, registry: Registry, scene: Scene, tmp_path: Path
) -> None:
    checked = run(tmp_path, "check", str(copied))
    assert (checked.returncode, "entries; root" in checked.stdout) == (0, True), checked.stderr
    again = run(tmp_path, "mirror", str(tmp_path / "second"), "--source", static_host)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "second" / "checkpoint").read_bytes() == (copied / "checkpoint").read_bytes()
    scene.registry.world.withdraw(scene.person, scene.accept().id)
    registry.world.integrate()
    watched = run(
        tmp_path, "watch", str(copied), "--once", "--thorough", "--endpoint", registry.url, "--json"
    )
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout)["added"] >= 1


def test_what_a_log_gained_is_told_by_the_registry_a_static_host_and_a_copy(
    copied: Path, static_host: str, registry: Registry, tmp_path: Path
) -> None:
    told = [
        run(tmp_path, "between", "0", str(copied / "checkpoint"), "--json", *source)
        for source in (("--endpoint", registry.url), ("--source", static_host), ("--source", str(copied)))
    ]
    assert [one.returncode for one in told] == [0, 0, 0], [one.stderr for one in told]
    assert told[0].stdout == told[1].stdout == told[2].stdout
    last = json.loads(told[0].stdout.splitlines()[-1])
    assert last["kinds"]["acceptance"] >= 1
    assert "unknown" not in last["kinds"]


def test_a_log_that_was_set_back_ends_the_watch(copied: Path, registry: Registry, tmp_path: Path) -> None:
    # The copy of yesterday, served as if it were the log, to somebody who has today's.
    yesterday = tmp_path / "yesterday"
    run(tmp_path, "mirror", str(yesterday), "--endpoint", registry.url)
    person = registry.world.person(f"late-{uuid4().hex[:8]}@nordlab.example")
    registry.world.publisher(person, f"late{uuid4().hex[:8]}")
    registry.world.integrate()
    grown = run(tmp_path, "mirror", str(copied), "--endpoint", registry.url, "--json")
    assert json.loads(grown.stdout)["added"] >= 1
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(yesterday))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = run(tmp_path, "watch", str(copied), "--source", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert seen.returncode == ExitCode.VERIFICATION_FAILED
    assert "the log was set back" in seen.stderr
    assert (copied / "conflicting-checkpoint").exists()


def test_a_copy_in_a_bucket(
    registry: Registry, copied: Path, object_store_address: StoreAddress, tmp_path: Path
) -> None:
    prefix = uuid4().hex
    target = f"s3://{object_store_address.bucket}/{prefix}"
    keys = {
        "AWS_ACCESS_KEY_ID": object_store_address.access_key,
        "AWS_SECRET_ACCESS_KEY": object_store_address.secret_key,
        "AWS_DEFAULT_REGION": object_store_address.region,
    }
    place = ("--s3-endpoint", object_store_address.endpoint)
    done = run(tmp_path, "mirror", target, "--endpoint", registry.url, *place, **keys)
    assert done.returncode == 0, done.stderr
    checked = run(tmp_path, "check", target, *place, **keys)
    assert checked.returncode == 0, checked.stderr
    assert "entries; root" in checked.stdout
    wrong = run(tmp_path, "check", target, *place, **keys | {"AWS_SECRET_ACCESS_KEY": "x" * 40})
    assert wrong.returncode == ExitCode.UNAVAILABLE
    assert "cannot read at s3://" in wrong.stderr
