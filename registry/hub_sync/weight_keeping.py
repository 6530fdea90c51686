"""The large files of a repository that follows: listed once for each commit there, compared with the release here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import catalog
from registry.hub_sync import store
from registry.hub_sync.applying import Failed
from registry.hub_sync.domain import Drift, Noticed
from registry.hub_sync.weights import Digested, HubFile, Weights, compare, large_of
from registry.kernel.clock import Clock
from registry.kernel.database import Database

PAGE_FILES = 1_000


class HubLists(Protocol):
    """The lists of files of one account's repositories at the Hub."""

    def list_files(self, repo_id: str, revision: str) -> list[HubFile] | Failed:
        """Return all files of a commit, without their bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSeen:
    """Where the weights lie, as it was last seen at the Hub, and as it is here."""

    weights: Weights | None = None
    """None: the Hub's list was not read yet."""
    looked_at: datetime | None = None
    revision: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The large files of a repository, as the Hub's list of one commit states them."""

    revision: str = ""
    """Empty: no list was read yet."""
    files: tuple[Digested, ...] = ()
    trouble: str = ""
    """Why the list of a newer commit could not be read."""
    looked_at: datetime | None = None


def keep_weights(
    hub: HubLists, database: Database, mirror_id: UUID, *, repo_id: str, revision: str, clock: Clock
) -> tuple[Noticed, ...]:
    """List the large files of this commit if that was not done before, and tell where they differ from those here.

    A list that cannot be read holds nothing up; the next pass tries again.
    """
    known = database.read_now(lambda session: find_listing(session, mirror_id))
    if known.revision != revision:
        found = read_listing(hub, repo_id=repo_id, revision=revision, known=known, now=clock.now())
        values = {
            "revision": found.revision,
            "listing": msgspec.json.encode(found.files),
            "trouble": found.trouble,
            "looked_at": found.looked_at,
        }
        database.write_now(lambda session: store.change_weights(session, mirror_id, **values))

    def work(session: Session) -> WeightsSeen:
        seen = find_weights(session, mirror_id)
        model_id = store.get_mirror(session, mirror_id).model_id
        catalog.note_hub_weights(session, model_id, there=bool(seen.weights and seen.weights.there_bytes))
        return seen

    return notice(database.write_now(work))


def read_listing(hub: HubLists, *, repo_id: str, revision: str, known: Listing, now: datetime) -> Listing:
    """Return the large files that the Hub lists for a commit; where it does not, what is known and why."""
    files = hub.list_files(repo_id, revision) if revision else []
    if isinstance(files, Failed):
        return replace(known, trouble=f"{files.trouble.value}: {files.words}"[:300], looked_at=now)
    return Listing(revision=revision, files=tuple(large_of(files)), looked_at=now)


def find_listing(session: Session, mirror_id: UUID) -> Listing:
    """Return what is known of the large files of a repository."""
    row = store.find_weights(session, mirror_id)
    if row is None:
        return Listing()
    files = msgspec.json.decode(row.listing, type=tuple[Digested, ...])
    return Listing(revision=row.revision, files=files, trouble=row.trouble, looked_at=row.looked_at)


def find_weights(session: Session, mirror_id: UUID) -> WeightsSeen:
    """Return how the weights of a mirror's model were last seen to agree; the Hub is not asked."""
    model_id = store.get_mirror(session, mirror_id).model_id
    return compare_listing(session, model_id, find_listing(session, mirror_id))


def compare_listing(session: Session, model_id: UUID, listing: Listing) -> WeightsSeen:
    """Return how the large files of the current release agree with a list of the Hub."""
    if not listing.revision:
        return WeightsSeen(trouble=listing.trouble)
    large, small = _list_here(session, model_id)
    return WeightsSeen(
        weights=compare(large, listing.files, small_here=small),
        looked_at=listing.looked_at,
        revision=listing.revision,
        trouble=listing.trouble,
    )


def notice(seen: WeightsSeen) -> tuple[Noticed, ...]:
    """Return the drift where files differ; it is told, and repaired by nobody but people."""
    if seen.weights is None or not seen.weights.different.count:
        return ()
    named = ", ".join(seen.weights.different.named[:3])
    more = seen.weights.different.count - len(seen.weights.different.named[:3])
    words = (
        f"weights of one name have other bytes there than here: {named}{f' and {more} more' if more else ''}"
    )
    return (Noticed(drift=Drift.WEIGHTS_DIFFER, words=words),)


def _list_here(session: Session, model_id: UUID) -> tuple[list[Digested], dict[str, str]]:
    release = catalog.find_current_release(session, model_id)
    large: list[Digested] = []
    small: dict[str, str] = {}
    after, goes_on = None, release is not None
    while release is not None and goes_on:
        page = catalog.list_files(session, release_id=release.id, after=after, limit=PAGE_FILES)
        for one in page:
            if one.large:
                large.append(Digested(path=one.path, size=one.size, sha256=one.sha256))
            else:
                small[one.path] = one.sha256
        after, goes_on = (page[-1].path if page else None), len(page) == PAGE_FILES
    return large, small
