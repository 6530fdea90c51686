"""What the publisher of a derived model is told when a base decides about its license, or withdraws a decision.

The words are ours, without what the other side wrote, and mail goes into the daily digest: whoever decides again
and again about somebody else's models fills no mailbox.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import identity
from registry.catalog import equivalence_store, reading, store
from registry.catalog.domain import EQUIVALENCE_TOLD, Command, ModelView
from registry.catalog.equivalence_store import Decision
from registry.catalog.tables import Equivalence
from registry.identity.domain import Message
from registry.kernel import outbox
from registry.kernel.sealing import Sealer

RESTRICTIONS_NAMED_MOST = 5

Act = Literal["decided", "withdrawn"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What became of which decision; what the outbox carries."""

    decision: UUID
    act: Act


def queue(session: Session, decision_id: UUID, act: Act, *, now: datetime) -> None:
    """Let the worker tell it once the transaction has committed."""
    outbox.put(session, EQUIVALENCE_TOLD, msgspec.json.encode(Task(decision=decision_id, act=act)), now=now)


def tell_maintainers(session: Session, task: Task, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Tell the maintainers of the derived model's publisher, but not who did it themself."""
    row = equivalence_store.get_row(session, task.decision)
    if task.act == "decided" and row.ended_at is not None:
        return  # Of no use any more; that it was withdrawn is told next.
    base = store.get_model(session, row.base_model_id)
    (decision,) = equivalence_store.describe(session, [row.id], sealer)
    identity.notify(
        session,
        _list_concerned(session, row, base, task.act),
        _message(session, decision, task.act),
        base_url=base_url,
        sealer=sealer,
        now=now,
        by_mail=False,
    )


def _list_concerned(session: Session, row: Equivalence, base: ModelView, act: Act) -> Sequence[UUID]:
    by = row.decided_by if act == "decided" else row.ended_by
    people = reading.list_people_who_may(session, publisher_id=row.publisher_id, command=Command.CHANGE_GATE)
    if base.private:
        # Who may not see the base is not told its name.
        seeing = reading.list_people_who_may(
            session, publisher_id=base.publisher_id, command=Command.SEE_PRIVATE
        )
        people = [one for one in people if one in seeing]
    return [one for one in people if one != by]


def _message(session: Session, decision: Decision, act: Act) -> Message:
    publisher, _, name = decision.model.partition("/")
    is_there = store.find_model(session, publisher=publisher, name=name, person_id=None) is not None
    about = _name_restrictions(decision.restrictions)
    if act == "decided":
        subject = f"{decision.own_license} counts as equivalent for {decision.model}"
        text = (
            f"The maintainers of {decision.base} have decided that {decision.own_license} carries on what their license"
            f" {decision.base_license} restricts ({about}).\n"
            f"A release of {decision.model}, or a change of its gate, is not refused for it any more. This holds for"
            " these two versions, until it is withdrawn."
        )
    else:
        subject = f"{decision.own_license} no longer counts as equivalent for {decision.model}"
        text = (
            f"The maintainers of {decision.base} have withdrawn their decision that {decision.own_license} carries on"
            f" what their license {decision.base_license} restricts ({about}).\n"
            f"What was published stays. The next release of {decision.model} is refused unless its licenses have these"
            f" restrictions, or {decision.base_license} is asked for too."
        )
    return Message(
        kind=f"equivalence-{act}",
        subject=subject,
        text=text,
        page=f"/{decision.model}/equivalences" if is_there else f"/{decision.base}",
    )


def _name_restrictions(slugs: Sequence[str]) -> str:
    if len(slugs) > RESTRICTIONS_NAMED_MOST:
        return f"{len(slugs)} restrictions"
    return ", ".join(slugs) or "the license as a whole"
