"""The proof that a download record is one of those of its day, as the log has bound them: one file, verified offline."""

import base64
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from registry import catalog, ledger
from registry.catalog.domain import Command
from registry.delivery.daily_digests import CLOSE_AFTER, DIGEST_AFTER, RecordProof, prove_record
from registry.delivery.record_leaves import day_of
from registry.delivery.tables import DownloadDigest, DownloadRecord, DownloadRecordAcceptance
from registry.identity.domain import Principal
from registry.kernel.outcomes import CorruptRecord, Refusal, Remedy

FORMAT = "gatehouse-download/1"
"""See docs/auditing.md; a file of it only grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRecord:
    """Whose record it is."""

    publisher: catalog.PublisherView
    person_id: UUID | None
    """Who downloaded; None for a service account, and for a model without a gate."""


def prove_download(
    session: Session, record_id: UUID, *, publisher: str, base_url: str, principal: Principal
) -> tuple[ProvenRecord, dict[str, Any]] | Refusal:
    """Return the proof of one record of a publisher's, for somebody who may read its records.

    Raises:
        CorruptRecord: the record is not the one that the log has bound.
    """
    found = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(found, Refusal):
        return found
    record = session.get(DownloadRecord, record_id)
    own = {model.model_id for model in catalog.list_own_models(session, publisher_id=found.id)}
    if record is None or record.model_id not in own:
        return _no_such_record(found.name)
    link = DownloadRecordAcceptance
    further = session.exec(
        select(link.acceptance_id).where(col(link.record_id) == record.id).order_by(col(link.position))
    ).all()
    proof = prove_record(session, record, further)
    day = day_of(record.id)
    if proof is None and session.get(DownloadDigest, day.isoformat()) is not None:
        raise CorruptRecord(
            f"download record {record.id} is not the one that the digest of its day has bound"
        )
    if proof is None or proof.entry is None:
        ready = datetime.combine(day, time()) + timedelta(days=1) + CLOSE_AFTER + DIGEST_AFTER
        return _not_yet(f"{ready:%Y-%m-%d %H:%M} UTC")
    proven = ProvenRecord(publisher=found, person_id=record.person_id)
    return proven, _file(session, proof, proof.entry, base_url)


def _file(session: Session, proof: RecordProof, entry: ledger.EntryProof, base_url: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "registry": base_url,
        "record": proof.leaf.decode(),
        "day": {
            "leaf": proof.day_leaf.decode(),
            "index": proof.index,
            "count": proof.count,
            "path": [base64.b64encode(one).decode() for one in proof.path],
        },
        "ledger": {
            "origin": entry.checkpoint.origin,
            "index": entry.index,
            "tree_size": entry.checkpoint.size,
            "leaf_hash": entry.leaf_hash.hex(),
            "inclusion_proof": [base64.b64encode(one).decode() for one in entry.inclusion_proof],
            "checkpoint": entry.checkpoint.whole_note,
            "timestamps": [
                {"authority": one.authority, "response": base64.b64encode(one.response).decode()}
                for one in entry.checkpoint.timestamps
            ],
        },
        "keys": [key.jwk() for key in ledger.list_published_keys(session)],
    }


def _no_such_record(publisher: str) -> Refusal:
    return Refusal(
        code="download-record-unknown",
        status=404,
        title="There is no such download record",
        detail=f"The records of {publisher} have none with that id.",
        remedy=Remedy(text="Take the id of a row of gatehouse audit downloads"),
        decider="You do",
    )


def _not_yet(ready: str) -> Refusal:
    return Refusal(
        code="download-record-not-proven-yet",
        status=409,
        title="The record is not in the log yet",
        detail="The log takes in the download records of a day when the day is over.",
        remedy=Remedy(text=f"Ask again after {ready}"),
        decider="Nobody: it comes by itself",
    )
