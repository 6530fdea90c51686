"""What a log gained between two of its states, proven by its tiles under one signed tree head.

1. signature     a trusted key of the log has signed the head, and each checkpoint that names a state
2. tree          the tiles at the right edge lead to the head's root
3. consistency   each named checkpoint is a beginning of that tree: the root at its size is its root
4. entries       each entry between has the hash that the tree binds
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.client.entries import read_entry
from registry.client.errors import VerificationFailed, printable
from registry.client.keys import PublicKey
from registry.client.mirror import CHECKPOINT, LogDeparted, Source, check_entries, reader_of
from registry.client.notes import check_checkpoint, parse_checkpoint
from registry.client.shelf import Shelf
from registry.client.tiles import TILE_WIDTH, Place, VerifiedTiles, split_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The first entries of a log, and the root over them."""

    size: int
    root: bytes


class KeptLog:
    """A copy of a log on a shelf, read like a log that is served."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.fetch: Callable[[Place], bytes] = reader_of(shelf)

    def checkpoint(self) -> str:
        """Return the checkpoint of the copy."""
        data = self._shelf.read(CHECKPOINT)
        if data is None:
            raise VerificationFailed(f"{self._shelf.name} holds no copy of a log: there is no {CHECKPOINT}")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise VerificationFailed(f"the checkpoint kept in {self._shelf.name} is not UTF-8") from None


class ReadLog:
    """A log as one signed tree head binds it."""

    def __init__(self, source: Source, keys: Sequence[PublicKey]) -> None:
        """Hold the log's newest checkpoint to its tiles.

        Raises:
            VerificationFailed: nobody known signed it, or its tiles lead elsewhere.
        """
        self._keys = keys
        self._fetch = source.fetch
        self.head = parse_checkpoint(source.checkpoint())
        self.signer = check_checkpoint(self.head, keys)
        self._tiles = VerifiedTiles(source.fetch, size=self.head.tree_size, root=self.head.root)

    def newest(self) -> State:
        """Return the state that the head binds."""
        return State(size=self.head.tree_size, root=self.head.root)

    def at_size(self, size: int) -> State:
        """Return the state when the log had so many entries.

        Raises:
            VerificationFailed: it has fewer.
        """
        if size > self.head.tree_size:
            raise VerificationFailed(f"the log has {self.head.tree_size} entries, fewer than {size}")
        return State(size=size, root=self._tiles.root_at(size))

    def at_checkpoint(self, note: str, *, name: str) -> State:
        """Return the state that a kept checkpoint binds, after showing that the log goes on from it.

        Raises:
            LogDeparted: it does not.
            VerificationFailed: nobody known signed it, or it is of another log.
        """
        kept = parse_checkpoint(note)
        check_checkpoint(kept, self._keys)
        if kept.origin != self.head.origin:
            raise VerificationFailed(
                f"{name} is of another log: {printable(kept.origin, limit=200)}, "
                f"not of {printable(self.head.origin, limit=200)}"
            )
        if kept.tree_size > self.head.tree_size:
            raise LogDeparted(
                f"the log was set back, or this copy of it is older than {name}: it shows "
                f"{self.head.tree_size} entries, and had signed {kept.tree_size}",
                advice=_keep(name),
            )
        state = self.at_size(kept.tree_size)
        if state.root != kept.root:
            raise LogDeparted(
                f"the log was forked: what it signed with {kept.tree_size} entries in {name} is no beginning of "
                f"what it signed with {self.head.tree_size}",
                advice=_keep(name),
            )
        return state

    def at_time(self, moment: datetime) -> State:
        """Return the state before the first entry that states a later time; found by halving.

        Entries state times that rise, but for those of the same seconds, which may be mixed.
        """
        low, high = 0, self.head.tree_size
        while low < high:
            middle = (low + high) // 2
            at, stated = self._next_time(middle, high)
            if stated is None or stated > moment:
                high = middle
            else:
                low = at + 1
        return self.at_size(low)

    def entries(self, old: State, new: State) -> Iterator[tuple[int, bytes]]:
        """Yield the entries of the later state that are not in the earlier one, each checked against the tree.

        Raises:
            VerificationFailed: one is not what was signed.
        """
        yield from self._leaves(old.size, new.size)

    def _leaves(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            for at, leaf in enumerate(self._bundle(number), start=number * TILE_WIDTH):
                if start <= at < end:
                    yield at, leaf

    def _bundle(self, number: int) -> list[bytes]:
        width = min(TILE_WIDTH, self.head.tree_size - number * TILE_WIDTH)
        place = Place(level=None, number=number, width=width)
        bundle = self._fetch(place)
        check_entries(bundle, place, self._tiles)
        return split_entries(bundle, place)

    def _next_time(self, start: int, end: int) -> tuple[int, datetime | None]:
        """Return the first entry from `start` on that states a time, and that time."""
        for at, leaf in self._leaves(start, end):
            stated = read_entry(leaf).at
            if stated is not None:
                return at, stated
        return end, None


def _keep(name: str) -> tuple[str, ...]:
    return (f"Keep {name}: it is signed. Ask the registry's operators, and others who keep copies.",)
