"""What the pages of records are given: one's own, and the downloads of a publisher."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import SimpleNamespace
from urllib.parse import quote, urlencode
from uuid import UUID

from registry import access
from registry.acceptances import AcceptanceSummary
from registry.acceptances.domain import AcceptanceState
from registry.catalog.domain import DISPLAY_NAME_MAX_CHARACTERS, Role, model_url
from registry.delivery.domain import DownloadSummary
from registry.delivery.reading import COUNTED_MOST, Downloads, DownloadsAsked, NamedDownload
from registry.identity.domain import Profile, nameless
from registry.kernel.page_parts import Badge, Command, FormField, Link, Notice, Option, Pager, Shape, Tone

PUBLISHER_NAME_MAX_CHARACTERS = 94
"""Room is left for a model's name of one character (see `catalog.names.check_publisher_name`)."""
PAGE_OWN = 25
PAGE_RECORDS = 50
UNKNOWN_PROGRAM = "unknown"
UNKNOWN_VERSION = "None"
"""What huggingface_hub writes where it was not told: `unknown/None; hf_hub/1.2; python/3.11`."""


def records_view(
    *,
    profile: Profile,
    name: str | None,
    acceptances: Sequence[AcceptanceSummary],
    outdated: Mapping[UUID, str],
    downloads: Sequence[DownloadSummary],
    tokens: int,
    sessions: int,
    after: UUID | None,
    downloads_after: UUID | None,
) -> SimpleNamespace:
    """Return the page of one's own records; each list holds one more where it goes on.

    `outdated` has the acceptances that no longer suffice, with the version that is asked for now.
    """
    return SimpleNamespace(
        person=SimpleNamespace(
            email=profile.email,
            verified_at=profile.verified_at or profile.created_at,
            since=profile.created_at,
            name=name,
        ),
        notices=_notices(acceptances, outdated),
        acceptances=[_acceptance(row, row.id in outdated) for row in acceptances[:PAGE_OWN]],
        acceptances_pager=_pager(
            acceptances, [row.id for row in acceptances], after, name="after", label="Older acceptances"
        ),
        downloads=[_own_download(row) for row in downloads[:PAGE_OWN]],
        downloads_pager=_pager(
            downloads,
            [row.id for row in downloads],
            downloads_after,
            name="downloads_after",
            label="Older downloads",
        ),
        tokens=tokens,
        sessions=sessions,
        tokens_url="/settings/tokens",
        sessions_url="/settings/sessions",
        ways_url="/settings/identities",
        organisations_url="/organisations",
        export_url="/records/export.json",
        erasure_url="/records/erasure",
        restriction_url="/records/restriction",
    )


def _notices(acceptances: Sequence[AcceptanceSummary], outdated: Mapping[UUID, str]) -> Sequence[Notice]:
    notices = []
    for row in acceptances:
        if row.id in outdated:
            repo = f"{row.publisher}/{row.model}"
            compare = urlencode({"from": row.number, "to": outdated[row.id]})
            notices.append(
                Notice(
                    tone=Tone.WAIT,
                    title=f"{repo} asks for {row.title} {outdated[row.id]}",
                    text=f"You accepted {row.number}; the text has changed in substance since. Nothing can be "
                    "downloaded until you accept again.",
                    link=Link(label="See what changed", url=f"/licenses/{quote(row.slug)}/compare?{compare}"),
                )
            )
    return notices[:5]


def _acceptance(row: AcceptanceSummary, is_outdated: bool) -> SimpleNamespace:  # noqa: FBT001 - a fact of the row
    if row.state is AcceptanceState.WITHDRAWN:
        state = Badge(word="Withdrawn", shape=Shape.ENDED, tone=Tone.STOP)
    elif is_outdated:
        state = Badge(word="Accept again", shape=Shape.WAITING, tone=Tone.WAIT)
    else:
        state = Badge(word="Current", shape=Shape.DONE, tone=Tone.OK)
    return SimpleNamespace(
        license=row.title,
        number=row.number,
        for_what=f"{row.publisher}/{row.model}",
        at=row.accepted_at,
        state=state,
        receipt_url=f"/records/{row.id}",
    )


def _own_download(row: DownloadSummary) -> SimpleNamespace:
    return SimpleNamespace(
        at=row.issued_at,
        model=f"{row.publisher}/{row.model}",
        model_url=model_url(row.publisher, row.model),
        path=row.path,
        commit=row.commit,
        through=_through(row),
        size=row.size,
    )


def _through(row: DownloadSummary) -> str:
    """Return the program that asked, as it named itself, without the long tail."""
    if row.channel == "session":
        return "Browser"
    for product in row.client.split(";"):
        name, _, version = product.strip().partition(" ")[0].partition("/")
        if name and name != UNKNOWN_PROGRAM:
            return f"{name} {'' if version == UNKNOWN_VERSION else version}".strip()[:40]
    return row.channel


