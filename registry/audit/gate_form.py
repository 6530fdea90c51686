"""The form that changes a gate, as somebody has filled it in so far: read, changed by its buttons, judged.

Without scripts each button sends the whole form, and the answer is the form with one part more, less, or moved.
"""

import re
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from registry.audit import prerequisite_form
from registry.audit.prerequisite_form import BeforehandDraft
from registry.catalog import GateDemand, GateMode, GateView
from registry.catalog.domain import REQUIREMENTS_MAX_COUNT
from registry.catalog.forms import FIELDS_MAX_COUNT, OPTIONS_MAX_COUNT, FieldOption, FieldType, FormField
from registry.catalog.prerequisites import Prerequisites
from registry.catalog.reviews import BOUNDS, ReviewPolicy, check_policy
from registry.identity.standing_domain import Reach
from registry.identity.visits import Form
from registry.kernel.outcomes import Refusal, Remedy

FIELD_TEXTS = ("purpose", "help", "min_length", "max_length", "pattern", "earliest", "latest")
"""Further inputs of each question."""
FORM_MAX_FIELDS = 11 * FIELDS_MAX_COUNT + REQUIREMENTS_MAX_COUNT + 60
"""Inputs of the form with as many questions and licenses as a gate can have."""
OPTION_SEPARATOR = " | "
"""Between what is stored and what is shown, on one line of the options, where they differ."""
_ACT = re.compile(r"(remove|up|down)-(license|field)-([0-9]{1,3})\Z")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDraft:
    """One question as it stands in the form."""

    label: str = ""
    type: str = FieldType.TEXT.value
    required: bool = True
    options: str = ""
    """One a line."""
    purpose: str = ""
    help: str = ""
    min_length: str = ""
    max_length: str = ""
    pattern: str = ""
    earliest: str = ""
    latest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDraft:
    """What somebody wants a gate to ask for, as typed."""

    revision: int
    """Of the gate that the form was made for."""
    mode: str
    licenses: Sequence[str]
    fields: Sequence[FieldDraft]
    days: str = ""
    """For accepting again where a license changes in substance."""
    review: Mapping[str, str] = field(default_factory=dict)
    """The numbers of `ReviewPolicy` by their names; empty where one has no bound."""
    beforehand: BeforehandDraft = field(default_factory=BeforehandDraft)
    """What is asked before anything is accepted."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """By what they belong to: `mode`, `licenses`, `days`, `fields`, `field-1`, `review-approvals`, …"""


class StoredDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft as the page that asks for confirmation carries it."""

    revision: int
    mode: str
    licenses: list[str]
    fields: list[FieldDraft]
    days: str
    review: dict[str, str]
    beforehand: BeforehandDraft


def draft_of_gate(gate: GateView, references: Sequence[str], *, days: int) -> GateDraft:
    """Return the form filled in with what the gate asks for now."""
    return GateDraft(
        revision=gate.number,
        mode=gate.mode.value,
        licenses=list(references),
        fields=[
            FieldDraft(
                label=one.label,
                type=one.type.value,
                required=one.required,
                options="\n".join(map(_option_line, one.options)),
                **{name: str(getattr(one, name) or "") for name in FIELD_TEXTS},
            )
            for one in gate.fields
        ],
        days=str(days),
        review={
            name: "" if value is None else str(value)
            for name in BOUNDS
            for value in [getattr(gate.review, name)]
        },
        beforehand=prerequisite_form.draft_of(gate.prerequisites),
    )


def read_draft(form: Form) -> GateDraft:
    """Return the form as it was sent."""
    numbers = sorted(
        {int(name.split("-")[1]) for name in form.fields if re.fullmatch(r"field-[0-9]{1,3}-label", name)}
    )
    return GateDraft(
        revision=_number(form.text("revision")),
        mode=form.text("mode"),
        licenses=list(form.lists.get("license", ()))[: REQUIREMENTS_MAX_COUNT + 1],
        fields=[
            FieldDraft(
                label=form.text(f"field-{number}-label").strip(),
                type=form.text(f"field-{number}-type"),
                required=form.text(f"field-{number}-required") == "on",
                options=form.text(f"field-{number}-options").replace("\r\n", "\n"),
                **{name: " ".join(form.text(f"field-{number}-{name}").split()) for name in FIELD_TEXTS},
            )
            for number in numbers
        ],
        days=form.text("days").strip(),
        review={name: form.text(f"review-{name}").strip() for name in BOUNDS},
        beforehand=prerequisite_form.read_draft(form),
    )


def store_draft(draft: GateDraft) -> str:
    """Return the draft as one hidden field."""
    stored = StoredDraft(
        revision=draft.revision,
        mode=draft.mode,
        licenses=list(draft.licenses),
        fields=list(draft.fields),
        days=draft.days,
        review=dict(draft.review),
        beforehand=draft.beforehand,
    )
    return msgspec.json.encode(stored).decode()


def load_draft(text: str) -> GateDraft | Refusal:
    """Return the draft that `store_draft` wrote."""
    try:
        stored = msgspec.json.decode(text, type=StoredDraft)
    except msgspec.DecodeError:
        return Refusal(
            code="form-malformed",
            status=400,
            title="The form cannot be read",
            detail="Nothing was changed.",
            remedy=Remedy(text="Load the gate's page again and send the form from there"),
        )
    return GateDraft(
        revision=stored.revision,
        mode=stored.mode,
        licenses=stored.licenses,
        fields=stored.fields,
        days=stored.days,
        review=stored.review,
        beforehand=stored.beforehand,
    )


