"""The licenses that come with the registry: `licenses/<slug>/license.toml` and one text per version beside it."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

from registry.kernel.outcomes import GatehouseError
from registry.licenses.domain import ChangeClass, Policy, PublishVersion, Restriction, Strictness
from registry.licenses.known import licenses_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One line of a summary, and the clause it speaks of."""

    text: str
    clause: str
    """Citation as in the structure: `6.1 (a)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a version says in short; it is not the license and binds nobody."""

    may: tuple[SummaryLine, ...]
    must: tuple[SummaryLine, ...]
    may_not: tuple[SummaryLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledVersion:
    """One bundled text with what is known about it."""

    command: PublishVersion
    note: str
    """What the version changed, in one sentence."""
    summary: Summary


def read_bundled(folder: Path | None = None) -> Iterator[BundledVersion]:
    """Yield every bundled version, the versions of a license in their order.

    Raises:
        GatehouseError: a file is missing or malformed.
    """
    for file in sorted((folder or licenses_folder()).glob("*/license.toml")):
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        for entry in document["version"]:
            try:
                yield _read_version(file.parent, document, entry)
            except (KeyError, ValueError, OSError) as error:
                raise GatehouseError(f"bundled license {file.parent.name}: {error!r}") from error


@cache
def _summaries() -> Mapping[tuple[str, str], BundledVersion]:
    return {(version.command.slug, version.command.number): version for version in read_bundled()}


def find_bundled(slug: str, number: str) -> BundledVersion | None:
    """Return what comes with the registry about this version; None for licenses from elsewhere."""
    return _summaries().get((slug, number))


def _read_version(folder: Path, document: Mapping[str, Any], entry: Mapping[str, Any]) -> BundledVersion:
    effective: date = entry["effective"]
    summary = entry["summary"]
    return BundledVersion(
        command=PublishVersion(
            slug=folder.name,
            number=entry["number"],
            change_class=ChangeClass(entry["change_class"]),
            text=(folder / f"{entry['number']}.md").read_bytes(),
            title=document["title"],
            publisher=document["publisher"],
            effective_at=datetime.combine(effective, time(), UTC),
            language=document["language"],
            policies=tuple(Policy(**policy) for policy in entry["policies"]),
            restrictions=tuple(
                Restriction(slug=one["slug"], strictness=Strictness(one["strictness"]), clause=one["clause"])
                for one in entry["restrictions"]
            ),
        ),
        note=entry["note"],
        summary=Summary(
            may=_lines(summary["may"]), must=_lines(summary["must"]), may_not=_lines(summary["may_not"])
        ),
    )


def _lines(entries: list[dict[str, str]]) -> tuple[SummaryLine, ...]:
    return tuple(SummaryLine(**entry) for entry in entries)
