"""Pages of the public log: its newest entries, one entry with its proof, the proof that it has only grown."""

from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from sqlmodel import Session

from registry import ledger
from registry.audit import views
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

INDEX_MAX_DIGITS = 15
SEARCH_MAX_CHARACTERS = 100

Text = Annotated[str, QueryParameter(max_length=SEARCH_MAX_CHARACTERS)]
Before = Annotated[int | None, QueryParameter(ge=0, le=10**INDEX_MAX_DIGITS)]


class LogPages(Controller):
    """`/log`: everybody may look."""

    path = "/log"
    include_in_schema = False

    @get("/", operation_id="show_log")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        search: Text = "",
        kept: Annotated[str, QueryParameter(name="from", max_length=SEARCH_MAX_CHARACTERS)] = "",
        before: Before = None,
    ) -> Response[Any]:
        """Show the newest entries, or lead to the one that is searched for."""
        visit = await desk.visits.begin(request)
        wanted = search.replace(",", "").strip()
        problem = None
        if wanted:
            index = _number(wanted)
            found = (
                await desk.database.read(lambda session: ledger.find_entry_by_index(session, index))
                if index is not None
                else None
            )
            if found is not None:
                return Redirect(f"/log/{found.index}", status_code=303)
            problem = None if index is not None else "Write the number of an entry, such as 1200."
        view = await desk.database.read(
            lambda session: load_log(
                session,
                visit.principal,
                query=search.strip(),
                problem=problem,
                kept=kept.replace(",", "").strip(),
                before=before,
                base_url=desk.settings.base_url,
            )
        )
        return respond(desk.pages.render("ledger/index.html", page=visit.page, view=view))

    @get("/{index:int}", operation_id="show_log_entry")
    async def entry(
        self, request: AnyRequest, desk: NamedDependency[Desk], index: FromPath[int]
    ) -> Response[Any]:
        """Show one published entry with its inclusion proof."""
        visit = await desk.visits.begin(request)
        view = await desk.database.read(lambda session: load_entry(session, visit.principal, index))
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("ledger/entry.html", page=visit.page, view=view))

    @get("/{index:int}/leaf", operation_id="get_log_leaf")
    async def leaf(
        self, request: AnyRequest, desk: NamedDependency[Desk], index: FromPath[int]
    ) -> Response[Any]:
        """Send the bytes of a leaf."""
        leaf = await desk.database.read(lambda session: load_leaf(session, index))
        if isinstance(leaf, Refusal):
            return refuse(request, leaf)
        headers = {
            "Content-Disposition": f'attachment; filename="entry-{index}.leaf"',
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return Response(leaf, media_type="application/octet-stream", headers=headers)


def load_log(
    session: Session,
    principal: Principal,
    *,
    query: str,
    problem: str | None,
    kept: str,
    before: int | None,
    base_url: str,
) -> Any:
    """Return a page of the log; a search that found nothing shows no entries."""
    checkpoint = ledger.latest_checkpoint(session)
    listed = [] if query else ledger.list_entries(session, before=before, limit=views.PAGE_ENTRIES)
    entries = [ledger.find_entry_by_index(session, line.index) for line in listed]
    rows = [
        (entry, views.describe_entry(session, entry, principal)) for entry in entries if entry is not None
    ]
    return views.log_view(
        rows,
        checkpoint=checkpoint,
        key_id=_current_key(session),
        query=query,
        problem=problem,
        growth=_growth(session, kept, checkpoint),
        before=before,
        base_url=base_url,
    )


def load_entry(session: Session, principal: Principal, index: int) -> Any:
    """Return the page of an entry, or the refusal where no checkpoint covers it."""
    found = _published(session, index)
    if isinstance(found, Refusal):
        return found
    entry, proof, checkpoint = found
    described = views.describe_entry(session, entry, principal)
    return views.entry_view(entry, described, proof=proof, checkpoint=checkpoint)


def load_leaf(session: Session, index: int) -> bytes | Refusal:
    """Return the bytes of a published leaf; they name nobody and no private model."""
    found = _published(session, index)
    if isinstance(found, Refusal):
        return found
    return found[0].leaf


def _published(
    session: Session, index: int
) -> tuple[ledger.Entry, list[bytes], ledger.SignedCheckpoint] | Refusal:
    checkpoint = ledger.latest_checkpoint(session)
    if checkpoint is None or not 0 <= index < checkpoint.size:
        return Refusal(
            code="log-entry-unknown",
            status=404,
            title="The log has no such entry yet",
            detail=f"Entry {index:,} is asked for; the log has {checkpoint.size if checkpoint else 0:,}.",
            remedy=Remedy(text="Look at the newest entries", url="/log"),
        )
    answer = ledger.answer_inclusion(session, index=index, tree_size=checkpoint.size)
    return answer if isinstance(answer, Refusal) else (*answer, checkpoint)


def _growth(session: Session, kept: str, checkpoint: ledger.SignedCheckpoint | None) -> views.GrowthAsked:
    if not kept:
        return views.GrowthAsked()
    size = _number(kept)
    if size is None or checkpoint is None:
        return views.GrowthAsked(size=kept, error="Write a number, such as 1200.")
    if size > checkpoint.size:
        return views.GrowthAsked(size=kept, error=f"The log has {checkpoint.size:,} entries only.")
    if size == 0:
        return views.GrowthAsked(size=kept, result=(), said="An empty log is a beginning of every log.")
    answer = ledger.answer_consistency(session, old=size, new=checkpoint.size)
    if isinstance(answer, Refusal):
        return views.GrowthAsked(size=kept, error=answer.detail)
    said = f"A log of {size:,} entries is a beginning of today’s log of {checkpoint.size:,}."
    return views.GrowthAsked(size=kept, result=[node.hex() for node in answer], said=said)


def _current_key(session: Session) -> str:
    keys = ledger.list_published_keys(session)
    current = [key for key in keys if key.purpose is ledger.KeyPurpose.CHECKPOINT and not key.valid_until]
    return current[-1].kid if current else "no key yet"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= INDEX_MAX_DIGITS else None
