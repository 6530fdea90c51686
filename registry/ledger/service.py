"""Use cases of the log: append, integrate, prove, list.

An entry is *unsequenced* when its transaction has committed. One sequencer at a time gives contiguous
indices (*sequenced*), puts the leaf hashes into the tree (*integrated*) and signs a checkpoint over it
(*published*). It does all three in one transaction, so a reader never sees the states between.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, GatehouseError, Refusal, Remedy
from registry.ledger import attestations, notes, signing, store, tiles, tree
from registry.ledger.domain import (
    BATCH_MAX_ENTRIES,
    LEAF_MAX_BYTES,
    PAGE_MAX_ENTRIES,
    Entry,
    EntryProof,
    EntryState,
    Inclusion,
    Integrated,
    KeyPurpose,
    ListedEntry,
    Position,
    SignedCheckpoint,
)


class StaleKeyRing(GatehouseError):
    """The key ring in hand no longer holds the current checkpoint key; it must be opened anew."""


def append(session: Session, *, kind: str, leaf: bytes, now: datetime) -> UUID:
    """Record a fact; its entry is durable, unsequenced, when the transaction commits. Takes no lock."""
    (entry_id,) = append_all(session, kind=kind, leaves=[(leaf, now)])
    return entry_id


def append_all(session: Session, *, kind: str, leaves: Sequence[tuple[bytes, datetime]]) -> Sequence[UUID]:
    """Do as `append` for several facts of one kind, each recorded at its moment; return the entries' ids."""
    longest = max((len(leaf) for leaf, _ in leaves), default=0)
    if longest > LEAF_MAX_BYTES:
        raise ValueError(f"leaf is too long: got {longest} bytes, expected at most {LEAF_MAX_BYTES}")
    rows = [
        {"id": new_id(), "kind": kind, "leaf": leaf, "leaf_hash": tree.hash_leaf(leaf), "recorded_at": now}
        for leaf, now in leaves
    ]
    store.insert_entries(session, rows)
    return [row["id"] for row in rows]  # type: ignore[misc] # the dict's values are of several types


def has_pending(session: Session) -> bool:
    """Whether `integrate` has something to do."""
    return store.has_pending(session)


def integrate(session: Session, *, keys: signing.KeyRing, origin: str, now: datetime) -> Integrated | None:
    """Sequence, integrate and publish one batch of waiting entries; None if none waits.

    `origin` names a log that has no checkpoint yet; afterwards the log keeps its name, also when the
    registry moves to another address. The checkpoints' times never step back, even if the clock does.

    Raises:
        CorruptRecord: the stored log does not fit its last checkpoint; nothing was signed.
        StaleKeyRing: the checkpoint key has been rotated since `keys` was opened.
    """
    # 1. One sequencer at a time: everything below reads what the last one committed.
    store.lock_sequencer(session)
    pending = store.list_pending(session, limit=BATCH_MAX_ENTRIES)
    if not pending:
        return None
    # 2. Sign only with the current key, and only what extends the last checkpoint.
    if not signing.is_current(session, keys.checkpoint.kid):
        raise StaleKeyRing(f"checkpoint key {keys.checkpoint.kid} is no longer current")
    last = store.latest_checkpoint(session)
    size = _confirm_state(session, last, keys=keys)
    for entry_id, leaf, leaf_hash in pending:
        if tree.hash_leaf(leaf) != leaf_hash:
            raise CorruptRecord(f"waiting ledger entry {entry_id} does not fit its leaf hash")
    # 3. Indices, then tree, then checkpoint; all commit together or not at all.
    store.insert_leaves(session, size, [entry_id for entry_id, _, _ in pending])
    changed = tree.grow(
        size,
        [leaf_hash for _, _, leaf_hash in pending],
        read_tile=store.tile_reader(session),
    )
    store.write_tiles(session, changed, growing=tree.tile_widths(size))
    checkpoint = _sign_checkpoint(session, size + len(pending), last, keys=keys, origin=origin, now=now)
    store.insert_checkpoint(session, checkpoint)
    return Integrated(first_index=size, count=len(pending), tree_size=checkpoint.size, root=checkpoint.root)


