"""Use cases of providers: visits to them, signing in by them, and which accounts belong to one person.

An account is joined to a person only by somebody who proves both: signed in here, and back from the provider in
the same browser. An equal e-mail address joins nothing, whoever verified it.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import ending_store, group_membership, membership, service, sessions, store, ways_store
from registry.identity.domain import (
    Method,
    Principal,
    Proof,
    SignedIn,
    digest_of,
    new_secret,
    normalise_email,
    safe_next,
)
from registry.identity.group_membership import Shown
from registry.identity.id_tokens import Claimed
from registry.identity.oidc import Asked
from registry.identity.providers import HUB_ISSUER, Provider
from registry.identity.tables import ExternalIdentity, Person, ProviderVisit
from registry.identity.ways import (
    IDENTITIES_PER_PERSON,
    VISIT_LIFETIME,
    VISIT_RATE_WINDOW,
    VISITS_PER_NETWORK,
    LinkedAccount,
    PasskeySummary,
    Purpose,
    Ways,
    email_has_account,
    judge_removal,
    judge_return,
    linked_elsewhere,
    other_person,
    return_refusal,
    too_many,
    too_many_visits,
    unknown_way,
)
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer, SubjectKey

MOVED = "moved"
"""Why a program's login ended: its person turned out to be another one."""
_SECRETS_CONTEXT = b"provider_visit:secrets:"
_ACCOUNT_CONTEXT = b"external_identity:account:"


def begin_visit(
    session: Session,
    *,
    provider: Provider,
    purpose: Purpose,
    principal: Principal,
    browser_secret: str,
    network: str,
    next_path: str,
    sealer: Sealer,
    now: datetime,
) -> Asked | Refusal:
    """Note that this browser is about to go to the provider, and return what it takes along."""
    network_index = sealer.blind_index(network, "network")
    if (
        ways_store.count_visits(session, network_index=network_index, since=now - VISIT_RATE_WINDOW)
        >= VISITS_PER_NETWORK
    ):
        return too_many_visits(now + VISIT_RATE_WINDOW)
    ways_store.forget_visits(session, before=now - VISIT_RATE_WINDOW)
    asked = Asked(
        state=new_secret(),
        nonce=new_secret(),
        verifier=secrets.token_urlsafe(48),
        at=now,
        again=purpose is Purpose.AGAIN and provider.can_ask_again,
    )
    digest = digest_of(asked.state)
    ways_store.insert_visit(
        session,
        ProviderVisit(
            digest=digest,
            provider_id=provider.id,
            purpose=purpose.value,
            browser_digest=digest_of(browser_secret),
            person_id=None if purpose is Purpose.SIGN_IN else principal.person_id,
            session_digest=None if purpose is Purpose.SIGN_IN else principal.session_id,
            network_index=network_index,
            sealed_secrets=sealer.seal_system(
                json.dumps([asked.nonce, asked.verifier, asked.again]).encode(),
                _SECRETS_CONTEXT + digest.encode(),
            ),
            next_path=safe_next(next_path),
            created_at=now,
            expires_at=now + VISIT_LIFETIME,
        ),
    )
    return asked


def end_visit(
    session: Session,
    *,
    state: str,
    provider: Provider,
    principal: Principal,
    browser_secret: str | None,
    sealer: Sealer,
    now: datetime,
) -> tuple[ProviderVisit, Asked] | Refusal:
    """Use up the visit that this browser comes back from; it counts once, also if the rest fails."""
    visit = ways_store.find_visit(session, digest_of(state))
    if visit is None:
        return return_refusal("sign-in-unknown", "This answer was not asked for")
    refusal = judge_return(
        expires_at=visit.expires_at,
        used_at=visit.used_at,
        same_browser=bool(browser_secret)
        and secrets.compare_digest(visit.browser_digest, digest_of(browser_secret or "")),
        same_provider=visit.provider_id == provider.id,
        same_session=visit.purpose == Purpose.SIGN_IN or visit.session_digest == principal.session_id,
        now=now,
    )
    if refusal is not None:
        return refusal
    ways_store.use_visit(session, visit.digest, now=now)
    opened = sealer.open_system(visit.sealed_secrets, _SECRETS_CONTEXT + visit.digest.encode())
    nonce, verifier, again = json.loads(opened)
    return visit, Asked(state=state, nonce=nonce, verifier=verifier, at=visit.created_at, again=again)


