"""Who is told when a model goes behind another gate: everybody who could download it before and cannot now, once.

Looked through page by page from the outbox: who accepted at the earlier gate, who was granted access there, who
belongs to an organisation that accepted there. What is told stays as a fact, so that a page which is delivered
twice, or somebody who stands on several, brings no second notice.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session, col, select

from registry import catalog, identity
from registry.acceptances import figures
from registry.access import crowds, request_store
from registry.access.tables import MoveNotice
from registry.catalog.domain import MODEL_MOVED, ModelView
from registry.identity.domain import Message
from registry.kernel import outbox
from registry.kernel.inserting import insert_many
from registry.kernel.sealing import Sealer

PAGE_PEOPLE = 200
"""How many acceptances, grants or memberships one transaction looks at."""
_ACCEPTED, _GRANTED, _COVERED = "accepted", "granted", "covered"
_SOURCES = (_ACCEPTED, _GRANTED, _COVERED)


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the telling of one move stands; what the outbox carries."""

    move: UUID
    source: str = _ACCEPTED
    after: UUID | None = None


def tell_who_lost(session: Session, task: Task, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Tell one page of the people, and put the rest of the task back into the outbox."""
    move = catalog.find_move(session, task.move)
    model = catalog.get_model(session, move.model_id)
    page = _list_page(session, task, move.from_gate_id, now=now)
    people = {person_id for _, person_id in page} - _list_told(session, move.id, page)
    lost = _list_lost(session, model, move.from_gate_id, people, now=now)
    reachable = identity.open_profiles(session, person_ids=lost, sealer=sealer)
    told = [person_id for person_id in lost if person_id in reachable]
    insert_many(
        session,
        MoveNotice,
        [{"move_id": move.id, "person_id": person_id, "told_at": now} for person_id in told],
    )
    identity.notify(session, told, _message(session, model), base_url=base_url, sealer=sealer, now=now)
    if len(page) == PAGE_PEOPLE:
        _queue(session, msgspec.structs.replace(task, after=page[-1][0]), now=now)
    elif task.source != _COVERED:
        following = _SOURCES[_SOURCES.index(task.source) + 1]
        _queue(session, Task(move=task.move, source=following), now=now)


def _list_page(session: Session, task: Task, gate_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    if task.source == _ACCEPTED:
        return figures.list_acceptors(session, gate_id, after=task.after, limit=PAGE_PEOPLE)
    if task.source == _GRANTED:
        return request_store.list_grantees(session, gate_id=gate_id, after=task.after, limit=PAGE_PEOPLE)
    covering = {cover.organisation_id for cover in figures.list_covers(session, gate_id, now=now)}
    return identity.list_members_of(session, sorted(covering), after=task.after, limit=PAGE_PEOPLE, now=now)


def _list_told(session: Session, move_id: UUID, page: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    rows = session.exec(
        select(MoveNotice.person_id)
        .where(MoveNotice.move_id == move_id, col(MoveNotice.person_id).in_([one for _, one in page]))
        .order_by(col(MoveNotice.person_id))
    )
    return set(rows)


def _list_lost(
    session: Session, model: ModelView, gate_id: UUID, people: set[UUID], *, now: datetime
) -> Sequence[UUID]:
    """Return who could download the model if it still were behind the earlier gate, and cannot now."""
    (before,) = catalog.list_gate_history(session, gate_id=gate_id, limit=1)
    had = crowds.list_permitted(session, model, before, people, now=now)
    return sorted(had - crowds.list_permitted(session, model, model.gate, had, now=now))


def _message(session: Session, model: ModelView) -> Message:
    others = [one for one in catalog.list_models_of_gate(session, model.gate.id) if one != model.repo_id]
    behind = f"now shares the gate of {others[0]}" if others else "now has a gate of its own"
    return Message(
        kind="model-moved",
        subject=f"To keep access to {model.repo_id}, go through its new gate",
        text=(
            f"{model.repo_id} {behind}. What you accepted, or were granted, was at its earlier gate and stays on"
            f" record, but it no longer opens this model.\nOn its page you read what the new gate asks for."
        ),
        page=f"/{model.repo_id}",
    )


def _queue(session: Session, task: Task, *, now: datetime) -> None:
    outbox.put(session, MODEL_MOVED, msgspec.json.encode(task), now=now)
