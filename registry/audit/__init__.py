"""Questions about the whole register: do the stored records fit, who accepted, exports."""

from registry.audit.service import find_discrepancies

__all__ = ["find_discrepancies"]
