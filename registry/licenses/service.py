"""Use cases of licenses: publish a version, bundle our own, find, list, compare."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from registry import ledger
from registry.kernel import outbox
from registry.kernel.announcing import announce
from registry.kernel.identifiers import new_id
from registry.kernel.news import Event, News
from registry.kernel.outcomes import CorruptRecord, GatehouseError, Refusal
from registry.licenses import publication, store
from registry.licenses.bundled import read_bundled
from registry.licenses.comparison import Comparison, compare
from registry.licenses.domain import (
    CLASS_PROPOSED,
    LEDGER_KIND,
    PAGE_MAX_LICENSES,
    REFUSED,
    Draft,
    LicenseSummary,
    Policy,
    PublishVersion,
    Restriction,
    Terms,
    Version,
    VersionSummary,
    asks_second_person,
    is_number,
    series_of,
)
from registry.licenses.known import KnownIndex, Match, Recognition, known_index
from registry.licenses.leaves import leaf_of
from registry.licenses.structure import Structure, parse
from registry.licenses.texts import check_text, decode, exact_digest, normalised_digest

SAME_TEXT_MOST = 10
"""Versions with one text that are told apart; more than one is enough to ask which is meant."""
_ATTEMPTS = 3
"""Somebody else may take the same number meanwhile; then the rules are asked again with what is there now."""


def publish_version(
    session: Session, command: PublishVersion, *, now: datetime, by: UUID | None, is_operator: bool = False
) -> Version | Refusal:
    """Publish a text; the same bytes under the same number give the version that is there already.

    `by` None means the registry itself. A new version of a license comes from somebody who published one of
    its versions, or from an operator. The version, its rows and its ledger entry commit together.
    """
    if (refusal := _judge_alone(command, now=now)) is not None:
        return refusal
    for _ in range(_ATTEMPTS):
        try:
            with session.begin_nested():
                return _publish(session, command, now=now, by=by, is_operator=is_operator)
        except IntegrityError:
            continue
    raise GatehouseError(f"license {command.slug}@{command.number}: its number is taken again and again")


def draft_version(
    session: Session, command: PublishVersion, *, now: datetime, by: UUID, is_operator: bool = False
) -> Draft | Refusal:
    """Return what `publish_version` would give now; nothing is stored."""
    if (refusal := _judge_alone(command, now=now)) is not None:
        return refusal
    published = store.list_versions(session, command.slug)
    judged = _judge_beside(session, command, published, by=by, is_operator=is_operator)
    if isinstance(judged, Refusal):
        return judged
    if judged is not None:
        return Draft(version=judged, restrictions=find_restrictions(session, judged.id))
    license_id = published[-1].license_id if published else new_id()
    version, terms = _draft(command, published, license_id=license_id, now=now, by=by)
    return Draft(version=version, restrictions=_restrictions_of(version.recognised_as, terms))


def _judge_alone(command: PublishVersion, *, now: datetime) -> Refusal | None:
    return publication.judge_command(command, now=now) or check_text(command.text) or _judge_policies(command)


def _judge_beside(
    session: Session,
    command: PublishVersion,
    published: list[VersionSummary],
    *,
    by: UUID | None,
    is_operator: bool,
) -> Version | Refusal | None:
    """Return the version that is the command's already, or why it may not follow those that are published."""
    sha256 = exact_digest(command.text)
    if same := next((one for one in published if (one.number, one.sha256) == (command.number, sha256)), None):
        return get_version_by_id(session, same.id)
    if not published:
        return publication.judge_new_license(command)
    if (
        by is not None
        and not is_operator
        and not store.has_published(session, license_id=published[-1].license_id, person_id=by)
    ):
        return publication.not_yours(command.slug)
    kept = [one for one in published if one.second not in REFUSED]
    standing = store.terms_of(session, kept[-1].id).restrictions
    return publication.judge_next_version(command, sha256=sha256, published=published, standing=standing)


def _publish(
    session: Session, command: PublishVersion, *, now: datetime, by: UUID | None, is_operator: bool
) -> Version | Refusal:
    published = store.list_versions(session, command.slug)
    judged = _judge_beside(session, command, published, by=by, is_operator=is_operator)
    return _record(session, command, published, now=now, by=by) if judged is None else judged


