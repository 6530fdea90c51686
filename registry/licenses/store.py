"""Queries and inserts of licenses. Nothing here updates or deletes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, or_
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select

from registry.kernel.identifiers import new_id
from registry.licenses.domain import (
    VERSIONS_MAX,
    LicenseSummary,
    Policy,
    Restriction,
    Terms,
    Version,
    VersionSummary,
)
from registry.licenses.tables import IncludedPolicy, License, LicenseRestriction, LicenseVersion


def find_license(session: Session, slug: str) -> License | None:
    """Return the row of the license with this slug."""
    return session.exec(select(License).where(License.slug == slug)).one_or_none()


def find_license_by_id(session: Session, license_id: UUID) -> License | None:
    """Return the row of the license with this id."""
    return session.exec(select(License).where(License.id == license_id)).one_or_none()


def insert_license(
    session: Session, *, slug: str, title: str, publisher: str | None, now: datetime
) -> License:
    """Store a new license; raise IntegrityError if the slug was taken meanwhile."""
    row = License(id=new_id(), slug=slug, title=title, publisher=publisher, created_at=now)
    session.add(row)
    session.flush()  # The version's foreign key needs the row.
    return row


def insert_version(session: Session, version: Version, terms: Terms) -> None:
    """Store a version with its policies and restrictions; raise IntegrityError if its number was taken meanwhile."""
    session.add(
        LicenseVersion(
            id=version.id,
            license_id=version.license_id,
            number=version.number,
            ordinal=version.ordinal,
            series=version.series,
            change_class=version.change_class,
            text=version.text,
            sha256=version.sha256,
            normalised_digest=version.normalised_digest,
            language=version.language,
            effective_at=version.effective_at,
            published_at=version.published_at,
            published_by=version.published_by,
            recognised_as=version.recognised_as,
            entry_id=version.entry_id,
        )
    )
    session.flush()  # Policies and restrictions refer to the row.
    for position, policy in enumerate(terms.policies):
        session.add(
            IncludedPolicy(
                license_version_id=version.id,
                position=position,
                title=policy.title,
                url=policy.url,
                sha256=policy.sha256,
                text=policy.text,
            )
        )
    for restriction in terms.restrictions:
        session.add(
            LicenseRestriction(
                license_version_id=version.id,
                slug=restriction.slug,
                strictness=restriction.strictness,
                clause=restriction.clause,
            )
        )
    session.flush()  # A conflict must show inside the caller's savepoint.


def find_version(session: Session, slug: str, number: str) -> Version | None:
    """Return the version of this license with this number."""
    return _one_version(session, _versions().where(License.slug == slug, LicenseVersion.number == number))


def find_version_by_id(session: Session, version_id: UUID) -> Version | None:
    """Return the version with this id."""
    return _one_version(session, _VERSION_BY_ID, version_id=version_id)


def latest_version(session: Session, slug: str) -> Version | None:
    """Return the version published last."""
    statement = _versions().where(License.slug == slug).order_by(col(LicenseVersion.ordinal).desc()).limit(1)
    return _one_version(session, statement)


def list_versions(session: Session, slug: str) -> list[VersionSummary]:
    """Return the versions of a license, the first one first; none if there is no such license."""
    statement = (
        _summaries().where(License.slug == slug).order_by(col(LicenseVersion.ordinal)).limit(VERSIONS_MAX)
    )
    return [_summary(row) for row in session.exec(statement)]


def list_licenses(
    session: Session, *, after: str, limit: int, words: Sequence[str] = ()
) -> list[LicenseSummary]:
    """Return up to `limit` licenses with a greater slug than `after`, by slug, each with its latest version."""
    latest = (
        select(func.max(LicenseVersion.ordinal))
        .where(LicenseVersion.license_id == License.id)
        .correlate(License)
        .scalar_subquery()
    )
    statement = (
        _summaries()
        .add_columns(col(License.publisher))
        .where(License.slug > after, LicenseVersion.ordinal == latest)
        .order_by(col(License.slug))
        .limit(limit)
    )
    for word in words:
        statement = statement.where(
            or_(
                col(License.slug).icontains(word, autoescape=True),
                col(License.title).icontains(word, autoescape=True),
            )
        )
    return [
        LicenseSummary(
            id=row.license_id,
            slug=row.slug,
            title=row.title,
            publisher=row.publisher,
            latest=_summary(row),
            version_count=row.ordinal,
        )
        for row in session.exec(statement)
    ]


def terms_of(session: Session, version_id: UUID) -> Terms:
    """Return the policies (in order) and restrictions (by slug) of a version."""
    restrictions = session.exec(
        select(LicenseRestriction)
        .where(LicenseRestriction.license_version_id == version_id)
        .order_by(col(LicenseRestriction.slug))
    )
    return Terms(
        policies=policies_of(session, version_id),
        restrictions=tuple(
            Restriction(slug=row.slug, strictness=row.strictness, clause=row.clause) for row in restrictions
        ),
    )


def policies_of(session: Session, version_id: UUID) -> tuple[Policy, ...]:
    """Return the policies that a version includes, in order."""
    return tuple(
        Policy(title=row.title, url=row.url, sha256=row.sha256, text=row.text)
        for row in session.exec(_POLICIES, params={"version_id": version_id})
    )


def has_published(session: Session, *, license_id: UUID, person_id: UUID) -> bool:
    """Whether the person has published a version of the license."""
    statement = (
        select(LicenseVersion.id)
        .where(LicenseVersion.license_id == license_id, LicenseVersion.published_by == person_id)
        .limit(1)
    )
    return session.exec(statement).first() is not None


def list_license_ids(session: Session, *, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return ids of licenses in the order of the ids."""
    statement = select(License.id).order_by(col(License.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(License.id) > after)
    return session.exec(statement).all()


def list_version_ids(session: Session, license_id: UUID) -> Sequence[UUID]:
    """Return the ids of all versions of a license by ordinal."""
    statement = (
        select(LicenseVersion.id)
        .where(LicenseVersion.license_id == license_id)
        .order_by(col(LicenseVersion.ordinal), col(LicenseVersion.id))
        .limit(2 * VERSIONS_MAX)
    )
    return session.exec(statement).all()


def _versions() -> Select[LicenseVersion, License]:
    return select(LicenseVersion, License).where(LicenseVersion.license_id == License.id)


# Made once: every acceptance asks for its version and the policies of it.
_VERSION_BY_ID = _versions().where(col(LicenseVersion.id) == bindparam("version_id"))
_POLICIES = (
    select(IncludedPolicy)
    .where(col(IncludedPolicy.license_version_id) == bindparam("version_id"))
    .order_by(col(IncludedPolicy.position))
)


def _one_version(
    session: Session, statement: Select[LicenseVersion, License], **given: object
) -> Version | None:
    found = session.exec(statement, params=given).one_or_none()
    if found is None:
        return None
    version, owner = found
    return Version(
        id=version.id,
        license_id=owner.id,
        slug=owner.slug,
        title=owner.title,
        publisher=owner.publisher,
        number=version.number,
        ordinal=version.ordinal,
        series=version.series,
        change_class=version.change_class,
        text=version.text,
        sha256=version.sha256,
        normalised_digest=version.normalised_digest,
        language=version.language,
        effective_at=version.effective_at,
        published_at=version.published_at,
        published_by=version.published_by,
        recognised_as=version.recognised_as,
        entry_id=version.entry_id,
    )


def _summaries() -> Any:
    # Twelve columns are more than the typed `select` knows; the rows are read by name below.
    columns: list[Any] = [
        col(LicenseVersion.id).label("id"),
        col(LicenseVersion.license_id),
        col(License.slug),
        col(License.title),
        col(LicenseVersion.number),
        col(LicenseVersion.ordinal),
        col(LicenseVersion.series),
        col(LicenseVersion.change_class),
        col(LicenseVersion.sha256),
        func.length(LicenseVersion.text).label("size"),
        col(LicenseVersion.effective_at),
        col(LicenseVersion.published_at),
        col(LicenseVersion.recognised_as),
    ]
    return select(*columns).where(LicenseVersion.license_id == License.id)


def _summary(row: Row[Any]) -> VersionSummary:
    return VersionSummary(
        id=row.id,
        license_id=row.license_id,
        slug=row.slug,
        title=row.title,
        number=row.number,
        ordinal=row.ordinal,
        series=row.series,
        change_class=row.change_class,
        sha256=row.sha256,
        size=row.size,
        effective_at=row.effective_at,
        published_at=row.published_at,
        recognised_as=row.recognised_as,
    )
