"""`gatehouse ledger fsck`: derive everything anew and name what does not fit (P6)."""

import json
import sys
import time
from argparse import Namespace

from registry import audit
from registry.cli import installation
from registry.cli.terminal import read_file
from registry.client.errors import ClientError
from registry.delivery import fsck as downloads
from registry.kernel.outcomes import GatehouseError

NOTE_MAX_BYTES = 1_000_000
DOWNLOADS = audit.Further(
    kinds=downloads.KINDS,
    find_discrepancies=downloads.find_discrepancies,
    check_leaf=downloads.check_leaf,
)
FOUND = 5
"""Exit code when something does not fit: the same as of a receipt that does not verify."""


def fsck(args: Namespace) -> int:
    """Check the whole register, and a kept checkpoint if one is given; write one line for what does not fit."""
    started = time.monotonic()
    try:
        kept = read_file(args.checkpoint, limit=NOTE_MAX_BYTES) if args.checkpoint else None
        with installation.opened() as (database, sealer):
            found = database.read_now(
                lambda session: audit.find_discrepancies(
                    session,
                    sealer=sealer,
                    kept_checkpoint=kept,
                    processes=args.processes,
                    further=DOWNLOADS,
                )
            )
    except (GatehouseError, ClientError) as error:
        print(f"gatehouse ledger fsck: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    if args.json:
        rows = [{"table": item.table, "row": item.row_id, "problem": item.problem} for item in found]
        print(json.dumps({"whole": not found, "discrepancies": rows, "seconds": round(seconds, 3)}))
    else:
        for item in found:
            print(f"{item.table} {item.row_id}: {item.problem}")
    verdict = "everything fits" if not found else f"{len(found)} rows do not fit; the first is the cause"
    print(f"fsck: {verdict} ({seconds:.1f} s)", file=sys.stderr)
    return FOUND if found else 0
