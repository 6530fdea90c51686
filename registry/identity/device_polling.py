"""Answers programs that ask whether they are allowed yet: one indexed read for all that ask at once.

Nothing is written for a poll. How often each program asks is kept in this process alone: with several
processes a program that asks too fast is told so a little later, and nothing else depends on it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from registry.identity.domain import digest_of
from registry.identity.oauth_domain import (
    POLL_INTERVAL,
    POLL_STEP,
    POLL_TOLERANCE,
    DeviceState,
    OAuthAnswer,
    judge_device,
    oauth_error,
)
from registry.kernel.clock import Clock
from registry.kernel.database import Batch, Database
from registry.kernel.statements import statements_for

REMEMBERED_PROGRAMS = 20_000
GATHER_SECONDS = 0.1
SLOW_DOWN = "slow_down"

_DEVICE_SQL = """
SELECT client_id, expires_at, approved, consumed_at FROM device_authorization WHERE digest = :digest
"""


class DevicePolls:
    """Tells programs where they stand; one per process."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._sql = statements_for(database.dialect)
        self._batch: Batch[tuple[str, str], DeviceState] = Batch(database.submit_raw, self._look)
        self._pace = _Pace()
        self._gathering: asyncio.Future[None] | None = None

    async def answer(self, *, device_code: str, client_id: str) -> OAuthAnswer | None:
        """Return the answer to a program that has to wait or was refused; None if it is allowed.

        Raises:
            Unavailable: the database cannot be consulted.
        """
        digest = digest_of(device_code)
        await self._gather()
        state = await self._batch.submit((digest, client_id))
        if state is DeviceState.APPROVED:
            return None
        if state is DeviceState.PENDING and self._pace.is_too_fast(digest, self._clock.now()):
            return oauth_error(SLOW_DOWN)
        return oauth_error(state.value)

    async def _gather(self) -> None:
        """Wait for others that ask, so that they share one transaction; no program minds a tenth of a second."""
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.ensure_future(asyncio.sleep(GATHER_SECONDS))
        await asyncio.shield(self._gathering)

    def _look(self, connection: Any, asked: Sequence[tuple[str, str]]) -> Sequence[DeviceState]:
        now = self._clock.now()
        found = self._sql.fetch_many(connection, _DEVICE_SQL, [{"digest": digest} for digest, _ in asked])
        return [
            self._judge(rows[0], client_id, now) if rows else DeviceState.USED
            for rows, (_, client_id) in zip(found, asked, strict=True)
        ]

    def _judge(self, row: tuple[Any, ...], client_id: str, now: datetime) -> DeviceState:
        owner, expires_at, approved, consumed_at = row
        if owner != client_id:
            return DeviceState.USED
        return judge_device(
            expires_at=self._sql.read_moment(expires_at),
            approved=None if approved is None else bool(approved),
            consumed_at=None if consumed_at is None else self._sql.read_moment(consumed_at),
            now=now,
        )


class _Pace:
    """How often each waiting program asks; the longest silent are forgotten first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[datetime, timedelta]] = OrderedDict()

    def is_too_fast(self, digest: str, now: datetime) -> bool:
        last, interval = self._seen.pop(digest, (None, POLL_INTERVAL))
        too_fast = last is not None and now - last < interval - POLL_TOLERANCE
        self._seen[digest] = (now, interval + POLL_STEP if too_fast else interval)
        if len(self._seen) > REMEMBERED_PROGRAMS:
            self._seen.popitem(last=False)
        return too_fast
