"""What the license templates are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

from registry.kernel.page_parts import (
    Badge,
    Difference,
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
    REFUSED,
    ChangeClass,
    LicenseSummary,
    Restriction,
    SecondPerson,
    Terms,
    Version,
    VersionSummary,
    standing_before,
)
from registry.licenses.known import Match, Recognition, describe_restriction, known_index, taxonomy
from registry.licenses.texts import decode
from registry.licenses.verdicts import second_person_path


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
                effective_at=one.latest.counts_from,
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
    listed = next(one for one in shown.versions if one.id == version.id)
    before = standing_before(shown.versions, version.ordinal)
    numbers = [one.number for one in shown.versions]
    return SimpleNamespace(
        license=SimpleNamespace(
            title=version.title,
            url=f"/licenses/{quote(version.slug)}",
            publisher=version.publisher,
            summary=bundled.note if bundled and version.ordinal > 1 else None,
        ),
        version=_version(shown, listed, before, now),
        text=_noted(reading.document_text(version), shown.terms.restrictions, places),
        required_by=SimpleNamespace(models=shown.models, url=f"/?{urlencode({'license': version.slug})}"),
        accepted=None,
        notice=_notice(listed, second_person_path(version)),
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


def _version(
    shown: LicenseShown, listed: VersionSummary, before: VersionSummary | None, now: datetime
) -> SimpleNamespace:
    version = shown.version
    return SimpleNamespace(
        number=version.number,
        text_url=f"{version.path}.txt",
        json_url=f"{version.path}.json",
        state=_badge(listed, shown.versions, now).word,
        dated=_dating(listed, now),
        effective_at=listed.counts_from,
        published_at=version.published_at,
        change=version.change_class.value,
        change_from=before.number if before else None,
        means=_means(listed, before),
        second=_second(listed),
        normalised_digest=version.normalised_digest,
        entry=(
            Link(label=f"log entry {shown.entry_index:,}", url=f"/log/{shown.entry_index}")
            if shown.entry_index is not None
            else None
        ),
    )


def compare_view(
    old: Version, new: Version, versions: Sequence[VersionSummary], *, now: datetime
) -> SimpleNamespace:
    """Return two versions side by side; comparing takes time, so this is called off the event loop."""
    numbers = [one.number for one in versions]
    reversed_order = old.ordinal > new.ordinal
    return SimpleNamespace(
        license=SimpleNamespace(title=new.title, url=f"/licenses/{quote(new.slug)}"),
        difference=difference_of(old, new, versions, now=now),
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


def difference_of(
    old: Version, new: Version, versions: Sequence[VersionSummary], *, now: datetime
) -> Difference:
    """Return two versions of a license side by side, each with its state; this takes time, too."""
    return replace(
        reading.difference(old, new),
        old_label=f"Version {old.number}",
        new_label=f"Version {new.number}",
        old_detail=_dated(old, versions, now),
        new_detail=_dated(new, versions, now),
    )


def _badge(one: VersionSummary, versions: Sequence[VersionSummary], now: datetime) -> Badge:
    """Return the state of a version among all of its license."""
    if not one.second.stands:
        return _UNCONFIRMED[one.second]
    if one.effective_at > now:
        return Badge(word="Announced", shape=Shape.WAITING, tone=Tone.WAIT)
    if any(
        later.ordinal > one.ordinal and later.second.stands and later.effective_at <= now
        for later in versions
    ):
        return Badge(word="Superseded", shape=Shape.ENDED)
    return Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)


_UNCONFIRMED = {
    SecondPerson.WAITS: Badge(word="Waits for a second person", shape=Shape.WAITING, tone=Tone.WAIT),
    SecondPerson.OBJECTED: Badge(word="Objected to", shape=Shape.WARNING, tone=Tone.STOP),
    SecondPerson.OVERTAKEN: Badge(word="Overtaken", shape=Shape.ENDED),
}


def _dating(one: VersionSummary, now: datetime) -> str:
    """Return what the date of a version's state is."""
    if not one.second.stands:
        return "published"
    return "from" if one.effective_at > now else "since"


def in_force(versions: Sequence[VersionSummary], now: datetime) -> VersionSummary:
    """Return the version that is in force, or the first one while none is; `versions` is not empty."""
    standing = (one for one in reversed(versions) if one.second.stands and one.effective_at <= now)
    return next(standing, versions[0])


def _means(one: VersionSummary, before: VersionSummary | None) -> str:
    if before is None:
        return "First text"
    if one.second in REFUSED:
        return "Nobody is asked to accept it"
    if one.change_class.begins_series:
        return f"Who accepted {before.number} is asked again"
    if one.second is SecondPerson.WAITS:
        return f"Once confirmed, acceptance of {before.number} stays current"
    return f"Acceptance of {before.number} stays current"


def _second(one: VersionSummary) -> str | None:
    """Return whose word the change class rests on, where it takes two persons."""
    return {
        SecondPerson.NOT_ASKED: "published before two persons were asked for",
        SecondPerson.CONFIRMED: "confirmed by a second person",
    }.get(one.second)


def _notice(one: VersionSummary, page: str) -> Notice | None:
    link = Link(label="Look at what changed", url=page)
    if one.second is SecondPerson.WAITS:
        return Notice(
            tone=Tone.WAIT,
            title="This version waits for a second person",
            text=f"It was published as {one.change_class.value}, so that nobody is asked to accept it again. "
            "No gate can require it before somebody else has confirmed that.",
            link=link,
        )
    if one.second is SecondPerson.OBJECTED:
        text = f"They do not agree that it is {one.change_class.value}. No gate can require it."
        return Notice(
            tone=Tone.STOP, title="A second person objects to this version", text=text,
            link=Link(label="Read why", url=page),
        )  # fmt: skip
    if one.second is SecondPerson.OVERTAKEN:
        text = "It waited for a second person when a later version was confirmed. No gate can require it."
        return Notice(tone=Tone.NOTE, title="A later version overtook this one", text=text)
    return None


def _version_row(one: VersionSummary, versions: Sequence[VersionSummary], now: datetime) -> SimpleNamespace:
    return SimpleNamespace(
        number=one.number,
        url=one.path,
        state=_badge(one, versions, now),
        effective_at=one.counts_from if one.second.stands else one.published_at,
        change=one.change_class.value,
        second=_second(one),
        means=_means(one, standing_before(versions, one.ordinal)),
        sha256=one.sha256,
        accepted=None,
    )


def _dated(version: Version, versions: Sequence[VersionSummary], now: datetime) -> str:
    """Return the state of a version and since when, as its side of a comparison says it."""
    listed = next(one for one in versions if one.id == version.id)
    moment = listed.counts_from if listed.second.stands else listed.published_at
    word = _badge(listed, versions, now).word
    return f"{word[0].lower()}{word[1:]}, {moment.day} {moment:%B} {moment.year}"


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
