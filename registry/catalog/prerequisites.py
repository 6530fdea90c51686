"""What a gate asks of a person before anything is accepted: rules, canonical form, and which of it is met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from registry.catalog.forms import FieldType, FormField
from registry.identity.domain import Principal
from registry.identity.standing_domain import (
    AGES,
    DECLARATIONS,
    ENTITY_WORDS,
    Declared,
    EntityType,
    Reach,
    Said,
    Standing,
)
from registry.kernel.canonical import canonical_bytes
from registry.kernel.countries import COUNTRIES
from registry.kernel.outcomes import CorruptRecord, Refusal, Remedy

ISSUERS_MAX_COUNT = 20
ISSUER_MAX_CHARACTERS = 300
ORGANISATIONS_MAX_COUNT = 20
NAMED_MOST = 8
"""How many countries a sentence names."""


class CountrySource(StrEnum):
    """By what a country is told."""

    DECLARED = "declared"
    """What the person declared."""
    NETWORK = "network"
    """Where the address of the request belongs, by the operator's own database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryRule:
    """From which countries a gate lets people in."""

    countries: tuple[str, ...]
    admits: bool
    """Whether only these are let in; else all but these."""
    source: CountrySource = CountrySource.DECLARED

    def lets_in(self, country: str) -> bool:
        """Whether people from there are let in."""
        return (country in self.countries) is self.admits

    @property
    def said(self) -> str:
        """The rule as the rest of a sentence: `only people from Norway`."""
        names = [COUNTRIES.get(code, code) for code in self.countries]
        more = len(names) - NAMED_MOST
        listed = ", ".join(names[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
        return f"only people from {listed}" if self.admits else f"nobody from {listed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOrganisation:
    """An organisation, by the name that it had when the gate was set."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisites:
    """What must hold of a person before they may accept, ask for access, or download; part of a gate's revision."""

    email: bool = False
    """A confirmed address."""
    second_factor: bool = False
    issuers: tuple[str, ...] = ()
    """An account at one of these providers, linked to theirs here."""
    organisation: bool = False
    """Membership in any organisation with a proved domain."""
    organisations: tuple[NamedOrganisation, ...] = ()
    """Membership in one of these."""
    minimum_age: int | None = None
    """Declared."""
    entities: tuple[EntityType, ...] = ()
    """Declared; one of these."""
    country: CountryRule | None = None
    own_signature: bool = False
    """Not of the person but of what they accept: only acceptances that the acceptor signed too count (grade A)."""


NONE = Prerequisites()


def check_prerequisites(asked: Prerequisites) -> dict[str, str]:
    """Return what cannot stand, by field."""
    errors: dict[str, str] = {}
    if len(asked.issuers) > ISSUERS_MAX_COUNT or len(set(asked.issuers)) != len(asked.issuers):
        errors["issuers"] = f"at most {ISSUERS_MAX_COUNT} providers, each once"
    if len(asked.organisations) > ORGANISATIONS_MAX_COUNT:
        errors["organisations"] = f"at most {ORGANISATIONS_MAX_COUNT} organisations"
    if asked.minimum_age is not None and asked.minimum_age not in AGES:
        errors["minimum_age"] = f"one of {', '.join(map(str, AGES))}"
    rule = asked.country
    if rule is not None and not rule.countries:
        errors["countries"] = "name at least one country by its two letters, such as NO"
    if rule is not None and (unknown := [code for code in rule.countries if code not in COUNTRIES]):
        errors["countries"] = f"{unknown[0][:20]} is no country code; use two capitals, such as NO"
    return errors


def check_reach(asked: Prerequisites, reach: Reach) -> dict[str, str]:
    """Return what nobody could ever meet, because this registry cannot tell it, by field."""
    errors: dict[str, str] = {}
    if unknown := [issuer for issuer in asked.issuers if issuer not in reach.issuers]:
        known = ", ".join(reach.issuers) or "none is set up"
        errors["issuers"] = f"nobody can link an account at {unknown[0]} here; known: {known}"
    if asked.country and asked.country.source is CountrySource.NETWORK and reach.network is None:
        errors["country_source"] = "this registry has no database of addresses; ask for a declared country"
    return errors


def prerequisites_bytes(asked: Prerequisites) -> bytes | None:
    """Return the canonical form that a revision keeps; None where nothing is asked beforehand."""
    if asked == NONE:
        return None
    members = msgspec.to_builtins(asked)
    if not asked.own_signature:
        # Those who do not ask for it keep the bytes that they had before it could be asked for.
        del members["own_signature"]
    return canonical_bytes(members)


def parse_prerequisites(stored: bytes | None) -> Prerequisites:
    """Return what `prerequisites_bytes` wrote.

    Raises:
        CorruptRecord: it holds something else.
    """
    if stored is None:
        return NONE
    try:
        return msgspec.json.decode(stored, type=Prerequisites)
    except msgspec.DecodeError as error:
        raise CorruptRecord(f"the prerequisites of a gate revision cannot be read: {error}") from None


def asks_as_much(asked: Prerequisites, other: Prerequisites) -> bool:
    """Whether nobody meets `asked` who does not meet `other`."""
    named = {one.id for one in asked.organisations}
    return (
        asked.email >= other.email
        and asked.second_factor >= other.second_factor
        and _narrows(asked.issuers, other.issuers)
        and (not other.organisation or asked.organisation or bool(named))
        and _narrows(tuple(named), tuple(one.id for one in other.organisations))
        and (asked.minimum_age or 0) >= (other.minimum_age or 0)
        and _narrows(asked.entities, other.entities)
        and _is_narrower(asked.country, other.country)
        and asked.own_signature >= other.own_signature
    )


def _narrows(asked: Sequence[object], other: Sequence[object]) -> bool:
    return not other or (bool(asked) and set(asked) <= set(other))


def _is_narrower(asked: CountryRule | None, other: CountryRule | None) -> bool:
    if other is None:
        return True
    if asked is None or asked.source is not other.source:
        return False
    return all(other.lets_in(code) for code in COUNTRIES if asked.lets_in(code))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the prerequisites of one gate are held against."""

    standing: Standing
    country: str | None
    """Where the request comes from, by the operator's database; None: not known."""
    is_token: bool
    repo_id: str
    contact: str = ""

    @classmethod
    def of(cls, principal: Principal, standing: Standing, repo_id: str, contact: str = "") -> "Seen":
        """Return what is seen of a principal at the gate of a model."""
        return cls(
            standing=standing,
            country=principal.country,
            is_token=principal.session_id is None,
            repo_id=repo_id,
            contact=contact,
        )

    @property
    def ask(self) -> Remedy:
        """What is left where nothing can be done by oneself."""
        publisher = self.repo_id.partition("/")[0]
        text = f"Write to {self.contact}" if self.contact else f"Ask the maintainers of {publisher}"
        return Remedy(text=text, url=f"/{self.repo_id}")

    @property
    def decider(self) -> str:
        """Who set the gate."""
        return f"The maintainers of {self.repo_id.partition('/')[0]}"

    def declare(self, text: str) -> Remedy:
        """Where something is declared, and the way back."""
        return Remedy(text=text, url=f"{DECLARATIONS}?next={quote(f'/{self.repo_id}', safe='/')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One prerequisite, met or not, and what to do."""

    met: bool
    title: str
    detail: str = ""
    remedy: Remedy | None = None
    since: datetime | None = None
    refuses: bool = False
    """A rule of the publisher's keeps the person out; there is nothing that they can bring."""


def check(asked: Prerequisites, seen: Seen) -> tuple[Checked, ...]:
    """Return everything that is asked beforehand, in the order in which it is explained."""
    if asked == NONE:
        return ()
    standing = seen.standing
    checked: list[Checked] = []
    if asked.email:
        checked.append(_check_email(standing, seen))
    if asked.second_factor:
        checked.append(_check_factor(standing, seen))
    if asked.issuers:
        checked.append(_check_account(asked.issuers, standing))
    if asked.organisations or asked.organisation:
        checked.append(_check_membership(asked, standing))
    if asked.minimum_age is not None:
        checked.append(_check_age(asked.minimum_age, standing.declared.get(Declared.AGE), seen))
    if asked.entities:
        checked.append(_check_entity(asked.entities, standing.declared.get(Declared.ENTITY), seen))
    if asked.country is not None:
        checked.append(_check_country(asked.country, standing.declared.get(Declared.COUNTRY), seen))
    return tuple(checked)


def _check_email(standing: Standing, seen: Seen) -> Checked:
    if standing.has_email:
        return Checked(met=True, title="E-mail address confirmed")
    url = f"/settings/email?next={quote(f'/{seen.repo_id}', safe='/')}"
    return Checked(
        met=False,
        title="No confirmed e-mail address",
        remedy=Remedy(text="Give an e-mail address and follow the link that is sent to it", url=url),
    )


def _check_factor(standing: Standing, seen: Seen) -> Checked:
    if standing.second_factor:
        return Checked(met=True, title="Signed in with a second factor")
    text = "Add a passkey in a browser and sign in with it, or sign in with a provider that checks a second factor"
    if seen.is_token:
        text = f"{text}; a token counts as long as that sign-in is open, or if each sign-in asks for your passkey"
    return Checked(
        met=False,
        title="Not signed in with a second factor",
        remedy=Remedy(text=text, url="/settings/passkeys"),
    )


def _check_account(issuers: Sequence[str], standing: Standing) -> Checked:
    hosts = " or ".join(issuer.partition("://")[2] or issuer for issuer in issuers)
    if standing.issuers & set(issuers):
        return Checked(met=True, title=f"Account at {hosts} linked")
    return Checked(
        met=False,
        title=f"No account at {hosts} is linked to yours",
        remedy=Remedy(text=f"Link your account at {hosts}", url="/settings/identities"),
    )


def _check_membership(asked: Prerequisites, standing: Standing) -> Checked:
    names = " or ".join(one.name for one in asked.organisations)
    wanted = {one.id for one in asked.organisations} or standing.organisations
    if wanted & standing.organisations:
        return Checked(met=True, title=f"Member of {names or 'an organisation'}")
    what = names or "an organisation with a proved domain"
    return Checked(
        met=False,
        title=f"Not a member of {what}",
        remedy=Remedy(
            text=f"Sign in with an address at the domain of {what}, or ask an officer to name you a member",
            url="/organisations",
        ),
    )


def _check_age(least: int, said: Said | None, seen: Seen) -> Checked:
    if said is None:
        return Checked(
            met=False,
            title=f"Not declared to be {least} or older",
            remedy=seen.declare("Declare the age that you have reached; no date of birth is asked for"),
        )
    if int(said.value) >= least:
        return Checked(met=True, title=f"Declared to be {said.value} or older", since=said.at)
    return Checked(
        met=False,
        title=f"This gate asks for the age of {least}",
        detail=f"You declared to be {said.value} or older.",
        remedy=seen.declare(f"Change the declaration once you are {least}"),
        since=said.at,
    )


def _check_entity(entities: Sequence[EntityType], said: Said | None, seen: Seen) -> Checked:
    words = " or ".join(ENTITY_WORDS[one] for one in entities)
    if said is None:
        return Checked(
            met=False,
            title=f"Not declared to be {words}",
            remedy=seen.declare("Declare as what you use models"),
        )
    own = ENTITY_WORDS[EntityType(said.value)]
    if said.value in set(entities):
        return Checked(met=True, title=f"Declared to be {own}", since=said.at)
    return Checked(
        met=False,
        title=f"This gate is for {words}",
        detail=f"You declared to be {own}.",
        remedy=seen.ask,
        since=said.at,
        refuses=True,
    )


def _check_country(rule: CountryRule, said: Said | None, seen: Seen) -> Checked:
    if rule.source is CountrySource.NETWORK:
        if seen.country is None:
            return Checked(
                met=False,
                title="The country that you connect from is not known",
                detail=f"This gate lets in {rule.said}, by the address that a request comes from.",
                remedy=seen.ask,
                refuses=True,
            )
        return judge_country(rule, seen.country, "By your network address you connect from", seen)
    if said is None:
        return Checked(
            met=False,
            title="No country declared",
            detail=f"This gate lets in {rule.said}.",
            remedy=seen.declare("Declare the country that you live in"),
        )
    return judge_country(rule, said.value, f"On {said.at:%-d %B %Y} you declared", seen, since=said.at)


def judge_country(
    rule: CountryRule, country: str, source: str, seen: Seen, *, since: datetime | None = None
) -> Checked:
    """Return whether the rule lets somebody in from there; `source` says by what that is known."""
    name = COUNTRIES.get(country, country)
    if rule.lets_in(country):
        return Checked(met=True, title=f"Let in from {name}", detail=f"{source} {name}.", since=since)
    return Checked(
        met=False,
        title=f"This gate is closed to people from {name}",
        detail=f"{source} {name}. The gate lets in {rule.said}.",
        remedy=seen.ask,
        since=since,
        refuses=True,
    )


def refuse(
    one: Checked, others: Sequence[Checked], *, decider: str, done: str = "No file was sent."
) -> Refusal:
    """Return the refusal of somebody who does not meet `one`; the others that are missing are named too."""
    missing = [other.title for other in others if not other.met and other is not one]
    also = f" Also missing: {'; '.join(missing)}." if missing else ""
    return Refusal(
        code="outside-the-gate" if one.refuses else "missing-prerequisite",
        status=403,
        title=one.title,
        detail=f"{done} {one.detail}".rstrip() + also,
        remedy=one.remedy,
        decider=decider if one.refuses else "You do",
        since=one.since,
    )


def judge_prerequisites(asked: Prerequisites, seen: Seen) -> Refusal | None:
    """Return why somebody may not accept anything at the gate yet; None if they may."""
    checked = check(asked, seen)
    unmet = next((one for one in checked if not one.met), None)
    return refuse(unmet, checked, decider=seen.decider, done="Nothing was accepted.") if unmet else None


def judge_answers(
    asked: Prerequisites, fields: Sequence[FormField], answers: Mapping[str, object], seen: Seen
) -> Refusal | None:
    """Return the refusal of somebody who answers a question about countries with one that is not let in."""
    if asked.country is None:
        return None
    for field in fields:
        given = answers.get(field.key)
        if field.type is FieldType.COUNTRY and isinstance(given, str) and given in COUNTRIES:
            judged = judge_country(asked.country, given, f"To “{field.label[:80]}” you answered", seen)
            if not judged.met:
                return refuse(judged, (), decider=seen.decider, done="Nothing was sent.")
    return None


def describe(asked: Prerequisites) -> tuple[str, ...]:
    """Return what is asked beforehand, each as a phrase."""
    hosts = " or ".join(issuer.partition("://")[2] or issuer for issuer in asked.issuers)
    names = " or ".join(one.name for one in asked.organisations)
    rule = asked.country
    by = "declared" if rule is None or rule.source is CountrySource.DECLARED else "by network address"
    said: Mapping[str, Any] = {
        "A confirmed e-mail address": asked.email,
        "A second factor at signing in": asked.second_factor,
        f"A linked account at {hosts}": asked.issuers,
        f"Membership in {names or 'an organisation with a proved domain'}": names or asked.organisation,
        f"Age of {asked.minimum_age} or more, declared": asked.minimum_age,
        f"Being {' or '.join(ENTITY_WORDS[one] for one in asked.entities)}, declared": asked.entities,
        f"Country: {rule.said if rule else ''} ({by})": rule,
        "An acceptance signed with a passkey or an SSH key of one's own": asked.own_signature,
    }
    return tuple(phrase for phrase, holds in said.items() if holds)
