"""Decisions that a license carries on what a base's license restricts, though not word by word.

Whoever maintains the base decides: its publisher asks for the license there. A decision is about one model, one
version of the base's license and one of the model's own, so a new version of either needs a new one. Withdrawn, it
counts for no later release; what was published under it stays.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from registry import ledger, licenses
from registry.catalog import equivalence_store, equivalence_telling, gates, refusals, service, store
from registry.catalog.domain import EQUIVALENCE, Command, ModelView
from registry.catalog.equivalence_store import Decision, sealing_context
from registry.catalog.forms import is_clean_text
from registry.catalog.names import check_model_name
from registry.catalog.tables import Equivalence
from registry.identity.domain import Principal
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sealing import Sealer, SubjectKey
from registry.licenses.domain import Version

REASON_MAX_CHARACTERS = 300
NAME_MAX_CHARACTERS = 100
PAGE_DECISIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What somebody says: this license of that model carries on these restrictions of a base's license."""

    model: str
    """`publisher/name`; it need not be published yet."""
    base_license: str
    """`slug@1.1`, as the base's gate asks for it."""
    own_license: str
    restrictions: tuple[str, ...]
    """Slugs; none where nobody has said what the base's license restricts: then the text as a whole."""
    reason: str
    name: str
    """Of whoever decides, as everybody reads it."""


