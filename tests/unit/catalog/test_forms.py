from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.forms import (
    AnswerErrors,
    CleanAnswers,
    FieldOption,
    FieldType,
    FormField,
    check_fields,
    check_purposes,
    form_schema,
    is_clean_text,
    parse_form_schema,
    validate_answers,
)
from registry.kernel.countries import COUNTRIES


def make_field(kind: FieldType, *, key: str = "f", required: bool = True) -> FormField:
    options = (FieldOption(value="x", label="Ex"), FieldOption(value="y", label="Why"))
    return FormField(
        key=key, label=key, type=kind, required=required, options=options if kind is FieldType.SELECT else ()
    )


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        (FieldType.TEXT, "  Ada   Lovelace ", "Ada Lovelace"),
        (FieldType.TEXT, "two\r\nlines\tand tab", "two lines and tab"),
        (FieldType.TEXT, "e\u0301", "\u00e9"),
        (FieldType.TEXT, "山田 👩‍🔬", "山田 👩‍🔬"),
        (FieldType.TEXT, "=1+1", "=1+1"),
        (FieldType.CHECKBOX, "on", "on"),
        (FieldType.CHECKBOX, True, "on"),
        (FieldType.DATE_PICKER, "2000-02-29", "2000-02-29"),
        (FieldType.COUNTRY, "NL", "NL"),
        (FieldType.SELECT, "y", "y"),
    ],
)
def test_good_answers_are_stored_in_one_form(kind: FieldType, given: object, stored: str) -> None:
    assert validate_answers([make_field(kind)], {"f": given}) == CleanAnswers(values={"f": stored})


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (FieldType.TEXT, ""),
        (FieldType.TEXT, " \n\t "),
        (FieldType.TEXT, None),
        (FieldType.TEXT, 5),
        (FieldType.TEXT, ["a"]),
        (FieldType.TEXT, "a\x00b"),
        (FieldType.TEXT, "a\x1b[31m"),
        (FieldType.TEXT, "pay\u202exe.exe"),
        (FieldType.TEXT, "\ud800"),
        (FieldType.TEXT, "x" * 501),
        (FieldType.TEXT, "x" * 10_000_000),
        (FieldType.CHECKBOX, "off"),
        (FieldType.CHECKBOX, "true"),
        (FieldType.CHECKBOX, False),
        (FieldType.CHECKBOX, None),
        (FieldType.DATE_PICKER, "2001-02-29"),
        (FieldType.DATE_PICKER, "01/02/2003"),
        (FieldType.DATE_PICKER, "2003-1-2"),
        (FieldType.DATE_PICKER, "٢٠٠٣-٠١-٠٢"),
        (FieldType.DATE_PICKER, "0001-01-01"),
        (FieldType.COUNTRY, "nl"),
        (FieldType.COUNTRY, "XX"),
        (FieldType.COUNTRY, "Netherlands"),
        (FieldType.SELECT, "Ex"),
        (FieldType.SELECT, "z"),
    ],
)
def test_bad_answers_are_refused_with_what_would_be_right(kind: FieldType, given: object) -> None:
    outcome = validate_answers([make_field(kind)], {"f": given})
    assert isinstance(outcome, AnswerErrors)
    assert outcome.errors["f"]


def test_unknown_fields_are_refused_and_nothing_is_half_accepted() -> None:
    outcome = validate_answers([make_field(FieldType.TEXT)], {"f": "a", "g": "b"})
    assert outcome == AnswerErrors(errors={"g": "The form has no such field."})


def test_optional_fields_may_stay_empty_but_not_wrong() -> None:
    field = make_field(FieldType.COUNTRY, required=False)
    assert validate_answers([field], {}) == CleanAnswers(values={})
    assert isinstance(validate_answers([field], {"f": "XX"}), AnswerErrors)


def test_a_location_is_never_taken_from_the_person() -> None:
    field = make_field(FieldType.IP_LOCATION)
    assert validate_answers([field], {}) == CleanAnswers(values={})
    assert isinstance(validate_answers([field], {"f": "NL"}), AnswerErrors)


@given(st.text())
def test_what_is_stored_is_one_clean_line(answer: str) -> None:
    outcome = validate_answers([make_field(FieldType.TEXT)], {"f": answer})
    if isinstance(outcome, CleanAnswers):
        assert is_clean_text(outcome.values["f"])
        assert "\n" not in outcome.values["f"]


FIELDS = st.builds(
    FormField,
    key=st.text("abc ", min_size=1, max_size=9).filter(str.strip),
    label=st.text("abcé", min_size=1, max_size=9),
    type=st.sampled_from([kind for kind in FieldType if kind is not FieldType.SELECT]),
    required=st.booleans(),
)


