"""Questions about the whole register: do the stored records fit, who accepted, exports."""

from registry.audit.service import Further, find_discrepancies

__all__ = ["Further", "find_discrepancies"]