def _pager(
    rows: Sequence[object], ids: Sequence[UUID], after: UUID | None, *, name: str, label: str
) -> Pager | None:
    more = len(rows) > PAGE_OWN
    if not more and after is None:
        return None
    return Pager(
        said="Newest first",
        next_url=f"/records?{urlencode({name: ids[PAGE_OWN - 1]})}" if more else None,
        next_label=label,
        first_url="/records" if after else None,
    )


def publishers_view(
    publishers: Sequence[SimpleNamespace],
    *,
    operates: bool,
    base_url: str,
    fields: Mapping[str, str],
    errors: Mapping[str, str],
) -> SimpleNamespace:
    """Return the page of the publishers one works for, and the form of a new one as it was sent."""
    return SimpleNamespace(
        publishers=publishers,
        operations_url="/operations" if operates else None,
        name=FormField(
            name="name",
            label="Name",
            value=fields.get("name", "")[:PUBLISHER_NAME_MAX_CHARACTERS],
            why="Stands in addresses and commands, before the model’s name: letters, digits, “-”, “_” and “.”.",
            error=errors.get("name"),
            max_characters=PUBLISHER_NAME_MAX_CHARACTERS,
        ),
        display_name=FormField(
            name="display_name",
            label="Full name",
            value=fields.get("display_name", "")[:DISPLAY_NAME_MAX_CHARACTERS],
            why="As people read it. Left empty, the name stands for it.",
            error=errors.get("display_name"),
            required=False,
            max_characters=DISPLAY_NAME_MAX_CHARACTERS,
        ),
        post_url="/manage",
        commands=[
            Command(label="Sign in once", text=f"gatehouse login --endpoint {base_url}"),
            Command(
                label="Publish a folder as a release",
                text=f"gatehouse publish ./folder publisher/model --license slug@1.0 --endpoint {base_url}",
            ),
        ],
    )


def downloads_view(
    found: Downloads,
    asked: DownloadsAsked,
    rows: Sequence[NamedDownload],
    *,
    roles: Sequence[Role],
    ever: int,
    counted_old: int,
    recent: int,
    after: UUID | None,
) -> SimpleNamespace:
    """Return the page of a publisher's downloads; `rows` holds one more where the list goes on."""
    here = f"/manage/{quote(found.publisher.name)}/downloads"
    filters = {name: value for name, value in asdict(asked).items() if value and name != "publisher"}
    query = f"?{urlencode(filters)}" if filters else ""
    more = len(rows) > PAGE_RECORDS
    following = urlencode({**filters, "after": rows[PAGE_RECORDS - 1].record.id}) if more else None
    shown = rows[:PAGE_RECORDS]
    return SimpleNamespace(
        publisher=access.publisher_head(found.publisher, roles),
        figures=[
            SimpleNamespace(
                label="Links issued",
                value=counted(ever),
                detail=f"and {counted_old:,} long ago, kept as counts only" if counted_old else None,
            ),
            SimpleNamespace(label="In the last 7 days", value=counted(recent), detail=None),
        ],
        query=asked.search,
        models=[
            Option(value=model.name, label=model.name, chosen=model.name == asked.model)
            for model in found.models
        ],
        license=asked.license,
        receipt=asked.receipt,
        since=asked.since,
        until=asked.until,
        rows=[_download(row) for row in shown],
        said=_said(len(shown), more=more or after is not None, narrowed=asked.is_narrowed),
        pager=Pager(
            said="Newest first",
            next_url=f"{here}?{following}" if following else None,
            next_label="Older records",
            first_url=f"{here}{query}" if after else None,
        ),
        action_url=here,
        clear_url=here if asked.is_narrowed else None,
        csv_url=f"{here}.csv{query}",
        jsonl_url=f"{here}.jsonl{query}",
        parquet_url=f"{here}.parquet{query}",
    )


def _said(count: int, *, more: bool, narrowed: bool) -> str:
    records = "1 record" if count == 1 else f"{count} records"
    if more:
        return f"{records} on this page, newest first."
    return f"{records} {'that fit the filters' if narrowed else 'in all'}, newest first."


def _download(row: NamedDownload) -> SimpleNamespace:
    record = row.record
    return SimpleNamespace(
        at=record.issued_at,
        person=row.account or row.email or (nameless(record.person_id) if record.person_id else "Anybody"),
        model=record.model,
        commit=record.commit,
        path=record.path,
        through=_through(record),
        size=record.size,
        receipt_url=f"/records/{record.acceptance_ids[0]}" if record.acceptance_ids else None,
        further=[
            Link(label=f"Receipt {position}", url=f"/records/{acceptance_id}")
            for position, acceptance_id in enumerate(record.acceptance_ids[1:], start=2)
        ],
    )


def counted(number: int) -> str:
    """Return a count that stops at `COUNTED_MOST`."""
    return f"over {COUNTED_MOST:,}" if number > COUNTED_MOST else f"{number:,}"
