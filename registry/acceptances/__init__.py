"""Who agreed to which text, for whom, with what evidence: acceptances, withdrawals, receipts."""

from registry.acceptances.domain import AcceptanceSummary, AcceptLicense, Context, Offer
from registry.acceptances.reading import OpenedAcceptance, count_up_to, list_opened
from registry.acceptances.service import (
    accept,
    find_offer,
    get_acceptance,
    list_acceptances,
    open_disclosures,
    withdraw,
)
from registry.acceptances.store import Filter

__all__ = [
    "AcceptLicense",
    "AcceptanceSummary",
    "Context",
    "Filter",
    "Offer",
    "OpenedAcceptance",
    "accept",
    "count_up_to",
    "find_offer",
    "get_acceptance",
    "list_acceptances",
    "list_opened",
    "open_disclosures",
    "withdraw",
]
