"""Queries and inserts of reports that were sent, and of their parts; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, update
from sqlmodel import Session, col, select

from registry.acceptances.tables import ImportReport, ImportReportPart
from registry.kernel.among import is_among


def insert_report(session: Session, report: ImportReport) -> None:
    """Insert a report that begins to be read."""
    session.exec(insert(ImportReport).values(**report.model_dump()))


def insert_part(session: Session, report_id: UUID, number: int, sealed_rows: bytes) -> None:
    """Insert a part of a report."""
    session.exec(insert(ImportReportPart).values(report_id=report_id, number=number, sealed_rows=sealed_rows))


def find_report(session: Session, report_id: UUID, *, lock: bool = False) -> ImportReport | None:
    """Return a report; with `lock` nobody else changes it before the commit."""
    statement = select(ImportReport).where(ImportReport.id == report_id)
    found = session.exec(statement.with_for_update() if lock else statement).one_or_none()
    session.expunge_all()
    return found


def list_reports(session: Session, model_ids: Sequence[UUID], *, limit: int) -> Sequence[ImportReport]:
    """Return the reports about these models that have been read, the newest first."""
    statement = select(ImportReport).where(is_among(session, ImportReport.model_id, model_ids))
    statement = statement.where(col(ImportReport.preview).is_not(None))
    found = session.exec(statement.order_by(col(ImportReport.id).desc()).limit(limit)).all()
    session.expunge_all()
    return found


def count_unconfirmed(session: Session, model_id: UUID) -> int:
    """Return how many reports about a model wait for their confirmation."""
    statement = select(func.count()).select_from(ImportReport).where(ImportReport.model_id == model_id)
    waits = col(ImportReport.confirmed_at).is_(None) & col(ImportReport.preview).is_not(None)
    return session.exec(statement.where(waits)).one()


def find_confirmed(session: Session) -> ImportReport | None:
    """Return the oldest report that is to be imported and is not yet whole; nobody else changes it before the commit."""
    statement = (
        select(ImportReport)
        .where(col(ImportReport.finished_at).is_(None), col(ImportReport.confirmed_at).is_not(None))
        .order_by(col(ImportReport.id))
        .limit(1)
        .with_for_update()
    )
    found = session.exec(statement).one_or_none()
    session.expunge_all()
    return found


def find_expired(session: Session, *, unconfirmed: datetime, finished: datetime) -> ImportReport | None:
    """Return a report whose time is over: sent before one moment and not confirmed, or finished before the other."""
    statement = select(ImportReport).where(
        or_(
            col(ImportReport.confirmed_at).is_(None) & (col(ImportReport.sent_at) < unconfirmed),
            col(ImportReport.finished_at) < finished,
        )
    )
    found = session.exec(statement.order_by(col(ImportReport.id)).limit(1)).one_or_none()
    session.expunge_all()
    return found


def find_part(session: Session, report_id: UUID) -> ImportReportPart | None:
    """Return the first part that is left."""
    statement = select(ImportReportPart).where(ImportReportPart.report_id == report_id)
    found = session.exec(statement.order_by(col(ImportReportPart.number)).limit(1)).one_or_none()
    session.expunge_all()
    return found


def update_report(session: Session, report_id: UUID, **changes: object) -> None:
    """Change these columns of a report."""
    session.exec(update(ImportReport).where(col(ImportReport.id) == report_id).values(**changes))


def delete_part(session: Session, part: ImportReportPart) -> None:
    """Delete a part."""
    session.exec(
        delete(ImportReportPart).where(
            col(ImportReportPart.report_id) == part.report_id, col(ImportReportPart.number) == part.number
        )
    )


def delete_report(session: Session, report_id: UUID) -> None:
    """Delete a report with all its parts."""
    session.exec(delete(ImportReportPart).where(col(ImportReportPart.report_id) == report_id))
    session.exec(delete(ImportReport).where(col(ImportReport.id) == report_id))
