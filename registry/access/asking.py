"""What the one query is asked with: whose acceptances, whose memberships, whose roles count for a principal."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, Uuid, bindparam

from registry.identity.domain import Principal
from registry.kernel.database import UTCDateTime

NO_GRACE = datetime(9000, 1, 1, tzinfo=UTC)
"""No time that is left to members ends after it: a service account stops with the cover."""

Asked = Mapping[str, UUID | datetime | None]


def asked_for(principal: Principal, now: datetime) -> Asked:
    """Return the parameters of the query.

    A service account of an organisation has its covers alone, and no grace; one of a person alone has what
    that person accepted themself. Roles, grants and blocks are those of the sponsor.
    """
    account = principal.account
    alone = account is not None and account.organisation_id is None
    for_organisation = account is not None and account.organisation_id is not None
    answering = principal.answering_id
    return {
        "person_id": answering,
        "acceptor_id": None if for_organisation else answering,
        "member_id": None if alone else answering,
        "organisation_id": account.organisation_id if account else None,
        "now": now,
        "members_after": NO_GRACE if account else now,
    }


def bound(statement: TextClause) -> TextClause:
    """Return the statement with the types of these parameters."""
    ids = ("person_id", "acceptor_id", "member_id", "organisation_id")
    moments = ("now", "members_after")
    types: dict[str, Any] = {**dict.fromkeys(ids, Uuid()), **dict.fromkeys(moments, UTCDateTime())}
    return statement.bindparams(*(bindparam(name, type_=type_) for name, type_ in types.items()))
