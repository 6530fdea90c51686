"""Who is asking: people, web sessions, e-mail links, access tokens."""

from registry.identity.cover_telling import CoverWithdrawn, put_cover_withdrawn
from registry.identity.declarations import declare, list_declarations
from registry.identity.domain import ANONYMOUS, Channel, Principal, Profile, Scope, nameless
from registry.identity.ending import Ended, end_person, reconcile_operators
from registry.identity.erasing import erase_person, list_sole_offices
from registry.identity.linking import list_hub_accounts, list_ways
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
from registry.identity.passkeys import known_credentials, sign_own
from registry.identity.proved_accounts import ProvedAccount, find_proved_accounts, list_proved_accounts
from registry.identity.restriction_store import list_restricted
from registry.identity.service import (
    authenticate_token,
    create_token,
    ensure_person,
    find_person_by_email,
    find_person_id,
    find_proven,
    find_readable_keys,
    find_restricted_since,
    find_shown_by_email,
    find_token,
    list_restricted_among,
    list_restricted_at,
    list_sessions,
    list_tokens,
    lock_people,
    open_profile,
    open_profiles,
    open_shown,
    person_exists,
    revoke_token,
)
from registry.identity.service_accounts import find_sponsors, list_accounts, list_sponsored, name_accounts
from registry.identity.service_accounts import find_token as find_service_token
from registry.identity.sessions import authenticate_session
from registry.identity.ssh_keys import list_ssh_keys, use_ssh_key
from registry.identity.standing import load_standing, load_standings
from registry.identity.store import list_operators

__all__ = [
    "ANONYMOUS",
    "Channel",
    "CoverWithdrawn",
    "Ended",
    "Principal",
    "Profile",
    "ProvedAccount",
    "Scope",
    "authenticate_session",
    "authenticate_token",
    "count_unread",
    "create_token",
    "declare",
    "end_person",
    "ensure_person",
    "erase_person",
    "find_person_by_email",
    "find_person_id",
    "find_proved_accounts",
    "find_proven",
    "find_readable_keys",
    "find_restricted_since",
    "find_service_token",
    "find_shown_by_email",
    "find_sponsors",
    "find_token",
    "get_organisation",
    "is_asked_to_acknowledge",
    "issue_local_link",
    "known_credentials",
    "link_url",
    "list_accounts",
    "list_covered",
    "list_declarations",
    "list_hub_accounts",
    "list_logins",
    "list_members_of",
    "list_memberships",
    "list_notices",
    "list_operators",
    "list_organisations",
    "list_proved_accounts",
    "list_restricted",
    "list_restricted_among",
    "list_restricted_at",
    "list_sessions",
    "list_sole_offices",
    "list_sponsored",
    "list_ssh_keys",
    "list_tokens",
    "list_ways",
    "load_standing",
    "load_standings",
    "lock_organisations",
    "lock_people",
    "mark_read",
    "name_accounts",
    "name_organisations",
    "nameless",
    "notify",
    "open_profile",
    "open_profiles",
    "open_shown",
    "person_exists",
    "put_cover_withdrawn",
    "reconcile_operators",
    "revoke_token",
    "sign_own",
    "use_ssh_key",
]
