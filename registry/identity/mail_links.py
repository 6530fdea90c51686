"""Use cases of mailed links: asked for, looked at, used to sign in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry.identity import membership, service, sessions, store
from registry.identity.domain import (
    LINK_LIFETIME,
    LINK_RATE_WINDOW,
    LINKS_PER_ADDRESS,
    LINKS_PER_NETWORK,
    Method,
    OfferedLink,
    Proof,
    SignedIn,
    digest_of,
    invalid_email,
    judge_link,
    link_refusal,
    new_secret,
    normalise_email,
    safe_next,
    too_many_links,
)
from registry.identity.tables import EmailLink
from registry.kernel import mail
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

_LINK_CONTEXT = b"email_link:email"


def request_link(
    session: Session,
    *,
    email: str,
    browser_secret: str,
    network: str,
    next_path: str,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> Refusal | None:
    """Mail a sign-in link to the address; the answer is the same whether or not it is known."""
    address = normalise_email(email)
    if address is None:
        return invalid_email(email)
    secret = make_link(
        session,
        address=address,
        browser_secret=browser_secret,
        network=network,
        next_path=next_path,
        sealer=sealer,
        now=now,
    )
    if isinstance(secret, Refusal):
        return secret
    letter = mail.Mail(
        to=address,
        subject="Your sign-in link for Gatehouse",
        text=(
            "Somebody, most likely you, asked to sign in with this address. Open this link in the same\n"
            f"browser within 15 minutes and press the button there:\n\n{link_url(base_url, secret)}\n\n"
            "The link works once. If you did not ask for it, there is nothing to do: without this mail\n"
            "nobody can sign in as you.\n"
        ),
    )
    mail.queue(session, letter, sealer=sealer, now=now)
    return None


def make_link(
    session: Session,
    *,
    address: str,
    browser_secret: str,
    network: str,
    next_path: str,
    sealer: Sealer,
    now: datetime,
    person_id: UUID | None = None,
) -> str | Refusal:
    """Return the secret of a link for this browser, unless too many were asked for."""
    network_index = sealer.blind_index(network, "network")
    by_address, by_network = store.count_links(
        session,
        email_index=service.email_index_of(address, sealer),
        network_index=network_index,
        since=now - LINK_RATE_WINDOW,
    )
    if by_address >= LINKS_PER_ADDRESS or by_network >= LINKS_PER_NETWORK:
        return too_many_links(now + LINK_RATE_WINDOW)
    return _store_link(
        session,
        address=address,
        browser_digest=digest_of(browser_secret),
        network_index=network_index,
        next_path=next_path,
        lifetime=LINK_LIFETIME,
        reusable=False,
        sealer=sealer,
        now=now,
        person_id=person_id,
    )


def issue_local_link(
    session: Session, *, email: str, next_path: str, lifetime: timedelta, sealer: Sealer, now: datetime
) -> str:
    """Return the secret of a sign-in link that any browser on this machine may use (demo only)."""
    address = normalise_email(email)
    if address is None:
        raise ValueError("not an e-mail address")
    return _store_link(
        session,
        address=address,
        browser_digest=None,
        network_index=sealer.blind_index("local", "network"),
        next_path=next_path,
        lifetime=lifetime,
        reusable=True,
        sealer=sealer,
        now=now,
    )


def _store_link(
    session: Session,
    *,
    address: str,
    browser_digest: str | None,
    network_index: bytes,
    next_path: str,
    lifetime: timedelta,
    reusable: bool,
    sealer: Sealer,
    now: datetime,
    person_id: UUID | None = None,
) -> str:
    secret = new_secret()
    store.insert_link(
        session,
        EmailLink(
            digest=digest_of(secret),
            email_index=service.email_index_of(address, sealer),
            sealed_email=sealer.seal_system(address.encode(), _LINK_CONTEXT),
            browser_digest=browser_digest,
            network_index=network_index,
            next_path=safe_next(next_path),
            created_at=now,
            expires_at=now + lifetime,
            reusable=reusable,
            person_id=person_id,
        ),
    )
    return secret


def check_link(
    session: Session, *, secret: str, browser_secret: str | None, sealer: Sealer, now: datetime
) -> OfferedLink | Refusal:
    """Return for whom this link would sign in here and now; looking does not use it up."""
    link = store.peek_link(session, digest_of(secret))
    if link is None or link.person_id is not None:
        return link_refusal("sign-in-link-unknown", "This sign-in link is not known")
    if refusal := judge(link, browser_secret, now):
        return refusal
    address = address_of(link, sealer)
    return OfferedLink(email=address, expires_at=link.expires_at)


def sign_in(
    session: Session,
    *,
    secret: str,
    browser_secret: str | None,
    old_session: str | None,
    user_agent: str,
    operators: Sequence[str],
    sealer: Sealer,
    now: datetime,
) -> SignedIn | Refusal:
    """Use up the link and open a new web session; the session the browser had before ends."""
    link = store.find_link(session, digest_of(secret))
    if link is None or link.person_id is not None:
        return link_refusal("sign-in-link-unknown", "This sign-in link is not known")
    if refusal := judge(link, browser_secret, now):
        return refusal
    store.use_link(session, link.digest, now=now)
    address = address_of(link, sealer)
    person_id = service.ensure_person(session, email=address, sealer=sealer, now=now)
    store.update_person(
        session,
        person_id,
        verified_at=now,
        is_operator=address in {normalise_email(operator) for operator in operators},
    )
    membership.join_by_domain(session, person_id=person_id, email=address, now=now)
    person = store.find_person(session, person_id)
    assert person is not None  # noqa: S101 - ensure_person has seen to it
    proof = Proof(method=Method.EMAIL_LINK, provider=None, amr=("email",), acr=None, at=now)
    return sessions.open_session(
        session,
        person=person,
        proof=proof,
        old_session=old_session,
        user_agent=user_agent,
        next_path=link.next_path,
        passkey_shown=False,
        now=now,
    )


def address_of(link: EmailLink, sealer: Sealer) -> str:
    """Return the address that a link was mailed to."""
    return sealer.open_system(link.sealed_email, _LINK_CONTEXT).decode()


def judge(link: EmailLink, browser_secret: str | None, now: datetime) -> Refusal | None:
    """Return why a link may not be used now, by this browser; None if it may."""
    return judge_link(
        expires_at=link.expires_at,
        used_at=None if link.reusable else link.used_at,
        bound_to=link.browser_digest,
        browser=digest_of(browser_secret) if browser_secret else None,
        now=now,
    )


def link_url(base_url: str, secret: str) -> str:
    """Return the address that a sign-in mail carries."""
    return f"{base_url}/sign-in/link?token={secret}"
