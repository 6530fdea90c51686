"""The words and rules of licenses: versions and their order, change classes, series, what may be published."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode
from uuid import UUID

from registry.kernel.identifiers import is_slug

LEDGER_KIND = "license.published"
VERDICT_KIND = "license.judged"
CLASS_PROPOSED = "license.proposed"
"""Outbox: the change class of a version waits for a second person."""
CLASS_JUDGED = "license.judged"
"""Outbox: a second person confirmed the change class of a version, or objected to it."""

TITLE_MAX_CHARACTERS = 200
PUBLISHER_MAX_CHARACTERS = 200
NUMBER_MAX_CHARACTERS = 32
URL_MAX_CHARACTERS = 2_000
CLAUSE_MAX_CHARACTERS = 120
POLICIES_MAX = 20
RESTRICTIONS_MAX = 200
REASON_MAX_CHARACTERS = 300
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


class SecondPerson(StrEnum):
    """Where the confirmation of a version's change class stands; without it nobody is asked to accept the version."""

    NOT_NEEDED = "not-needed"
    """The class asks people again, or the text came with the installation."""
    NOT_ASKED = "not-asked"
    """Published before two persons were asked for."""
    WAITS = "waits"
    CONFIRMED = "confirmed"
    OBJECTED = "objected"
    OVERTAKEN = "overtaken"
    """A later version of the series was confirmed first."""

    @property
    def stands(self) -> bool:
        """Whether a gate may require the version, as far as its class goes."""
        return self in {SecondPerson.NOT_NEEDED, SecondPerson.NOT_ASKED, SecondPerson.CONFIRMED}


REFUSED = frozenset({SecondPerson.OBJECTED, SecondPerson.OVERTAKEN})
"""What never comes to be required."""


class Outcome(StrEnum):
    """What a second person said of a change class."""

    CONFIRMED = "confirmed"
    OBJECTED = "objected"


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
    asks_second: bool = False
    """Whether its change class counts only with a second person's word."""

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
    second: SecondPerson = SecondPerson.NOT_NEEDED
    judged_at: datetime | None = None
    """When a second person confirmed its change class or objected to it."""

    @property
    def counts_from(self) -> datetime:
        """From when on gates may require it, if it stands."""
        return max(self.effective_at, self.judged_at or self.effective_at)

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
class Verdict:
    """What a second person said of the change class of a version."""

    version_id: UUID
    outcome: Outcome
    compared_with: UUID
    """The version beside which the person saw it: the latest one before it that stood."""
    given_by: UUID
    given_at: datetime
    reason: str | None
    """Of an objection."""
    entry_id: UUID


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


# --- the word of a second person ---


def asks_second_person(change_class: ChangeClass, *, by: UUID | None) -> bool:
    """Whether a version published now counts only once a second person has confirmed its class.

    Nobody is asked again on a class that says so; so one person must not be enough to say it. What comes with
    the installation was agreed on elsewhere.
    """
    return not change_class.begins_series and by is not None


def second_person_of(
    change_class: ChangeClass, *, by: UUID | None, asks: bool, outcome: Outcome | None
) -> SecondPerson:
    """Return where the confirmation of a version stands, later versions left aside."""
    if change_class.begins_series or by is None:
        return SecondPerson.NOT_NEEDED
    if not asks:
        return SecondPerson.NOT_ASKED
    return SecondPerson(outcome.value) if outcome is not None else SecondPerson.WAITS


def mark_overtaken(versions: Sequence[VersionSummary]) -> list[VersionSummary]:
    """Return the versions of a license, in order; what waits behind a later one of its series that stands is overtaken.

    Else the acceptance of an earlier text would come to cover a later one beside which nobody has read it.
    """
    newest: dict[int, int] = {}
    for version in versions:
        if version.second.stands:
            newest[version.series] = version.ordinal
    return [
        replace(version, second=SecondPerson.OVERTAKEN)
        if version.second is SecondPerson.WAITS and version.ordinal < newest[version.series]
        else version
        for version in versions
    ]


def standing_before(versions: Iterable[VersionSummary], ordinal: int) -> VersionSummary | None:
    """Return the latest version before `ordinal` that stands; `versions` are in order."""
    before = [one for one in versions if one.ordinal < ordinal and one.second.stands]
    return before[-1] if before else None
