"""Check of acceptances and withdrawals: each column must be what the signed statement says (P6).

Rows are read without the types of their columns, so that a value that was altered into something unreadable
is named like any other. In this order, for each acceptance: its log entry exists and is its statement; the
signature fits; each column is what the statement claims; the sealed disclosures open, and are exactly those
that the statement speaks of (unless the person's key was destroyed by erasure).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from registry import ledger
from registry.acceptances.sd_jwt import digest, hidden_digests, read_payload
from registry.acceptances.service import disclosures_context
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer

PAGE_ROWS = 500
KINDS = ("acceptance", "withdrawal")

_ACCEPTANCES_SQL = """
SELECT id, person_id, gate_id, gate_revision_id, license_id, license_version_id, series, sequence, language,
       grade, accepted_at, statement, sealed_disclosures, entry_id, organisation_id
  FROM acceptance {where} ORDER BY id LIMIT :limit
"""
_WITHDRAWALS_SQL = """
SELECT acceptance_id AS id, withdrawn_at, members_until, statement, entry_id FROM withdrawal {where}
 ORDER BY acceptance_id LIMIT :limit
"""


def find_discrepancies(session: Session, *, sealer: Sealer) -> Iterator[ledger.Discrepancy]:
    """Yield each acceptance and withdrawal that does not fit; of each row only the first cause."""
    keys = ledger.list_published_keys(session)
    for row in _iterate(session, _ACCEPTANCES_SQL, "id"):
        if problem := _acceptance_problem(session, row, keys, sealer):
            yield ledger.Discrepancy(table="acceptance", row_id=_plain(row["id"]), problem=problem)
    for row in _iterate(session, _WITHDRAWALS_SQL, "acceptance_id"):
        if problem := _withdrawal_problem(session, row):
            yield ledger.Discrepancy(table="withdrawal", row_id=_plain(row["id"]), problem=problem)


def check_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the row that a leaf of one of `KINDS` speaks of is not there."""
    table = "acceptance" if kind == "acceptance" else "withdrawal"
    try:
        said: Any = read_payload(leaf.decode("ascii")) if kind == "acceptance" else json.loads(leaf)
        row_id = UUID(said["jti"] if kind == "acceptance" else said["acceptance"])
    except (CorruptRecord, ValueError, LookupError, TypeError):
        return ledger.Discrepancy(table="ledger_entry", row_id=kind, problem=f"is not a leaf of kind {kind}")
    column = "id" if kind == "acceptance" else "acceptance_id"
    statement = text(f"SELECT 1 FROM {table} WHERE {column} = :id")  # noqa: S608 - fixed names
    given = row_id.hex if session.get_bind().dialect.name == "sqlite" else row_id
    if session.connection().execute(statement, {"id": given}).first() is not None:
        return None
    return ledger.Discrepancy(
        table=table, row_id=str(row_id), problem="is missing although the log speaks of it"
    )


def _iterate(session: Session, sql: str, column: str) -> Iterator[Mapping[str, Any]]:
    after: object = None
    while True:
        where = "" if after is None else f"WHERE {column} > :after"
        statement = text(sql.format(where=where))
        given = {"limit": PAGE_ROWS} | ({} if after is None else {"after": after})
        rows = session.connection().execute(statement, given).mappings().all()
        yield from (dict(row) for row in rows)
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["id"]


def _acceptance_problem(
    session: Session, row: Mapping[str, Any], keys: Sequence[ledger.PublishedKey], sealer: Sealer
) -> str | None:
    leaf = _leaf_of(session, row["entry_id"])
    if leaf is None:
        return "has no log entry: it was inserted behind the log's back, or its entry_id was altered"
    statement = str(row["statement"])
    if leaf != statement.encode("utf-8", "replace"):
        return "statement: it is not the one in its log entry"
    try:
        ledger.verify_jws(statement, keys)
        claims: Any = read_payload(statement)
        expected = _expected(claims)
    except (ledger.SignatureMismatch, CorruptRecord, LookupError, TypeError, ValueError) as error:
        return f"statement: it does not verify ({type(error).__name__})"
    for column, value in expected.items():
        if _plain(row[column]) != value:
            return f"{column}: it is not what the signed statement says"
    return _disclosure_problem(session, row, claims, sealer)


def _expected(claims: Any) -> dict[str, str]:
    return {
        "id": UUID(claims["jti"]).hex,
        "person_id": UUID(claims["sub"]).hex,
        "gate_id": UUID(claims["gate"]["id"]).hex,
        "gate_revision_id": UUID(claims["gate"]["revision_id"]).hex,
        "license_id": UUID(claims["license"]["id"]).hex,
        "license_version_id": UUID(claims["license"]["version_id"]).hex,
        "series": str(claims["license"]["series"]),
        "sequence": str(claims["act"]["sequence"]),
        "language": claims["license"]["language"],
        "grade": claims["grade"],
        "accepted_at": _moment(parse_iso(claims["times"]["accepted"])),
        "organisation_id": _organisation_of(claims["capacity"]),
    }


def _organisation_of(capacity: Any) -> str:
    organisation = capacity.get("organisation")
    return UUID(organisation["id"]).hex if organisation else "None"


def _disclosure_problem(session: Session, row: Mapping[str, Any], claims: Any, sealer: Sealer) -> str | None:
    acceptance_id, person_id = UUID(claims["jti"]), UUID(claims["sub"])
    try:
        key = sealer.find_subject_key(session, person_id)
        if key is None:
            return None  # Erased; the statement stands without its disclosures.
        opened = json.loads(key.open(bytes(row["sealed_disclosures"]), disclosures_context(acceptance_id)))
    except (CorruptRecord, ValueError, TypeError):
        return "sealed_disclosures: they do not open with the person's key"
    if {digest(item) for item in opened} != hidden_digests(claims):
        return "sealed_disclosures: they are not the ones that the statement speaks of"
    return None


def _withdrawal_problem(session: Session, row: Mapping[str, Any]) -> str | None:
    leaf = _leaf_of(session, row["entry_id"])
    if leaf is None:
        return "has no log entry: it was inserted behind the log's back, or its entry_id was altered"
    raw = row["statement"]
    if leaf != (raw.encode() if isinstance(raw, str) else bytes(raw)):
        return "statement: it is not the one in its log entry"
    said = json.loads(leaf)
    if _plain(row["id"]) != UUID(said["acceptance"]).hex:
        return "acceptance_id: it is not what the log entry says"
    if _plain(row["withdrawn_at"]) != _moment(parse_iso(said["at"])):
        return "withdrawn_at: it is not what the log entry says"
    until = said.get("members_until")
    if _plain(row["members_until"]) != (_moment(parse_iso(until)) if until else "None"):
        return "members_until: it is not what the log entry says"
    return None


def _leaf_of(session: Session, raw_id: object) -> bytes | None:
    try:
        entry_id = raw_id if isinstance(raw_id, UUID) else UUID(hex=str(raw_id))
    except ValueError:
        return None
    return ledger.find_leaf(session, entry_id)


def _plain(value: object) -> str:
    """Return a raw value in one form for both databases."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return _moment(value)
    return str(value)


def _moment(value: datetime) -> str:
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
