"""Who is asking: people, web sessions, e-mail links, access tokens."""

from registry.identity.cover_telling import CoverWithdrawn, put_cover_withdrawn
from registry.identity.declarations import declare, list_declarations
from registry.identity.domain import ANONYMOUS, Channel, Principal, Profile, Scope
from registry.identity.ending import Ended, end_person, reconcile_operators
from registry.identity.linking import list_ways
from registry.identity.mail_links import issue_local_link, link_url
from registry.identity.notices import count_unread, list_notices, mark_read, notify
from registry.identity.oauth_service import list_logins
from registry.identity.organisation_store import (
    is_asked_to_acknowledge,
    list_covered,
    list_members_of,
    list_memberships,
    lock_organisations,
    name_organisations,
)
from registry.identity.organisations import get_organisation, list_organisations
from registry.identity.service import (
    authenticate_token,
    create_token,
    ensure_person,
    find_person_by_email,
    find_token,
    list_sessions,
    list_tokens,
    lock_people,
    open_profile,
    open_profiles,
    revoke_token,
)
from registry.identity.service_accounts import find_sponsors, list_accounts, list_sponsored, name_accounts
from registry.identity.service_accounts import find_token as find_service_token
from registry.identity.sessions import authenticate_session
from registry.identity.standing import load_standing, load_standings
from registry.identity.store import list_operators

__all__ = [
    "ANONYMOUS",
    "Channel",
    "CoverWithdrawn",
    "Ended",
    "Principal",
    "Profile",
    "Scope",
    "authenticate_session",
    "authenticate_token",
    "count_unread",
    "create_token",
    "declare",
    "end_person",
    "ensure_person",
    "find_person_by_email",
    "find_service_token",
    "find_sponsors",
    "find_token",
    "get_organisation",
    "is_asked_to_acknowledge",
    "issue_local_link",
    "link_url",
    "list_accounts",
    "list_covered",
    "list_declarations",
    "list_logins",
    "list_members_of",
    "list_memberships",
    "list_notices",
    "list_operators",
    "list_organisations",
    "list_sessions",
    "list_sponsored",
    "list_tokens",
    "list_ways",
    "load_standing",
    "load_standings",
    "lock_organisations",
    "lock_people",
    "mark_read",
    "name_accounts",
    "name_organisations",
    "notify",
    "open_profile",
    "open_profiles",
    "put_cover_withdrawn",
    "reconcile_operators",
    "revoke_token",
]
