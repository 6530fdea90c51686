"""Words and tools every context needs; the kernel knows no context."""
