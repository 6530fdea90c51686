"""`gatehouse hold`: what must not be destroyed for now."""

import json
from argparse import Namespace
from datetime import UTC, datetime
from uuid import UUID

from registry.cli.installation import write_to_database
from registry.cli.terminal import talk, write_columns, write_line
from registry.client.errors import ClientError
from registry.delivery import holds
from registry.delivery.hold_domain import HoldView
from registry.kernel.clock import iso, parse_iso
from registry.kernel.outcomes import GatehouseError, Refusal


def place(args: Namespace) -> int:
    """Put a person, a publisher or a model on hold."""
    order = holds.Order(
        person=args.person or "",
        publisher=args.publisher or "",
        model=args.model or "",
        reason=args.reason,
        ordered_by=args.ordered_by,
        until=_moment(args.until) if args.until else None,
    )
    try:
        outcome = write_to_database(
            lambda session, sealer, now: holds.place_hold(session, order, sealer=sealer, now=now)
        )
    except GatehouseError as error:
        raise ClientError(str(error)) from None
    if isinstance(outcome, Refusal):
        raise ClientError(f"{outcome.title}. {outcome.detail}")
    _show(args, outcome)
    talk("Nothing that it concerns is deleted or erased before it is lifted or has run out.")
    return 0


def lift(args: Namespace) -> int:
    """End a hold."""
    try:
        hold_id = UUID(args.id)
        outcome = write_to_database(lambda session, _sealer, now: holds.lift_hold(session, hold_id, now=now))
    except (ValueError, GatehouseError) as error:
        raise ClientError(str(error)) from None
    if outcome is None:
        raise ClientError("no hold with this id stands; `gatehouse hold list` shows those that do")
    _show(args, outcome)
    talk("What is due by now is deleted within the hour. Requests to be erased can be carried out.")
    return 0


def list_holds(args: Namespace) -> int:
    """Write the holds that stand."""
    try:
        found = write_to_database(lambda session, _sealer, now: holds.list_holds(session, now=now))
    except GatehouseError as error:
        raise ClientError(str(error)) from None
    if args.json:
        print(json.dumps({"holds": [_plain(one) for one in found]}))
        return 0
    rows = [
        (str(one.id), one.subject, iso(one.placed_at), iso(one.until) if one.until else "-", one.reason)
        for one in found
    ]
    write_columns(("HOLD", "ON", "SINCE", "UNTIL", "REASON"), rows)
    return 0


def _show(args: Namespace, hold: HoldView) -> None:
    if args.json:
        print(json.dumps(_plain(hold)))
    else:
        write_line(f"{hold.id}  {hold.subject}")


def _plain(hold: HoldView) -> dict[str, str | None]:
    return {
        "id": str(hold.id),
        "subject": hold.subject,
        "reason": hold.reason,
        "ordered_by": hold.ordered_by,
        "placed_at": iso(hold.placed_at),
        "until": iso(hold.until) if hold.until else None,
        "lifted_at": iso(hold.lifted_at) if hold.lifted_at else None,
    }


def _moment(text: str) -> datetime:
    """Return the end that somebody typed: a day, which is kept whole, or a time."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.strptime(text, "%Y-%m-%d").replace(hour=23, minute=59, second=59, tzinfo=UTC)
        return parse_iso(text)
    except ValueError:
        raise ClientError(
            f"--until is {text}; expected a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z"
        ) from None
