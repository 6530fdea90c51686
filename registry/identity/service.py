"""Use cases of identity: sessions, tokens, people."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlmodel import Session

from registry.identity import service_credentials, store
from registry.identity.domain import (
    LAST_USE_PRECISION,
    TOKEN_PREFIX,
    Channel,
    Principal,
    Profile,
    Scope,
    SessionSummary,
    TokenSummary,
    digest_of,
    judge_new_token,
    new_secret,
    normalise_email,
    unknown_token,
)
from registry.identity.service_account_domain import SERVICE_PREFIX
from registry.identity.tables import AccessToken, Person
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer, SubjectKey

EMAIL_CONTEXT = b"person:email"


def ensure_person(session: Session, *, email: str, sealer: Sealer, now: datetime) -> UUID:
    """Return the person with this normalised address, creating them unverified if there is none."""
    email_index = email_index_of(email, sealer)
    known = store.find_person_by_email(session, sealer.blind_indexes(email, "email"))
    if known is not None:
        return known.id
    person_id = new_id()
    with session.begin_nested() as attempt:
        key = sealer.new_subject_key(session, person_id, now=now)
        person = Person(
            id=person_id,
            email_index=email_index,
            sealed_email=key.seal(email.encode(), EMAIL_CONTEXT + person_id.bytes),
            created_at=now,
        )
        if store.insert_person(session, person):
            return person_id
        attempt.rollback()
    winner = store.find_person_by_email(session, [email_index])
    assert winner is not None  # noqa: S101 - the unique index just said so
    return winner.id


def authenticate_token(session: Session, *, token: str, now: datetime) -> Principal | Refusal:
    """Return the principal of an access token that still works."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > 200:
        return unknown_token()
    if token.startswith(SERVICE_PREFIX):
        credential = service_credentials.find_credential(session, token=token, now=now)
        return service_credentials.judge_credential(credential, now=now) if credential else unknown_token()
    found = store.find_token(session, digest_of(token))
    if found is None:
        return unknown_token()
    access_token, person = found
    if access_token.revoked_at is not None or now >= access_token.expires_at:
        return unknown_token()
    return Principal(
        person_id=person.id,
        channel=Channel.TOKEN,
        scopes=frozenset(Scope(word) for word in access_token.scopes.split()),
        is_operator=person.is_operator,
        token_id=access_token.id,
    )


def token_use_is_stale(session: Session, *, token: str, now: datetime) -> UUID | None:
    """Return the token's id if its last use deserves a fresh note."""
    if token.startswith(SERVICE_PREFIX):
        credential = service_credentials.find_credential(session, token=token, now=now)
        token_id, last = (credential.token_id, credential.last_used_at) if credential else (None, None)
    else:
        found = store.find_token(session, digest_of(token))
        token_id, last = (found[0].id, found[0].last_used_at) if found else (None, None)
    return token_id if last is None or now - last > LAST_USE_PRECISION else None


def note_token_use(session: Session, *, token_id: UUID, now: datetime) -> None:
    """Remember that the token was used now, whoever has it."""
    store.touch_token(session, token_id, now=now)


