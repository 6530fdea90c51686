"""`gatehouse keys`: the signing keys of this installation."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session

from registry import ledger
from registry.kernel.clock import SystemClock, iso
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.sealing import Sealer
from registry.settings import load_settings

T = TypeVar("T")


def list_keys(args: Namespace) -> int:
    """Write every key there ever was, the current ones marked."""
    outcome = _with_database(lambda session, _sealer: ledger.list_published_keys(session))
    if outcome is None:
        return 1
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
    now = SystemClock().now()
    kid = _with_database(lambda session, sealer: ledger.rotate_key(session, purpose, sealer=sealer, now=now))
    if kid is None:
        return 1
    if args.json:
        print(json.dumps({"kid": kid, "purpose": purpose.value}))
    else:
        print(kid)
    return 0


def _with_database(work: Callable[[Session, Sealer], T]) -> T | None:
    """Run `work` in one transaction; None, with the reason told, if it could not be run."""
    try:
        settings = load_settings()
        database = Database(settings.resolved_database_url())
        sealer = Sealer(*settings.master_secrets())
        try:
            return database.write_now(lambda session: work(session, sealer))
        finally:
            database.close()
    except GatehouseError as error:
        print(f"gatehouse keys: {error}", file=sys.stderr)
        return None
