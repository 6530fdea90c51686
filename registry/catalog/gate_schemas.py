"""What a gate looks like on the wire."""

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

import msgspec

from registry.catalog.domain import GateMode, GateView
from registry.catalog.forms import FieldType
from registry.catalog.prerequisites import NONE, CountrySource
from registry.catalog.reading import Requirement
from registry.identity.standing_domain import EntityType
from registry.kernel.clock import iso


class RequirementOut(msgspec.Struct, frozen=True, kw_only=True):
    """A license version that a gate asks for."""

    slug: str
    title: str
    number: str
    sha256: str
    url: str


class OptionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of a select field."""

    value: str
    label: str


class FieldOut(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a form."""

    key: str
    label: str
    type: FieldType
    required: bool
    purpose: str
    """Why it is asked; empty where the publisher has not said so yet."""
    help: str
    min_length: int | None
    max_length: int | None
    pattern: str
    earliest: str
    latest: str
    options: list[OptionOut]


class ReviewOut(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are reviewed; numbers of days, `approvals` of reviewers."""

    approvals: int
    grant_days: int | None
    """Null: an approval lasts until it is ended."""
    answer_days: int
    changes_days: int
    target_days: int
    reapply_days: int


class CountryOut(msgspec.Struct, frozen=True, kw_only=True):
    """From which countries a gate lets people in."""

    countries: list[str]
    admits: bool
    """True: only these are let in; false: all but these."""
    source: CountrySource


class OrganisationOut(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation, by the name that it had when the gate was set."""

    id: UUID
    name: str


class PrerequisitesOut(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold of a person before they may accept."""

    email: bool
    second_factor: bool
    issuers: list[str]
    organisation: bool
    organisations: list[OrganisationOut]
    minimum_age: int | None
    entities: list[EntityType]
    country: CountryOut | None
    own_signature: bool
    """Whether only acceptances count that the acceptor signed with a key of their own (grade A)."""


class GateOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a model demands."""

    number: int
    mode: GateMode
    requirements: list[RequirementOut]
    form_digest: str
    form_fields: list[FieldOut]
    review: ReviewOut | None
    """Null unless the mode is `manual`."""
    prerequisites: PrerequisitesOut | None
    """Null where nothing is asked beforehand."""
    since: str


def view_requirement(requirement: Requirement, base_url: str) -> RequirementOut:
    """Return a required license version as it goes out."""
    return RequirementOut(
        slug=requirement.slug,
        title=requirement.title,
        number=requirement.number,
        sha256=requirement.sha256,
        url=base_url + requirement.path,
    )


def view_gate(gate: GateView, requirements: Mapping[UUID, Requirement], base_url: str) -> GateOut:
    """Return a gate as it goes out."""
    return GateOut(
        number=gate.number,
        mode=gate.mode,
        requirements=[
            view_requirement(requirements[version], base_url) for version in gate.license_version_ids
        ],
        form_digest=gate.form_digest,
        form_fields=[
            FieldOut(
                key=field.key,
                label=field.label,
                type=field.type,
                required=field.required,
                purpose=field.purpose,
                help=field.help,
                min_length=field.min_length,
                max_length=field.max_length,
                pattern=field.pattern,
                earliest=field.earliest,
                latest=field.latest,
                options=[OptionOut(value=option.value, label=option.label) for option in field.options],
            )
            for field in gate.fields
        ],
        review=ReviewOut(**asdict(gate.review)) if gate.mode is GateMode.MANUAL else None,
        prerequisites=(
            msgspec.convert(msgspec.to_builtins(gate.prerequisites), PrerequisitesOut)
            if gate.prerequisites != NONE
            else None
        ),
        since=iso(gate.created_at),
    )
