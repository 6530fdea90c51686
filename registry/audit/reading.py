"""Use cases that read the register of acceptances: who accepted which text, for those who may know.

A look at other people's data is itself recorded: an `audit.read` event that names ids only.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, access, catalog, identity, licenses
from registry.acceptances import Filter, OpenedAcceptance, figures
from registry.acceptances.domain import Grade
from registry.catalog.domain import Command
from registry.catalog.refusals import malformed
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.exports import ROWS_PER_READ, pages_of
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

COUNTED_MOST = 10_000
"""Figures are counted no further: beyond it the exact number says nothing more, and counting is slow."""
RECENT = timedelta(days=7)
STATES = {"": None, "current": True, "withdrawn": False}
GRADES = frozenset({"", *(grade.value for grade in Grade)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAsked:
    """What somebody asks the register, as typed; everything but the publisher may be empty."""

    publisher: str
    search: str = ""
    """An exact e-mail address, or the id of a receipt."""
    model: str = ""
    license: str = ""
    """`slug@1.1`, or `slug` for every version."""
    grade: str = ""
    state: str = ""
    since: str = ""
    until: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the publisher is asked for."""
        rest = (self.search, self.model, self.license, self.grade, self.state, self.since, self.until)
        return any(rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The part of the register that was asked for, for somebody who may read it."""

    publisher: catalog.PublisherView
    models: Sequence[catalog.OwnModel]
    """All models of the publisher."""
    model_ids: Sequence[UUID]
    """Those that are asked for."""
    wanted: Filter
    receipt_id: UUID | None = None
    is_empty: bool = False
    """Nothing can fit, for example since no such person is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of a publisher's acceptances, none beyond `COUNTED_MOST`."""

    ever: int
    withdrawn: int
    recent: int


def open_register(
    session: Session, asked: RegisterAsked, *, principal: Principal, sealer: Sealer
) -> Register | Refusal:
    """Return the part of the register that is asked for, or why this principal may not read it."""
    publisher = catalog.authorise(session, asked.publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(publisher, Refusal):
        return publisher
    models = catalog.list_own_models(session, publisher_id=publisher.id)
    chosen = access.choose_models(models, publisher.name, asked.model)
    if isinstance(chosen, Refusal):
        return chosen
    if asked.state not in STATES or asked.grade not in GRADES:
        errors = {"state": "current or withdrawn", "grade": "A, B or C"}
        return malformed("The register cannot be narrowed like this", errors)
    span = access.read_span(asked.since, asked.until)
    if isinstance(span, Refusal):
        return span
    versions = access.choose_versions(session, asked.license)
    if isinstance(versions, Refusal):
        return versions
    person_id, receipt_id, is_empty = _find_subject(session, asked.search, sealer)
    return Register(
        publisher=publisher,
        models=models,
        model_ids=[model.model_id for model in chosen],
        wanted=Filter(
            gate_ids=list(dict.fromkeys(gate for model in chosen for gate in model.gate_ids)),
            person_id=person_id,
            license_version_ids=versions,
            grade=asked.grade or None,
            standing=STATES[asked.state],
            since=span[0],
            until=span[1],
        ),
        receipt_id=receipt_id,
        is_empty=is_empty,
    )


def list_register(
    session: Session, register: Register, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[OpenedAcceptance]:
    """Return a page of the register, newest first."""
    if register.is_empty:
        return ()
    if register.receipt_id is not None:
        return _one(session, register, sealer=sealer)
    return acceptances.list_opened(session, register.wanted, sealer=sealer, after=after, limit=limit)


async def stream_register(
    database: Database, register: Register, *, sealer: Sealer
) -> AsyncIterator[Sequence[OpenedAcceptance]]:
    """Yield all of it, gate by gate and newest first in each, with flat memory."""
    if register.is_empty or register.receipt_id is not None:
        yield await database.read(
            lambda session: list_register(session, register, sealer=sealer, after=None, limit=1)
        )
        return
    for gate_id in register.wanted.gate_ids or ():
        wanted = replace(register.wanted, gate_ids=(gate_id,))

        async def read(after: UUID | None, wanted: Filter = wanted) -> Sequence[OpenedAcceptance]:
            return await database.read(
                lambda session: acceptances.list_opened(
                    session, wanted, sealer=sealer, after=after, limit=ROWS_PER_READ
                )
            )

        async for rows in pages_of(read, _position):
            yield rows


def count_register(session: Session, register: Register, *, now: datetime) -> Figures:
    """Return the figures of the publisher, whatever the list is narrowed by."""
    gates = list(dict.fromkeys(gate for model in register.models for gate in model.gate_ids))
    count: Callable[..., int] = acceptances.count_up_to
    return Figures(
        ever=count(session, gates, most=COUNTED_MOST + 1),
        withdrawn=count(session, gates, most=COUNTED_MOST + 1, withdrawn=True),
        recent=count(session, gates, most=COUNTED_MOST + 1, since=now - RECENT),
    )


def count_imports(session: Session, register: Register) -> acceptances.ImportFigures:
    """Return how many the publisher imported from elsewhere; none of them counts as an acceptance."""
    models = [one.model_id for one in register.models]
    return acceptances.count_imports(session, models, most=COUNTED_MOST + 1)


def count_weeks(
    session: Session, register: Register, starts: Sequence[datetime], *, until: datetime
) -> Mapping[str, Sequence[int]]:
    """Return how many acceptances the publisher had in each week, by text, the text published last first."""
    gates = catalog.list_gates_by_version(session, publisher_id=register.publisher.id)
    counts = figures.count_by_week(session, gates, starts, until=until)
    used = [version_id for version_id, numbers in counts.items() if any(numbers)]
    versions = [licenses.get_version_by_id(session, version_id) for version_id in used]
    ordered = sorted(versions, key=lambda version: version.published_at, reverse=True)
    return {version.name: counts[version.id] for version in ordered}


def list_versions_in_use(session: Session, register: Register, principal: Principal) -> Sequence[str]:
    """Return references of the license versions that the publisher's gates ask for, and of earlier ones."""
    listed = catalog.list_models(session, principal=principal, publisher_id=register.publisher.id, limit=100)
    required = catalog.describe_requirements(
        session, [version for model in listed for version in model.license_version_ids]
    )
    slugs = sorted({one.slug for one in required.values()})
    return [
        f"{slug}@{version.number}"
        for slug in slugs
        for version in reversed(licenses.list_versions(session, slug))
    ]


def _find_subject(session: Session, search: str, sealer: Sealer) -> tuple[UUID | None, UUID | None, bool]:
    """Return the person or the receipt that is searched for, and whether there is none."""
    text = search.strip()
    if not text:
        return None, None, False
    try:
        return None, UUID(text), False
    except ValueError:
        person_id = identity.find_shown_by_email(session, email=text, sealer=sealer)
        return person_id, None, person_id is None


def _one(session: Session, register: Register, *, sealer: Sealer) -> Sequence[OpenedAcceptance]:
    """Return the one acceptance with the id that is searched for, if it is of this publisher."""
    if register.receipt_id is None:
        return ()
    summary = acceptances.get_acceptance(session, register.receipt_id)
    if summary is None or summary.gate_id not in set(register.wanted.gate_ids or ()):
        return ()
    wanted = Filter(gate_ids=(summary.gate_id,), person_id=summary.person_id)
    found = acceptances.list_opened(session, wanted, sealer=sealer, limit=200)
    return [one for one in found if one.summary.id == register.receipt_id]


def _position(opened: OpenedAcceptance) -> UUID:
    return opened.summary.id
