"""Words and rules of organisations: who may do what, which domains can be claimed, refusals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from registry.identity.domain import Message
from registry.kernel.outcomes import Refusal, Remedy

NAME_MAX_CHARACTERS = 200
MEMBERS_PER_PAGE = 100
PROOF_LIFETIME = timedelta(days=365)
"""How long a proved domain stays proved; it is proved again before."""
MEMBERS_GRACE = timedelta(days=14)
"""How long members are covered on after an acceptance was taken back, or the organisation was stopped."""
LINK_LIFETIME = timedelta(days=3)
DOMAIN_PROVED = "organisation.domain-proved"
"""Outbox topic: people whose addresses are at the domain become members; the payload names the claim."""
MAILBOXES = ("postmaster", "hostmaster", "admin", "administrator", "webmaster")
"""Addresses that belong to who runs a domain (RFC 2142; CA/Browser Forum baseline requirements §3.2.2.4.4)."""

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z")


class Act(StrEnum):
    """What may be done to an organisation as a whole."""

    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


class Source(StrEnum):
    """By what somebody belongs to an organisation."""

    NAMED = "named"
    DOMAIN = "domain"
    GROUP = "group"


class EndedBy(StrEnum):
    """Who ended a membership."""

    SELF = "self"
    OFFICER = "officer"
    SOURCE = "source"
    """What it rested on: the provider, or the end of the group's rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainView:
    """A domain that an organisation claims."""

    id: UUID
    domain: str
    mailbox: str
    claimed_at: datetime
    proved_at: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member of an organisation."""

    id: UUID
    person_id: UUID
    is_officer: bool
    grounds: tuple[tuple[Source, str], ...]
    """By what, and the domain or group, oldest first."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationView:
    """An organisation, as its members see it."""

    id: UUID
    name: str
    created_at: datetime
    domains: tuple[DomainView, ...]
    is_officer: bool
    """Whether who asked is one of its officers."""
    suspended_at: datetime | None = None
    suspended_by_operator: bool = False
    members_until: datetime | None = None
    """Until when members are covered on, where it is suspended."""

    def is_verified(self, now: datetime) -> bool:
        """Whether it can accept for others: it has shown that it controls a domain, and is not suspended."""
        return self.suspended_at is None and any(
            domain.valid_until is not None and now < domain.valid_until for domain in self.domains
        )


def judge_name(name: str) -> dict[str, str]:
    """Return what is wrong with the name of an organisation to be."""
    text = name.strip()
    if not 2 <= len(text) <= NAME_MAX_CHARACTERS or not text.isprintable():
        return {"name": f"Write its legal name, in 2 to {NAME_MAX_CHARACTERS} characters"}
    return {}


def judge_claim(domain: str, mailbox: str, own_domain: str) -> dict[str, str]:
    """Return what is wrong with a claim of a domain; who claims it has an address there themself."""
    errors = {}
    if not _DOMAIN.match(domain):
        errors["domain"] = "Write a domain, such as example.org"
    elif domain != own_domain:
        errors["domain"] = "Claim the domain of the address that you signed in with"
    if mailbox not in MAILBOXES:
        errors["mailbox"] = "Choose one of the offered mailboxes"
    return errors


def domain_of(email: str) -> str:
    """Return the domain of a normalised address."""
    return email.rpartition("@")[2]


def joined_message(organisation_id: UUID, name: str, domain: str) -> Message:
    """Return what a person is told who became a member because the domain of their address was proved."""
    return Message(
        kind="organisation-joined",
        subject=f"You belong to {name} now",
        text=(
            f"{name} has shown that it controls {domain}, and your address is there. What its officers accept "
            "for it covers you. You can leave it at any time."
        ),
        page=f"/organisations/{organisation_id}",
    )


def no_such_organisation() -> Refusal:
    """Return the refusal of an organisation that does not exist, or that the caller does not belong to."""
    return Refusal(
        code="organisation-unknown",
        status=404,
        title="There is no such organisation, or you do not belong to it",
        detail="Organisations are shown to their members.",
        remedy=Remedy(text="Look at your organisations", url="/organisations"),
    )


def officer_needed(page: str) -> Refusal:
    """Return the refusal of an act that only an officer may do."""
    return Refusal(
        code="officer-needed",
        status=403,
        title="This takes an officer of the organisation",
        detail="Nothing was changed.",
        remedy=Remedy(text="Ask one of its officers", url=page),
        decider="The officers of the organisation",
    )


def malformed_organisation(errors: Mapping[str, str]) -> Refusal:
    """Return the refusal of a form about an organisation with fields to mend."""
    return Refusal(
        code="organisation-malformed",
        status=422,
        title="Nothing was changed",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again"),
        decider="You do",
        errors=dict(errors),
    )


def organisation_suspended(name: str, page: str, *, since: datetime) -> Refusal:
    """Return the refusal of an act for a suspended organisation."""
    return Refusal(
        code="organisation-suspended",
        status=409,
        title=f"{name} is suspended here",
        detail="Nothing was changed.",
        remedy=Remedy(text="Ask its officers, or the operators of this registry, to let it go on", url=page),
        decider="Its officers, or the operators of this registry",
        since=since,
    )


def operator_suspended(name: str, page: str) -> Refusal:
    """Return the refusal of an officer who would lift what an operator decided."""
    return Refusal(
        code="suspended-by-operator",
        status=403,
        title=f"An operator has suspended {name}",
        detail="Only an operator lets it go on. Nothing was changed.",
        remedy=Remedy(text="Write to the operators of this registry", url=page),
        decider="The operators of this registry",
    )


def proof_unknown() -> Refusal:
    """Return the refusal of a link that proves nothing any more."""
    return Refusal(
        code="domain-proof-unknown",
        status=410,
        title="This link proves nothing any more",
        detail="Links that prove a domain work once, within three days. Nothing was changed.",
        remedy=Remedy(text="Ask the officer who claims the domain for a new one", url="/organisations"),
        decider="The officer who claims the domain",
    )


def last_officer(page: str) -> Refusal:
    """Return the refusal of an end that would leave the organisation without an officer."""
    return Refusal(
        code="last-officer",
        status=409,
        title="The organisation would have no officer left",
        detail="Nothing was changed.",
        remedy=Remedy(text="Make somebody else an officer first", url=page),
        decider="The officers of the organisation",
    )
