"""Words and rules of groups at identity providers that make members of an organisation; refusals and messages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from registry.identity.domain import Message
from registry.kernel.outcomes import Refusal, Remedy

MEMBERSHIP_LIFETIME = timedelta(days=30)
"""How long a provider's word about a group counts; each sign-in there prolongs it."""
GROUPS_MOST = 50
"""Groups of one organisation that are asked for or confirmed."""
GROUP_ENDED = "organisation.group-ended"
"""Outbox topic: people who belonged by a group are told that they do no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group that makes members, or shall."""

    id: UUID
    issuer: str
    name: str
    asked_at: datetime
    confirmed_at: datetime | None


def group_page(organisation_id: UUID) -> str:
    """Return where the groups of an organisation stand."""
    return f"/organisations/{organisation_id}/groups"


def strange_letters(name: str) -> str:
    """Return the letters of a name that could be taken for others, by their code points."""
    return ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in dict.fromkeys(name) if ord(letter) > 126)


def operator_needed(page: str) -> Refusal:
    """Return the refusal of a confirmation by somebody else than an operator."""
    return Refusal(
        code="operator-needed",
        status=403,
        title="This takes an operator of this registry",
        detail="Operators know who runs which provider. Nothing was changed.",
        remedy=Remedy(text="Wait for an operator; they were told when the group was asked for", url=page),
        decider="The operators of this registry",
    )


def group_unknown(page: str) -> Refusal:
    """Return the refusal of an act on a group that the organisation does not have, or no longer."""
    return Refusal(
        code="organisation-group-unknown",
        status=404,
        title="The organisation has no such group",
        detail="It may have ended already. Nothing was changed.",
        remedy=Remedy(text="Look at its groups", url=page),
    )


def joined_by_group(organisation_id: UUID, name: str, *, provider: str, group: str) -> Message:
    """Return what a person is told whom a group has made a member."""
    return Message(
        kind="organisation-joined-by-group",
        subject=f"You belong to {name} now",
        text=(
            f"{provider} says that you are in the group {group}, which makes you a member. What the officers of "
            f"{name} accept for it covers you. It counts for {MEMBERSHIP_LIFETIME.days} days after each time that "
            f"you sign in with {provider}. You can leave at any time."
        ),
        page=f"/organisations/{organisation_id}",
    )


def left_group(name: str, *, group: str) -> Message:
    """Return what a person is told who is a member no more, since a group makes them one no longer."""
    return Message(
        kind="organisation-group-left",
        subject=f"You do not belong to {name} any more",
        text=(
            f"You belonged to it by the group {group}, which does not make you a member any longer. What its officers "
            "accepted does not cover you now. To keep downloading, accept the licenses of the models that you use "
            "yourself, or ask an officer to name you."
        ),
        page="/?mine=true",
    )


def group_asked_for(organisation_id: UUID, name: str, *, provider: str, group: str) -> Message:
    """Return what operators are told when an officer asks that a group makes members."""
    return Message(
        kind="organisation-group-asked",
        subject=f"{name} asks that a group makes members",
        text=(
            f"An officer of {name} asks that people in the group {group} at {provider} become its members. "
            f"Confirm it if you know that {name} decides at {provider} who is in that group."
        ),
        page=group_page(organisation_id),
    )
