"""The contact form of a gate: its fields, their canonical schema, and the check of answers.

Field types are those of the Hub's `extra_gated_fields`, `ip_location` included. A field's label is
the key under which the answer is stored, as on the Hub.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.countries import COUNTRIES

FIELDS_MAX_COUNT = 50
OPTIONS_MAX_COUNT = 500
LABEL_MAX_CHARACTERS = 1_000
"""Publishers use whole sentences as labels: `I accept the above license agreement, and …`."""
OPTION_MAX_CHARACTERS = 200
ANSWER_MAX_CHARACTERS = 500
PURPOSE_MAX_CHARACTERS = 300
PATTERN_MAX_CHARACTERS = 200
PATTERN_MAX_BYTES = 1 << 20
"""Memory that one compiled pattern may take; what needs more is refused."""
SCHEMA_VERSION = 1
SCHEMAS_REMEMBERED = 256
"""How many read schemas a process keeps; one gate's is read for every act at it."""
_ADDED = ("purpose", "help", "min_length", "max_length", "pattern", "earliest", "latest")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_EARLIEST_YEAR = 1900
_LATEST_YEAR = 2200
_BLANKS = re.compile(r"[\s\u0085\u2028\u2029]+")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Co"})
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder the text around them (Unicode UAX 9); they hide what was written."""


class FieldType(StrEnum):
    """What a person gives in a field."""

    TEXT = "text"
    CHECKBOX = "checkbox"
    DATE_PICKER = "date_picker"
    COUNTRY = "country"
    SELECT = "select"
    IP_LOCATION = "ip_location"
    """Nothing: on the Hub the country guessed from the address; this registry records none."""


LOCATION_NOT_RECORDED = "Nothing to fill in: this registry does not guess or record your location."
"""Guessing a country needs a database of addresses, and no operator can provide one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOption:
    """One choice of a `select` field."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One question of a gate's form."""

    key: str
    label: str
    type: FieldType
    options: tuple[FieldOption, ...] = ()
    required: bool = True
    purpose: str = ""
    """Why the publisher asks; only a form taken from a card may lack it, until the gate is changed."""
    help: str = ""
    """How to answer."""
    min_length: int | None = None
    """This and the next two: of a text."""
    max_length: int | None = None
    pattern: str = ""
    """What the whole answer must match, in the syntax of RE2, whose time is linear in the answer."""
    earliest: str = ""
    """This and the next: of a date."""
    latest: str = ""

    @property
    def is_explained(self) -> bool:
        """Whether it says why it is asked; what takes no answer needs no reason."""
        return bool(self.purpose) or self.type is FieldType.IP_LOCATION

    def in_words(self, value: str) -> str:
        """Return how an answer reads: the name of a country, the label of an option, `yes` for a box."""
        match self.type:
            case FieldType.COUNTRY:
                return COUNTRIES.get(value, value)
            case FieldType.SELECT:
                return next((option.label for option in self.options if option.value == value), value)
            case FieldType.CHECKBOX:
                return "yes" if value == "on" else value
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanAnswers:
    """Answers that fit the form, by field key, in the form's order."""

    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerErrors:
    """What is wrong with the answers, by field key; each text says what would be right."""

    errors: dict[str, str]


def form_schema(fields: Sequence[FormField]) -> bytes:
    """Return the canonical JSON of the form; equal forms give equal bytes."""
    described: list[Json] = []
    for field in fields:
        entry: dict[str, Json] = {
            "key": field.key,
            "label": field.label,
            "type": field.type.value,
            "required": field.required,
        }
        if field.type is FieldType.SELECT:
            entry["options"] = [{"value": option.value, "label": option.label} for option in field.options]
        # What came later stands in it only where it is said, so that earlier forms keep their digests.
        entry |= {name: value for name in _ADDED if (value := getattr(field, name))}
        described.append(entry)
    return canonical_bytes({"v": SCHEMA_VERSION, "fields": described})


