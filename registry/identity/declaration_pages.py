"""`/settings/declarations`: what a person declares of themself, because gates ask for it."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from registry.identity.declarations import declare, list_declarations
from registry.identity.domain import safe_next
from registry.identity.pages import needs_session
from registry.identity.standing_domain import AGES, DECLARATIONS, ENTITY_WORDS, Declared, Said
from registry.identity.visits import Desk, Visit
from registry.kernel.countries import COUNTRIES
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import FieldKind, FormField, Option
from registry.kernel.pages import format_when, respond
from registry.kernel.problems import AnyRequest, refuse

_LABELS = {
    Declared.AGE: "The age that you have reached",
    Declared.COUNTRY: "The country that you live in",
    Declared.ENTITY: "As what you use models",
}
_WHY = {
    Declared.AGE: "For gates with a least age. A date of birth is never asked for.",
    Declared.COUNTRY: "For gates that are closed to some countries.",
    Declared.ENTITY: "For gates that are for researchers only, or the like.",
}
_CHOICES: Mapping[Declared, Mapping[str, str]] = {
    Declared.AGE: {str(age): f"{age} or older" for age in AGES},
    Declared.COUNTRY: dict(sorted(COUNTRIES.items(), key=lambda item: item[1])),
    Declared.ENTITY: {kind.value: f"{words[:1].upper()}{words[1:]}" for kind, words in ENTITY_WORDS.items()},
}


class DeclarationPages(Controller):
    """What one declares."""

    path = DECLARATIONS
    include_in_schema = False

    @get("/", operation_id="show_declarations")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        next: FromQuery[str] = "",  # noqa: A002 - the name in the address
    ) -> Response[Any]:
        """Show what stands, and the form that changes it."""
        visit = await desk.visits.begin(request)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        return await _show(desk, visit, safe_next(next) if next else "", None)

    @post("/", operation_id="declare", status_code=303)
    async def change(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Make what was chosen the person's declarations."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id, now = visit.principal.person_id, desk.clock.now()
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        given = {kind: form.text(kind.value)[:16] for kind in Declared}
        next_path = safe_next(form.text("next")) if form.text("next") else ""
        outcome = await desk.database.write(
            lambda session: declare(session, person_id=person_id, given=given, now=now)
        )
        if isinstance(outcome, Refusal):
            return await _show(desk, visit, next_path, outcome)
        return Redirect(next_path or DECLARATIONS, status_code=303)


async def _show(desk: Desk, visit: Visit, next_path: str, refusal: Refusal | None) -> Response[Any]:
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - needs_session has seen to it
    standing = await desk.database.read(lambda session: list_declarations(session, person_id=person_id))
    view = SimpleNamespace(
        fields=[_field(kind, standing.get(kind), refusal) for kind in Declared],
        next=next_path,
        back=next_path or None,
        post_url=DECLARATIONS,
    )
    html = desk.pages.render("identity/declarations.html", page=visit.page, view=view)
    return respond(html, status_code=422 if refusal else 200)


def _field(kind: Declared, said: Said | None, refusal: Refusal | None) -> FormField:
    since = f" Declared on {format_when(said.at, 'date')}." if said else ""
    return FormField(
        name=kind.value,
        label=_LABELS[kind],
        kind=FieldKind.SELECT,
        value=said.value if said else "",
        why=f"{_WHY[kind]}{since}",
        error=refusal.errors.get(kind.value) if refusal else None,
        required=False,
        options=[
            Option(value=value, label=label, chosen=said is not None and said.value == value)
            for value, label in _CHOICES[kind].items()
        ],
    )
