"""References, numbers, series, and what may be published."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.licenses import publication
from registry.licenses.domain import (
    ChangeClass,
    Policy,
    PublishVersion,
    Reference,
    Restriction,
    Strictness,
    Terms,
    Version,
    VersionSummary,
    is_number,
    order_of,
    parse_reference,
    series_of,
)
from registry.licenses.leaves import leaf_of
from registry.licenses.texts import exact_digest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMAND = PublishVersion(
    slug="example-openrail-m",
    number="1.1",
    change_class=ChangeClass.MATERIAL,
    text=b"New words.",
    title="Example OpenRAIL-M",
)


def published(number: str, ordinal: int, *, text: bytes = b"Old words.") -> VersionSummary:
    return VersionSummary(
        id=new_id(),
        license_id=UUID(int=1),
        slug=COMMAND.slug,
        title=COMMAND.title,
        number=number,
        ordinal=ordinal,
        series=1,
        change_class=ChangeClass.INITIAL if ordinal == 1 else ChangeClass.EDITORIAL,
        sha256=exact_digest(text + number.encode()),
        size=len(text),
        effective_at=NOW,
        published_at=NOW,
        recognised_as=None,
    )


def code_of(outcome: Refusal | None) -> str | None:
    return outcome.code if outcome is not None else None


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("gatehouse-openrail-m@1.1", Reference(slug="gatehouse-openrail-m", number="1.1")),
        ("openrail++@2022-11-24", Reference(slug="openrail++", number="2022-11-24")),
        ("llama3.1", Reference(slug="llama3.1")),
        (" faipl@1.0-sd ", Reference(slug="faipl", number="1.0-sd")),
        ("slug@", None),
        ("@1.0", None),
        ("Slug@1.0", None),
        ("slug@1.0@2.0", None),
        ("slug@v1", None),
        ("slug@1..0", None),
        ("../etc@1.0", None),
        ("", None),
        ("a" * 65, None),
    ],
)
def test_references_are_read_strictly(text: str, reference: Reference | None) -> None:
    assert parse_reference(text) == reference
    if reference is not None:
        assert parse_reference(str(reference)) == reference


def test_numbers_order_by_value_not_by_spelling() -> None:
    rising = [
        "0.1",
        "0.1-coral",
        "1",
        "1.0",
        "1.0-sd",
        "1.0.1",
        "1.1",
        "1.9",
        "1.10",
        "1.10.1",
        "2",
        "2022-08-22",
        "2022-11-24",
    ]
    assert all(is_number(number) for number in rising)
    keys = [order_of(number) for number in rising]
    assert all(before < after for before, after in pairwise(keys))
    assert order_of("1.08") == order_of("1.8")


@pytest.mark.parametrize(
    "text", ["", "v1", "1.", ".1", "1 0", "1.0.0.0.0", "1/2", "1.0\n", "12345", "1.txt", "1.0-"]
)
def test_odd_numbers_are_no_numbers(text: str) -> None:
    assert not is_number(text)


@given(st.lists(st.sampled_from([c for c in ChangeClass if c is not ChangeClass.INITIAL]), max_size=20))
def test_series_is_the_latest_version_that_asked(classes: list[ChangeClass]) -> None:
    series = 0
    history: list[int] = []
    for ordinal, change_class in enumerate([ChangeClass.INITIAL, *classes], start=1):
        series = series_of(change_class, ordinal=ordinal, previous_series=series or None)
        history.append(series)
        asking = [
            n
            for n, one in enumerate([ChangeClass.INITIAL, *classes], start=1)
            if one.begins_series and n <= ordinal
        ]
        assert series == asking[-1]
    assert history == sorted(history)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "Bad Slug"}, "slug"),
        ({"slug": "a..b"}, "slug"),
        ({"number": "one"}, "number"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"publisher": "a\x00b"}, "publisher"),
        ({"language": "de"}, "language"),
        ({"effective_at": NOW + timedelta(days=2000)}, "effective_at"),
        ({"policies": (Policy(title=""),)}, "policies"),
        ({"policies": (Policy(title="P", url="javascript:alert(1)"),)}, "policies"),
        ({"policies": (Policy(title="P", url="https://["),)}, "policies"),
        ({"policies": (Policy(title="P"),) * 21}, "policies"),
        ({"restrictions": (Restriction(slug="Bad"),)}, "restrictions"),
        ({"restrictions": (Restriction(slug="no-x"), Restriction(slug="no-x"))}, "restrictions"),
        ({"restrictions": (Restriction(slug="no-x", clause="a\nb"),)}, "restrictions"),
    ],
)
def test_malformed_command_is_refused_with_the_field_named(change: dict[str, object], field: str) -> None:
    refusal = publication.judge_command(replace(COMMAND, **change), now=NOW)
    assert refusal is not None
    assert (refusal.code, list(refusal.errors)) == ("license-malformed", [field])


def test_well_formed_command_is_not_refused() -> None:
    policy = Policy(title="Use policy", url="https://example.org/policy", sha256=exact_digest(b"x"))
    assert publication.judge_command(replace(COMMAND, policies=(policy,)), now=NOW) is None


def test_first_version_is_initial_and_has_a_title() -> None:
    first = replace(COMMAND, change_class=ChangeClass.INITIAL)
    assert publication.judge_new_license(first) is None
    assert code_of(publication.judge_new_license(replace(first, title=" "))) == "license-title-missing"
    for wrong in (ChangeClass.EDITORIAL, ChangeClass.COMPATIBLE, ChangeClass.MATERIAL):
        refusal = publication.judge_new_license(replace(first, change_class=wrong))
        assert code_of(refusal) == "license-change-class-wrong"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"number": "1.0"}, "license-version-frozen"),
        ({"number": "0.9"}, "license-number-not-newer"),
        ({"number": "1.0.0-a", "text": b"New"}, None),
        ({"change_class": ChangeClass.INITIAL}, "license-change-class-wrong"),
        ({"text": b"Old words.1.0"}, "license-text-unchanged"),
        ({"change_class": ChangeClass.EDITORIAL}, None),
        (
            {"change_class": ChangeClass.EDITORIAL, "restrictions": (Restriction(slug="no-new"),)},
            "license-change-class-wrong",
        ),
        (
            {"change_class": ChangeClass.COMPATIBLE, "restrictions": (Restriction(slug="no-loose"),)},
            "license-change-class-wrong",
        ),
        ({"change_class": ChangeClass.COMPATIBLE, "restrictions": ()}, None),
        ({"restrictions": (Restriction(slug="no-new"),)}, None),
    ],
)
def test_next_version_is_judged_by_number_text_and_class(change: dict[str, object], code: str | None) -> None:
    command = replace(COMMAND, **change)
    standing = (Restriction(slug="no-loose", strictness=Strictness.INTENT_ONLY),)
    refusal = publication.judge_next_version(
        command, sha256=exact_digest(command.text), published=[published("1.0", 1)], standing=standing
    )
    assert code_of(refusal) == code
    if refusal is not None:
        assert refusal.remedy is not None
        assert refusal.decider


def test_leaf_of_a_publication_stays_what_it_was() -> None:
    version = Version(
        id=UUID(int=2), license_id=UUID(int=1), slug="example", title="Example", publisher=None, number="1.0",
        ordinal=1, series=1, change_class=ChangeClass.INITIAL, text=b"Words.", sha256=exact_digest(b"Words."),
        normalised_digest="n1:" + "0" * 64, language="en", effective_at=NOW, published_at=NOW,
        published_by=None, recognised_as=None, entry_id=UUID(int=3),
    )  # fmt: skip
    terms = Terms(
        policies=(Policy(title="Policy", url="https://example.org"),),
        restrictions=(Restriction(slug="no-b"), Restriction(slug="no-a", clause="A (a)")),
    )
    leaf = leaf_of(version, terms)
    assert exact_digest(leaf) == "sha256:94f7b9d56636b8e0cc2e67f559f080cddb31a189d0f31043fccb1ae393a03abc"
    assert leaf == leaf_of(version, replace(terms, restrictions=terms.restrictions[::-1]))
    assert leaf != leaf_of(version, replace(terms, restrictions=terms.restrictions[:1]))
    assert leaf != leaf_of(replace(version, effective_at=NOW + timedelta(days=1)), terms)
