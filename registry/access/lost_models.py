"""Who is told when a gate changes, or a model goes behind another gate: everybody who lost a model by it, once.

The models behind the gate come first, then those that were made from them, as their licenses flow down. Each is
looked through page by page from the outbox: who accepted at its gate, who was granted access there, who belongs to
an organisation that accepted there. Who was told stays as a fact, so that a page which is delivered twice, or somebody
who stands on several, brings no second notice.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session, col, select

from registry import catalog, identity
from registry.acceptances import figures
from registry.access import crowds, losses, request_store
from registry.access.crowds import Asked
from registry.access.losses import Turn
from registry.access.tables import LossNotice
from registry.catalog.domain import GateView, ModelView
from registry.catalog.graces import find_change
from registry.identity.domain import Message
from registry.kernel import outbox
from registry.kernel.inserting import insert_many
from registry.kernel.sealing import Sealer
from registry.licenses.domain import ChangeClass

RIGHTS_CHANGED = "gate.rights-changed"
"""Outbox topic: a gate asks for something else, or a model asks at another gate; whom that takes models from is told."""
PAGE_PEOPLE = 200
"""How many acceptances, grants or memberships one transaction looks at."""
_ACCEPTED, _COVERED, _GRANTED = "accepted", "covered", "granted"
_SOURCES = (_ACCEPTED, _COVERED, _GRANTED)
"""In order, as the gates are: what comes after a step is greater than it."""
_Step = tuple[UUID, str]


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the telling of one move, or of one revision of a gate, stands; what the outbox carries."""

    move: UUID | None = None
    gate: UUID | None = None
    number: int = 0
    model: UUID | None = None
    """The model whose people are looked through; None: before the first."""
    derived: bool = False
    """Whether it was made from one of those behind the gate."""
    at: UUID | None = None
    """The gate whose people are looked at; None: the first."""
    source: str = _ACCEPTED
    after: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """What happened."""

    entry_id: UUID
    """In the log."""
    turn: Turn
    old: GateView
    new: GateView | None
    """The gate's next revision; None where a model moved."""


def begin(session: Session, *, gate_id: UUID, number: int, now: datetime) -> None:
    """Let those be told who lose something by this revision of a gate."""
    _queue(session, Task(gate=gate_id, number=number), now=now)


