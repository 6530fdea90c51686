"""What the pages of organisations show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never
from uuid import UUID

from registry.identity.domain import Profile, nameless
from registry.identity.organisation_domain import (
    MAILBOXES,
    WARN_BEFORE,
    Act,
    DomainView,
    MemberView,
    OrganisationView,
    Source,
)
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, FieldKind, FormField, Notice, Option, Shape, Tone
from registry.kernel.pages import format_when

BY_RECORD = "dns"
"""What the form sends for a proof by DNS, in the place of a mailbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form as it was sent."""

    fields: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An organisation in the list."""

    name: str
    url: str
    role: str
    state: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """`identity/organisations.html`."""

    organisations: Sequence[Line]
    name: FormField
    post_url: str = "/organisations"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBox:
    """A DNS record that is to be set, or set again."""

    title: str
    name: str
    value: str
    check_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainLine:
    """A domain of an organisation."""

    domain: str
    how: str
    claimed_at: datetime
    valid_until: datetime | None
    state: Badge
    record: RecordBox | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A member of an organisation."""

    who: str
    role: str
    how: str
    since: datetime
    end_url: str
    is_self: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OneView:
    """`identity/organisation.html`."""

    name: str
    is_officer: bool
    state: Badge
    lede: str
    notice: Notice | None
    """Why what was just asked for did not happen."""
    domains: Sequence[DomainLine]
    members: Sequence[MemberLine]
    domain: FormField
    how: FormField
    email: FormField
    officer: FormField
    claim_url: str
    member_url: str
    groups_url: str
    stopped: str | None
    """What a suspension means, where there is one."""
    suspend_url: str | None
    resume_url: str | None
    end_url: str | None
    acknowledging: str
    """Whether each member has to acknowledge what covers them."""
    acknowledge_url: str | None
    """Where officers change that."""
    asks_each: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofView:
    """`identity/prove.html`."""

    domain: str
    organisation: str
    secret: str
    done: bool
    post_url: str = "/organisations/prove"


def list_view(found: Sequence[OrganisationView], draft: Draft, *, now: datetime) -> ListView:
    """Return the organisations that somebody belongs to."""
    return ListView(
        organisations=[
            Line(
                name=one.name,
                url=f"/organisations/{one.id}",
                role="officer" if one.is_officer else "member",
                state=_state(one, now),
            )
            for one in found
        ],
        name=_field("name", "Legal name", draft, why="As it stands in contracts. It is public."),
    )


def one_view(
    found: OrganisationView,
    members: Sequence[MemberView],
    people: Mapping[UUID, Profile],
    draft: Draft,
    *,
    now: datetime,
    own: UUID | None,
    may_stop: bool = False,
    refusal: Refusal | None = None,
) -> OneView:
    """Return one organisation; members only where they were loaded, for officers."""
    here = f"/organisations/{found.id}"
    return OneView(
        name=found.name,
        is_officer=found.is_officer,
        state=_state(found, now),
        lede=_lede(found, now),
        notice=_notice(refusal),
        domains=[_domain(one, here, now, is_officer=found.is_officer) for one in found.domains],
        members=[
            MemberLine(
                who=people[one.person_id].email if one.person_id in people else nameless(one.person_id),
                role="officer" if one.is_officer else "member",
                how=", ".join(_ground(source, of) for source, of in one.grounds),
                since=one.since,
                end_url=f"{here}/members/{one.person_id}/end",
                is_self=one.person_id == own,
            )
            for one in members
        ],
        domain=_field("domain", "Domain", draft, why="The one of the address that you sign in with."),
        how=_how(draft),
        email=_field("email", "E-mail address", draft, kind=FieldKind.EMAIL),
        officer=FormField(
            name="officer",
            label="Make them an officer, who may accept for the organisation",
            kind=FieldKind.CHECKBOX,
            value="",
            required=False,
        ),
        claim_url=f"{here}/domains",
        member_url=f"{here}/members",
        groups_url=f"{here}/groups",
        stopped=_stopped(found),
        suspend_url=f"{here}/suspend" if may_stop and found.suspended_at is None else None,
        resume_url=f"{here}/resume" if may_stop and found.suspended_at is not None else None,
        end_url=f"{here}/end" if may_stop else None,
        acknowledging=_acknowledging(found, now),
        acknowledge_url=_acknowledge_url(found) if may_stop and found.is_officer else None,
        asks_each=found.acknowledge_from is not None,
    )


def _field(
    name: str, label: str, draft: Draft, *, kind: FieldKind = FieldKind.TEXT, why: str | None = None
) -> FormField:
    return FormField(
        name=name,
        label=label,
        kind=kind,
        value=draft.fields.get(name, ""),
        required=True,
        error=draft.errors.get(name),
        why=why,
    )


def _how(draft: Draft) -> FormField:
    return FormField(
        name="how",
        label="How you prove it",
        kind=FieldKind.SELECT,
        value=draft.fields.get("how", BY_RECORD),
        required=True,
        options=[
            Option(value=BY_RECORD, label="By a DNS record"),
            *(Option(value=one, label=f"By a mail to {one}") for one in MAILBOXES),
        ],
        error=draft.errors.get("mailbox"),
        why="Either shows that you run the domain: you set a TXT record, or somebody confirms the mail.",
    )


def _domain(one: DomainView, here: str, now: datetime, *, is_officer: bool) -> DomainLine:
    if one.valid_until is None:
        state = Badge(word="Waits for the proof", shape=Shape.WAITING, tone=Tone.WAIT)
    elif now >= one.valid_until:
        state = Badge(word="Proof has run out", shape=Shape.WARNING, tone=Tone.STOP)
    elif one.missing_since is not None:
        state = Badge(word="Record is gone", shape=Shape.WARNING, tone=Tone.STOP)
    elif one.valid_until - now < WARN_BEFORE:
        state = Badge(word="Prove again soon", shape=Shape.WAITING, tone=Tone.WAIT)
    else:
        state = Badge(word="Proved", shape=Shape.DONE, tone=Tone.OK)
    return DomainLine(
        domain=one.domain,
        how=f"TXT record at {one.record.name}" if one.record else f"Mail to {one.mailbox}@{one.domain}",
        claimed_at=one.claimed_at,
        valid_until=one.valid_until,
        state=state,
        record=_record(one, here, now) if is_officer else None,
    )


def _acknowledge_url(found: OrganisationView) -> str:
    act = Act.ASK_EACH if found.acknowledge_from is None else Act.ASK_NOBODY
    return f"/organisations/{found.id}/{act}"


def _acknowledging(found: OrganisationView, now: datetime) -> str:
    if found.acknowledge_from is None:
        return "What officers accept covers each member at once."
    said = "What officers accept covers members who have acknowledged it, on the page of the model."
    if now < found.acknowledge_from:
        said += f" Who was a member when this was asked has time until {format_when(found.acknowledge_from, 'date')}."
    return said


def _ground(source: Source, of: str) -> str:
    match source:
        case Source.NAMED:
            return "named"
        case Source.DOMAIN:
            return f"by address at {of}"
        case Source.GROUP:
            return f"by group {of}"
        case _:
            assert_never(source)


def _record(one: DomainView, here: str, now: datetime) -> RecordBox | None:
    """Return the record of a claim that has none, so far as is known."""
    record = one.record
    if record is None or (one.valid_until is not None and now < one.valid_until and not one.missing_since):
        return None
    again = " again" if one.missing_since else ""
    return RecordBox(
        title=f"Set this record for {one.domain}{again}",
        name=record.name,
        value=record.value,
        check_url=f"{here}/domains/{one.id}/check",
    )


def _notice(refusal: Refusal | None) -> Notice | None:
    if refusal is None or refusal.remedy is None:
        return None
    return Notice(tone=Tone.WAIT, title=refusal.title, text=f"{refusal.detail} {refusal.remedy.text}.")


def _lede(found: OrganisationView, now: datetime) -> str:
    who = "You are one of its officers" if found.is_officer else "You belong to it"
    if found.suspended_at is not None:
        return f"{who}."
    if not found.is_verified(now):
        return f"{who}. While no domain is proved, what officers accept covers nobody."
    if found.is_officer:
        return f"{who}: you accept for everybody here, on the acceptance page of a model."
    return f"{who}, and are covered by what its officers accept."


def _stopped(found: OrganisationView) -> str | None:
    if found.suspended_at is None or found.members_until is None:
        return None
    who = "An operator has suspended it" if found.suspended_by_operator else "It is suspended"
    return (
        f"{who} since {format_when(found.suspended_at, 'date')}. It accepts nothing, and its service accounts do not work. "
        f"Members are covered until {format_when(found.members_until, 'date')}; accept yourself before."
    )


def _state(one: OrganisationView, now: datetime) -> Badge:
    if one.suspended_at is not None:
        return Badge(word="Suspended", shape=Shape.CLOSED, tone=Tone.STOP)
    if one.is_verified(now):
        return Badge(word="Can accept for its members", shape=Shape.DONE, tone=Tone.OK)
    if any(domain.valid_until is not None for domain in one.domains):
        return Badge(word="Proof has run out", shape=Shape.WARNING, tone=Tone.STOP)
    return Badge(word="No proved domain yet", shape=Shape.WAITING, tone=Tone.WAIT)
