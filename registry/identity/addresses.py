"""Use cases of giving an account without an e-mail address one: asked for, and confirmed by a mailed link."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import mail_links, membership, service, store, ways_store
from registry.identity.domain import (
    OfferedLink,
    digest_of,
    invalid_email,
    link_refusal,
    normalise_email,
)
from registry.identity.ways import address_stands, address_taken
from registry.kernel import mail
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer


def request_address(
    session: Session,
    *,
    person_id: UUID,
    email: str,
    browser_secret: str,
    network: str,
    next_path: str,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> Refusal | None:
    """Mail a link that makes the address the person's own; the same whether or not somebody has it."""
    address = normalise_email(email)
    if address is None:
        return invalid_email(email)
    person = store.find_person(session, person_id)
    if person is None or person.email_index is not None:
        return address_stands()
    secret = mail_links.make_link(
        session,
        address=address,
        browser_secret=browser_secret,
        network=network,
        next_path=next_path,
        sealer=sealer,
        now=now,
        person_id=person_id,
    )
    if isinstance(secret, Refusal):
        return secret
    letter = mail.Mail(
        to=address,
        subject="Confirm your e-mail address for Gatehouse",
        text=(
            "Somebody, most likely you, wants this address for their account. Open this link in the same\n"
            f"browser within 15 minutes and press the button there:\n\n{address_url(base_url, secret)}\n\n"
            "The link works once. If you did not ask for it, there is nothing to do: without it the\n"
            "address stays nobody's.\n"
        ),
    )
    mail.queue(session, letter, sealer=sealer, now=now)
    return None


def check_address(
    session: Session,
    *,
    secret: str,
    person_id: UUID,
    browser_secret: str | None,
    sealer: Sealer,
    now: datetime,
) -> OfferedLink | Refusal:
    """Return which address this link would give the person here and now; looking does not use it up."""
    link = store.peek_link(session, digest_of(secret))
    if link is None or link.person_id != person_id:
        return _unknown()
    if refusal := mail_links.judge(link, browser_secret, now):
        return refusal
    return OfferedLink(email=mail_links.address_of(link, sealer), expires_at=link.expires_at)


def confirm_address(
    session: Session,
    *,
    secret: str,
    person_id: UUID,
    browser_secret: str | None,
    sealer: Sealer,
    now: datetime,
) -> str | Refusal:
    """Use up the link and give the person the address; return the page to go on to."""
    link = store.find_link(session, digest_of(secret))
    if link is None or link.person_id != person_id:
        return _unknown()
    if refusal := mail_links.judge(link, browser_secret, now):
        return refusal
    store.use_link(session, link.digest, now=now)
    person = ways_store.lock_person(session, person_id)
    if person.email_index is not None:
        return address_stands()
    address = mail_links.address_of(link, sealer)
    key = sealer.find_subject_key(session, person_id)
    if key is None:
        raise CorruptRecord(f"person {person_id} is signed in but was erased")
    if store.find_person_by_email(session, sealer.blind_indexes(address, "email")) is not None:
        return address_taken()
    given = ways_store.set_address(
        session,
        person_id,
        email_index=service.email_index_of(address, sealer),
        sealed_email=key.seal(address.encode(), service.EMAIL_CONTEXT + person_id.bytes),
        now=now,
    )
    if not given:
        return address_taken()
    membership.join_by_domain(session, person_id=person_id, email=address, now=now)
    return link.next_path


def address_url(base_url: str, secret: str) -> str:
    """Return the address that the mail carries."""
    return f"{base_url}/settings/email/link?token={secret}"


def _unknown() -> Refusal:
    return link_refusal("sign-in-link-unknown", "This link is not known, or not yours")
