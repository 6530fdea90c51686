"""Pages of licenses: the list, one version as a book page, two versions side by side. No sign-in needed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlmodel import Session

from registry import ledger
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.licenses import publication, service, views
from registry.licenses.api import answer_file
from registry.licenses.domain import NUMBER_MAX_CHARACTERS, LicenseSummary, Version, VersionSummary

PAGE_LICENSES = 30
SEARCH_MAX_CHARACTERS = 100

Number = Annotated[str | None, QueryParameter(max_length=NUMBER_MAX_CHARACTERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseUses:
    """What others tell about licenses; given by the composition root, since licenses know no models."""

    count_models: Callable[[Session, Sequence[str]], Mapping[str, int]]
    """How many public models require each license."""


class LicensePages(Controller):
    """`/licenses`: permalinks of texts."""

    path = "/licenses"
    include_in_schema = False

    @get("/", operation_id="show_licenses")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        license_uses: NamedDependency[LicenseUses],
        search: Annotated[str, QueryParameter(max_length=SEARCH_MAX_CHARACTERS)] = "",
        after: Annotated[str, QueryParameter(max_length=64)] = "",
    ) -> Response[Any]:
        """List the licenses by identifier."""
        visit = await desk.visits.begin(request)
        words = " ".join(search.split())

        def load(session: Session) -> Any:
            found, following = service.list_licenses(session, after=after, limit=PAGE_LICENSES, search=words)
            return views.index_view(
                found,
                following=following,
                search=words,
                after=after,
                restrictions=_restrictions(session, found),
                models=license_uses.count_models(session, [one.slug for one in found]),
            )

        view = await desk.database.read(load)
        return respond(desk.pages.render("licenses/index.html", page=visit.page, view=view))

    @get("/{slug:str}", operation_id="show_license")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        license_uses: NamedDependency[LicenseUses],
        slug: FromPath[str],
    ) -> Response[Any]:
        """Show the version that is in force."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()

        def load(session: Session) -> views.LicenseShown | Refusal:
            versions = service.list_versions(session, slug)
            if not versions:
                return publication.no_such_license(slug)
            number = views.in_force(versions, now).number
            return load_version(session, slug, number, uses=license_uses)

        return await _page(request, desk, visit, await desk.database.read(load))

    @get("/{slug:str}/compare", operation_id="show_license_comparison")
    async def compare(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        slug: FromPath[str],
        old: Annotated[str | None, QueryParameter(name="from", max_length=NUMBER_MAX_CHARACTERS)] = None,
        new: Annotated[str | None, QueryParameter(name="to", max_length=NUMBER_MAX_CHARACTERS)] = None,
    ) -> Response[Any]:
        """Show what changed between two versions, clause by clause; the last two where none are named."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        loaded = await desk.database.read(lambda session: load_pair(session, slug, old=old, new=new))
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        before, after, versions = loaded
        view = await asyncio.to_thread(views.compare_view, before, after, versions, now=now)
        return respond(desk.pages.render("licenses/compare.html", page=visit.page, view=view))

    @get("/{slug:str}/{name:str}", operation_id="show_license_version")
    async def version(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        license_uses: NamedDependency[LicenseUses],
        slug: FromPath[str],
        name: FromPath[str],
    ) -> Response[Any]:
        """Show one version; with `.txt` or `.json` at the end, send it as that."""
        answer = await answer_file(request, desk.database, slug=slug, name=name)
        if answer is not None:
            return answer
        visit = await desk.visits.begin(request)
        loaded = await desk.database.read(
            lambda session: load_version(session, slug, name, uses=license_uses)
        )
        return await _page(request, desk, visit, loaded)


async def _page(
    request: AnyRequest, desk: Desk, visit: Visit, loaded: views.LicenseShown | Refusal
) -> Response[Any]:
    if isinstance(loaded, Refusal):
        return refuse(request, loaded)
    now = desk.clock.now()

    def draw() -> str:
        view = views.version_view(loaded, service.recognise(loaded.version), now=now)
        return desk.pages.render("licenses/version.html", page=visit.page, view=view)

    return respond(await asyncio.to_thread(draw))


def load_version(
    session: Session, slug: str, number: str, *, uses: LicenseUses
) -> views.LicenseShown | Refusal:
    """Return a version with what its page shows beside it."""
    version = service.get_version(session, slug, number)
    if isinstance(version, Refusal):
        return version
    position = ledger.find_position(session, version.entry_id)
    return views.LicenseShown(
        version=version,
        terms=service.find_terms(session, version.id),
        versions=service.list_versions(session, slug),
        models=uses.count_models(session, [version.slug]).get(version.slug, 0),
        entry_index=position.index if position else None,
    )


def load_pair(
    session: Session, slug: str, *, old: str | None, new: str | None
) -> tuple[Version, Version, Sequence[VersionSummary]] | Refusal:
    """Return two versions of a license, and all of them to choose from."""
    versions = service.list_versions(session, slug)
    if not versions:
        return publication.no_such_license(slug)
    to_number = new or versions[-1].number
    earlier = [one.number for one in versions if one.number != to_number]
    before = service.get_version(session, slug, old or (earlier[-1] if earlier else to_number))
    after = service.get_version(session, slug, to_number)
    if isinstance(before, Refusal):
        return before
    return after if isinstance(after, Refusal) else (before, after, versions)


def _restrictions(session: Session, found: Sequence[LicenseSummary]) -> Mapping[str, int]:
    return {one.slug: len(service.find_terms(session, one.latest.id).restrictions) for one in found}
