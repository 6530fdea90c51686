"""Pages of the catalog: the list of models, and the four pages of one model."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from sqlmodel import Session

from registry import catalog, ledger, licenses
from registry.access import facts, giving_up, model_views, views
from registry.access.domain import decide
from registry.access.model_views import ModelShown
from registry.access.permitted import Narrowing, list_permitted, list_visible
from registry.access.restriction_views import view_terms
from registry.catalog import inherited_terms
from registry.catalog.domain import DEFAULT_BRANCH, SEARCH_MAX_CHARACTERS, GateKind
from registry.identity.domain import Principal
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

LICENSES_OFFERED = 30
REVISION_MAX_CHARACTERS = 120
PATH_MAX_CHARACTERS = 1024

Revision = Annotated[str, QueryParameter(min_length=1, max_length=REVISION_MAX_CHARACTERS)]


class CatalogPages(Controller):
    """`/`: every model that the visitor may see."""

    include_in_schema = False

    @get("/", operation_id="show_catalog")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        search: FromQuery[str] = "",
        gate: FromQuery[list[str] | None] = None,
        license: FromQuery[list[str] | None] = None,  # noqa: A002 - the name in the address
        mine: FromQuery[bool] = False,  # noqa: FBT002 - a box on the page
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """List models, newest first, narrowed by words, gate, license and what one may download."""
        visit = await desk.visits.begin(request)
        query = views.CatalogQuery(
            search=" ".join(search[:SEARCH_MAX_CHARACTERS].split()),
            gates=[GateKind(word) for word in dict.fromkeys(gate or ()) if word in set(GateKind)],
            licenses=[slug[:64] for slug in dict.fromkeys(license or ())],
            after=after,
            mine=mine,
        )
        now = desk.clock.now()
        view = await desk.database.read(lambda session: load_catalog(session, visit.principal, query, now))
        return respond(desk.pages.render("catalog/index.html", page=visit.page, view=view))


class ModelPages(Controller):
    """`/{publisher}/{model}`: card, files, license, releases."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}", operation_id="show_model")
    async def card(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        revision: Revision = DEFAULT_BRANCH,
    ) -> Response[Any]:
        """Show the model card, what is broken in it, and the way to the files."""
        opened = await open_model(request, desk, Asked(publisher=publisher, name=model, revision=revision))
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        visit, shown, head = opened
        card = await desk.database.read(lambda session: _card(session, shown))
        view = await asyncio.to_thread(model_views.card_view, shown, card, head)
        return respond(desk.pages.render("catalog/model.html", page=visit.page, view=view))

    @get("/{publisher:str}/{model:str}/files", operation_id="show_files")
    async def files(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        revision: Revision = DEFAULT_BRANCH,
        after: Annotated[str | None, QueryParameter(max_length=PATH_MAX_CHARACTERS)] = None,
    ) -> Response[Any]:
        """Show the files of a release with their digests and what was found in them."""
        opened = await open_model(request, desk, Asked(publisher=publisher, name=model, revision=revision))
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        visit, shown, head = opened
        release = shown.release
        listed = (
            await desk.database.read(
                lambda session: catalog.list_files(
                    session, release_id=release.id, after=after, limit=model_views.PAGE_FILES + 1
                )
            )
            if release
            else []
        )
        view = model_views.files_view(shown, listed, head, after=after)
        return respond(desk.pages.render("catalog/files.html", page=visit.page, view=view))

    @get("/{publisher:str}/{model:str}/commit/{revision:str}", operation_id="show_commit")
    async def commit(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        revision: FromPath[str],
    ) -> Response[Any]:
        """Lead to the files of a release; the Hub's tools are given this address for what they have committed."""
        opened = await open_model(request, desk, Asked(publisher=publisher, name=model, revision=revision))
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        return Redirect(opened[1].page("/files"), status_code=303)

    @get("/{publisher:str}/{model:str}/license", operation_id="show_model_license")
    async def license(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        revision: Revision = DEFAULT_BRANCH,
    ) -> Response[Any]:
        """Show what the gate asks for, and what the card says about the license."""
        opened = await open_model(request, desk, Asked(publisher=publisher, name=model, revision=revision))
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        visit, shown, head = opened
        card, previous, inherited = await desk.database.read(
            lambda session: (
                _card(session, shown),
                _previous_numbers(session, shown),
                _inherited(session, desk, visit, shown),
            )
        )
        view = model_views.license_view(shown, card, head, previous=previous, inherited=inherited)
        return respond(desk.pages.render("catalog/license.html", page=visit.page, view=view))

    @get("/{publisher:str}/{model:str}/releases", operation_id="show_releases")
    async def releases(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show every release of a model, newest first."""
        opened = await open_model(request, desk, Asked(publisher=publisher, name=model))
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        visit, shown, head = opened
        listed, indices = await desk.database.read(lambda session: _releases(session, shown, after))
        view = model_views.releases_view(shown, listed, head, indices=indices, after=after)
        return respond(desk.pages.render("catalog/releases.html", page=visit.page, view=view))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The model and the revision that an address names."""

    publisher: str
    name: str
    revision: str = DEFAULT_BRANCH


async def open_model(
    request: AnyRequest, desk: Desk, asked: Asked
) -> tuple[Visit, ModelShown, Any] | Refusal:
    """Return the visit, the model as far as the visitor may see it, and the head of its pages."""
    visit = await desk.visits.begin(request)
    now = desk.clock.now()
    shown = await desk.database.read(
        lambda session: load_model(session, visit.principal, asked, now, contact=desk.settings.contact)
    )
    if isinstance(shown, Refusal):
        return shown
    head = model_views.head_view(
        shown, page=visit.page.path, base_url=desk.settings.base_url, label=visit.email
    )
    return visit, shown, head


def load_catalog(
    session: Session, principal: Principal, query: views.CatalogQuery, now: datetime
) -> views.CatalogView:
    """Return a page of the catalog with how the visitor stands with each model."""
    narrowing = Narrowing(search=query.search, gates=tuple(query.gates), license_slugs=tuple(query.licenses))
    limit = views.PAGE_MODELS + 1
    found: Sequence[catalog.ListedModel]
    if query.mine:
        permitted = list_permitted(
            session, principal, narrowing=narrowing, before=query.after, limit=limit, now=now
        )
        found = [one.model for one in permitted]
    else:
        found = list_visible(session, principal, narrowing=narrowing, before=query.after, limit=limit)
    versions = [version for model in found for version in model.license_version_ids]
    offered = dict.fromkeys(
        [*catalog.list_required_licenses(session, limit=LICENSES_OFFERED), *query.licenses]
    )
    latest = {slug: licenses.latest_version(session, slug) for slug in offered}
    titles = {slug: version.title for slug, version in latest.items() if version is not None}
    return views.catalog_view(
        found,
        query=query,
        gathered=facts.gather_by_ids(
            session, principal, model_ids=[model.model_id for model in found], now=now
        ),
        requirements=catalog.describe_requirements(session, versions),
        license_titles=titles,
    )


def load_model(
    session: Session, principal: Principal, asked: Asked, now: datetime, *, contact: str = ""
) -> ModelShown | Refusal:
    """Return a model with the release that is asked for; a model without a release has none on `main`."""
    model = catalog.find_model(session, publisher=asked.publisher, name=asked.name, principal=principal)
    if isinstance(model, Refusal):
        return model
    newest = catalog.find_current_release(session, model.id)
    release = newest
    if asked.revision != DEFAULT_BRANCH:
        found = catalog.find_release(
            session,
            publisher=model.publisher,
            name=model.name,
            revision=asked.revision,
            principal=principal,
        )
        if isinstance(found, Refusal):
            return found
        release = found.release
    gathered = facts.gather_by_name(session, principal, publisher=model.publisher, model=model.name, now=now)
    if gathered is None:
        raise CorruptRecord(f"model {model.id} has no gate in force")
    update = (
        giving_up.find_update(session, model_id=model.id, release_id=release.id, now=now)
        if release and gathered.marked
        else None
    )
    versions = [
        licenses.get_version_by_id(session, version_id) for version_id in model.gate.license_version_ids
    ]
    return ModelShown(
        model=model,
        release=release,
        revision=asked.revision,
        newest=newest,
        refs=catalog.list_refs(session, model_id=model.id),
        releases=catalog.count_releases(session, model_id=model.id),
        weights=catalog.weigh_files(session, release_id=release.id) if release else (),
        requirements=[(version, licenses.find_terms(session, version.id)) for version in versions],
        verdict=decide(replace(gathered.facts, contact=contact, update=update)),
    )


def _card(session: Session, shown: ModelShown) -> catalog.Card | None:
    return catalog.find_card(session, release_id=shown.release.id) if shown.release else None


def _inherited(session: Session, desk: Desk, visit: Visit, shown: ModelShown) -> Sequence[SimpleNamespace]:
    """Return what the model's licenses carry on of those of its bases."""
    bases = inherited_terms.find_asking(session, [], visit.principal, model_id=shown.model.id)
    compared = inherited_terms.compare(session, inherited_terms.of_model(shown.model), bases)
    return view_terms(session, compared, desk.sealer)


def _previous_numbers(session: Session, shown: ModelShown) -> dict[UUID, str | None]:
    """Return the number of the version before each required one."""
    before: dict[UUID, str | None] = {}
    for version, _ in shown.requirements:
        earlier = licenses.standing_before(licenses.list_versions(session, version.slug), version.ordinal)
        before[version.id] = earlier.number if earlier else None
    return before


def _releases(
    session: Session, shown: ModelShown, after: UUID | None
) -> tuple[Sequence[catalog.ReleaseView], dict[UUID, int]]:
    listed = catalog.list_releases(
        session, model_id=shown.model.id, before=after, limit=model_views.PAGE_RELEASES + 1
    )
    return listed, ledger.find_indices(session, [release.entry_id for release in listed])
