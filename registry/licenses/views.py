"""What the license templates are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

from registry.kernel.page_parts import (
    Badge,
    DocumentText,
    Link,
    MarginNote,
    Notice,
    Option,
    Pager,
    Shape,
    Tone,
)
from registry.licenses import reading, structure
from registry.licenses.bundled import SummaryLine, find_bundled
from registry.licenses.domain import (
    ChangeClass,
    LicenseSummary,
    Restriction,
    Terms,
    Version,
    VersionSummary,
)
from registry.licenses.known import Match, Recognition, describe_restriction, known_index, taxonomy
from registry.licenses.texts import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseShown:
    """One version with what its page needs beside it."""

    version: Version
    terms: Terms
    versions: Sequence[VersionSummary]
    """All versions of the license, the first one first."""
    models: int
    """Public models that require the license."""
    entry_index: int | None


def index_view(
    found: Sequence[LicenseSummary],
    *,
    following: str | None,
    search: str,
    after: str,
    restrictions: Mapping[str, int],
    models: Mapping[str, int],
) -> SimpleNamespace:
    """Return the list of licenses; `following` is the slug after which it goes on."""
    first = [("search", search)] if search else []
    return SimpleNamespace(
        query=search,
        licenses=[
            SimpleNamespace(
                title=one.title,
                url=f"/licenses/{quote(one.slug)}",
                publisher=one.publisher,
                summary=None,
                number=one.latest.number,
                effective_at=one.latest.effective_at,
                change="first text"
                if one.latest.change_class is ChangeClass.INITIAL
                else f"{one.latest.change_class.value} change",
                versions=one.version_count,
                restrictions=restrictions.get(one.slug, 0),
                models=models.get(one.slug, 0),
                recognised_as=_known_name(one.latest.recognised_as),
                mine=None,
            )
            for one in found
        ],
        pager=Pager(
            said="By identifier",
            next_url=f"/licenses?{urlencode([*first, ('after', following)])}" if following else None,
            next_label="Further licenses",
            first_url=(f"/licenses?{urlencode(first)}" if first else "/licenses") if after else None,
            first_label="Back to the first",
        ),
    )


def version_view(shown: LicenseShown, recognition: Recognition, *, now: datetime) -> SimpleNamespace:
    """Return the page of a version; parsing takes time, so this is called off the event loop."""
    version = shown.version
    parsed = structure.parse(decode(version.text))
    places = {clause.label: clause.id for clause in parsed.clauses}
    bundled = find_bundled(version.slug, version.number)
    before = next((one for one in reversed(shown.versions) if one.ordinal < version.ordinal), None)
    numbers = [one.number for one in shown.versions]
    return SimpleNamespace(
        license=SimpleNamespace(
            title=version.title,
            url=f"/licenses/{quote(version.slug)}",
            publisher=version.publisher,
            summary=bundled.note if bundled and version.ordinal > 1 else None,
        ),
        version=SimpleNamespace(
            number=version.number,
            text_url=f"{version.path}.txt",
            json_url=f"{version.path}.json",
            state=_state(version.ordinal, version.effective_at, shown.versions, now),
            effective_at=version.effective_at,
            published_at=version.published_at,
            change=version.change_class.value,
            change_from=before.number if before else None,
            means=_means(version.change_class, before),
            normalised_digest=version.normalised_digest,
            entry=(
                Link(label=f"log entry {shown.entry_index:,}", url=f"/log/{shown.entry_index}")
                if shown.entry_index is not None
                else None
            ),
        ),
        text=_noted(reading.document_text(version), shown.terms.restrictions, places),
        required_by=SimpleNamespace(models=shown.models, url=f"/?{urlencode({'license': version.slug})}"),
        accepted=None,
        recognised=_recognised(recognition),
        lookalike=_lookalike(recognition),
        policies=[
            SimpleNamespace(
                title=policy.title, url=policy.url, sha256=policy.sha256, text=reading.policy_text(policy)
            )
            for policy in shown.terms.policies
        ],
        terms=(
            SimpleNamespace(
                may=_summary(bundled.summary.may, places),
                must=_summary(bundled.summary.must, places),
                may_not=_summary(bundled.summary.may_not, places),
            )
            if bundled
            else None
        ),
        restrictions=[_restriction(one, places) for one in _in_order(shown.terms.restrictions, places)],
        versions=[_version_row(one, shown.versions, now) for one in reversed(shown.versions)],
        compare_url=f"/licenses/{quote(version.slug)}/compare",
        compare_from=_options(numbers, before.number if before else version.number),
        compare_to=_options(numbers, version.number),
    )


def compare_view(
    old: Version, new: Version, versions: Sequence[VersionSummary], *, now: datetime
) -> SimpleNamespace:
    """Return two versions side by side; comparing takes time, so this is called off the event loop."""
    numbers = [one.number for one in versions]
    reversed_order = old.ordinal > new.ordinal
    return SimpleNamespace(
        license=SimpleNamespace(title=new.title, url=f"/licenses/{quote(new.slug)}"),
        difference=replace(
            reading.difference(old, new),
            old_label=f"Version {old.number}",
            new_label=f"Version {new.number}",
            old_detail=_dated(old, versions, now),
            new_detail=_dated(new, versions, now),
        ),
        compare_url=f"/licenses/{quote(new.slug)}/compare",
        compare_from=_options(numbers, old.number),
        compare_to=_options(numbers, new.number),
        notice=(
            Notice(
                tone=Tone.NOTE,
                title="You compare backwards",
                text="The version on the right is the earlier one.",
            )
            if reversed_order
            else None
        ),
        accept=None,
    )


def _state(ordinal: int, effective_at: datetime, versions: Sequence[VersionSummary], now: datetime) -> str:
    if effective_at > now:
        return "announced"
    later = any(one.ordinal > ordinal and one.effective_at <= now for one in versions)
    return "superseded" if later else "in-force"


def in_force(versions: Sequence[VersionSummary], now: datetime) -> VersionSummary:
    """Return the version that is in force, or the first one while none is; `versions` is not empty."""
    return next((one for one in reversed(versions) if one.effective_at <= now), versions[0])


def _means(change: ChangeClass, before: VersionSummary | None) -> str:
    if before is None:
        return "First text"
    if change.begins_series:
        return f"Who accepted {before.number} is asked again"
    return f"Acceptance of {before.number} stays current"


def _version_row(one: VersionSummary, versions: Sequence[VersionSummary], now: datetime) -> SimpleNamespace:
    before = next((other for other in reversed(versions) if other.ordinal < one.ordinal), None)
    badge = {
        "in-force": Badge(word="In force", shape=Shape.DONE, tone=Tone.OK),
        "announced": Badge(word="Announced", shape=Shape.WAITING, tone=Tone.WAIT),
        "superseded": Badge(word="Superseded", shape=Shape.ENDED),
    }
    return SimpleNamespace(
        number=one.number,
        url=one.path,
        state=badge[_state(one.ordinal, one.effective_at, versions, now)],
        effective_at=one.effective_at,
        change=one.change_class.value,
        means=_means(one.change_class, before),
        sha256=one.sha256,
        accepted=None,
    )


def _dated(version: Version, versions: Sequence[VersionSummary], now: datetime) -> str:
    state = _state(version.ordinal, version.effective_at, versions, now).replace("-", " ")
    moment = version.effective_at
    return f"{state}, {moment.day} {moment:%B} {moment.year}"


def _options(numbers: Sequence[str], chosen: str) -> Sequence[Option]:
    return [Option(value=number, label=number, chosen=number == chosen) for number in numbers]


def _recognised(recognition: Recognition) -> SimpleNamespace | None:
    if recognition.known is None:
        return None
    detail = "Byte for byte." if recognition.match is Match.EXACT else "Only the layout differs."
    return SimpleNamespace(title=recognition.known.name, detail=detail)


def _lookalike(recognition: Recognition) -> SimpleNamespace | None:
    if recognition.known is not None or recognition.resembles is None:
        return None
    return SimpleNamespace(
        title=recognition.resembles.name,
        detail="Read it as a license of its own; what you know about the other one may not hold here.",
        url=None,
    )


def _known_name(identity: str | None) -> str | None:
    known = known_index().find(identity) if identity else None
    return known.name if known else None


def _noted(
    text: DocumentText, restrictions: Sequence[Restriction], places: Mapping[str, str]
) -> DocumentText:
    notes = {}
    for restriction in restrictions:
        category = taxonomy().get(restriction.slug)
        place = places.get(restriction.clause)
        if category and place:
            notes[place] = MarginNote(title="Use restriction", text=category.paraphrase)
    if not notes:
        return text
    clauses = [
        replace(clause, note=notes[clause.id]) if clause.id in notes else clause for clause in text.clauses
    ]
    return replace(text, clauses=clauses)


def _in_order(restrictions: Sequence[Restriction], places: Mapping[str, str]) -> Sequence[Restriction]:
    """Return the restrictions in the order of the clauses that hold them."""
    order = {label: position for position, label in enumerate(places)}
    return sorted(restrictions, key=lambda one: (order.get(one.clause, len(order)), one.slug))


def _restriction(one: Restriction, places: Mapping[str, str]) -> SimpleNamespace:
    category = taxonomy().get(one.slug)
    return SimpleNamespace(
        clause=one.clause or "text",
        id=places.get(one.clause),
        said=describe_restriction(one.slug, one.strictness),
        group=category.category.replace("-", " ") if category else None,
    )


def _summary(lines: Sequence[SummaryLine], places: Mapping[str, str]) -> Sequence[Any]:
    return [
        SimpleNamespace(said=line.text, clause=line.clause, id=places.get(line.clause, "text"))
        for line in lines
    ]
