"""May this principal have this release: the decision, the facts it needs, and the deny list."""

from registry.access.blocks import REASON_MAX_CHARACTERS, BlockSummary
from registry.access.domain import Denial, Facts, Permit, Reason, ReasonCode, decide
from registry.access.erasing import end_requests, forget_words
from registry.access.facts import Gathered, assemble, gather_by_ids, gather_by_name
from registry.access.reading import check_parameters, choose_models, choose_versions, read_span
from registry.access.request_reading import list_requests_at, open_own_requests
from registry.access.request_store import list_gates_asked_at, list_granted, list_grantees
from registry.access.request_views import Office
from registry.access.service import (
    block_address,
    block_person,
    explain,
    lift_block,
    list_blocks,
    list_blocks_of_person,
    roles_at,
    tell_followers_of_person,
)
from registry.access.views import open_head, publisher_head

__all__ = [
    "REASON_MAX_CHARACTERS",
    "BlockSummary",
    "Denial",
    "Facts",
    "Gathered",
    "Office",
    "Permit",
    "Reason",
    "ReasonCode",
    "assemble",
    "block_address",
    "block_person",
    "check_parameters",
    "choose_models",
    "choose_versions",
    "decide",
    "end_requests",
    "explain",
    "forget_words",
    "gather_by_ids",
    "gather_by_name",
    "lift_block",
    "list_blocks",
    "list_blocks_of_person",
    "list_gates_asked_at",
    "list_granted",
    "list_grantees",
    "list_requests_at",
    "open_head",
    "open_own_requests",
    "publisher_head",
    "read_span",
    "roles_at",
    "tell_followers_of_person",
]
