"""Use cases that read download records: one's own, and those of a publisher for who may know."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, access, catalog, identity
from registry.catalog.domain import Command
from registry.catalog.refusals import malformed
from registry.delivery import store
from registry.delivery.domain import DownloadSummary
from registry.delivery.store import Filter
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.exports import ROWS_PER_READ, pages_of
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

COUNTED_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsAsked:
    """What somebody asks the download records, as typed; everything but the publisher may be empty."""

    publisher: str
    search: str = ""
    """An exact e-mail address, or the exact path of a file."""
    model: str = ""
    license: str = ""
    """`slug@1.1`, or `slug` for every version: of the acceptance that the download rested on."""
    receipt: str = ""
    """The id of an acceptance that the download rested on."""
    since: str = ""
    until: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the publisher is asked for."""
        return any((self.search, self.model, self.license, self.receipt, self.since, self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """The part of the download records that was asked for, for somebody who may read it."""

    publisher: catalog.PublisherView
    models: Sequence[catalog.OwnModel]
    wanted: Filter
    subject_id: UUID | None = None
    """Whose downloads alone are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDownload:
    """A download record with the address of the person; None once erased, or for an open model."""

    record: DownloadSummary
    email: str | None
    account: str | None = None
    """How lists name the service account that asked, if one did."""


def open_downloads(
    session: Session, asked: DownloadsAsked, *, principal: Principal, sealer: Sealer
) -> Downloads | Refusal:
    """Return the part of the records that is asked for, or why this principal may not read it."""
    publisher = catalog.authorise(session, asked.publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(publisher, Refusal):
        return publisher
    models = catalog.list_own_models(session, publisher_id=publisher.id)
    chosen = access.choose_models(models, publisher.name, asked.model)
    if isinstance(chosen, Refusal):
        return chosen
    span = access.read_span(asked.since, asked.until)
    if isinstance(span, Refusal):
        return span
    versions = access.choose_versions(session, asked.license)
    if isinstance(versions, Refusal):
        return versions
    receipt = _read_receipt(asked.receipt.strip())
    if isinstance(receipt, Refusal):
        return receipt
    text = asked.search.strip()
    person_id = identity.find_shown_by_email(session, email=text, sealer=sealer) if text else None
    return Downloads(
        publisher=publisher,
        models=models,
        wanted=Filter(
            model_ids=[model.model_id for model in chosen],
            person_id=person_id,
            path=text if text and person_id is None else None,
            license_version_ids=versions,
            acceptance_id=receipt,
            since=span[0],
            until=span[1],
        ),
        subject_id=person_id or _find_acceptor(session, receipt),
    )


def _read_receipt(text: str) -> UUID | Refusal | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        errors = {"receipt": "write the id of a receipt, 32 hex digits with hyphens"}
        return malformed("The records cannot be narrowed like this", errors)


def _find_acceptor(session: Session, receipt_id: UUID | None) -> UUID | None:
    """Return who accepted for themself; downloads under the cover of an organisation are of many people."""
    found = acceptances.get_acceptance(session, receipt_id) if receipt_id else None
    return found.person_id if found and found.organisation_id is None else None


def list_named(
    session: Session, downloads: Downloads, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[NamedDownload]:
    """Return a page of a publisher's records with addresses, newest first."""
    records = list_downloads(session, downloads.wanted, after=after, limit=limit)
    people = identity.open_shown(
        session,
        person_ids=[record.person_id for record in records if record.person_id],
        sealer=sealer,
    )
    accounts = identity.name_accounts(session, [one.account_id for one in records if one.account_id])
    return [
        NamedDownload(
            record=record,
            email=_email(people, record.person_id),
            account=accounts.get(record.account_id) if record.account_id else None,
        )
        for record in records
    ]


def _email(people: Mapping[UUID, identity.Profile], person_id: UUID | None) -> str | None:
    profile = people.get(person_id) if person_id else None
    return profile.email if profile else None


async def stream_named(
    database: Database, downloads: Downloads, *, sealer: Sealer
) -> AsyncIterator[Sequence[NamedDownload]]:
    """Yield all of it with flat memory: model by model and newest first in each, or newest first under a receipt."""
    models = downloads.wanted.model_ids or ()
    parts = [models] if downloads.wanted.acceptance_id else [(model_id,) for model_id in models]
    for part in parts:
        narrowed = replace(downloads, wanted=replace(downloads.wanted, model_ids=part))

        async def read(after: UUID | None, narrowed: Downloads = narrowed) -> Sequence[NamedDownload]:
            return await database.read(
                lambda session: list_named(session, narrowed, sealer=sealer, after=after, limit=ROWS_PER_READ)
            )

        async for rows in pages_of(read, _position):
            yield rows


def _position(row: NamedDownload) -> UUID:
    return row.record.id


def list_downloads(
    session: Session, wanted: Filter, *, after: UUID | None = None, limit: int = 50
) -> Sequence[DownloadSummary]:
    """Return a page of download records, newest first; who may see them is the caller's matter."""
    rows = store.list_downloads(session, wanted, after=after, limit=min(limit, 1_000))
    names = catalog.name_models(session, [row.model_id for row in rows])
    commits = catalog.name_commits(session, [row.release_id for row in rows])
    rested_on = store.find_acceptances(session, rows)
    return [
        store.summarise(row, names[row.model_id], commits[row.release_id], rested_on[row.id]) for row in rows
    ]