def welcome(
    session: Session,
    *,
    visit: ProviderVisit,
    provider: Provider,
    claimed: Claimed,
    old_session: str | None,
    user_agent: str,
    operators: Sequence[str],
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> SignedIn | Refusal | None:
    """Do what the browser was sent to the provider for: sign in, sign in again, or add the account (None)."""
    known = ways_store.find_identity(session, _indexes(claimed, sealer))
    purpose = Purpose(visit.purpose)
    if purpose is Purpose.SIGN_IN:
        person = _person_of(session, known, provider, claimed, sealer=sealer, now=now)
        if isinstance(person, Refusal):
            return person
    else:
        assert visit.person_id is not None  # noqa: S101 - begin_visit has seen to it
        person = ways_store.lock_person(session, visit.person_id)
        if purpose is Purpose.AGAIN and (known is None or known.person_id != person.id):
            return other_person(provider.name)
        if purpose is Purpose.LINK and (known is None or known.person_id != person.id):
            refusal = _link(session, person, known, provider, claimed, sealer=sealer, now=now)
            if refusal is not None:
                return refusal
    _keep_operator(session, person, operators, sealer=sealer)
    account_id = _note_use(session, person, claimed, sealer=sealer, now=now)
    if claimed.groups is not None:
        shown = Shown(provider=provider, groups=claimed.groups, person_id=person.id, account_id=account_id)
        group_membership.bring_in_line(session, shown, base_url=base_url, sealer=sealer, now=now)
    if purpose is Purpose.LINK:
        return None
    return sessions.open_session(
        session,
        person=person,
        proof=Proof(
            method=Method.PROVIDER,
            provider=claimed.issuer,
            amr=claimed.amr,
            acr=claimed.acr,
            at=min(claimed.at, now) if claimed.at else now,
            stated=claimed.at is not None,
        ),
        old_session=old_session,
        user_agent=user_agent,
        next_path=visit.next_path,
        passkey_shown=False,
        now=now,
    )


def _person_of(
    session: Session,
    known: ExternalIdentity | None,
    provider: Provider,
    claimed: Claimed,
    *,
    sealer: Sealer,
    now: datetime,
) -> Person | Refusal:
    """Return whom the account signs in; somebody new if nobody, with an address only if it may be trusted."""
    if known is not None:
        return ways_store.lock_person(session, known.person_id)
    address = normalise_email(claimed.email) if claimed.email and provider.trust_email else None
    if address is not None and store.find_person_by_email(session, sealer.blind_indexes(address, "email")):
        return email_has_account(provider.name)
    with session.begin_nested() as attempt:
        if address is not None:
            person_id = service.ensure_person(session, email=address, sealer=sealer, now=now)
            store.update_person(session, person_id, verified_at=now)
            membership.join_by_domain(session, person_id=person_id, email=address, now=now)
        else:
            person_id = new_id()
            sealer.new_subject_key(session, person_id, now=now)
            store.insert_person(session, Person(id=person_id, created_at=now))
        person = ways_store.lock_person(session, person_id)
        if _insert(session, person, provider, claimed, sealer=sealer, now=now) is None:
            return person
        attempt.rollback()
    winner = ways_store.find_identity(session, _indexes(claimed, sealer))
    assert winner is not None  # noqa: S101 - the unique index just said so
    return ways_store.lock_person(session, winner.person_id)


def _link(
    session: Session,
    person: Person,
    known: ExternalIdentity | None,
    provider: Provider,
    claimed: Claimed,
    *,
    sealer: Sealer,
    now: datetime,
) -> Refusal | None:
    if len(ways_store.list_identities(session, person.id)) >= IDENTITIES_PER_PERSON:
        return too_many("accounts", IDENTITIES_PER_PERSON)
    if known is None:
        return _insert(session, person, provider, claimed, sealer=sealer, now=now)
    if not _is_bare(session, known.person_id):
        return linked_elsewhere(provider.name)
    # Somebody signed in by this account alone before, without an address, so could accept nothing. Both are
    # proved to be the same person now: the account moves, and what was left behind ends.
    ending_store.end_logins(session, known.person_id, reason=MOVED, now=now)
    ending_store.end_sessions(session, known.person_id, now=now)
    ending_store.end_tokens(session, known.person_id, now=now)
    group_membership.forget_account(session, known.person_id, known.id, now=now)
    _update(session, known.id, person, claimed, sealer=sealer, now=now)
    return None


def _is_bare(session: Session, person_id: UUID) -> bool:
    """Whether a person has no address, no passkey, and no account but one."""
    person = ways_store.lock_person(session, person_id)
    return (
        person.email_index is None
        and len(ways_store.list_identities(session, person_id)) == 1
        and not ways_store.list_passkeys(session, person_id)
    )


def _insert(
    session: Session, person: Person, provider: Provider, claimed: Claimed, *, sealer: Sealer, now: datetime
) -> Refusal | None:
    identity_id = new_id()
    inserted = ways_store.insert_identity(
        session,
        ExternalIdentity(
            id=identity_id,
            person_id=person.id,
            issuer=claimed.issuer,
            subject_index=_indexes(claimed, sealer)[0],
            sealed_account=_seal(session, identity_id, person, claimed, sealer),
            created_at=now,
            last_used_at=now,
        ),
    )
    return None if inserted else linked_elsewhere(provider.name)


def _update(
    session: Session, identity_id: UUID, person: Person, claimed: Claimed, *, sealer: Sealer, now: datetime
) -> None:
    ways_store.update_identity(
        session,
        identity_id,
        person_id=person.id,
        sealed_account=_seal(session, identity_id, person, claimed, sealer),
        now=now,
    )


def _note_use(session: Session, person: Person, claimed: Claimed, *, sealer: Sealer, now: datetime) -> UUID:
    """Keep the name that the account has now, and when it was used; return its id here."""
    known = ways_store.find_identity(session, _indexes(claimed, sealer))
    assert known is not None  # noqa: S101 - it was found or inserted in this transaction
    _update(session, known.id, person, claimed, sealer=sealer, now=now)
    return known.id


def _keep_operator(session: Session, person: Person, operators: Sequence[str], *, sealer: Sealer) -> None:
    """Take the operator's mark away if it no longer holds; only a mailed link gives it."""
    if not person.is_operator:
        return
    profile = service.open_profile(session, person_id=person.id, sealer=sealer)
    if profile is None or profile.email not in {normalise_email(operator) for operator in operators}:
        store.update_person(session, person.id, is_operator=False)


def list_ways(session: Session, *, person_id: UUID, sealer: Sealer) -> Ways:
    """Return all the ways in that the person has."""
    person = store.find_person(session, person_id)
    key = sealer.find_subject_key(session, person_id)
    if person is None or key is None:
        raise CorruptRecord(f"person {person_id} is signed in but was erased")
    profile = service.open_profile(session, person_id=person_id, sealer=sealer)
    return Ways(
        email=profile.email if profile else None,
        accounts=[open_account(row, key) for row in ways_store.list_identities(session, person_id)],
        passkeys=[
            PasskeySummary(
                id=row.id,
                name=row.name,
                backed_up=row.backed_up,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
            )
            for row in ways_store.list_passkeys(session, person_id)
        ],
        asks_passkey=person.asks_passkey,
    )


def list_hub_accounts(
    session: Session, person_ids: Sequence[UUID], *, sealer: Sealer
) -> Mapping[UUID, Sequence[str]]:
    """Return the names of the Hub accounts that people have signed in with, as the Hub stated them last."""
    rows = ways_store.list_identities_at(session, person_ids, issuer=HUB_ISSUER)
    keys = sealer.find_subject_keys(session, list({row.person_id for row in rows}))
    names: dict[UUID, list[str]] = {}
    for row in rows:
        if row.person_id in keys:
            names.setdefault(row.person_id, []).append(open_account(row, keys[row.person_id]).name)
    return names


def find_label(session: Session, *, person_id: UUID, sealer: Sealer) -> str | None:
    """Return how to call a person without an address: by the name of their first account."""
    key = sealer.find_subject_key(session, person_id)
    rows = ways_store.list_identities(session, person_id) if key else ()
    return open_account(rows[0], key).name if rows and key else None


def unlink(session: Session, *, person_id: UUID, identity_id: UUID, now: datetime) -> Refusal | None:
    """Remove an account of the person, unless it is their last way in."""
    person = ways_store.lock_person(session, person_id)
    refusal = judge_removal(
        has_email=person.email_index is not None,
        accounts=len(ways_store.list_identities(session, person_id)),
        passkeys=len(ways_store.list_passkeys(session, person_id)),
    )
    if refusal is not None:
        return refusal
    if not ways_store.delete_identity(session, identity_id, person_id=person_id):
        return unknown_way()
    group_membership.forget_account(session, person_id, identity_id, now=now)
    return None


def index_of(row: ExternalIdentity, key: SubjectKey, sealer: Sealer) -> bytes:
    """Return the keyed digest by which a linked account is found."""
    account = open_account(row, key)
    return sealer.blind_index(f"{account.issuer}\x00{account.subject}", "external-identity")


def open_account(row: ExternalIdentity, key: SubjectKey) -> LinkedAccount:
    """Return a linked account in the clear, as the provider stated it last."""
    subject, name = json.loads(key.open(row.sealed_account, _ACCOUNT_CONTEXT + row.id.bytes))
    return LinkedAccount(
        id=row.id,
        issuer=row.issuer,
        subject=subject,
        name=name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )


def _seal(session: Session, identity_id: UUID, person: Person, claimed: Claimed, sealer: Sealer) -> bytes:
    key = sealer.find_subject_key(session, person.id)
    if key is None:
        raise CorruptRecord(f"person {person.id} has an account but was erased")
    account = json.dumps([claimed.subject, claimed.name]).encode()
    return key.seal(account, _ACCOUNT_CONTEXT + identity_id.bytes)


def _indexes(claimed: Claimed, sealer: Sealer) -> Sequence[bytes]:
    return indexes_of(claimed.issuer, claimed.subject, sealer)


def indexes_of(issuer: str, subject: str, sealer: Sealer) -> Sequence[bytes]:
    """Return the keyed digests by which an account may be found, the current one first."""
    return sealer.blind_indexes(f"{issuer}\x00{subject}", "external-identity")
