"""Who held access to a model at a moment, for those who may read its publisher's records."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import access, catalog, ledger, licenses
from registry.access import past
from registry.access.past import HolderThen, Moment
from registry.catalog.domain import Command
from registry.catalog.refusals import malformed
from registry.identity.domain import Principal
from registry.kernel.clock import iso
from registry.kernel.database import Database
from registry.kernel.exports import ExportFormat, write_rows
from registry.kernel.outcomes import Refusal, Remedy


class AcceptanceThen(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance that stood then, of a license that a gate asked for."""

    receipt_id: str
    license: str
    accepted_at: str
    log_index: int | None


class GrantOut(msgspec.Struct, frozen=True, kw_only=True):
    """A reviewer's grant that stood then."""

    granted_at: str
    ends_at: str | None
    log_index: int | None


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A person who held access, and by what; names and addresses are in the register."""

    person_id: str
    acceptances: list[AcceptanceThen]
    grant: GrantOut | None
    role_log_index: int | None
    """Of a private model: the entry of the role by which the person could see it."""


class GateThen(msgspec.Struct, frozen=True, kw_only=True):
    """The revision of the gate that was in force."""

    revision: int
    since: str
    mode: str
    licenses: list[str]
    log_index: int | None


class CoverThen(msgspec.Struct, frozen=True, kw_only=True):
    """What an organisation had accepted for its members."""

    organisation_id: str
    receipt_id: str
    license: str
    log_index: int | None


class HoldersAt(msgspec.Struct, frozen=True, kw_only=True):
    """Who held access, a page by person id; `unknown` says in words what is not on record for that moment."""

    model: str
    release: str | None
    at: str
    gate: GateThen
    anybody: bool
    """Whoever asked could download, and nobody had to accept anything; nobody is listed."""
    nobody: bool
    """The gate was closed, or the release was given up."""
    unknown: list[str]
    covers: list[CoverThen]
    items: list[Holder]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, for somebody who may ask it."""

    publisher: catalog.PublisherView
    moment: Moment
    release: str | None


def open_question(
    session: Session,
    *,
    publisher: str,
    model: str,
    revision: str,
    at: str,
    principal: Principal,
    now: datetime,
) -> Question | Refusal:
    """Return what held for everybody at the moment, or why this principal is not told."""
    found = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(found, Refusal):
        return found
    asked = _read_moment(at, now)
    if isinstance(asked, Refusal):
        return asked
    chosen = access.choose_models(catalog.list_own_models(session, publisher_id=found.id), found.name, model)
    if isinstance(chosen, Refusal):
        return chosen
    if len(chosen) != 1:
        return malformed("One model is asked about at a time", {"model": "name a model of the publisher"})
    view = catalog.get_model(session, chosen[0].model_id)
    release = catalog.find_revision(session, view, revision) if revision else None
    if isinstance(release, Refusal):
        return release
    moment = past.find_moment(session, view, asked, release_id=release.id if release else None)
    if moment is None or (release is not None and release.published_at > asked):
        return _not_there(view.repo_id if release is None else f"{view.repo_id} {release.commit[:8]}", asked)
    return Question(publisher=found, moment=moment, release=release.commit if release else None)


def answer(
    session: Session, question: Question, *, after: UUID | None, limit: int, address: str
) -> HoldersAt:
    """Return a page of the answer; `address` is that of the next one but for its `after`."""
    moment = question.moment
    holders: list[HolderThen] = []
    following = None
    while (page := past.list_holders_after(session, moment, after)) is not None:
        found, after = page
        holders += found
        if len(holders) > limit:
            following = f"{address}&after={holders[limit - 1].person_id}"
            break
    names = _name_licenses(session, moment)
    entries = [moment.gate.entry_id, *(one.entry_id for one in moment.covers)]
    indices = ledger.find_indices(session, entries)
    return HoldersAt(
        model=moment.model.repo_id,
        release=question.release,
        at=iso(moment.at),
        gate=GateThen(
            revision=moment.gate.number,
            since=iso(moment.gate.since),
            mode=moment.gate.mode.value,
            licenses=[names[one] for one in moment.gate.license_version_ids],
            log_index=indices.get(moment.gate.entry_id),
        ),
        anybody=moment.is_open,
        nobody=moment.is_shut,
        unknown=list(moment.unknown),
        covers=[
            CoverThen(
                organisation_id=str(one.organisation_id),
                receipt_id=str(one.id),
                license=_name(session, names, one.license_version_id),
                log_index=indices.get(one.entry_id),
            )
            for one in moment.covers
        ],
        items=_view(session, holders[:limit], names),
        next=following,
    )


