"""`gatehouse keys`: the signing keys of this installation."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlmodel import Session

from registry import hub_sync, ledger, webhooks
from registry.acceptances.forgetting import reindex_imports
from registry.cli.installation import opened, write_to_database
from registry.identity import resealing
from registry.kernel import mail
from registry.kernel.clock import iso, parse_iso
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.sealing import Sealer

ROWS_PER_STEP = 500


class Step(Protocol):
    """Changes some rows after the last one; says where it ended, None at the end, and how many it changed."""

    def __call__(  # noqa: D102 - the class says it
        self, session: Session, *, after: UUID | None, sealer: Sealer, limit: int
    ) -> tuple[UUID | None, int]: ...


def list_keys(args: Namespace) -> int:
    """Write every key there ever was, the current ones marked."""
    try:
        outcome = write_to_database(lambda session, _sealer, _now: ledger.list_published_keys(session))
    except GatehouseError as error:
        return _failed(error)
    if args.json:
        print(json.dumps({"keys": [key.jwk() for key in outcome]}))
        return 0
    for key in outcome:
        until = iso(key.valid_until) if key.valid_until else "now"
        print(f"{key.kid}  {key.purpose.value:<10}  {iso(key.valid_from)} to {until}")
    return 0


def rotate(args: Namespace) -> int:
    """Make a new current key; the old one stays published, so that old receipts verify for ever."""
    purpose = ledger.KeyPurpose(args.purpose)
    try:
        kid = write_to_database(
            lambda session, sealer, now: ledger.rotate_key(session, purpose, sealer=sealer, now=now)
        )
    except GatehouseError as error:
        return _failed(error)
    if args.json:
        print(json.dumps({"kid": kid, "purpose": purpose.value}))
    else:
        print(kid)
    return 0


def compromised(args: Namespace) -> int:
    """End a key that is in wrong hands, at once, and say since when; another one follows it."""
    try:
        since = parse_iso(args.since)
    except ValueError:
        print(f"gatehouse keys: not a time: {args.since!r}; write 2026-11-26T14:00:00Z", file=sys.stderr)
        return 2

    def end(session: Session, sealer: Sealer, now: datetime) -> tuple[bool, str | None]:
        known = any(key.kid == args.kid for key in ledger.list_published_keys(session))
        if not known or since > now:
            return known and since <= now, None
        following = ledger.end_compromised_key(
            session, args.kid, sealer=sealer, now=now, compromised_at=since
        )
        return True, following

    try:
        done, following = write_to_database(end)
    except GatehouseError as error:
        return _failed(error)
    if not done:
        print(
            "gatehouse keys: no such key, or a time to come; `gatehouse keys list` shows all keys",
            file=sys.stderr,
        )
        return 2
    if args.json:
        print(json.dumps({"kid": args.kid, "compromised_at": iso(since), "following": following}))
    else:
        print(f"{args.kid} ended; what it signs from {iso(since)} on does not verify")
        print(f"{following} follows it" if following else "it was not in use any more")
    print("Restart every process of the service now: those that run hold the old key.", file=sys.stderr)
    return 0


def reseal(args: Namespace) -> int:
    """Bring everything under the first master key, so that the others can be taken away."""
    try:
        with opened() as (database, sealer):
            counts = {
                "people's keys": _repeat(
                    lambda: database.write_now(
                        lambda session: sealer.rewrap_subject_keys(session, limit=ROWS_PER_STEP)
                    )
                ),
                "signing keys": database.write_now(
                    lambda session: ledger.reseal_keys(session, sealer=sealer)
                ),
                "addresses": _walk(database, sealer, resealing.reindex_addresses),
                "linked accounts": _walk(database, sealer, resealing.reindex_accounts),
                "imported acceptors": _walk(database, sealer, reindex_imports),
                "logins of programs": _repeat(
                    lambda: database.write_now(
                        lambda session: resealing.reseal_networks(session, sealer=sealer, limit=ROWS_PER_STEP)
                    )
                ),
                "tokens of the Hub": _repeat(
                    lambda: database.write_now(
                        lambda session: hub_sync.reseal_tokens(session, sealer=sealer, limit=ROWS_PER_STEP)
                    )
                ),
                "webhooks": _repeat(
                    lambda: database.write_now(
                        lambda session: webhooks.reseal_targets(session, sealer=sealer, limit=ROWS_PER_STEP)
                    )
                ),
                "waiting letters": _repeat(
                    lambda: database.write_now(
                        lambda session: mail.reseal_waiting(session, sealer=sealer, limit=ROWS_PER_STEP)
                    )
                ),
            }
    except GatehouseError as error:
        return _failed(error)
    if args.json:
        print(json.dumps(counts))
    else:
        for what, count in counts.items():
            print(f"{count:>8,}  {what}")
    print(
        "Links and codes that were sent before lapse within three days. Take the old master key away after that.",
        file=sys.stderr,
    )
    return 0


def _repeat(step: Callable[[], int]) -> int:
    """Run a step until it finds nothing; return how much it did in all."""
    total = 0
    while done := step():
        total += done
    return total


def _walk(database: Database, sealer: Sealer, step: Step) -> int:
    """Run a step over all rows; return how many it changed."""
    total = 0
    after: UUID | None = None
    while True:
        after, changed = database.write_now(partial(step, after=after, sealer=sealer, limit=ROWS_PER_STEP))
        total += changed
        if after is None:
            return total


def _failed(error: GatehouseError) -> int:
    print(f"gatehouse keys: {error}", file=sys.stderr)
    return 1
