"""What of an acceptance goes when its time is over. The statement stays, and with it signature, leaf and proof."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from registry.acceptances.sd_jwt import digest, read_disclosure, read_payload
from registry.acceptances.service import disclosures_context, open_sealed
from registry.acceptances.tables import Acceptance, Withdrawal
from registry.kernel.retention import Spared, Walked
from registry.kernel.sealing import Sealer, SubjectKey

CONNECTION = frozenset({"ip_address", "user_agent"})
"""Claims that say from where somebody accepted."""


def forget_connections(
    session: Session,
    *,
    after: UUID | None,
    before: datetime,
    spared: Spared,
    sealer: Sealer,
    now: datetime,
    limit: int,
) -> Walked:
    """Destroy network address and browser of acceptances from up to `before`, by their ids after `after`."""
    statement = select(Acceptance)
    if after is not None:
        statement = statement.where(Acceptance.id > after)
    rows = session.exec(statement.order_by(col(Acceptance.id)).limit(limit)).all()
    due = list(takewhile(lambda row: row.accepted_at <= before, rows))
    stays = {row.id for row in due if spared(row.person_id, row.gate_id, None)}
    wanted = [row for row in due if row.id not in stays and row.connection_forgotten_at is None]
    keys = sealer.find_subject_keys(session, list({row.person_id for row in wanted}))
    for row in wanted:
        _forget_connection(session, row, keys.get(row.person_id), now=now)
    walked = Walked(
        last=due[-1].id if due else None,
        first_spared=min(stays, default=None),
        changed=len(wanted),
        looked=len(due),
    )
    session.expunge_all()
    return walked


def _forget_connection(session: Session, row: Acceptance, key: SubjectKey | None, *, now: datetime) -> None:
    values: dict[str, object] = {"connection_forgotten_at": now}
    if key is not None and row.sealed_disclosures:
        kept = without_connection(row.statement, open_sealed(key, row.sealed_disclosures, row.id))
        values["sealed_disclosures"] = key.seal(json.dumps(kept).encode(), disclosures_context(row.id))
    session.exec(update(Acceptance).where(col(Acceptance.id) == row.id).values(**values))


def without_connection(statement: str, disclosures: Sequence[str]) -> list[str]:
    """Return the disclosures but those of the connection; an answer that is called like one of them stays."""
    on_top = read_payload(statement).get("_sd")
    digests = set(on_top) if isinstance(on_top, list) else set()
    return [
        one for one in disclosures if not (digest(one) in digests and read_disclosure(one)[0] in CONNECTION)
    ]


def forget_details(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, now: datetime, limit: int
) -> Walked:
    """Destroy all disclosures of acceptances that were withdrawn up to `before`, by their ids after `after`."""
    statement = (
        select(Acceptance.id, Acceptance.person_id, Acceptance.gate_id)
        .join(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Withdrawal.withdrawn_at <= before, col(Acceptance.details_forgotten_at).is_(None))
    )
    if after is not None:
        statement = statement.where(Acceptance.id > after)
    rows = session.exec(statement.order_by(col(Acceptance.id)).limit(limit)).all()
    stays = {one for one, person_id, gate_id in rows if spared(person_id, gate_id, None)}
    goes = [one for one, _, _ in rows if one not in stays]
    session.exec(
        update(Acceptance)
        .where(col(Acceptance.id).in_(goes))
        .values(sealed_disclosures=b"", details_forgotten_at=now)
    )
    return Walked(
        last=rows[-1][0] if rows else None,
        first_spared=min(stays, default=None),
        changed=len(goes),
        looked=len(rows),
    )
