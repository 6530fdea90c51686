"""What becomes due about mirrors: repositories of the Hub are looked at again and again, and brought in line."""

import asyncio

import structlog

from registry.hub_sync.applying import Pass
from registry.hub_sync.keeping import Keeper
from registry.kernel.outcomes import GatehouseError

LOOK_SECONDS = 1.0
"""One look into an index; what changes here is at the Hub as soon as the Hub has answered."""
_log = structlog.get_logger()


async def run_keeping(keeper: Keeper) -> None:
    """Pass over the mirrors whose time has come, until cancelled; several workers share them."""
    while True:
        try:
            done = await asyncio.to_thread(keep_due, keeper)
        except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
            known = isinstance(error, GatehouseError)
            _log.error("mirrors.failed", kind=type(error).__name__, exc_info=None if known else error)
            done = 0
        if not done:
            await asyncio.sleep(LOOK_SECONDS)


def keep_due(keeper: Keeper) -> int:
    """Pass over each mirror that is due; return how many that were."""
    due = keeper.claim_due()
    for mirror_id in due:
        result = keeper.pass_over(mirror_id)
        _log_pass(str(mirror_id), result)
    return len(due)


def _log_pass(mirror: str, result: Pass) -> None:
    if result.failure is not None:
        _log.warning("mirror.failed", mirror=mirror, trouble=result.failure.trouble.value)
    elif result.done:
        _log.info("mirror.applied", mirror=mirror, changes=len(result.done))