def _record(
    session: Session,
    command: PublishVersion,
    published: list[VersionSummary],
    *,
    now: datetime,
    by: UUID | None,
) -> Version:
    """Store a judged command. The entry comes before the row that refers to it; appending takes no lock."""
    owner = store.find_license(session, command.slug) or store.insert_license(
        session,
        slug=command.slug,
        title=command.title.strip(),
        publisher=command.publisher,
        now=whole_milliseconds(now),
    )
    version, terms = _draft(command, published, license_id=owner.id, now=now, by=by)
    version = replace(version, slug=owner.slug, title=owner.title, publisher=owner.publisher)
    entry_id = ledger.append(
        session, kind=LEDGER_KIND, leaf=leaf_of(version, terms), now=version.published_at
    )
    version = replace(version, entry_id=entry_id)
    store.insert_version(session, version, terms)
    if version.asks_second:
        outbox.put(session, CLASS_PROPOSED, json.dumps({"version": str(version.id)}).encode(), now=now)
    if published:  # No gate asks for another version of a license that is new.
        item = News(event=Event.LICENSE_VERSION_PUBLISHED, at=now, license_version=version.id)
        announce(session, item)
    return version


def _draft(
    command: PublishVersion,
    published: list[VersionSummary],
    *,
    license_id: UUID,
    now: datetime,
    by: UUID | None,
) -> tuple[Version, Terms]:
    """Return the version that a judged command makes, without an entry in the log yet."""
    sha256, normalised = exact_digest(command.text), normalised_digest(command.text)
    known = known_index().find_by_digest(sha256=sha256, normalised=normalised)
    terms = Terms(
        policies=tuple(_with_digest(policy) for policy in command.policies),
        restrictions=command.restrictions or (known.restrictions if known is not None else ()),
    )
    ordinal = len(published) + 1
    version = Version(
        id=new_id(),
        license_id=license_id,
        slug=command.slug,
        title=command.title.strip(),
        publisher=command.publisher,
        number=command.number,
        ordinal=ordinal,
        series=series_of(
            command.change_class,
            ordinal=ordinal,
            previous_series=published[-1].series if published else None,
        ),
        change_class=command.change_class,
        text=command.text,
        sha256=sha256,
        normalised_digest=normalised,
        language=command.language,
        effective_at=whole_milliseconds(command.effective_at or now),
        published_at=whole_milliseconds(now),
        published_by=by,
        recognised_as=known.id if known is not None else None,
        entry_id=UUID(int=0),
        asks_second=asks_second_person(command.change_class, by=by),
    )
    return version, terms


def _judge_policies(command: PublishVersion) -> Refusal | None:
    for policy in command.policies:
        if policy.text is None:
            continue
        if (refusal := check_text(policy.text)) is not None:
            return replace(refusal, errors={"policies": refusal.detail})
        if policy.sha256 not in {None, exact_digest(policy.text)}:
            return publication.policy_digest_differs(policy, exact_digest(policy.text))
    return None


def _with_digest(policy: Policy) -> Policy:
    return policy if policy.text is None else replace(policy, sha256=exact_digest(policy.text))


