"""Opening and recognising web sessions, with how the person showed who they are."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import store
from registry.identity.domain import (
    SESSION_LIFETIME,
    Channel,
    Method,
    Principal,
    Proof,
    Scope,
    SignedIn,
    digest_of,
    new_secret,
)
from registry.identity.tables import Person, WebSession


def open_session(
    session: Session,
    *,
    person: Person,
    proof: Proof,
    old_session: str | None,
    user_agent: str,
    next_path: str,
    passkey_shown: bool,
    now: datetime,
) -> SignedIn:
    """Open a session under a new secret; the one that the browser had before ends.

    If the person asks for a passkey besides other means, the session waits for it and counts as nobody.
    """
    if old_session:
        end_session_of_browser(session, old_session, now=now)
    secret = new_secret()
    waits = person.asks_passkey and not passkey_shown
    store.insert_session(
        session,
        WebSession(
            digest=digest_of(secret),
            person_id=person.id,
            method=proof.method.value,
            created_at=now,
            expires_at=now + SESSION_LIFETIME,
            user_agent=user_agent[:200],
            provider=proof.provider,
            amr=" ".join(proof.amr),
            acr=proof.acr,
            authenticated_at=proof.at,
            time_stated=proof.stated,
            waits_for_passkey=waits,
        ),
    )
    return SignedIn(person_id=person.id, secret=secret, next_path=next_path, waits_for_passkey=waits)


def end_session_of_browser(session: Session, secret: str, *, now: datetime) -> None:
    """End the session that a browser's cookie names."""
    found = store.find_session(session, digest_of(secret))
    if found is not None:
        store.revoke_session(session, found[0].digest, person_id=found[0].person_id, now=now)


def authenticate_session(session: Session, *, secret: str, now: datetime) -> Principal | None:
    """Return the principal of a web session that is open, and waits for nothing."""
    found = store.find_session(session, digest_of(secret))
    if found is None or not _is_live(found[0], now) or found[0].waits_for_passkey:
        return None
    web_session, person = found
    proof = proof_of(web_session)
    return Principal(
        person_id=person.id,
        channel=Channel.SESSION,
        scopes=frozenset(Scope),
        is_operator=person.is_operator,
        session_id=web_session.digest,
        signed_in_at=proof.at,
        proof=proof,
    )


def find_waiting(session: Session, *, secret: str, now: datetime) -> tuple[UUID, Proof] | None:
    """Return whose session waits for a passkey, and what they have shown so far."""
    found = store.find_session(session, digest_of(secret))
    if found is None or not _is_live(found[0], now) or not found[0].waits_for_passkey:
        return None
    return found[1].id, proof_of(found[0])


def proof_of(web_session: WebSession) -> Proof:
    """Return how the person of a session showed who they are."""
    amr = tuple(web_session.amr.split())
    return Proof(
        method=Method(web_session.method),
        provider=web_session.provider,
        amr=amr or (("email",) if web_session.method == Method.EMAIL_LINK else ()),
        acr=web_session.acr,
        at=web_session.authenticated_at or web_session.created_at,
        stated=web_session.time_stated,
    )


def _is_live(web_session: WebSession, now: datetime) -> bool:
    return web_session.revoked_at is None and now < web_session.expires_at
