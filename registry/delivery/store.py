"""Queries of download records and refused requests; the hot path inserts them (`resolving`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from registry import acceptances
from registry.delivery.domain import DownloadSummary
from registry.delivery.tables import DownloadCount, DownloadRecord, DownloadRecordAcceptance, RefusedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which download records to list; by models, by person, or both."""

    model_ids: Sequence[UUID] | None = None
    person_id: UUID | None = None
    path: str | None = None
    license_version_ids: Sequence[UUID] | None = None
    """Any of these, as the text of the acceptance that the download rested on."""
    acceptance_id: UUID | None = None
    """One that the download rested on, the first or a further one."""
    since: datetime | None = None
    until: datetime | None = None


def list_downloads(
    session: Session, wanted: Filter, *, after: UUID | None, limit: int
) -> list[DownloadRecord]:
    """Return records newest first, strictly older than `after`.

    Each model is asked by itself, so that its index gives the order; only what can still be among the newest
    is fetched. The downloads under one acceptance are asked by its two indices.
    """
    if wanted.acceptance_id is not None:
        return _list_under(session, wanted, wanted.acceptance_id, after=after, limit=limit)
    if wanted.model_ids is None or wanted.person_id is not None:
        return _list(session, wanted, None, newer_than=None, after=after, limit=limit)
    newest: list[DownloadRecord] = []
    for model_id in dict.fromkeys(wanted.model_ids):
        floor = newest[-1].id if len(newest) == limit else None
        found = _list(session, wanted, model_id, newer_than=floor, after=after, limit=limit)
        newest = sorted([*newest, *found], key=lambda row: row.id, reverse=True)[:limit]
    return newest


def _list(
    session: Session,
    wanted: Filter,
    model_id: UUID | None,
    *,
    newer_than: UUID | None,
    after: UUID | None,
    limit: int,
) -> list[DownloadRecord]:
    statement = _narrow(select(DownloadRecord), wanted, after=after)
    if model_id is not None:
        statement = statement.where(DownloadRecord.model_id == model_id)
    elif wanted.model_ids is not None:
        statement = statement.where(col(DownloadRecord.model_id).in_(wanted.model_ids))
    if newer_than is not None:
        statement = statement.where(DownloadRecord.id > newer_than)
    return list(session.exec(statement.order_by(col(DownloadRecord.id).desc()).limit(limit)).all())


def _list_under(
    session: Session, wanted: Filter, acceptance_id: UUID, *, after: UUID | None, limit: int
) -> list[DownloadRecord]:
    """Return what rested on an acceptance, newest first, whatever its place among those of the gate."""
    found: list[DownloadRecord] = []
    for statement in statements_under(wanted, acceptance_id, after=after):
        found += session.exec(statement.limit(limit)).all()
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def statements_under(
    wanted: Filter, acceptance_id: UUID, *, after: UUID | None
) -> tuple[SelectOfScalar[DownloadRecord], SelectOfScalar[DownloadRecord]]:
    """Return the queries of what rested on it first, and of what rested on it after another; newest first."""
    first = _narrow(select(DownloadRecord), wanted, after=after).where(
        DownloadRecord.acceptance_id == acceptance_id
    )
    link = DownloadRecordAcceptance
    further = _narrow(select(DownloadRecord), wanted, after=None)
    further = further.join(link, col(link.record_id) == col(DownloadRecord.id))
    further = further.where(link.acceptance_id == acceptance_id)
    if after is not None:
        further = further.where(link.record_id < after)
    if wanted.model_ids is not None:
        # A model of another publisher that is made from this one may rest on the same acceptance.
        of_these = col(DownloadRecord.model_id).in_(wanted.model_ids)
        first, further = first.where(of_these), further.where(of_these)
    return first.order_by(col(DownloadRecord.id).desc()), further.order_by(col(link.record_id).desc())


def _narrow(
    statement: SelectOfScalar[DownloadRecord], wanted: Filter, *, after: UUID | None
) -> SelectOfScalar[DownloadRecord]:
    """Return the query with every condition but those of models and acceptance."""
    if wanted.person_id is not None:
        statement = statement.where(DownloadRecord.person_id == wanted.person_id)
    if wanted.path is not None:
        statement = statement.where(DownloadRecord.path == wanted.path)
    if wanted.license_version_ids is not None:
        statement = statement.where(_rests_on(wanted.license_version_ids))
    if wanted.since is not None:
        statement = statement.where(DownloadRecord.issued_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(DownloadRecord.issued_at < wanted.until)
    if after is not None:
        statement = statement.where(DownloadRecord.id < after)
    return statement


def _rests_on(license_version_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Return the condition that any acceptance of a record is of one of these texts."""
    further = exists().where(
        col(DownloadRecordAcceptance.record_id) == col(DownloadRecord.id),
        acceptances.is_of_license(DownloadRecordAcceptance.acceptance_id, license_version_ids),
    )
    return or_(acceptances.is_of_license(DownloadRecord.acceptance_id, license_version_ids), further)


def find_acceptances(session: Session, rows: Sequence[DownloadRecord]) -> Mapping[UUID, tuple[UUID, ...]]:
    """Return the acceptances that each record rests on, in order."""
    found = {row.id: [row.acceptance_id] if row.acceptance_id else [] for row in rows}
    links = session.exec(
        select(DownloadRecordAcceptance)
        .where(col(DownloadRecordAcceptance.record_id).in_([row.id for row in rows if row.acceptance_id]))
        .order_by(col(DownloadRecordAcceptance.record_id), col(DownloadRecordAcceptance.position))
    )
    for link in links:
        found[link.record_id].append(link.acceptance_id)
    return {record_id: tuple(acceptance_ids) for record_id, acceptance_ids in found.items()}


def count_up_to(
    session: Session, model_ids: Sequence[UUID], *, most: int, since: datetime | None = None
) -> int:
    """Return how many records the models have, counted no further than `most`."""
    statement = select(DownloadRecord.id).where(col(DownloadRecord.model_id).in_(model_ids))
    if since is not None:
        statement = statement.where(DownloadRecord.issued_at >= since)
    return session.exec(select(func.count()).select_from(statement.limit(most).subquery())).one()


def sum_counted(session: Session, model_ids: Sequence[UUID]) -> int:
    """Return how many old records of the models are kept as counts only."""
    counted = select(func.sum(DownloadCount.downloads)).where(col(DownloadCount.model_id).in_(model_ids))
    return int(session.exec(counted).one() or 0)


def list_refused(
    session: Session, *, person_id: UUID, after: UUID | None, limit: int
) -> list[RefusedRequest]:
    """Return what a person asked for and was refused, newest first, strictly older than `after`."""
    statement = select(RefusedRequest).where(RefusedRequest.person_id == person_id)
    if after is not None:
        statement = statement.where(RefusedRequest.id < after)
    return list(session.exec(statement.order_by(col(RefusedRequest.id).desc()).limit(limit)).all())


def summarise(
    row: DownloadRecord, names: tuple[str, str], commit: str, acceptance_ids: tuple[UUID, ...]
) -> DownloadSummary:
    """Return a record as lists show it."""
    values: dict[str, Any] = {
        name: getattr(row, name)
        for name in (
            *("id", "issued_at", "person_id", "model_id", "path", "sha256", "size"),
            *("resumed_from", "channel", "client", "account_id"),
        )
    }
    return DownloadSummary(
        publisher=names[0], model=names[1], commit=commit, acceptance_ids=acceptance_ids, **values
    )
