"""The words and rules of licenses: versions and their order, change classes, series, what may be published."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from registry.kernel.identifiers import is_slug
from registry.kernel.outcomes import Refusal, Remedy

TITLE_MAX_CHARACTERS = 200
PUBLISHER_MAX_CHARACTERS = 200
NUMBER_MAX_CHARACTERS = 32
URL_MAX_CHARACTERS = 2_000
CLAUSE_MAX_CHARACTERS = 120
POLICIES_MAX = 20
RESTRICTIONS_MAX = 200
VERSIONS_MAX = 500
"""Versions of one license; a bound for lists that are shown whole."""
EFFECTIVE_MAX_AHEAD = timedelta(days=3 * 366)
PAGE_MAX_LICENSES = 200

_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4}){0,3}(?:-[0-9a-z]{1,16}){0,2}\Z")
_RESTRICTION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
RESTRICTION_MAX_CHARACTERS = 64


class ChangeClass(StrEnum):
    """What a version means for those who accepted an earlier one."""

    INITIAL = "initial"
    EDITORIAL = "editorial"
    """Words or layout mended, meaning unchanged; nobody is asked again."""
    COMPATIBLE = "compatible"
    """Meaning changed only in favour of those who accepted; nobody is asked again."""
    MATERIAL = "material"
    """Rights or duties changed; everybody is asked again."""

    @property
    def begins_series(self) -> bool:
        """Whether earlier acceptances do not cover this version."""
        return self in {ChangeClass.INITIAL, ChangeClass.MATERIAL}


class Strictness(StrEnum):
    """How far a use restriction reaches; the same ban with another strictness is another ban."""

    FLAT = "flat"
    INTENT_ONLY = "intent-only"
    UNLESS_DISCLOSED = "unless-disclosed"
    UNLESS_CONSENT = "unless-consent"
    UNLESS_HUMAN_OVERSIGHT = "unless-human-oversight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A license, or one version of it, as people write it: `slug` or `slug@1.1`."""

    slug: str
    number: str | None = None

    def __str__(self) -> str:
        return f"{self.slug}@{self.number}" if self.number else self.slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy that a license includes by reference; its bytes, or only their digest, or only an address."""

    title: str
    url: str | None = None
    sha256: str | None = None
    """`sha256:<hex>` of its bytes; None if they were never seen."""
    text: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A use restriction of the taxonomy, and the clause that holds it."""

    slug: str
    strictness: Strictness = Strictness.FLAT
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishVersion:
    """Publish a text as a new version; with a slug that is not known yet, as a new license."""

    slug: str
    number: str
    change_class: ChangeClass
    text: bytes
    title: str = ""
    """Of a new license; a known license keeps its title."""
    publisher: str | None = None
    effective_at: datetime | None = None
    """None: from the moment of publication on."""
    language: str = "en"
    policies: tuple[Policy, ...] = ()
    restrictions: tuple[Restriction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One frozen text of a license, with what the registry knows about it."""

    id: UUID
    license_id: UUID
    slug: str
    title: str
    publisher: str | None
    number: str
    ordinal: int
    series: int
    change_class: ChangeClass
    text: bytes
    sha256: str
    normalised_digest: str
    language: str
    effective_at: datetime
    published_at: datetime
    published_by: UUID | None
    recognised_as: str | None
    """Id of the known license that this text is, by its digest."""
    entry_id: UUID

    @property
    def reference(self) -> str:
        """How people name it: `slug@1.1`."""
        return f"{self.slug}@{self.number}"

    @property
    def name(self) -> str:
        """Title and number: `Gatehouse OpenRAIL-M 1.1`."""
        return f"{self.title} {self.number}"

    @property
    def path(self) -> str:
        """Its permalink on this registry."""
        return f"/licenses/{self.slug}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSummary:
    """A version without its text, for lists."""

    id: UUID
    license_id: UUID
    slug: str
    title: str
    number: str
    ordinal: int
    series: int
    change_class: ChangeClass
    sha256: str
    size: int
    """Bytes of the text."""
    effective_at: datetime
    published_at: datetime
    recognised_as: str | None

    @property
    def path(self) -> str:
        """Its permalink on this registry."""
        return f"/licenses/{self.slug}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseSummary:
    """A license in a list, with its latest version."""

    id: UUID
    slug: str
    title: str
    publisher: str | None
    latest: VersionSummary
    version_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a version says beyond its text."""

    policies: tuple[Policy, ...]
    restrictions: tuple[Restriction, ...]


# --- references and numbers ---


def parse_reference(text: str) -> Reference | None:
    """Return what `slug` or `slug@number` names, None if it has another form."""
    slug, at, number = text.strip().partition("@")
    if not is_slug(slug) or (at and not is_number(number)):
        return None
    return Reference(slug=slug, number=number or None)


def is_number(text: str) -> bool:
    """Whether `text` may number a version: `1.1`, `2022-08-22`, `1.0-sd`."""
    return len(text) <= NUMBER_MAX_CHARACTERS and _NUMBER.match(text) is not None


def is_restriction(text: str) -> bool:
    """Whether `text` has the form of a restriction's slug."""
    return len(text) <= RESTRICTION_MAX_CHARACTERS and _RESTRICTION.match(text) is not None


def order_of(number: str) -> tuple[tuple[int, int, str], ...]:
    """Return the sort key of a version number: numbers by value, then words; `1.9` < `1.10` < `1.10.1`."""
    return tuple(
        (1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in re.split(r"[.-]", number)
    )


def series_of(change_class: ChangeClass, *, ordinal: int, previous_series: int | None) -> int:
    """Return the series of a version: the ordinal of the latest version up to it that asks people to accept.

    Accepting any version of a series satisfies every other of the same series.
    """
    if change_class.begins_series or previous_series is None:
        return ordinal
    return previous_series


# --- what may be published ---


def judge_command(command: PublishVersion, *, now: datetime) -> Refusal | None:
    """Return why the command is malformed, None if it is well formed; says nothing about its text."""
    errors: dict[str, str] = {}
    if not is_slug(command.slug):
        errors["slug"] = "lower-case letters, digits, dot, plus and hyphen, at most 64, like my-openrail-m"
    if not is_number(command.number):
        errors["number"] = "digits and dots, like 1.0 or 1.0.1"
    if len(command.title) > TITLE_MAX_CHARACTERS or not _is_one_line(command.title):
        errors["title"] = f"one line of at most {TITLE_MAX_CHARACTERS} characters"
    publisher = command.publisher or ""
    if len(publisher) > PUBLISHER_MAX_CHARACTERS or not _is_one_line(publisher):
        errors["publisher"] = f"one line of at most {PUBLISHER_MAX_CHARACTERS} characters"
    if command.language != "en":
        errors["language"] = "en; the binding text is in English, translations come later"
    if command.effective_at is not None and command.effective_at > now + EFFECTIVE_MAX_AHEAD:
        errors["effective_at"] = "a date at most three years ahead"
    errors |= _policy_errors(command.policies) | _restriction_errors(command.restrictions)
    if not errors:
        return None
    return Refusal(
        code="license-malformed",
        status=422,
        title="The license version is malformed",
        detail="; ".join(f"{field}: {error}" for field, error in errors.items()),
        remedy=Remedy(text="Mend the fields named and send it again"),
        decider="You do; no review follows",
        errors=errors,
    )


def _is_one_line(text: str) -> bool:
    return text.isprintable()


def _policy_errors(policies: Sequence[Policy]) -> dict[str, str]:
    if len(policies) > POLICIES_MAX:
        return {"policies": f"at most {POLICIES_MAX}"}
    for policy in policies:
        if not policy.title or len(policy.title) > TITLE_MAX_CHARACTERS or not _is_one_line(policy.title):
            return {"policies": f"each has a title of at most {TITLE_MAX_CHARACTERS} characters"}
        if policy.url is not None and not _is_web_address(policy.url):
            return {"policies": "an address starts with https:// or http://"}
    return {}


def _is_web_address(url: str) -> bool:
    if len(url) > URL_MAX_CHARACTERS or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def _restriction_errors(restrictions: Sequence[Restriction]) -> dict[str, str]:
    if len(restrictions) > RESTRICTIONS_MAX:
        return {"restrictions": f"at most {RESTRICTIONS_MAX}"}
    seen: set[str] = set()
    for restriction in restrictions:
        if not is_restriction(restriction.slug) or restriction.slug in seen:
            return {"restrictions": "each slug once, like no-illegal-use"}
        if len(restriction.clause) > CLAUSE_MAX_CHARACTERS or not _is_one_line(restriction.clause):
            return {"restrictions": f"a clause is named in at most {CLAUSE_MAX_CHARACTERS} characters"}
        seen.add(restriction.slug)
    return {}


def judge_new_license(command: PublishVersion) -> Refusal | None:
    """Return why the command may not begin a license, None if it may."""
    if not command.title.strip():
        return Refusal(
            code="license-title-missing",
            status=422,
            title="The new license has no title",
            detail=f"no license {command.slug!r} exists yet, so this would be a new one",
            remedy=Remedy(text="Give the license a title, or check the slug"),
            decider="You do; no review follows",
            errors={"title": "The name people know the license by, like Example OpenRAIL-M"},
        )
    if command.change_class is not ChangeClass.INITIAL:
        return _wrong_class(command, "the first version of a license is of class initial")
    return None


def judge_next_version(
    command: PublishVersion,
    *,
    sha256: str,
    published: Sequence[VersionSummary],
    standing: Iterable[Restriction],
) -> Refusal | None:
    """Return why the command may not follow the `published` versions (in order), None if it may.

    `standing` are the use restrictions of the latest of them.
    """
    latest = published[-1]
    for version in published:
        if version.number == command.number:
            return _number_taken(command, version, sha256)
    if same := next((version for version in published if version.sha256 == sha256), None):
        return Refusal(
            code="license-text-unchanged",
            status=409,
            title=f"This text is already published as {same.number}",
            detail=f"version {same.number} has the same {sha256}; one text has one number",
            remedy=Remedy(text=f"Use version {same.number}", url=same.path),
            decider="You do; no review follows",
            since=same.published_at,
        )
    if order_of(command.number) <= order_of(latest.number):
        return Refusal(
            code="license-number-not-newer",
            status=409,
            title=f"The number {command.number} does not come after {latest.number}",
            detail=f"the latest version is {latest.number}; versions are published in the order of their numbers",
            remedy=Remedy(text=f"Choose a number greater than {latest.number}"),
            decider="You do; no review follows",
            errors={"number": f"greater than {latest.number}"},
        )
    if command.change_class is ChangeClass.INITIAL:
        return _wrong_class(command, f"version {latest.number} exists, so this one is not initial")
    if len(published) >= VERSIONS_MAX:
        return Refusal(
            code="license-too-many-versions",
            status=409,
            title="The license has too many versions",
            detail=f"a license has at most {VERSIONS_MAX} versions",
            remedy=Remedy(text="Begin a new license"),
            decider="The operators of this registry",
        )
    return _judge_restrictions(command, standing)


def _number_taken(command: PublishVersion, taken: VersionSummary, sha256: str) -> Refusal:
    return Refusal(
        code="license-version-frozen",
        status=409,
        title=f"Version {taken.number} is published and never changes",
        detail=f"text digest differs: got {sha256}, version {command.number} is {taken.sha256}",
        remedy=Remedy(text="Publish the changed text under a new number", url=taken.path),
        decider="Nobody; a published text is never edited",
        since=taken.published_at,
        errors={"number": "a number that is not taken yet"},
    )


def _wrong_class(command: PublishVersion, why: str) -> Refusal:
    return Refusal(
        code="license-change-class-wrong",
        status=422,
        title=f"The change class {command.change_class.value} does not fit",
        detail=why,
        remedy=Remedy(text="Choose the class that fits: initial, editorial, compatible or material"),
        decider="You do; no review follows",
        errors={"change_class": why},
    )


def _judge_restrictions(command: PublishVersion, standing: Iterable[Restriction]) -> Refusal | None:
    """Refuse a change that binds people more while it says that nobody need be asked."""
    if command.change_class is ChangeClass.MATERIAL:
        return None
    before = {restriction.slug: restriction.strictness for restriction in standing}
    tightened = [
        restriction.slug
        for restriction in command.restrictions
        if restriction.slug not in before
        or (
            restriction.strictness is not before[restriction.slug]
            and restriction.strictness is Strictness.FLAT
        )
    ]
    if not tightened:
        return None
    return _wrong_class(
        command, f"{', '.join(tightened[:5])} would bind people more than before: that is a material change"
    )


# --- what is not there, and who may ---


def no_such_license(slug: str) -> Refusal:
    """Return the refusal of an unknown license."""
    return Refusal(
        code="license-not-found",
        status=404,
        title="There is no such license here",
        detail=f"no license {slug[:64]!r} is published on this registry",
        remedy=Remedy(text="Look through the licenses", url="/licenses"),
    )


def no_such_version(slug: str, number: str) -> Refusal:
    """Return the refusal of an unknown version of a known license."""
    return Refusal(
        code="license-version-not-found",
        status=404,
        title="There is no such version of this license",
        detail=f"license {slug!r} has no version {number[:NUMBER_MAX_CHARACTERS]!r}",
        remedy=Remedy(text="See the versions of this license", url=f"/licenses/{slug}"),
    )


def not_yours(slug: str) -> Refusal:
    """Return the refusal of a new version by somebody who published none of the earlier ones."""
    return Refusal(
        code="license-not-yours",
        status=403,
        title="You may not publish versions of this license",
        detail=f"license {slug!r} was published by somebody else; nothing was published",
        remedy=Remedy(text="Publish your text as a license of its own, or ask its publisher"),
        decider="Its publisher, or the operators of this registry",
    )
