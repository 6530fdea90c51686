"""The part of a gate's form about what must hold of people beforehand: as sent, as shown, as a demand."""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from uuid import UUID

import msgspec

from registry.catalog.prerequisites import (
    CountryRule,
    CountrySource,
    NamedOrganisation,
    Prerequisites,
    check_prerequisites,
)
from registry.identity.standing_domain import AGES, ENTITY_WORDS, EntityType, Reach
from registry.identity.visits import Form
from registry.kernel.page_parts import FieldKind, FormField, Option

TEXT_MAX_CHARACTERS = 4_000
PLACES = ("issuers", "organisations", "minimum_age", "countries", "country_source")
"""Fields that can be in error, by the names that the rules give them."""
ERROR_PLACES: Mapping[str, tuple[str, str]] = {
    "before-issuers": ("before-issuers-1", "Accounts elsewhere"),
    "before-organisations": ("before-organisations", "Organisations"),
    "before-minimum_age": ("before-minimum_age", "Least age"),
    "before-countries": ("before-countries", "Countries"),
    "before-country_source": ("before-country_source", "How the country is told"),
}
_IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RULES = {"admit": "Let in only these", "refuse": "Let in all but these"}


class BeforehandDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to hold beforehand, as typed."""

    email: bool = False
    second_factor: bool = False
    issuers: tuple[str, ...] = ()
    organisation: bool = False
    organisations: str = ""
    """One a line: its page, or its number; what follows it is its name, for the reader."""
    minimum_age: str = ""
    entities: tuple[str, ...] = ()
    rule: str = ""
    countries: str = ""
    source: str = CountrySource.DECLARED.value
    own_signature: bool = False


def draft_of(asked: Prerequisites) -> BeforehandDraft:
    """Return the form filled in with what a gate asks now."""
    rule = asked.country
    return BeforehandDraft(
        email=asked.email,
        second_factor=asked.second_factor,
        issuers=asked.issuers,
        organisation=asked.organisation,
        organisations="\n".join(f"/organisations/{one.id} {one.name}" for one in asked.organisations),
        minimum_age=str(asked.minimum_age or ""),
        entities=tuple(asked.entities),
        rule=("admit" if rule.admits else "refuse") if rule else "",
        countries=" ".join(rule.countries) if rule else "",
        source=(rule.source if rule else CountrySource.DECLARED).value,
        own_signature=asked.own_signature,
    )


def read_draft(form: Form) -> BeforehandDraft:
    """Return the form as it was sent."""
    asked = set(form.lists.get("before", ()))
    return BeforehandDraft(
        email="email" in asked,
        second_factor="second_factor" in asked,
        issuers=tuple(form.lists.get("before-issuers", ())),
        organisation="organisation" in asked,
        organisations=form.text("before-organisations").replace("\r\n", "\n")[:TEXT_MAX_CHARACTERS],
        minimum_age=form.text("before-minimum_age")[:9],
        entities=tuple(form.lists.get("before-entities", ())),
        rule=form.text("before-rule")[:9],
        countries=form.text("before-countries")[:TEXT_MAX_CHARACTERS],
        source=form.text("before-country_source")[:16] or CountrySource.DECLARED.value,
        own_signature="own_signature" in asked,
    )


def read_asked(draft: BeforehandDraft) -> Prerequisites | dict[str, str]:
    """Return what is to hold beforehand, or what is wrong, by its place in the form."""
    errors: dict[str, str] = {}
    found = []
    for line in filter(None, map(str.strip, draft.organisations.split("\n"))):
        identifier = _IDENTIFIER.search(line.lower())
        if identifier is None:
            errors["before-organisations"] = "Name each organisation by the address of its page."
        else:
            found.append(NamedOrganisation(id=UUID(identifier[0]), name=""))
    rule = None
    if draft.rule in _RULES and draft.source in set(CountrySource):
        rule = CountryRule(
            countries=tuple(sorted(set(re.split(r"[\s,;]+", draft.countries.strip().upper())) - {""})),
            admits=draft.rule == "admit",
            source=CountrySource(draft.source),
        )
    elif draft.rule:
        errors["before-countries"] = "Choose a rule of the list."
    age = draft.minimum_age
    if age and age not in set(map(str, AGES)):
        errors["before-minimum_age"] = "Choose an age of the list."
    asked = Prerequisites(
        email=draft.email,
        second_factor=draft.second_factor,
        issuers=draft.issuers,
        organisation=draft.organisation,
        organisations=tuple({one.id: one for one in found}.values()),
        minimum_age=int(age) if age and not errors else None,
        entities=tuple(kind for kind in EntityType if kind.value in draft.entities),
        country=rule,
        own_signature=draft.own_signature,
    )
    wrong = {
        f"before-{name}": f"{text[:1].upper()}{text[1:]}."
        for name, text in check_prerequisites(asked).items()
    }
    return errors | wrong or asked


def beforehand_view(draft: BeforehandDraft, reach: Reach, errors: Mapping[str, str]) -> SimpleNamespace:
    """Return the part of the form as far as it is filled in."""
    gone = [issuer for issuer in draft.issuers if issuer not in reach.issuers]
    return SimpleNamespace(
        boxes=[
            Option(value="email", label="A confirmed e-mail address", chosen=draft.email),
            Option(
                value="second_factor",
                label="A second factor at signing in",
                detail="A passkey, or one that the provider checks.",
                chosen=draft.second_factor,
            ),
            Option(
                value="organisation",
                label="Membership in any organisation with a proved domain",
                chosen=draft.organisation,
            ),
            Option(
                value="own_signature",
                label="A signature of one’s own on the acceptance",
                detail="By a passkey or an SSH key (grade A). Acceptances without one stop counting.",
                chosen=draft.own_signature,
            ),
        ],
        issuers=[
            Option(value=issuer, label=f"An account at {name}", chosen=issuer in draft.issuers)
            for issuer, name in [*reach.issuers.items(), *((issuer, issuer[:80]) for issuer in gone)]
        ],
        issuers_error=errors.get("before-issuers"),
        organisations=FormField(
            name="before-organisations",
            label="Membership in one of these organisations",
            kind=FieldKind.LONG_TEXT,
            value=draft.organisations,
            why="One a line, by the address of its page: /organisations/…",
            error=errors.get("before-organisations"),
            required=False,
        ),
        age=FormField(
            name="before-minimum_age",
            label="Least age, as people declare it",
            kind=FieldKind.SELECT,
            value=draft.minimum_age,
            error=errors.get("before-minimum_age"),
            required=False,
            options=[Option(value=str(age), label=f"{age} or older") for age in AGES],
        ),
        entities=[
            Option(
                value=kind.value, label=f"{words[:1].upper()}{words[1:]}", chosen=kind.value in draft.entities
            )
            for kind, words in ENTITY_WORDS.items()
        ],
        country=_country_fields(draft, reach, errors),
    )


def _country_fields(draft: BeforehandDraft, reach: Reach, errors: Mapping[str, str]) -> list[FormField]:
    sources = [Option(value=CountrySource.DECLARED.value, label="The country that they declare")]
    if reach.network is not None or draft.source == CountrySource.NETWORK:
        label = f"Where their network address is ({reach.network or 'no database is set'})"
        sources.append(Option(value=CountrySource.NETWORK.value, label=label))
    return [
        FormField(
            name="before-rule",
            label="Countries",
            kind=FieldKind.SELECT,
            value=draft.rule,
            required=False,
            options=[Option(value=value, label=label) for value, label in _RULES.items()],
        ),
        FormField(
            name="before-countries",
            label="These countries",
            value=draft.countries,
            why="By their two letters, such as NO SE. Whoever is kept out reads the rule and by what the country is known.",
            error=errors.get("before-countries"),
            required=False,
        ),
        FormField(
            name="before-country_source",
            label="How the country is told",
            kind=FieldKind.SELECT,
            value=draft.source,
            error=errors.get("before-country_source"),
            options=sources,
        ),
    ]