def create_token(
    session: Session, *, person_id: UUID, name: str, scopes: frozenset[Scope], days: int, now: datetime
) -> tuple[TokenSummary, str] | Refusal:
    """Create an access token; its secret is returned this once."""
    existing = store.count_live_tokens(session, person_id, now=now)
    if refusal := judge_new_token(name, scopes, days, existing):
        return refusal
    secret = TOKEN_PREFIX + new_secret()
    summary = TokenSummary(
        id=new_id(),
        name=name.strip(),
        scopes=tuple(sorted(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
        last_used_at=None,
        revoked_at=None,
    )
    store.insert_token(
        session,
        {
            "id": summary.id,
            "digest": digest_of(secret),
            "person_id": person_id,
            "name": summary.name,
            "scopes": " ".join(summary.scopes),
            "created_at": now,
            "expires_at": summary.expires_at,
        },
    )
    return summary, secret


def list_tokens(session: Session, *, person_id: UUID) -> Sequence[TokenSummary]:
    """Return the person's own tokens, newest first; those of signed-in programs are listed by their login."""
    return [_summary(row) for row in store.list_tokens(session, person_id)]


def find_token(session: Session, *, token_id: UUID) -> TokenSummary | None:
    """Return an access token of any kind, without its secret."""
    row = store.find_token_by_id(session, token_id)
    return _summary(row) if row is not None else None


def _summary(row: AccessToken) -> TokenSummary:
    return TokenSummary(
        id=row.id,
        name=row.name,
        scopes=tuple(Scope(word) for word in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def revoke_token(session: Session, *, person_id: UUID, token_id: UUID, now: datetime) -> bool:
    """End the token at once; False if the person has no such live token."""
    return store.revoke_token(session, token_id, person_id=person_id, now=now)


def list_sessions(session: Session, *, person_id: UUID) -> Sequence[SessionSummary]:
    """Return the person's web sessions, newest first."""
    return [
        SessionSummary(
            id=row.digest,
            created_at=row.created_at,
            expires_at=row.expires_at,
            user_agent=row.user_agent,
            revoked_at=row.revoked_at,
        )
        for row in store.list_sessions(session, person_id)
    ]


def revoke_session(session: Session, *, person_id: UUID, session_id: str, now: datetime) -> bool:
    """End the web session at once; False if the person has no such open session."""
    return store.revoke_session(session, session_id, person_id=person_id, now=now)


def revoke_sessions(session: Session, *, person_id: UUID, session_id: str, keep: str, now: datetime) -> None:
    """End the named session at once; with `others`, every one but `keep`."""
    if session_id != "others":
        store.revoke_session(session, session_id, person_id=person_id, now=now)
        return
    for row in store.list_sessions(session, person_id):
        if row.digest != keep:
            store.revoke_session(session, row.digest, person_id=person_id, now=now)


def open_profile(session: Session, *, person_id: UUID, sealer: Sealer) -> Profile | None:
    """Return the person's opened profile; None if unknown or erased."""
    person = store.find_person(session, person_id)
    return _open(session, person, sealer) if person is not None else None


def person_exists(session: Session, person_id: UUID) -> bool:
    """Whether the registry knows somebody by this id, erased people included."""
    return store.find_person(session, person_id) is not None


def open_profiles(session: Session, *, person_ids: Sequence[UUID], sealer: Sealer) -> Mapping[UUID, Profile]:
    """Return the opened profiles of several people; erased ones are absent."""
    wanted = list(dict.fromkeys(person_ids))
    keys = sealer.find_subject_keys(session, wanted)
    return {
        person.id: _opened(person, person.sealed_email, keys[person.id])
        for person in store.list_people(session, wanted)
        if person.id in keys and person.sealed_email is not None
    }


def open_shown(session: Session, *, person_ids: Sequence[UUID], sealer: Sealer) -> Mapping[UUID, Profile]:
    """Return the profiles that others may read; absent are erased people, and those whose data may only be stored."""
    found = open_profiles(session, person_ids=person_ids, sealer=sealer)
    return {one: profile for one, profile in found.items() if profile.restricted_at is None}


def find_readable_keys(
    session: Session, person_ids: Sequence[UUID], *, reader: UUID | None, sealer: Sealer
) -> Mapping[UUID, SubjectKey]:
    """Return the keys that open what this reader may read; of people whose data may only be stored, their own alone."""
    keys = sealer.find_subject_keys(session, list(dict.fromkeys(person_ids)))
    others = [one for one in keys if one != reader]
    hidden = list_restricted_among(session, others) if others else frozenset()
    return {one: key for one, key in keys.items() if one not in hidden}


def find_shown_by_email(session: Session, *, email: str, sealer: Sealer) -> UUID | None:
    """Return the person with this address, if others may know whose it is."""
    found = find_person_by_email(session, email=email, sealer=sealer)
    return found if found and find_restricted_since(session, found) is None else None


def find_restricted_since(session: Session, person_id: UUID | None) -> datetime | None:
    """Return since when what is kept about the person may only be stored; None: it may be used."""
    person = store.find_person(session, person_id) if person_id else None
    return person.restricted_at if person else None


def list_restricted_among(session: Session, person_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Return whose data may only be stored, of these people."""
    return frozenset(store.list_restricted_among(session, person_ids))


def list_restricted_at(session: Session, person_ids: Sequence[UUID], at: datetime) -> frozenset[UUID]:
    """Return whose data could only be stored at a moment, of these people."""
    return frozenset(store.list_restricted_at(session, person_ids, at))


def lock_people(
    session: Session, *, person_ids: Sequence[UUID], sealer: Sealer
) -> Mapping[UUID, tuple[Profile, SubjectKey]]:
    """Return profile and key of people whose acts wait for each other until the commit; erased ones are absent."""
    if not person_ids:
        return {}
    rows = store.lock_people(session, person_ids)
    keys = sealer.find_subject_keys(session, person_ids)
    return {
        row.id: (_opened(row, row.sealed_email, keys[row.id]), keys[row.id])
        for row in rows
        if row.id in keys and row.sealed_email is not None
    }


def find_person_id(session: Session, person_id: UUID) -> UUID | None:
    """Return the id if there is a person with it, erased or not."""
    return person_id if store.find_person(session, person_id) is not None else None


def find_person_by_email(session: Session, *, email: str, sealer: Sealer) -> UUID | None:
    """Return the person with this address."""
    address = normalise_email(email)
    if address is None:
        return None
    person = store.find_person_by_email(session, sealer.blind_indexes(address, "email"))
    return person.id if person else None


def find_proven(session: Session, email_indexes: Sequence[bytes]) -> Mapping[bytes, UUID]:
    """Return by the digest of an address who has proved that it is theirs."""
    return store.find_proven(session, email_indexes) if email_indexes else {}


def _open(session: Session, person: Person, sealer: Sealer) -> Profile | None:
    key = sealer.find_subject_key(session, person.id)
    if key is None or person.sealed_email is None:
        return None
    return _opened(person, person.sealed_email, key)


def _opened(person: Person | Row[Any], sealed_email: bytes, key: SubjectKey) -> Profile:
    return Profile(
        person_id=person.id,
        email=key.open(sealed_email, EMAIL_CONTEXT + person.id.bytes).decode(),
        verified_at=person.verified_at,
        created_at=person.created_at,
        restricted_at=person.restricted_at,
    )


def email_index_of(address: str, sealer: Sealer) -> bytes:
    """Return the keyed digest by which an address is found."""
    return sealer.blind_index(address, "email")
