"""Restrictions (GDPR article 18): asked for, placed, refused, announced to end, lifted, taken back.

While one stands, what is kept about the person is stored and not used otherwise: the one decision refuses, others read a
pseudonym, and nothing goes by itself. The person is told each step, before the last one too.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.identity import restriction_store as store
from registry.identity import service
from registry.identity.domain import Message
from registry.identity.erasures import Desk
from registry.identity.notices import notify
from registry.identity.restriction_domain import (
    LIFTED_AFTER,
    PAGE,
    RESTRICTS,
    STANDING_CHANGED,
    WORDS_MAX_CHARACTERS,
    Ground,
    RestrictionState,
    RestrictionView,
    already_open,
    ground_missing,
    nothing_open,
)
from registry.identity.restriction_tables import Restriction
from registry.kernel import outbox
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer, SubjectKey

RESTRICTED = "person.restricted"
UNRESTRICTED = "person.unrestricted"
LIFTED_PER_RUN = 50
Work = Callable[[Session, Desk, UUID], RestrictionView | Refusal]
"""A use case about one person, as a command runs it."""


def find_restriction(session: Session, *, person_id: UUID, sealer: Sealer) -> RestrictionView | None:
    """Return the person's last request or restriction."""
    row = store.find_newest(session, person_id)
    return _view(row, sealer.find_subject_key(session, person_id)) if row else None


def ask_restriction(
    session: Session, desk: Desk, *, person_id: UUID, ground: str, words: str
) -> RestrictionView | Refusal:
    """Have operators decide whether the person's data is stored only; the person is told."""
    key = _lock(session, desk, person_id)
    if key is None:
        return nothing_open()
    found = store.find_open(session, person_id)
    if found is not None:
        return already_open(_view(found, key))
    said = words.strip()
    if ground not in set(Ground) or len(said) > WORDS_MAX_CHARACTERS:
        return ground_missing()
    row = _row(person_id, ground=Ground(ground), now=desk.now)
    row.sealed_words = key.seal(said.encode(), _words_context(row.id)) if said else None
    store.insert_restriction(session, row)
    _tell(
        session,
        desk,
        person_id,
        subject="You asked to have the use of your data restricted",
        text="The operators answer within a month. Until then you can take it back.\nIf it was not you who asked, take it "
        "back and end your sessions.",
    )
    return _view(row, key)


def place_restriction(session: Session, desk: Desk, *, person_id: UUID) -> RestrictionView | Refusal:
    """From the commit on the person's data is stored only, asked for or not; doing it twice changes nothing."""
    key = _lock(session, desk, person_id)
    if key is None:
        return nothing_open()
    row = store.find_open(session, person_id)
    if row is not None and row.state is RestrictionState.STANDING:
        return _view(row, key)
    if row is not None and row.state is RestrictionState.ENDING:
        store.change(
            session,
            row.id,
            {"state": RestrictionState.STANDING, "lifted_from": None, "sealed_reason": None},
        )
    else:
        if row is None:
            row = _row(person_id, ground=None, now=desk.now)
            store.insert_restriction(session, row)
        leaf = restriction_leaf(RESTRICTED, row.id, person_id, at=desk.now)
        entry_id = ledger.append(session, kind=RESTRICTED, leaf=leaf, now=desk.now)
        placed = {"state": RestrictionState.STANDING, "placed_at": desk.now, "entry_id": entry_id}
        store.change(session, row.id, placed)
        store.mark_person(session, person_id, desk.now)
        _note_standing(session, person_id, now=desk.now)
    _tell(
        session,
        desk,
        person_id,
        subject="The use of your data is restricted",
        text="From now on what is kept about you is stored and not used otherwise. You cannot download, accept or ask for "
        "access; others see neither your name nor your address; nothing of it is deleted when its time is over. What you "
        "accepted stays as it is. You can take it back at any time; before the operators lift it, you are told.",
    )
    return _read(session, row.id, person_id, key)


def refuse_restriction(
    session: Session, desk: Desk, *, person_id: UUID, reason: str
) -> RestrictionView | Refusal:
    """Refuse a request as an operator, with words for the person (GDPR article 12(4)); they are told."""
    key = _lock(session, desk, person_id)
    row = store.find_open(session, person_id)
    if key is None or row is None or row.state is not RestrictionState.WAITING:
        return nothing_open()
    said = reason.strip()[:WORDS_MAX_CHARACTERS]
    values: dict[str, object] = {
        "state": RestrictionState.REFUSED,
        "ended_at": desk.now,
        "sealed_reason": key.seal(said.encode(), _reason_context(row.id)),
    }
    store.change(session, row.id, values)
    _tell(
        session,
        desk,
        person_id,
        subject="Your request to restrict the use of your data was refused",
        text=f"The operators give this reason: {said}\nYou can ask them to look at it again, complain to a supervisory "
        "authority, or go to a court.",
    )
    return _read(session, row.id, person_id, key)


def announce_lifting(
    session: Session, desk: Desk, *, person_id: UUID, reason: str
) -> RestrictionView | Refusal:
    """Tell the person that and why the restriction is lifted in some days (GDPR article 18(3)); until then it stands."""
    key = _lock(session, desk, person_id)
    row = store.find_open(session, person_id)
    if key is None or row is None or row.state not in RESTRICTS:
        return nothing_open()
    if row.state is RestrictionState.ENDING:
        return _view(row, key)
    said, lifted_from = reason.strip()[:WORDS_MAX_CHARACTERS], desk.now + LIFTED_AFTER
    values: dict[str, object] = {
        "state": RestrictionState.ENDING,
        "lifted_from": lifted_from,
        "sealed_reason": key.seal(said.encode(), _reason_context(row.id)),
    }
    store.change(session, row.id, values)
    _tell(
        session,
        desk,
        person_id,
        subject=f"The restriction on the use of your data is lifted on {lifted_from:%-d %B %Y}",
        text=f"Until then it stands. The operators give this reason: {said}\nYou can ask them to look at it again, complain "
        "to a supervisory authority, or go to a court.",
    )
    return _read(session, row.id, person_id, key)


