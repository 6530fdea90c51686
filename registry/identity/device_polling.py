"""Answers programs that ask whether they are allowed yet: one indexed read for all that ask at once.

Nothing is written for a poll. How often each program asks is kept in this process alone: with several
processes a program that asks too fast is told so a little later, and nothing else depends on it.

Where very many wait, each is asked to come less often (`slow_down`, RFC 8628 §3.5), so that all of them together
take little from who downloads.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

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
POLLS_PER_SECOND = 60
"""How often all waiting programs together may ask one process; a poll takes a millisecond of its processor time."""
POLL_INTERVAL_MAX = timedelta(seconds=30)
"""Whoever starts thousands of logins makes the others wait no longer than this."""
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
        self._pace = Pace()
        self._gathering: asyncio.Future[None] | None = None

    def expect(self, device_code: str) -> timedelta:
        """Return how long the program that was just given this code shall wait between two polls."""
        return self._pace.expect(digest_of(device_code), self._clock.now())

    async def answer(self, *, device_code: str, client_id: str) -> OAuthAnswer | None:
        """Return the answer to a program that has to wait or was refused; None if it is allowed.

        Raises:
            Unavailable: the database cannot be consulted.
        """
        digest = digest_of(device_code)
        await self._gather()
        state = await self._batch.submit((digest, client_id))
        if state is DeviceState.APPROVED:
            self._pace.forget(digest)
            return None
        if state is not DeviceState.PENDING:
            self._pace.forget(digest)
            return oauth_error(state.value)
        slower = self._pace.is_too_fast(digest, self._clock.now())
        return oauth_error(SLOW_DOWN if slower else state.value)

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


class _Program(NamedTuple):
    """A waiting program: when it was last heard of, whether that was a poll, and what interval it was told."""

    heard: datetime
    polled: bool
    interval: timedelta


class Pace:
    """How often each waiting program asks; the longest silent are forgotten first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Program] = OrderedDict()

    def expect(self, digest: str, now: datetime) -> timedelta:
        """Return the interval that a new program is told; it may make its first poll at once."""
        interval = self._interval_of_all(now)
        self._keep(digest, _Program(now, polled=False, interval=interval))
        return interval

    def is_too_fast(self, digest: str, now: datetime) -> bool:
        """Return whether this poll came too soon, or so many wait that the program shall come less often.

        Its interval has then grown by `POLL_STEP`, as the program's has by the protocol.
        """
        last = self._waiting.pop(digest, _Program(now, polled=False, interval=POLL_INTERVAL))
        early = last.polled and now - last.heard < last.interval - POLL_TOLERANCE
        slower = early or last.interval < self._interval_of_all(now)
        self._keep(
            digest,
            _Program(now, polled=True, interval=last.interval + POLL_STEP if slower else last.interval),
        )
        return slower

    def forget(self, digest: str) -> None:
        """Do not wait for this program any more."""
        self._waiting.pop(digest, None)

    def _interval_of_all(self, now: datetime) -> timedelta:
        """Return the interval at which all that wait together ask `POLLS_PER_SECOND` times; whole seconds."""
        while self._waiting:
            longest_silent = next(iter(self._waiting.values()))
            if now - longest_silent.heard <= 2 * longest_silent.interval:
                break
            self._waiting.popitem(last=False)
        shared = timedelta(seconds=math.ceil(len(self._waiting) / POLLS_PER_SECOND))
        return min(max(POLL_INTERVAL, shared), POLL_INTERVAL_MAX)

    def _keep(self, digest: str, program: _Program) -> None:
        self._waiting[digest] = program
        if len(self._waiting) > REMEMBERED_PROGRAMS:
            self._waiting.popitem(last=False)
