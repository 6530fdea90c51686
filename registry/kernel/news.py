"""What has happened, for programs outside that asked to hear of it; the outbox carries it to the webhooks.

News names things by their ids and holds nothing about people: neither names nor addresses nor what they wrote.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

TOPIC = "news"


class Event(StrEnum):
    """Under which name it is told; a published name is never changed."""

    REQUEST_MADE = "access-request.made"
    REQUEST_CHANGED = "access-request.changed"
    """Sent again after changes that a reviewer asked for."""
    REQUEST_RETURNED = "access-request.returned"
    """A reviewer asked for changes."""
    REQUEST_APPEALED = "access-request.appealed"
    REQUEST_ACCEPTED = "access-request.accepted"
    REQUEST_REJECTED = "access-request.rejected"
    REQUEST_WITHDRAWN = "access-request.withdrawn"
    REQUEST_LAPSED = "access-request.lapsed"
    ACCESS_ENDED = "access.ended"
    """A grant was ended without blame, or given back."""
    ACCESS_REVOKED = "access.revoked"
    REVOCATION_PROPOSED = "access.revocation-proposed"
    """A reviewer wants a grant revoked, and a second person is to say so, too."""
    REVOCATION_DROPPED = "access.revocation-dropped"
    """It was proposed, and comes to nothing."""
    ACCEPTANCE_RECORDED = "acceptance.recorded"
    """At a gate that lets in whoever has accepted."""
    ACCEPTANCE_WITHDRAWN = "acceptance.withdrawn"
    BLOCKS_CHANGED = "blocks.changed"
    """Somebody was blocked at a publisher, or a block was lifted."""
    MODEL_CREATED = "model.created"
    RELEASE_PUBLISHED = "release.published"
    GATE_CHANGED = "gate.changed"
    """What a model asks for is something else than before."""
    MODEL_MOVED = "model.moved"
    """A model went behind another gate."""
    LICENSE_VERSION_PUBLISHED = "license-version.published"


class News(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that has happened."""

    event: Event
    at: datetime
    model: UUID | None = None
    gate: UUID | None = None
    """It concerns every model behind this gate."""
    publisher: UUID | None = None
    """It concerns every model of this publisher."""
    acceptances: tuple[UUID, ...] = ()
    """Each of them is told; they are at `gate`."""
    license_version: UUID | None = None
    """It concerns the models that ask for another version of this license."""
    request: UUID | None = None
    status: str = ""
    """Where the request stands now."""
    ref: str = ""
    """The branch that a release moved."""
    old_commit: str | None = None
    new_commit: str | None = None


def encode(news: News) -> bytes:
    """Return what the outbox carries under `TOPIC`."""
    return msgspec.json.encode(news)


def decode(payload: bytes) -> News:
    """Return what `encode` wrote."""
    return msgspec.json.decode(payload, type=News)
