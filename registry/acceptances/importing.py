"""The use case of importing who accepted elsewhere: some rows of a report in one transaction, each once and for all.

What is imported is no acceptance: no text is known, nobody has a right by it. Who it was is sealed by a key for each
import alone, so that deleting it needs no account here. The same person for the same model is imported once, whatever
report they stand in; whoever had their data deleted never again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, ledger
from registry.acceptances import import_store, upgrades
from registry.acceptances.import_statement import ImportedFrom, sign_import
from registry.acceptances.reports import Claimed, Source
from registry.acceptances.sd_jwt import Sign
from registry.acceptances.tables import ImportContact, ImportedAcceptor
from registry.catalog.domain import Command, ModelView
from registry.identity.domain import Principal
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import insert_many
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

ROWS_PER_IMPORT = 500
"""Rows of one transaction."""
IMPORT_KIND = "acceptor.imported"
ACCOUNT_PURPOSE = "hub-account"
EMAIL_PURPOSE = "email"
"""The same as for people's own addresses, so that an import is found by a proven one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRows:
    """Some rows of a report for one model."""

    publisher: str
    name: str
    source: Source
    rows: Sequence[Claimed]
    invite: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of the rows, or would come of them."""

    added: int = 0
    known: int = 0
    """Imported for this model before, or twice in these rows."""
    forgotten: int = 0
    """Had their data deleted, and are left out for it."""
    linked: int = 0
    """Of those added: have accepted here already."""

    def plus(self, other: "Imported") -> "Imported":
        """Return both together."""
        return Imported(
            added=self.added + other.added,
            known=self.known + other.known,
            forgotten=self.forgotten + other.forgotten,
            linked=self.linked + other.linked,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    id: UUID
    claimed: Claimed
    email_index: bytes | None
    account_index: bytes | None


def find_importable(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> ModelView | Refusal:
    """Return the model if the principal may import for it."""
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = catalog.authorise(session, model.publisher, Command.IMPORT_ACCEPTORS, principal=principal)
    return found if isinstance(found, Refusal) else model


def import_acceptors(
    session: Session,
    command: ImportRows,
    *,
    principal: Principal,
    issuer: str,
    sign: Sign,
    sealer: Sealer,
    now: datetime,
) -> Imported | Refusal:
    """Record everybody in the rows who is not on record for the model yet, each with an entry in the log.

    With `dry_run` nothing is recorded.
    """
    model = find_importable(session, publisher=command.publisher, name=command.name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if command.dry_run:
        return foresee_rows(session, model, command.rows, sealer=sealer)
    assert principal.person_id is not None  # noqa: S101 - authorise has seen to it
    origin = ImportedFrom(
        model=model,
        source=command.source,
        issuer=issuer,
        imported_by=principal.person_id,
        imported_at=now,
    )
    return import_rows(session, command.rows, origin, invite=command.invite, sign=sign, sealer=sealer)


def foresee_rows(session: Session, model: ModelView, rows: Sequence[Claimed], *, sealer: Sealer) -> Imported:
    """Return what would come of these rows now."""
    new, outcome = _choose(session, model, rows, sealer)
    emails = [one.email_index for one in new if one.email_index is not None]
    linked = upgrades.count_earlier(session, emails, gate_id=model.gate.id)
    return outcome.plus(Imported(linked=linked))


def import_rows(
    session: Session,
    rows: Sequence[Claimed],
    origin: ImportedFrom,
    *,
    invite: bool,
    sign: Sign,
    sealer: Sealer,
) -> Imported:
    """Record everybody in the rows who is not on record for the model yet; that they may be is settled."""
    model, now = origin.model, origin.imported_at
    catalog.lock_publisher(session, model.publisher_id)  # Two imports of the same report follow each other.
    new, outcome = _choose(session, model, rows, sealer)
    if not new:
        return outcome
    _record(session, new, origin, invite=invite, sign=sign, sealer=sealer)
    linked = upgrades.link_earlier(
        session,
        [(one.id, one.email_index) for one in new if one.email_index is not None],
        gate_id=model.gate.id,
        now=now,
    )
    return outcome.plus(Imported(linked=linked))


def _choose(
    session: Session, model: ModelView, rows: Sequence[Claimed], sealer: Sealer
) -> tuple[list[_New], Imported]:
    """Return the rows of people who are new, and how many the others are."""
    emails = {one.email: sealer.blind_indexes(one.email, EMAIL_PURPOSE) for one in rows if one.email}
    accounts = {
        one.account: sealer.blind_indexes(one.account.lower(), ACCOUNT_PURPOSE) for one in rows if one.account
    }
    every = [index for found in (*emails.values(), *accounts.values()) for index in found]
    forgotten = import_store.list_forgotten(session, every)
    seen = {
        index
        for _, *indexes in import_store.list_known(session, model.id, every)
        for index in indexes
        if index is not None
    }
    new: list[_New] = []
    known = left_out = 0
    for row in rows:
        email = emails.get(row.email or "", ())
        account = accounts.get(row.account or "", ())
        if forgotten.intersection(email) or forgotten.intersection(account):
            left_out += 1
        elif seen.intersection(email) or seen.intersection(account):
            known += 1
        else:
            seen.update(email, account)
            new.append(
                _New(
                    id=new_id(),
                    claimed=row,
                    email_index=email[0] if email else None,
                    account_index=account[0] if account else None,
                )
            )
    return new, Imported(added=len(new), known=known, forgotten=left_out)


def _record(
    session: Session,
    new: Sequence[_New],
    origin: ImportedFrom,
    *,
    invite: bool,
    sign: Sign,
    sealer: Sealer,
) -> None:
    now, model = origin.imported_at, origin.model
    issued = {one.id: sign_import(one.id, one.claimed, origin, sign) for one in new}
    leaves = [(issued[one.id].jwt.encode("ascii"), now) for one in new]
    entries = ledger.append_all(session, kind=IMPORT_KIND, leaves=leaves)
    keys = sealer.new_subject_keys(session, [one.id for one in new], now=now)
    opted_out = import_store.list_opted_out(session, [one.email_index for one in new if one.email_index])
    insert_many(
        session,
        ImportedAcceptor,
        [
            {
                "id": one.id,
                "model_id": model.id,
                "gate_id": model.gate.id,
                "source": origin.source.value,
                "stated_at": one.claimed.stated_at,
                "imported_at": now,
                "imported_by": origin.imported_by,
                "statement": issued[one.id].jwt,
                "entry_id": entry_id,
            }
            for one, entry_id in zip(new, entries, strict=True)
        ],
    )
    insert_many(
        session,
        ImportContact,
        [
            {
                "import_id": one.id,
                "model_id": model.id,
                "email_index": one.email_index,
                "account_index": one.account_index,
                "sealed_disclosures": keys[one.id].seal(
                    json.dumps(issued[one.id].disclosures).encode(), disclosures_context(one.id)
                ),
                "invite_asked_at": now if invite and one.email_index else None,
                "opted_out_at": now if one.email_index in opted_out else None,
            }
            for one in new
        ],
    )


def disclosures_context(import_id: UUID) -> bytes:
    """Return the place that the sealed disclosures of an import are bound to."""
    return b"import:disclosures:" + import_id.bytes
