"""Check of the log itself: re-derives everything from the leaves and names each row that does not fit (P6).

The steps, in the order in which each relies on those before it:

1. Signing keys open under the master key, which is not in the database: a key put in from outside does not.
2. Checkpoints are signed by such a key, say what their row says, and follow one another.
3. Leaves by index: none is missing, each fits its leaf hash and the tree.
4. Tiles and the roots of checkpoints are those that the leaves give.
5. Every entry either waits or has an index.
6. What others say about checkpoints fits: cosignatures of witnesses are by their keys, time stamps of these notes.

Where an entry and the tree differ, the newest valid checkpoint tells which of them was altered: a hash with an
inclusion proof to its root is the one that was signed. The check by itself cannot find a whole database that
was set back to an older state, nor a log rewritten with the master key in hand; `find_departure` does, from a
checkpoint that was kept elsewhere.

Memory stays flat: rows come in pages, and of the tree only the right edge is held.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlmodel import Session

from registry.kernel.clock import iso
from registry.kernel.outcomes import CorruptRecord, GatehouseError
from registry.kernel.sealing import Sealer
from registry.ledger import attestations, notes, service, signing, store, stored_rows, tree
from registry.ledger.cosignatures import find_cosignature, parse_witness_key
from registry.ledger.domain import DISCREPANCIES_MAX, Discrepancy, KeyPurpose, SignedCheckpoint
from registry.ledger.stored_rows import CheckpointRow, EntryRow, KeyRow, LeafRow
from registry.ledger.tables import SigningKey
from registry.ledger.timestamping import read_timestamp

_UNKNOWN_HASH = bytes(tree.HASH_BYTES)
"""Stands for a leaf of which neither entry nor tile is left."""


class _Enough(Exception):
    """The report is as long as it may be."""


@dataclass(slots=True)
class _Report:
    """Collects discrepancies; of each row only the first, which names the cause."""

    found: dict[tuple[str, str], Discrepancy] = field(default_factory=dict)

    def add(self, table: str, row_id: str | int, problem: str) -> None:
        key = (table, str(row_id))
        if key not in self.found:
            self.found[key] = Discrepancy(table=table, row_id=str(row_id), problem=problem)
        if len(self.found) >= DISCREPANCIES_MAX:
            raise _Enough


def find_discrepancies(session: Session, *, sealer: Sealer) -> list[Discrepancy]:
    """Return every row of the log that does not fit, the first cause first; none if the log is whole.

    Must be the first work of its transaction. Stops after `DISCREPANCIES_MAX`.
    """
    stored_rows.hold_snapshot(session)
    report = _Report()
    try:
        keys = _check_keys(session, sealer, report)
        newest = _check_checkpoints(session, keys, report)
        _check_tree(session, newest, report)
        _check_queue(session, report)
        _check_attestations(session, report)
    except _Enough:
        pass  # More would say nothing new.
    return list(report.found.values())


def find_departure(session: Session, kept: bytes, *, sealer: Sealer) -> Discrepancy | None:
    """Return how the present log departs from the checkpoint note `kept`; None if it goes on from there.

    Raises:
        NoteMalformed: `kept` is no checkpoint.
    """
    note = notes.parse_note(kept)
    stated = notes.parse_checkpoint_text(note.text)

    def departs(problem: str) -> Discrepancy:
        return Discrepancy(table="kept_checkpoint", row_id=str(stated.size), problem=problem)

    keys = {
        notes.key_id(stated.origin, key.public): key.public
        for key in _check_keys(session, sealer, _Report())
        if key.purpose is KeyPurpose.CHECKPOINT
    }
    try:
        note.verify(stated.origin, keys)
    except notes.NoteUnverified as error:
        return departs(
            f"is not signed by a key of this database ({error}): it is of another registry, was altered, or the "
            "database was set back to before that key was made"
        )
    size = store.count_leaves(session)
    if stated.size > size:
        return departs(
            f"the log was set back: the kept checkpoint covers {stated.size} entries, this database holds {size}"
        )
    try:
        root = tree.root_at(stated.size, read_tile=store.tile_reader(session))
    except CorruptRecord as error:
        return departs(f"the tree of its {stated.size} entries cannot be read: {error}")
    if root != stated.root:
        return departs(
            f"the log was forked: the {stated.size} entries that the kept checkpoint covers are not the first "
            f"{stated.size} of the {size} in this database"
        )
    return None


def _check_keys(session: Session, sealer: Sealer, report: _Report) -> list[signing.PublishedKey]:
    """Return the keys that belong to this registry."""
    keys = []
    for row in stored_rows.list_keys(session):
        try:
            keys.append(_open_key(row, sealer))
        except (CorruptRecord, ValueError) as error:
            report.add("signing_key", row.kid, f"does not open: {error}")
    return keys


def _open_key(row: KeyRow, sealer: Sealer) -> signing.PublishedKey:
    if row.created_at is None:
        raise CorruptRecord("created_at is not a time")
    purpose = KeyPurpose(row.purpose)
    stored = SigningKey(
        kid=row.kid,
        purpose=purpose,
        public=row.public,
        sealed_private=row.sealed_private,
        created_at=row.created_at,
    )
    signing.check_key(stored, sealer=sealer)
    return signing.PublishedKey(
        kid=row.kid,
        purpose=purpose,
        public=row.public,
        valid_from=row.created_at,
        valid_until=row.retired_at,
        compromised_at=row.compromised_at,
    )


def _check_checkpoints(
    session: Session, keys: list[signing.PublishedKey], report: _Report
) -> SignedCheckpoint | None:
    """Return the largest checkpoint that is valid."""
    newest: SignedCheckpoint | None = None
    possible_predecessors = {0}
    for row in stored_rows.list_checkpoints(session):
        checkpoint = _verified(row, keys, newest, report)
        if checkpoint is None:
            possible_predecessors.add(row.size)
            continue
        if checkpoint.previous_size not in possible_predecessors:
            report.add(
                "ledger_checkpoint",
                checkpoint.previous_size,
                f"is missing: the checkpoint of size {checkpoint.size} follows it",
            )
        newest, possible_predecessors = checkpoint, {checkpoint.size}
    return newest


def _verified(
    row: CheckpointRow,
    keys: list[signing.PublishedKey],
    newest: SignedCheckpoint | None,
    report: _Report,
) -> SignedCheckpoint | None:
    """Return the checkpoint of a row whose signature and facts fit."""
    if row.signed_at is None:
        report.add("ledger_checkpoint", row.size, "signed_at is not a time")
        return None
    checkpoint = SignedCheckpoint(
        size=row.size,
        previous_size=row.previous_size,
        root=row.root,
        note=row.note,
        signed_at=row.signed_at,
    )
    try:
        signer = service.verify_checkpoint(checkpoint, keys)
    except CorruptRecord as error:
        report.add("ledger_checkpoint", row.size, f"is not valid: {error}")
        return None
    if not signer.is_valid_at(checkpoint.signed_at):
        report.add("ledger_checkpoint", row.size, f"signed outside the validity of key {signer.kid}")
    elif newest is not None and checkpoint.signed_at < newest.signed_at:
        report.add("ledger_checkpoint", row.size, f"signed before the checkpoint of size {newest.size}")
    elif newest is not None and checkpoint.origin != newest.origin:
        report.add("ledger_checkpoint", row.size, f"of another log: {checkpoint.origin!r}")
    return checkpoint


def _check_tree(session: Session, newest: SignedCheckpoint | None, report: _Report) -> None:
    walk = _Walk(session=session, newest=newest, report=report)
    for row in stored_rows.list_leaves(session):
        while walk.next_index < row.index:
            walk.miss()
        walk.take(row)
    while newest is not None and walk.next_index < newest.size:
        walk.miss()
    walk.finish()


@dataclass(slots=True)
class _Walk:
    """Builds the tree again from the leaves and compares it with what is stored."""

    session: Session
    newest: SignedCheckpoint | None
    report: _Report
    size: int = 0
    """Leaves in the tree so far."""
    batch: list[bytes] = field(default_factory=list)
    """Hashes of the leaves that follow them."""
    edge: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """The last tile of each level, as the leaves give it."""
    beyond: int = 0
    """Leaves that no tree and no checkpoint knows."""
    stored: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Some tiles as they are stored."""
    checkpoints: Iterator[CheckpointRow] = field(init=False)
    due: CheckpointRow | None = field(init=False)
    covered: int = 0
    """Size of the largest checkpoint that was passed."""

    def __post_init__(self) -> None:
        self.checkpoints = stored_rows.list_checkpoints(self.session)
        self.due = next(self.checkpoints, None)

    @property
    def next_index(self) -> int:
        return self.size + len(self.batch) + self.beyond

    def miss(self) -> None:
        """Note that the leaf at the next index is not there; the tree goes on with what was signed."""
        index = self.next_index
        self.report.add("ledger_leaf", index, "is missing")
        self._fold(self._signed_hash(index) or _UNKNOWN_HASH)

    def take(self, row: LeafRow) -> None:
        """Compare one leaf with its entry and with the tree."""
        signed = self._signed_hash(row.index)
        entry = row.entry
        if entry is None:
            self.report.add("ledger_entry", row.entry_id, f"is missing: index {row.index} points to it")
            self._fold(signed or _UNKNOWN_HASH)
            return
        computed = tree.hash_leaf(entry.leaf)
        if computed != entry.leaf_hash:
            part = "leaf hash was" if signed == computed else "leaf was"
            self.report.add("ledger_entry", entry.id, f"{part} altered: they do not fit at index {row.index}")
            self._fold(signed or computed)
        elif signed is None and (self.newest is None or row.index >= self.newest.size):
            self.report.add("ledger_leaf", row.index, "was inserted: neither tree nor checkpoint holds it")
            self.beyond += 1
        elif signed is not None and signed != computed:
            self._fold(self._judge(row, entry, computed=computed, signed=signed))
        else:
            _check_facts(entry, self.report)
            self._fold(computed)

    def finish(self) -> None:
        """Compare what is left at the right edge, and what lies beyond it."""
        self._flush()
        for (level, number), hashes in self.edge.items():
            self._compare(level, number, hashes)
        if self.due is None and self.size > self.covered:
            self.report.add(
                "ledger_checkpoint",
                self.size,
                f"is missing: the tree holds {self.size} leaves, the last checkpoint covers {self.covered}",
            )
        last = dict(tree.tile_widths(self.size).keys())
        for row_id in stored_rows.list_tiles_beyond(self.session, last, limit=DISCREPANCIES_MAX):
            self.report.add("ledger_tile", row_id, "was inserted: the tree has no such tile")

    def _judge(self, row: LeafRow, entry: EntryRow, *, computed: bytes, signed: bytes) -> bytes:
        """Name the row that was altered where entry and tile differ; return the hash that was signed."""
        if not self._is_signed(row.index, signed):
            return computed  # The tile was altered; it is named when the tiles are compared.
        if stored_rows.has_leaf_hash(self.session, signed):
            self.report.add(
                "ledger_leaf", row.index, f"was redirected: another entry than {entry.id} was signed here"
            )
        else:
            self.report.add(
                "ledger_entry", entry.id, f"leaf was rewritten: another one was signed at index {row.index}"
            )
        return signed

    def _is_signed(self, index: int, leaf_hash: bytes) -> bool:
        """Whether the stored tree proves `leaf_hash` to be under the newest valid checkpoint."""
        if self.newest is None or index >= self.newest.size:
            return False
        try:
            proof = tree.prove_inclusion(index, self.newest.size, read_tile=self._stored_tile)
            tree.verify_inclusion(
                leaf_hash, index=index, tree_size=self.newest.size, proof=proof, root=self.newest.root
            )
        except (CorruptRecord, tree.ProofMismatch):
            return False
        return True

    def _fold(self, leaf_hash: bytes) -> None:
        self.batch.append(leaf_hash)
        if len(self.batch) >= stored_rows.PAGE_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Let the tree grow by the batch; compare finished tiles and the roots that were passed."""
        known = self.edge
        changed = tree.grow(self.size, self.batch, read_tile=lambda level, number: known[level, number])
        known |= changed
        self.size += len(self.batch)
        self.batch = []
        for (level, number), hashes in changed.items():
            if len(hashes) == tree.TILE_BYTES:
                self._compare(level, number, hashes)
        while self.due is not None and self.due.size <= self.size:
            root = tree.root_at(self.due.size, read_tile=lambda level, number: known[level, number])
            if root != self.due.root:
                self.report.add("ledger_checkpoint", self.due.size, "its root is not that of the entries")
            self.covered = self.due.size
            self.due = next(self.checkpoints, None)
        self.edge = {place: known[place] for place in tree.tile_widths(self.size)}
        self.stored.clear()

    def _compare(self, level: int, number: int, expected: bytes) -> None:
        stored = self._stored_tile(level, number)
        if stored == expected:
            return
        if not stored:
            problem = "is missing"
        elif len(stored) != len(expected):
            problem = f"was altered: got {len(stored)} bytes, expected {len(expected)}"
        else:
            at = next(place for place in range(len(stored)) if stored[place] != expected[place])
            problem = f"was altered: hash {at // tree.HASH_BYTES} is not that of the entries"
        self.report.add("ledger_tile", f"{level}/{number}", problem)

    def _signed_hash(self, index: int) -> bytes | None:
        """Return the leaf hash that the stored tree holds at `index`."""
        number, place = divmod(index, tree.TILE_WIDTH_HASHES)
        found = self._stored_tile(0, number)[place * tree.HASH_BYTES : (place + 1) * tree.HASH_BYTES]
        return found if len(found) == tree.HASH_BYTES else None

    def _stored_tile(self, level: int, number: int) -> bytes:
        tile = self.stored.get((level, number))
        if tile is None:
            tile = self.stored[level, number] = stored_rows.read_tile(self.session, level, number)
        return tile


def _check_queue(session: Session, report: _Report) -> None:
    for row, has_index in stored_rows.list_waiting(session):
        if row.entry is None:
            report.add("ledger_pending", row.entry_id, "was inserted: there is no such entry")
        elif has_index:
            report.add("ledger_pending", row.entry_id, "was inserted: the entry has an index already")
        elif tree.hash_leaf(row.entry.leaf) != row.entry.leaf_hash:
            report.add("ledger_entry", row.entry_id, "leaf was altered: it does not fit its leaf hash")
        else:
            _check_facts(row.entry, report)
    for entry_id in stored_rows.list_lost_entries(session):
        report.add(
            "ledger_entry", entry_id, "was inserted, or lost its place: it neither waits nor has an index"
        )


def _check_attestations(session: Session, report: _Report) -> None:
    for checkpoint in attestations.iterate_attested(session):
        for witness, line in checkpoint.lines:
            try:
                find_cosignature(line, note=checkpoint.note, key=parse_witness_key(witness))
            except GatehouseError as error:
                report.add("ledger_cosignature", f"{checkpoint.size} {witness}", f"does not fit: {error}")
        for authority, response in checkpoint.stamps:
            try:
                read_timestamp(response, checkpoint.note.encode())
            except GatehouseError as error:
                report.add("ledger_timestamp", f"{checkpoint.size} {authority}", str(error))


def _check_facts(entry: EntryRow, report: _Report) -> None:
    """Compare the row with the kind and time in its leaf, where the leaf is a JSON object that states them."""
    if entry.recorded_at is None:
        report.add("ledger_entry", entry.id, "recorded_at is not a time")
        return
    if not entry.leaf.startswith(b"{"):
        return
    try:
        stated = json.loads(entry.leaf)
    except ValueError:
        return
    for name, stored in (("kind", entry.kind), ("at", iso(entry.recorded_at))):
        if stated.get(name, stored) != stored:
            report.add(
                "ledger_entry", entry.id, f"{name} was altered: the leaf states {str(stated[name])[:80]!r}"
            )
