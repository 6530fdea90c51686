"""Check of the deny list against the log (P6)."""

import json
from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlmodel import Session, col, select

from registry import ledger
from registry.access.service import block_leaf
from registry.access.tables import Block, BlockLift

KINDS = ("block",)


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each block, or end of one, that is not what its log entry says."""
    rows: Iterable[tuple[Block, BlockLift | None]] = session.exec(
        select(Block, BlockLift)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .order_by(col(Block.id))
        .execution_options(yield_per=500)
    )
    for block, lift in rows:
        if block.publisher_id is None:  # an operator’s block of the whole registry
            continue
        leaf = block_leaf(
            block.id,
            block.person_id,
            block.publisher_id,
            act="blocked",
            until=block.until,
            at=block.blocked_at,
        )
        if ledger.find_leaf(session, block.entry_id) != leaf:
            yield _of("block", block.id, "is not what its log entry says")
        if lift is None:
            continue
        leaf = block_leaf(
            block.id, block.person_id, block.publisher_id, act="lifted", until=None, at=lift.lifted_at
        )
        if ledger.find_leaf(session, lift.entry_id) != leaf:
            yield _of("block_lift", block.id, "is not what its log entry says")


def check_leaf(session: Session, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the row that a leaf of kind `block` speaks of is not there."""
    try:
        said = json.loads(leaf)
        block_id, act = UUID(said["block"]), said["act"]
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(table="ledger_entry", row_id="block", problem="is not a leaf of kind block")
    found = session.get(Block, block_id) if act == "blocked" else session.get(BlockLift, block_id)
    if found is not None:
        return None
    table = "block" if act == "blocked" else "block_lift"
    return _of(table, block_id, "is missing although the log speaks of it")


def _of(table: str, row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=str(row_id), problem=problem)
