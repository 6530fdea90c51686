"""The engine's own parts: filters, static files, headers, form tokens, the cross-origin check."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from frontend_samples import every_page
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel import pages
from registry.kernel.page_parts import Page, Site

BASE = "https://models.kelpforest.example"
NOON = datetime(2027, 3, 8, 12, 5, 9, 1_000, tzinfo=UTC)
SECRET = b"k" * 32


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (36_412, "36.4 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (2_312_884_120, "2.31 GB"),
        (63_100_000_000, "63.1 GB"),
        (10**18, "1000 PB"),
    ],
)
def test_sizes_have_three_digits_that_count(size: int, words: str) -> None:
    assert pages.format_bytes(size).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("long", "8 March 2027, 12:05:09 UTC"),
        ("minute", "8 March 2027, 12:05 UTC"),
        ("date", "8 March 2027"),
        ("short", "8 Mar 2027, 12:05"),
        ("second", "8 Mar 2027, 12:05:09"),
        ("time", "12:05:09 UTC"),
    ],
)
def test_times_are_words_in_utc_whatever_zone_they_come_in(style: str, words: str) -> None:
    assert pages.format_when(NOON, style) == words
    assert pages.format_when(NOON.astimezone(timezone(timedelta(hours=-9))), style) == words


def test_a_time_element_holds_the_exact_moment() -> None:
    assert pages.when(NOON, "date") == '<time datetime="2027-03-08T12:05:09.001Z">8 March 2027</time>'
    assert pages.when(date(2027, 3, 8)) == '<time datetime="2027-03-08">8 March 2027</time>'


def test_a_time_without_a_zone_and_an_unknown_style_are_defects() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        pages.format_when(NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="unknown style"):
        pages.format_when(NOON, "iso")


def test_numbers_plurals_and_short_digests() -> None:
    assert pages.plural(1, "entry", "entries") == "1 entry"
    assert pages.plural(48_212, "entry", "entries") == "48,212 entries"
    assert pages.plural(0, "model") == "0 models"
    assert pages.format_number(1_000_000) == "1,000,000"
    assert pages.short_digest("sha256:" + "0123456789abcdef" * 4) == "0123456789ab…abcdef"
    assert pages.short_digest("0123456789") == "0123456789"


def test_static_files_are_found_under_the_digest_that_pages_link_to_and_no_other() -> None:
    engine = every_page()
    address = engine.static_url("gatehouse.css")
    assert address == f"/static/{engine.static_digest}/gatehouse.css"
    found = engine.find_static(engine.static_digest, "gatehouse.css")
    assert found is not None
    assert found.media_type == "text/css"
    assert engine.find_static("0" * 16, "gatehouse.css") is None
    for name in ("../templates/_base.html", "nothing.css", "", "README.md"):
        assert engine.find_static(engine.static_digest, name) is None
    with pytest.raises(KeyError):
        engine.static_url("nothing.css")


def test_the_frontend_folder_is_found_beside_the_package() -> None:
    engine = pages.Pages(Site())
    html = engine.render(
        "outbox/index.html",
        page=Page(csrf_token="t", path="/"),
        view={"messages": [], "is_more_coming": False, "pager": None},
    )
    assert "<title>Local mail · Gatehouse</title>" in html
    assert len(engine.template_digest) == 64


def test_the_digest_of_the_templates_changes_with_any_of_them(tmp_path) -> None:
    for folder in ("static", "templates"):
        (tmp_path / folder).mkdir()
    template = tmp_path / "templates" / "page.html"
    template.write_text("one")
    first = pages.Pages(Site(), tmp_path).template_digest
    template.write_text("two")
    assert pages.Pages(Site(), tmp_path).template_digest != first


def test_a_response_is_kept_by_no_cache_and_framed_by_nobody() -> None:
    response = pages.respond("<p>", status_code=403, headers={"X-Error-Code": "GatedRepo"})
    assert response.status_code == 403
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Error-Code"] == "GatedRepo"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_https_is_pinned_only_where_it_is_served() -> None:
    assert pages.transport_headers(BASE) == {"Strict-Transport-Security": "max-age=31536000"}
    assert pages.transport_headers("http://127.0.0.1:8080") == {}


def test_a_form_token_belongs_to_one_session_and_one_secret() -> None:
    token = pages.csrf_token(SECRET, "session-a")
    assert pages.check_csrf(SECRET, "session-a", token)
    assert not pages.check_csrf(SECRET, "session-b", token)
    assert not pages.check_csrf(b"x" * 32, "session-a", token)
    assert pages.csrf_token(SECRET, "session-a") != token


@given(st.text(max_size=120))
def test_no_other_text_is_a_form_token(text: str) -> None:
    assert not pages.check_csrf(SECRET, "session-a", text)


@given(st.integers(min_value=0, max_value=63), st.sampled_from("ABCDEFabcdef012345-_"))
def test_a_form_token_with_one_character_changed_is_none(place: int, letter: str) -> None:
    token = pages.csrf_token(SECRET, "session-a")
    place %= len(token) - 1  # The last character holds two bits only.
    changed = token[:place] + letter + token[place + 1 :]
    assert pages.check_csrf(SECRET, "session-a", changed) == (changed == token)


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": BASE}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": BASE + ":443"}, False),
        ({"Origin": BASE.upper()}, False),
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": BASE}, True),
        ({"Sec-Fetch-Site": "something-new"}, True),
        ({"Sec-Fetch-Site": ""}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "https://kelpforest.example"}, True),
        ({"Origin": "https://models.kelpforest.example.evil.example"}, True),
        ({"Origin": "http://models.kelpforest.example"}, True),
        ({"Origin": "https://models.kelpforest.example:8443"}, True),
        ({"Origin": "https://models.kelpforest.example:99999"}, True),
        ({"Origin": "https://models.kelpforest.example@evil.example"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://rebound.example"}, True),
    ],
)
def test_a_request_that_another_site_started_is_seen(headers: dict[str, str], foreign: bool) -> None:
    assert pages.is_cross_origin(headers, BASE) is foreign


def test_a_base_address_without_a_host_trusts_no_origin() -> None:
    assert pages.is_cross_origin({"Origin": "null"}, "nonsense")
