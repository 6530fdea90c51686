"""What the acceptance and receipt templates are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from registry.catalog import forms
from registry.kernel.countries import COUNTRIES
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import (
    Difference,
    DocumentText,
    FieldKind,
    FormField,
    Link,
    Notice,
    Option,
)
from registry.kernel.retention import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """The model that a page is about."""

    publisher: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a download."""

    label: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseName:
    """The license that is to be accepted."""

    title: str
    number: str
    name: str
    url: str
    text_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyShown:
    """A policy included by reference."""

    title: str
    url: str | None
    sha256: str | None
    text: DocumentText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who is signed in, and how."""

    label: str
    through: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the card says above its form."""

    heading: str | None
    html: Markup | None
    model: str | None
    """Whose card it is, where the cards of several ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActShown:
    """The fixed words of the act."""

    statements: Sequence[str]
    declaration: str
    button_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input that the form carries unseen."""

    name: str
    value: str
    end_of: str | None = None
    """The element whose sight the browser's script notes in it."""
    holds_key: bool = False
    """Whether the script puts a key there that it has made for this text."""
    proof_of: str | None = None
    """The key that was made so, whose signature over the declaration the script puts there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBy:
    """A model whose gate asks for a text, and what is to be known about that gate."""

    name: str
    url: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShown:
    """A license text that is put to acceptance."""

    id: str
    end_id: str
    license: LicenseName
    text: DocumentText
    policies: Sequence[PolicyShown]
    asked_by: Sequence[AskedBy]
    """Empty where the model of the page itself asks for the only text."""
    difference: Difference | None
    difference_says: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The form as it was sent, for showing it again; nothing is in it the first time."""

    typed_name: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    officer_title: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptView:
    """`acceptances/accept.html`."""

    model: ModelName
    lede: str
    steps: Sequence[Step]
    title: str
    texts: Sequence[TextShown]
    changed: bool
    notices: Sequence[Notice]
    problem: Notice | None
    person: Signer
    prompts: Sequence[Prompt]
    fields: Sequence[FormField]
    act: ActShown
    declaration_error: str | None
    typed_name: FormField
    recorded: Sequence[Kept]
    hidden: Sequence[Input]
    post_url: str
    erasure_url: str = "/privacy#erasure"
    capacities: Sequence[Option]
    capacity_error: str | None = None
    authority: FormField | None = None
    """The box of an officer; with it goes `officer_title`."""
    officer_title: FormField | None = None
    others: Sequence[Link] = ()
    """For whom else the person could accept."""
    sign_url: str | None = None
    """Where the form goes to be signed with a passkey, if the person has one."""
    sign_only: bool = False
    """Whether the gate takes nothing that is not signed."""
    passkeys_url: str = "/settings/passkeys"
    command: str = ""
    """What does the same at a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignView:
    """`acceptances/sign.html`."""

    model: ModelName
    title: str
    name: str
    capacity: str
    licenses: Sequence[LicenseName]
    statements: Sequence[str]
    declaration: str
    button_label: str
    options: str
    signed: str
    """The declaration's bytes."""
    fields: Sequence[Input]
    post_url: str
    back_url: str


def field_name(name: str, index: int) -> str:
    """Return the input's name of what belongs to the text at `index`."""
    return name if index == 0 else f"{name}-{index + 1}"


def answer_name(index: int) -> str:
    """Return the input's name of the question at `index`; keys may be whole sentences."""
    return f"answer-{index}"


def question_fields(
    questions: Sequence[forms.FormField], answers: Mapping[str, str], errors: Mapping[str, str]
) -> Sequence[FormField]:
    """Return the card's questions as inputs, in their order, empty unless the person had filled them in."""
    return [
        FormField(
            name=answer_name(index),
            label=question.label,
            kind=FieldKind(question.type.value),
            value=answers.get(question.key, ""),
            error=errors.get(question.key),
            required=question.required,
            options=_options(question, answers.get(question.key, "")),
            why=_why(question),
            max_characters=question.max_length,
        )
        for index, question in enumerate(questions)
    ]


def _why(question: forms.FormField) -> str:
    """Return how to answer, and why it is asked, in the publisher's words; or that they have not said so."""
    if question.type is forms.FieldType.IP_LOCATION:
        return forms.LOCATION_NOT_RECORDED
    said = (
        f"Why: {question.purpose}" if question.purpose else "The publisher has not said why it asks for this."
    )
    return f"{question.help} {said}".lstrip()


def _options(question: forms.FormField, given: str) -> Sequence[Option]:
    if question.type is forms.FieldType.COUNTRY:
        return [
            Option(value=code, label=name, chosen=code == given)
            for code, name in sorted(COUNTRIES.items(), key=lambda item: item[1])
        ]
    return [
        Option(value=option.value, label=option.label, chosen=option.value == given)
        for option in question.options
    ]
