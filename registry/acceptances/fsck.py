"""Check of acceptances and withdrawals: each column must be what the signed statement says (P6).

Rows are read without the types of their columns, so that a value that was altered into something unreadable
is named like any other. In this order, for each acceptance: its log entry exists and is its statement; the
signature fits; each column is what the statement claims; the sealed disclosures open, and are exactly those
that the statement speaks of (unless the person's key was destroyed by erasure). Then the other way round: each
entry of the log has its row.

Signatures take most of the time. Beyond the first pages they are checked by several processes; rows are read and
disclosures opened here, so that no key leaves this process. Memory stays flat.
"""

import json
import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from registry import ledger
from registry.acceptances import acknowledging, import_fsck
from registry.acceptances.retention import CONNECTION, without_connection
from registry.acceptances.sd_jwt import digest, hidden_digests, read_payload
from registry.acceptances.service import disclosures_context
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer

PAGE_ROWS = 500
PAGES_ALONE = 20
"""So many pages are checked before other processes are started: their start takes a second."""
KINDS = ("acceptance", "withdrawal")
OTHER_KINDS = ("acknowledgement", *import_fsck.KINDS)

_ACCEPTANCES_SQL = """
SELECT a.id AS id, a.person_id AS person_id, gate_id, gate_revision_id, license_id, license_version_id, series,
       sequence, language, grade, accepted_at, statement, sealed_disclosures, organisation_id,
       connection_forgotten_at, details_forgotten_at, e.leaf AS leaf
  FROM acceptance a LEFT JOIN ledger_entry e ON e.id = a.entry_id {where} ORDER BY a.id LIMIT :limit
"""
_WITHDRAWALS_SQL = """
SELECT a.acceptance_id AS id, withdrawn_at, members_until, statement, e.leaf AS leaf
  FROM withdrawal a LEFT JOIN ledger_entry e ON e.id = a.entry_id {where} ORDER BY a.acceptance_id LIMIT :limit
"""
# Every row points to its entry, and was compared with it above: an entry that none points to has lost its row.
_LOST_SQL = """
SELECT e.id AS id, e.kind AS kind, e.leaf AS leaf FROM ledger_entry e
  LEFT JOIN acceptance a ON a.entry_id = e.id LEFT JOIN withdrawal w ON w.entry_id = e.id
 WHERE e.kind IN ('acceptance', 'withdrawal') AND a.id IS NULL AND w.acceptance_id IS NULL ORDER BY e.id
"""
_COLUMNS = (
    "id",
    "person_id",
    "gate_id",
    "gate_revision_id",
    "license_id",
    "license_version_id",
    "series",
    "sequence",
    "language",
    "grade",
    "accepted_at",
    "organisation_id",
)
"""What the statement says too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An acceptance in plain values, to be held to its statement by any process."""

    row_id: str
    columns: Mapping[str, str]
    statement: str
    disclosures: bytes | None
    """Opened; None where the person was erased, or the time of the details is over."""
    lacks_connection: bool
    """Whether network address and browser were destroyed when their time was over."""
    unopened: str | None
    """Why the disclosures could not be opened."""
    problem: str | None
    """What was found before the statement is looked at."""


def find_discrepancies(
    session: Session, *, sealer: Sealer, processes: int = 1
) -> Iterator[ledger.Discrepancy]:
    """Yield each acceptance and withdrawal that does not fit; of each row only the first cause."""
    keys = ledger.list_published_keys(session)
    pages = (
        [_read_row(row, opened) for row, opened in _with_disclosures(session, page, sealer)]
        for page in _pages(session, _ACCEPTANCES_SQL, "id")
    )
    for page in _checked(pages, keys, processes):
        yield from page
    for row in chain.from_iterable(_pages(session, _WITHDRAWALS_SQL, "acceptance_id")):
        if problem := _withdrawal_problem(row):
            yield ledger.Discrepancy(table="withdrawal", row_id=_plain(row["id"]), problem=problem)
    yield from _find_lost(session)
    yield from acknowledging.find_discrepancies(session)
    yield from import_fsck.find_discrepancies(session, sealer=sealer)


