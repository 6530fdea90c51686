"""Keep a copy of a log that is checked before it is kept, and notice when the log departs from it.

`follow` goes on from the copy's checkpoint, in this order; nothing is written before step 6:

1. signature     a trusted key of the log has signed the new checkpoint
2. name          it is the log that the copy is of
3. growth        it has no fewer leaves than the copy
4. tree          the tiles at its right edge lead to its root
5. consistency   the copy's leaves are its first ones: the tree's root at the copy's size is the copy's root
6. entries       each new entry has the hash that the tree binds; then it is written, with the new tiles
7. checkpoint    written last: a copy that was cut off is the old one, with some files to spare

`check_copy` derives a whole copy anew, offline; `find_differences` compares all that the log serves with it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.client.errors import ClientError, Malformed, VerificationFailed, printable
from registry.client.keys import PublicKey
from registry.client.merkle import leaf_hash
from registry.client.notes import Checkpoint, check_checkpoint, parse_checkpoint
from registry.client.shelf import Shelf
from registry.client.tiles import (
    TILE_WIDTH,
    Place,
    VerifiedTiles,
    first_difference,
    hash_at,
    places_of,
    split_entries,
)

CHECKPOINT = "checkpoint"
CONFLICTING = "conflicting-checkpoint"
"""What a log signed that contradicts the copy's checkpoint; both together prove it."""


class Source(Protocol):
    """A log as it is served now."""

    def checkpoint(self) -> str:
        """Return the newest signed tree head."""

    def fetch(self, place: Place) -> bytes:
        """Return the bytes of a tile or of a bundle."""


class LogDeparted(VerificationFailed):
    """The log no longer contains what it had signed before: it was forked, or set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a copy holds now."""

    origin: str
    size: int
    root: bytes
    added: int
    """Entries that are new in it."""
    signer: str
    """`kid` of the key that signed."""


def follow(
    source: Source,
    shelf: Shelf,
    *,
    keys: Sequence[PublicKey],
    on_progress: Callable[[int], None] = lambda _: None,
) -> Followed:
    """Bring the copy up to the log's newest checkpoint; `on_progress` is told how many entries it holds.

    Raises:
        LogDeparted: the log contradicts the copy; the contradicting checkpoint is kept beside it.
        VerificationFailed: what the log serves does not fit its own checkpoint, or nobody known signed that.
        Malformed: a checkpoint, a tile or a bundle is none.
    """
    note = source.checkpoint()
    # 1. Who says so.
    head = parse_checkpoint(note)
    signer = check_checkpoint(head, keys)
    kept = read_kept(shelf)
    if kept is not None:
        check_checkpoint(kept, keys)
        # 2. and 3. Only a log of this name, and only more of it.
        _check_name(kept, head)
        if head.tree_size < kept.tree_size or (head.tree_size == kept.tree_size and head.root != kept.root):
            raise _departed(shelf, kept, head, note, source)
    # 4. The tree that was signed.
    tiles = VerifiedTiles(source.fetch, size=head.tree_size, root=head.root)
    # 5. It begins with what we have.
    if kept is not None and tiles.root_at(kept.tree_size) != kept.root:
        raise _departed(shelf, kept, head, note, source)
    # 6. and 7.
    known = 0 if kept is None else kept.tree_size
    _copy(source, shelf, tiles, known=known, on_progress=on_progress)
    shelf.write(CHECKPOINT, note.encode())
    return Followed(
        origin=head.origin,
        size=head.tree_size,
        root=head.root,
        added=head.tree_size - known,
        signer=signer.kid,
    )


def check_copy(
    shelf: Shelf, *, keys: Sequence[PublicKey], on_progress: Callable[[int], None] = lambda _: None
) -> Followed:
    """Derive a copy anew: every entry, every tile, the root and who signed it.

    Raises:
        VerificationFailed: something in the copy is not what was signed; the text names the file.
    """
    kept = read_kept(shelf)
    if kept is None:
        raise ClientError(f"{shelf.name} holds no copy of a log: there is no {CHECKPOINT}")
    signer = check_checkpoint(kept, keys)
    fetch = reader_of(shelf)
    tiles = VerifiedTiles(fetch, size=kept.tree_size, root=kept.root)
    for place in places_of(kept.tree_size):
        if place.level is None:
            check_entries(fetch(place), place, tiles)
            on_progress(place.number * TILE_WIDTH + place.width)
        else:
            tiles.tile(place.level, place.number)
    return Followed(origin=kept.origin, size=kept.tree_size, root=kept.root, added=0, signer=signer.kid)


