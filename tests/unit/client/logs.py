"""A log in memory, made with the registry's own functions and served by its tiles."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.client.errors import Unavailable
from registry.client.keys import KeyUse, PublicKey, thumbprint
from registry.client.tiles import Place
from registry.ledger import notes, tiles, tree

ORIGIN = "registry.example/ledger"


class MemoryLog:
    """A log that signs what its owner wants, also what contradicts itself."""

    def __init__(self, *, seed: int = 1, origin: str = ORIGIN) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self.private.public_key().public_bytes_raw()
        self.origin = origin
        self.leaves: list[bytes] = []
        self.fetched: list[Place] = []
        self.altered: dict[str, bytes] = {}
        """Paths that are served otherwise than they are."""
        self._built: tuple[list[bytes], dict[tuple[int, int], bytes]] = ([], {})

    @property
    def key(self) -> PublicKey:
        return PublicKey(
            kid=thumbprint(self.public),
            use=KeyUse.CHECKPOINT,
            raw=self.public,
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            valid_until=None,
            compromised_at=None,
        )

    def grow(self, count: int) -> "MemoryLog":
        self.leaves += [f"entry {len(self.leaves) + at}".encode() for at in range(count)]
        return self

    def tree(self) -> dict[tuple[int, int], bytes]:
        if self._built[0] != self.leaves:
            hashes = [tree.hash_leaf(leaf) for leaf in self.leaves]
            self._built = ([*self.leaves], tree.grow(0, hashes, read_tile=lambda *_: b""))
        return self._built[1]

    def root(self) -> bytes:
        stored = self.tree()
        return tree.root_at(len(self.leaves), read_tile=lambda *place: stored[place])

    def checkpoint(self) -> str:
        text = notes.Checkpoint(origin=self.origin, size=len(self.leaves), root=self.root()).text()
        signature = notes.NoteSignature(
            name=self.origin,
            key_id=notes.key_id(self.origin, self.public),
            signature=self.private.sign(text.encode()),
        )
        return notes.render_note(text, (signature,))

    def fetch(self, place: Place) -> bytes:
        self.fetched.append(place)
        if place.path in self.altered:
            return self.altered[place.path]
        return self.honest(place)

    def honest(self, place: Place) -> bytes:
        if place.level is None:
            start = place.number * tree.TILE_WIDTH_HASHES
            found = self.leaves[start : start + place.width]
            if len(found) < place.width:
                raise Unavailable("no such bundle")
            return tiles.pack_entries(found)
        hashes = self.tree().get((place.level, place.number), b"")[: place.width * tree.HASH_BYTES]
        if len(hashes) < place.width * tree.HASH_BYTES:
            raise Unavailable("no such tile")
        return hashes


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder by its path in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
