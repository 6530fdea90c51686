"""The S3 adapter against a real S3 server, and against servers that fail."""

import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx2
import pytest

from registry.delivery import s3
from registry.delivery.presign import Addressing
from registry.delivery.s3 import MissingObject, S3ObjectStore
from registry.kernel.clock import SystemClock
from registry.kernel.outcomes import GatehouseError, Unavailable

MiB = 1024 * 1024
SECRET_KEY = "secret-of-the-store"


def _now():
    return SystemClock().now()


def _store(endpoint, **changes):
    settings = {
        "endpoint": endpoint,
        "bucket": "gatehouse",
        "region": "us-east-1",
        "access_key": "KEYIDOFTHESTORE",
        "secret_key": SECRET_KEY,
        "addressing": Addressing.PATH,
        "clock": SystemClock(),
    }
    return S3ObjectStore(**(settings | changes))


@contextmanager
def _answering(answer, *, promised_bytes=None) -> Iterator[tuple[str, list[str]]]:
    """A server whose answers `answer(method, path)` decides: (status, body)."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # answers `Expect: 100-continue`, for which the SDK waits

        def handle_one_request(self):
            self.raw_requestline = self.rfile.readline(65_537)
            if self.raw_requestline and self.parse_request():
                self.answer()
            self.close_connection = True

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append(f"{self.command} {self.path.partition('?')[0]}")
            status, body = answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(promised_bytes or len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_stored_object_is_read_back_whole_and_in_ranges(object_store):
    content = bytes(range(256)) * 8192
    object_store.put("blobs/a", content)
    assert b"".join(object_store.open("blobs/a")) == content
    assert object_store.read_range("blobs/a", 256, 512) == content[256:768]
    assert object_store.read_range("blobs/a", len(content) - 3, 100) == content[-3:]
    assert object_store.read_range("blobs/a", len(content) + 5, 100) == b""
    assert object_store.head("blobs/a") == len(content)


def test_copied_object_stays_when_the_source_is_deleted(object_store):
    object_store.put("staging/a", b"weights")
    object_store.copy("staging/a", "blobs/a")
    object_store.delete("staging/a")
    object_store.delete("staging/a")
    assert object_store.head("staging/a") is None
    assert b"".join(object_store.open("blobs/a")) == b"weights"


def test_large_object_is_copied_in_parts(object_store, monkeypatch):
    monkeypatch.setattr(s3, "COPY_PART_BYTES", 5 * MiB)
    content = b"0123456789abcdef" * (12 * MiB // 16)
    object_store.put("staging/a", content)
    object_store.copy("staging/a", "blobs/a")
    assert b"".join(object_store.open("blobs/a")) == content


def test_absent_object_is_told_from_an_outage(object_store):
    assert object_store.head("absent") is None
    with pytest.raises(MissingObject):
        object_store.read_range("absent", 0, 10)
    with pytest.raises(MissingObject):
        list(object_store.open("absent"))
    with pytest.raises(MissingObject):
        object_store.copy("absent", "target")


def test_parts_that_clients_put_become_one_object(object_store):
    first, second = b"a" * (5 * MiB), b"b" * 1000
    upload = object_store.start_multipart("blobs/parts")
    assert object_store.list_parts("blobs/parts", upload) == []
    for number, content in ((2, second), (1, first)):
        url = object_store.presign_part("blobs/parts", upload, number)
        assert httpx2.put(url, content=content).status_code == 200
    parts = object_store.list_parts("blobs/parts", upload)
    assert [(part.number, part.size) for part in parts] == [(1, len(first)), (2, len(second))]
    object_store.complete_multipart("blobs/parts", upload, parts)
    assert b"".join(object_store.open("blobs/parts")) == first + second


def test_aborted_upload_is_gone_and_its_links_are_dead(object_store):
    upload = object_store.start_multipart("blobs/parts")
    url = object_store.presign_part("blobs/parts", upload, 1)
    object_store.abort_multipart("blobs/parts", upload)
    object_store.abort_multipart("blobs/parts", upload)
    assert object_store.list_parts("blobs/parts", upload) is None
    assert httpx2.put(url, content=b"late").status_code == 404


def test_download_link_gives_the_file_under_its_name_and_in_ranges(object_store):
    object_store.put("blobs/a", b"0123456789")
    url = object_store.presign_get("blobs/a", filename="onnx/Gewichte ü.bin", expires_s=60, now=_now())
    whole = httpx2.get(url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"].endswith("filename*=UTF-8''Gewichte%20%C3%BC.bin")
    part = httpx2.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


def test_altered_or_late_link_is_refused_by_the_store(object_store):
    object_store.put("blobs/a", b"mine")
    object_store.put("blobs/b", b"not granted")
    url = object_store.presign_get("blobs/a", filename="a", expires_s=60, now=_now())
    late = object_store.presign_get("blobs/a", filename="a", expires_s=60, now=_now() - timedelta(seconds=61))
    altered = {
        "expired": late,
        "other key": url.replace("blobs/a", "blobs/b"),
        "stretched": url.replace("Expires=60", "Expires=3600"),
        "other header": url.replace("octet-stream", "html"),
        "signature": url[:-4] + ("0000" if url[-4:] != "0000" else "1111"),
        "no signature": url.partition("?")[0],
    }
    assert {name: httpx2.get(link).status_code for name, link in altered.items()} == dict.fromkeys(
        altered, 403
    )
    assert httpx2.put(url, content=b"overwritten").status_code == 403
    assert httpx2.delete(url).status_code == 403
    assert b"".join(object_store.open("blobs/a")) == b"mine"


def test_probe_passes_on_a_closed_store(object_store):
    object_store.probe()


def test_probe_refuses_a_store_that_gives_objects_to_anyone():
    with (
        _answering(lambda *_: (200, b"")) as (endpoint, _),
        pytest.raises(GatehouseError, match="anonymous GET got 200"),
    ):
        _store(endpoint).probe()


def test_probe_refuses_a_store_that_lists_its_bucket_to_anyone():
    def answer(method, path):
        return (200, b"") if method == "PUT" or "list-type" in path else (403, b"")

    with _answering(answer) as (endpoint, _), pytest.raises(GatehouseError, match="anonymous list got 200"):
        _store(endpoint).probe()


def test_probe_refuses_a_store_that_does_not_accept_our_links():
    def answer(method, _path):
        return (200 if method == "PUT" else 403), b""

    with _answering(answer) as (endpoint, _), pytest.raises(GatehouseError, match="own links: got 403"):
        _store(endpoint).probe()


def test_probe_also_looks_at_the_address_that_clients_use(object_store_address):
    with _answering(lambda *_: (200, b"")) as (open_to_all, _):
        store = _store(
            object_store_address.endpoint,
            public_endpoint=open_to_all,
            access_key=object_store_address.access_key,
            secret_key=object_store_address.secret_key,
        )
        with pytest.raises(GatehouseError, match="anonymous GET got 200"):
            store.probe()


def test_clients_get_links_to_the_public_address():
    store = _store("http://127.0.0.1:1", public_endpoint="https://objects.example.org")
    url = store.presign_get("k", filename="k", expires_s=60, now=_now())
    assert url.startswith("https://objects.example.org/gatehouse/k?")
    assert store.presign_part("k", "u", 1).startswith("https://objects.example.org/")


@pytest.fixture
def no_pause(monkeypatch):
    """The SDK's pauses between tries, noted instead of slept."""
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=pauses.append, time=time.time))
    return pauses


