"""What the catalog takes from the wire: unknown fields are refused, every text, list and number is bounded."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.catalog.domain import (
    DISPLAY_NAME_MAX_CHARACTERS,
    PLAN_MAX_FILES,
    REF_MAX_CHARACTERS,
    REQUIREMENTS_MAX_COUNT,
    SIGN_MAX_PARTS,
    GateMode,
    Role,
)
from registry.catalog.forms import (
    FIELDS_MAX_COUNT,
    LABEL_MAX_CHARACTERS,
    OPTION_MAX_CHARACTERS,
    OPTIONS_MAX_COUNT,
    PATTERN_MAX_CHARACTERS,
    PURPOSE_MAX_CHARACTERS,
    FieldOption,
    FieldType,
    FormField,
)
from registry.catalog.manifests import FILE_MAX_BYTES, FILES_MAX_COUNT, MESSAGE_MAX_CHARACTERS, PATH_MAX_BYTES
from registry.catalog.prerequisites import (
    ISSUER_MAX_CHARACTERS,
    ISSUERS_MAX_COUNT,
    ORGANISATIONS_MAX_COUNT,
    CountryRule,
    CountrySource,
    NamedOrganisation,
    Prerequisites,
)
from registry.catalog.reviews import AS_USUAL, ReviewPolicy
from registry.identity.standing_domain import EntityType

Name = Annotated[str, Meta(min_length=1, max_length=96)]
SHA256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Meta(ge=0, le=FILE_MAX_BYTES)]
Reference = Annotated[str, Meta(min_length=1, max_length=100)]


class CreatePublisher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A publisher to be."""

    name: Name
    display_name: Annotated[str, Meta(max_length=DISPLAY_NAME_MAX_CHARACTERS)] = ""
    owner: UUID | None = None
    """Its owner, where an operator creates it for somebody else."""


class AddRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to give."""

    person: UUID
    role: Role


class OptionInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One choice of a select field."""

    value: Annotated[str, Meta(min_length=1, max_length=OPTION_MAX_CHARACTERS)]
    label: Annotated[str, Meta(min_length=1, max_length=OPTION_MAX_CHARACTERS)]


class FieldInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of a form."""

    label: Annotated[str, Meta(min_length=1, max_length=LABEL_MAX_CHARACTERS)]
    type: FieldType
    required: bool = True
    purpose: Annotated[str, Meta(max_length=PURPOSE_MAX_CHARACTERS)] = ""
    """Why it is asked; a question without one is refused."""
    help: Annotated[str, Meta(max_length=PURPOSE_MAX_CHARACTERS)] = ""
    min_length: int | None = None
    max_length: int | None = None
    pattern: Annotated[str, Meta(max_length=PATTERN_MAX_CHARACTERS)] = ""
    """RE2 syntax; the whole answer must match."""
    earliest: Annotated[str, Meta(max_length=10)] = ""
    latest: Annotated[str, Meta(max_length=10)] = ""
    options: Annotated[list[OptionInput], Meta(max_length=OPTIONS_MAX_COUNT)] = []


class ReviewInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests at a gate of mode `manual` are reviewed, in full; what is absent is as usual."""

    approvals: int = AS_USUAL.approvals
    grant_days: int | None = AS_USUAL.grant_days
    answer_days: int = AS_USUAL.answer_days
    changes_days: int = AS_USUAL.changes_days
    target_days: int = AS_USUAL.target_days
    reapply_days: int = AS_USUAL.reapply_days


class CountryInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which countries a gate lets people in."""

    countries: Annotated[list[Annotated[str, Meta(pattern="^[A-Z]{2}$")]], Meta(min_length=1, max_length=300)]
    admits: bool
    """True: only these are let in; false: all but these."""
    source: CountrySource = CountrySource.DECLARED


class PrerequisitesInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold of a person before they may accept, in full; what is absent is not asked for."""

    email: bool = False
    second_factor: bool = False
    issuers: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=ISSUER_MAX_CHARACTERS)]],
        Meta(max_length=ISSUERS_MAX_COUNT),
    ] = []
    organisation: bool = False
    organisations: Annotated[list[UUID], Meta(max_length=ORGANISATIONS_MAX_COUNT)] = []
    minimum_age: int | None = None
    entities: Annotated[list[EntityType], Meta(max_length=len(EntityType))] = []
    country: CountryInput | None = None
    own_signature: bool = False
    """Only acceptances count that the acceptor signed with a key of their own (grade A)."""


class GateInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gate is to ask for from now on, in full."""

    mode: GateMode
    licenses: Annotated[list[Reference], Meta(max_length=REQUIREMENTS_MAX_COUNT)] = []
    form_fields: Annotated[list[FieldInput], Meta(max_length=FIELDS_MAX_COUNT)] = []
    review: ReviewInput | None = None
    """How requests are reviewed; absent: as they are."""
    prerequisites: PrerequisitesInput | None = None
    """What must hold of a person beforehand; absent: what does now."""
    revision: Annotated[int, Meta(ge=1)] | None = None
    """The revision that the change was made on; where another one is in force, nothing changes."""


class FileInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to upload."""

    sha256: SHA256
    size: Size


class PlanUploads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes that a client wants to upload."""

    files: Annotated[list[FileInput], Meta(min_length=1, max_length=PLAN_MAX_FILES)]


class SignParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parts that a client is about to send."""

    numbers: Annotated[
        list[Annotated[int, Meta(ge=1, le=10_000)]], Meta(min_length=1, max_length=SIGN_MAX_PARTS)
    ]


class ReleaseFileInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a release to be."""

    path: Annotated[str, Meta(min_length=1, max_length=PATH_MAX_BYTES)]
    sha256: SHA256
    size: Size


class ReleaseInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release to be."""

    files: Annotated[list[ReleaseFileInput], Meta(min_length=1, max_length=FILES_MAX_COUNT)]
    message: Annotated[str, Meta(max_length=MESSAGE_MAX_CHARACTERS)] = ""
    ref: Annotated[str, Meta(min_length=1, max_length=REF_MAX_CHARACTERS)] = "main"
    parent: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None
    licenses: Annotated[list[Reference], Meta(max_length=REQUIREMENTS_MAX_COUNT)] = []
    gate_mode: GateMode | None = None
    purposes: Annotated[
        dict[
            Annotated[str, Meta(max_length=LABEL_MAX_CHARACTERS)],
            Annotated[str, Meta(max_length=PURPOSE_MAX_CHARACTERS)],
        ],
        Meta(max_length=FIELDS_MAX_COUNT),
    ] = {}
    """Why the questions of the card are asked, by their labels; of a new model's gate."""
    private: bool = False
    create: bool = False


def read_fields(inputs: Sequence[FieldInput]) -> tuple[FormField, ...]:
    """Return the form that was sent; a field's label is its key."""
    return tuple(
        FormField(
            key=given.label,
            label=given.label,
            type=given.type,
            required=given.required,
            purpose=" ".join(given.purpose.split()),
            help=" ".join(given.help.split()),
            min_length=given.min_length,
            max_length=given.max_length,
            pattern=given.pattern,
            earliest=given.earliest,
            latest=given.latest,
            options=tuple(FieldOption(value=option.value, label=option.label) for option in given.options),
        )
        for given in inputs
    )


def read_prerequisites(given: PrerequisitesInput | None) -> Prerequisites | None:
    """Return what is asked beforehand, as it was sent; None where nothing was said."""
    if given is None:
        return None
    rule = given.country
    return Prerequisites(
        email=given.email,
        second_factor=given.second_factor,
        issuers=tuple(given.issuers),
        organisation=given.organisation,
        organisations=tuple(NamedOrganisation(id=one, name="") for one in dict.fromkeys(given.organisations)),
        minimum_age=given.minimum_age,
        entities=tuple(one for one in EntityType if one in given.entities),
        country=(
            CountryRule(countries=tuple(sorted(set(rule.countries))), admits=rule.admits, source=rule.source)
            if rule
            else None
        ),
        own_signature=given.own_signature,
    )


def read_review(given: ReviewInput | None) -> ReviewPolicy | None:
    """Return how requests are to be reviewed, as it was sent; None where nothing was said."""
    return ReviewPolicy(**msgspec.structs.asdict(given)) if given else None