def find_position(session: Session, entry_id: UUID) -> Position | None:
    """Return how far an entry has come, or None if there is no such entry."""
    exists, index = store.find_index(session, entry_id)
    if not exists:
        return None
    if index is None:
        return Position(index=None, state=EntryState.UNSEQUENCED)
    last = store.latest_checkpoint(session)
    if last is not None and index < last.size:
        return Position(index=index, state=EntryState.PUBLISHED)
    number, place = divmod(index, tree.TILE_WIDTH_HASHES)
    integrated = len(store.tile_reader(session)(0, number)) > place * tree.HASH_BYTES
    return Position(index=index, state=EntryState.INTEGRATED if integrated else EntryState.SEQUENCED)


def find_indices(session: Session, entry_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the index of each of the entries that is sequenced."""
    return store.find_indices(session, entry_ids) if entry_ids else {}


def latest_checkpoint(session: Session) -> SignedCheckpoint | None:
    """Return the newest published tree head with what others say about it, or None before the first."""
    newest = store.latest_checkpoint(session)
    return None if newest is None else attestations.attest(session, newest)


def prove_inclusion(session: Session, *, index: int, tree_size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the published tree of the first `tree_size` leaves.

    Raises:
        ValueError: `index` is not in that tree. Ask `answer_inclusion` where the numbers come from outside.
        CorruptRecord: a tile that the proof needs is missing or too short.
    """
    return tree.prove_inclusion(index, tree_size, read_tile=store.tile_reader(session))


def prove_consistency(session: Session, *, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` leaves extends the tree of `old` leaves.

    Raises:
        ValueError: there are no such trees. Ask `answer_consistency` where the numbers come from outside.
        CorruptRecord: a tile that the proof needs is missing or too short.
    """
    return tree.prove_consistency(old, new, read_tile=store.tile_reader(session))


def prove_entry(session: Session, entry_id: UUID) -> EntryProof | None:
    """Return the proof that a receipt carries; None until it is published.

    It leads to the first tree head that an authority has stamped, else to the first that a witness has cosigned,
    else to the newest.
    """
    position = find_position(session, entry_id)
    if position is None or position.index is None or position.state is not EntryState.PUBLISHED:
        return None
    checkpoint = attestations.best_checkpoint_over(session, position.index)
    if checkpoint is None:
        return None
    entry = store.find_entry(session, position.index)
    if entry is None or tree.hash_leaf(entry.leaf) != entry.leaf_hash:
        raise CorruptRecord(f"ledger entry {entry_id} does not fit its leaf hash")
    proof = prove_inclusion(session, index=position.index, tree_size=checkpoint.size)
    try:
        tree.verify_inclusion(
            entry.leaf_hash,
            index=position.index,
            tree_size=checkpoint.size,
            proof=proof,
            root=checkpoint.root,
        )
    except tree.ProofMismatch as error:
        raise CorruptRecord(f"ledger entry {entry_id} is not under the last checkpoint: {error}") from error
    return EntryProof(
        index=position.index,
        leaf_hash=entry.leaf_hash,
        inclusion_proof=tuple(proof),
        checkpoint=checkpoint,
    )


def best_checkpoint_over(session: Session, index: int) -> SignedCheckpoint | None:
    """Return the tree head that shows best that all entries up to `index` are in the log; None where none covers it."""
    return attestations.best_checkpoint_over(session, index)


def prove_entries(
    session: Session, indices: Mapping[UUID, int], *, checkpoint: SignedCheckpoint
) -> dict[UUID, Inclusion]:
    """Return the audit path of each entry to one tree head that covers them all.

    Raises:
        CorruptRecord: an entry does not lead to that root, so nothing may be handed out as proven.
    """
    read_tile = store.tile_reader(session)
    proven: dict[UUID, Inclusion] = {}
    for entry_id, index in indices.items():
        leaf = store.find_leaf(session, entry_id)
        path = tree.prove_inclusion(index, checkpoint.size, read_tile=read_tile)
        try:
            tree.verify_inclusion(
                tree.hash_leaf(leaf or b""),
                index=index,
                tree_size=checkpoint.size,
                proof=path,
                root=checkpoint.root,
            )
        except tree.ProofMismatch as error:
            raise CorruptRecord(f"ledger entry {entry_id} is not under its checkpoint: {error}") from error
        proven[entry_id] = Inclusion(index=index, path=tuple(path))
    return proven


def answer_inclusion(session: Session, *, index: int, tree_size: int) -> tuple[Entry, list[bytes]] | Refusal:
    """Return the entry at `index` with its audit path in the tree of `tree_size`, as anyone may ask."""
    refusal = _refuse_unpublished(session, tree_size)
    if refusal is not None:
        return refusal
    if not 0 <= index < tree_size:
        return Refusal(
            code="ledger-index-outside-tree",
            status=404,
            title="There is no such entry in that tree",
            detail=f"Got index {index} in a tree of {tree_size} entries.",
            remedy=Remedy(text="Ask for an index below the tree size", url="/ledger/checkpoint"),
        )
    entry = store.find_entry(session, index)
    if entry is None:
        raise CorruptRecord(f"ledger entry at index {index} is missing")
    return entry, prove_inclusion(session, index=index, tree_size=tree_size)


def answer_consistency(session: Session, *, old: int, new: int) -> list[bytes] | Refusal:
    """Return the consistency proof between two published trees, as anyone may ask."""
    refusal = _refuse_unpublished(session, new)
    if refusal is not None:
        return refusal
    if not 0 <= old <= new:
        return Refusal(
            code="ledger-sizes-reversed",
            status=400,
            title="The old tree cannot be larger than the new one",
            detail=f"Got old size {old} and new size {new}.",
            remedy=Remedy(text="Ask again with old at most as large as new"),
        )
    return prove_consistency(session, old=old, new=new)


def answer_tile(session: Session, path: str) -> bytes | Refusal:
    """Return the hash tile or the bundle of entries at an address below `tile/` (C2SP tlog-tiles).

    It is given as soon as a checkpoint covers it: tiles, indices and checkpoint commit together.
    """
    address = tiles.parse_tile_address(path)
    if address is None:
        return _no_such_tile(path)
    if address.level is None:
        leaves = store.list_leaves_from(session, address.number * tree.TILE_WIDTH_HASHES, limit=address.width)
        return tiles.pack_entries(leaves) if len(leaves) == address.width else _no_such_tile(path)
    wanted = address.width * tree.HASH_BYTES
    hashes = store.read_tile(session, address.level, address.number)[:wanted]
    return hashes if len(hashes) == wanted else _no_such_tile(path)


def _no_such_tile(path: str) -> Refusal:
    return Refusal(
        code="ledger-tile-unknown",
        status=404,
        title="The log has no such tile",
        detail=f"Got {path[:80]!r}, expected a tile that the newest checkpoint covers.",
        remedy=Remedy(
            text="Read the newest checkpoint, and ask for tiles of its size", url="/ledger/checkpoint"
        ),
    )


def find_entry_by_index(session: Session, index: int) -> Entry | None:
    """Return the entry at `index`, or None if that index has not been given."""
    return store.find_entry(session, index)


def list_entries(session: Session, *, before: int | None, limit: int) -> list[ListedEntry]:
    """Return a page of the log, newest first, below the index `before`."""
    return store.list_entries(session, before=before, limit=min(limit, PAGE_MAX_ENTRIES))


def verify_checkpoint(
    checkpoint: SignedCheckpoint, published: Sequence[signing.PublishedKey]
) -> signing.PublishedKey:
    """Return the key that signed a stored checkpoint, after making sure that its note fits its row.

    Raises:
        CorruptRecord: the note is malformed, states other facts, or no key in `published` signed it.
    """
    try:
        note = notes.parse_note(checkpoint.note.encode())
        stated = notes.parse_checkpoint_text(note.text)
        by_id = {
            notes.key_id(stated.origin, key.public): key
            for key in published
            if key.purpose is KeyPurpose.CHECKPOINT
        }
        signer = by_id[note.verify(stated.origin, {name: key.public for name, key in by_id.items()})]
    except (notes.NoteMalformed, notes.NoteUnverified) as error:
        raise CorruptRecord(str(error)) from error
    if stated.size != checkpoint.size:
        raise CorruptRecord(f"tree size differs: the note states {stated.size}, the row {checkpoint.size}")
    if stated.root != checkpoint.root:
        raise CorruptRecord(
            f"root differs: the note states {stated.root.hex()}, the row {checkpoint.root.hex()}"
        )
    return signer


def _confirm_state(session: Session, last: SignedCheckpoint | None, *, keys: signing.KeyRing) -> int:
    """Return the size of the tree after making sure that leaves, tiles and last checkpoint agree."""
    leaves = store.count_leaves(session)
    if last is None:
        if leaves:
            raise CorruptRecord(f"the ledger has {leaves} leaves but no checkpoint")
        return 0
    if leaves != last.size:
        raise CorruptRecord(f"the ledger has {leaves} leaves, its last checkpoint covers {last.size}")
    try:
        verify_checkpoint(last, keys.published)
    except CorruptRecord as error:
        raise CorruptRecord(f"last checkpoint of size {last.size} is not valid: {error}") from error
    root = tree.root_at(last.size, read_tile=store.tile_reader(session))
    if root != last.root:
        raise CorruptRecord(
            f"the tiles do not give the last checkpoint's root: got {root.hex()}, expected {last.root.hex()}"
        )
    return last.size


def _sign_checkpoint(
    session: Session,
    size: int,
    last: SignedCheckpoint | None,
    *,
    keys: signing.KeyRing,
    origin: str,
    now: datetime,
) -> SignedCheckpoint:
    name = origin if last is None else last.origin
    root = tree.root_at(size, read_tile=store.tile_reader(session))
    text = notes.Checkpoint(origin=name, size=size, root=root).text()
    # A clock that stepped back must not make the log look as if it had been signed by a key to come.
    valid_from = next(key.valid_from for key in keys.published if key.kid == keys.checkpoint.kid)
    return SignedCheckpoint(
        size=size,
        previous_size=0 if last is None else last.size,
        root=root,
        note=notes.render_note(text, (keys.checkpoint.sign_note(text, name),)),
        signed_at=max(now, valid_from, last.signed_at if last else now),
    )


def _refuse_unpublished(session: Session, tree_size: int) -> Refusal | None:
    last = store.latest_checkpoint(session)
    published = 0 if last is None else last.size
    if tree_size <= published:
        return None
    return Refusal(
        code="ledger-size-not-published",
        status=404,
        title="No checkpoint covers a tree of that size yet",
        detail=f"Got size {tree_size}, expected at most {published}.",
        remedy=Remedy(text="Read the newest checkpoint, and ask for its size", url="/ledger/checkpoint"),
    )


def find_leaf(session: Session, entry_id: UUID) -> bytes | None:
    """Return the leaf of an entry, also before it has an index; None if there is no such entry."""
    return store.find_leaf(session, entry_id)


def iterate_leaves(session: Session, *, other_than: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield kind and leaf of every entry of other kinds than these, with flat memory."""
    after: UUID | None = None
    while page := store.list_leaves(session, other_than=other_than, after=after, limit=BATCH_MAX_ENTRIES):
        for _, kind, leaf in page:
            yield kind, leaf
        after = page[-1][0]
