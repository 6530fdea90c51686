"""Holders of a release that is to be given up: each is told once, and says what they did; both stay as facts.

Told are those who were given files of the release, themselves or through a service account that they sponsor, and
those who hold an acceptance or a grant of its gate. They are
looked through page by page from the outbox, once at the mark and once more when the day has come, for whoever was
given files in between. A person's erasure leaves the facts, which hold nothing but the person's id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry import acceptances, access, catalog, identity, licenses
from registry.catalog import must_updates
from registry.catalog.domain import MUST_UPDATE_MARKED, Command, ModelView
from registry.catalog.must_updates import Mark
from registry.delivery.domain import NOTIFIED, UpdateAnswered
from registry.delivery.tables import DownloadRecord, UpdateAnswer, UpdateNotice
from registry.identity.domain import Channel, Message, Principal, Scope, not_signed_in, scope_missing
from registry.kernel import outbox
from registry.kernel.inserting import insert_many
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

PAGE_HOLDERS = 200
"""How many records, acceptances or grants one transaction looks at."""
MINE_MOST = 100
UPDATES = "/updates"
_DOWNLOADS = "downloads"
_GRANTS = "grants"


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the telling stands; what the outbox carries."""

    mark: UUID
    source: str = _DOWNLOADS
    """The records, the grants, or a license of the gate whose acceptors are looked through."""
    after: UUID | None = None
    last: bool = False
    """The day has come, and nobody is given files any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A holder and what they said."""

    person_id: UUID
    email: str | None
    """None where nobody may know it: the person was erased, or their data may only be stored."""
    told_at: datetime
    downloaded: bool
    answers: Mapping[UpdateAnswered, datetime]

    @property
    def state(self) -> str:
        """The furthest of `notified`, `acknowledged`, `confirmed_deleted`."""
        reached = [one.value for one in UpdateAnswered if one in self.answers]
        return reached[-1] if reached else NOTIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How far the holders of a marked release are."""

    told: int
    downloaded: int
    acknowledged: int
    confirmed_deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """A release that the asking person is to give up."""

    mark: Mark
    repo_id: str
    told: Told


def tell_holders(session: Session, task: Task, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Tell one page of the holders who were not told yet, and put the rest of the task back into the outbox."""
    mark = must_updates.find_mark(session, task.mark)
    if mark is None or mark.ended_at is not None:
        return
    model = catalog.get_model(session, mark.model_id)
    found, last_seen = _look_through(session, task, mark, model)
    known = _told(session, mark.id, found)
    reachable = identity.open_profiles(session, person_ids=found, sealer=sealer)
    new = [one for one in dict.fromkeys(found) if one not in known and one in reachable]
    downloaded = task.source == _DOWNLOADS
    rows = [
        {"must_update_id": mark.id, "person_id": one, "told_at": now, "downloaded": downloaded} for one in new
    ]
    insert_many(session, UpdateNotice, rows)
    identity.notify(session, new, _message(mark, model), base_url=base_url, sealer=sealer, now=now)
    sources = [_DOWNLOADS, *_licenses_of(session, model), _GRANTS]
    if last_seen is not None:
        _queue(session, msgspec.structs.replace(task, after=last_seen), at=now)
    elif task.source in sources[:-1]:
        following = sources[sources.index(task.source) + 1]
        _queue(session, msgspec.structs.replace(task, source=following, after=None), at=now)
    elif not task.last:
        _queue(session, Task(mark=mark.id, last=True), at=max(now, mark.update_by))


def answer(
    session: Session, *, mark_id: UUID, state: UpdateAnswered, principal: Principal, now: datetime
) -> Told | Refusal:
    """Record what a holder says; a confirmed deletion acknowledges too, and what was said before stays.

    That copies are deleted a person says in a browser: no token says it for them.
    """
    deleted = state is UpdateAnswered.CONFIRMED_DELETED
    if principal.person_id is None or (deleted and principal.channel is not Channel.SESSION):
        return not_signed_in(UPDATES)
    if not principal.may(Scope.READ):
        return scope_missing(Scope.READ)
    mark = must_updates.find_mark(session, mark_id)
    mine = _list_told(session, mark_id, person_id=principal.person_id, after=None, limit=1)
    if mark is None or mark.ended_at is not None or not mine:
        return must_updates.no_such_mark("this registry")
    said = (UpdateAnswered.ACKNOWLEDGED, state) if deleted else (UpdateAnswered.ACKNOWLEDGED,)
    for one in said:
        if one not in mine[0].answers:
            _put_answer(session, mark_id, principal.person_id, one, now)
    return _list_told(session, mark_id, person_id=principal.person_id, after=None, limit=1)[0]


