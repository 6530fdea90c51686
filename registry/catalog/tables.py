"""Tables of the catalog. All are append-only except where a column is called mutable."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, UniqueConstraint, text
from sqlmodel import Field

from registry.catalog.domain import GateMode, RefKind, Role, UploadState
from registry.kernel.database import Table, UTCDateTime, enum_column


class Publisher(Table, table=True):
    """Who releases models."""

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=96)
    name_key: str = Field(unique=True, max_length=96)
    """The name in lower case: names that differ only in case are one."""
    display_name: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=UTCDateTime)


class PublisherRole(Table, table=True):
    """That a person has a role; `ended_at` is mutable, once."""

    __table_args__ = (
        Index(
            "uq_publisher_role_live",
            "publisher_id",
            "person_id",
            "role",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    person_id: UUID = Field(foreign_key="person.id", index=True)
    role: Role = Field(sa_column=Column(enum_column(Role), nullable=False))
    granted_by: UUID | None = Field(default=None, foreign_key="person.id")
    granted_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id")
    """Ledger entry of the grant."""
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id")
    """Ledger entry of the end."""


class Gate(Table, table=True):
    """What models demand; `current_revision_id` is mutable and points to the revision in force."""

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    current_revision_id: UUID | None = None


class GateRevision(Table, table=True):
    """One state of a gate."""

    __table_args__ = (UniqueConstraint("gate_id", "number"),)

    id: UUID = Field(primary_key=True)
    gate_id: UUID = Field(foreign_key="gate.id")
    number: int
    mode: GateMode = Field(sa_column=Column(enum_column(GateMode), nullable=False))
    form_schema: bytes
    form_digest: str = Field(max_length=71)
    review: bytes | None = None
    """How requests are reviewed, canonical; None: as usual (see `reviews`)."""
    prerequisites: bytes | None = None
    """What must hold of a person beforehand, canonical; None: nothing (see `prerequisites`)."""
    created_by: UUID | None = Field(default=None, foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id")


class GateRequirement(Table, table=True):
    """A license version that a gate revision demands."""

    __table_args__ = (UniqueConstraint("gate_revision_id", "license_version_id"),)

    gate_revision_id: UUID = Field(foreign_key="gate_revision.id", primary_key=True)
    position: int = Field(primary_key=True)
    license_version_id: UUID = Field(foreign_key="license_version.id", index=True)
    license_slug: str = Field(max_length=64, index=True)
    """Of the same version, so that the catalog can be narrowed by license; slugs never change."""


class Model(Table, table=True):
    """An AI model of a publisher; `gate_id` is mutable and repeats the newest row of `model_gate_move`, if any."""

    __table_args__ = (UniqueConstraint("publisher_id", "name_key"),)

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    name: str = Field(max_length=96)
    name_key: str = Field(max_length=96)
    gate_id: UUID = Field(foreign_key="gate.id", index=True)
    private: bool = False
    created_at: datetime = Field(sa_type=UTCDateTime)
    hub_repository: str = Field(default="", max_length=96)
    hub_weights: bool = False
    """Whether that repository holds weights, as it was last seen."""
    """The repository of the Hub that is kept in step with the gate; empty: none is."""


class ModelDraft(Table, table=True):
    """The name of a model to be, until its first release; `private` is mutable, and the row is no evidence of anything."""

    __table_args__ = (UniqueConstraint("publisher_id", "name_key"),)

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    name: str = Field(max_length=96)
    name_key: str = Field(max_length=96)
    private: bool
    begun_by: UUID = Field(foreign_key="person.id")
    begun_at: datetime = Field(sa_type=UTCDateTime, index=True)


class Release(Table, table=True):
    """An immutable revision of a model."""

    __table_args__ = (
        UniqueConstraint("model_id", "commit_id"),
        CheckConstraint("length(commit_id) = 40", name="commit_id_length"),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    commit_id: str = Field(max_length=40)
    parent_commit_id: str | None = Field(default=None, max_length=40)
    message: str = Field(max_length=4000)
    manifest: bytes
    manifest_digest: str = Field(max_length=71)
    manifest_signature: str
    summary: str = Field(default="", max_length=300)
    file_count: int
    total_bytes: int = Field(sa_type=BigInteger)
    published_by: UUID = Field(foreign_key="person.id")
    published_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id")


class Blob(Table, table=True):
    """Bytes that were hashed here and are what their name says."""

    sha256: str = Field(primary_key=True, max_length=64)
    size: int = Field(sa_type=BigInteger)
    git_oid: str = Field(max_length=40)
    storage_key: str = Field(max_length=200)
    content: bytes | None = None
    """The whole bytes when they are a text of at most 1 MiB."""
    inspection: bytes
    verified_at: datetime = Field(sa_type=UTCDateTime)


class ReleaseFile(Table, table=True):
    """A path of a release and the bytes it names."""

    __table_args__ = (Index("ix_release_file_sha256", "sha256"),)

    release_id: UUID = Field(foreign_key="release.id", primary_key=True)
    path: str = Field(primary_key=True, max_length=1024)
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(foreign_key="blob.sha256", max_length=64)
    git_oid: str = Field(max_length=40)
    large: bool
    """Delivered by URL and named by its SHA-256; small texts are sent directly and named by `git_oid`."""


class Ref(Table, table=True):
    """A name that points to a release; `release_id` is mutable for branches."""

    __table_args__ = (Index("ix_ref_name_release_id", "name", "release_id"),)

    model_id: UUID = Field(foreign_key="model.id", primary_key=True)
    name: str = Field(primary_key=True, max_length=100)
    kind: RefKind = Field(sa_column=Column(enum_column(RefKind), nullable=False))
    release_id: UUID = Field(foreign_key="release.id")


class BlobPossession(Table, table=True):
    """That a publisher has shown to have these bytes, by uploading them."""

    publisher_id: UUID = Field(foreign_key="publisher.id", primary_key=True)
    sha256: str = Field(foreign_key="blob.sha256", primary_key=True, max_length=64)
    since: datetime = Field(sa_type=UTCDateTime)


class Upload(Table, table=True):
    """Bytes on their way in; mutable, and no evidence of anything."""

    __table_args__ = (
        Index(
            "uq_upload_live",
            "publisher_id",
            "sha256",
            unique=True,
            sqlite_where=text("state IN ('open', 'verifying')"),
            postgresql_where=text("state IN ('open', 'verifying')"),
        ),
        Index("ix_upload_state", "state", "started_at"),
    )

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    model_id: UUID | None = Field(default=None, foreign_key="model.id")
    """None while the model is only about to be created."""
    sha256: str = Field(max_length=64)
    size: int = Field(sa_type=BigInteger)
    storage_key: str = Field(max_length=200)
    multipart_id: str | None = Field(default=None, max_length=1024)
    part_size: int = Field(sa_type=BigInteger)
    state: UploadState = Field(sa_column=Column(enum_column(UploadState), nullable=False))
    problem: str | None = Field(default=None, max_length=300)
    started_by: UUID = Field(foreign_key="person.id")
    started_at: datetime = Field(sa_type=UTCDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Until when one worker is at it alone."""