@given(st.lists(FIELDS, max_size=6))
def test_a_schema_reads_back_and_equal_forms_give_equal_bytes(fields: list[FormField]) -> None:
    fields = [*fields, make_field(FieldType.SELECT, key="s")]
    schema = form_schema(fields)
    assert parse_form_schema(schema) == tuple(fields)
    assert form_schema(parse_form_schema(schema)) == schema


def test_the_schema_of_a_form_is_pinned() -> None:
    schema = form_schema([make_field(FieldType.SELECT, key="Job")])
    assert schema == (
        b'{"fields":[{"key":"Job","label":"Job","options":[{"label":"Ex","value":"x"},'
        b'{"label":"Why","value":"y"}],"required":true,"type":"select"}],"v":1}'
    )


@pytest.mark.parametrize(
    "schema", [b"{}", b'{"v":2,"fields":[]}', b'{"v":1}', b'{"v":1,"fields":[{}]}', b"[]"]
)
def test_other_schemas_are_refused(schema: bytes) -> None:
    with pytest.raises(ValueError):
        parse_form_schema(schema)


@pytest.mark.parametrize(
    "field",
    [
        FormField(key="", label="", type=FieldType.TEXT),
        FormField(key="a\nb", label="a", type=FieldType.TEXT),
        FormField(key="a", label="x" * 1001, type=FieldType.TEXT),
        FormField(key="a", label="a", type=FieldType.SELECT),
        FormField(key="a", label="a", type=FieldType.TEXT, options=(FieldOption(value="x", label="x"),)),
        FormField(
            key="a", label="a", type=FieldType.SELECT, options=(FieldOption(value="x", label="x"),) * 2
        ),
    ],
)
def test_unusable_fields_are_named(field: FormField) -> None:
    assert check_fields([field])
    assert check_fields([make_field(FieldType.TEXT)] * 2)


def test_the_country_list_is_that_of_the_standard() -> None:
    assert len(COUNTRIES) == 249
    assert COUNTRIES["CI"] == "Côte d'Ivoire"
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)


TEXT = FormField(key="Code", label="Code", type=FieldType.TEXT, purpose="To find your contract")
DAY = FormField(key="Day", label="Day", type=FieldType.DATE_PICKER, purpose="To plan")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (replace(TEXT, min_length=3), "abc", "ab"),
        (replace(TEXT, max_length=3), "abc", "abcd"),
        (replace(TEXT, pattern="[A-Z]{2}-[0-9]+", help="Such as NO-1."), "NO-17", "xNO-17"),
        (replace(DAY, earliest="2026-01-01"), "2026-01-01", "2025-12-31"),
        (replace(DAY, latest="2026-01-01"), "2026-01-01", "2026-01-02"),
    ],
)
def test_answers_keep_within_the_limits_of_their_question(field: FormField, good: str, bad: str) -> None:
    assert check_fields([field]) == {}
    assert parse_form_schema(form_schema([field])) == (field,)
    assert isinstance(validate_answers([field], {field.key: good}), CleanAnswers)
    refused = validate_answers([field], {field.key: bad})
    assert isinstance(refused, AnswerErrors)
    assert field.help in refused.errors[field.key]


@pytest.mark.parametrize(
    "field",
    [
        replace(TEXT, min_length=0),
        replace(TEXT, min_length=5, max_length=4),
        replace(TEXT, max_length=501),
        replace(TEXT, pattern="(a"),
        replace(TEXT, pattern="(?=a)"),
        replace(TEXT, pattern="((a{100}){100}){100}"),
        replace(TEXT, earliest="2026-01-01"),
        replace(TEXT, purpose="x" * 301),
        replace(DAY, earliest="01.01.2026"),
        replace(DAY, earliest="2026-02-01", latest="2026-01-01"),
        replace(DAY, pattern="a"),
    ],
)
def test_limits_that_no_answer_can_keep_are_refused(field: FormField) -> None:
    assert field.key in check_fields([field])


def test_no_pattern_searches_for_ages() -> None:
    evil = replace(TEXT, pattern="(([a-z])+.)+[A-Z]([a-z])+")
    assert check_fields([evil]) == {}
    # With a backtracking engine this answer takes longer than the universe has left.
    assert isinstance(validate_answers([evil], {"Code": "a" * 500}), AnswerErrors)


def test_a_form_of_before_keeps_its_digest_and_lacks_its_purposes() -> None:
    old = FormField(key="Company", label="Company", type=FieldType.TEXT)
    assert form_schema([old]) == (
        b'{"fields":[{"key":"Company","label":"Company","required":true,"type":"text"}],"v":1}'
    )
    assert check_purposes([old, TEXT]).keys() == {"Company"}
    assert check_purposes([FormField(key="From", label="From", type=FieldType.IP_LOCATION)]) == {}
