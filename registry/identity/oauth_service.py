"""Use cases of the authorization server: programs that wait, decisions about them, logins and their ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import oauth_store as store
from registry.identity.domain import Scope, digest_of, new_secret
from registry.identity.oauth_domain import (
    CODE_LIFETIME,
    CODE_MISSES_PER_NETWORK,
    CODE_MISSES_PER_PERSON,
    DEVICE_LIFETIME,
    DEVICES_PER_NETWORK,
    KEPT_AFTER_END,
    RATE_WINDOW,
    REFRESH_PREFIX,
    Client,
    EndReason,
    LoginSummary,
    WaitingDevice,
    bearer_answer,
    find_client,
    new_access_token,
    new_user_code,
    read_user_code,
    too_many_codes,
    too_many_devices,
    user_code_unknown,
)
from registry.identity.oauth_tables import LoginKind
from registry.identity.store import insert_token
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

NETWORK_CONTEXT = b"oauth:network"
_NETWORK_PURPOSE = "network"
_USER_CODE_PURPOSE = "user-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedDevice:
    """The two codes of a program that waits now; they leave once and are stored as digests."""

    device_code: str
    user_code: str


def start_device(
    session: Session,
    *,
    client: Client,
    scopes: Sequence[Scope],
    program: str,
    network: str,
    sealer: Sealer,
    now: datetime,
) -> StartedDevice | Refusal:
    """Let a program wait until a person has decided about it."""
    store.forget_old_devices(session, before=now - KEPT_AFTER_END)
    network_index = sealer.blind_index(network, _NETWORK_PURPOSE)
    asked = store.count_devices(session, network_index=network_index, since=now - RATE_WINDOW)
    if asked >= DEVICES_PER_NETWORK:
        return too_many_devices(now + RATE_WINDOW)
    started = StartedDevice(device_code=new_secret(), user_code=new_user_code())
    store.insert_device(
        session,
        {
            "digest": digest_of(started.device_code),
            "user_code_index": sealer.blind_index(started.user_code, _USER_CODE_PURPOSE),
            "client_id": client.id,
            "scopes": " ".join(scopes),
            "program": program[:200],
            "network_index": network_index,
            "sealed_network": sealer.seal_system(network.encode(), NETWORK_CONTEXT),
            "created_at": now,
            "expires_at": now + DEVICE_LIFETIME,
        },
    )
    return started


def find_waiting(
    session: Session, *, typed: str, person_id: UUID, network: str, sealer: Sealer, now: datetime
) -> WaitingDevice | Refusal:
    """Return the program that waits with the typed code; a wrong one is counted against guessing."""
    found = _find_waiting(session, typed=typed, person_id=person_id, network=network, sealer=sealer, now=now)
    return found if isinstance(found, Refusal) else found[1]


def decide_waiting(
    session: Session,
    *,
    typed: str,
    approve: bool,
    person_id: UUID,
    network: str,
    sealer: Sealer,
    now: datetime,
) -> WaitingDevice | Refusal:
    """Allow or refuse the program, once; it gets its tokens at its next request, not here."""
    found = _find_waiting(session, typed=typed, person_id=person_id, network=network, sealer=sealer, now=now)
    if isinstance(found, Refusal):
        return found
    digest, waiting = found
    if not store.decide_device(session, digest, person_id=person_id, approved=approve, now=now):
        return user_code_unknown()
    return waiting


def _find_waiting(
    session: Session, *, typed: str, person_id: UUID, network: str, sealer: Sealer, now: datetime
) -> tuple[str, WaitingDevice] | Refusal:
    network_index = sealer.blind_index(network, _NETWORK_PURPOSE)
    by_person, by_network = store.count_code_misses(
        session, person_id=person_id, network_index=network_index, since=now - RATE_WINDOW
    )
    if by_person >= CODE_MISSES_PER_PERSON or by_network >= CODE_MISSES_PER_NETWORK:
        return too_many_codes(now + RATE_WINDOW)
    code = read_user_code(typed)
    row = (
        store.find_waiting_device(session, sealer.blind_index(code, _USER_CODE_PURPOSE), now=now)
        if code is not None
        else None
    )
    client = find_client(row.client_id) if row is not None else None
    if row is None or client is None:
        miss = {"id": new_id(), "person_id": person_id, "network_index": network_index, "missed_at": now}
        store.insert_code_miss(session, miss)
        return user_code_unknown()
    waiting = WaitingDevice(
        client=client,
        scopes=_scopes(row.scopes),
        program=row.program,
        network=sealer.open_system(row.sealed_network, NETWORK_CONTEXT).decode(),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
    return row.digest, waiting


def issue_code(
    session: Session,
    *,
    client: Client,
    person_id: UUID,
    scopes: Sequence[Scope],
    redirect_uri: str,
    code_challenge: str,
    network: str,
    sealer: Sealer,
    now: datetime,
) -> str:
    """Return a code that the program exchanges for tokens, once, with the verifier of its challenge."""
    store.forget_old_codes(session, before=now - KEPT_AFTER_END)
    code = new_secret()
    store.insert_code(
        session,
        {
            "digest": digest_of(code),
            "client_id": client.id,
            "person_id": person_id,
            "redirect_uri": redirect_uri,
            "scopes": " ".join(scopes),
            "code_challenge": code_challenge,
            "sealed_network": sealer.seal_system(network.encode(), NETWORK_CONTEXT),
            "created_at": now,
            "expires_at": now + CODE_LIFETIME,
        },
    )
    return code


def open_login(
    session: Session,
    *,
    client: Client,
    person_id: UUID,
    kind: LoginKind,
    scopes: Sequence[Scope],
    sealed_network: bytes,
    now: datetime,
) -> UUID:
    """Note that the person lets the program act for them; tokens follow by `issue_tokens`."""
    login_id = new_id()
    store.insert_login(
        session,
        {
            "id": login_id,
            "person_id": person_id,
            "kind": kind,
            "client_id": client.id,
            "name": client.name,
            "scopes": " ".join(scopes),
            "sealed_network": sealed_network,
            "created_at": now,
            "expires_at": now + client.refresh_lifetime,
        },
    )
    return login_id


def issue_tokens(
    session: Session,
    *,
    client: Client,
    login_id: UUID,
    person_id: UUID,
    scopes: Sequence[Scope],
    now: datetime,
) -> dict[str, object]:
    """Store a new access token and a new refresh token of the login; return what leaves, this once."""
    access, refresh = new_access_token(), REFRESH_PREFIX + new_secret()
    insert_token(
        session,
        {
            "id": new_id(),
            "digest": digest_of(access),
            "person_id": person_id,
            "name": client.name,
            "scopes": " ".join(scopes),
            "created_at": now,
            "expires_at": now + client.access_lifetime,
            "login_id": login_id,
        },
    )
    expires_at = now + client.refresh_lifetime
    store.insert_refresh_token(
        session,
        {"digest": digest_of(refresh), "login_id": login_id, "created_at": now, "expires_at": expires_at},
    )
    store.extend_login(session, login_id, expires_at=expires_at)
    store.forget_old_refresh_tokens(session, login_id, before=now - KEPT_AFTER_END)
    return bearer_answer(
        access_token=access, lifetime=client.access_lifetime, scopes=scopes, refresh_token=refresh
    )


def list_logins(session: Session, *, person_id: UUID, sealer: Sealer) -> Sequence[LoginSummary]:
    """Return the programs that the person has signed in, newest first; ended ones too, trust rules not."""
    return [
        LoginSummary(
            id=row.id,
            client_id=row.client_id,
            name=row.name,
            scopes=_scopes(row.scopes),
            kind=row.kind.value,
            network=sealer.open_system(row.sealed_network, NETWORK_CONTEXT).decode()
            if row.sealed_network is not None
            else None,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=last_used_at,
            ended_at=row.ended_at,
            end_reason=row.end_reason,
        )
        for row, last_used_at in store.list_logins(session, person_id)
        if row.kind is not LoginKind.CI
    ]


def end_login(session: Session, *, person_id: UUID, login_id: UUID, reason: EndReason, now: datetime) -> bool:
    """End the program's login and all its tokens at once; False if the person has no such open login."""
    login = store.lock_login(session, login_id)
    if login is None or login.person_id != person_id:
        return False
    return store.end_login(session, login_id, reason=reason.value, now=now)


def _scopes(text: str) -> tuple[Scope, ...]:
    return tuple(Scope(word) for word in text.split())
