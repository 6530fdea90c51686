"""A worker of its own shows what waits, and whether it lives and can work."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.parts import Parts, build_parts
from registry.settings import Settings
from registry.worker_status import LOOPBACK, serve_status
from tests.clock import SettableClock
from tests.world import BASE_URL, MASTER_SECRET, TEXT_10, World, presigning_store


@pytest.fixture
def parts(database: Database, clock: SettableClock, tmp_path: Path) -> Parts:
    settings = Settings(
        base_url=BASE_URL, data_dir=tmp_path, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    return build_parts(settings, store=presigning_store(clock), database=database, clock=clock)


async def fetch(port: int, path: str, **headers: str) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        try:
            with urlopen(Request(f"http://{LOOPBACK}:{port}{path}", headers=headers), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


async def gauges(port: int) -> dict[str, float]:
    status, text = await fetch(port, "/metrics")
    assert status == 200
    assert "gatehouse_outbox_failures_total" in text
    return {name: float(value) for name, value in re.findall(r"^gatehouse_(\w+) (\S+)$", text, re.MULTILINE)}


async def test_the_backlog_is_what_waits_in_the_database(parts: Parts, clock: SettableClock) -> None:
    with serve_status(parts, host=LOOPBACK, port=0) as port:
        before = await gauges(port)
        waiting = ("outbox_waiting", "outbox_oldest_seconds", "ledger_lag_seconds", "uploads_verifying")
        assert [before[name] for name in waiting] == [0, 0, 0, 0]
        world = World(database=parts.database, clock=clock)
        world.license("1.0", TEXT_10, "initial")
        world.write(lambda session: outbox.put(session, "mail.send", b"x", now=clock.now()))
        clock.advance(timedelta(seconds=90))
        after = await gauges(port)
        assert [after[name] for name in waiting] == [1, 90, 90, 0]


async def test_a_worker_says_that_it_lives_and_what_it_lacks(parts: Parts) -> None:
    with serve_status(parts, host=LOOPBACK, port=0) as port:
        assert await fetch(port, "/health/live") == (200, '{"live":true}')
        status, text = await fetch(port, "/health/ready")
        assert status == 503
        assert json.loads(text)["parts"]["database"] == "ok"
        assert json.loads(text)["parts"]["object store"] != "ok"
        assert (await fetch(port, "/"))[0] == 404
        with (
            pytest.raises(GatehouseError, match="cannot listen"),
            serve_status(parts, host=LOOPBACK, port=port),
        ):
            pass


async def test_metrics_ask_for_their_token(parts: Parts) -> None:
    guarded = replace(parts, settings=replace(parts.settings, metrics_token="secret-of-metrics"))
    with serve_status(guarded, host=LOOPBACK, port=0) as port:
        assert (await fetch(port, "/metrics"))[0] == 401
        assert (await fetch(port, "/metrics", Authorization="Bearer wrong"))[0] == 401
        assert (await fetch(port, "/metrics", Authorization="Bearer secret-of-metrics"))[0] == 200
