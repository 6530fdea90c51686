"""`gatehouse migrate`: bring the database to the newest schema."""

import sys
from argparse import Namespace

from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.schema import migrate
from registry.settings import load_settings


def run(_args: Namespace) -> int:
    """Apply every migration that is missing."""
    try:
        database = Database(load_settings().resolved_database_url())
        try:
            revision = migrate(database)
        finally:
            database.close()
    except GatehouseError as error:
        print(f"gatehouse migrate: {error}", file=sys.stderr)
        return 1
    print(f"schema {revision}", file=sys.stderr)
    return 0
