"""The single facts that a decision rests on: what is asked for, what stands, what bars."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from registry.access.transitions import RequestState
from registry.licenses.domain import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What is known of a license already: the acceptance that today's text is compared with. No right follows from it."""

    number: str
    accepted_at: datetime
    withdrawn_at: datetime | None
    is_cover: bool = False
    """It was made for an organisation that the person belongs to."""
    changes: Changes | None = None
    """What changed since; None where it is the same text."""
    is_unsigned: bool = False
    """It stands and is of these terms; the gate asks for the acceptor's own signature, which it has not."""

    @property
    def said(self) -> str:
        """Why it does not suffice, as a sentence."""
        who, whose = ("Your organisation", "its") if self.is_cover else ("You", "your")
        if self.withdrawn_at is not None:
            return f"{who} withdrew {whose} acceptance of {self.number}."
        if self.is_unsigned:
            return f"{who} accepted {self.number} without a signature by a key of one's own; this gate asks for one."
        return f"{who} accepted {self.number}; the text has changed in substance since."

    @property
    def said_changes(self) -> str:
        """What changed since, as a sentence; empty where no clause differs."""
        counted = self.changes.figures.counted if self.changes else ""
        return f" Clauses since {self.number}: {counted}." if counted else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A license version that the gate asks for, and what this person has accepted of it."""

    license_version_id: UUID
    slug: str
    title: str
    number: str
    acceptance_id: UUID | None = None
    """The standing acceptance that satisfies it, of this version or another of its series."""
    accepted_at: datetime | None = None
    reaccept_by: datetime | None = None
    """The acceptance is of an earlier series, or was taken back; it satisfies until this moment, then no more."""
    is_cover: bool = False
    """It was made for an organisation that the person belongs to."""
    source: str | None = None
    """The ancestor whose gate asks for it, empty where that is private; None: the model's own gate."""
    source_id: UUID | None = None
    """That ancestor."""
    earlier: Earlier | None = None
    """Only gathered to explain, where the requirement is not met, or not for long."""
    to_acknowledge: UUID | None = None
    """An acceptance for an organisation of the person's that covers them, or longer, once they acknowledge it.

    Only gathered to explain."""

    @property
    def may_be_acknowledged(self) -> bool:
        """Whether it is not met, or met for a time only by what an organisation accepted."""
        return self.acceptance_id is None or (self.is_cover and self.reaccept_by is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFact:
    """A live entry of the deny list that names this person."""

    reason: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFact:
    """A grant that stands: a reviewer approved the person's request, and its end has not come."""

    id: UUID
    granted_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFact:
    """The person's newest request at the gate; no right follows from it."""

    id: UUID
    state: RequestState
    since: datetime
    reapply_at: datetime | None
    grant_ended_at: datetime | None
    """When the grant that it brought about ran out by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFact:
    """The release that is asked for is to be given up for another by a moment."""

    replacement: str
    """Commit of the release to be used instead."""
    update_by: datetime
    reason: str
    since: datetime
    is_due: bool
    """The moment has come: the release is no longer handed out."""


SIGNED = "A"
"""Grade of an acceptance that the acceptor signed with a key of their own."""
UNEXPLAINED_BLOCK = BlockFact(
    reason="see the model's page for the reason", since=datetime.fromtimestamp(0, UTC), until=None
)


def unexplained_grant(grant_id: UUID | None) -> GrantFact | None:
    """Return a grant of which only its id is known yet."""
    if grant_id is None:
        return None
    return GrantFact(id=grant_id, granted_at=datetime.fromtimestamp(0, UTC), ends_at=None)
