import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.cards import parse_card, read_fields
from registry.catalog.forms import FieldType, check_fields, form_schema
from registry.catalog.front_matter import CardProblem


def card(front: str, body: str = "") -> Any:
    return parse_card(f"---\n{front}\n---\n{body}".encode())


def fields_of(front: str) -> list[tuple[str, FieldType]]:
    return [(field.key, field.type) for field in card(front).gating.fields]


def test_the_usual_keys_are_understood() -> None:
    found = card(
        "license: other\nlicense_name: tarn\nlicense_link: LICENSE.md\nbase_model: [a/b, c/d]\n"
        "base_model_relation: merge\nlanguage: [en, 'no']\ntags: [x]\npipeline_tag: text-generation\n"
        "library_name: transformers\nnew_version: a/c\ndatasets: d\nunknown_key: {kept: 1}"
    )
    assert found.problems == ()
    assert found.licenses == ("other",)
    assert (found.license_name, found.license_link) == ("tarn", "LICENSE.md")
    assert found.base_models == ("a/b", "c/d")
    assert (found.relation, found.languages, found.tags) == ("merge", ("en", "no"), ("x",))
    assert (found.pipeline_tag, found.library_name) == ("text-generation", "transformers")
    assert (found.new_version, found.datasets) == ("a/c", ("d",))
    assert found.metadata["unknown_key"] == {"kept": 1}
    assert not found.gating.asks()


@pytest.mark.parametrize(
    ("front", "licenses", "codes"),
    [
        ("license: [mit, ' OpenRAIL ']", ("mit", "openrail"), ["license-is-a-list", "license-spelling"]),
        ("license: Apache-2.0", ("apache-2.0",), ["license-spelling"]),
        ("license: other", ("other",), ["license-not-named"]),
        ("license: {a: b}", (), ["list-entry-not-text"]),
        ("license:", (), []),
        ("base_model_relation: cousin", (), ["relation-unknown"]),
        ("pipeline_tag: [a, b]", (), ["value-not-text"]),
        ("extra_gated_color: red", (), ["gating-key-unknown"]),
    ],
)
def test_odd_values_are_reported_and_used_as_far_as_possible(
    front: str, licenses: tuple[str, ...], codes: list[str]
) -> None:
    found = card(front)
    assert found.licenses == licenses
    assert [problem.code for problem in found.problems] == codes


def test_every_gating_key_is_understood() -> None:
    gating = card(
        "extra_gated_prompt: |\n  Read **this**\nextra_gated_heading: Head\nextra_gated_description: Why\n"
        "extra_gated_button_content: Go\nextra_gated_eu_disallowed: true\nextra_gated_fields:\n  Name: text"
    ).gating
    assert (gating.prompt, gating.heading, gating.description) == ("Read **this**", "Head", "Why")
    assert (gating.button, gating.eu_disallowed) == ("Go", True)
    assert gating.asks()


def test_a_location_field_is_read_and_reported_as_not_recorded() -> None:
    front = "extra_gated_fields:\n  geo: ip_location"
    assert fields_of(front) == [("geo", FieldType.IP_LOCATION)]
    (problem,) = card(front).problems
    assert problem.code == "location-not-recorded"
    assert "`geo`" in problem.message


@pytest.mark.parametrize(
    ("front", "fields"),
    [
        (
            "extra_gated_fields:\n  A: text\n  B: checkbox\n  C: date_picker\n  D: country",
            [
                ("A", FieldType.TEXT),
                ("B", FieldType.CHECKBOX),
                ("C", FieldType.DATE_PICKER),
                ("D", FieldType.COUNTRY),
            ],
        ),
        ("extra_gated_fields:\n  A:\n    type: select\n    options: [x, y]", [("A", FieldType.SELECT)]),
        ("extra_gated_fields:\n  A:\n    options: [x, y]", [("A", FieldType.SELECT)]),
        ("extra_gated_fields:\n  A: Date-Picker", [("A", FieldType.DATE_PICKER)]),
        ("extra_gated_fields:\n- A: text\n- B: country", [("A", FieldType.TEXT), ("B", FieldType.COUNTRY)]),
        ("extra_gated_fields: [A, B]", [("A", FieldType.TEXT), ("B", FieldType.TEXT)]),
        ("extra_gated_fields:\n- {label: A, type: country}", [("A", FieldType.COUNTRY)]),
        (
            "extra_gated_fields:\n  ? I accept the above\n    license agreement\n  : checkbox",
            [("I accept the above license agreement", FieldType.CHECKBOX)],
        ),
    ],
)
def test_every_form_of_fields_is_understood(front: str, fields: list[tuple[str, FieldType]]) -> None:
    assert card(front).problems == ()
    assert fields_of(front) == fields


