"""The object store over S3: boto3 for everything but presigning, which every gated download needs.

Timeouts: 3 s to connect, 30 s of silence unless set otherwise. Retries: the SDK's standard rule, three tries in all, for
outages, throttling and 5xx; a stream that breaks while it is read is not retried here. What goes wrong
leaves as `Unavailable` or `MissingObject`, which name the store's error code, never a URL, key or secret.
"""

import base64
import hashlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import httpx2
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from registry.catalog.storage import PART_LINK_S, StoredPart
from registry.delivery.presign import Addressing, Presigner, attachment
from registry.kernel.clock import Clock
from registry.kernel.outcomes import GatehouseError, Unavailable

PART = "object store"
CONNECT_TIMEOUT_S = 3
SILENCE_TIMEOUT_S = 30
"""How long the store may say nothing; putting a large object together takes it a while."""
ATTEMPTS_MAX = 3
CONNECTIONS_MAX = 32
CHUNK_BYTES = 1024 * 1024
COPY_PART_BYTES = 256 * 1024 * 1024
"""Larger objects are copied in parts of this size; Amazon S3 copies at most 5 GiB in one request."""

PROBE_KEY = "gatehouse-probe"
PROBE_CONTENT = b"Gatehouse checks here that nobody reads without a signature.\n"
PROBE_TIMEOUT_S = 10.0
READINESS_TIMEOUT_S = 2.0
_REFUSED = frozenset({401, 403})
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound"})

DOWNLOAD_CONTENT_TYPE = "application/octet-stream"
"""No stored byte is ever shown as a page of the store's origin."""


class MissingObject(GatehouseError):
    """The object or multipart upload that a record names is not in the store."""


