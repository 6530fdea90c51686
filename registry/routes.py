"""Every route of the registry, in one list."""

from typing import Any

from registry.acceptances.pages import AcceptPages, ReceiptPages
from registry.health import HealthApi
from registry.identity.pages import CredentialPages, SignInPages
from registry.ledger import api as ledger_api
from registry.site import LocalMailPages, StaticFiles

ROUTES: tuple[Any, ...] = (
    HealthApi,
    StaticFiles,
    LocalMailPages,
    SignInPages,
    CredentialPages,
    AcceptPages,
    ReceiptPages,
    ledger_api.CheckpointApi,
    ledger_api.LedgerApi,
    ledger_api.KeysApi,
)