def decide(
    session: Session,
    *,
    publisher: str,
    name: str,
    claim: Claim,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> Decision | Refusal:
    """Record the decision; takes a maintainer of the base `publisher/name` with a fresh sign-in, and is in the log."""
    base = _authorise(session, publisher, name, principal, now)
    if isinstance(base, Refusal):
        return base
    store.lock_model(session, base.id)
    asked, own = _find_version(session, claim.base_license), _find_version(session, claim.own_license)
    target = claim.model.partition("/")
    holder = store.find_publisher(session, target[0])
    errors = _find_errors(claim, trouble=check_model_name(target[0], target[2]))
    if holder is None:
        errors["model"] = "PUBLISHER/MODEL, of a publisher of this registry"
    if asked is None or asked.id not in base.gate.license_version_ids:
        asked = None
        errors["base_license"] = f"a license version that the gate of {base.repo_id} asks for"
    if own is None:
        errors["own_license"] = "a license version of this registry, with its number"
    if asked is not None and own is not None and (said := _judge_slugs(session, claim, asked, own)):
        errors["restrictions"] = said
    person_id = principal.person_id
    key = sealer.find_subject_key(session, person_id) if person_id else None
    if errors or not (holder and asked and own and key and person_id):
        return refusals.malformed("This cannot be decided like this", errors)
    found = equivalence_store.list_standing(session, publisher_id=holder.id, name=target[2], own_ids=[own.id])
    if any((one.base_model_id, one.base_version_id) == (base.id, asked.id) for one in found):
        return _decided_already(base, claim.model)
    row = Equivalence(
        id=new_id(),
        base_model_id=base.id,
        base_version_id=asked.id,
        publisher_id=holder.id,
        model_name=target[2],
        model_key=target[2].lower(),
        own_version_id=own.id,
        slugs=" ".join(sorted(set(claim.restrictions))),
        reason=_one_line(claim.reason),
        salt=secrets.token_bytes(16),
        decided_by=person_id,
        sealed_name=b"",
        decided_at=now,
        entry_id=new_id(),
    )
    _insert(session, row, key, name=_one_line(claim.name), now=now)
    equivalence_telling.queue(session, row.id, "decided", now=now)
    return equivalence_store.describe(session, [row.id], sealer)[0]


def withdraw(
    session: Session,
    *,
    publisher: str,
    name: str,
    decision_id: UUID,
    reason: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> Decision | Refusal:
    """End a decision for releases to come; takes a maintainer of the base with a fresh sign-in."""
    base = _authorise(session, publisher, name, principal, now)
    if isinstance(base, Refusal):
        return base
    said = _one_line(reason)
    if not _is_said(said, REASON_MAX_CHARACTERS):
        errors = {"reason": f"why it does not hold any more, in at most {REASON_MAX_CHARACTERS} characters"}
        return refusals.malformed("The decision cannot be withdrawn like this", errors)
    # A release that is being published under it commits first, or finds it gone.
    row = session.exec(
        select(Equivalence)
        .where(Equivalence.id == decision_id, Equivalence.base_model_id == base.id)
        .where(col(Equivalence.ended_at).is_(None))
        .with_for_update()
    ).one_or_none()
    if row is None:
        return _no_such_decision(base)
    leaf = withdrawn_leaf(row.id, row.base_model_id, reason=said, at=now)
    entry_id = ledger.append(session, kind=EQUIVALENCE, leaf=leaf, now=now)
    session.exec(
        update(Equivalence)
        .where(col(Equivalence.id) == row.id)
        .values(ended_at=now, ended_by=principal.person_id, end_reason=said, end_entry_id=entry_id)
    )
    session.expire(row)
    equivalence_telling.queue(session, decision_id, "withdrawn", now=now)
    return equivalence_store.describe(session, [decision_id], sealer)[0]


def list_given(
    session: Session,
    *,
    publisher: str,
    name: str,
    principal: Principal,
    sealer: Sealer,
    before: UUID | None = None,
) -> tuple[ModelView, list[Decision]] | Refusal:
    """Return a page of the decisions made at a base, newest first and one more if more follow, to its staff."""
    base = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(base, Refusal):
        return base
    found = service.authorise(session, base.publisher, Command.SEE_PRIVATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    query = select(Equivalence.id).where(Equivalence.base_model_id == base.id)
    if before is not None:
        query = query.where(col(Equivalence.id) < before)
    ids = session.exec(query.order_by(col(Equivalence.id).desc()).limit(PAGE_DECISIONS + 1)).all()
    return base, equivalence_store.describe(session, ids, sealer)


def find_gaps(
    session: Session, asked: Version, own: Version
) -> Sequence[licenses.ComparedRestriction] | None:
    """Return what one version of a license does not carry on of another; None where nobody has said what it restricts."""
    restrictions = licenses.find_restrictions(session, asked.id)
    if restrictions is None:
        return None
    rows = licenses.compare_restrictions(restrictions, [licenses.find_restrictions(session, own.id)])
    return [row for row in rows if row.carried in licenses.GAPS]


def decided_leaf(row: Equivalence) -> bytes:
    """Return the ledger leaf of a decision; it names the model by a salted digest, as it may be private."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": EQUIVALENCE,
            "at": iso(row.decided_at),
            "act": "decided",
            "equivalence": str(row.id),
            "base": str(row.base_model_id),
            "base_license_version": str(row.base_version_id),
            "own_license_version": str(row.own_version_id),
            "model_digest": sha256(row.salt + f"{row.publisher_id}/{row.model_key}".encode()),
            "restrictions": [*row.slugs.split()],
            "reason_digest": sha256(row.reason.encode()),
        }
    )


def withdrawn_leaf(row_id: UUID, base_id: UUID, *, reason: str, at: datetime) -> bytes:
    """Return the ledger leaf of the end of a decision."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": EQUIVALENCE,
            "at": iso(at),
            "act": "withdrawn",
            "equivalence": str(row_id),
            "base": str(base_id),
            "reason_digest": sha256(reason.encode()),
        }
    )


def _authorise(
    session: Session, publisher: str, name: str, principal: Principal, now: datetime
) -> ModelView | Refusal:
    base = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(base, Refusal):
        return base
    found = service.authorise(session, base.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    return base if gates.is_fresh(principal, now) else refusals.fresh_sign_in_needed()


def _find_version(session: Session, reference: str) -> Version | None:
    found = gates.find_versions(session, [reference]) if "@" in reference else []
    return None if isinstance(found, Refusal) or not found else found[0]


def _find_errors(claim: Claim, *, trouble: str | None) -> dict[str, str]:
    errors = {"model": f"PUBLISHER/MODEL: {trouble}"} if trouble else {}
    if not _is_said(_one_line(claim.reason), REASON_MAX_CHARACTERS):
        errors["reason"] = f"why it reaches the same, in at most {REASON_MAX_CHARACTERS} characters"
    if not _is_said(_one_line(claim.name), NAME_MAX_CHARACTERS):
        errors["name"] = f"the name of whoever decides, in at most {NAME_MAX_CHARACTERS} characters"
    return errors


def _judge_slugs(session: Session, claim: Claim, asked: Version, own: Version) -> str | None:
    gaps = find_gaps(session, asked, own)
    if gaps is None:
        return "none: nobody has said what the base’s license restricts" if claim.restrictions else None
    open_slugs = {row.slug for row in gaps}
    if not open_slugs:
        return f"nothing is to be decided: {own.reference} carries on all of {asked.reference}"
    if not claim.restrictions or not set(claim.restrictions) <= open_slugs:
        return f"one or more of: {', '.join(sorted(open_slugs))}"
    return None


def _insert(session: Session, row: Equivalence, key: SubjectKey, *, name: str, now: datetime) -> None:
    entry_id = ledger.append(session, kind=EQUIVALENCE, leaf=decided_leaf(row), now=now)
    values = row.model_dump(exclude={"entry_id", "sealed_name"})
    sealed = key.seal(name.encode(), sealing_context(row.id))
    session.exec(insert(Equivalence).values(**values, sealed_name=sealed, entry_id=entry_id))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_said(text: str, most: int) -> bool:
    return bool(text) and len(text) <= most and is_clean_text(text)


def _decided_already(base: ModelView, model: str) -> Refusal:
    return Refusal(
        code="equivalence-decided-already",
        status=409,
        title=f"This is decided already for {model[:200]}",
        detail="A decision about the same two license versions is in force. Nothing was changed.",
        remedy=Remedy(text="Withdraw it first, then decide anew", url=f"/{base.repo_id}/equivalences"),
        decider="You do",
    )


def _no_such_decision(base: ModelView) -> Refusal:
    return Refusal(
        code="no-such-equivalence",
        status=404,
        title=f"No such decision is in force at {base.repo_id}",
        detail="Nothing was changed.",
        remedy=Remedy(text="Look at the decisions", url=f"/{base.repo_id}/equivalences"),
        decider="You do",
    )
