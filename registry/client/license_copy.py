"""The license text that a receipt carries, and what it includes: are they those that the statement names?"""

import hashlib

from registry.client.errors import VerificationFailed, printable
from registry.client.receipt import LicenseCopy, PolicyCopy
from registry.client.wire import Fields, JsonObject


def check_license(copy: LicenseCopy, claims: JsonObject) -> str:
    """Return in words what the texts in a receipt are, after holding them to the statement's digests.

    Raises:
        VerificationFailed: one of them is not what the statement names.
    """
    digest = "sha256:" + hashlib.sha256(copy.text).hexdigest()
    signed = Fields(claims, where="statement").member("license")
    named = {"sha256": digest, "slug": copy.slug, "number": copy.number, "title": copy.title}
    for name, got in named.items():
        expected = signed.text(name)
        if got != expected:
            raise VerificationFailed(
                f"license {name} differs: the receipt has {printable(got, limit=80)}, "
                f"the statement names {printable(expected, limit=80)}"
            )
    if copy.sha256 != digest:
        raise VerificationFailed(
            f"license digest differs: got {digest}, the receipt says {printable(copy.sha256, limit=80)}"
        )
    said = f"the text in the receipt is {copy.slug} {copy.number}, {digest}"
    return said + _check_policies(copy.policies, _signed_policies(signed))


def _signed_policies(signed: Fields) -> list[Fields]:
    return [] if signed.value.get("policies") is None else signed.members("policies")


def _check_policies(copies: tuple[PolicyCopy, ...] | None, signed: list[Fields]) -> str:
    """Compare what the license includes with the statement, in order; return what is to be said about it."""
    if copies is None:
        return f"; the receipt does not carry the {len(signed)} text(s) it includes" if signed else ""
    if len(copies) != len(signed):
        raise VerificationFailed(
            f"policies differ: the receipt carries {len(copies)}, the statement names {len(signed)}"
        )
    for copy, expected in zip(copies, signed, strict=True):
        _check_policy(copy, expected)
    held = sum(copy.text is not None for copy in copies)
    return (
        f"; of the {len(copies)} text(s) it includes the receipt carries {held}, unaltered" if copies else ""
    )


def _check_policy(copy: PolicyCopy, signed: Fields) -> None:
    named = {"title": copy.title, "url": copy.url, "sha256": copy.sha256}
    for name, got in named.items():
        expected = signed.maybe_text(name)
        if got != expected:
            raise VerificationFailed(
                f"policy {name} differs: the receipt has {printable(got or 'none', limit=80)}, "
                f"the statement names {printable(expected or 'none', limit=80)}"
            )
    if copy.text is None:
        return
    digest = "sha256:" + hashlib.sha256(copy.text).hexdigest()
    if digest != copy.sha256:
        raise VerificationFailed(
            f"policy text differs: {printable(copy.title, limit=80)} in the receipt is {digest}, "
            f"the statement names {printable(copy.sha256 or 'no digest', limit=80)}"
        )
