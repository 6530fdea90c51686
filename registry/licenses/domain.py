"""The words and rules of licenses: versions and their order, change classes, series, what may be published."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode
from uuid import UUID

from registry.kernel.canonical import canonical_bytes, canonical_digest
from registry.kernel.clock import iso
from registry.kernel.identifiers import is_slug

LEDGER_KIND = "license.published"

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
class Figures:
    """How many clauses differ."""

    changed: int
    added: int
    removed: int
    reworded: int
    """Only punctuation, capitals, numbering or place differ."""

    @property
    def counted(self) -> str:
        """How many clauses, in words: `1 changed, 2 new`; empty where none differs."""
        told = (
            (self.changed, "changed"),
            (self.added, "new"),
            (self.removed, "removed"),
            (self.reworded, "with small changes of wording or place"),
        )
        return ", ".join(f"{count} {word}" for count, word in told if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed from one version of a license to another."""

    slug: str
    old: str
    """Number of the version that somebody knows."""
    new: str
    change_class: ChangeClass
    """The gravest among the versions between them."""
    figures: Figures

    @property
    def path(self) -> str:
        """Where both stand side by side."""
        numbers = urlencode({"from": self.old, "to": self.new})
        return f"/licenses/{quote(self.slug)}/compare?{numbers}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version as it would be published, or is already, and what it restricts."""

    version: Version
    restrictions: tuple[Restriction, ...] | None
    """None where nobody has said."""


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


# --- the fact that goes into the log ---


def leaf_of(version: Version, terms: Terms) -> bytes:
    """Return the ledger leaf of a publication (format 1): it commits to every column of the version's rows.

    Policies and restrictions go in by one digest over their canonical list, so that the leaf stays short.
    """
    return canonical_bytes(
        {
            "v": 1,
            "kind": LEDGER_KIND,
            "at": iso(version.published_at),
            "license": {
                "id": str(version.license_id),
                "slug": version.slug,
                "title": version.title,
                "publisher": version.publisher,
            },
            "version": {
                "id": str(version.id),
                "number": version.number,
                "ordinal": version.ordinal,
                "series": version.series,
                "change_class": version.change_class.value,
                "sha256": version.sha256,
                "normalised": version.normalised_digest,
                "language": version.language,
                "effective_at": iso(version.effective_at),
                "published_by": str(version.published_by) if version.published_by else None,
                "recognised_as": version.recognised_as,
            },
            "terms": terms_digest(terms),
        }
    )


def terms_digest(terms: Terms) -> str:
    """Return the digest of policies (in order) and restrictions (by slug) of a version."""
    return canonical_digest(
        {
            "policies": [
                {
                    "title": policy.title,
                    "url": policy.url,
                    "sha256": policy.sha256,
                    "kept": policy.text is not None,
                }
                for policy in terms.policies
            ],
            "restrictions": [
                {"slug": one.slug, "strictness": one.strictness.value, "clause": one.clause}
                for one in sorted(terms.restrictions, key=lambda one: one.slug)
            ],
        }
    )
