"""Check of license rows: re-derives every column from the text and from the ledger entry (P6).

Order: the row reads; its text fits its digests; its number, ordinal and series fit the versions before it; its
entry is in the log and says exactly what the rows say. Rows that were removed show as a gap in the ordinals, or
by `check_leaf` when the whole log is walked.
"""

import json
from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy.exc import StatementError
from sqlmodel import Session

from registry import ledger
from registry.kernel.clock import iso
from registry.ledger import Discrepancy
from registry.licenses import store
from registry.licenses.domain import (
    LEDGER_KIND,
    VERDICT_KIND,
    ChangeClass,
    Version,
    order_of,
    series_of,
)
from registry.licenses.leaves import leaf_of, verdict_leaf
from registry.licenses.texts import NORMALISATION, exact_digest, normalised_digest

PAGE_ROWS = 200
KINDS = (LEDGER_KIND, VERDICT_KIND)
"""Kinds of ledger entries whose rows are here."""
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, StatementError)


def find_discrepancies(session: Session) -> Iterator[Discrepancy]:
    """Yield each license row that does not fit what it must be; of each row only the first cause."""
    after: UUID | None = None
    while page := store.list_license_ids(session, after=after, limit=PAGE_ROWS):
        for license_id in page:
            yield from _check_license(session, license_id)
        after = page[-1]


def _check_license(session: Session, license_id: UUID) -> Iterator[Discrepancy]:
    ids = store.list_version_ids(session, license_id)
    if (problem := _license_problem(session, license_id, ids)) is not None:
        yield Discrepancy(table="license", row_id=str(license_id), problem=problem)
    previous: Version | None = None
    for version_id in ids:
        try:
            version = store.find_version_by_id(session, version_id)
            problem = _problem(session, version, previous) if version is not None else "cannot be read again"
        except _UNREADABLE as error:
            yield _of_version(version_id, f"holds a value that cannot be read: {type(error).__name__}")
            continue
        if problem is not None:
            yield _of_version(version_id, problem)
        yield from _check_policies(session, version_id)
        if version is not None and (problem := _verdict_problem(session, version)) is not None:
            yield Discrepancy(table="license_verdict", row_id=str(version_id), problem=problem)
        previous = version or previous


def _license_problem(session: Session, license_id: UUID, ids: Sequence[UUID]) -> str | None:
    if not ids:
        return "has no version"
    try:
        row = store.find_license_by_id(session, license_id)
        first = store.find_version_by_id(session, ids[0])
    except _UNREADABLE as error:
        return f"holds a value that cannot be read: {type(error).__name__}"
    if row is not None and first is not None and row.created_at != first.published_at:
        return f"created_at is {iso(row.created_at)}, its first version was published at {iso(first.published_at)}"
    return None


def _check_policies(session: Session, version_id: UUID) -> Iterator[Discrepancy]:
    for position, policy in enumerate(store.terms_of(session, version_id).policies):
        if policy.text is not None and (got := exact_digest(policy.text)) != policy.sha256:
            problem = f"text digest differs: got {got}, expected {policy.sha256}"
            yield Discrepancy(table="included_policy", row_id=f"{version_id}/{position}", problem=problem)


def _of_version(version_id: UUID, problem: str) -> Discrepancy:
    return Discrepancy(table="license_version", row_id=str(version_id), problem=problem)


def _problem(session: Session, version: Version, previous: Version | None) -> str | None:
    return _text_problem(version) or _order_problem(version, previous) or _entry_problem(session, version)


def _text_problem(version: Version) -> str | None:
    if (got := exact_digest(version.text)) != version.sha256:
        return f"text digest differs: got {got}, expected {version.sha256}"
    is_present_form = version.normalised_digest.startswith(f"{NORMALISATION}:")
    if is_present_form and (got := normalised_digest(version.text)) != version.normalised_digest:
        return f"normalised digest differs: got {got}, expected {version.normalised_digest}"
    return None


