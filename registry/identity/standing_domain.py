"""What may hold of a person that a gate asks for beforehand, and what people declare of themselves; values and rules only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from registry.identity.domain import Principal

DECLARATIONS = "/settings/declarations"


class Declared(StrEnum):
    """What one may declare."""

    AGE = "age"
    """An age that was reached, never a date of birth."""
    COUNTRY = "country"
    ENTITY = "entity"


class EntityType(StrEnum):
    """As what somebody uses models."""

    INDIVIDUAL = "individual"
    ACADEMIC = "academic"
    NONPROFIT = "nonprofit"
    COMPANY = "company"
    PUBLIC_BODY = "public-body"


ENTITY_WORDS: Mapping[EntityType, str] = {
    EntityType.INDIVIDUAL: "an individual",
    EntityType.ACADEMIC: "a university or research institute",
    EntityType.NONPROFIT: "a non-profit organisation",
    EntityType.COMPANY: "a company",
    EntityType.PUBLIC_BODY: "a public body",
}
AGES = (13, 16, 18, 21)
"""Ages that laws and licenses ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A declaration that stands."""

    value: str
    at: datetime


_DECLARED = frozenset(Declared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds of a person now."""

    has_email: bool = False
    """An address that they have shown to be theirs."""
    second_factor: bool = False
    issuers: frozenset[str] = frozenset()
    """Providers at which they have an account that is linked to theirs here."""
    organisations: frozenset[UUID] = frozenset()
    declared: Mapping[Declared, Said] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What this registry can find out about people at all."""

    issuers: Mapping[str, str] = field(default_factory=dict)
    """Providers that one can sign in with: issuer identifier to name."""
    network: str | None = None
    """The database by which the country of an address is told; None: none."""


NOTHING_KNOWN = Standing()
Part = tuple[str, UUID | None, str, datetime | None]
"""Kind, organisation, value and moment: one row of the statement."""


def assemble_standing(parts: Iterable[Part], principal: Principal) -> Standing:
    """Return what the rows about a person amount to.

    In a browser the second factor is one of this very sign-in: another open one might be somebody else's.
    """
    has_email, second_factor = False, False
    issuers: set[str] = set()
    organisations: set[UUID] = set()
    declared: dict[Declared, Said] = {}
    for kind, organisation_id, value, at in parts:
        if kind == "organisation" and organisation_id is not None:
            organisations.add(organisation_id)
        elif kind == "identity":
            issuers.add(value)
        elif kind in _DECLARED and at is not None:
            declared[Declared(kind)] = Said(value=value, at=at)
        has_email |= kind == "email"
        second_factor |= kind == "second-factor"
    standing = Standing(
        has_email=has_email,
        second_factor=second_factor,
        issuers=frozenset(issuers),
        organisations=frozenset(organisations),
        declared=declared,
    )
    if principal.proof is None:
        return standing
    return replace(standing, second_factor=principal.proof.second_factor)
