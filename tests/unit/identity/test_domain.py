"""Addresses, links, tokens: the rules, by cases and properties."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.identity.domain import (
    ANONYMOUS,
    TOKENS_PER_PERSON,
    Principal,
    Scope,
    digest_of,
    invalid_email,
    judge_link,
    judge_new_token,
    new_secret,
    normalise_email,
    not_signed_in,
    safe_next,
    unknown_token,
)
from registry.kernel.outcomes import Refusal
from tests.clock import START


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("mara@nordlab.example", "mara@nordlab.example"),
        ("  Mara.Lindqvist@NordLab.Example \n", "mara.lindqvist@nordlab.example"),
        ("a+b@c.example", "a+b@c.example"),
        ("o'neil@x.example", "o'neil@x.example"),
        ("a@localhost", "a@localhost"),
        ("x" * 64 + "@y.example", "x" * 64 + "@y.example"),
        ("", None),
        ("mara", None),
        ("@nordlab.example", None),
        ("mara@", None),
        ("mara@@nordlab.example", None),
        ("mara@nordlab..example", None),
        (".mara@nordlab.example", None),
        ("mara.@nordlab.example", None),
        ("ma ra@nordlab.example", None),
        ("mara@nord lab.example", None),
        ("mara@-nordlab.example", None),
        ("mara@nordlab.example\nBcc: x@y.example", None),
        ("mara@nordlab.example\x00", None),
        ("mara@nordlab.example,x@y.example", None),
        ("Mara <mara@nordlab.example>", None),
        ('"mara"@nordlab.example', None),
        ("mаra@nordlab.example", None),  # a Cyrillic letter
        ("mara@nordläb.example", None),
        ("ma\u200bra@nordlab.example", None),
        ("mara\u212a@nordlab.example", "marak@nordlab.example"),  # the Kelvin sign is a k, by NFC
        ("x" * 65 + "@y.example", None),
        ("a@" + "b" * 250 + ".example", None),
    ],
)
def test_addresses_have_one_stored_form(typed: str, stored: str | None) -> None:
    assert normalise_email(typed) == stored


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_stored_address_is_stable_and_plain(local: str, domain: str) -> None:
    address = normalise_email(f"{local}@{domain}")
    if address is None:
        return
    assert normalise_email(address) == address
    assert normalise_email(address.upper()) == address
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' ,;<>()"\\:[]')
    assert address.count("@") == 1


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/a\\..\\evil",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/x y",
        "/" + "a" * 500,
    ],
)
def test_a_way_back_that_leads_elsewhere_is_dropped(path: str | None) -> None:
    assert safe_next(path) == "/"


@pytest.mark.parametrize(
    "path", ["/", "/quarry/quarry-15b", "/a/b/accept?license=x@1.0", "/%2F%2Fevil.example", "/%5Cevil", "/é"]
)
def test_a_way_back_on_this_site_is_kept(path: str) -> None:
    assert safe_next(path) == path


@given(st.text(max_size=30) | st.text(alphabet="/\\:\t\n @.aé%2F5C?#", max_size=12))
def test_every_way_back_stays_on_this_site_as_browsers_read_it(path: str) -> None:
    kept = safe_next(path)
    # The WHATWG URL standard takes a backslash for a slash and drops tabs and line breaks.
    as_read = kept.replace("\\", "/").replace("\t", "").replace("\n", "").replace("\r", "").strip()
    parts = urlsplit(urljoin("https://registry.example/sign-in", as_read))
    assert (parts.scheme, parts.netloc) == ("https", "registry.example")


LINK: dict[str, Any] = {
    "expires_at": START + timedelta(minutes=15),
    "used_at": None,
    "bound_to": "browser",
    "browser": "browser",
    "now": START,
}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"bound_to": None, "browser": None}, None),
        ({"now": START + timedelta(minutes=14, seconds=59)}, None),
        ({"now": START + timedelta(minutes=15)}, "sign-in-link-expired"),
        ({"used_at": START}, "sign-in-link-used"),
        ({"used_at": START, "browser": "other"}, "sign-in-link-used"),
        ({"browser": "other"}, "sign-in-link-other-browser"),
        ({"browser": None}, "sign-in-link-other-browser"),
        ({"browser": ""}, "sign-in-link-other-browser"),
    ],
)
def test_a_link_works_once_in_time_in_its_browser(changes: dict[str, Any], code: str | None) -> None:
    refusal = judge_link(**{**LINK, **changes})
    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert refusal.remedy is not None
        assert refusal.remedy.url == "/sign-in"


@pytest.mark.parametrize(
    ("given_", "fields"),
    [
        (("laptop", frozenset({Scope.READ}), 30, 0), set()),
        (("", frozenset({Scope.READ}), 30, 0), {"name"}),
        (("x" * 61, frozenset({Scope.READ}), 30, 0), {"name"}),
        (("lap\ntop", frozenset({Scope.READ}), 30, 0), {"name"}),
        (("laptop", frozenset(), 30, 0), {"scopes"}),
        (("laptop", frozenset({Scope.READ}), 3650, 0), {"days"}),
        (("laptop", frozenset({Scope.READ}), 0, 0), {"days"}),
        (("laptop", frozenset({Scope.READ}), -1, 0), {"days"}),
        (("laptop", frozenset({Scope.READ}), 30, TOKENS_PER_PERSON), {"name"}),
        (("", frozenset(), 0, 0), {"name", "scopes", "days"}),
    ],
)
def test_a_token_has_a_name_a_scope_and_an_end(given_: tuple[Any, ...], fields: set[str]) -> None:
    refusal = judge_new_token(*given_)
    assert set(refusal.errors if refusal else {}) == fields


def test_nobody_may_do_nothing() -> None:
    assert ANONYMOUS.person_id is None
    assert not any(ANONYMOUS.may(scope) for scope in Scope)
    assert not Principal(scopes=frozenset({Scope.READ})).may(Scope.PUBLISH)


def test_secrets_are_long_and_kept_as_digests() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43  # 256 bits
    assert len(digest_of("x")) == 64
    assert not any(secret in digest_of(secret) for secret in made)


@pytest.mark.parametrize("refusal", [unknown_token(), not_signed_in("/x"), invalid_email("mara@@x")])
def test_refusals_say_what_to_do_and_repeat_nothing(refusal: Refusal) -> None:
    assert refusal.remedy is not None
    assert "mara" not in repr(refusal)


@pytest.mark.parametrize("path", ["/a?b=c&d=e", "/x?next=/y#z", "/é", "/a b", '/"<>'])
def test_the_way_to_sign_in_brings_back_the_whole_address(path: str) -> None:
    remedy = not_signed_in(path).remedy
    assert remedy is not None
    assert remedy.url is not None
    assert dict(parse_qsl(urlsplit(remedy.url).query)) == {"next": path}
