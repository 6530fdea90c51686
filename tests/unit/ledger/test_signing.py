"""Signatures: equal to the library's, bound to their key, refused when anything about them is odd."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from registry.ledger import signing
from registry.ledger.domain import KeyPurpose

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def signer(seed: int = 1) -> signing.Signer:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    public = private.public_key().public_bytes_raw()
    return signing.Signer(kid=signing.thumbprint(public), public=public, private=private)


def published(key: signing.Signer, purpose: KeyPurpose = KeyPurpose.STATEMENT) -> signing.PublishedKey:
    return signing.PublishedKey(
        kid=key.kid, purpose=purpose, public=key.public, valid_from=NOW, valid_until=None
    )


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_thumbprint_is_that_of_rfc_8037() -> None:
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert signing.thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@given(
    payload=st.binary(max_size=300),
    typ=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=30),
)
def test_jws_equals_the_one_of_the_library(payload: bytes, typ: str) -> None:
    key = signer()
    private = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encoded(key.public),
            "d": encoded(key.private.private_bytes_raw()),
        }
    )
    theirs = jws.serialize_compact(
        {"alg": "Ed25519", "kid": key.kid, "typ": typ}, payload, private, algorithms=["Ed25519"]
    )
    ours = key.sign_jws(payload, {"typ": typ})
    assert ours == theirs
    verified = signing.verify_jws(ours, [published(key)])
    assert (verified.payload, verified.header["typ"], verified.key.kid) == (payload, typ, key.kid)


@pytest.mark.parametrize("name", ["alg", "kid"])
def test_callers_do_not_choose_algorithm_or_key(name: str) -> None:
    with pytest.raises(ValueError, match="not the caller's"):
        signer().sign_jws(b"", {name: "none"})


def forged(header: dict[str, object], payload: bytes = b"{}", *, key: signing.Signer | None = None) -> str:
    message = f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"
    signature = key.private.sign(message.encode()) if key else b""
    return f"{message}.{encoded(signature)}"


def test_odd_signatures_are_refused() -> None:
    key, other = signer(), signer(2)
    good = key.sign_jws(b"{}", {})
    head, payload, signature = good.split(".")
    for token in (
        "",
        "a.b",
        f"{good}.x",
        f"{head}.{payload}.",
        f"{head}.{encoded(b'[]')}.{signature}",
        forged({"alg": "none", "kid": key.kid}),
        forged({"alg": "EdDSA", "kid": key.kid}, key=key),
        forged({"alg": "HS256", "kid": key.kid}, key=key),
        forged({"alg": "Ed25519"}, key=key),
        forged({"alg": "Ed25519", "kid": other.kid}, key=key),
        forged({"alg": "Ed25519", "kid": key.kid}, key=other),
        forged({"alg": "Ed25519", "kid": key.kid, "crit": ["b64"], "b64": False}, key=key),
        forged({"alg": "Ed25519", "kid": key.kid, "crit": ["unknown"], "unknown": 1}, key=key),
        forged({"alg": "Ed25519", "kid": 7}, key=key),
    ):
        with pytest.raises(signing.SignatureMismatch):
            signing.verify_jws(token, [published(key)])


def test_checkpoint_key_does_not_sign_statements() -> None:
    key = signer()
    with pytest.raises(signing.SignatureMismatch, match="unknown key"):
        signing.verify_jws(key.sign_jws(b"{}", {}), [published(key, KeyPurpose.CHECKPOINT)])


def test_key_is_valid_from_its_making_to_its_end() -> None:
    key = signing.PublishedKey(
        kid="k",
        purpose=KeyPurpose.STATEMENT,
        public=bytes(32),
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
    )
    assert [key.is_valid_at(NOW + timedelta(days=days)) for days in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]


def test_jwk_has_the_members_that_receipts_promise() -> None:
    jwk = published(signer()).jwk()
    assert jwk == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": encoded(signer().public),
        "kid": signer().kid,
        "use": "statement",
        "valid_from": "2026-11-23T12:00:00.000Z",
        "valid_until": None,
    }


def test_private_key_does_not_show_in_representations() -> None:
    assert "private" not in repr(signer())
