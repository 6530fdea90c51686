"""Table of how far the destruction of what is due has come."""

from uuid import UUID

from sqlmodel import Field

from registry.kernel.database import Table


class RetentionMark(Table, table=True):
    """Up to which row a class of data is settled, and from where to go again when holds change."""

    name: str = Field(primary_key=True, max_length=32)
    settled_to: UUID | None = None
    spared_from: UUID | None = None
    """The first row that a hold kept since; None: none."""
    holds: str = Field(default="", max_length=64)
    """Digest of the holds that stood then."""
