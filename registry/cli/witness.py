"""`gatehouse witness`: a small witness that another institution runs for the logs it wants to hold to their word."""

import http.server
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.cli.terminal import talk, write_line
from registry.client.cosignatures import VerifierKey, parse_verifier_key
from registry.client.errors import ClientError
from registry.client.keys import KeyUse
from registry.client.log_source import LogSource
from registry.client.notes import ED25519_TYPE, parse_checkpoint
from registry.client.witness import REQUEST_MAX_BYTES, Answer, Witness

SILENCE_SECONDS = 10.0
KEYS_KEPT_SECONDS = 60.0
"""How soon a registry's keys are asked for again where one of its checkpoints is signed by none of them."""


class Logs:
    """The logs that are witnessed: by their verifier keys, or by the addresses of their registries."""

    def __init__(self, named: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._fixed: dict[str, list[VerifierKey]] = {}
        self._registries: dict[str, str] = {}
        self._fetched: dict[str, tuple[float, list[VerifierKey]]] = {}
        for one in named:
            if one.startswith(("http://", "https://")):
                with LogSource.of_registry(one) as source:
                    self._registries[parse_checkpoint(source.checkpoint()).origin] = one
            else:
                key = parse_verifier_key(one, kind=ED25519_TYPE)
                self._fixed.setdefault(key.name, []).append(key)

    @property
    def names(self) -> Sequence[str]:
        """Return the names of all of them."""
        return sorted({*self._fixed, *self._registries})

    def keys(self, origin: str) -> Sequence[VerifierKey] | None:
        """Return the keys of a log; those of a registry are fetched anew now and then, since keys rotate."""
        url = self._registries.get(origin)
        if url is None:
            return self._fixed.get(origin)
        with self._lock:
            at, keys = self._fetched.get(origin, (-KEYS_KEPT_SECONDS, []))
            if time.monotonic() - at >= KEYS_KEPT_SECONDS:
                keys = self._fetch(origin, url) or keys
                self._fetched[origin] = (time.monotonic(), keys)
            return [*self._fixed.get(origin, ()), *keys]

    def _fetch(self, origin: str, url: str) -> list[VerifierKey]:
        try:
            with LogSource.of_registry(url) as source:
                return [
                    VerifierKey(name=origin, kind=ED25519_TYPE, raw=key.raw)
                    for key in source.published()
                    if key.use is KeyUse.CHECKPOINT and key.compromised_at is None
                ]
        except ClientError as error:
            talk(f"gatehouse witness: the keys of {origin} cannot be fetched: {error.message}")
            return []


def run(args: Namespace) -> int:
    """Answer `POST /add-checkpoint` until interrupted."""
    logs = Logs(args.log)
    witness = Witness(Path(args.folder), name=args.name, logs=logs.keys, now=time.time)
    server = _Server((args.host, args.port), _handler(witness))
    write_line(f"verifier key: {witness.key}")
    talk(f"gatehouse witness: http://{args.host}:{server.server_port}, for {', '.join(logs.names)}")
    with server:
        server.serve_forever()
    return 0


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(witness: Witness) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SILENCE_SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isascii() or not length.isdigit() or len(length) > 9:
                self._answer(Answer(status=411, body="the request says no length\n"), close=True)
            elif int(length) > REQUEST_MAX_BYTES:
                self._answer(Answer(status=413, body="the request is too long\n"), close=True)
            elif self.path != "/add-checkpoint":
                self._answer(Answer(status=404, body="there is /add-checkpoint only\n"), close=True)
            else:
                self._answer(witness.add_checkpoint(self.rfile.read(int(length))))

        def do_GET(self) -> None:
            if self.path == "/":
                self._answer(Answer(status=200, body=f"{witness.key}\n"))
            else:
                self._answer(Answer(status=404, body="there is nothing at this address\n"))

        def _answer(self, answer: Answer, *, close: bool = False) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(body)))
            if close:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
            talk(f"gatehouse witness: {format % args}")

    return Handler
