"""SigV4 presigned S3 URLs, made without the SDK because every gated download needs one.

Written after "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" of the Amazon
S3 API reference; a property test holds the result byte-equal to botocore's `s3v4` presigner. Only the
`host` header is signed, so that any client may use the URL; method, key, query and expiry are signed too.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit

EXPIRES_MAX_S = 604_800
"""Seven days, the longest life that SigV4 query authentication allows."""

PART_NUMBER_MAX = 10_000
"""Amazon S3 multipart upload limit: part numbers go from 1 to 10,000."""

FILENAME_MAX_CHARACTERS = 255

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Addressing(StrEnum):
    """Where the bucket stands in a URL."""

    PATH = "path"
    """`https://host/bucket/key`"""
    VIRTUAL = "virtual"
    """`https://bucket.host/key`"""


class Presigner:
    """Signs URLs of one bucket; safe for use by several threads."""

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        access_key: str,
        secret_key: str,
        addressing: Addressing,
    ) -> None:
        scheme, authority, host = _split_endpoint(endpoint)
        if _BUCKET.match(bucket) is None:
            raise ValueError(f"not a bucket name: {bucket!r}")
        if addressing is Addressing.VIRTUAL:
            authority, host = f"{bucket}.{authority}", f"{bucket}.{host}"
            self._prefix = "/"
        else:
            self._prefix = f"/{bucket}/"
        self._origin = f"{scheme}://{authority}"
        self._host = host
        self._region = region
        self._access_key = access_key
        self._secret = b"AWS4" + secret_key.encode()
        self._day: tuple[str, str, str, bytes] = ("", "", "", b"")

    def get(
        self,
        key: str,
        *,
        now: datetime,
        expires_s: int,
        disposition: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Return a URL that gives the object for `expires_s` seconds from `now`, under the given headers."""
        params = ""
        if disposition is not None:
            params = "response-content-disposition=" + quote(disposition, safe=_UNRESERVED)
        if content_type is not None:
            params += "&" if params else ""
            params += "response-content-type=" + quote(content_type, safe=_UNRESERVED)
        return self._sign("GET", key, now, expires_s, params)

    def put(self, key: str, *, now: datetime, expires_s: int) -> str:
        """Return a URL that stores one object in one request."""
        return self._sign("PUT", key, now, expires_s, "")

    def put_part(self, key: str, *, multipart_id: str, number: int, now: datetime, expires_s: int) -> str:
        """Return a URL that stores one part of a multipart upload."""
        if not 1 <= number <= PART_NUMBER_MAX:
            raise ValueError(f"part number out of range: got {number}, expected 1 to {PART_NUMBER_MAX}")
        params = f"partNumber={number}&uploadId={quote(multipart_id, safe=_UNRESERVED)}"
        return self._sign("PUT", key, now, expires_s, params)

    def _sign(self, method: str, key: str, now: datetime, expires_s: int, params: str) -> str:
        """Return the signed URL; `params` is already encoded and in the order of its names."""
        if not key:
            raise ValueError("an object key cannot be empty")
        if not 1 <= expires_s <= EXPIRES_MAX_S:
            raise ValueError(f"expiry out of range: got {expires_s} s, expected 1 to {EXPIRES_MAX_S} s")
        moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope, credential, signing_key = self._day_of(moment[:8])
        path = self._prefix + quote(key, safe="/-_.~")
        auth = (
            f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={moment}"
            f"&X-Amz-Expires={expires_s}&X-Amz-SignedHeaders=host"
        )
        # The canonical query is sorted by byte: every `X-Amz-` name stands before the lower-case ones.
        canonical_query = f"{auth}&{params}" if params else auth
        request = f"{method}\n{path}\n{canonical_query}\nhost:{self._host}\n\nhost\nUNSIGNED-PAYLOAD"
        to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
        query = f"{params}&{auth}" if params else auth
        return f"{self._origin}{path}?{query}&X-Amz-Signature={signature}"

    def _day_of(self, date: str) -> tuple[str, str, bytes]:
        """Return scope, encoded credential and signing key of the day; derived once a day."""
        known, scope, credential, signing_key = self._day  # one read, so threads see one whole day
        if known == date:
            return scope, credential, signing_key
        scope = f"{date}/{self._region}/s3/aws4_request"
        credential = quote(f"{self._access_key}/{scope}", safe=_UNRESERVED)
        signing_key = self._secret
        for word in scope.split("/"):
            signing_key = hmac.digest(signing_key, word.encode(), "sha256")
        self._day = (date, scope, credential, signing_key)
        return scope, credential, signing_key


def attachment(filename: str) -> str:
    """Return the `Content-Disposition` (RFC 6266, RFC 8187) that saves a download as the last part of `filename`.

    Holds no control character, so it cannot end a header line.
    """
    name = filename.replace("\\", "/").rpartition("/")[2][-FILENAME_MAX_CHARACTERS:]
    name = _UNPRINTABLE.sub("_", name) or "download"
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_").replace("%", "_")
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_UNRESERVED)}"


def _split_endpoint(endpoint: str) -> tuple[str, str, str]:
    """Return scheme, authority and the `Host` value of `scheme://host[:port]`."""
    parts = urlsplit(endpoint)
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not parts.hostname
        or parts.username is not None
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        raise ValueError("an S3 endpoint has the form http[s]://host[:port], without path or credentials")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]
    authority = name if parts.port is None else f"{name}:{parts.port}"
    return parts.scheme, authority, name if standard else f"{name}:{parts.port}"
