"""Every route of the registry, in one list."""

from typing import Any

from registry.acceptances.api import ReceiptsApi
from registry.acceptances.pages import AcceptPages, ReceiptPages
from registry.access.api import ModelAccessApi, WhoamiApi
from registry.access.pages import CatalogPages, ModelPages
from registry.audit.pages import LogPages
from registry.catalog.api import ModelsApi, PublishersApi
from registry.catalog.upload_api import UploadsApi
from registry.fixed_pages import LocalMailPages, StaticFiles
from registry.health import HealthApi
from registry.identity.pages import CredentialPages, SignInPages
from registry.ledger import api as ledger_api
from registry.licenses.api import LicensesApi

ROUTES: tuple[Any, ...] = (
    HealthApi,
    StaticFiles,
    LocalMailPages,
    SignInPages,
    CredentialPages,
    CatalogPages,
    LogPages,
    AcceptPages,
    ReceiptPages,
    ModelPages,
    ModelAccessApi,
    WhoamiApi,
    PublishersApi,
    ModelsApi,
    UploadsApi,
    LicensesApi,
    ReceiptsApi,
    ledger_api.CheckpointApi,
    ledger_api.LedgerApi,
    ledger_api.KeysApi,
)
