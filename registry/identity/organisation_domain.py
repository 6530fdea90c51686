"""Words and rules of organisations: who may do what, which domains can be claimed, refusals."""

import re
from collections.abc import Mapping, Sequence
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
ACKNOWLEDGE_WITHIN = timedelta(days=14)
"""How long who is a member already is covered on without having acknowledged, once that is asked of each."""
LINK_LIFETIME = timedelta(days=3)
DOMAIN_PROVED = "organisation.domain-proved"
"""Outbox topic: people whose addresses are at the domain become members; the payload names the claim."""
MAILBOXES = ("postmaster", "hostmaster", "admin", "administrator", "webmaster")
"""Addresses that belong to who runs a domain (RFC 2142; CA/Browser Forum baseline requirements §3.2.2.4.4)."""

RECORD_LABEL = "_gatehouse-challenge"
"""Where in a domain its record stands; an underscored name clashes with no host (RFC 8552)."""
RECORD_PREFIX = "gatehouse-domain-verification="
MISSING_GRACE = timedelta(days=30)
"""How long a proof lasts whose record is gone; when the record is back before, so is the proof."""
WARN_BEFORE = timedelta(days=30)
"""How long before its end officers are told that a proof runs out."""
CHECK_EVERY = timedelta(days=1)
CHECK_AGAIN = timedelta(hours=6)
"""After how long the worker asks again where nobody could say."""
PROLONG_BY = timedelta(days=7)
"""A proof whose record is still there is prolonged by this at least: each time its memberships are written."""
DOMAIN_MAX_CHARACTERS = 253 - len(RECORD_LABEL) - 1
"""What leaves room for the name of its record (RFC 1035 §2.3.4)."""

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z")


class Act(StrEnum):
    """What may be done to an organisation as a whole."""

    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"
    ASK_EACH = "ask-each"
    """Each member is to acknowledge what is accepted for them."""
    ASK_NOBODY = "ask-nobody"


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


class Finding(StrEnum):
    """What the DNS said about a record."""

    FOUND = "found"
    ABSENT = "absent"
    """It has no such record, for sure, or one with another value."""
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The TXT record that proves a domain."""

    domain: str
    challenge: str

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{RECORD_LABEL}.{self.domain}"

    @property
    def value(self) -> str:
        """What it says."""
        return f"{RECORD_PREFIX}{self.challenge}"

    def judge(self, texts: Sequence[bytes] | None) -> Finding:
        """Return whether it is among the records of its name; None: nobody could say.

        Other records may stand beside it, and space around it does no harm.
        """
        if texts is None:
            return Finding.UNANSWERED
        wanted = self.value.encode()
        return Finding.FOUND if any(text.strip() == wanted for text in texts) else Finding.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainView:
    """A domain that an organisation claims."""

    id: UUID
    domain: str
    mailbox: str | None
    """Who reads the mailed proof; None: a DNS record is the proof."""
    record: Record | None
    claimed_at: datetime
    proved_at: datetime | None
    valid_until: datetime | None
    missing_since: datetime | None
    """Since when its record is known to be gone."""


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
    acknowledge_from: datetime | None = None
    """Each member has to acknowledge what is accepted for them: from then on also who was one when that was asked."""

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


def judge_claim(domain: str, mailbox: str | None, own_domain: str) -> dict[str, str]:
    """Return what is wrong with a claim of a domain; who claims it has an address there themself."""
    errors = {}
    if not _DOMAIN.match(domain):
        errors["domain"] = "Write a domain, such as example.org"
    elif domain != own_domain:
        errors["domain"] = "Claim the domain of the address that you signed in with"
    elif mailbox is None and len(domain) > DOMAIN_MAX_CHARACTERS:
        errors["domain"] = "The name is too long for a record below it; prove it by mail"
    if mailbox is not None and mailbox not in MAILBOXES:
        errors["mailbox"] = "Choose one of the offered ways"
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


RECORD_NOT_SEEN = frozenset({"domain-record-absent", "domain-record-unanswered"})
"""Refusals that the page of the organisation itself shows."""


def claim_unknown(page: str) -> Refusal:
    """Return the refusal of a record that is not looked for."""
    return Refusal(
        code="domain-claim-unknown",
        status=404,
        title="No record of this domain is looked for",
        detail="The claim has ended, or the domain was proved in another way. Nothing was changed.",
        remedy=Remedy(text="Claim the domain again", url=page),
        decider="The officers of the organisation",
    )


def record_absent(record: Record, page: str) -> Refusal:
    """Return the refusal of a proof whose record is not there."""
    return Refusal(
        code="domain-record-absent",
        status=409,
        title=f"The DNS has no such record at {record.name} yet",
        detail="It has none, or none with this value. A new record may take an hour until it is seen everywhere.",
        remedy=Remedy(
            text="Compare the name and the value with what you set, wait a little, check again", url=page
        ),
        decider="Whoever runs the domain",
    )


def record_unanswered(record: Record, page: str) -> Refusal:
    """Return the refusal of a proof that nobody could look up."""
    return Refusal(
        code="domain-record-unanswered",
        status=503,
        title=f"The DNS did not answer about {record.domain}",
        detail="Whether the record is there could not be found out. Nothing was changed.",
        remedy=Remedy(text="Check again in some minutes", url=page),
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