@pytest.mark.usefixtures("no_pause")
def test_store_that_is_down_is_unavailable_and_the_error_tells_no_address_or_key():
    endpoint, key = "http://127.0.0.1:9", "blobs/private-name"
    with pytest.raises(Unavailable) as caught:
        _store(endpoint).put(key, b"x")
    assert caught.value.reason == "EndpointConnectionError"
    for told in (endpoint, key, SECRET_KEY, "KEYIDOFTHESTORE"):
        assert told not in "".join(traceback.format_exception(caught.value))


def test_wrong_secret_is_an_outage_not_an_absence(object_store_address):
    store = _store(object_store_address.endpoint, access_key=object_store_address.access_key)
    with pytest.raises(Unavailable, match=r"403|SignatureDoesNotMatch"):
        store.head("blobs/a")


def test_passing_fault_is_tried_again(no_pause):
    left = [503, 500]

    def answer(*_):
        return (left.pop() if left else 200), b""

    with _answering(answer) as (endpoint, requests):
        _store(endpoint).put("k", b"x")
    assert requests == ["PUT /gatehouse/k"] * 3
    assert len(no_pause) == 2


@pytest.mark.usefixtures("no_pause")
def test_lasting_fault_ends_after_three_tries():
    with _answering(lambda *_: (500, b"")) as (endpoint, requests), pytest.raises(Unavailable, match="500"):
        _store(endpoint).put("k", b"x")
    assert len(requests) == s3.ATTEMPTS_MAX


def test_object_that_breaks_off_is_an_outage_not_a_short_object():
    with (
        _answering(lambda *_: (200, b"x" * 10), promised_bytes=1000) as (endpoint, _),
        pytest.raises(Unavailable),
    ):
        list(_store(endpoint).open("k"))


def test_proxy_of_the_environment_is_not_asked_for_a_local_store(object_store_address, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    store = _store(
        object_store_address.endpoint,
        access_key=object_store_address.access_key,
        secret_key=object_store_address.secret_key,
        prefix="proxy-test/",
    )
    store.probe()
