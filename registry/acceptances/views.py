"""What the acceptance and receipt templates are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from registry.acceptances.domain import ACT, AUTHORITY, NAME_MAX_CHARACTERS, TITLE_MAX_CHARACTERS, Offer
from registry.acceptances.kept import kept_of_acceptance
from registry.catalog import forms
from registry.catalog.cards import GatePrompt
from registry.identity.organisation_domain import OrganisationView
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
    Tone,
)
from registry.licenses.domain import Version


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActShown:
    """The fixed words of the act."""

    statement: str
    declaration: str
    button_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One kind of thing that is recorded, and for how long."""

    label: str
    what: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What the form carries unseen."""

    ticket: str
    text_sha256: str
    form_digest: str


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
    license: LicenseName
    text: DocumentText
    policies: Sequence[PolicyShown]
    changed: bool
    difference: Difference | None
    difference_says: str | None
    problem: Notice | None
    person: Signer
    prompt: Prompt | None
    fields: Sequence[FormField]
    act: ActShown
    declaration_error: str | None
    typed_name: FormField
    recorded: Sequence[Recorded]
    hidden: Hidden
    post_url: str
    erasure_url: str = "/privacy#erasure"
    capacities: Sequence[Option]
    capacity_error: str | None = None
    authority: FormField | None = None
    """The box of an officer; with it goes `officer_title`."""
    officer_title: FormField | None = None
    others: Sequence[Link] = ()
    """For whom else the person could accept."""


def accept_view(
    *,
    offer: Offer,
    version: Version,
    text: DocumentText,
    policies: Sequence[PolicyShown],
    earlier: tuple[str, Difference] | None,
    person: Signer,
    prompt: Prompt | None,
    questions: Sequence[forms.FormField],
    hidden: Hidden,
    draft: Draft,
    is_reviewed: bool = False,
    organisation: OrganisationView | None = None,
    others: Sequence[OrganisationView] = (),
) -> AcceptView:
    """Return the acceptance page: the whole text, and a form in which nothing is filled in by us."""
    errors = draft.refusal.errors if draft.refusal else {}
    changed = draft.refusal is not None and draft.refusal.code == "text-changed" and earlier is not None
    return AcceptView(
        model=ModelName(publisher=offer.publisher, name=offer.model, url=f"/{offer.publisher}/{offer.model}"),
        lede=_LEDE_REVIEWED if is_reviewed else _LEDE,
        steps=_steps(is_reviewed=is_reviewed),
        license=LicenseName(
            title=version.title, number=version.number, url=version.path, text_url=f"{version.path}.txt"
        ),
        text=text,
        policies=policies,
        changed=changed,
        difference=earlier[1] if earlier else None,
        difference_says=earlier[0] if earlier else None,
        problem=_notice(draft.refusal) if draft.refusal and not errors and not changed else None,
        person=person,
        prompt=prompt,
        fields=question_fields(questions, draft.answers, errors),
        act=ActShown(
            statement=ACT.closing.format(
                title=version.title, number=version.number, publisher=offer.publisher
            ),
            declaration=ACT.sentence,
            button_label=ACT.button.format(title=version.title, number=version.number),
        ),
        declaration_error=errors.get("agreed"),
        typed_name=FormField(
            name="typed_name",
            label="Type your full name",
            value=draft.typed_name[:NAME_MAX_CHARACTERS],
            why="This is your signature on the statement.",
            error=errors.get("typed_name"),
            max_characters=NAME_MAX_CHARACTERS,
        ),
        recorded=recorded_rows(offer.publisher),
        hidden=hidden,
        post_url=offer.page,
        capacities=[_capacity(organisation)],
        authority=_authority(organisation, errors) if organisation else None,
        officer_title=_officer_title(draft, errors) if organisation else None,
        others=_others(offer.page, organisation, others),
    )


def _capacity(organisation: OrganisationView | None) -> Option:
    if organisation is None:
        return Option(value="self", label="for yourself")
    return Option(
        value=str(organisation.id),
        label=f"for {organisation.name}",
        detail="Everybody who belongs to it is covered.",
    )


def _authority(organisation: OrganisationView, errors: Mapping[str, str]) -> FormField:
    return FormField(
        name="authorised",
        label=AUTHORITY.format(organisation=organisation.name),
        kind=FieldKind.CHECKBOX,
        error=errors.get("authorised"),
    )


def _officer_title(draft: Draft, errors: Mapping[str, str]) -> FormField:
    return FormField(
        name="officer_title",
        label="Your function there",
        value=draft.officer_title[:TITLE_MAX_CHARACTERS],
        why="Kept with your name, to show by what authority you accepted.",
        error=errors.get("officer_title"),
        max_characters=TITLE_MAX_CHARACTERS,
    )


def _others(
    page: str, organisation: OrganisationView | None, others: Sequence[OrganisationView]
) -> Sequence[Link]:
    links = [Link(label=f"for {one.name}", url=f"{page}?organisation={one.id}") for one in others]
    return [Link(label="for yourself", url=page), *links] if organisation else links


_LEDE = (
    "Read the full text, fill in the form, press one button. You get a receipt, and the files open at once."
)
_LEDE_REVIEWED = (
    "Read the full text, fill in the form, press one button. You get a receipt, then ask for access: "
    "the publisher’s reviewers decide."
)


def _steps(*, is_reviewed: bool) -> Sequence[Step]:
    before = (Step(label="Signed in", state="done"), Step(label="Read and accept", state="now"))
    asked = (Step(label="Ask for access", state="next"), Step(label="Reviewed", state="next"))
    return (*before, *(asked if is_reviewed else ()), Step(label="Download", state="next"))


def recorded_rows(publisher: str) -> Sequence[Recorded]:
    """Return what an acceptance records, who reads it and how long it is kept."""
    return [
        Recorded(label=row.label, what=row.what, kept=f"read by {row.readers}; kept {row.kept}")
        for row in kept_of_acceptance(publisher)
    ]


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
            why=(forms.LOCATION_NOT_RECORDED if question.type is forms.FieldType.IP_LOCATION else None),
        )
        for index, question in enumerate(questions)
    ]


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


def prompt_of(gating: GatePrompt, html: Markup | None) -> Prompt | None:
    """Return what the card says above its form, or None if it says nothing."""
    if not gating.heading and html is None:
        return None
    return Prompt(heading=gating.heading, html=html)


def _notice(refusal: Refusal) -> Notice:
    if refusal.code == "text-changed":
        return Notice(
            tone=Tone.STOP,
            title="What the gate asks for has changed since you opened this page",
            text="Nothing was accepted. The license is the same; look at the questions again, then decide.",
        )
    remedy = refusal.remedy
    return Notice(
        tone=Tone.STOP,
        title=refusal.title,
        text=refusal.detail,
        link=Link(label=remedy.text, url=remedy.url) if remedy and remedy.url else None,
    )
