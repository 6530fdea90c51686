"""Use cases of access: explain a decision, block and unblock people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, catalog, identity, ledger
from registry.access import facts, giving_up, request_store, store
from registry.access.blocks import BlockSummary, block_unknown, judge_block
from registry.access.domain import (
    Denial,
    Permit,
    decide,
)
from registry.access.reading import read_span
from registry.access.tables import Block, BlockLift
from registry.catalog.domain import Command, Role
from registry.identity.domain import Principal, invalid_email, normalise_email
from registry.kernel.announcing import announce
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.news import Event, News
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer


def explain(
    session: Session,
    principal: Principal,
    *,
    publisher: str,
    model: str,
    release_id: UUID | None = None,
    now: datetime,
    contact: str = "",
) -> Permit | Denial | None:
    """Return the decision about a release with its reasons; None if there is no such model for this principal.

    Without a release it is about the model: that one of its releases is to be given up is not looked at.
    """
    gathered = facts.gather_by_name(session, principal, publisher=publisher, model=model, now=now)
    if gathered is None or not gathered.is_visible_to(principal):
        return None
    update = (
        giving_up.find_update(session, model_id=gathered.facts.model_id, release_id=release_id, now=now)
        if release_id and gathered.marked
        else None
    )
    return decide(replace(gathered.facts, contact=contact, update=update))


def block_person(
    session: Session,
    *,
    publisher: str,
    person_id: UUID,
    reason: str,
    until: datetime | None,
    principal: Principal,
    now: datetime,
) -> BlockSummary | Refusal:
    """Bar a person from the publisher's gates, from now on."""
    found = catalog.authorise(session, publisher, Command.BLOCK_PEOPLE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if refusal := judge_block(reason, until, now=now, oneself=person_id == principal.person_id):
        return refusal
    assert principal.person_id is not None  # noqa: S101 - authorise has seen to it
    block = Block(
        id=new_id(),
        person_id=person_id,
        publisher_id=found.id,
        reason=reason.strip(),
        blocked_by=principal.person_id,
        blocked_at=now,
        until=until,
        entry_id=new_id(),
    )
    leaf = block_leaf(block.id, person_id, found.id, act="blocked", until=until, at=now)
    block.entry_id = ledger.append(session, kind="block", leaf=leaf, now=now)
    store.insert_block(session, block)
    catalog.tell_followers_of_publisher(session, found.id, now=now)
    announce(session, News(event=Event.BLOCKS_CHANGED, at=now, publisher=found.id))
    return BlockSummary(
        id=block.id,
        person_id=person_id,
        reason=block.reason,
        blocked_by=principal.person_id,
        blocked_at=now,
        until=until,
        lifted_at=None,
    )


def block_address(
    session: Session,
    *,
    publisher: str,
    email: str,
    reason: str,
    last_day: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> BlockSummary | Refusal:
    """Bar the person with an address, known or not, so that nobody learns here who is."""
    found = catalog.authorise(session, publisher, Command.BLOCK_PEOPLE, principal=principal)
    if isinstance(found, Refusal):
        return found
    span = read_span("", last_day)
    if isinstance(span, Refusal):
        return span
    address = normalise_email(email)
    if address is None:
        return invalid_email(email)
    return block_person(
        session,
        publisher=publisher,
        person_id=identity.ensure_person(session, email=address, sealer=sealer, now=now),
        reason=reason,
        until=span[1],
        principal=principal,
        now=now,
    )


def lift_block(
    session: Session, *, publisher: str, block_id: UUID, principal: Principal, now: datetime
) -> BlockSummary | Refusal:
    """End a block before its time."""
    found = catalog.authorise(session, publisher, Command.BLOCK_PEOPLE, principal=principal)
    if isinstance(found, Refusal):
        return found
    row = store.find_block(session, block_id)
    if row is None or row[0].publisher_id != found.id or row[1] is not None:
        return block_unknown(f"/manage/{publisher}/blocks")
    assert principal.person_id is not None  # noqa: S101 - authorise has seen to it
    block = row[0]
    leaf = block_leaf(block.id, block.person_id, found.id, act="lifted", until=None, at=now)
    entry_id = ledger.append(session, kind="block", leaf=leaf, now=now)
    lift = BlockLift(block_id=block.id, lifted_by=principal.person_id, lifted_at=now, entry_id=entry_id)
    store.insert_lift(session, lift)
    catalog.tell_followers_of_publisher(session, found.id, now=now)
    announce(session, News(event=Event.BLOCKS_CHANGED, at=now, publisher=found.id))
    return _summary(block, lift)


def list_blocks(
    session: Session, *, publisher: str, principal: Principal, after: UUID | None = None, limit: int = 50
) -> Sequence[BlockSummary] | Refusal:
    """Return a page of the publisher's blocks, newest first, ended ones too."""
    found = catalog.authorise(session, publisher, Command.BLOCK_PEOPLE, principal=principal)
    if isinstance(found, Refusal):
        return found
    rows = store.list_blocks(session, publisher_id=found.id, after=after, limit=min(limit, 200))
    return [_summary(block, lift) for block, lift in rows]


def list_blocks_of_person(session: Session, *, person_id: UUID) -> Sequence[tuple[UUID | None, BlockSummary]]:
    """Return every block that ever named the person, with its publisher (None: the whole registry)."""
    rows = store.list_blocks_of_person(session, person_id=person_id)
    return [(block.publisher_id, _summary(block, lift)) for block, lift in rows]


def roles_at(session: Session, publisher: catalog.PublisherView, *, principal: Principal) -> Sequence[Role]:
    """Return the live roles of the principal at a publisher, strongest first."""
    if principal.person_id is None:
        return ()
    held = catalog.list_roles_of(session, person_id=principal.person_id)
    return sorted((role.role for role in held if role.publisher_id == publisher.id), key=list(Role).index)


def block_leaf(
    block_id: UUID, person_id: UUID, publisher_id: UUID, *, act: str, until: datetime | None, at: datetime
) -> bytes:
    """Return the canonical bytes of a block or its end; the reason stays out of the log."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": "block",
            "act": act,
            "at": iso(at),
            "block": str(block_id),
            "person": str(person_id),
            "publisher": str(publisher_id),
            "until": iso(until) if until else None,
        }
    )


def _summary(block: Block, lift: BlockLift | None) -> BlockSummary:
    return BlockSummary(
        id=block.id,
        person_id=block.person_id,
        reason=block.reason,
        blocked_by=block.blocked_by,
        blocked_at=block.blocked_at,
        until=block.until,
        lifted_at=lift.lifted_at if lift else None,
    )


def tell_followers_of_person(session: Session, person_id: UUID, *, now: datetime) -> None:
    """Let it be known at the Hub that one person may be another there now, at each gate where they accepted or asked."""
    gates = {
        *acceptances.first_accepted(session, person_id=person_id),
        *request_store.list_gates_asked_at(session, person_id=person_id),
    }
    for gate_id in sorted(gates):
        catalog.tell_followers_of_gate(session, gate_id, now=now)
