"""Who is asking: people, web sessions, e-mail links, access tokens."""

from registry.identity.domain import ANONYMOUS, Channel, Principal, Profile, Scope
from registry.identity.service import (
    authenticate_session,
    authenticate_token,
    create_token,
    ensure_person,
    find_person_by_email,
    issue_local_link,
    link_url,
    list_sessions,
    list_tokens,
    lock_people,
    open_profile,
    open_profiles,
    revoke_token,
)

__all__ = [
    "ANONYMOUS",
    "Channel",
    "Principal",
    "Profile",
    "Scope",
    "authenticate_session",
    "authenticate_token",
    "create_token",
    "ensure_person",
    "find_person_by_email",
    "issue_local_link",
    "link_url",
    "list_sessions",
    "list_tokens",
    "lock_people",
    "open_profile",
    "open_profiles",
    "revoke_token",
]