def check_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the acknowledgement, or the import, that a leaf speaks of is not there."""
    if kind in import_fsck.KINDS:
        return import_fsck.check_leaf(session, kind, leaf)
    return acknowledging.check_leaf(session, leaf)


def _checked(
    pages: Iterator[list[_Row]], keys: Sequence[ledger.PublishedKey], processes: int
) -> Iterator[list[ledger.Discrepancy]]:
    """Yield what does not fit, page by page in their order; several processes share the work if there is much."""
    verifier = ledger.JWSVerifier(keys)
    for page in islice(pages, PAGES_ALONE if processes > 1 else None):
        yield _check_page(page, verifier)
    first = next(pages, None)
    if first is None:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_start, initargs=(keys,)) as pool:
        waiting: deque[Future[list[ledger.Discrepancy]]] = deque()
        for page in chain([first], pages):
            waiting.append(pool.submit(_check_elsewhere, page))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_verifiers: list[ledger.JWSVerifier] = []
"""The one of this process, where it checks pages for another."""


def _start(keys: Sequence[ledger.PublishedKey]) -> None:
    _verifiers.append(ledger.JWSVerifier(keys))


def _check_elsewhere(page: Sequence[_Row]) -> list[ledger.Discrepancy]:
    return _check_page(page, _verifiers[0])


def _check_page(page: Sequence[_Row], verifier: ledger.JWSVerifier) -> list[ledger.Discrepancy]:
    problems = ((row.row_id, row.problem or _statement_problem(row, verifier)) for row in page)
    return [
        ledger.Discrepancy(table="acceptance", row_id=row_id, problem=problem)
        for row_id, problem in problems
        if problem
    ]


def _with_disclosures(
    session: Session, page: Sequence[Mapping[str, Any]], sealer: Sealer
) -> Iterator[tuple[Mapping[str, Any], bytes | str | None]]:
    """Yield each row with its opened disclosures: text says what is wrong, None that the person was erased."""
    people = {_uuid(row["person_id"]) for row in page}
    try:
        keys = sealer.find_subject_keys(session, [one for one in people if one is not None])
    except CorruptRecord:
        keys = None
    for row in page:
        person_id, acceptance_id = _uuid(row["person_id"]), _uuid(row["id"])
        if person_id is None or acceptance_id is None:
            yield row, None
            continue
        try:
            key = keys.get(person_id) if keys is not None else sealer.find_subject_key(session, person_id)
            sealed = bytes(row["sealed_disclosures"])
            forgotten = row["details_forgotten_at"] is not None and not sealed
            opened = key.open(sealed, disclosures_context(acceptance_id)) if key and not forgotten else None
        except (CorruptRecord, TypeError):
            yield row, "sealed_disclosures: they do not open with the person's key"
        else:
            yield row, opened


def _read_row(row: Mapping[str, Any], opened: bytes | str | None) -> _Row:
    statement = str(row["statement"])
    problem = None
    if row["leaf"] is None:
        problem = "has no log entry: it was inserted behind the log's back, or its entry_id was altered"
    elif _bytes(row["leaf"]) != statement.encode("utf-8", "replace"):
        problem = "statement: it is not the one in its log entry"
    return _Row(
        row_id=_plain(row["id"]),
        columns={name: _plain(row[name]) for name in _COLUMNS},
        statement=statement,
        disclosures=opened if isinstance(opened, bytes) else None,
        lacks_connection=row["connection_forgotten_at"] is not None,
        problem=problem,
        unopened=opened if isinstance(opened, str) else None,
    )


def _statement_problem(row: _Row, verifier: ledger.JWSVerifier) -> str | None:
    try:
        verifier.verify(row.statement)
        claims: Any = read_payload(row.statement)
        expected = _expected(claims)
    except (ledger.SignatureMismatch, CorruptRecord, LookupError, TypeError, ValueError) as error:
        return f"statement: it does not verify ({type(error).__name__})"
    for column, value in expected.items():
        if row.columns[column] != value:
            return f"{column}: it is not what the signed statement says"
    if row.unopened is not None or row.disclosures is None:
        return row.unopened  # Erased: the statement stands without its disclosures.
    try:
        opened = json.loads(row.disclosures)
        missing = hidden_digests(claims) - {digest(item) for item in opened}
        fits = {digest(item) for item in opened} <= hidden_digests(claims) and len(missing) == (
            len(CONNECTION) if row.lacks_connection else 0
        )
        fits = fits and not (row.lacks_connection and without_connection(row.statement, opened) != opened)
    except (ValueError, TypeError, AttributeError):
        return "sealed_disclosures: they do not open with the person's key"
    return None if fits else "sealed_disclosures: they are not the ones that the statement speaks of"


def _find_lost(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield what the log speaks of and is not there."""
    for row in session.connection().execute(text(_LOST_SQL)).mappings():
        kind, leaf = str(row["kind"]), _bytes(row["leaf"])
        try:
            said: Any = read_payload(leaf.decode("ascii")) if kind == "acceptance" else json.loads(leaf)
            row_id = UUID(said["jti"] if kind == "acceptance" else said["acceptance"])
        except (CorruptRecord, ValueError, LookupError, TypeError):
            yield ledger.Discrepancy(
                table="ledger_entry", row_id=kind, problem=f"is not a leaf of kind {kind}"
            )
            continue
        problem = "is missing although the log speaks of it"
        yield ledger.Discrepancy(table=kind, row_id=str(row_id), problem=problem)


def _pages(session: Session, sql: str, column: str) -> Iterator[Sequence[Mapping[str, Any]]]:
    after: object = None
    while True:
        where = "" if after is None else f"WHERE a.{column} > :after"
        statement = text(sql.format(where=where))
        given = {"limit": PAGE_ROWS} | ({} if after is None else {"after": after})
        rows = session.connection().execute(statement, given).mappings().all()
        if rows:
            yield [dict(row) for row in rows]
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["id"]


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


def _withdrawal_problem(row: Mapping[str, Any]) -> str | None:
    if row["leaf"] is None:
        return "has no log entry: it was inserted behind the log's back, or its entry_id was altered"
    leaf = _bytes(row["leaf"])
    if leaf != _bytes(row["statement"]):
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


def _uuid(value: object) -> UUID | None:
    """Return a raw id; None where it is none."""
    try:
        return value if isinstance(value, UUID) else UUID(hex=str(value))
    except ValueError:
        return None


def _bytes(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)  # type: ignore[call-overload] # bytes or a buffer


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
