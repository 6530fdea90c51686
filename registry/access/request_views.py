"""What the use cases of requests are given, and what they give back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from registry.access.transitions import Actor, RequestState, Step, Transition
from registry.catalog.domain import ModelView
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import Principal
from registry.kernel.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What every use case here works with besides the session."""

    principal: Principal
    sealer: Sealer
    base_url: str
    now: datetime
    as_registry: bool = False
    """The worker acts because time has passed; never set for a request from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the applicant has filled in and not sent; nobody else sees it."""

    answers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A request in a list."""

    id: UUID
    person_id: UUID
    repo_id: str
    state: RequestState
    state_since: datetime
    started_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    assigned_to: UUID | None
    policy: ReviewPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request with what happened to it, opened for its applicant or a reviewer."""

    id: UUID
    person_id: UUID
    model: ModelView
    state: RequestState
    state_since: datetime
    started_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    reapply_at: datetime | None
    assigned_to: UUID | None
    previous_id: UUID | None
    position: int | None
    """How many undecided requests of the publisher are before this one."""
    steps: tuple[Step, ...]
    grant_ends_at: datetime | None
    policy: ReviewPolicy
    seen_as: frozenset[Actor]
    """What part the reader has in it; what they may do now is `possible`."""
    draft: Draft | None
    possible: tuple[Transition, ...]