def press(draft: GateDraft, button: str, chosen: str) -> GateDraft:
    """Return the draft after one of its buttons; `chosen` is what stood beside an adding one."""
    if button == "add-license" and chosen and len(draft.licenses) < REQUIREMENTS_MAX_COUNT:
        return replace(draft, licenses=[*draft.licenses, chosen])
    if button == "add-field" and chosen in set(FieldType) and len(draft.fields) < FIELDS_MAX_COUNT:
        return replace(draft, fields=[*draft.fields, FieldDraft(type=chosen)])
    found = _ACT.match(button)
    if found is None:
        return draft
    act, what, number = found[1], found[2], int(found[3]) - 1
    if what == "license":
        return replace(draft, licenses=_moved(list(draft.licenses), act, number))
    return replace(draft, fields=_moved(list(draft.fields), act, number))


def _moved(parts: MutableSequence[T], act: str, at: int) -> Sequence[T]:
    other = at - 1 if act == "up" else at + 1
    if not 0 <= at < len(parts):
        return parts
    if act == "remove":
        del parts[at]
    elif 0 <= other < len(parts):
        parts[at], parts[other] = parts[other], parts[at]
    return parts


def read_demand(draft: GateDraft, *, days_most: int, reach: Reach) -> GateDemand | Mapping[str, str]:
    """Return what the gate is to ask for, or what is wrong, by what it belongs to."""
    errors: dict[str, str] = {}
    if draft.mode not in set(GateMode):
        errors["mode"] = "Choose who gets in."
    days = _number(draft.days)
    if not 0 < days <= days_most and draft.days != "0":
        errors["days"] = f"Write a number of days, 0 to {days_most}."
    fields = []
    for number, one in enumerate(draft.fields, 1):
        if one.type not in set(FieldType):
            errors[f"field-{number}"] = "Choose a kind of answer."
            continue
        kind = FieldType(one.type)
        options = _read_options(one.options) if kind is FieldType.SELECT else ()
        if len(options) > OPTIONS_MAX_COUNT:
            errors[f"field-{number}"] = f"A question has at most {OPTIONS_MAX_COUNT} choices."
        if kind is not FieldType.IP_LOCATION and not one.purpose:
            errors[f"field-{number}"] = "Say why you ask for this."
        fields.append(_read_field(one, kind, options))
    review = _read_review(draft.review)
    errors |= {f"review-{name}": _sentence(text) for name, text in check_policy(review).items()}
    asked = prerequisite_form.read_asked(draft.beforehand)
    if not isinstance(asked, Prerequisites):
        errors |= asked
    if errors or not isinstance(asked, Prerequisites):
        return errors
    return GateDemand(
        mode=GateMode(draft.mode),
        licenses=tuple(draft.licenses),
        fields=tuple(fields),
        reaccept_days=days,
        review=review,
        prerequisites=asked,
        reach=reach,
    )


def _read_field(one: FieldDraft, kind: FieldType, options: tuple[FieldOption, ...]) -> FormField:
    """Return the question; limits that its kind of answer does not have are left out."""
    is_text, is_date = kind is FieldType.TEXT, kind is FieldType.DATE_PICKER
    return FormField(
        key=one.label,
        label=one.label,
        type=kind,
        required=one.required,
        options=options,
        purpose=one.purpose,
        help=one.help,
        # What is no number becomes one that no length may have.
        min_length=_number(one.min_length) if is_text and one.min_length else None,
        max_length=_number(one.max_length) if is_text and one.max_length else None,
        pattern=one.pattern if is_text else "",
        earliest=one.earliest if is_date else "",
        latest=one.latest if is_date else "",
    )


def _read_review(given: Mapping[str, str]) -> ReviewPolicy:
    """Return the policy; what is no number becomes one that no policy may have."""
    numbers = {name: _number(given[name]) if given.get(name) else None for name in BOUNDS}
    required = {
        name: -1 if value is None else value for name, value in numbers.items() if name != "grant_days"
    }
    zeros = {name: -1 for name, value in required.items() if value == 0 and given.get(name) != "0"}
    return ReviewPolicy(**required | zeros, grant_days=numbers["grant_days"])


def place_errors(draft: GateDraft, refusal: Refusal) -> GateDraft | None:
    """Return the draft with the errors of a refusal at their places; None where they have none in the form."""
    placed: dict[str, str] = {}
    for key, text in refusal.errors.items():
        if key in {"licenses", "fields"}:
            placed[key] = _sentence(text)
        if key in prerequisite_form.PLACES:
            placed[f"before-{key}"] = _sentence(text)
        for number, one in enumerate(draft.fields, 1):
            if one.label == key and f"field-{number}" not in placed:
                placed[f"field-{number}"] = _sentence(text)
    return replace(draft, errors=placed) if placed else None


def _read_options(text: str) -> tuple[FieldOption, ...]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    pairs: list[Any] = [line.partition(OPTION_SEPARATOR) for line in lines]
    return tuple(
        FieldOption(value=value.strip(), label=label.strip() or value.strip()) for value, _, label in pairs
    )


def _option_line(option: FieldOption) -> str:
    return option.value if option.value == option.label else f"{option.value}{OPTION_SEPARATOR}{option.label}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
