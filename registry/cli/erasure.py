"""`gatehouse person erase`, `erasures`, `refuse-erasure`: what operators do about people who are to be erased."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session

from registry import identity
from registry.cli.installation import opened, write_to_database
from registry.cli.terminal import talk
from registry.client.errors import ClientError, UsageProblem
from registry.delivery import erasing
from registry.identity import erasures
from registry.identity.erasure_domain import ErasureView
from registry.identity.restriction_domain import RestrictionView
from registry.kernel.clock import iso
from registry.kernel.outcomes import GatehouseError, Refusal
from registry.kernel.sealing import Sealer
from registry.settings import load_settings

PER_READ = 200
Done = TypeVar("Done")

Row = TypeVar("Row", ErasureView, RestrictionView)


def erase(args: Namespace) -> int:
    """Erase somebody now."""
    if not args.unattended:
        _confirm(args.who)
    done = write_about(
        args.who,
        lambda session, desk, person_id: erasing.erase(session, desk, person_id=person_id, by_operator=True),
    )
    _show(args, done, f"{done.person_id}: erased at {iso(done.decided_at or done.asked_at)}")
    return 0


def refuse(args: Namespace) -> int:
    """Refuse a request, with words for the person."""
    require_reason(args.reason)
    done = write_about(
        args.who,
        lambda session, desk, person_id: erasures.refuse_erasure(
            session, desk, person_id=person_id, reason=args.reason
        ),
    )
    _show(args, done, f"{done.person_id}: the request is refused; they are told why")
    return 0


def list_erasures(args: Namespace) -> int:
    """List who waits to be erased, the oldest request first."""
    return show_each(
        erasures.list_waiting,
        lambda row: _show(
            args,
            row,
            f"{row.person_id}  asked {iso(row.asked_at)}  erased {iso(row.due_at)}  "
            f"answer owed by {iso(row.owed_by)}",
        ),
        nobody="Nobody waits to be erased.",
    )


def show_each(list_some: Callable[..., Sequence[Row]], show: Callable[[Row], None], *, nobody: str) -> int:
    """Show all that `list_some` gives page by page; where there is nothing, `nobody` is said.

    Raises:
        ClientError: the database cannot be read.
    """
    after: UUID | None = None
    try:
        with opened() as (database, sealer):
            while rows := database.read_now(partial(list_some, sealer=sealer, after=after, limit=PER_READ)):
                for row in rows:
                    show(row)
                after = rows[-1].id
    except GatehouseError as error:
        raise ClientError(str(error)) from None
    if after is None:
        talk(nobody)
    return 0


def require_reason(reason: str) -> None:
    """Refuse a reason without words.

    Raises:
        UsageProblem: it has none.
    """
    if not reason.strip():
        raise UsageProblem("the person must be told why", advice=("Say --reason TEXT.",))


def write_about(who: str, work: Callable[[Session, erasures.Desk, UUID], Done | Refusal]) -> Done:
    """Do this about the person with this address or id, and return what came of it.

    Raises:
        ClientError: nobody is known by it, or it was refused.
    """
    base_url = load_settings().base_url

    def in_one(session: Session, sealer: Sealer, now: datetime) -> Done | Refusal | None:
        person_id = _find(session, who, sealer)
        if person_id is None:
            return None
        return work(session, erasures.Desk(sealer=sealer, base_url=base_url, now=now), person_id)

    try:
        outcome = write_to_database(in_one)
    except GatehouseError as error:
        raise ClientError(str(error)) from None
    if outcome is None:
        raise ClientError("nobody with this address or id is known here; nothing was changed")
    if isinstance(outcome, Refusal):
        advice = (f"{outcome.remedy.text}.",) if outcome.remedy else ()
        raise ClientError(f"{outcome.title}. {outcome.detail}", advice=advice)
    return outcome


def _find(session: Session, who: str, sealer: Sealer) -> UUID | None:
    try:
        return identity.find_person_id(session, UUID(who))
    except ValueError:
        return identity.find_person_by_email(session, email=who, sealer=sealer)


def _show(args: Namespace, row: ErasureView, words: str) -> None:
    if not args.json:
        print(words)
        return
    print(
        json.dumps(
            {
                "person": str(row.person_id),
                "state": row.state.value,
                "by_operator": row.by_operator,
                "asked_at": iso(row.asked_at),
                "due_at": iso(row.due_at),
                "owed_by": iso(row.owed_by),
                "decided_at": iso(row.decided_at) if row.decided_at else None,
            }
        )
    )


def _confirm(who: str) -> None:
    if not sys.stdin.isatty():
        raise UsageProblem(
            "nobody is there to confirm it", advice=("Say --unattended to erase without a question.",)
        )
    talk(f"Destroy the details of {who} now? Nobody can undo it.")
    talk("Type erase to go on:")
    if sys.stdin.readline().strip().lower() != "erase":
        raise ClientError("nobody was erased")
