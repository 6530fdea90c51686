"""What goes of access when a person is erased: what they wait for and hold ends; words about them go."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from registry.access import disclosure_store, request_store
from registry.access.request_views import Office
from registry.access.requesting import carry_out
from registry.access.service import tell_followers_of_person
from registry.access.tables import AccessRequest, Block, RequestStep
from registry.access.transitions import OPEN, Move, RequestEvent, RequestState
from registry.identity.domain import Channel, Principal
from registry.kernel.sealing import Sealer

REQUESTS_PER_READ = 100
_BY_ERASURE = "erasure"
"""In place of a browser's session: whoever asked to be erased has given up what they waited for."""


def end_requests(session: Session, person_id: UUID, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Withdraw the person's open requests and give up what they hold, and tell reviewers as for any withdrawal."""
    disclosure_store.end_disclosures(session, person_id=person_id, now=now)
    tell_followers_of_person(session, person_id, now=now)
    principal = Principal(person_id=person_id, channel=Channel.SESSION, session_id=_BY_ERASURE)
    office = Office(principal=principal, sealer=sealer, base_url=base_url, now=now)
    after: UUID | None = None
    while rows := request_store.list_of_person(
        session, person_id=person_id, after=after, limit=REQUESTS_PER_READ
    ):
        for row in rows:
            if row.state in OPEN:
                carry_out(session, office, request_id=row.id, wanted=Move(event=RequestEvent.WITHDRAW))
            elif row.state is RequestState.APPROVED:
                carry_out(session, office, request_id=row.id, wanted=Move(event=RequestEvent.RELINQUISH))
        after = rows[-1].id


def forget_words(session: Session, person_id: UUID) -> None:
    """Take away what stands about the person in requests and blocks; that these were, and when, stays."""
    requests = select(AccessRequest.id).where(AccessRequest.person_id == person_id)
    session.exec(update(RequestStep).where(col(RequestStep.request_id).in_(requests)).values(sealed=None))
    session.exec(
        update(AccessRequest).where(col(AccessRequest.person_id) == person_id).values(sealed_draft=None)
    )
    session.exec(update(Block).where(col(Block.person_id) == person_id).values(reason=""))
