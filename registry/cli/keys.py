"""`gatehouse keys`: the signing keys of this installation."""

import json
import sys
from argparse import Namespace

from registry import ledger
from registry.cli.installation import write_to_database
from registry.kernel.clock import iso
from registry.kernel.outcomes import GatehouseError


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


def _failed(error: GatehouseError) -> int:
    print(f"gatehouse keys: {error}", file=sys.stderr)
    return 1
