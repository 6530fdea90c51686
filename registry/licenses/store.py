"""Queries and inserts of licenses. Nothing here updates or deletes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, exists, insert, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select

from registry.kernel.identifiers import new_id
from registry.licenses.domain import (
    VERSIONS_MAX,
    LicenseSummary,
    Outcome,
    Policy,
    Restriction,
    Terms,
    Verdict,
    Version,
    VersionSummary,
    mark_overtaken,
    second_person_of,
)
from registry.licenses.tables import (
    IncludedPolicy,
    License,
    LicenseRestriction,
    LicenseVerdict,
    LicenseVersion,
)


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
            asks_second=version.asks_second,
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
    """Return the version published last of those that stand."""
    statement = (
        _versions()
        .where(License.slug == slug, _stands())
        .order_by(col(LicenseVersion.ordinal).desc())
        .limit(1)
    )
    return _one_version(session, statement)


def list_versions_by_digest(
    session: Session, *, sha256: str, normalised: str, limit: int
) -> list[VersionSummary]:
    """Return the versions that stand with these bytes, or with these words in another layout."""
    same = or_(col(LicenseVersion.sha256) == sha256, col(LicenseVersion.normalised_digest) == normalised)
    confirmed = col(LicenseVerdict.outcome) == Outcome.CONFIRMED
    stands = or_(col(LicenseVersion.asks_second).is_(False), confirmed)
    statement = _summaries().where(same, stands).order_by(License.slug, LicenseVersion.ordinal).limit(limit)
    return [_summary(row) for row in session.exec(statement)]


def list_versions(session: Session, slug: str) -> list[VersionSummary]:
    """Return the versions of a license, the first one first; none if there is no such license."""
    statement = (
        _summaries().where(License.slug == slug).order_by(col(LicenseVersion.ordinal)).limit(VERSIONS_MAX)
    )
    return mark_overtaken([_summary(row) for row in session.exec(statement)])


def list_versions_of_text(session: Session, sha256: str) -> list[VersionSummary]:
    """Return the versions whose text has this digest, by their names."""
    statement = (
        _summaries()
        .where(LicenseVersion.sha256 == sha256)
        .order_by(col(License.slug), col(LicenseVersion.ordinal))
        .limit(VERSIONS_MAX)
    )
    return [_summary(row) for row in session.exec(statement)]


def list_licenses(
    session: Session, *, after: str, limit: int, words: Sequence[str] = ()
) -> list[LicenseSummary]:
    """Return up to `limit` licenses with a greater slug than `after`, by slug, each with its latest version that stands."""
    # Under other names: the versions listed are not those looked through here.
    other, verdict = aliased(LicenseVersion), aliased(LicenseVerdict)
    of_license = select(other).where(other.license_id == License.id).correlate(License)
    latest = (
        of_license.with_only_columns(func.max(other.ordinal)).where(_stands(other, verdict)).scalar_subquery()
    )
    count = of_license.with_only_columns(func.count()).scalar_subquery()
    statement = (
        _summaries()
        .add_columns(col(License.publisher), count.label("version_count"))
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
            version_count=row.version_count,
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


def lock_license(session: Session, license_id: UUID) -> None:
    """Make other transactions that lock this license wait until this one ends."""
    session.exec(select(License.id).where(License.id == license_id).with_for_update()).one()


def find_verdict(session: Session, version_id: UUID) -> Verdict | None:
    """Return what a second person said of a version's change class."""
    row = session.exec(
        select(LicenseVerdict).where(LicenseVerdict.license_version_id == version_id)
    ).one_or_none()
    return _verdict(row) if row is not None else None


def list_verdicts_by(session: Session, *, person_id: UUID, before: UUID | None, limit: int) -> list[Verdict]:
    """Return a page of what a person said as a second person, the version published last first."""
    statement = select(LicenseVerdict).where(LicenseVerdict.given_by == person_id)
    if before is not None:
        statement = statement.where(col(LicenseVerdict.license_version_id) < before)
    statement = statement.order_by(col(LicenseVerdict.license_version_id).desc()).limit(limit)
    return [_verdict(row) for row in session.exec(statement)]


def list_unconfirmed(session: Session, version_ids: Sequence[UUID], *, at: datetime) -> list[str]:
    """Return those whose change class no second person had confirmed at that moment, as people name them."""
    confirmed = exists().where(
        col(LicenseVerdict.license_version_id) == col(LicenseVersion.id),
        col(LicenseVerdict.outcome) == Outcome.CONFIRMED,
        col(LicenseVerdict.given_at) <= at,
    )
    rows = session.exec(
        select(License.slug, LicenseVersion.number)
        .where(LicenseVersion.license_id == License.id, col(LicenseVersion.id).in_(version_ids))
        .where(col(LicenseVersion.asks_second), ~confirmed)
        .order_by(col(License.slug), col(LicenseVersion.ordinal))
    )
    return [f"{slug}@{number}" for slug, number in rows]


def _verdict(row: LicenseVerdict) -> Verdict:
    return Verdict(
        version_id=row.license_version_id,
        outcome=row.outcome,
        compared_with=row.compared_with,
        given_by=row.given_by,
        given_at=row.given_at,
        reason=row.reason,
        entry_id=row.entry_id,
    )


def insert_verdict(session: Session, verdict: Verdict) -> None:
    """Store what a second person said."""
    session.exec(
        insert(LicenseVerdict).values(
            license_version_id=verdict.version_id,
            outcome=verdict.outcome,
            compared_with=verdict.compared_with,
            given_by=verdict.given_by,
            given_at=verdict.given_at,
            reason=verdict.reason,
            entry_id=verdict.entry_id,
        )
    )


def list_publishers(session: Session, license_id: UUID) -> list[UUID]:
    """Return who has published versions of the license, the latest first."""
    statement = (
        select(LicenseVersion.published_by)
        .where(LicenseVersion.license_id == license_id, col(LicenseVersion.published_by).is_not(None))
        .order_by(col(LicenseVersion.ordinal).desc())
    )
    return list(dict.fromkeys(one for one in session.exec(statement) if one is not None))


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
        asks_second=version.asks_second,
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
        col(LicenseVersion.published_by),
        col(LicenseVersion.asks_second),
        col(LicenseVerdict.outcome),
        col(LicenseVerdict.given_at),
    ]
    return (
        select(*columns)
        .select_from(LicenseVersion)
        .join(License, col(LicenseVersion.license_id) == col(License.id))
        .outerjoin(LicenseVerdict, col(LicenseVerdict.license_version_id) == col(LicenseVersion.id))
    )


def _stands(
    version: type[LicenseVersion] = LicenseVersion, verdict: type[LicenseVerdict] = LicenseVerdict
) -> ColumnElement[bool]:
    """Whether a second person is not asked for, or has confirmed."""
    confirmed = exists().where(
        col(verdict.license_version_id) == col(version.id), col(verdict.outcome) == Outcome.CONFIRMED
    )
    return or_(col(version.asks_second).is_(False), confirmed)


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
        second=second_person_of(
            row.change_class, by=row.published_by, asks=row.asks_second, outcome=row.outcome
        ),
        judged_at=row.given_at,
    )
