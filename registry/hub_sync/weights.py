"""Where the weights of a model lie: here, at the Hub, or in both places. Derived from digests, never configured. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

PATH_MOST = 1_024
NAMED_MOST = 20
"""Paths of a kind that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a commit at the Hub, as its list states it."""

    path: str
    size: int
    git_oid: str
    sha256: str | None = None
    """Of a large file; the Hub states no digest but git's of others."""


class Place(StrEnum):
    """Where weights lie."""

    HERE = "here"
    HUB = "hub"
    BOTH = "both"
    NOWHERE = "nowhere"


class Digested(msgspec.Struct, frozen=True, array_like=True):
    """A large file, by what it must be equal in."""

    path: str
    size: int
    sha256: str


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a kind: how many, and the first of them."""

    count: int = 0
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The large files of a release and of a commit at the Hub, compared."""

    place: Place
    equal: Kind
    different: Kind
    only_here: Kind
    only_there: Kind
    there_bytes: int
    """What the large files at the Hub take."""


def large_of(files: Iterable[HubFile]) -> list[Digested]:
    """Return the large files of a commit at the Hub."""
    return [
        Digested(path=one.path, size=one.size, sha256=one.sha256) for one in files if one.sha256 is not None
    ]


def compare(
    here: Sequence[Digested], there: Sequence[Digested], *, small_here: Mapping[str, str] | None = None
) -> Weights:
    """Return how the large files of both sides agree.

    Where a file is large on one side alone, it counts by what the other has at its path: `small_here` are the digests of the
    release's small files.
    """
    ours = {one.path: (one.size, one.sha256) for one in here}
    theirs = {one.path: (one.size, one.sha256) for one in there}
    small = small_here or {}
    both = sorted(theirs.keys() & (ours.keys() | small.keys()))
    equal = [path for path in both if _is_equal(path, theirs[path], ours, small)]
    different = [path for path in both if path not in set(equal)]
    only_here = sorted(ours.keys() - theirs.keys())
    only_there = sorted(theirs.keys() - ours.keys() - small.keys())
    return Weights(
        place=_place(bool(ours), bool(theirs)),
        equal=_kind(equal),
        different=_kind(different),
        only_here=_kind(only_here),
        only_there=_kind(only_there),
        there_bytes=sum(one.size for one in there),
    )


def _is_equal(
    path: str, there: tuple[int, str], ours: Mapping[str, tuple[int, str]], small: Mapping[str, str]
) -> bool:
    return ours[path] == there if path in ours else small[path] == there[1]


def _place(here: bool, there: bool) -> Place:  # noqa: FBT001 - two facts of one table
    match here, there:
        case True, True:
            return Place.BOTH
        case True, False:
            return Place.HERE
        case False, True:
            return Place.HUB
        case _:
            return Place.NOWHERE


def _kind(paths: Sequence[str]) -> Kind:
    return Kind(count=len(paths), named=tuple(paths[:NAMED_MOST]))
