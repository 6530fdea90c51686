"""Releases that must be given up for another by a day: marked by a maintainer, who may take the mark back.

Until the day the release is handed out with a warning, after it never again while the mark stands. The mark, its
reason's digest and its end stand in the log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from registry import ledger
from registry.catalog import gates, refusals, release_store, service, store
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    MUST_UPDATE,
    MUST_UPDATE_MARKED,
    Command,
    ModelView,
    ReleaseView,
)
from registry.catalog.forms import is_clean_text
from registry.catalog.tables import MustUpdate, Release
from registry.identity.domain import Principal
from registry.kernel import outbox
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import is_commit_id, new_id, sha256
from registry.kernel.outcomes import Refusal, Remedy

REASON_MAX_CHARACTERS = 300
LONGEST = timedelta(days=365)
"""A day further off is no demand."""
MARKS_MOST = 100
"""How many marks a model may have at a time, so that each look at them is small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a maintainer demands of those who have a release."""

    id: UUID
    model_id: UUID
    release_id: UUID
    commit: str
    replacement: str
    """Commit of the release to be used instead."""
    update_by: datetime
    reason: str
    marked_at: datetime
    entry_id: UUID
    ended_at: datetime | None
    end_reason: str | None
    end_entry_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Which release is to be given up for which, by when and why."""

    commit: str
    replacement: str
    update_by: datetime
    reason: str


def mark_release(
    session: Session, *, publisher: str, name: str, demand: Demand, principal: Principal, now: datetime
) -> Mark | Refusal:
    """Mark a release and queue the telling of its holders; needs a maintainer with a fresh sign-in."""
    model = _authorise(session, publisher, name, principal, now)
    if isinstance(model, Refusal):
        return model
    reason = " ".join(demand.reason.split())
    store.lock_model(session, model.id)
    release, replacement = (
        release_store.find_release_by_commit(session, model_id=model.id, commit=commit)
        if is_commit_id(commit)
        else None
        for commit in (demand.commit, demand.replacement)
    )
    main = release_store.find_release_by_ref(session, model_id=model.id, name=DEFAULT_BRANCH)
    standing = list_marks(session, model.id)
    errors = _find_errors(release, replacement, main, {mark.release_id for mark in standing})
    if not now < demand.update_by <= now + LONGEST:
        errors["update_by"] = f"a moment from now on, within {LONGEST.days} days"
    if not _is_reason(reason):
        errors["reason"] = f"why the release is to be given up, in at most {REASON_MAX_CHARACTERS} characters"
    if len(standing) >= MARKS_MOST:
        errors["release"] = f"at most {MARKS_MOST} releases of a model are marked at a time"
    if errors or release is None or replacement is None or principal.person_id is None:
        return refusals.malformed("The release cannot be marked like this", errors)
    mark_id = new_id()
    leaf = mark_leaf(
        mark_id,
        model.id,
        release.commit,
        replacement.commit,
        update_by=demand.update_by,
        reason=reason,
        at=now,
    )
    session.exec(
        insert(MustUpdate).values(
            id=mark_id,
            model_id=model.id,
            release_id=release.id,
            replacement_id=replacement.id,
            update_by=demand.update_by,
            reason=reason,
            marked_by=principal.person_id,
            marked_at=now,
            entry_id=ledger.append(session, kind=MUST_UPDATE, leaf=leaf, now=now),
        )
    )
    outbox.put(session, MUST_UPDATE_MARKED, msgspec.json.encode({"mark": mark_id}), now=now)
    return get_mark(session, mark_id)


def take_back(
    session: Session,
    *,
    publisher: str,
    name: str,
    mark_id: UUID,
    reason: str,
    principal: Principal,
    now: datetime,
) -> Mark | Refusal:
    """End a mark, so that the release is handed out as before; needs a maintainer with a fresh sign-in."""
    model = _authorise(session, publisher, name, principal, now)
    if isinstance(model, Refusal):
        return model
    said = " ".join(reason.split())
    if not _is_reason(said):
        errors = {"reason": f"why the mark is taken back, in at most {REASON_MAX_CHARACTERS} characters"}
        return refusals.malformed("The mark cannot be taken back like this", errors)
    store.lock_model(session, model.id)
    mark = next((one for one in list_marks(session, model.id) if one.id == mark_id), None)
    if mark is None:
        return no_such_mark(model.repo_id)
    leaf = taken_back_leaf(mark.id, model.id, reason=said, at=now)
    entry_id = ledger.append(session, kind=MUST_UPDATE, leaf=leaf, now=now)
    session.exec(
        update(MustUpdate)
        .where(col(MustUpdate.id) == mark_id)
        .values(ended_at=now, ended_by=principal.person_id, end_reason=said, end_entry_id=entry_id)
    )
    return get_mark(session, mark_id)