def whole_milliseconds(moment: datetime) -> datetime:
    """Return `moment` as precise as the ledger leaf states it, so that the row and the leaf stay equal."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def load_bundled(session: Session, *, now: datetime, folder: Path | None = None) -> list[Version]:
    """Publish the bundled licenses that are not there yet; return all their versions.

    Raises:
        GatehouseError: a bundled text differs from the one published under its number.
    """
    versions = []
    for bundled in read_bundled(folder):
        outcome = publish_version(session, bundled.command, now=now, by=None)
        if isinstance(outcome, Refusal):
            reference = f"{bundled.command.slug}@{bundled.command.number}"
            raise GatehouseError(f"bundled license {reference} cannot be published: {outcome.detail}")
        versions.append(outcome)
    return versions


# --- finding ---


def find_version(session: Session, slug: str, number: str) -> Version | None:
    """Return the version of this license with this number."""
    return store.find_version(session, slug, number) if is_number(number) else None


def get_version_by_id(session: Session, version_id: UUID) -> Version:
    """Return the version with this id, which another row refers to.

    Raises:
        CorruptRecord: there is none.
    """
    version = store.find_version_by_id(session, version_id)
    if version is None:
        raise CorruptRecord(f"license version {version_id} is missing")
    return version


def latest_version(session: Session, slug: str) -> Version | None:
    """Return the version published last of those that stand: that no second person has yet to confirm."""
    return store.latest_version(session, slug)


def list_versions(session: Session, slug: str) -> list[VersionSummary]:
    """Return the versions of a license, the first one first; none if there is no such license."""
    return store.list_versions(session, slug)


def list_versions_of_text(session: Session, sha256: str) -> list[VersionSummary]:
    """Return the versions whose text is these bytes, by their digest (`sha256:<hex>`)."""
    return store.list_versions_of_text(session, sha256)


def find_versions_by_text(session: Session, text: bytes) -> list[tuple[VersionSummary, Match]]:
    """Return the versions that stand and are these bytes; where there are none, those of the same words in another layout."""
    sha256 = exact_digest(text)
    found = store.list_versions_by_digest(
        session, sha256=sha256, normalised=normalised_digest(text), limit=SAME_TEXT_MOST
    )
    exact = [(one, Match.EXACT) for one in found if one.sha256 == sha256]
    return exact or [(one, Match.LAYOUT) for one in found]


def list_licenses(
    session: Session, *, after: str = "", limit: int = 50, search: str = ""
) -> tuple[list[LicenseSummary], str | None]:
    """Return a page of licenses by slug, and the slug to go on after (None at the end).

    With `search`, those whose slug or title holds each of its words.
    """
    limit = max(1, min(limit, PAGE_MAX_LICENSES))
    found = store.list_licenses(session, after=after, limit=limit + 1, words=search.split())
    page = found[:limit]
    return page, page[-1].slug if len(found) > limit else None


def find_terms(session: Session, version_id: UUID) -> Terms:
    """Return the policies and restrictions of a version."""
    return store.terms_of(session, version_id)


def find_restrictions(session: Session, version_id: UUID) -> tuple[Restriction, ...] | None:
    """Return the use restrictions of a version and of the policies that it includes; None where nobody has said.

    They are those stated with it, and those known of its text and of its policies' texts.
    """
    version = store.find_version_by_id(session, version_id)
    return _restrictions_of(version.recognised_as if version else None, store.terms_of(session, version_id))


def _restrictions_of(recognised_as: str | None, terms: Terms) -> tuple[Restriction, ...] | None:
    index = known_index()
    known = index.find(recognised_as) if recognised_as else None
    policies = [index.find_by_exact_digest(policy.sha256) for policy in terms.policies if policy.sha256]
    texts = [
        *([known, *index.list_policies(known.id)] if known else []),
        *(policy for policy in policies if policy is not None),
    ]
    found = (*terms.restrictions, *(one for text in texts for one in text.restrictions))
    return found or (() if known and known.restricts_nothing and not terms.policies else None)


def list_policies(session: Session, version_id: UUID) -> tuple[Policy, ...]:
    """Return the policies that a version includes, in order."""
    return store.policies_of(session, version_id)


def get_version(session: Session, slug: str, number: str) -> Version | Refusal:
    """Return the version, or the refusal that says what is missing: the license or the version."""
    version = find_version(session, slug, number)
    if version is not None:
        return version
    if store.find_license(session, slug) is None:
        return publication.no_such_license(slug)
    return publication.no_such_version(slug, number)


def compare_versions(
    session: Session, slug: str, *, old: str, new: str
) -> tuple[Version, Version, Comparison] | Refusal:
    """Return two versions of a license and what changed from the first to the second."""
    before = get_version(session, slug, old)
    if isinstance(before, Refusal):
        return before
    after = get_version(session, slug, new)
    if isinstance(after, Refusal):
        return after
    return before, after, compare(structure_of(before), structure_of(after))


# --- what a text is ---


def structure_of(version: Version) -> Structure:
    """Return the parts and clauses of a version's text."""
    return parse(decode(version.text))


def recognise(version: Version, *, index: KnownIndex | None = None) -> Recognition:
    """Return which known text a version is, or whose name it bears without being it."""
    return (index or known_index()).recognise(version.text, title=version.title, slug=version.slug)
