"""What is signed about an import, and the facts about what became of it: the leaves of their ledger entries.

The statement is an SD-JWT as an acceptance is, but of a type of its own, so that neither can pass for the other.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from registry.acceptances.domain import Grade
from registry.acceptances.reports import Claimed, Source
from registry.acceptances.sd_jwt import Issued, Sign, issue
from registry.acceptances.statement import SCOPE
from registry.catalog.domain import ModelView
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso

IMPORT_TYP = "gatehouse-import+sd-jwt"
STATEMENT_VERSION = 1
FACT_VERSION = 1
TEXT_UNKNOWN = "unknown"


class ImportEventKind(StrEnum):
    """What can become of an import."""

    UPGRADED = "upgraded"
    """The same person accepted here."""
    ERASED = "erased"
    """Who it was is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFrom:
    """What all rows of one import have in common."""

    model: ModelView
    source: Source
    issuer: str
    imported_by: UUID
    imported_at: datetime


def sign_import(import_id: UUID, claimed: Claimed, origin: ImportedFrom, sign: Sign) -> Issued:
    """Return the signed statement that a report says this of somebody; `sign` sets the type of imports."""
    model = origin.model
    named: dict[str, Json] = {"model": model.repo_id}
    claims: dict[str, Json] = {
        "v": STATEMENT_VERSION,
        "iss": origin.issuer,
        "iat": int(origin.imported_at.timestamp()),
        "jti": str(import_id),
        "grade": Grade.IMPORTED.value,
        "text": TEXT_UNKNOWN,
        "source": origin.source.value,
        "imported_by": str(origin.imported_by),
        "gate": {"id": str(model.gate.id)},
        SCOPE: {"model_id": str(model.id), **({} if model.private else named)},
        "times": {
            "stated": iso(claimed.stated_at) if claimed.stated_at else None,
            "imported": iso(origin.imported_at),
        },
    }
    stated = {"email": claimed.email, "account": claimed.account, "name": claimed.name}
    hidden: dict[str, Json] = {name: value for name, value in stated.items() if value is not None}
    if model.private:
        hidden[SCOPE] = named
    return issue(claims, hidden, groups=(SCOPE,), sign=sign)


def event_fact(
    kind: ImportEventKind, *, import_id: UUID, at: datetime, acceptance_id: UUID | None = None
) -> bytes:
    """Return the canonical bytes of what became of an import; it names nobody."""
    linked: dict[str, Json] = {"acceptance": str(acceptance_id)} if acceptance_id else {}
    return canonical_bytes(
        {"v": FACT_VERSION, "kind": f"import.{kind.value}", "at": iso(at), "import": str(import_id), **linked}
    )
