"""What goes in and out where gates are managed by the Hub's API (huggingface_hub `list_pending_access_requests` and others)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from registry.access.owner_lists import Listed, Status
from registry.hub_api.domain import malformed_query
from registry.identity.domain import Profile
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal

REASON_MAX_CHARACTERS = 200
"""As on the Hub."""
BATCH_MOST = 100
LIMIT_LEAST, LIMIT_MOST = 10, 1000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
Reason = Annotated[str, msgspec.Meta(max_length=REASON_MAX_CHARACTERS)]
Json = dict[str, Any]


class WhoIn(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request is meant: by one of these."""

    user: Name | None = None
    userId: Name | None = None  # noqa: N815 - the Hub's name
    requestId: UUID | None = None  # noqa: N815 - the Hub's name

    def named(self) -> str | None:
        """Return the person's name or id."""
        return self.user or self.userId


class HandleIn(WhoIn, frozen=True, kw_only=True):
    """Where somebody's request should stand."""

    status: Status
    rejectionReason: Reason | None = None  # noqa: N815 - the Hub's name
    resetReason: Reason | None = None  # noqa: N815 - the Hub's name

    def said(self) -> str:
        """Return the reason, if one is given."""
        return self.rejectionReason or self.resetReason or ""


class GrantIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who should have access."""

    user: Name


class BatchIn(msgspec.Struct, frozen=True, kw_only=True):
    """Where the requests of several people should stand."""

    status: Status
    requests: Annotated[list[WhoIn], msgspec.Meta(min_length=1, max_length=BATCH_MOST)]
    rejectionReason: Reason | None = None  # noqa: N815 - the Hub's name
    resetReason: Reason | None = None  # noqa: N815 - the Hub's name


class SettingsIn(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a repository; what is not named here is not read."""

    gated: str | bool | msgspec.UnsetType = msgspec.UNSET
    private: bool | msgspec.UnsetType = msgspec.UNSET
    visibility: str | msgspec.UnsetType = msgspec.UNSET


def check_who(who: WhoIn) -> Refusal | None:
    """Return why it is not told whose request is meant: it takes exactly one of name and id."""
    given = [one for one in (who.user, who.userId, who.requestId) if one is not None]
    return None if len(given) == 1 else malformed_query("user", "either a user or a requestId")


def view_listed(item: Listed, people: Mapping[UUID, Profile]) -> Json:
    """Return somebody in a list; without `user` where others may not know who it is, as clients know it of hidden names."""
    view: Json = {
        "requestId": str(item.request_id),
        "status": item.status.value,
        "timestamp": iso(item.at),
        "fields": dict(item.answers),
    }
    if (profile := people.get(item.person_id)) is not None:
        view["user"] = {**_user(profile), "fullname": profile.email, "email": profile.email, "type": "user"}
    if item.reviewed_at is not None:
        view["reviewedAt"] = iso(item.reviewed_at)
    if item.granted_by is not None and (granter := people.get(item.granted_by)) is not None:
        view["grantedBy"] = _user(granter)
    return view


def view_reported(item: Listed, people: Mapping[UUID, Profile]) -> Json:
    """Return an entry of the access report."""
    profile = people.get(item.person_id)
    name = profile.email if profile else None
    view: Json = {"user": name, "fullname": name, "email": name, "status": item.status.value}
    view["time"] = iso(item.at)
    if item.reviewed_at is not None:
        view["reviewedAt"] = iso(item.reviewed_at)
    if item.granted_by is not None and (granter := people.get(item.granted_by)) is not None:
        view["grantedBy"] = granter.email
    return {**view, **{key: text for key, text in item.answers.items() if key not in view}}


def _user(profile: Profile) -> Json:
    return {"_id": profile.person_id.hex, "user": profile.email}


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to."""

    limit: int
    cursor: UUID | None
    after: datetime | None
    before: datetime | None
    prefix: str

    def fits(self, item: Listed, people: Mapping[UUID, Profile]) -> bool:
        """Whether somebody in the list is asked for."""
        if (self.after and item.at <= self.after) or (self.before and item.at >= self.before):
            return False
        profile = people.get(item.person_id)
        return not self.prefix or (profile is not None and profile.email.lower().startswith(self.prefix))


def read_narrowing(params: Mapping[str, str], cursor: str | None) -> Narrowing | Refusal:
    """Return what the query of a list says."""
    limit = params.get("limit", str(LIMIT_MOST))
    if not limit.isascii() or not limit.isdigit() or not LIMIT_LEAST <= int(limit[:9]) <= LIMIT_MOST:
        return malformed_query("limit", f"a whole number from {LIMIT_LEAST} to {LIMIT_MOST}")
    moments: dict[str, datetime | None] = {}
    for name in ("after", "before"):
        moments[name] = None
        if text := params.get(name):
            moment = _read_moment(text)
            if moment is None:
                return malformed_query(name, "a time such as 2027-01-31T12:00:00Z")
            moments[name] = moment
    try:
        place = UUID(cursor) if cursor is not None else None
    except ValueError:
        return malformed_query("cursor", "the one that the last page gave")
    return Narrowing(
        limit=int(limit),
        cursor=place,
        after=moments["after"],
        before=moments["before"],
        prefix=params.get("q", "")[:320].lower(),
    )


def _read_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
