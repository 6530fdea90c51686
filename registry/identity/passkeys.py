"""Use cases of passkeys: add, remove, sign in with one, and ask for one besides other ways in."""

import hmac
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import sessions, ways_store
from registry.identity.domain import MULTIPLE_FACTORS, Method, Proof, SignedIn, digest_of, safe_next
from registry.identity.tables import Passkey
from registry.identity.ways import (
    PASSKEYS_PER_PERSON,
    PASSKEYS_TO_ASK_FOR,
    judge_passkey_removal,
    judge_removal,
    too_few_passkeys,
    too_many,
    unknown_way,
)
from registry.identity.webauthn import Proven, WebAuthn
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal, Remedy

PHISHING_RESISTANT = "phr"
"""OpenID Connect Extended Authentication Profile, ACR value."""
ADDING = "add"
SIGNING_IN = "sign-in"
AGAIN = "again"
SECOND_STEP = "second-step"


def add_passkey(
    session: Session,
    *,
    person_id: UUID,
    answer: str,
    name: str,
    bound_to: str,
    webauthn: WebAuthn,
    now: datetime,
) -> Refusal | None:
    """Add the passkey that the browser made."""
    made = webauthn.read_registration(answer)
    if made is None:
        return _refused()
    if refusal := _spend(session, made.challenge, ADDING, bound_to, webauthn=webauthn, now=now):
        return refusal
    ways_store.lock_person(session, person_id)
    if len(ways_store.list_passkeys(session, person_id)) >= PASSKEYS_PER_PERSON:
        return too_many("passkeys", PASSKEYS_PER_PERSON)
    inserted = ways_store.insert_passkey(
        session,
        Passkey(
            id=new_id(),
            person_id=person_id,
            credential_id=made.credential_id,
            credential=made.credential,
            name=_clean(name) or "Passkey",
            sign_count=made.sign_count,
            backed_up=made.backed_up,
            created_at=now,
        ),
    )
    return None if inserted else _refused()


def sign_in(
    session: Session,
    *,
    answer: str,
    purpose: str,
    bound_to: str,
    only: UUID | None,
    earlier: Proof | None,
    old_session: str | None,
    user_agent: str,
    next_path: str,
    webauthn: WebAuthn,
    now: datetime,
) -> SignedIn | Refusal:
    """Open a session for the person of the passkey; with `only`, for nobody else.

    Steps, in this order: (1) the challenge is ours, of this browser, and unanswered; (2) the passkey is known, and
    of the person it says; (3) its signature holds, with the person verified; (4) its counter has gone on.
    """
    shown = webauthn.read_assertion(answer)
    if shown is None:
        return _refused()
    if refusal := _spend(session, shown.challenge, purpose, bound_to, webauthn=webauthn, now=now):
        return refusal
    found = ways_store.find_passkey(session, shown.credential_id)
    if found is None:
        return _unknown()
    passkey, person = found
    if shown.user_handle is not None and shown.user_handle != person.id.bytes:
        return _refused()
    if only is not None and person.id != only:
        return _of_somebody_else()
    checked = webauthn.check_assertion(shown, passkey.credential)
    if checked is None:
        return _refused()
    sign_count, backed_up = checked
    if sign_count <= passkey.sign_count and (sign_count or passkey.sign_count):
        return _copied()
    ways_store.use_passkey(session, passkey.id, sign_count=sign_count, backed_up=backed_up, now=now)
    return sessions.open_session(
        session,
        person=person,
        proof=_proof(earlier, backed_up=backed_up, now=now),
        old_session=old_session,
        user_agent=user_agent,
        next_path=safe_next(next_path),
        passkey_shown=True,
        now=now,
    )


def sign_own(
    session: Session, *, person_id: UUID, answer: str, challenge: bytes, webauthn: WebAuthn, now: datetime
) -> tuple[Proven, bool] | Refusal:
    """Return what shows that a passkey of the person has signed `challenge`, and whether the key is backed up.

    Steps, in this order: (1) the challenge is this one; (2) the passkey is the person's; (3) its signature holds,
    with the person verified; (4) its counter has gone on. That a challenge counts once is seen to by who made it.
    """
    shown = webauthn.read_assertion(answer)
    if shown is None or not hmac.compare_digest(shown.challenge, challenge):
        return _refused()
    found = ways_store.find_passkey(session, shown.credential_id)
    if found is None:
        return _unknown()
    passkey, person = found
    if person.id != person_id:
        return _of_somebody_else()
    checked = webauthn.check_assertion(shown, passkey.credential)
    proven = webauthn.prove(shown, passkey.credential)
    if checked is None or proven is None:
        return _refused()
    sign_count, backed_up = checked
    if sign_count <= passkey.sign_count and (sign_count or passkey.sign_count):
        return _copied()
    ways_store.use_passkey(session, passkey.id, sign_count=sign_count, backed_up=backed_up, now=now)
    return proven, backed_up