def find_differences(source: Source, shelf: Shelf) -> Iterator[str]:
    """Yield in words what the log serves now otherwise than it stands in the copy, all of which was signed."""
    kept = read_kept(shelf)
    ours = reader_of(shelf)
    for place in places_of(0 if kept is None else kept.tree_size):
        expected = ours(place)
        try:
            served = source.fetch(place)
            if served == expected:
                continue
            if place.level is None:
                yield from _compare_entries(
                    split_entries(served, place), split_entries(expected, place), place
                )
            else:
                yield f"the {place.name} holds other hashes than were signed"
        except (Malformed, VerificationFailed) as error:
            yield error.message


def _compare_entries(served: Sequence[bytes], signed: Sequence[bytes], place: Place) -> Iterator[str]:
    first = place.number * TILE_WIDTH
    for at, (got, expected) in enumerate(zip(served, signed, strict=True)):
        if got != expected:
            elsewhere = (
                f"entry {first + signed.index(got)}" if got in signed else "other bytes than were signed"
            )
            yield f"entry {first + at} was replaced: the log serves {elsewhere} there"


def read_kept(shelf: Shelf) -> Checkpoint | None:
    """Return the checkpoint of the copy, unverified; None where there is no copy yet."""
    data = shelf.read(CHECKPOINT)
    if data is None:
        return None
    try:
        return parse_checkpoint(data.decode())
    except (UnicodeDecodeError, Malformed) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.message
        raise VerificationFailed(f"the checkpoint kept in {shelf.name} was altered: {reason}") from None


def check_entries(bundle: bytes, place: Place, tiles: VerifiedTiles) -> None:
    """Return if each entry of a bundle has the hash that the tree binds.

    Raises:
        VerificationFailed: one has not; the text names it.
    """
    hashes = tiles.tile(0, place.number)
    for at, leaf in enumerate(split_entries(bundle, place)):
        got, expected = leaf_hash(leaf), hash_at(hashes, at)
        if got != expected:
            raise VerificationFailed(
                f"entry {place.number * TILE_WIDTH + at} was altered: its hash is {got.hex()}, "
                f"the signed tree binds {expected.hex()}"
            )


def _copy(
    source: Source,
    shelf: Shelf,
    tiles: VerifiedTiles,
    *,
    known: int,
    on_progress: Callable[[int], None],
) -> None:
    for place in places_of(tiles.size, known=known):
        if place.level is None:
            data = source.fetch(place)
            check_entries(data, place, tiles)
            on_progress(place.number * TILE_WIDTH + place.width)
        else:
            data = tiles.tile(place.level, place.number)
        shelf.write(place.path, data)
        if place.width == TILE_WIDTH:
            shelf.remove_folder(f"{place.path}.p")


def _check_name(kept: Checkpoint, head: Checkpoint) -> None:
    if kept.origin != head.origin:
        raise VerificationFailed(
            f"another log answers: this copy is of {printable(kept.origin, limit=200)}, "
            f"the checkpoint of {printable(head.origin, limit=200)}"
        )


def _departed(shelf: Shelf, kept: Checkpoint, head: Checkpoint, note: str, source: Source) -> LogDeparted:
    """Keep the contradicting checkpoint, and say what has happened as far as it can be found out."""
    shelf.write(CONFLICTING, note.encode())
    common = min(kept.tree_size, head.tree_size)
    ours = VerifiedTiles(reader_of(shelf), size=kept.tree_size, root=kept.root)
    both = f"Both are signed: {shelf.name}/{CHECKPOINT} and {shelf.name}/{CONFLICTING}."
    advice = (
        both,
        "Keep the two files; they prove it. Ask the registry's operators, and others who keep copies.",
    )
    if ours.root_at(common) == head.root and head.tree_size == common:
        return LogDeparted(
            f"the log was set back: it shows {head.tree_size} entries, and had signed {kept.tree_size}",
            advice=advice,
        )
    try:
        theirs = VerifiedTiles(source.fetch, size=head.tree_size, root=head.root)
        found = f"entry {first_difference(ours, theirs, size=common)} is the first that differs"
    except (ClientError, StopIteration):
        found = "its tiles do not show where"
    return LogDeparted(
        f"the log was forked: what it signed with {kept.tree_size} entries is no beginning of what it signed "
        f"with {head.tree_size}; {found}",
        advice=advice,
    )


def reader_of(shelf: Shelf) -> Callable[[Place], bytes]:
    """Return what reads the files of a copy; one that is missing fails the verification."""

    def fetch(place: Place) -> bytes:
        data = shelf.read(place.path)
        if data is None:
            raise VerificationFailed(f"the {place.name} is missing in {shelf.name}")
        return data

    return fetch
