"""Terms that change: until when an acceptance of an earlier series still opens a gate.

A gate that comes to require a version of another series (a material change) asks people to accept again.
Until the date that comes with the change, who had accepted what the gate required before keeps access. Such
a promise is part of the gate's revision; later revisions carry it on until its date.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session, col, select

from registry import licenses
from registry.catalog.domain import GateView
from registry.catalog.tables import GateGrace
from registry.kernel.canonical import Json
from registry.kernel.clock import iso
from registry.licenses.domain import ChangeClass, Version

REACCEPT_DAYS = 30
"""How long people have for accepting again, unless the maintainer says otherwise."""
REACCEPT_DAYS_MOST = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """An acceptance of this series of a license opens the gate until a moment."""

    license_id: UUID
    series: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsChange:
    """What a change of a gate means to those who accepted one of its licenses before."""

    license_id: UUID
    version: Version
    """Required from now on."""
    change_class: ChangeClass
    """The gravest among the versions between the one that was required and this one."""


def due_graces(
    old: Sequence[Grace],
    required: Iterable[Version],
    versions: Sequence[Version],
    *,
    days: int,
    now: datetime,
) -> tuple[Grace, ...]:
    """Return the promises of the next revision: those that still run, and one for each series left behind."""
    until: dict[tuple[UUID, int], datetime] = {}
    next_series = {version.license_id: version.series for version in versions}
    for grace in old:
        if grace.until > now and grace.license_id in next_series:
            until[grace.license_id, grace.series] = grace.until
    for version in required:
        following = next_series.get(version.license_id)
        if following is not None and following != version.series:
            key = (version.license_id, version.series)
            until[key] = max(now + timedelta(days=days), until.get(key, now))
    return tuple(
        Grace(license_id=license_id, series=series, until=moment)
        for (license_id, series), moment in sorted(until.items())
        if next_series[license_id] != series and moment > now
    )


def list_graces(session: Session, revision_ids: Sequence[UUID]) -> Mapping[UUID, tuple[Grace, ...]]:
    """Return the promises of each revision, by license and series."""
    if not revision_ids:
        return {}
    rows = session.exec(
        select(GateGrace)
        .where(col(GateGrace.gate_revision_id).in_(revision_ids))
        .order_by(col(GateGrace.license_id), col(GateGrace.series))
    )
    found: dict[UUID, tuple[Grace, ...]] = {}
    for row in rows:
        grace = Grace(license_id=row.license_id, series=row.series, until=row.until)
        found[row.gate_revision_id] = (*found.get(row.gate_revision_id, ()), grace)
    return found


def insert_graces(session: Session, revision_id: UUID, graces: Sequence[Grace]) -> None:
    """Record the promises of a revision."""
    for grace in graces:
        session.exec(
            insert(GateGrace).values(
                gate_revision_id=revision_id,
                license_id=grace.license_id,
                series=grace.series,
                until=grace.until,
            )
        )


def describe(graces: Sequence[Grace]) -> list[Json]:
    """Return the promises as they stand in the ledger leaf of their revision."""
    return [
        {"license": str(grace.license_id), "series": grace.series, "until": iso(grace.until)}
        for grace in sorted(graces, key=lambda grace: (grace.license_id, grace.series))
    ]


def find_change(session: Session, revision: GateView, previous: GateView) -> tuple[TermsChange, ...]:
    """Return what moved in the terms between two revisions of a gate, license by license."""
    changes = []
    old = {
        version.license_id: version
        for version in (licenses.get_version_by_id(session, one) for one in previous.license_version_ids)
    }
    for version_id in revision.license_version_ids:
        version = licenses.get_version_by_id(session, version_id)
        before = old.get(version.license_id)
        if before is None or before.id == version.id:
            continue
        changes.append(
            TermsChange(
                license_id=version.license_id,
                version=version,
                change_class=licenses.gravest_change(session, before, version),
            )
        )
    return tuple(changes)