class GateGrace(Table, table=True):
    """Until when an acceptance of an earlier series still opens the gate, as its revision promises."""

    gate_revision_id: UUID = Field(foreign_key="gate_revision.id", primary_key=True)
    license_id: UUID = Field(foreign_key="license.id", primary_key=True)
    series: int = Field(primary_key=True)
    until: datetime = Field(sa_type=UTCDateTime)


class ModelBase(Table, table=True):
    """A release declared that its model was made from another one; the end is mutable, once."""

    __table_args__ = (
        Index(
            "uq_model_base_live",
            "model_id",
            "base_model_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    base_model_id: UUID = Field(foreign_key="model.id")
    relation: str | None = Field(default=None, max_length=32)
    release_id: UUID = Field(foreign_key="release.id")
    recorded_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: UUID | None = Field(default=None, foreign_key="person.id")
    end_reason: str | None = Field(default=None, max_length=300)
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)


class ModelLineage(Table, table=True):
    """Every ancestor of a model, derived from the live rows of `model_base` for the one query of the decision."""

    __table_args__ = (Index("ix_model_lineage_ancestor", "ancestor_id"),)

    model_id: UUID = Field(foreign_key="model.id", primary_key=True)
    ancestor_id: UUID = Field(foreign_key="model.id", primary_key=True)
    generation: int


class ModelGateMove(Table, table=True):
    """A model went from behind one gate behind another of its publisher."""

    __table_args__ = (Index("ix_model_gate_move_model", "model_id", "id"),)

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    from_gate_id: UUID = Field(foreign_key="gate.id")
    to_gate_id: UUID = Field(foreign_key="gate.id")
    moved_by: UUID | None = Field(default=None, foreign_key="person.id")
    moved_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class MustUpdate(Table, table=True):
    """A release is to be given up for another by a day; the end is mutable, once."""

    __table_args__ = (
        Index(
            "ix_must_update_standing",
            "model_id",
            "release_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    release_id: UUID = Field(foreign_key="release.id")
    replacement_id: UUID = Field(foreign_key="release.id")
    update_by: datetime = Field(sa_type=UTCDateTime)
    reason: str = Field(max_length=300)
    marked_by: UUID = Field(foreign_key="person.id")
    marked_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: UUID | None = Field(default=None, foreign_key="person.id")
    end_reason: str | None = Field(default=None, max_length=300)
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)


class Equivalence(Table, table=True):
    """Decided at a base: a license carries on what it does not carry on word by word; the end is mutable, once.

    The model that is made from the base is named, as it may not be there yet.
    """

    __table_args__ = (
        Index(
            "uq_equivalence_standing",
            "publisher_id",
            "model_key",
            "base_model_id",
            "base_version_id",
            "own_version_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_equivalence_base", "base_model_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    base_model_id: UUID = Field(foreign_key="model.id")
    base_version_id: UUID = Field(foreign_key="license_version.id")
    publisher_id: UUID = Field(foreign_key="publisher.id")
    model_name: str = Field(max_length=96)
    model_key: str = Field(max_length=96)
    own_version_id: UUID = Field(foreign_key="license_version.id")
    slugs: str = Field(max_length=4000)
    """In order, with spaces between; empty where nobody has said what the base's license restricts."""
    reason: str = Field(max_length=300)
    salt: bytes
    """Hides the model's name in the log."""
    decided_by: UUID = Field(foreign_key="person.id")
    sealed_name: bytes
    """The name under which it was decided, sealed for the person."""
    decided_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: UUID | None = Field(default=None, foreign_key="person.id")
    end_reason: str | None = Field(default=None, max_length=300)
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
