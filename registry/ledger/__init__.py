"""The append-only Merkle log: entries, tree, checkpoints, proofs, signing keys; it knows bytes, not meanings.

Other contexts append in their own transaction and never learn an index from it; a sequencer publishes what
was appended under a signed checkpoint within the maximum merge delay.
"""

from registry.ledger.domain import (
    MAX_MERGE_DELAY_SECONDS,
    Discrepancy,
    Entry,
    EntryProof,
    EntryState,
    Integrated,
    KeyPurpose,
    ListedEntry,
    Position,
    SignedCheckpoint,
)
from registry.ledger.fsck import find_discrepancies
from registry.ledger.service import (
    answer_consistency,
    answer_inclusion,
    append,
    append_all,
    find_entry_by_index,
    find_indices,
    find_leaf,
    find_position,
    has_pending,
    integrate,
    iterate_leaves,
    latest_checkpoint,
    list_entries,
    prove_consistency,
    prove_entry,
    prove_inclusion,
)
from registry.ledger.signing import (
    KeyRing,
    PublishedKey,
    SignatureMismatch,
    end_compromised_key,
    ensure_key_ring,
    list_published_keys,
    load_key_ring,
    rotate_key,
    verify_jws,
)
from registry.ledger.tree import hash_leaf

__all__ = [
    "MAX_MERGE_DELAY_SECONDS",
    "Discrepancy",
    "Entry",
    "EntryProof",
    "EntryState",
    "Integrated",
    "KeyPurpose",
    "KeyRing",
    "ListedEntry",
    "Position",
    "PublishedKey",
    "SignatureMismatch",
    "SignedCheckpoint",
    "answer_consistency",
    "answer_inclusion",
    "append",
    "append_all",
    "end_compromised_key",
    "ensure_key_ring",
    "find_discrepancies",
    "find_entry_by_index",
    "find_indices",
    "find_leaf",
    "find_position",
    "has_pending",
    "hash_leaf",
    "integrate",
    "iterate_leaves",
    "latest_checkpoint",
    "list_entries",
    "list_published_keys",
    "load_key_ring",
    "prove_consistency",
    "prove_entry",
    "prove_inclusion",
    "rotate_key",
    "verify_jws",
]
