"""After a change of the master key: what belongs to people is found and opened by the new one alone.

Addresses and accounts are looked up by digests that are keyed with the master key. While both keys are set,
either finds them; these steps make the digests anew. Each step takes some rows after the last one, so that the
service goes on beside them, and a step that is done twice changes nothing the second time.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from registry.identity import linking, service, store
from registry.identity.oauth_service import NETWORK_CONTEXT
from registry.identity.oauth_tables import ProgramLogin
from registry.identity.tables import ExternalIdentity, Person
from registry.kernel.sealing import Sealer, SubjectKey


def reindex_addresses(
    session: Session, *, after: UUID | None, sealer: Sealer, limit: int
) -> tuple[UUID | None, int]:
    """Make the digests of some people's addresses anew; return the last id, None at the end, and how many changed."""
    people = store.list_people_after(session, after=after, limit=limit)
    profiles = service.open_profiles(session, person_ids=people, sealer=sealer)
    changed = 0
    for person_id, profile in profiles.items():
        index = service.email_index_of(profile.email, sealer)
        done = session.exec(
            update(Person)
            .where(col(Person.id) == person_id, col(Person.email_index) != index)
            .values(email_index=index)
        )
        changed += done.rowcount
    return (people[-1] if len(people) == limit else None), changed


def reindex_accounts(
    session: Session, *, after: UUID | None, sealer: Sealer, limit: int
) -> tuple[UUID | None, int]:
    """Do as `reindex_addresses` for linked accounts."""
    statement = select(ExternalIdentity)
    if after is not None:
        statement = statement.where(ExternalIdentity.id > after)
    rows = session.exec(statement.order_by(col(ExternalIdentity.id)).limit(limit)).all()
    keys = sealer.find_subject_keys(session, [row.person_id for row in rows])
    changed = 0
    for row in rows:
        if row.person_id in keys and _reindex_account(session, row, keys, sealer):
            changed += 1
    return (rows[-1].id if len(rows) == limit else None), changed


def reseal_networks(session: Session, *, sealer: Sealer, limit: int) -> int:
    """Seal the network addresses of some programs' logins anew; return how many, 0 when none is left."""
    older = select(ProgramLogin.id, ProgramLogin.sealed_network).where(
        col(ProgramLogin.sealed_network).is_not(None), sealer.is_older(ProgramLogin.sealed_network)
    )
    rows = session.exec(older.order_by(col(ProgramLogin.id)).limit(limit)).all()
    for login_id, sealed in rows:
        again = sealer.reseal_system(sealed or b"", NETWORK_CONTEXT)
        session.exec(
            update(ProgramLogin).where(col(ProgramLogin.id) == login_id).values(sealed_network=again)
        )
    return len(rows)


def _reindex_account(
    session: Session, row: ExternalIdentity, keys: Mapping[UUID, SubjectKey], sealer: Sealer
) -> bool:
    index = linking.index_of(row, keys[row.person_id], sealer)
    if index == row.subject_index:
        return False
    session.exec(
        update(ExternalIdentity).where(col(ExternalIdentity.id) == row.id).values(subject_index=index)
    )
    return True
