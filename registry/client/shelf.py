"""Where a copy of a log is kept: a folder, or a bucket that any static host serves.

Paths are those of C2SP tlog-tiles, so what serves the shelf serves the log.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from registry.client.errors import ClientError, Unavailable, UsageProblem

FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=5"
"""C2SP tlog-tiles: a checkpoint may be cached for a few seconds at most."""


class Shelf(Protocol):
    """Files by their paths; whatever is there is whole."""

    name: str
    """What people are told."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None where there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Put a file there, or in the place of the one that is there, durably."""

    def remove_folder(self, path: str) -> None:
        """Remove all files below `path`, if there are any."""


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.name = str(root)
        self._root = root

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None where there is none."""
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ClientError(f"cannot read {self._root / path}: {os.strerror(error.errno or 0)}") from None

    def write(self, path: str, data: bytes) -> None:
        """Put a file there whole: under another name first, on the disk before it takes its own."""
        target = self._root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(draft).chmod(0o644)
                Path(draft).replace(target)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ClientError(f"cannot write {target}: {os.strerror(error.errno or 0)}") from None

    def remove_folder(self, path: str) -> None:
        """Remove all files below `path`, if there are any."""
        shutil.rmtree(self._root / path, ignore_errors=True)


class Bucket:
    """A prefix of a bucket at an S3 store, with the keys that boto3 finds for this user."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str | None) -> None:
        import boto3  # noqa: PLC0415 - takes a third of a second, which nobody else should wait for
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.exceptions import ClientError as StoreError  # noqa: PLC0415

        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._failures = (BotoCoreError, StoreError)
        self._client: Any = boto3.session.Session().client("s3", endpoint_url=endpoint)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None where there is none."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            data: bytes = found["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        except self._failures as error:
            raise self._unavailable("read", error) from None
        return data

    def write(self, path: str, data: bytes) -> None:
        """Put a file there; the store shows it whole or not at all."""
        is_text = not path.startswith("tile/")
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + path,
                Body=data,
                ContentType="text/plain; charset=utf-8" if is_text else "application/octet-stream",
                CacheControl=BRIEFLY if is_text else FOR_EVER,
            )
        except self._failures as error:
            raise self._unavailable("write", error) from None

    def remove_folder(self, path: str) -> None:
        """Remove all files below `path`, if there are any."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{path}/"
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    self._client.delete_object(Bucket=self._bucket, Key=found["Key"])
        except self._failures as error:
            raise self._unavailable("remove", error) from None

    def _unavailable(self, act: str, error: Exception) -> Unavailable:
        return Unavailable(
            f"cannot {act} at {self.name}: {type(error).__name__}",
            advice=("Check the bucket, its address and your keys (AWS_ACCESS_KEY_ID …), then run it again.",),
        )


def open_shelf(target: str, *, s3_endpoint: str | None = None) -> Shelf:
    """Return the shelf of a folder's path, or of `s3://bucket/prefix`.

    Raises:
        UsageProblem: it is neither.
    """
    if "://" not in target:
        return Folder(Path(target))
    parts = urlsplit(target)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageProblem("a copy is kept in a folder, or at s3://BUCKET/PREFIX")
    return Bucket(parts.netloc, parts.path.strip("/"), endpoint=s3_endpoint)
