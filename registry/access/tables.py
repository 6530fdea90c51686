"""Tables of access: the deny list, requests with their steps, grants and their ends."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, UniqueConstraint, text
from sqlmodel import Field

from registry.access.transitions import RequestEvent, RequestState
from registry.kernel.database import Table, UTCDateTime, enum_column


class Block(Table, table=True):
    """A person is barred from a publisher's gates, or from all."""

    __table_args__ = (Index("ix_block_person", "person_id", "publisher_id"),)

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    publisher_id: UUID | None = Field(default=None, foreign_key="publisher.id")
    """None: barred from every gate of the registry, by an operator."""
    reason: str = Field(max_length=300)
    """Shown to the person."""
    blocked_by: UUID = Field(foreign_key="person.id")
    blocked_at: datetime = Field(sa_type=UTCDateTime)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class BlockLift(Table, table=True):
    """A block ended before its time."""

    block_id: UUID = Field(primary_key=True, foreign_key="block.id")
    lifted_by: UUID = Field(foreign_key="person.id")
    lifted_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class AccessRequest(Table, table=True):
    """A person's application for a gate. What happened to it are its events; the mutable columns repeat the last."""

    __table_args__ = (
        Index(
            "uq_access_request_open",
            "person_id",
            "gate_id",
            unique=True,
            sqlite_where=text("is_open"),
            postgresql_where=text("is_open"),
        ),
        Index("ix_access_request_person", "person_id", "id"),
        Index("ix_access_request_queue", "publisher_id", "state", "id"),
        Index(
            "ix_access_request_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_access_request_words",
            "state_since",
            sqlite_where=text("words_forgotten_at IS NULL"),
            postgresql_where=text("words_forgotten_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    gate_id: UUID = Field(foreign_key="gate.id", index=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    model_id: UUID = Field(foreign_key="model.id")
    """Where the person asked; the grant opens every model of the gate."""
    previous_id: UUID | None = Field(default=None, foreign_key="access_request.id")
    """The request that this one follows: after a rejection, or to renew a grant."""
    started_at: datetime = Field(sa_type=UTCDateTime)
    state: RequestState = Field(sa_column=Column(enum_column(RequestState), nullable=False))
    state_since: datetime = Field(sa_type=UTCDateTime)
    is_open: bool
    sent_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the applicant sent it last."""
    due_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When it lapses."""
    warned_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the applicant was told that it will lapse."""
    reapply_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """After a rejection: from when one may ask again."""
    assigned_to: UUID | None = Field(default=None, foreign_key="person.id")
    sealed_draft: bytes | None = None
    """What is filled in and not sent, sealed by the applicant's key; the one part of a request that is no fact."""
    words_forgotten_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When answers and notes of its steps were destroyed: long after it ended."""


class RequestStep(Table, table=True):
    """One thing that somebody did with a request; inserted once, never changed."""

    __table_args__ = (UniqueConstraint("request_id", "number"),)

    id: UUID = Field(primary_key=True)
    request_id: UUID = Field(foreign_key="access_request.id")
    number: int
    event: RequestEvent = Field(sa_column=Column(enum_column(RequestEvent), nullable=False))
    state: RequestState = Field(sa_column=Column(enum_column(RequestState), nullable=False))
    """The state that it led to."""
    actor_id: UUID | None = Field(default=None, foreign_key="person.id")
    """None: the registry itself."""
    at: datetime = Field(sa_type=UTCDateTime)
    reason: str | None = Field(default=None, max_length=32)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    gate_revision_id: UUID = Field(foreign_key="gate_revision.id")
    """The gate as it was then: form and terms."""
    sealed: bytes | None = None
    """Note and answers, sealed by the applicant's key."""


class AccessGrant(Table, table=True):
    """An approved request gave a person the gate's models, until an end."""

    __table_args__ = (Index("ix_access_grant_standing", "person_id", "gate_id"),)

    id: UUID = Field(primary_key=True)
    request_id: UUID = Field(foreign_key="access_request.id", unique=True)
    person_id: UUID = Field(foreign_key="person.id")
    gate_id: UUID = Field(foreign_key="gate.id", index=True)
    granted_at: datetime = Field(sa_type=UTCDateTime)
    ends_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class AccessGrantEnd(Table, table=True):
    """A grant ended before its time: closed without blame, or revoked."""

    grant_id: UUID = Field(primary_key=True, foreign_key="access_grant.id")
    revoked: bool
    ended_by: UUID = Field(foreign_key="person.id")
    ended_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class HubDisclosure(Table, table=True):
    """A person lets the registry name their account of the Hub to the repository there that follows a model."""

    __table_args__ = (
        Index(
            "uq_hub_disclosure_standing",
            "person_id",
            "model_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_hub_disclosure_open",
            "model_id",
            "repository",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    model_id: UUID = Field(foreign_key="model.id")
    repository: str = Field(max_length=96)
    """Named on the page where the person agreed; it holds for no other."""
    account_id: UUID
    """Row of the account that they proved; gone when the account is removed, and then nobody is named."""
    agreed_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the person took it back."""
    done_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When they were seen to be on the list of the repository no more."""


class LossNotice(Table, table=True):
    """A person was told that they lost models by a change of a gate, or by a model's move behind another one."""

    entry_id: UUID = Field(primary_key=True, foreign_key="ledger_entry.id")
    """Of the change, or of the move."""
    person_id: UUID = Field(primary_key=True, foreign_key="person.id")
    told_at: datetime = Field(sa_type=UTCDateTime)


class AnswerTemplate(Table, table=True):
    """A text that reviewers of a publisher put into their notes again and again."""

    __table_args__ = (UniqueConstraint("publisher_id", "title"),)

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    title: str = Field(max_length=80)
    text: str = Field(max_length=2_000)
    created_by: UUID = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
