"""The repository of the Hub that follows a model's gate: which one it is, and news for whoever keeps it in step."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, exists, update
from sqlmodel import Session, col

from registry.catalog.tables import Model
from registry.kernel import outbox

PEOPLE_CHANGED = "gate.people-changed"
"""Outbox topic: somebody may download now, or no more, where a repository of the Hub follows."""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it happened; what the outbox carries. It names nobody."""

    gate: UUID | None = None
    publisher: UUID | None = None


def note_hub_repository(session: Session, model_id: UUID, repository: str) -> None:
    """Note which repository of the Hub follows the model's gate from now on; empty: none does."""
    values: dict[str, object] = {"hub_repository": repository}
    if not repository:
        values["hub_weights"] = False
    session.exec(update(Model).where(col(Model.id) == model_id).values(**values))


def note_hub_weights(session: Session, model_id: UUID, *, there: bool) -> None:
    """Note whether the repository that follows holds weights."""
    changed = update(Model).where(col(Model.id) == model_id, col(Model.hub_weights) != there)
    session.exec(changed.values(hub_weights=there))


def tell_followers_of_gate(session: Session, gate_id: UUID, *, now: datetime) -> None:
    """Let it be known at the Hub that the people of a gate are others now; nothing where no repository follows."""
    _tell(session, Task(gate=gate_id), col(Model.gate_id) == gate_id, now=now)


def tell_followers_of_publisher(session: Session, publisher_id: UUID, *, now: datetime) -> None:
    """Let it be known that the people of all gates of a publisher may be others now."""
    _tell(session, Task(publisher=publisher_id), col(Model.publisher_id) == publisher_id, now=now)


def _tell(session: Session, task: Task, where: ColumnElement[bool], *, now: datetime) -> None:
    followed = exists().where(where, col(Model.hub_repository) != "")
    outbox.put_if(session, PEOPLE_CHANGED, msgspec.json.encode(task), followed, now=now)
