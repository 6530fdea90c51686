"""One connection to the object store: ranges of presigned URLs in, parts of files out.

Uses `http.client` rather than the session's library: reading straight into a buffer costs half the CPU, and the
registry's token cannot slip into these requests because this module never has it. Certificates are checked against
the system's; `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count. Texts of errors name the host, never the query.
"""

import base64
import http.client
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

from registry.client.errors import ClientError, printable
from registry.client.transport import USER_AGENT

TIMEOUT_SECONDS = 60.0
BUFFER_BYTES = 256 << 10
"""Fits in a core's cache, so that the bytes are still there when they are written."""
SEND_BLOCK_BYTES = 256 << 10

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")

Sink = Callable[[memoryview], None]


class URLExpired(Exception):
    """The store does not take the URL (any more): ask the registry for another one."""


class TransferBroke(Exception):
    """The connection failed or the store was busy: try again from where it stopped."""


class RangeIgnored(Exception):
    """The store sends the whole file whatever range was asked for."""


class StoreConnection:
    """A connection that one thread uses; opened at the first request, kept open between them."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str] | None = None
        self._through_proxy = False
        self._headers: dict[str, str] = {}
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def abort(self) -> None:
        """Break off whatever another thread is doing with this connection."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def read_range(self, url: str, start: int, end: int, sink: Sink) -> None:
        """Hand the bytes `start` to `end` (exclusive) at `url` to `sink`, in order; returns after the last one.

        Raises:
            URLExpired, TransferBroke, RangeIgnored: what came before was already handed over.
            ClientError: the store refuses for good.
        """
        response = self._request("GET", url, headers={"Range": f"bytes={start}-{end - 1}"})
        self._check_range(response, start, urlsplit(url))
        left = end - start
        try:
            while left:
                count = response.readinto(self._buffer[: min(left, BUFFER_BYTES)])
                if not count:
                    raise TransferBroke("the store ended the body early")
                sink(self._buffer[:count])
                left -= count
        except (OSError, http.client.HTTPException) as error:
            # Errors of writing the file are OSErrors too, but the sink has turned those into its own.
            raise TransferBroke(f"the connection broke off ({type(error).__name__})") from None
        finally:
            if left or not response.isclosed():
                self.close()

    def put_part(
        self, url: str, descriptor: int, start: int, length: int, sent: Callable[[int], None]
    ) -> None:
        """Store `length` bytes of a file from `start` on as the object part at `url`.

        Raises:
            URLExpired, TransferBroke: the part is not stored.
            ClientError: the store refuses for good, or the file has become shorter.
        """
        body = _Slice(descriptor, start, length, sent)
        response = self._request("PUT", url, headers={"Content-Length": str(length)}, body=body)
        try:
            response.read()
        except (OSError, http.client.HTTPException):
            self.close()
        if response.status not in {200, 201, 204}:
            self._refuse(response, urlsplit(url))

    def _check_range(self, response: http.client.HTTPResponse, start: int, parts: SplitResult) -> None:
        if response.status == 206:
            match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != start:
                self.close()
                raise TransferBroke("the store sent another range than was asked for")
        elif response.status == 200:
            if start:
                self.close()
                raise RangeIgnored
        else:
            self._refuse(response, parts)

    def _refuse(self, response: http.client.HTTPResponse, parts: SplitResult) -> None:
        """Raise what an unsuccessful status means; the body may quote the signed URL and is not repeated."""
        self.close()
        status = response.status
        if status in {400, 401, 403}:
            # Expired signatures are 403 on S3 and 400 elsewhere; who asks for a new URL notices a real refusal.
            raise URLExpired
        if status in {408, 425, 429} or status >= 500:
            raise TransferBroke(f"the store answered {status}")
        raise ClientError(
            f"the store at {printable(parts.netloc.rpartition('@')[2])} answered {status}",
            advice=("The file is listed, but its bytes are not there: tell the publisher or the operator.",),
        )

    def _request(
        self, method: str, url: str, *, headers: dict[str, str], body: "_Slice | None" = None
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        connection = self._connect(parts)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        if self._through_proxy:
            target = f"{parts.scheme}://{parts.netloc}{target}"
        try:
            try:
                connection.request(
                    method,
                    target,
                    body=body,
                    headers={"User-Agent": USER_AGENT, **self._headers, **headers},
                )
            except (BrokenPipeError, ConnectionResetError):
                # A store that refuses a part may say so before it has read it all.
                if body is None:
                    raise
            return connection.getresponse()
        except http.client.InvalidURL:
            raise ClientError("the registry sent a download address that is not a URL") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise TransferBroke(f"the store cannot be reached ({type(error).__name__})") from None

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ClientError("the registry sent a download address that is not a URL")
        origin = (parts.scheme, parts.netloc)
        if self._connection is None or self._origin != origin:
            self.close()
            self._connection = self._open(parts)
            self._origin = origin
        return self._connection

    def _open(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        proxy_url = urllib.request.getproxies().get(parts.scheme)
        if proxy_url and urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
            proxy_url = None
        proxy = urlsplit(proxy_url) if proxy_url else None
        self._through_proxy = proxy is not None and parts.scheme == "http"
        authorization = _proxy_authorization(proxy)
        self._headers = authorization if self._through_proxy else {}
        if proxy is not None and proxy.hostname:
            host, port = proxy.hostname, proxy.port or 80
        else:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout, blocksize=SEND_BLOCK_BYTES)
        secure = http.client.HTTPSConnection(
            host,
            port,
            timeout=self._timeout,
            blocksize=SEND_BLOCK_BYTES,
            context=ssl.create_default_context(),
        )
        if proxy is not None:
            secure.set_tunnel(parts.hostname or "", parts.port or 443, headers=authorization)
        return secure


class _Slice:
    """A stretch of a file that `http.client` reads as a request body."""

    def __init__(self, descriptor: int, start: int, length: int, sent: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._position = start
        self._end = start + length
        self._sent = sent

    def read(self, size: int = SEND_BLOCK_BYTES, /) -> bytes:
        """Return the next bytes, at most `size`."""
        wanted = min(size, self._end - self._position)
        data = os.pread(self._descriptor, wanted, self._position)
        if wanted and not data:
            raise ClientError("a file became shorter while it was uploaded", advice=("Publish again.",))
        self._position += len(data)
        self._sent(len(data))
        return data


def _proxy_authorization(proxy: SplitResult | None) -> dict[str, str]:
    if proxy is None or proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
