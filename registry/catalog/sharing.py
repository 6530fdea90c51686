"""One gate for many models: a model goes behind another model's gate, or back behind one of its own.

What people accepted, asked for and were granted belongs to a gate; one acceptance opens all models behind it.
A card never moves a model. Each move is a fact with an entry in the log.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger, licenses
from registry.catalog import announcing, copies, followers, gates, graces, inherited_terms, refusals, store
from registry.catalog.domain import GATE_CHANGED, MODEL_MOVED, Command, GateView, ModelView
from registry.catalog.prerequisites import prerequisites_bytes
from registry.catalog.reviews import policy_bytes
from registry.catalog.service import authorise, find_model
from registry.catalog.tables import ModelGateMove
from registry.identity.domain import Principal
from registry.kernel import outbox
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import CorruptRecord, Refusal

MODELS_MOST = 500
"""How many models of a gate are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMove:
    """A model and the gate that it could go behind now."""

    model: ModelView
    """With the gate as it is."""
    target: ModelView | None
    """The model whose gate it would share; None: it would get one of its own, which asks for the same."""


def preview_move(
    session: Session, *, publisher: str, name: str, target: str | None, principal: Principal, now: datetime
) -> GateMove | Refusal:
    """Return what `move_model` would do now, or why it would not; nothing is changed."""
    model = find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = authorise(session, model.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if not gates.is_fresh(principal, now):
        return refusals.fresh_sign_in_needed()
    if target is None:
        if len(list_models_of_gate(session, model.gate.id)) < 2:
            return refusals.gate_not_shared(model.repo_id)
        return GateMove(model=model, target=None)
    other = _find_target(session, model, target, principal)
    if isinstance(other, Refusal):
        return other
    derived = inherited_terms.of_model(model, license_version_ids=other.gate.license_version_ids)
    return (
        _check_weights(session, model, other.gate, principal)
        or inherited_terms.check(session, derived, principal, model_id=model.id, lock=False)
        or GateMove(model=model, target=other)
    )


def move_model(
    session: Session,
    *,
    publisher: str,
    name: str,
    target: str | None,
    principal: Principal,
    now: datetime,
    revision: int | None = None,
) -> ModelView | Refusal:
    """Return the model behind the gate of another one of its publisher, or (without `target`) behind one of its own.

    With `revision`, only a model whose gate still is at this revision moves.
    """
    move = preview_move(session, publisher=publisher, name=name, target=target, principal=principal, now=now)
    if isinstance(move, Refusal):
        return move
    store.lock_model(session, move.model.id)
    # Who changes either gate at the same moment waits, or is waited for; always in the order of their ids.
    for gate_id in sorted({move.model.gate.id, *([move.target.gate.id] if move.target else [])}):
        store.lock_gate(session, gate_id)
    again = preview_move(session, publisher=publisher, name=name, target=target, principal=principal, now=now)
    if isinstance(again, Refusal):
        return again
    gate = again.model.gate
    if revision is not None and revision != gate.number:
        return refusals.gate_moved(again.model.publisher, again.model.name, revision, gate.number)
    to = again.target.gate.id if again.target else _copy_gate(session, again.model, principal, now=now)
    row = ModelGateMove(
        id=new_id(),
        model_id=again.model.id,
        from_gate_id=gate.id,
        to_gate_id=to,
        moved_by=principal.person_id,
        moved_at=now,
        entry_id=new_id(),
    )
    row.entry_id = ledger.append(session, kind=MODEL_MOVED, leaf=move_leaf(row), now=now)
    store.move_model(session, row)
    outbox.put(session, MODEL_MOVED, json.dumps({"move": str(row.id)}).encode(), now=now)
    followers.tell_followers_of_gate(session, to, now=now)
    announcing.announce_move(session, again.model.id, now=now)
    return store.get_model(session, again.model.id, person_id=principal.person_id)


def find_move(session: Session, move_id: UUID) -> ModelGateMove:
    """Return a move, which must exist."""
    return store.get_move(session, move_id)


def list_models_of_gate(session: Session, gate_id: UUID) -> list[str]:
    """Return `publisher/model` of every model behind a gate, whoever may see it, by name."""
    return store.list_models_of_gate(session, gate_id, limit=MODELS_MOST)


def move_leaf(row: ModelGateMove) -> bytes:
    """Return the canonical bytes of a move: the leaf of its ledger entry."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": MODEL_MOVED,
            "at": iso(row.moved_at),
            "move": str(row.id),
            "model": str(row.model_id),
            "from": str(row.from_gate_id),
            "to": str(row.to_gate_id),
        }
    )


def _find_target(
    session: Session, model: ModelView, target: str, principal: Principal
) -> ModelView | Refusal:
    publisher, _, name = target.partition("/")
    other = find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(other, Refusal):
        return other
    if other.publisher_id != model.publisher_id:
        return refusals.gate_of_another_publisher(other.repo_id)
    if other.gate.id == model.gate.id:
        return refusals.gate_shared_already(model.repo_id, other.repo_id)
    return other


def _check_weights(
    session: Session, model: ModelView, gate: GateView, principal: Principal
) -> Refusal | None:
    """Return why the model's weights may not go behind the gate: the same bytes stand behind a stricter one."""
    terms = copies.load_terms(session, gate.mode, gate.license_version_ids, gate.prerequisites)
    own = model.gate
    if copies.covers(terms, copies.load_terms(session, own.mode, own.license_version_ids, own.prerequisites)):
        return None
    weights = copies.list_weights(session, own.id, model_id=model.id)
    copies.lock_files(session, list(weights))
    return gates.check_copies(
        session,
        weights,
        terms,
        publisher_id=model.publisher_id,
        gate_id=gate.id,
        principal=principal,
        but_model=model.id,
    )


def _copy_gate(session: Session, model: ModelView, principal: Principal, *, now: datetime) -> UUID:
    """Return a new gate that asks for what the model's gate asks for now."""
    gate, gate_id, revision_id = (
        model.gate,
        store.insert_gate(session, publisher_id=model.publisher_id, now=now),
        new_id(),
    )
    versions = [licenses.get_version_by_id(session, one) for one in gate.license_version_ids]
    if any(version is None for version in versions):
        raise CorruptRecord(f"gate {gate.id} requires a license version that is absent")
    reviewed, asked = policy_bytes(gate.review), prerequisites_bytes(gate.prerequisites)
    promised = graces.list_graces(session, [gate.revision_id]).get(gate.revision_id, ())
    leaf = gates.gate_leaf(
        gate_id=gate_id,
        publisher_id=model.publisher_id,
        revision_id=revision_id,
        number=1,
        mode=gate.mode,
        form_digest=sha256(gate.form_schema),
        license_versions=gate.license_version_ids,
        now=now,
        promised=promised,
        review=reviewed,
        prerequisites=asked,
    )
    entry_id = ledger.append(session, kind=GATE_CHANGED, leaf=leaf, now=now)
    store.insert_revision(
        session,
        revision_id=revision_id,
        gate_id=gate_id,
        number=1,
        mode=gate.mode,
        form_schema=gate.form_schema,
        form_digest=gate.form_digest,
        review=reviewed,
        prerequisites=asked,
        requirements=[(version.id, version.slug) for version in versions],
        created_by=principal.person_id,
        entry_id=entry_id,
        now=now,
    )
    graces.insert_graces(session, revision_id, promised)
    return gate_id
