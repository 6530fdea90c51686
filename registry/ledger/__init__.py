"""The append-only Merkle log: entries, tree, checkpoints, proofs, signing keys; it knows bytes, not meanings."""
