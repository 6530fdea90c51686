"""No download record is added to a day that is closed, so that its digest stays true (see `daily_digests`)."""

import time
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from registry.delivery.record_leaves import first_id
from registry.kernel.outcomes import Unavailable
from registry.kernel.statements import Statements

REMEMBERED_SECONDS = 60.0
"""How long a process goes on without asking which day was closed last; a day is read much later than it is closed."""
_NEWEST_SQL = "SELECT max(day) FROM download_day"


class ClosedDays:
    """What a process knows of the days that are closed."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self._open_from = UUID(int=0)
        self._asked_at = float("-inf")

    def require_open(self, connection: Any, oldest: UUID) -> None:
        """Return if a record of this id may be added.

        Raises:
            Unavailable: its day is closed: the clock of this machine is more than an hour behind.
        """
        # The process's own time: the clock is what may be wrong here.
        if time.monotonic() - self._asked_at > REMEMBERED_SECONDS:
            asked_at = time.monotonic()
            ((newest,),) = self._sql.fetch_many(connection, _NEWEST_SQL, [{}])[0]
            if newest is not None:
                self._open_from = first_id(date.fromisoformat(newest) + timedelta(days=1))
            self._asked_at = asked_at
        if oldest < self._open_from:
            raise Unavailable("clock", "this machine's clock is behind: downloads of that day are closed")
