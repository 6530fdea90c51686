"""Invented views for every template: usual ones, empty ones, long names, right-to-left text, errors."""

from frontend_samples import (
    acceptances,
    catalog,
    equivalences,
    gates,
    identity,
    inbox,
    ledger,
    licenses,
    manage,
    mirrors,
    operations,
    records,
    requests,
    rest,
    updates,
    webhooks,
)
from frontend_samples.shared import Case, every_page

CASES: list[Case] = [
    *catalog.CASES,
    *licenses.CASES,
    *acceptances.CASES,
    *identity.CASES,
    *inbox.CASES,
    *records.CASES,
    *manage.CASES,
    *mirrors.CASES,
    *operations.CASES,
    *requests.CASES,
    *gates.CASES,
    *equivalences.CASES,
    *ledger.CASES,
    *rest.CASES,
    *updates.CASES,
    *webhooks.CASES,
]

__all__ = ["CASES", "Case", "every_page"]