def _put_answer(
    session: Session, mark_id: UUID, person_id: UUID, said: UpdateAnswered, now: datetime
) -> None:
    row = insert(UpdateAnswer).values(
        must_update_id=mark_id, person_id=person_id, state=said, answered_at=now
    )
    try:
        with session.begin_nested():
            session.exec(row)
    except IntegrityError:  # the same button was pressed twice at the same moment; it is said once
        return


def list_mine(session: Session, principal: Principal) -> list[Mine] | Refusal:
    """Return the releases that a person was told to give up and whose marks stand, newest first."""
    if principal.person_id is None:
        return not_signed_in(UPDATES)
    if not principal.may(Scope.READ):
        return scope_missing(Scope.READ)
    ids = session.exec(
        select(UpdateNotice.must_update_id)
        .where(UpdateNotice.person_id == principal.person_id)
        .order_by(col(UpdateNotice.must_update_id).desc())
        .limit(MINE_MOST)
    ).all()
    marks = [mark for mark in (must_updates.get_mark(session, one) for one in ids) if mark.ended_at is None]
    return _mine(session, marks, principal.person_id)


def list_told_to(session: Session, *, person_id: UUID, after: UUID | None, limit: int) -> list[Mine]:
    """Return what a person was ever told to give up, also where the mark has ended, with marks after `after`."""
    statement = select(UpdateNotice.must_update_id).where(UpdateNotice.person_id == person_id)
    if after is not None:
        statement = statement.where(UpdateNotice.must_update_id > after)
    ids = session.exec(statement.order_by(col(UpdateNotice.must_update_id)).limit(limit)).all()
    return _mine(session, [must_updates.get_mark(session, one) for one in ids], person_id)


def _mine(session: Session, marks: Sequence[Mark], person_id: UUID) -> list[Mine]:
    names = catalog.name_models(session, [mark.model_id for mark in marks])
    return [
        Mine(
            mark=mark,
            repo_id="/".join(names[mark.model_id]),
            told=_list_told(session, mark.id, person_id=person_id, after=None, limit=1)[0],
        )
        for mark in marks
    ]


def count_told(session: Session, mark_id: UUID) -> Figures:
    """Return how far the holders are."""
    told, downloaded = session.exec(
        select(func.count(), func.count().filter(col(UpdateNotice.downloaded))).where(
            UpdateNotice.must_update_id == mark_id
        )
    ).one()
    rows = session.exec(
        select(UpdateAnswer.state, func.count())
        .where(UpdateAnswer.must_update_id == mark_id)
        .group_by(col(UpdateAnswer.state))
    ).all()
    said = {UpdateAnswered(state): number for state, number in rows}
    return Figures(
        told=told,
        downloaded=downloaded,
        acknowledged=said.get(UpdateAnswered.ACKNOWLEDGED, 0),
        confirmed_deleted=said.get(UpdateAnswered.CONFIRMED_DELETED, 0),
    )


def find_marked(
    session: Session, *, publisher: str, name: str, mark_id: UUID, principal: Principal
) -> tuple[ModelView, Mark] | Refusal:
    """Return a mark whose holders the principal may read."""
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    allowed = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(allowed, Refusal):
        return allowed
    mark = must_updates.find_mark(session, mark_id)
    if mark is None or mark.model_id != model.id:
        return must_updates.no_such_mark(model.repo_id)
    return model, mark


