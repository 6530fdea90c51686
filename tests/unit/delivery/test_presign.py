"""The own SigV4 presigner against botocore's."""

import re
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from registry.delivery.presign import EXPIRES_MAX_S, Addressing, Presigner, attachment

NOW = datetime(2026, 11, 23, 14, 7, 31, tzinfo=UTC)
ACCESS_KEY, SECRET_KEY = "GATEHOUSEEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CASES = [
    ("http://127.0.0.1:18333", Addressing.PATH, "us-east-1", "releases"),
    ("https://objects.example.org", Addressing.PATH, "eu-central-1", "gatehouse-releases"),
    ("https://objects.example.org", Addressing.VIRTUAL, "eu-central-1", "gatehouse-releases"),
    ("https://objects.example.org:443", Addressing.VIRTUAL, "eu-west-1", "releases"),
    ("http://objects.example.org:8333", Addressing.VIRTUAL, "garage", "releases"),
]


def _reference(endpoint, addressing, region):
    """botocore's client; its presigned URLs carry the SDK's own checksum wishes unless told otherwise."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing.value},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def pair(request):
    """(own presigner, botocore client, bucket) for one endpoint, style and region."""
    endpoint, addressing, region, bucket = request.param
    own = Presigner(
        endpoint=endpoint,
        bucket=bucket,
        region=region,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        addressing=addressing,
    )
    return own, _reference(endpoint, addressing, region), bucket


def _botocore_url(client, operation, params, expires_s, now):
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now.replace(tzinfo=None)):
        return client.generate_presigned_url(operation, Params=params, ExpiresIn=expires_s)


# Any text that encodes as UTF-8; S3 keys are 1 to 1,024 bytes.
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis takes naive bounds and adds the zone itself
EXPIRES = st.integers(1, EXPIRES_MAX_S)


@given(
    key=KEYS, now=TIMES, expires_s=EXPIRES, disposition=st.none() | VALUES, content_type=st.none() | VALUES
)
def test_get_url_is_byte_equal_to_botocore(pair, key, now, expires_s, disposition, content_type):
    own, client, bucket = pair
    params = {"Bucket": bucket, "Key": key}
    if disposition is not None:
        params["ResponseContentDisposition"] = disposition
    if content_type is not None:
        params["ResponseContentType"] = content_type
    expected = _botocore_url(client, "get_object", params, expires_s, now)
    got = own.get(key, now=now, expires_s=expires_s, disposition=disposition, content_type=content_type)
    assert got == expected


@given(key=KEYS, now=TIMES, expires_s=EXPIRES)
def test_put_url_is_byte_equal_to_botocore(pair, key, now, expires_s):
    own, client, bucket = pair
    expected = _botocore_url(client, "put_object", {"Bucket": bucket, "Key": key}, expires_s, now)
    assert own.put(key, now=now, expires_s=expires_s) == expected


@given(key=KEYS, now=TIMES, expires_s=EXPIRES, multipart_id=VALUES, number=st.integers(1, 10_000))
def test_part_url_is_byte_equal_to_botocore(pair, key, now, expires_s, multipart_id, number):
    own, client, bucket = pair
    params = {"Bucket": bucket, "Key": key, "PartNumber": number, "UploadId": multipart_id}
    expected = _botocore_url(client, "upload_part", params, expires_s, now)
    assert (
        own.put_part(key, multipart_id=multipart_id, number=number, now=now, expires_s=expires_s) == expected
    )


def _presigner():
    return Presigner(
        endpoint="https://objects.example.org",
        bucket="releases",
        region="eu-central-1",
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        addressing=Addressing.PATH,
    )


def test_url_after_midnight_is_signed_with_the_new_days_key():
    own = _presigner()
    late = own.get("k", now=datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), expires_s=300)
    early = own.get("k", now=datetime(2026, 11, 24, 0, 0, 0, tzinfo=UTC), expires_s=300)
    assert "20261123%2Feu-central-1" in late
    assert "20261124%2Feu-central-1" in early
    fresh = _presigner().get("k", now=datetime(2026, 11, 24, 0, 0, 0, tzinfo=UTC), expires_s=300)
    assert early == fresh


@pytest.mark.parametrize("expires_s", [0, -1, EXPIRES_MAX_S + 1])
def test_expiry_outside_the_protocols_range_is_a_defect(expires_s):
    with pytest.raises(ValueError, match="expiry out of range"):
        _presigner().get("k", now=NOW, expires_s=expires_s)


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_number_outside_the_protocols_range_is_a_defect(number):
    with pytest.raises(ValueError, match="part number out of range"):
        _presigner().put_part("k", multipart_id="u", number=number, now=NOW, expires_s=60)


def test_empty_key_is_a_defect_because_it_would_sign_the_bucket():
    with pytest.raises(ValueError, match="cannot be empty"):
        _presigner().get("", now=NOW, expires_s=60)


@pytest.mark.parametrize(
    "endpoint",
    [
        "objects.example.org",
        "ftp://objects.example.org",
        "https://key:secret@objects.example.org",
        "https://objects.example.org/prefix",
        "https://objects.example.org?x=1",
        "https://",
    ],
)
def test_endpoint_that_is_not_an_origin_is_refused_without_repeating_it(endpoint):
    with pytest.raises(ValueError, match="an S3 endpoint has the form") as caught:
        Presigner(
            endpoint=endpoint,
            bucket="b-1",
            region="r",
            access_key="a",
            secret_key="s",
            addressing=Addressing.PATH,
        )
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("model.safetensors", 'attachment; filename="model.safetensors"'),
        ("onnx/model.onnx", 'attachment; filename="model.onnx"'),
        ('a"b.bin', "attachment; filename=\"a_b.bin\"; filename*=UTF-8''a%22b.bin"),
        ("Gewichte ü.bin", "attachment; filename=\"Gewichte _.bin\"; filename*=UTF-8''Gewichte%20%C3%BC.bin"),
        ("a\r\nSet-Cookie: x=1", 'attachment; filename="a__Set-Cookie: x=1"'),
        ("evil\u202egpj.exe", 'attachment; filename="evil_gpj.exe"'),
        ("folder/", 'attachment; filename="download"'),
    ],
)
def test_disposition_names_the_file(filename, expected):
    assert attachment(filename) == expected


@given(st.text(max_size=300))
def test_disposition_never_ends_a_header_line(filename):
    value = attachment(filename)
    assert re.fullmatch(r"[\x20-\x7e]*", value)
    assert value.count('"') == 2
    url = _presigner().get("k", now=NOW, expires_s=60, disposition=value)
    assert parse_qs(urlsplit(url).query)["response-content-disposition"] == [value]
