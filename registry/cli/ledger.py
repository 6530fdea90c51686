"""`gatehouse ledger fsck`: derive everything anew and name what does not fit (P6)."""

import json
import sys
import time
from argparse import Namespace

from registry import audit
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.sealing import Sealer
from registry.settings import load_settings

FOUND = 5
"""Exit code when something does not fit: the same as of a receipt that does not verify."""


def fsck(args: Namespace) -> int:
    """Check the whole register; write one line for each row that does not fit."""
    started = time.monotonic()
    try:
        settings = load_settings()
        database = Database(settings.resolved_database_url())
        sealer = Sealer(*settings.master_secrets())
        try:
            found = database.read_now(lambda session: audit.find_discrepancies(session, sealer=sealer))
        finally:
            database.close()
    except GatehouseError as error:
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