def take_back(session: Session, desk: Desk, *, person_id: UUID) -> RestrictionView | Refusal:
    """End the request or the restriction as the person themself; their data may be used again at once."""
    key = _lock(session, desk, person_id)
    row = store.find_open(session, person_id)
    if key is None or row is None:
        return nothing_open()
    _end(session, desk, row, RestrictionState.TAKEN_BACK)
    text = "Nothing changed." if row.placed_at is None else "Your data is used again as before."
    _tell(session, desk, person_id, subject="You took the restriction back", text=text)
    return _read(session, row.id, person_id, key)


def lift_due(session: Session, *, sealer: Sealer, base_url: str, now: datetime) -> int:
    """Lift the restrictions whose end was announced and has come; the people are told. Return how many."""
    desk = Desk(sealer=sealer, base_url=base_url, now=now)
    due = store.list_due(session, now=now, limit=LIFTED_PER_RUN)
    for person_id in due:
        _lock(session, desk, person_id)
        row = store.find_open(session, person_id)
        if row is None or row.state is not RestrictionState.ENDING:
            continue
        _end(session, desk, row, RestrictionState.LIFTED)
        _tell(
            session,
            desk,
            person_id,
            subject="The restriction on the use of your data is lifted",
            text="You were told before, and why. Your data is used again as before.",
        )
    return len(due)


def end_by_erasure(session: Session, desk: Desk, person_id: UUID) -> None:
    """End what waits or stands about somebody who is erased; nothing that was said about it is left."""
    row = store.find_open(session, person_id)
    if row is not None:
        _end(session, desk, row, RestrictionState.ERASED)
    for one in store.list_of_person(session, person_id):
        store.change(session, one.id, {"sealed_words": None, "sealed_reason": None})


def list_open(
    session: Session, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[RestrictionView]:
    """Return what waits or stands, oldest first, strictly after `after`; for operators."""
    rows = store.list_open(session, after=after, limit=limit)
    keys = sealer.find_subject_keys(session, [row.person_id for row in rows])
    return [_view(row, keys.get(row.person_id)) for row in rows]


def export_restrictions(session: Session, *, person_id: UUID, sealer: Sealer) -> Sequence[RestrictionView]:
    """Return every request and restriction there ever was about the person, for the export of their data."""
    key = sealer.find_subject_key(session, person_id)
    return [_view(row, key) for row in store.list_of_person(session, person_id)]


def restriction_leaf(kind: str, row_id: UUID, person_id: UUID, *, at: datetime) -> bytes:
    """Return the ledger leaf of a restriction's beginning or end; neither ground nor words are in it."""
    return canonical_bytes(
        {"v": 1, "kind": kind, "at": iso(at), "restriction": str(row_id), "person": str(person_id)}
    )


def _end(session: Session, desk: Desk, row: Restriction, state: RestrictionState) -> None:
    values: dict[str, object] = {"state": state, "ended_at": desk.now}
    if row.placed_at is not None:
        leaf = restriction_leaf(UNRESTRICTED, row.id, row.person_id, at=desk.now)
        values["end_entry_id"] = ledger.append(session, kind=UNRESTRICTED, leaf=leaf, now=desk.now)
        store.mark_person(session, row.person_id, None)
        _note_standing(session, row.person_id, now=desk.now)
    store.change(session, row.id, values)


def _note_standing(session: Session, person_id: UUID, *, now: datetime) -> None:
    outbox.put(session, STANDING_CHANGED, json.dumps({"person": str(person_id)}).encode(), now=now)


def _lock(session: Session, desk: Desk, person_id: UUID) -> SubjectKey | None:
    """Return the person's key; acts of theirs wait until the commit, and those that ran are over."""
    found = service.lock_people(session, person_ids=[person_id], sealer=desk.sealer).get(person_id)
    return found[1] if found else None


def _tell(session: Session, desk: Desk, person_id: UUID, *, subject: str, text: str) -> None:
    message = Message(kind="restriction", subject=subject, text=text, page=PAGE)
    notify(session, [person_id], message, base_url=desk.base_url, sealer=desk.sealer, now=desk.now)


def _row(person_id: UUID, *, ground: Ground | None, now: datetime) -> Restriction:
    return Restriction(
        id=new_id(), person_id=person_id, ground=ground, asked_at=now, state=RestrictionState.WAITING
    )


def _read(session: Session, row_id: UUID, person_id: UUID, key: SubjectKey) -> RestrictionView:
    row = store.find_newest(session, person_id)
    assert row is not None and row.id == row_id  # noqa: S101, PT018 - the person is locked, so it is the newest
    return _view(row, key)


def _view(row: Restriction, key: SubjectKey | None) -> RestrictionView:
    words, reason = row.sealed_words, row.sealed_reason
    return RestrictionView(
        id=row.id,
        person_id=row.person_id,
        ground=Ground(row.ground) if row.ground else None,
        words=key.open(words, _words_context(row.id)).decode() if key and words else None,
        asked_at=row.asked_at,
        state=RestrictionState(row.state),
        placed_at=row.placed_at,
        lifted_from=row.lifted_from,
        ended_at=row.ended_at,
        reason=key.open(reason, _reason_context(row.id)).decode() if key and reason else None,
    )


def _words_context(row_id: UUID) -> bytes:
    return b"restriction:words:" + row_id.bytes


def _reason_context(row_id: UUID) -> bytes:
    return b"restriction:reason:" + row_id.bytes
