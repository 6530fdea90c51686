"""Every route of the registry, in one list."""

from typing import Any

from registry.acceptances.accept_api import TerminalAcceptanceApi
from registry.acceptances.api import ReceiptsApi
from registry.acceptances.imports_api import ImportsApi
from registry.acceptances.pages import AcceptPages, ReceiptPages
from registry.acceptances.sign_pages import SignPages
from registry.access.acknowledge_pages import AcknowledgePages
from registry.access.api import ModelAccessApi, WhoamiApi
from registry.access.blocks_api import BlocksApi
from registry.access.disclosure_pages import HubPages
from registry.access.for_others_pages import AskingPages
from registry.access.pages import CatalogPages, ModelPages
from registry.access.queue_pages import QueuePages
from registry.access.request_api import QueueApi, RequestsApi
from registry.access.request_pages import AskPages, RequestPages
from registry.audit.api import AcceptancesAuditApi
from registry.audit.bundle_api import BundlesApi
from registry.audit.equivalence_pages import EquivalencePages
from registry.audit.gate_pages import GatePages
from registry.audit.holder_pages import HolderPages
from registry.audit.holders_api import HoldersApi
from registry.audit.import_pages import ImportPages
from registry.audit.imports_api import ImportsAuditApi
from registry.audit.look_pages import LookPages
from registry.audit.pages import LogPages
from registry.audit.publisher_pages import PublisherPages
from registry.audit.register_pages import RegisterPages
from registry.audit.second_person_pages import SecondPersonPages
from registry.audit.sharing_pages import SharingPages
from registry.catalog.api import ModelsApi, PublishersApi
from registry.catalog.equivalence_api import EquivalencesApi, RestrictionsApi
from registry.catalog.lineage_api import LineageApi
from registry.catalog.second_person_api import SecondPersonApi
from registry.catalog.sharing_api import SharingApi
from registry.catalog.upload_api import UploadsApi
from registry.delivery.api import DownloadsAuditApi
from registry.delivery.erasure_pages import ErasurePages
from registry.delivery.imported_pages import ImportedPages
from registry.delivery.operation_pages import OperationPages
from registry.delivery.pages import ManagePages, RecordsPages
from registry.delivery.person_api import PersonAuditApi
from registry.delivery.update_api import MustUpdatesApi, UpdatesApi
from registry.delivery.update_pages import MustUpdatePages, UpdatePages
from registry.fixed_pages import LocalMailPages, ProblemPages, StaticFiles
from registry.health import HealthApi
from registry.hub_sync.api import HubTokensApi, MirrorsApi
from registry.hub_sync.import_pages import HubImportPages
from registry.hub_sync.pages import HubManagePages
from registry.identity.ci_pages import CIPages
from registry.identity.consent_pages import ConsentPages
from registry.identity.declaration_pages import DeclarationPages
from registry.identity.device_pages import DevicePages, LoginPages
from registry.identity.identity_pages import IdentityPages
from registry.identity.inbox_pages import InboxPages
from registry.identity.oauth_api import IntrospectionApi, OAuthApi
from registry.identity.organisation_api import OrganisationsApi
from registry.identity.organisation_group_pages import OrganisationGroupPages
from registry.identity.organisation_pages import OrganisationPages
from registry.identity.pages import CredentialPages, SignInPages
from registry.identity.passkey_pages import PasskeyPages, PasskeySignInPages
from registry.identity.provider_pages import ProviderPages
from registry.identity.restriction_pages import RestrictionPages
from registry.identity.service_account_api import ServiceAccountsApi
from registry.identity.service_account_pages import ServiceAccountPages
from registry.identity.ssh_key_pages import SSHKeyPages
from registry.ledger import api as ledger_api
from registry.licenses.api import LicensesApi
from registry.licenses.pages import LicensePages
from registry.privacy_page import PrivacyPages
from registry.verify_page import VerifyPage
from registry.webhooks.api import WebhooksApi
from registry.webhooks.pages import WebhookPages

ROUTES: tuple[Any, ...] = (
    HealthApi,
    StaticFiles,
    LocalMailPages,
    ProblemPages,
    PrivacyPages,
    VerifyPage,
    SignInPages,
    ProviderPages,
    PasskeySignInPages,
    IdentityPages,
    PasskeyPages,
    SSHKeyPages,
    DeclarationPages,
    CredentialPages,
    OAuthApi,
    IntrospectionApi,
    DevicePages,
    ConsentPages,
    CIPages,
    LoginPages,
    OrganisationPages,
    OrganisationGroupPages,
    ServiceAccountPages,
    InboxPages,
    CatalogPages,
    LicensePages,
    SecondPersonPages,
    LogPages,
    RecordsPages,
    ManagePages,
    ImportPages,
    RegisterPages,
    PublisherPages,
    HolderPages,
    LookPages,
    AskingPages,
    QueuePages,
    AcceptPages,
    SignPages,
    AcknowledgePages,
    AskPages,
    RequestPages,
    ReceiptPages,
    ErasurePages,
    OperationPages,
    RestrictionPages,
    UpdatePages,
    HubPages,
    ModelPages,
    MustUpdatePages,
    GatePages,
    HubImportPages,
    HubManagePages,
    WebhookPages,
    SharingPages,
    EquivalencePages,
    ModelAccessApi,
    WhoamiApi,
    OrganisationsApi,
    ServiceAccountsApi,
    RequestsApi,
    QueueApi,
    BlocksApi,
    PublishersApi,
    ModelsApi,
    LineageApi,
    RestrictionsApi,
    EquivalencesApi,
    SharingApi,
    HubTokensApi,
    MirrorsApi,
    WebhooksApi,
    MustUpdatesApi,
    UpdatesApi,
    UploadsApi,
    LicensesApi,
    SecondPersonApi,
    ReceiptsApi,
    TerminalAcceptanceApi,
    AcceptancesAuditApi,
    BundlesApi,
    HoldersApi,
    ImportedPages,
    ImportsApi,
    ImportsAuditApi,
    DownloadsAuditApi,
    PersonAuditApi,
    ledger_api.TileLogApi,
    ledger_api.LedgerApi,
    ledger_api.KeysApi,
)
