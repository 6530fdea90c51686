"""`gatehouse person restrict`, `lift-restriction`, `restrictions`, `refuse-restriction`: whose data is stored only."""

import json
from argparse import Namespace

from registry.cli.erasure import require_reason, show_each, write_about
from registry.identity import restrictions
from registry.identity.restriction_domain import RestrictionState, RestrictionView
from registry.kernel.clock import iso


def restrict(args: Namespace) -> int:
    """Store a person's data only."""
    done = write_about(
        args.who,
        lambda session, desk, person_id: restrictions.place_restriction(session, desk, person_id=person_id),
    )
    since = iso(done.placed_at or done.asked_at)
    _show(args, done, f"{done.person_id}: stored only since {since}; they are told")
    return 0


def lift(args: Namespace) -> int:
    """Announce the end of a restriction, with words for the person."""
    require_reason(args.reason)
    done = write_about(
        args.who,
        lambda session, desk, person_id: restrictions.announce_lifting(
            session, desk, person_id=person_id, reason=args.reason
        ),
    )
    when = iso(done.lifted_from or done.asked_at)
    _show(args, done, f"{done.person_id}: lifted at {when}; they are told now, and why")
    return 0


def refuse(args: Namespace) -> int:
    """Refuse a request, with words for the person."""
    require_reason(args.reason)
    done = write_about(
        args.who,
        lambda session, desk, person_id: restrictions.refuse_restriction(
            session, desk, person_id=person_id, reason=args.reason
        ),
    )
    _show(args, done, f"{done.person_id}: the request is refused; they are told why")
    return 0


def list_restrictions(args: Namespace) -> int:
    """List what waits and what stands, the oldest first."""
    return show_each(
        restrictions.list_open,
        lambda row: _show(args, row, _line(row)),
        nobody="Nobody has asked for a restriction, and none stands.",
    )


def _line(row: RestrictionView) -> str:
    ground = row.ground.value if row.ground else "placed by operators"
    state = row.state.value
    if row.state is RestrictionState.WAITING:
        state = f"waiting, answer owed by {iso(row.owed_by)}"
    elif row.lifted_from is not None:
        state = f"lifted at {iso(row.lifted_from)}"
    said = f"  {json.dumps(row.words, ensure_ascii=False)}" if row.words else ""
    return f"{row.person_id}  asked {iso(row.asked_at)}  {ground}  {state}{said}"


def _show(args: Namespace, row: RestrictionView, words: str) -> None:
    if not args.json:
        print(words)
        return
    print(
        json.dumps(
            {
                "person": str(row.person_id),
                "state": row.state.value,
                "ground": row.ground.value if row.ground else None,
                "words": row.words,
                "asked_at": iso(row.asked_at),
                "owed_by": iso(row.owed_by),
                "placed_at": iso(row.placed_at) if row.placed_at else None,
                "lifted_from": iso(row.lifted_from) if row.lifted_from else None,
                "ended_at": iso(row.ended_at) if row.ended_at else None,
            }
        )
    )
