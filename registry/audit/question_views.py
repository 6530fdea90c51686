"""What the pages that change a gate show of its questions."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

from registry.audit.gate_form import FieldDraft, GateDraft
from registry.catalog.forms import (
    LABEL_MAX_CHARACTERS,
    OPTIONS_MAX_COUNT,
    PURPOSE_MAX_CHARACTERS,
    FieldType,
    FormField,
)
from registry.kernel.page_parts import FormField as Input
from registry.kernel.page_parts import Option

TYPES = {
    FieldType.TEXT: "Text on one line",
    FieldType.CHECKBOX: "Box to tick",
    FieldType.DATE_PICKER: "Date",
    FieldType.COUNTRY: "Country from a list",
    FieldType.SELECT: "One of several choices",
    FieldType.IP_LOCATION: "Country, guessed from the connection",
}


_LIMITS: Mapping[str, Sequence[tuple[str, str, str | None]]] = {
    FieldType.TEXT.value: (
        ("min_length", "Least characters", None),
        ("max_length", "Most characters", None),
        ("pattern", "Pattern", "What the whole answer must match, in RE2 syntax. Say how to answer as well."),
    ),
    FieldType.DATE_PICKER.value: (
        ("earliest", "Earliest day", "As 1990-12-31."),
        ("latest", "Latest day", "As 1990-12-31."),
    ),
}


def question_field(number: int, one: FieldDraft, draft: GateDraft) -> SimpleNamespace:
    """Return one question of the form as far as it is filled in."""
    choosing = one.type == FieldType.SELECT.value
    return SimpleNamespace(
        label=Input(
            name=f"field-{number}-label",
            label="Question",
            value=one.label,
            error=draft.errors.get(f"field-{number}"),
            max_characters=LABEL_MAX_CHARACTERS,
        ),
        types=[
            Option(value=kind.value, label=label, chosen=kind.value == one.type)
            for kind, label in TYPES.items()
        ],
        required=one.required,
        purpose=Input(
            name=f"field-{number}-purpose",
            label="Why you ask",
            value=one.purpose,
            required=one.type != FieldType.IP_LOCATION.value,
            why="Shown beside the question. Name what you do with the answer.",
            max_characters=PURPOSE_MAX_CHARACTERS,
        ),
        help=Input(
            name=f"field-{number}-help",
            label="How to answer",
            value=one.help,
            required=False,
            max_characters=PURPOSE_MAX_CHARACTERS,
        ),
        limits=[
            Input(
                name=f"field-{number}-{name}", label=label, value=getattr(one, name), required=False, why=why
            )
            for name, label, why in _LIMITS.get(one.type, ())
        ],
        options=Input(
            name=f"field-{number}-options",
            label="Choices",
            value=one.options,
            required=False,
            why=f"One a line, at most {OPTIONS_MAX_COUNT}. “r | Research” keeps r and shows Research.",
        )
        if choosing or one.options.strip()
        else None,
    )


def how_asked(field: FormField) -> str:
    """Return how a question is answered, and why it is asked."""
    words = TYPES[field.type].lower()
    if field.type is FieldType.SELECT:
        named = ", ".join(option.label for option in field.options[:6])
        more = len(field.options) - 6
        words = f"one of: {named}{f' and {more} more' if more > 0 else ''}"
    words = words if field.required else f"{words}, optional"
    return f"{words}; why: {field.purpose or 'not said yet'}"


def question_changes(old: Sequence[FormField], new: Sequence[FormField]) -> Sequence[str]:
    """Return what changes about the questions, as sentences."""
    before, after = ({one.key: one for one in fields} for fields in (old, new))
    said = [f"Asks “{_short(key)}” too." for key in after if key not in before]
    said += [f"No longer asks “{_short(key)}”." for key in before if key not in after]
    said += [
        f"Asks “{_short(key)}” in another way."
        for key in after
        if key in before and before[key] != after[key]
    ]
    if list(before) != list(after) and set(before) == set(after):
        said.append("Asks the questions in another order.")
    return said


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