def _order_problem(version: Version, previous: Version | None) -> str | None:
    ordinal = previous.ordinal + 1 if previous is not None else 1
    if version.ordinal != ordinal:
        return f"ordinal is {version.ordinal}, expected {ordinal}: a version before it is missing"
    if (version.change_class is ChangeClass.INITIAL) != (previous is None):
        return f"change class is {version.change_class.value} at ordinal {ordinal}"
    series = series_of(
        version.change_class,
        ordinal=ordinal,
        previous_series=previous.series if previous is not None else None,
    )
    if version.series != series:
        return f"series is {version.series}, expected {series}"
    if previous is not None and order_of(version.number) <= order_of(previous.number):
        return f"number {version.number} does not come after {previous.number}"
    return None


def _verdict_problem(session: Session, version: Version) -> str | None:
    try:
        verdict = store.find_verdict(session, version.id)
    except _UNREADABLE as error:
        return f"holds a value that cannot be read: {type(error).__name__}"
    if verdict is None:
        return None
    if not version.asks_second:
        return "is about a version whose change class asks for no second person"
    if verdict.given_by == version.published_by:
        return "was given by who published the version"
    compared = store.find_version_by_id(session, verdict.compared_with)
    if compared is None or (compared.license_id, compared.series) != (version.license_id, version.series):
        return f"was given beside {verdict.compared_with}, which is no version of its series"
    position = ledger.find_position(session, verdict.entry_id)
    if position is None:
        return f"ledger entry {verdict.entry_id} is missing"
    entry = ledger.find_entry_by_index(session, position.index) if position.index is not None else None
    if position.index is not None and (
        entry is None or entry.leaf != verdict_leaf(version, compared, verdict)
    ):
        return "differs from its ledger entry"
    return None


def _entry_problem(session: Session, version: Version) -> str | None:
    position = ledger.find_position(session, version.entry_id)
    if position is None:
        return f"ledger entry {version.entry_id} is missing"
    if position.index is None:
        return None  # Not sequenced yet: the entry is checked when it has an index.
    entry = ledger.find_entry_by_index(session, position.index)
    if entry is None or entry.kind != LEDGER_KIND:
        return f"ledger entry {version.entry_id} is not a publication"
    leaf = leaf_of(version, store.terms_of(session, version.id))
    if entry.leaf != leaf:
        return _difference(entry.leaf, leaf)
    return None


def _difference(logged: bytes, derived: bytes) -> str:
    """Return the first thing that the log and the rows say differently."""
    try:
        said, is_so = json.loads(logged), json.loads(derived)
    except ValueError:
        return "its ledger entry cannot be read"
    for part in ("license", "version"):
        logged_part = said.get(part, {}) if isinstance(said, dict) else {}
        for name in [*is_so[part], *(one for one in logged_part if one not in is_so[part])]:
            value, logged_value = is_so[part].get(name), logged_part.get(name)
            if logged_value != value:
                return f"{part} {name} is {value!r}, its ledger entry says {logged_value!r}"
    if isinstance(said, dict) and said.get("at") != is_so["at"]:
        return f"published_at is {is_so['at']}, its ledger entry says {said.get('at')}"
    return "included policies or restrictions differ from its ledger entry"


def check_leaf(session: Session, leaf: bytes) -> Discrepancy | None:
    """Return what is wrong if the version, or the word on its class, that a leaf speaks of is not there."""
    try:
        fact = json.loads(leaf)
        version_id, kind = UUID(fact["version"]["id"]), fact["kind"]
    except (ValueError, LookupError, TypeError):
        return Discrepancy(table="ledger_entry", row_id=exact_digest(leaf), problem="is no leaf of a license")
    if kind == VERDICT_KIND and store.find_verdict(session, version_id) is None:
        return Discrepancy(
            table="license_verdict",
            row_id=str(version_id),
            problem="is missing although the log says that a second person decided",
        )
    if store.find_version_by_id(session, version_id) is None:
        return _of_version(version_id, "is missing although the log says that it was published")
    return None
