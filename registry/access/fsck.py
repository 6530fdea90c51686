"""Check of the deny list, of grants and of requests against the log and against themselves (P6)."""

import json
from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlmodel import Session, SQLModel, col, func, select

from registry import ledger
from registry.access.requesting import grant_leaf
from registry.access.service import block_leaf
from registry.access.tables import (
    AccessGrant,
    AccessGrantEnd,
    AccessRequest,
    Block,
    BlockLift,
    RequestStep,
)
from registry.access.transitions import OPEN

KINDS = ("block", "grant")


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each block, grant or end of one that differs from its log entry, and each request from its steps."""
    yield from _check_blocks(session)
    yield from _check_grants(session)
    yield from _check_requests(session)


def _check_blocks(session: Session) -> Iterator[ledger.Discrepancy]:
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


def _check_grants(session: Session) -> Iterator[ledger.Discrepancy]:
    rows: Iterable[tuple[AccessGrant, AccessGrantEnd | None]] = session.exec(
        select(AccessGrant, AccessGrantEnd)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .order_by(col(AccessGrant.id))
        .execution_options(yield_per=500)
    )
    for grant, end in rows:
        leaf = grant_leaf(grant, act="granted", at=grant.granted_at)
        if ledger.find_leaf(session, grant.entry_id) != leaf:
            yield _of("access_grant", grant.id, "is not what its log entry says")
        if end is None:
            continue
        leaf = grant_leaf(grant, act="revoked" if end.revoked else "closed", at=end.ended_at)
        if ledger.find_leaf(session, end.entry_id) != leaf:
            yield _of("access_grant_end", grant.id, "is not what its log entry says")


def _check_requests(session: Session) -> Iterator[ledger.Discrepancy]:
    newest = select(RequestStep.request_id, func.max(RequestStep.number).label("number")).group_by(
        col(RequestStep.request_id)
    )
    last = newest.subquery()
    rows = session.exec(
        select(AccessRequest, RequestStep)
        .outerjoin(last, last.c.request_id == col(AccessRequest.id))
        .outerjoin(
            RequestStep,
            (col(RequestStep.request_id) == col(AccessRequest.id))
            & (col(RequestStep.number) == last.c.number),
        )
        .order_by(col(AccessRequest.id))
        .execution_options(yield_per=500)
    )
    for request, step in rows:
        if step is None or step.state is not request.state:
            yield _of("access_request", request.id, "is not in the state that its last step led to")
        elif request.is_open is not (request.state in OPEN):
            yield _of("access_request", request.id, "is marked open or ended against its state")


def check_leaf(session: Session, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the row that a leaf of kind `block` or `grant` speaks of is not there."""
    try:
        said = json.loads(leaf)
        kind, act = said["kind"], said["act"]
        row_id = UUID(said[kind])
        table = _TABLES[kind, act]
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(
            table="ledger_entry", row_id="access", problem="is not a leaf of kind block or grant"
        )
    if session.get(table, row_id) is not None:
        return None
    return _of(str(table.__tablename__), row_id, "is missing although the log speaks of it")


_TABLES: dict[tuple[str, str], type[SQLModel]] = {
    ("block", "blocked"): Block,
    ("block", "lifted"): BlockLift,
    ("grant", "granted"): AccessGrant,
    ("grant", "closed"): AccessGrantEnd,
    ("grant", "revoked"): AccessGrantEnd,
}


def _of(table: str, row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=str(row_id), problem=problem)