def find_marks(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> tuple[ModelView, list[Mark]] | Refusal:
    """Return a model that the principal may see, with the marks that stand."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    return model if isinstance(model, Refusal) else (model, list_marks(session, model.id))


def list_marks(session: Session, model_id: UUID) -> list[Mark]:
    """Return the marks that stand on a model's releases, first marked first; at most `MARKS_MOST`."""
    rows = session.exec(
        select(MustUpdate.id)
        .where(MustUpdate.model_id == model_id, col(MustUpdate.ended_at).is_(None))
        .order_by(col(MustUpdate.id))
        .limit(MARKS_MOST)
    ).all()
    return [get_mark(session, mark_id) for mark_id in rows]


def find_mark(session: Session, mark_id: UUID) -> Mark | None:
    """Return a mark, also one that was taken back."""
    row = session.exec(select(MustUpdate).where(MustUpdate.id == mark_id)).one_or_none()
    if row is None:
        return None
    named = session.exec(
        select(Release.id, Release.commit_id).where(col(Release.id).in_([row.release_id, row.replacement_id]))
    )
    commits = {release_id: commit for release_id, commit in named}  # noqa: C416 - rows are not pairs to mypy
    return Mark(
        id=row.id,
        model_id=row.model_id,
        release_id=row.release_id,
        commit=commits[row.release_id],
        replacement=commits[row.replacement_id],
        update_by=row.update_by,
        reason=row.reason,
        marked_at=row.marked_at,
        entry_id=row.entry_id,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        end_entry_id=row.end_entry_id,
    )


def get_mark(session: Session, mark_id: UUID) -> Mark:
    """Return a mark that is known to be there."""
    mark = find_mark(session, mark_id)
    assert mark is not None  # noqa: S101 - the caller has its id from a row
    return mark


def mark_leaf(
    mark_id: UUID,
    model_id: UUID,
    commit: str,
    replacement: str,
    *,
    update_by: datetime,
    reason: str,
    at: datetime,
) -> bytes:
    """Return the ledger leaf of a mark; the reason is bound by its digest."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": MUST_UPDATE,
            "at": iso(at),
            "act": "marked",
            "must_update": str(mark_id),
            "model": str(model_id),
            "commit": commit,
            "replacement": replacement,
            "update_by": iso(update_by),
            "reason_digest": sha256(reason.encode()),
        }
    )


def taken_back_leaf(mark_id: UUID, model_id: UUID, *, reason: str, at: datetime) -> bytes:
    """Return the ledger leaf of the end of a mark."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": MUST_UPDATE,
            "at": iso(at),
            "act": "taken-back",
            "must_update": str(mark_id),
            "model": str(model_id),
            "reason_digest": sha256(reason.encode()),
        }
    )


def no_such_mark(repo_id: str) -> Refusal:
    """Return the refusal to act on a mark that does not stand."""
    return Refusal(
        code="no-such-must-update",
        status=404,
        title=f"No such mark stands on a release of {repo_id}",
        detail="Nothing was changed.",
        remedy=Remedy(text="Look at the marks that stand", url=f"/api/v1/models/{repo_id}/must-updates"),
        decider="You do",
    )


def _authorise(
    session: Session, publisher: str, name: str, principal: Principal, now: datetime
) -> ModelView | Refusal:
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = service.authorise(session, model.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    return model if gates.is_fresh(principal, now) else refusals.fresh_sign_in_needed()


def _find_errors(
    release: ReleaseView | None,
    replacement: ReleaseView | None,
    main: ReleaseView | None,
    marked: set[UUID],
) -> dict[str, str]:
    errors = {}
    if release is None:
        errors["release"] = "the whole id of a release of this model"
    elif release.id in marked:
        errors["release"] = "this release is marked already; take the mark back first"
    elif main is not None and release.id == main.id:
        errors["release"] = f"this is the newest release; publish on {DEFAULT_BRANCH} what replaces it first"
    if replacement is None:
        errors["replacement"] = "the whole id of a release of this model"
    elif release is not None and replacement.id == release.id:
        errors["replacement"] = "another release than the one to be given up"
    elif replacement.id in marked:
        errors["replacement"] = "a release that is not to be given up itself"
    return errors


def _is_reason(said: str) -> bool:
    return bool(said) and len(said) <= REASON_MAX_CHARACTERS and is_clean_text(said)
