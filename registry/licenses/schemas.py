"""What licenses look like on the wire."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from registry.kernel.clock import iso
from registry.kernel.problems import absolute
from registry.licenses.comparison import Comparison, Row, Segment
from registry.licenses.domain import (
    CLAUSE_MAX_CHARACTERS,
    NUMBER_MAX_CHARACTERS,
    POLICIES_MAX,
    PUBLISHER_MAX_CHARACTERS,
    RESTRICTION_MAX_CHARACTERS,
    RESTRICTIONS_MAX,
    TITLE_MAX_CHARACTERS,
    URL_MAX_CHARACTERS,
    ChangeClass,
    LicenseSummary,
    Policy,
    PublishVersion,
    Restriction,
    SecondPerson,
    Strictness,
    Terms,
    Version,
    VersionSummary,
)
from registry.licenses.known import Match, Recognition
from registry.licenses.structure import Structure
from registry.licenses.texts import TEXT_MAX_BYTES, decode

Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX_BYTES)]
Title = Annotated[str, msgspec.Meta(max_length=TITLE_MAX_CHARACTERS)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]


# --- in ---


class PolicyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy that the license includes by reference."""

    title: Title
    url: Annotated[str, msgspec.Meta(max_length=URL_MAX_CHARACTERS)] | None = None
    sha256: Digest | None = None
    text: Text | None = None


class RestrictionInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A use restriction that the license holds."""

    slug: Annotated[str, msgspec.Meta(max_length=RESTRICTION_MAX_CHARACTERS)]
    strictness: Strictness = Strictness.FLAT
    clause: Annotated[str, msgspec.Meta(max_length=CLAUSE_MAX_CHARACTERS)] = ""


class PublishInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A license version to publish. The text is published as its UTF-8 bytes, nothing added or taken away."""

    slug: Annotated[str, msgspec.Meta(max_length=64)]
    number: Annotated[str, msgspec.Meta(max_length=NUMBER_MAX_CHARACTERS)]
    change_class: ChangeClass
    text: Text
    title: Title = ""
    publisher: Annotated[str, msgspec.Meta(max_length=PUBLISHER_MAX_CHARACTERS)] | None = None
    effective_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    policies: Annotated[list[PolicyInput], msgspec.Meta(max_length=POLICIES_MAX)] = []
    restrictions: Annotated[list[RestrictionInput], msgspec.Meta(max_length=RESTRICTIONS_MAX)] = []

    def command(self) -> PublishVersion:
        """Return the command that this asks for."""
        return PublishVersion(
            slug=self.slug,
            number=self.number,
            change_class=self.change_class,
            text=_bytes_of(self.text),
            title=self.title,
            publisher=self.publisher,
            effective_at=self.effective_at.astimezone(UTC) if self.effective_at is not None else None,
            policies=tuple(
                Policy(
                    title=one.title,
                    url=one.url,
                    sha256=one.sha256,
                    text=_bytes_of(one.text) if one.text is not None else None,
                )
                for one in self.policies
            ),
            restrictions=tuple(
                Restriction(slug=one.slug, strictness=one.strictness, clause=one.clause)
                for one in self.restrictions
            ),
        )


def _bytes_of(text: str) -> bytes:
    # A lone surrogate, which JSON can carry, stays what it is: bytes that are not UTF-8, refused by their check.
    return text.encode("utf-8", errors="surrogatepass")


# --- out ---


class VersionSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """A version without its text."""

    slug: str
    number: str
    ordinal: int
    series: int
    """Accepting any version of a series covers the others of the same series."""
    change_class: ChangeClass
    sha256: str
    size: int
    """Bytes of the text."""
    effective_at: str
    published_at: str
    recognised_as: str | None
    url: str
    second_person: SecondPerson
    """Whether a second person has confirmed its change class; until then no gate requires the version."""


class LicenseSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """A license in a list."""

    slug: str
    title: str
    publisher: str | None
    versions: int
    latest: VersionSummaryView
    url: str


class LicensesView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of licenses, by slug."""

    items: list[LicenseSummaryView]
    next: str | None
    """Address of the next page."""


class LicenseView(msgspec.Struct, frozen=True, kw_only=True):
    """A license with its versions, the latest first."""

    slug: str
    title: str
    publisher: str | None
    versions: list[VersionSummaryView]
    url: str


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """An included policy; `text` is null where only an address or a digest is known."""

    title: str
    url: str | None
    sha256: str | None
    text: str | None


class RestrictionView(msgspec.Struct, frozen=True, kw_only=True):
    """A use restriction of the taxonomy."""

    slug: str
    strictness: Strictness
    clause: str


class RecognitionView(msgspec.Struct, frozen=True, kw_only=True):
    """What the text was recognised as."""

    match: Match
    id: str | None
    title: str | None
    resembles: str | None
    """Id of the known license whose name this one bears with another text."""
    sentence: str


class ClauseView(msgspec.Struct, frozen=True, kw_only=True):
    """A clause of the structure."""

    id: str
    kind: str
    mark: str
    label: str
    depth: int
    heading: str
    paragraphs: list[str]


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """A section or attachment of the structure."""

    id: str
    kind: str
    heading: str
    subheading: str
    clauses: list[ClauseView]


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version with its text and everything the registry knows about it."""

    slug: str
    title: str
    publisher: str | None
    number: str
    ordinal: int
    series: int
    change_class: ChangeClass
    sha256: str
    normalised_digest: str
    size: int
    language: str
    effective_at: str
    published_at: str
    ledger_entry: str
    recognition: RecognitionView
    policies: list[PolicyView]
    restrictions: list[RestrictionView]
    text: str
    """The text; its UTF-8 bytes have the digest `sha256` (a byte order mark is part of them)."""
    structure: list[PartView]
    """An aid for reading and linking; what binds is the text."""
    url: str
    text_url: str
    second_person: SecondPerson


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A run of words; marked means deleted on the old side, inserted on the new one."""

    text: str
    marked: bool


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A clause that differs, or a run of `count` clauses that do not."""

    kind: str
    old_label: str | None
    new_label: str | None
    first_label: str
    last_label: str
    count: int
    old: list[SegmentView]
    new: list[SegmentView]