class S3ObjectStore:
    """One bucket of an S3 service; safe for use by several threads.

    All keys stand below `prefix`, so several registries can share a bucket. The identity needs to get, put
    and delete objects there; on Amazon S3 also `s3:ListBucket`, without which an absent object is answered
    like a forbidden one.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        access_key: str,
        secret_key: str,
        addressing: Addressing,
        clock: Clock,
        public_endpoint: str = "",
        prefix: str = "",
        timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._clock = clock
        self.threads: Executor = ThreadPoolExecutor(CONNECTIONS_MAX, thread_name_prefix="object-store")
        self._inner, self._public = (
            Presigner(
                endpoint=address,
                bucket=bucket,
                region=region,
                access_key=access_key,
                secret_key=secret_key,
                addressing=addressing,
            )
            for address in (endpoint, public_endpoint or endpoint)
        )
        self._has_public_endpoint = public_endpoint not in {"", endpoint}
        self._connect = partial(
            _connect,
            endpoint=endpoint,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            addressing=addressing,
            timeout_s=timeout_s,
        )

    @cached_property
    def _client(self) -> Any:
        # Made at the first use: it takes a sixth of a second, and presigning does without.
        return self._connect()

    def presign_get(self, key: str, *, filename: str, expires_s: int, now: datetime) -> str:
        """Return a URL that saves the object as `filename`."""
        return self._public.get(
            self._prefix + key,
            now=now,
            expires_s=expires_s,
            disposition=attachment(filename),
            content_type=DOWNLOAD_CONTENT_TYPE,
        )

    def presign_part(self, key: str, multipart_id: str, number: int, *, expires_s: int = PART_LINK_S) -> str:
        """Return a URL that stores one part of a multipart upload."""
        return self._public.put_part(
            self._prefix + key,
            multipart_id=multipart_id,
            number=number,
            now=self._clock.now(),
            expires_s=expires_s,
        )

    def start_multipart(self, key: str) -> str:
        """Return the id of a new multipart upload."""
        with _translated():
            answer = self._client.create_multipart_upload(**self._name(key))
        return _upload_id(answer)

    def list_parts(self, key: str, multipart_id: str) -> list[StoredPart] | None:
        """Return the parts stored so far, by number; None where no such upload is open."""
        parts: list[StoredPart] = []
        try:
            with _translated():
                paginator = self._client.get_paginator("list_parts")
                for page in paginator.paginate(**self._name(key), UploadId=multipart_id):
                    _upload_id(page)  # an answer cut to nothing must not pass for an upload without parts
                    parts.extend(
                        StoredPart(number=part["PartNumber"], size=part["Size"], etag=part["ETag"])
                        for part in page.get("Parts", ())
                    )
        except MissingObject:
            return None
        return sorted(parts, key=lambda part: part.number)

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the parts one object."""
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with _translated():
            self._client.complete_multipart_upload(
                **self._name(key), UploadId=multipart_id, MultipartUpload={"Parts": listed}
            )

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Forget the upload and its parts; harmless when it is gone."""
        try:
            with _translated():
                self._client.abort_multipart_upload(**self._name(key), UploadId=multipart_id)
        except MissingObject:
            return

    def put(self, key: str, content: bytes) -> None:
        """Store `content`; the store confirms its SHA-256."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        with _translated():
            self._client.put_object(**self._name(key), Body=content, ChecksumSHA256=checksum)

    def open(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in pieces of at most `CHUNK_BYTES`; raise if it breaks off."""
        with _translated():
            body = self._client.get_object(**self._name(key))["Body"]
            with body:
                yield from body.iter_chunks(CHUNK_BYTES)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`; fewer where the object ends."""
        if length <= 0:
            return b""
        try:
            with _translated():
                wanted = f"bytes={start}-{start + length - 1}"
                answer = self._client.get_object(**self._name(key), Range=wanted)
                with answer["Body"] as body:
                    return bytes(body.read())
        except Unavailable as error:
            if error.reason == "InvalidRange":
                return b""
            raise

    def head(self, key: str) -> int | None:
        """Return the object's size, or None where there is none."""
        try:
            with _translated():
                return int(self._client.head_object(**self._name(key))["ContentLength"])
        except MissingObject:
            return None

    def copy(self, source: str, target: str) -> None:
        """Store the object `source` also as `target`, inside the store."""
        with _translated():
            self._client.copy(
                {"Bucket": self._bucket, "Key": self._prefix + source},
                self._bucket,
                self._prefix + target,
                Config=TransferConfig(
                    multipart_threshold=COPY_PART_BYTES,
                    multipart_chunksize=COPY_PART_BYTES,
                    max_concurrency=4,
                ),
            )

    def delete(self, key: str) -> None:
        """Remove the object; harmless when it is gone."""
        with _translated():
            self._client.delete_object(**self._name(key))

    def is_ready(self) -> bool:
        """Whether the store answers a signed request for the probe's object now; one short try."""
        url = self._inner.get(self._prefix + PROBE_KEY, now=self._clock.now(), expires_s=60)
        with httpx2.Client(timeout=READINESS_TIMEOUT_S, trust_env=not _is_loopback(url)) as client:
            return _status(client, url) == httpx2.codes.OK

    def probe(self) -> None:
        """Return only if our own signed links work and nobody gets in without one (threat G5).

        Raises:
            GatehouseError: the store is open, or does not accept our links; the service must not run.
            Unavailable: the store does not answer.
        """
        self.put(PROBE_KEY, PROBE_CONTENT)
        self._probe_through(self._inner)
        if self._has_public_endpoint:
            try:
                self._probe_through(self._public)
            except Unavailable:
                # The clients' address of the store need not be reachable from here; the bucket is the same.
                return

    def _probe_through(self, presigner: Presigner) -> None:
        key = self._prefix + PROBE_KEY
        signed = presigner.get(key, now=self._clock.now(), expires_s=60)
        plain = signed.partition("?")[0]
        listing = plain.removesuffix(quote(key, safe="/-_.~")) + "?list-type=2&max-keys=1"
        with httpx2.Client(timeout=PROBE_TIMEOUT_S, trust_env=not _is_loopback(plain)) as client:
            for deed, url in (("GET", plain), ("list", listing)):
                status = _status(client, url)
                if status not in _REFUSED:
                    raise GatehouseError(
                        f"the object store is open: an anonymous {deed} got {status}, expected 403; "
                        "close the bucket to the public before the registry can run"
                    )
            status = _status(client, signed)
            if status != httpx2.codes.OK:
                raise GatehouseError(
                    f"the object store does not accept the registry's own links: got {status}, expected 200; "
                    "check region, address style, credentials and the clocks of both machines"
                )

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}


def _status(client: httpx2.Client, url: str) -> int:
    try:
        return client.get(url).status_code
    except httpx2.HTTPError as error:
        reason = type(error).__name__
    raise Unavailable(PART, reason)


def _upload_id(answer: Mapping[str, Any]) -> str:
    """Return the upload that an answer is about; the SDK reads a body that broke off at once as an empty answer."""
    if not answer.get("UploadId"):
        raise Unavailable(PART, "EmptyAnswer")
    return str(answer["UploadId"])


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the SDK's exceptions into ours, without their texts: those hold URLs and keys."""
    try:
        yield
        return
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown error"))
    except (BotoCoreError, HTTPError, OSError) as error:
        code = type(error).__name__
    if code in _MISSING:
        raise MissingObject(f"the {PART} answered {code}") from None
    raise Unavailable(PART, code) from None


def _connect(
    *,
    endpoint: str,
    region: str,
    access_key: str,
    secret_key: str,
    addressing: Addressing,
    timeout_s: float,
) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing.value},
            connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
            max_pool_connections=CONNECTIONS_MAX,
            # Other S3 services than Amazon's do not all know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # A proxy of the environment cannot reach our loopback.
            proxies={"http": None, "https": None} if _is_loopback(endpoint) else None,
        ),
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
