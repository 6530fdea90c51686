"""A log over HTTP: that of a registry, or a copy of one at any static host."""

from collections.abc import Sequence
from typing import Self

from registry.client.credentials import normal_endpoint
from registry.client.errors import Malformed, NotFound, VerificationFailed
from registry.client.keys import PublicKey, parse_key_set
from registry.client.merkle import HASH_BYTES
from registry.client.notes import NOTE_MAX_BYTES
from registry.client.tiles import ENTRIES_MAX_BYTES, TILE_WIDTH, Place
from registry.client.transport import Session
from registry.client.wire import parse_json

KEYS = "keys.json"
"""The log's public keys (a JWK set) in a copy, beside its checkpoint."""
KEYS_MAX_BYTES = 4 << 20


class LogSource:
    """Where a log is read from."""

    def __init__(self, session: Session, *, prefix: str, keys_path: str) -> None:
        self.pinned: Sequence[PublicKey] = ()
        """Keys that it showed at an earlier time."""
        self._session = session
        self._prefix = prefix
        self._keys_path = keys_path
        self._document: bytes | None = None

    @classmethod
    def of_registry(cls, endpoint: str) -> Self:
        """Return the log of a registry."""
        return cls(Session(endpoint=endpoint, token=None), prefix="/ledger", keys_path="/api/v1/keys")

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the copy of a log under an address."""
        return cls(Session(endpoint=normal_endpoint(url), token=None), prefix="", keys_path=f"/{KEYS}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def checkpoint(self) -> str:
        """Return the newest signed tree head."""
        data = self._session.get_bytes(f"{self._prefix}/checkpoint", limit=NOTE_MAX_BYTES)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Malformed("the checkpoint is not UTF-8") from None

    def fetch(self, place: Place) -> bytes:
        """Return the bytes of a tile or of a bundle."""
        limit = ENTRIES_MAX_BYTES if place.level is None else TILE_WIDTH * HASH_BYTES
        try:
            return self._session.get_bytes(f"{self._prefix}/{place.path}", limit=limit)
        except NotFound:
            raise VerificationFailed(
                f"the log does not serve the {place.name}, though it has signed what stands there"
            ) from None

    def published(self) -> Sequence[PublicKey]:
        """Return the keys that the log publishes now."""
        self._document = self._session.get_bytes(self._keys_path, limit=KEYS_MAX_BYTES)
        where = "the log's keys"
        return parse_key_set(parse_json(self._document, what=where), where=where)

    def keys_document(self) -> bytes:
        """Return those keys as they were sent."""
        if self._document is None:
            self.published()
        assert self._document is not None  # noqa: S101 - published() has set it
        return self._document