class ComparisonView(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one version to another, clause by clause."""

    slug: str
    old: str
    new: str
    coarse: bool
    """Whether the texts were too long or too different to mark every single word."""
    rows: list[RowView]


def view_summary(version: VersionSummary, *, base_url: str) -> VersionSummaryView:
    """Return `version` for the wire."""
    return VersionSummaryView(
        slug=version.slug,
        number=version.number,
        ordinal=version.ordinal,
        series=version.series,
        change_class=version.change_class,
        sha256=version.sha256,
        size=version.size,
        effective_at=iso(version.effective_at),
        published_at=iso(version.published_at),
        recognised_as=version.recognised_as,
        url=f"{base_url}{version.path}",
        second_person=version.second,
    )


def view_licenses(page: Sequence[LicenseSummary], *, next_url: str | None, base_url: str) -> LicensesView:
    """Return a page of licenses for the wire."""
    items = [
        LicenseSummaryView(
            slug=one.slug,
            title=one.title,
            publisher=one.publisher,
            versions=one.version_count,
            latest=view_summary(one.latest, base_url=base_url),
            url=f"{base_url}/licenses/{one.slug}",
        )
        for one in page
    ]
    return LicensesView(items=items, next=absolute(next_url, base_url))


def view_license(versions: Sequence[VersionSummary], *, publisher: str | None, base_url: str) -> LicenseView:
    """Return a license for the wire; it has at least one version."""
    first = versions[0]
    return LicenseView(
        slug=first.slug,
        title=first.title,
        publisher=publisher,
        versions=[view_summary(version, base_url=base_url) for version in reversed(versions)],
        url=f"{base_url}/licenses/{first.slug}",
    )


def view_version(
    version: Version,
    terms: Terms,
    second: SecondPerson,
    recognition: Recognition,
    structure: Structure,
    *,
    base_url: str,
) -> VersionView:
    """Return a whole version for the wire."""
    return VersionView(
        slug=version.slug,
        title=version.title,
        publisher=version.publisher,
        number=version.number,
        ordinal=version.ordinal,
        series=version.series,
        change_class=version.change_class,
        sha256=version.sha256,
        normalised_digest=version.normalised_digest,
        size=len(version.text),
        language=version.language,
        effective_at=iso(version.effective_at),
        published_at=iso(version.published_at),
        ledger_entry=str(version.entry_id),
        recognition=RecognitionView(
            match=recognition.match,
            id=recognition.known.id if recognition.known is not None else None,
            title=recognition.known.title if recognition.known is not None else None,
            resembles=recognition.resembles.id if recognition.resembles is not None else None,
            sentence=recognition.sentence,
        ),
        policies=[
            PolicyView(
                title=one.title,
                url=one.url,
                sha256=one.sha256,
                text=decode(one.text) if one.text is not None else None,
            )
            for one in terms.policies
        ],
        restrictions=[
            RestrictionView(slug=one.slug, strictness=one.strictness, clause=one.clause)
            for one in terms.restrictions
        ],
        text=version.text.decode("utf-8", errors="replace"),
        structure=_view_structure(structure),
        url=f"{base_url}{version.path}",
        text_url=f"{base_url}{version.path}.txt",
        second_person=second,
    )


def _view_structure(structure: Structure) -> list[PartView]:
    return [
        PartView(
            id=part.id,
            kind=part.kind.value,
            heading=part.heading,
            subheading=part.subheading,
            clauses=[
                ClauseView(
                    id=clause.id,
                    kind=clause.kind.value,
                    mark=clause.mark,
                    label=clause.label,
                    depth=clause.depth,
                    heading=clause.heading,
                    paragraphs=list(clause.paragraphs),
                )
                for clause in part.clauses
            ],
        )
        for part in structure.parts
    ]


def view_comparison(old: Version, new: Version, comparison: Comparison) -> ComparisonView:
    """Return a comparison for the wire."""
    return ComparisonView(
        slug=new.slug,
        old=old.number,
        new=new.number,
        coarse=comparison.is_coarse,
        rows=[_view_row(row) for row in comparison.rows],
    )


def _view_row(row: Row) -> RowView:
    return RowView(
        kind=row.kind.value,
        old_label=row.old_label,
        new_label=row.new_label,
        first_label=row.first_label,
        last_label=row.last_label,
        count=row.count,
        old=_view_segments(row.old),
        new=_view_segments(row.new),
    )


def _view_segments(segments: Sequence[Segment]) -> list[SegmentView]:
    return [SegmentView(text=one.text, marked=one.is_marked) for one in segments]