@lru_cache(SCHEMAS_REMEMBERED)
def parse_form_schema(schema: bytes) -> tuple[FormField, ...]:
    """Return the fields that `form_schema` wrote; raise ValueError for anything else."""
    document: Any = json.loads(schema)
    if not isinstance(document, dict) or document.get("v") != SCHEMA_VERSION:
        raise ValueError(f"unknown form schema version: expected {SCHEMA_VERSION}")
    try:
        return tuple(
            FormField(
                key=entry["key"],
                label=entry["label"],
                type=FieldType(entry["type"]),
                required=entry["required"],
                **{name: entry[name] for name in _ADDED if name in entry},
                options=tuple(
                    FieldOption(value=option["value"], label=option["label"])
                    for option in entry.get("options", ())
                ),
            )
            for entry in document["fields"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError("form schema lacks a part") from error


def check_fields(fields: Sequence[FormField]) -> dict[str, str]:
    """Return what makes `fields` unusable as a form, by field key; empty when all is well."""
    errors: dict[str, str] = {}
    if len(fields) > FIELDS_MAX_COUNT:
        errors["fields"] = f"a form has at most {FIELDS_MAX_COUNT} fields, got {len(fields)}"
    seen: set[str] = set()
    for field in fields:
        trouble = _field_trouble(field)
        if field.key in seen:
            trouble = "two fields have this key"
        if trouble is not None:
            errors[field.key] = trouble
        seen.add(field.key)
    return errors


def _field_trouble(field: FormField) -> str | None:
    for text in (field.key, field.label):
        if not text.strip() or len(text) > LABEL_MAX_CHARACTERS:
            return f"a label has 1 to {LABEL_MAX_CHARACTERS:,} characters"
        if not is_clean_text(text):
            return "a label holds no control characters"
    for text in (field.purpose, field.help):
        if len(text) > PURPOSE_MAX_CHARACTERS or not is_clean_text(text):
            return f"purpose and help are one line each, of at most {PURPOSE_MAX_CHARACTERS} characters"
    if trouble := _limits_trouble(field):
        return trouble
    if field.type is not FieldType.SELECT:
        return "only select fields have options" if field.options else None
    if not field.options or len(field.options) > OPTIONS_MAX_COUNT:
        return f"a select field has 1 to {OPTIONS_MAX_COUNT} options"
    values = [option.value for option in field.options]
    if len(set(values)) != len(values):
        return "two options have the same value"
    texts = [text for option in field.options for text in (option.value, option.label)]
    if any(not text or len(text) > OPTION_MAX_CHARACTERS or not is_clean_text(text) for text in texts):
        return f"an option has 1 to {OPTION_MAX_CHARACTERS} characters and no control characters"
    return None


def explain(fields: Sequence[FormField], purposes: Mapping[str, str]) -> tuple[FormField, ...]:
    """Return the questions with why they are asked, as far as it is said."""
    return tuple(replace(one, purpose=" ".join(purposes.get(one.key, "").split())) for one in fields)


def check_purposes(fields: Sequence[FormField]) -> dict[str, str]:
    """Return the fields that do not say why they are asked, by their keys."""
    return {
        field.key: "say why you ask for this; it is shown beside the question"
        for field in fields
        if not field.is_explained
    }


def _limits_trouble(field: FormField) -> str | None:
    lengths = (field.min_length, field.max_length)
    if field.type is not FieldType.TEXT and (any(one is not None for one in lengths) or field.pattern):
        return "only text has a length and a pattern"
    if field.type is not FieldType.DATE_PICKER and (field.earliest or field.latest):
        return "only a date has an earliest and a latest day"
    least = 1 if field.min_length is None else field.min_length
    most = ANSWER_MAX_CHARACTERS if field.max_length is None else field.max_length
    if not 1 <= least <= most <= ANSWER_MAX_CHARACTERS:
        return f"lengths are whole numbers from 1 to {ANSWER_MAX_CHARACTERS}, the least one first"
    if any(day and not _is_date(day) for day in (field.earliest, field.latest)):
        return "days are written as 1990-12-31"
    if field.earliest and field.latest and field.latest < field.earliest:
        return "the latest day is before the earliest"
    if field.pattern and _compile(field.pattern) is None:
        return f"the pattern cannot be read; RE2 syntax, at most {PATTERN_MAX_CHARACTERS} characters"
    return None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    """Return the pattern ready to match, None where it is none. RE2 cannot be made to search for ages."""
    if len(pattern) > PATTERN_MAX_CHARACTERS or not is_clean_text(pattern):
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MAX_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def is_clean_text(text: str) -> bool:
    """Whether `text` is one line without control, private or direction-changing characters."""
    return not any(
        unicodedata.category(character) in _FORBIDDEN_CATEGORIES
        or character in BIDI_CONTROLS
        or character in "\u2028\u2029"
        for character in text
    )


def validate_answers(
    fields: Sequence[FormField], answers: Mapping[str, object]
) -> CleanAnswers | AnswerErrors:
    """Return the answers as they are stored, or what is wrong with each.

    `ip_location` fields take no answer and get none (see `LOCATION_NOT_RECORDED`). Optional fields that are left empty
    are absent from the result.
    """
    clean: dict[str, str] = {}
    errors: dict[str, str] = {}
    asked = {field.key for field in fields if field.type is not FieldType.IP_LOCATION}
    for key in answers:
        if key not in asked:
            errors[str(key)[:LABEL_MAX_CHARACTERS]] = "The form has no such field."
    for field in fields:
        if field.type is FieldType.IP_LOCATION:
            continue
        given = answers.get(field.key)
        value = _plain(given)
        if value is None:
            errors[field.key] = "The answer must be text."
        elif len(value) > ANSWER_MAX_CHARACTERS:
            errors[field.key] = (
                f"The answer has {len(value):,} characters; at most {ANSWER_MAX_CHARACTERS} fit."
            )
        elif not value:
            if field.required:
                errors[field.key] = _MISSING[field.type]
        elif (trouble := _answer_trouble(field, value)) is not None:
            errors[field.key] = trouble
        else:
            clean[field.key] = value
    return AnswerErrors(errors=errors) if errors else CleanAnswers(values=clean)


_MISSING = {
    FieldType.TEXT: "Write an answer.",
    FieldType.CHECKBOX: "Tick this box to go on.",
    FieldType.DATE_PICKER: "Give a date, such as 1990-12-31.",
    FieldType.COUNTRY: "Choose a country.",
    FieldType.SELECT: "Choose one of the options.",
    FieldType.IP_LOCATION: "",
}


def _plain(given: object) -> str | None:
    """Return the answer on one line, NFC, with single spaces; None when it is not text."""
    if given is None or given is False:
        return ""
    if given is True:
        return "on"
    if not isinstance(given, str):
        return None
    # The bound on the raw text keeps normalisation cheap; normalisation can only shorten what fits.
    raw = given[: 4 * ANSWER_MAX_CHARACTERS]
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", raw)).strip()


def _answer_trouble(field: FormField, value: str) -> str | None:
    match field.type:
        case FieldType.TEXT:
            return _text_trouble(field, value)
        case FieldType.CHECKBOX:
            return None if value == "on" else _MISSING[field.type]
        case FieldType.DATE_PICKER:
            return _date_trouble(field, value)
        case FieldType.COUNTRY:
            return None if value in COUNTRIES else "This is not a country code; use two capitals, such as NL."
        case FieldType.SELECT:
            if any(option.value == value for option in field.options):
                return None
            return _MISSING[field.type]
        case FieldType.IP_LOCATION:  # pragma: no cover  # Callers leave these fields out.
            return None


def _text_trouble(field: FormField, value: str) -> str | None:
    if not is_clean_text(value):
        return "The answer holds characters that cannot be shown; write plain text."
    if field.min_length is not None and len(value) < field.min_length:
        return f"The answer has {len(value)} characters; at least {field.min_length} are asked for."
    if field.max_length is not None and len(value) > field.max_length:
        return f"The answer has {len(value):,} characters; at most {field.max_length} fit."
    if field.pattern:
        matcher = _compile(field.pattern)
        if matcher is None or matcher.fullmatch(value) is None:
            return f"The answer does not have the form that is asked for. {field.help}".rstrip()
    return None


def _date_trouble(field: FormField, value: str) -> str | None:
    if not _is_date(value):
        return "This is not a date; write it as 1990-12-31."
    if field.earliest and value < field.earliest:
        return f"The day must not be before {field.earliest}."
    if field.latest and value > field.latest:
        return f"The day must not be after {field.latest}."
    return None


def _is_date(value: str) -> bool:
    if not _DATE.match(value):
        return False
    try:
        year = date.fromisoformat(value).year
    except ValueError:
        return False
    return _EARLIEST_YEAR <= year <= _LATEST_YEAR
