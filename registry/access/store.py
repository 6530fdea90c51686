"""Queries and inserts of the deny list; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import String, Uuid, bindparam, insert, or_, text
from sqlmodel import Session, col, select

from registry.access.single_facts import BlockFact
from registry.access.tables import Block, BlockLift
from registry.kernel.among import is_among
from registry.kernel.database import UTCDateTime

# From the person on, whose acceptances, requests and memberships are few; each part has an index that begins so.
_DEALT_SQL = """
SELECT 1 FROM acceptance a JOIN model m ON m.gate_id = a.gate_id
 WHERE a.person_id = :person_id AND m.publisher_id = :publisher_id
UNION ALL
SELECT 1 FROM access_request q JOIN model m ON m.gate_id = q.gate_id
 WHERE q.person_id = :person_id AND m.publisher_id = :publisher_id
UNION ALL
SELECT 1 FROM block b WHERE b.person_id = :person_id AND b.publisher_id = :publisher_id
UNION ALL
SELECT 1 FROM organisation_member o JOIN acceptance a ON a.organisation_id = o.organisation_id
  JOIN model m ON m.gate_id = a.gate_id
 WHERE o.person_id = :person_id AND o.ended_at IS NULL AND m.publisher_id = :publisher_id
LIMIT 1
"""


def insert_block(session: Session, block: Block) -> None:
    """Insert a block."""
    session.exec(insert(Block).values(**block.model_dump()))


def insert_lift(session: Session, lift: BlockLift) -> None:
    """Insert the end of a block."""
    session.exec(insert(BlockLift).values(**lift.model_dump()))


def find_block(session: Session, block_id: UUID) -> tuple[Block, BlockLift | None] | None:
    """Return a block and its end, if any."""
    return session.exec(
        select(Block, BlockLift)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .where(Block.id == block_id)
        .with_for_update(of=Block)
    ).one_or_none()


def list_blocks(
    session: Session, *, publisher_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[Block, BlockLift | None]]:
    """Return a publisher's blocks, newest first, strictly older than `after`."""
    statement = (
        select(Block, BlockLift)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .where(Block.publisher_id == publisher_id)
    )
    if after is not None:
        statement = statement.where(Block.id < after)
    return session.exec(statement.order_by(col(Block.id).desc()).limit(limit)).all()


def list_blocked(
    session: Session, publisher_id: UUID, people: Sequence[UUID], *, now: datetime
) -> frozenset[UUID]:
    """Return who of the people is kept out of the publisher's gates, or of all, now."""
    rows = session.exec(
        select(Block.person_id)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .where(is_among(session, Block.person_id, people), col(BlockLift.block_id).is_(None))
        .where(or_(col(Block.publisher_id).is_(None), col(Block.publisher_id) == publisher_id))
        .where(or_(col(Block.until).is_(None), col(Block.until) > now))
        .order_by(col(Block.id))
    )
    return frozenset(rows)


def list_blocks_of_person(session: Session, *, person_id: UUID) -> Sequence[tuple[Block, BlockLift | None]]:
    """Return every block that names the person, oldest first."""
    return session.exec(
        select(Block, BlockLift)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .where(Block.person_id == person_id)
        .order_by(col(Block.id))
        .limit(1_000)
    ).all()


def find_block_fact(
    session: Session, person_id: UUID | None, model_id: UUID, *, now: datetime
) -> BlockFact | None:
    """Return the live block that bars the person from the model, with its reason."""
    statement = text(
        """
        SELECT b.reason AS reason, b.blocked_at AS since, b.until AS until
          FROM model m JOIN block b ON b.person_id = :person_id
               AND (b.publisher_id IS NULL OR b.publisher_id = m.publisher_id)
          LEFT JOIN block_lift x ON x.block_id = b.id
         WHERE m.id = :model_id AND x.block_id IS NULL AND (b.until IS NULL OR b.until > :now) ORDER BY b.blocked_at DESC LIMIT 1
        """
    ).bindparams(
        bindparam("model_id", type_=Uuid()),
        bindparam("person_id", type_=Uuid()),
        bindparam("now", type_=UTCDateTime()),
    )
    typed = statement.columns(reason=String, since=UTCDateTime, until=UTCDateTime)
    row = (
        session.connection()
        .execute(typed, {"model_id": model_id, "person_id": person_id, "now": now})
        .mappings()
        .first()
    )
    return BlockFact(**row) if row else None


def has_dealt_with(session: Session, *, person_id: UUID, publisher_id: UUID) -> bool:
    """Whether a person ever accepted or asked for something at a publisher's gate, alone or through a member's cover."""
    found = session.connection().execute(
        text(_DEALT_SQL).bindparams(
            bindparam("person_id", type_=Uuid()), bindparam("publisher_id", type_=Uuid())
        ),
        {"person_id": person_id, "publisher_id": publisher_id},
    )
    return found.first() is not None
