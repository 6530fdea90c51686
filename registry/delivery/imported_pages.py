"""`/imported`: what is kept about somebody who accepted elsewhere, for whoever holds the link of their letter.

Nobody signs in here. Opening the page changes nothing, for programs that look at mail open links too; a button does.
A legal hold keeps what it concerns from being deleted, and the page says so.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlmodel import Session

from registry import acceptances
from registry.acceptances import KeptImport
from registry.delivery.hold_domain import held
from registry.delivery.holds import load_held
from registry.identity.domain import new_secret
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

BROWSER_COOKIE_SECONDS = 24 * 3600


class ImportedPages(Controller):
    """What an imported person sees and does."""

    path = acceptances.LINK_PATH
    include_in_schema = False

    @get("/", operation_id="show_imported")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], token: FromQuery[str] = ""
    ) -> Response[Any]:
        """Show what is kept, and the two buttons."""
        secret = desk.cookies.read(request.headers, desk.cookies.browser) or new_secret()
        visit = await desk.visits.begin(request, secret)
        kept = await desk.database.read(
            lambda session: acceptances.list_kept(session, secret=token, sealer=desk.sealer)
        )
        if isinstance(kept, Refusal):
            return refuse(request, kept)
        response = _page(desk, visit, kept, token=token, done=None)
        desk.cookies.set(response, desk.cookies.browser, secret, max_age=BROWSER_COOKIE_SECONDS)
        return response

    @post("/", operation_id="speak_for_imported", status_code=200)
    async def act(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Stop such letters, or delete what is kept."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        token, wanted = form.text("token"), form.text("do")
        work = {"delete": _delete, "stop": _stop}.get(wanted)
        if work is None:
            return refuse(request, acceptances.link_unknown())
        outcome = await desk.database.write(lambda session: work(session, desk, token))
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        done = "stopped" if wanted == "stop" else "held" if outcome else "deleted"
        return _page(desk, visit, outcome, token=token, done=done)


def _stop(session: Session, desk: Desk, token: str) -> Sequence[KeptImport] | Refusal:
    refusal = acceptances.opt_out(session, secret=token, now=desk.clock.now())
    return refusal or acceptances.list_kept(session, secret=token, sealer=desk.sealer)


def _delete(session: Session, desk: Desk, token: str) -> Sequence[KeptImport] | Refusal:
    """Delete all that no hold keeps, and write no more letters about the rest; return that rest."""
    now = desk.clock.now()
    kept = acceptances.list_kept(session, secret=token, sealer=desk.sealer)
    if isinstance(kept, Refusal):
        return kept
    standing = load_held(session, now=now)
    stays = [
        one for one in kept if held(standing, person_id=None, gate_id=one.gate_id, model_id=one.model_id)
    ]
    acceptances.opt_out(session, secret=token, now=now)
    gone = [one.id for one in kept if one not in stays]
    acceptances.forget_imports(session, gone, sealer=desk.sealer, now=now)
    return stays


def _page(
    desk: Desk, visit: Visit, kept: Sequence[KeptImport], *, token: str, done: str | None
) -> Response[Any]:
    view = SimpleNamespace(
        done=done,
        rows=[
            SimpleNamespace(
                model=one.repo_id,
                publisher=one.publisher,
                stated_at=one.stated_at,
                imported_at=one.imported_at,
                details=one.details,
                accept_url=f"/{one.repo_id}/accept",
            )
            for one in kept
        ],
        stopped=bool(kept) and all(one.opted_out_at is not None for one in kept),
        token=token,
        post_url=acceptances.LINK_PATH,
    )
    return respond(desk.pages.render("records/imported.html", page=visit.page, view=view))