def remove_passkey(session: Session, *, person_id: UUID, passkey_id: UUID) -> Refusal | None:
    """Remove a passkey of the person, unless it is their last way in or each sign-in depends on it."""
    person = ways_store.lock_person(session, person_id)
    count = len(ways_store.list_passkeys(session, person_id))
    refusal = judge_passkey_removal(asks_passkey=person.asks_passkey, passkeys=count) or judge_removal(
        has_email=person.email_index is not None,
        accounts=len(ways_store.list_identities(session, person_id)),
        passkeys=count,
    )
    if refusal is not None:
        return refusal
    gone = ways_store.delete_passkey(session, passkey_id, person_id=person_id)
    return None if gone else unknown_way()


def ask_for_passkey(session: Session, *, person_id: UUID, asks: bool) -> Refusal | None:
    """Let each sign-in by other means also take a passkey, or no longer."""
    ways_store.lock_person(session, person_id)
    if asks and len(ways_store.list_passkeys(session, person_id)) < PASSKEYS_TO_ASK_FOR:
        return too_few_passkeys()
    ways_store.set_asks_passkey(session, person_id, asks=asks)
    return None


def known_credentials(session: Session, person_id: UUID) -> list[bytes]:
    """Return the ids of the person's passkeys as their browser knows them."""
    return [row.credential_id for row in ways_store.list_passkeys(session, person_id)]


def _proof(earlier: Proof | None, *, backed_up: bool, now: datetime) -> Proof:
    """Return what was shown in all: the person was verified by the device, so these are two factors already."""
    before = earlier.amr if earlier else ()
    now_shown = ("swk" if backed_up else "hwk", "user", MULTIPLE_FACTORS)
    return Proof(
        method=earlier.method if earlier else Method.PASSKEY,
        provider=earlier.provider if earlier else None,
        amr=tuple(dict.fromkeys((*before, *now_shown))),
        acr=PHISHING_RESISTANT,
        at=now,
    )


def _spend(
    session: Session,
    challenge: bytes,
    purpose: str,
    bound_to: str,
    *,
    webauthn: WebAuthn,
    now: datetime,
) -> Refusal | None:
    end = webauthn.challenge_end(challenge, purpose, bound_to)
    if end is None or now >= end:
        return _stale("passkey-page-too-old", "The page is too old, or of another browser")
    digest = digest_of(challenge.hex())
    if not ways_store.spend_challenge(session, digest, expires_at=end, now=now):
        return _stale("passkey-used", "This answer of your passkey was already used")
    return None


def _clean(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip()[:60]


def _stale(code: str, title: str) -> Refusal:
    return Refusal(
        code=code,
        status=403,
        title=title,
        detail="A page asks a passkey once, within 15 minutes, in the browser that it was opened in. "
        "Nothing was changed.",
        remedy=Remedy(text="Load the page again, then use the passkey"),
        decider="You do",
    )


def _refused() -> Refusal:
    return Refusal(
        code="passkey-refused",
        status=403,
        title="The passkey's answer does not stand",
        detail="It was made for another site, without checking that it is you, or its signature does not fit. "
        "Nothing was changed.",
        remedy=Remedy(
            text="Load the page again and use the passkey there, or sign in another way", url="/sign-in"
        ),
        decider="You do",
    )


def _unknown() -> Refusal:
    return Refusal(
        code="passkey-unknown",
        status=403,
        title="This passkey is not known here",
        detail="It was removed, or made for another registry. You are not signed in.",
        remedy=Remedy(text="Sign in another way, then add a passkey in the settings", url="/sign-in"),
        decider="You do",
    )


def _of_somebody_else() -> Refusal:
    return Refusal(
        code="passkey-of-another-person",
        status=403,
        title="This passkey belongs to another account",
        detail="What you are doing takes a passkey of the person who began it. Nothing was changed.",
        remedy=Remedy(text="Load the page again and choose your own passkey"),
        decider="You do",
    )


def _copied() -> Refusal:
    return Refusal(
        code="passkey-copied",
        status=403,
        title="There may be a copy of this passkey",
        detail="Its counter went back, as it does when somebody copied the key. You are not signed in by it.",
        remedy=Remedy(text="Sign in another way and remove this passkey", url="/sign-in"),
        decider="You do",
    )
