"""Who is asking: people, web sessions, e-mail links, access tokens."""

from registry.identity.domain import ANONYMOUS, Channel, Principal, Profile, Scope
from registry.identity.ending import Ended, end_person, reconcile_operators
from registry.identity.mail_links import issue_local_link, link_url
from registry.identity.notices import count_unread, list_notices, mark_read, notify
from registry.identity.oauth_service import list_logins
from registry.identity.organisation_store import lock_organisations
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
from registry.identity.sessions import authenticate_session

__all__ = [
    "ANONYMOUS",
    "Channel",
    "Ended",
    "Principal",
    "Profile",
    "Scope",
    "authenticate_session",
    "authenticate_token",
    "count_unread",
    "create_token",
    "end_person",
    "ensure_person",
    "find_person_by_email",
    "find_token",
    "get_organisation",
    "issue_local_link",
    "link_url",
    "list_logins",
    "list_notices",
    "list_organisations",
    "list_sessions",
    "list_tokens",
    "lock_organisations",
    "lock_people",
    "mark_read",
    "notify",
    "open_profile",
    "open_profiles",
    "reconcile_operators",
    "revoke_token",
]
