"""Acceptances and withdrawals: facts, inserted once, never updated or deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Acceptance(Table, table=True):
    """A person accepted a text at a gate. The statement is the evidence; the columns repeat it for queries."""

    __table_args__ = (
        Index(
            "uq_acceptance_own",
            "person_id",
            "gate_id",
            "license_version_id",
            "sequence",
            unique=True,
            sqlite_where=text("organisation_id IS NULL"),
            postgresql_where=text("organisation_id IS NULL"),
        ),
        Index(
            "uq_acceptance_cover",
            "organisation_id",
            "gate_id",
            "license_version_id",
            "sequence",
            unique=True,
            sqlite_where=text("organisation_id IS NOT NULL"),
            postgresql_where=text("organisation_id IS NOT NULL"),
        ),
        Index("ix_acceptance_standing", "person_id", "gate_id", "license_id", "series"),
        Index("ix_acceptance_gate", "gate_id", "id"),
        Index("ix_acceptance_version", "license_version_id", "id"),
        # Counts by week read this index alone (`figures.count_by_week`).
        Index("ix_acceptance_week", "gate_id", "license_version_id", "accepted_at"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    """Whom the person accepted for: an organisation and so its members, or None: themself."""
    gate_id: UUID = Field(foreign_key="gate.id")
    gate_revision_id: UUID = Field(foreign_key="gate_revision.id")
    license_id: UUID = Field(foreign_key="license.id")
    license_version_id: UUID = Field(foreign_key="license_version.id")
    series: int
    sequence: int
    """How many times the person had withdrawn this version at this gate before."""
    language: str = Field(max_length=35)
    grade: str = Field(max_length=1)
    accepted_at: datetime = Field(sa_type=UTCDateTime)
    statement: str
    """Issuer-signed JWT of the SD-JWT (RFC 9901), without disclosures: the leaf of the ledger."""
    sealed_disclosures: bytes
    """The disclosures, sealed by the person's key; empty once `details_forgotten_at` is set."""
    connection_forgotten_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the disclosures of network address and browser were destroyed: their time was over."""
    details_forgotten_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When all disclosures were, long after the withdrawal."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class Acknowledgement(Table, table=True):
    """A member has acknowledged what was accepted for their organisation."""

    __table_args__ = (Index("ix_acknowledgement_person", "person_id", "acceptance_id"),)

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    person_id: UUID = Field(primary_key=True, foreign_key="person.id")
    acknowledged_at: datetime = Field(sa_type=UTCDateTime)
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class ReceiptCopy(Table, table=True):
    """Something happened to the acceptor's copy: a fact beside the statement, recorded the first time."""

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    event: str = Field(primary_key=True, max_length=16)
    happened_at: datetime = Field(sa_type=UTCDateTime)


class Withdrawal(Table, table=True):
    """The acceptor took an acceptance back, for the future."""

    __table_args__ = (Index("ix_withdrawal_withdrawn_at", "withdrawn_at"),)

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    withdrawn_at: datetime = Field(sa_type=UTCDateTime)
    members_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Of an organisation's acceptance: until when its members keep access."""
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class ImportedAcceptor(Table, table=True):
    """Somebody accepted terms for a model elsewhere, as a report from there says: grade C, which text is not known.

    It is no acceptance and gives no access. Nothing here names the person; that is in `ImportContact`.
    """

    __table_args__ = (
        Index("ix_imported_acceptor_model", "model_id", "id"),
        Index("ix_imported_acceptor_gate", "gate_id"),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    gate_id: UUID = Field(foreign_key="gate.id")
    """The gate that the model had at the import."""
    source: str = Field(max_length=16)
    stated_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the person accepted, as the report says."""
    imported_at: datetime = Field(sa_type=UTCDateTime)
    imported_by: UUID = Field(foreign_key="person.id")
    statement: str
    """Issuer-signed JWT of the SD-JWT (RFC 9901), without disclosures: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class ImportContact(Table, table=True):
    """Who that was, sealed by a key of its own; deleted with that key when the person asks for it."""

    __table_args__ = (
        UniqueConstraint("model_id", "email_index"),
        UniqueConstraint("model_id", "account_index"),
        Index("ix_import_contact_email", "email_index"),
        Index("ix_import_contact_invited", "invited_at"),
        Index(
            "ix_import_contact_invite",
            "import_id",
            sqlite_where=text("invite_asked_at IS NOT NULL AND invited_at IS NULL AND opted_out_at IS NULL"),
            postgresql_where=text(
                "invite_asked_at IS NOT NULL AND invited_at IS NULL AND opted_out_at IS NULL"
            ),
        ),
    )

    import_id: UUID = Field(primary_key=True, foreign_key="imported_acceptor.id")
    model_id: UUID = Field(foreign_key="model.id")
    email_index: bytes | None = None
    account_index: bytes | None = None
    sealed_disclosures: bytes
    """The disclosures, sealed by the key that has the id of the import."""
    invite_asked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when the publisher wants the person invited to accept the text of today."""
    invited_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    link_digest: str | None = Field(default=None, max_length=64, unique=True)
    """Of the secret in the invitation, by which the person speaks for themself without an account."""
    opted_out_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when they want no such letters."""


class ImportEvent(Table, table=True):
    """What became of an import: the person accepted here themself, or had their data deleted."""

    import_id: UUID = Field(primary_key=True, foreign_key="imported_acceptor.id")
    event: str = Field(primary_key=True, max_length=16)
    acceptance_id: UUID | None = Field(default=None, foreign_key="acceptance.id", index=True)
    happened_at: datetime = Field(sa_type=UTCDateTime)
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class ForgottenImport(Table, table=True):
    """Whoever this keyed digest is of had their imported data deleted: no report brings them in again."""

    contact_index: bytes = Field(primary_key=True)
    forgotten_at: datetime = Field(sa_type=UTCDateTime)


class ImportReport(Table, table=True):
    """A report that somebody has sent, and what is to come of it; nothing of it is imported before they confirm.

    It goes, with its parts and their key, a day after it was sent and not confirmed, or a month after it was imported.
    """

    __table_args__ = (
        Index("ix_import_report_model", "model_id", "id"),
        Index(
            "ix_import_report_open",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    source: str = Field(max_length=16)
    sent_by: UUID = Field(foreign_key="person.id")
    sent_at: datetime = Field(sa_type=UTCDateTime)
    preview: str | None = None
    """Canonical JSON of what would come of it (`Preview`); None while it is being read."""
    confirmed_by: UUID | None = Field(default=None, foreign_key="person.id")
    confirmed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    invite: bool = False
    added: int = 0
    known: int = 0
    forgotten: int = 0
    linked: int = 0
    """What came of the parts that are imported, as `Imported` counts it."""
    finished_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class ImportReportPart(Table, table=True):
    """Some rows of a report that are not imported yet, sealed by the key that has the id of the report."""

    report_id: UUID = Field(primary_key=True, foreign_key="import_report.id")
    number: int = Field(primary_key=True)
    sealed_rows: bytes