def tell_who_lost(session: Session, task: Task, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Tell one page of the people, and put the rest of the task back into the outbox."""
    cause = _find_cause(session, task)
    begun = cause and (task if task.model else _next_model(session, task, cause.turn))
    if not cause or not begun or not begun.model:
        return
    task, model = begun, catalog.get_model(session, begun.model)
    steps = _list_steps(session, model, cause, task)
    step = (task.at, task.source) if task.at else next(iter(steps), None)
    if step is None:
        _queue(session, _next_model(session, task, cause.turn), now=now)
        return
    page = _list_page(session, step[0], step[1], task.after, now=now)
    people = {person_id for _, person_id in page} - _list_told(session, cause.entry_id, page)
    lost = _list_lost(session, model, cause, task, people, now=now)
    reachable = identity.open_profiles(session, person_ids=lost, sealer=sealer)
    told = [person_id for person_id in lost if person_id in reachable]
    insert_many(
        session,
        LossNotice,
        [{"entry_id": cause.entry_id, "person_id": person_id, "told_at": now} for person_id in told],
    )
    if told:
        message = _message(session, model, cause, task)
        identity.notify(session, told, message, base_url=base_url, sealer=sealer, now=now)
    _queue(session, _following(session, task, cause, steps, step, page), now=now)


def _following(
    session: Session,
    task: Task,
    cause: _Cause,
    steps: Sequence[_Step],
    step: _Step,
    page: Sequence[tuple[UUID, UUID]],
) -> Task | None:
    """Return the rest of the task: the next page, the next place to look for people, or the next model."""
    if len(page) == PAGE_PEOPLE:
        return msgspec.structs.replace(task, at=step[0], source=step[1], after=page[-1][0])
    if later := next((one for one in steps if one > step), None):
        return msgspec.structs.replace(task, at=later[0], source=later[1], after=None)
    return _next_model(session, task, cause.turn)


def _find_cause(session: Session, task: Task) -> _Cause | None:
    if task.move is not None:
        move = catalog.find_move(session, task.move)
        (old,) = catalog.list_gate_history(session, gate_id=move.from_gate_id, limit=1)
        model = catalog.get_model(session, move.model_id)
        turn = Turn(
            models=frozenset({move.model_id}), before=_asked(session, old), after=_asked(session, model.gate)
        )
        return _Cause(entry_id=move.entry_id, turn=turn, old=old, new=None)
    assert task.gate is not None  # noqa: S101 - one of both
    found = {one.number: one for one in catalog.list_gate_history(session, gate_id=task.gate, limit=1000)}
    before, new = found.get(task.number - 1), found[task.number]
    models = frozenset(catalog.list_model_ids_of_gate(session, task.gate))
    if before is None or not models or _asks_alike(before, new):
        return None
    turn = Turn(models=models, before=_asked(session, before), after=_asked(session, new))
    return _Cause(entry_id=new.entry_id, turn=turn, old=before, new=new)


def _asks_alike(one: GateView, other: GateView) -> bool:
    """Whether two revisions differ in nothing that could take a right away."""
    return (one.mode, one.license_version_ids, one.prerequisites) == (
        other.mode,
        other.license_version_ids,
        other.prerequisites,
    )


def _asked(session: Session, gate: GateView) -> Asked:
    return Asked(gate_id=gate.id, demand=crowds.load_demand(session, gate))


def _next_model(session: Session, task: Task, turn: Turn) -> Task | None:
    """Return the task at the model that comes next: those behind the gate, then those made from them."""
    following: Sequence[UUID] = ()
    if not task.derived:
        following = [one for one in sorted(turn.models) if task.model is None or one > task.model]
    derived = not following
    if derived:
        after = task.model if task.derived else None
        following = catalog.list_derived_ids(session, turn.models, after=after, limit=1)
    if not following:
        return None
    return Task(move=task.move, gate=task.gate, number=task.number, model=following[0], derived=derived)


def _list_steps(session: Session, model: ModelView, cause: _Cause, task: Task) -> list[_Step]:
    """Return where to look for people, in order: each gate, and in it those who accepted, were granted, are covered."""
    gates = crowds.list_gates_of_people(session, model, cause.turn.was) if task.derived else [cause.old.id]
    return list(itertools.product(gates, _SOURCES))


def _list_page(
    session: Session, gate_id: UUID, source: str, after: UUID | None, *, now: datetime
) -> Sequence[tuple[UUID, UUID]]:
    if source == _ACCEPTED:
        return figures.list_acceptors(session, gate_id, after=after, limit=PAGE_PEOPLE)
    if source == _GRANTED:
        return request_store.list_grantees(session, gate_id=gate_id, after=after, limit=PAGE_PEOPLE)
    covering = {cover.organisation_id for cover in figures.list_covers(session, gate_id, now=now)}
    return identity.list_members_of(session, sorted(covering), after=after, limit=PAGE_PEOPLE, now=now)


def _list_told(session: Session, entry_id: UUID, page: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    rows = session.exec(
        select(LossNotice.person_id)
        .where(LossNotice.entry_id == entry_id, col(LossNotice.person_id).in_([one for _, one in page]))
        .order_by(col(LossNotice.person_id))
    )
    return set(rows)


def _list_lost(
    session: Session,
    model: ModelView,
    cause: _Cause,
    task: Task,
    people: Collection[UUID],
    *,
    now: datetime,
) -> Sequence[UUID]:
    """Return who could download the model before, cannot by what happened, and still cannot."""
    if task.derived:
        lost = losses.list_losers(session, model, cause.turn, people, now=now)
    else:
        lost = crowds.list_permitted(session, model, cause.old, people, now=now)
        if cause.new is not None:
            lost -= crowds.list_permitted(session, model, cause.new, lost, now=now)
    lost -= crowds.list_permitted(session, model, model.gate, lost, now=now)
    return sorted(lost - _list_asked_again(session, cause, sorted(lost)))


def _list_asked_again(session: Session, cause: _Cause, people: Sequence[UUID]) -> set[UUID]:
    """Return who holds a license here that changed in substance; they are told to accept it again."""
    if cause.new is None or not people:
        return set()
    changed = {
        one.license_id: one.version.series
        for one in find_change(session, cause.new, cause.old)
        if one.change_class is ChangeClass.MATERIAL
    }
    return {
        person_id
        for person_id, license_id, series, _ in figures.list_accepted_by(session, cause.new.id, people)
        if changed.get(license_id, series) != series
    }


def _message(session: Session, model: ModelView, cause: _Cause, task: Task) -> Message:
    if task.derived:
        base = _name_base(session, model, cause)
        what = "asks for something else now" if cause.new else "stands behind another gate now"
        return Message(
            kind="model-lost",
            subject=f"You cannot download {model.repo_id} any more",
            text=(
                f"{base}, from which {model.repo_id} was made, {what}. Its licenses come with {model.repo_id}, and"
                " you have not accepted all of them there.\n"
                "On the page you read what is missing. Other models that were made from it may ask for it too."
            ),
            page=f"/{model.repo_id}",
        )
    if cause.new is not None:
        return Message(
            kind="model-lost",
            subject=f"You cannot download {model.repo_id} any more",
            text=(
                f"The gate of {model.repo_id} has changed. What you accepted, or were granted, stays on record, but"
                " it no longer suffices.\nOn the page you read what the gate asks for now."
            ),
            page=f"/{model.repo_id}",
        )
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


def _name_base(session: Session, model: ModelView, cause: _Cause) -> str:
    """Return which of the models behind the gate a derived model was made from; private ones are not named."""
    for one in catalog.list_ancestor_ids(session, model.id):
        if one in cause.turn.models and not (base := catalog.get_model(session, one)).private:
            return base.repo_id
    return "A model"


def _queue(session: Session, task: Task | None, *, now: datetime) -> None:
    if task is None:
        return
    topic = RIGHTS_CHANGED if task.move is None else catalog.MODEL_MOVED
    outbox.put(session, topic, msgspec.json.encode(task), now=now)
