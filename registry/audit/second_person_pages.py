"""The page on which a second person sees what changed in a license version, and confirms its class or objects."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import licenses
from registry.catalog import second_persons
from registry.catalog.second_persons import Answer
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Difference, FieldKind, FormField, Link, Notice, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.licenses import ChangeClass, Outcome, Proposal, SecondPerson
from registry.licenses.domain import REASON_MAX_CHARACTERS

_MEANS = {
    ChangeClass.INITIAL: "It is the first text.",
    ChangeClass.EDITORIAL: "Editorial means: words or layout are mended, the meaning is the same.",
    ChangeClass.COMPATIBLE: "Compatible means: it only gives more to those who accepted, and asks no more of them.",
    ChangeClass.MATERIAL: "Material means: rights or duties change, everybody is asked again.",
}


class SecondPersonPages(Controller):
    """`/licenses/{license}/{version}/second-person`: reading needs no sign-in, deciding a second person."""

    path = "/licenses/{slug:str}/{number:str}/second-person"
    include_in_schema = False

    @get("/", operation_id="show_second_person")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], slug: FromPath[str], number: FromPath[str]
    ) -> Response[Any]:
        """Show what changed, and the form to whoever may decide."""
        visit = await desk.visits.begin(request)
        return await _show(request, desk, visit, slug, number)

    @post("/", operation_id="answer_as_second_person_by_form", status_code=303)
    async def answer(
        self, request: AnyRequest, desk: NamedDependency[Desk], slug: FromPath[str], number: FromPath[str]
    ) -> Response[Any]:
        """Record the word of a second person."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        page = f"/licenses/{quote(slug)}/{quote(number)}/second-person"
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(page))
        if isinstance(form, Refusal):
            return refuse(request, form)
        said = Answer(
            outcome=Outcome.CONFIRMED if form.text("do") == "confirm" else Outcome.OBJECTED,
            compared_with=form.text("compared_with"),
            reason=form.text("reason"),
        )
        outcome = await desk.database.write(
            lambda session: second_persons.answer(
                session,
                slug=slug,
                number=number,
                said=said,
                principal=visit.principal,
                now=desk.clock.now(),
            )
        )
        if isinstance(outcome, Refusal) and outcome.status == 422:
            return await _show(
                request, desk, visit, slug, number, reason=said.reason, error=outcome.errors.get("reason")
            )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(page, status_code=303)


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    slug: str,
    number: str,
    *,
    reason: str = "",
    error: str | None = None,
) -> Response[Any]:
    now = desk.clock.now()

    def load(session: Session) -> tuple[Proposal, Refusal | None] | Refusal:
        proposal = licenses.find_proposal(session, slug, number)
        if isinstance(proposal, Refusal):
            return proposal
        return proposal, second_persons.judge_person(
            session, proposal.version, principal=visit.principal, now=now
        )

    loaded = await desk.database.read(load)
    if isinstance(loaded, Refusal):
        return refuse(request, loaded)
    proposal, barrier = loaded

    def draw() -> str:
        view = second_person_view(
            proposal, barrier, differences=compare_texts(proposal, now), reason=reason, error=error
        )
        return desk.pages.render("licenses/second_person.html", page=visit.page, view=view)

    return respond(await asyncio.to_thread(draw), status_code=422 if error else 200)


def compare_texts(proposal: Proposal, now: datetime) -> list[tuple[str | None, Difference]]:
    """Return the text beside that of the compared version, then each included text that is another, by its title."""
    old, new = proposal.compared, proposal.version
    if old is None:
        return []
    texts: list[tuple[str | None, bytes, bytes]] = [(None, old.text, new.text)]
    for before, after in proposal.policies:
        if before and after and before.text is not None and after.text is not None:
            texts.append((after.title, before.text, after.text))
    return [
        (
            title,
            licenses.difference_of(
                replace(old, text=earlier), replace(new, text=later), proposal.versions, now=now
            ),
        )
        for title, earlier, later in texts
    ]


def second_person_view(
    proposal: Proposal,
    barrier: Refusal | None,
    *,
    differences: Sequence[tuple[str | None, Difference]],
    reason: str,
    error: str | None,
) -> SimpleNamespace:
    """Return the page; the form is on it only while the version waits and nothing bars the visitor."""
    version, compared = proposal.version, proposal.compared
    waits = proposal.second is SecondPerson.WAITS
    return SimpleNamespace(
        license=SimpleNamespace(title=version.title, url=f"/licenses/{quote(version.slug)}"),
        version=SimpleNamespace(number=version.number, url=version.path, change=version.change_class.value),
        lede=_MEANS[version.change_class],
        compared=compared.number if compared else None,
        notice=_asked(barrier) if waits and barrier else None if waits else _settled(proposal),
        objection=proposal.verdict.reason if proposal.verdict else None,
        decided_at=proposal.verdict.given_at if proposal.verdict else None,
        terms=proposal.terms_said,
        differences=[SimpleNamespace(title=title, shown=shown) for title, shown in differences],
        reason=FormField(
            name="reason",
            label="Why it is not",
            kind=FieldKind.LONG_TEXT,
            value=reason,
            why="Everybody reads it. Kept for ever; the log holds its digest.",
            error=error,
            max_characters=REASON_MAX_CHARACTERS,
        ),
        post_url=licenses.second_person_path(version) if waits and barrier is None else None,
    )


def _asked(barrier: Refusal) -> Notice:
    said, remedy = barrier.detail.removesuffix(" Nothing was changed."), barrier.remedy
    if remedy is None or barrier.code not in {"not-signed-in", "fresh-sign-in-needed"}:
        # What they can do is not on another page.
        return Notice(tone=Tone.WAIT, title=barrier.title, text=f"{said} {remedy.text}." if remedy else said)
    return Notice(
        tone=Tone.WAIT,
        title=barrier.title if barrier.code == "fresh-sign-in-needed" else "Sign in to decide",
        text=said if barrier.code == "fresh-sign-in-needed" else "Reading needs no sign-in, deciding does.",
        link=Link(label=remedy.text, url=remedy.url) if remedy.url else None,
    )


def _settled(proposal: Proposal) -> Notice:
    refusal = licenses.settled(proposal)
    if proposal.second is SecondPerson.CONFIRMED:
        return Notice(
            tone=Tone.OK, title="A second person confirmed it", text="Gates can require this version."
        )
    if proposal.second is SecondPerson.OBJECTED:
        return Notice(
            tone=Tone.STOP,
            title="A second person objects",
            text="No gate can require this version. Its text can be published again as material, under a new number.",
        )
    said = refusal.detail.removesuffix(" Nothing was changed.")
    return Notice(tone=Tone.NOTE, title="It waits for nobody", text=f"{said[0].upper()}{said[1:]}")
