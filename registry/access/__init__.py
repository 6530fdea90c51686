"""May this principal have this release: the decision, the facts it needs, and the deny list."""

from registry.access.domain import Denial, Facts, Permit, Reason, ReasonCode, decide
from registry.access.facts import Gathered, assemble, gather_by_ids, gather_by_name

__all__ = [
    "Denial",
    "Facts",
    "Gathered",
    "Permit",
    "Reason",
    "ReasonCode",
    "assemble",
    "decide",
    "gather_by_ids",
    "gather_by_name",
]