def list_told(
    session: Session, mark_id: UUID, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[Told]:
    """Return a page of the holders by id, with their addresses; who may read it is the caller's matter."""
    page = _list_told(session, mark_id, person_id=None, after=after, limit=limit)
    people = identity.open_shown(session, person_ids=[one.person_id for one in page], sealer=sealer)
    return [
        Told(
            person_id=one.person_id,
            email=people[one.person_id].email if one.person_id in people else None,
            told_at=one.told_at,
            downloaded=one.downloaded,
            answers=one.answers,
        )
        for one in page
    ]


def _list_told(
    session: Session, mark_id: UUID, *, person_id: UUID | None, after: UUID | None, limit: int
) -> list[Told]:
    statement = select(UpdateNotice).where(UpdateNotice.must_update_id == mark_id)
    if person_id is not None:
        statement = statement.where(UpdateNotice.person_id == person_id)
    if after is not None:
        statement = statement.where(UpdateNotice.person_id > after)
    notices = session.exec(statement.order_by(col(UpdateNotice.person_id)).limit(limit)).all()
    answers: dict[UUID, dict[UpdateAnswered, datetime]] = {}
    for row in session.exec(
        select(UpdateAnswer).where(
            UpdateAnswer.must_update_id == mark_id,
            col(UpdateAnswer.person_id).in_([notice.person_id for notice in notices]),
        )
    ):
        answers.setdefault(row.person_id, {})[row.state] = row.answered_at
    return [
        Told(
            person_id=notice.person_id,
            email=None,
            told_at=notice.told_at,
            downloaded=notice.downloaded,
            answers=answers.get(notice.person_id, {}),
        )
        for notice in notices
    ]


def _look_through(
    session: Session, task: Task, mark: Mark, model: ModelView
) -> tuple[Sequence[UUID], UUID | None]:
    """Return the people of one page, and where the next one starts if there is one."""
    if task.source == _DOWNLOADS:
        statement = select(DownloadRecord.id, DownloadRecord.person_id, DownloadRecord.account_id).where(
            DownloadRecord.model_id == mark.model_id, DownloadRecord.release_id == mark.release_id
        )
        if task.after is not None:
            statement = statement.where(DownloadRecord.id > task.after)
        found = session.exec(statement.order_by(col(DownloadRecord.id)).limit(PAGE_HOLDERS)).all()
        accounts = [account_id for _, _, account_id in found if account_id is not None]
        sponsors = identity.find_sponsors(session, accounts) if accounts else {}
        page: list[tuple[UUID, UUID | None]] = [
            (row_id, person_id or (sponsors.get(account_id) if account_id else None))
            for row_id, person_id, account_id in found
        ]
    elif task.source == _GRANTS:
        page = [
            (grant_id, person_id)
            for grant_id, person_id in access.list_grantees(
                session, gate_id=model.gate.id, after=task.after, limit=PAGE_HOLDERS
            )
        ]
    else:
        page = [
            (holder.acceptance_id, holder.person_id)
            for holder in acceptances.list_holders(
                session,
                gate_id=model.gate.id,
                license_id=UUID(task.source),
                after=task.after,
                limit=PAGE_HOLDERS,
            )
        ]
    people = [person_id for _, person_id in page if person_id is not None]
    return people, page[-1][0] if len(page) == PAGE_HOLDERS else None


def _told(session: Session, mark_id: UUID, people: Sequence[UUID]) -> set[UUID]:
    return set(
        session.exec(
            select(UpdateNotice.person_id).where(
                UpdateNotice.must_update_id == mark_id, col(UpdateNotice.person_id).in_(people)
            )
        )
    )


def _licenses_of(session: Session, model: ModelView) -> list[str]:
    asked = (licenses.get_version_by_id(session, one) for one in model.gate.license_version_ids)
    return [str(version.license_id) for version in asked]


def _message(mark: Mark, model: ModelView) -> Message:
    day = f"{mark.update_by:%-d %B %Y}"
    return Message(
        kind="must-update",
        subject=f"Give up a release of {model.repo_id} by {day}",
        text=(
            f"The maintainers of {model.repo_id} ask you to use release {mark.replacement[:12]} instead of "
            f"release {mark.commit[:12]} by {day}. After it, the old release is not handed out any more.\n"
            f"Reason given: {mark.reason}\n"
            "Delete your copies of the old release, and say so on this page."
        ),
        page=UPDATES,
    )


def _queue(session: Session, task: Task, *, at: datetime) -> None:
    outbox.put(session, MUST_UPDATE_MARKED, msgspec.json.encode(task), now=at)