@pytest.mark.parametrize(
    ("front", "fields", "code"),
    [
        ("extra_gated_fields:\n  A: colour", [("A", FieldType.TEXT)], "field-type-unknown"),
        ("extra_gated_fields:\n  A:", [("A", FieldType.TEXT)], "field-type-unknown"),
        ("extra_gated_fields:\n  A: {type: select}", [("A", FieldType.TEXT)], "select-without-options"),
        (
            "extra_gated_fields:\n  A: {type: select, options: 5}",
            [("A", FieldType.TEXT)],
            "options-not-a-list",
        ),
        ("extra_gated_fields: text", [], "fields-not-a-mapping"),
        ("extra_gated_fields:\n- [A]", [], "field-without-label"),
        ("extra_gated_fields:\n- A\n- A", [("A", FieldType.TEXT)], "field-twice"),
        (
            "extra_gated_fields:\n  A: {type: text, color: red}",
            [("A", FieldType.TEXT)],
            "field-attribute-unknown",
        ),
        ("extra_gated_eu_disallowed: maybe", [], "value-not-truth"),
    ],
)
def test_odd_fields_are_reported_and_never_lost_silently(
    front: str, fields: list[tuple[str, FieldType]], code: str
) -> None:
    assert fields_of(front) == fields
    assert code in [problem.code for problem in card(front).problems]


def test_options_come_as_texts_or_objects() -> None:
    (field,) = card(
        "extra_gated_fields:\n  A:\n    type: select\n    options:\n    - x\n    - {label: Why, value: y}\n    - {label: Z}\n"
    ).gating.fields
    assert [(option.value, option.label) for option in field.options] == [
        ("x", "x"),
        ("y", "Why"),
        ("Z", "Z"),
    ]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "options", "label", "value", "A", ""]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(ANYTHING)
def test_any_value_gives_a_form_that_can_be_used(value: Any) -> None:
    problems: list[CardProblem] = []
    fields = read_fields(value, problems)
    assert check_fields(fields) == {}
    json.loads(form_schema(fields))


@given(st.binary(max_size=2_000))
def test_any_bytes_give_a_card(data: bytes) -> None:
    json.dumps(parse_card(data).metadata, allow_nan=False)


@pytest.mark.shared
def test_every_real_card_imports_without_loss(shared: Path) -> None:
    cards = {path.name: path.read_bytes() for path in (shared / "model-cards").rglob("*.md")}
    with tarfile.open(shared / "model-cards" / "bulk" / "rail-and-gated-cards.tar.gz") as archive:
        for member in archive:
            opened = archive.extractfile(member)
            if opened is not None:
                cards[member.name] = opened.read()
    assert len(cards) > 1_500
    for name, data in cards.items():
        found = parse_card(data)
        json.dumps(found.metadata, allow_nan=False)
        bom = b"" if found.front_matter or not data.startswith(b"\xef\xbb\xbf") else b"\xef\xbb\xbf"
        assert bom + found.front_matter + found.body.encode() == data, name
        assert check_fields(found.gating.fields) == {}, name
        if b"\nextra_gated_fields:" in found.front_matter:
            assert found.gating.fields, name
        if b"\nextra_gated_prompt:" in found.front_matter:
            assert found.gating.prompt, name


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "line", "code"),
    [
        ("NbAiLab__whisper-large-v2-nob", 3, "yaml-ambiguous-word"),
        ("Madhour__gpt2-eli5", 9, "yaml-tab"),
        ("bullmount__it_nerIta_trf", None, "yaml-tab"),
    ],
)
def test_broken_real_cards_say_where_they_are_broken(
    shared: Path, name: str, line: int | None, code: str
) -> None:
    with tarfile.open(shared / "model-cards" / "bulk" / "rail-and-gated-cards.tar.gz") as archive:
        member = next(member for member in archive if name in member.name)
        opened = archive.extractfile(member)
        assert opened is not None
        problems = {problem.code: problem for problem in parse_card(opened.read()).problems}
    assert code in problems
    assert line is None or problems[code].line == line


@pytest.mark.shared
def test_the_form_of_a_real_card_with_all_field_types_is_understood(shared: Path) -> None:
    found = parse_card((shared / "model-cards" / "meta-llama__Llama-3.2-1B-Instruct.md").read_bytes())
    kinds = [field.type for field in found.gating.fields]
    assert len(kinds) == 8
    assert set(kinds) == set(FieldType)
    assert [problem.code for problem in found.problems] == ["location-not-recorded"]
