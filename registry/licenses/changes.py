"""What changed between two versions of a license, in figures: for answers that are too short for the comparison."""

from functools import lru_cache

from sqlmodel import Session

from registry.licenses import store
from registry.licenses.comparison import Comparison, RowKind, compare
from registry.licenses.domain import ChangeClass, Changes, Figures, Version
from registry.licenses.structure import parse
from registry.licenses.texts import decode

REMEMBERED_PAIRS = 64
"""How many pairs of texts a process remembers the figures of; the texts never change."""
_GRAVITY = (ChangeClass.EDITORIAL, ChangeClass.COMPATIBLE, ChangeClass.MATERIAL)


def find_changes(session: Session, old: Version, new: Version) -> Changes:
    """Return what changed between two versions of one license."""
    return Changes(
        slug=new.slug,
        old=old.number,
        new=new.number,
        change_class=gravest_change(session, old, new),
        figures=_figures(old.text, new.text),
    )


def gravest_change(session: Session, before: Version, after: Version) -> ChangeClass:
    """Return the gravest change class among the versions that lie between two, whichever is the newer one."""
    if before.series != after.series:
        return ChangeClass.MATERIAL
    first, last = sorted((before.ordinal, after.ordinal))
    between = [
        version.change_class
        for version in store.list_versions(session, after.slug)
        if first < version.ordinal <= last and version.second.stands and version.change_class in _GRAVITY
    ]
    return max(between, key=_GRAVITY.index, default=ChangeClass.EDITORIAL)


def count_changes(comparison: Comparison) -> Figures:
    """Return the figures of a comparison."""
    return Figures(
        changed=comparison.count(RowKind.CHANGED),
        added=comparison.count(RowKind.ADDED),
        removed=comparison.count(RowKind.REMOVED),
        reworded=comparison.count(RowKind.MINOR, RowKind.MOVED),
    )


@lru_cache(maxsize=REMEMBERED_PAIRS)
def _figures(old: bytes, new: bytes) -> Figures:
    return count_changes(compare(parse(decode(old)), parse(decode(new))))
