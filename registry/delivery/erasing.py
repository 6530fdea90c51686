"""Erasing a person: what they are known by lies in several contexts, and all of it goes in one transaction.

Acceptances, receipts, the log and every proof stay as they are: the key that opens the contact data in them is destroyed.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col

from registry import access, catalog, identity
from registry.acceptances import forgetting
from registry.catalog import looks
from registry.delivery import holds
from registry.delivery.hold_domain import kept_by_hold
from registry.delivery.tables import DownloadRecord
from registry.identity import erasures, restrictions
from registry.identity.erasure_domain import (
    SWEPT_AFTER,
    ErasureState,
    ErasureView,
    Office,
    judge_offices,
    nothing_asked,
)
from registry.identity.erasures import Desk
from registry.kernel import mail
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

ERASED_PER_RUN = 20


def list_offices(session: Session, *, person_id: UUID) -> Sequence[Office]:
    """Return what only this person holds: it must be handed over before they are erased."""
    owned = catalog.list_solely_owned(session, person_id=person_id)
    return [
        *(Office(what=f"the only owner of {name}", url=f"/manage/{name}") for name in owned),
        *identity.list_sole_offices(session, person_id),
    ]


def erase(session: Session, desk: Desk, *, person_id: UUID, by_operator: bool) -> ErasureView | Refusal:
    """Erase the person now; the request that waits is carried out by it. Doing it twice changes nothing."""
    # Load and decide. A hold that is being placed comes before or after, never between.
    identity.lock_people(session, person_ids=[person_id], sealer=desk.sealer)
    done = erasures.find_done(session, desk, person_id)
    if done is not None:
        return done
    refusal = judge_offices(list_offices(session, person_id=person_id)) or kept_by_hold(
        holds.find_holds(session, person_id=person_id, now=desk.now)
    )
    if refusal is not None:
        return refusal
    asked = erasures.find_erasure(session, person_id=person_id, sealer=desk.sealer)
    if not by_operator and (asked is None or asked.state is not ErasureState.WAITING):
        return nothing_asked()
    # Record. What tells others comes before the key is gone.
    access.end_requests(session, person_id, sealer=desk.sealer, base_url=desk.base_url, now=desk.now)
    catalog.end_roles_of(session, person_id=person_id, now=desk.now)
    restrictions.end_by_erasure(session, desk, person_id)
    address = _take_away(session, desk, person_id)
    if address is not None:
        _say_farewell(session, desk, address)
    return erasures.record_erasure(session, desk, person_id)


def erase_due(session: Session, *, sealer: Sealer, base_url: str, now: datetime) -> int:
    """Erase whose time has come, and look once more after those of an hour ago; return how many of both.

    Whom others still depend on, or whom a legal hold keeps, waits on and is told; nobody else waits for them.
    """
    desk = Desk(sealer=sealer, base_url=base_url, now=now)
    due = erasures.list_due(session, now=now, limit=ERASED_PER_RUN)
    for person_id in due:
        outcome = erase(session, desk, person_id=person_id, by_operator=False)
        if isinstance(outcome, Refusal):
            erasures.put_off(session, desk, person_id, outcome)
    again = erasures.take_unswept(session, now=now, limit=ERASED_PER_RUN)
    for person_id in again:
        _take_away(session, desk, person_id)
    return len(due) + len(again)


def _take_away(session: Session, desk: Desk, person_id: UUID) -> str | None:
    """Destroy what identifies the person in every context; return the address that was theirs."""
    _forget_imports(session, desk, person_id)
    address = identity.erase_person(session, person_id, sealer=desk.sealer, now=desk.now)
    access.forget_words(session, person_id)
    holds.forget_reasons(session, person_id=person_id)
    looks.forget_reasons(session, subject_id=person_id)
    session.exec(
        update(DownloadRecord)
        .where(col(DownloadRecord.person_id) == person_id, col(DownloadRecord.client) != "")
        .values(client="")
    )
    return address


def _forget_imports(session: Session, desk: Desk, person_id: UUID) -> None:
    """Delete what reports from elsewhere have brought in about whoever has this address or these Hub accounts."""
    profile = identity.open_profile(session, person_id=person_id, sealer=desk.sealer)
    accounts = identity.list_hub_accounts(session, [person_id], sealer=desk.sealer)
    imports = forgetting.list_imports_of(
        session,
        email=profile.email if profile else "",
        accounts=accounts.get(person_id, ()),
        sealer=desk.sealer,
    )
    forgetting.forget_imports(session, imports, sealer=desk.sealer, now=desk.now)


def _say_farewell(session: Session, desk: Desk, address: str) -> None:
    """Write the last letter, and have every other one to the address forgotten."""
    mail.forget_waiting(session, to=address, sealer=desk.sealer)
    letter = mail.Mail(
        to=address,
        subject="You were erased",
        text=(
            f"Your details at {desk.base_url} were destroyed: name, address, answers, circumstances and ways to sign\n"
            "in. What you accepted stays as evidence that names nobody. Receipts that you saved stay valid; they are\n"
            "yours alone now. This is the last letter to this address.\n"
        ),
    )
    mail.queue(session, letter, sealer=desk.sealer, now=desk.now)
    mail.forget_later(session, to=address, sealer=desk.sealer, at=desk.now + SWEPT_AFTER)