def stream(database: Database, question: Question, kind: ExportFormat) -> AsyncIterator[bytes]:
    """Return all holders as an export that streams, with flat memory."""
    moment = question.moment

    async def rows() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        after: UUID | None = None
        while True:

            def load(session: Session, after: UUID | None = after) -> tuple[list[Holder], UUID] | None:
                page = past.list_holders_after(session, moment, after)
                if page is None:
                    return None
                return _view(session, page[0], _name_licenses(session, moment)), page[1]

            page = await database.read(load)
            if page is None:
                return
            holders, after = page
            yield [msgspec.to_builtins(one) for one in holders]

    return write_rows(rows(), kind, record=Holder, cells=_cells)


def _cells(record: Mapping[str, Any]) -> list[object]:
    return [
        msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value
        for value in record.values()
    ]


def _view(session: Session, holders: Sequence[HolderThen], names: dict[UUID, str]) -> list[Holder]:
    entries = [
        entry
        for one in holders
        for entry in (
            *(item.entry_id for item in one.acceptances),
            *((one.grant.entry_id,) if one.grant else ()),
            *((one.role_entry_id,) if one.role_entry_id else ()),
        )
    ]
    indices: dict[UUID, int] = {}
    for start in range(0, len(entries), past.PEOPLE_PER_PAGE):
        indices |= ledger.find_indices(session, entries[start : start + past.PEOPLE_PER_PAGE])
    return [
        Holder(
            person_id=str(one.person_id),
            acceptances=[
                AcceptanceThen(
                    receipt_id=str(item.id),
                    license=_name(session, names, item.license_version_id),
                    accepted_at=iso(item.accepted_at),
                    log_index=indices.get(item.entry_id),
                )
                for item in one.acceptances
            ],
            grant=GrantOut(
                granted_at=iso(one.grant.granted_at),
                ends_at=iso(one.grant.ends_at) if one.grant.ends_at else None,
                log_index=indices.get(one.grant.entry_id),
            )
            if one.grant
            else None,
            role_log_index=indices.get(one.role_entry_id) if one.role_entry_id else None,
        )
        for one in holders
    ]


def _name_licenses(session: Session, moment: Moment) -> dict[UUID, str]:
    names: dict[UUID, str] = {}
    for version_id in moment.gate.license_version_ids:
        _name(session, names, version_id)
    return names


def _name(session: Session, names: dict[UUID, str], version_id: UUID) -> str:
    """Return `slug@number`; each version is looked up once."""
    if version_id not in names:
        names[version_id] = licenses.get_version_by_id(session, version_id).reference
    return names[version_id]


def _read_moment(text: str, now: datetime) -> datetime | Refusal:
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return malformed(
            "The moment cannot be read", {"at": "write a time such as 2027-01-31T12:00:00Z, or a day"}
        )
    if moment > now:
        return malformed("The moment is still to come", {"at": f"it is {iso(now)} now"})
    return moment


def _not_there(what: str, at: datetime) -> Refusal:
    return Refusal(
        code="not-there-yet",
        status=404,
        title="It was not there yet at that moment",
        detail=f"{what} was published after {iso(at)}.",
        remedy=Remedy(text="Ask about a later moment"),
    )
