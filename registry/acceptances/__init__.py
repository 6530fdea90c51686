"""Who agreed to which text, for whom, with what evidence: acceptances, withdrawals, receipts."""

from registry.acceptances.accepting import Refused, accept, accept_all
from registry.acceptances.acceptor import Acceptor, PostedForm
from registry.acceptances.acknowledging import Covering, acknowledge, describe_covers
from registry.acceptances.acts import Act
from registry.acceptances.domain import AcceptanceSummary, AcceptLicense, Context, Offer
from registry.acceptances.earlier import Known, find_known
from registry.acceptances.evidence import AcceptanceEvidence, list_evidence
from registry.acceptances.forgetting import forget_imports, list_imports_of
from registry.acceptances.import_reading import (
    ImportEvidence,
    ImportFigures,
    ModelImports,
    OpenedImport,
    count_imports,
    list_import_evidence,
    list_imports,
    list_model_imports,
)
from registry.acceptances.import_statement import TEXT_UNKNOWN
from registry.acceptances.import_store import ImportFilter
from registry.acceptances.inviting import (
    LINK_PATH,
    KeptImport,
    link_unknown,
    list_kept,
    list_kept_of,
    opt_out,
)
from registry.acceptances.past import Stood, list_acceptors_at, list_stood
from registry.acceptances.reading import (
    Holder,
    OpenedAcceptance,
    count_up_to,
    first_accepted,
    list_holders,
    list_opened,
)
from registry.acceptances.refusals import nothing_to_acknowledge
from registry.acceptances.service import (
    get_acceptance,
    list_acceptances,
    list_offers,
    open_disclosures,
    withdraw,
)
from registry.acceptances.store import Filter, is_of_license, list_acknowledgements
from registry.acceptances.views import answer_name, question_fields

__all__ = [
    "LINK_PATH",
    "TEXT_UNKNOWN",
    "AcceptLicense",
    "AcceptanceEvidence",
    "AcceptanceSummary",
    "Acceptor",
    "Act",
    "Context",
    "Covering",
    "Filter",
    "Holder",
    "ImportEvidence",
    "ImportFigures",
    "ImportFilter",
    "KeptImport",
    "Known",
    "ModelImports",
    "Offer",
    "OpenedAcceptance",
    "OpenedImport",
    "PostedForm",
    "Refused",
    "Stood",
    "accept",
    "accept_all",
    "acknowledge",
    "answer_name",
    "count_imports",
    "count_up_to",
    "describe_covers",
    "find_known",
    "first_accepted",
    "forget_imports",
    "get_acceptance",
    "is_of_license",
    "link_unknown",
    "list_acceptances",
    "list_acceptors_at",
    "list_acknowledgements",
    "list_evidence",
    "list_holders",
    "list_import_evidence",
    "list_imports",
    "list_imports_of",
    "list_kept",
    "list_kept_of",
    "list_model_imports",
    "list_offers",
    "list_opened",
    "list_stood",
    "nothing_to_acknowledge",
    "open_disclosures",
    "opt_out",
    "question_fields",
    "withdraw",
]
