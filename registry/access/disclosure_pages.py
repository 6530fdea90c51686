"""`/{publisher}/{model}/hub`: a person has their account let in at the repository of the Hub that follows, or no more."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from registry.access import disclosures
from registry.access.disclosures import HubStanding
from registry.catalog.domain import model_url
from registry.identity.domain import Channel
from registry.identity.oidc import RelyingParty
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class HubPages(Controller):
    """What is told to the Hub, and the buttons of the person whom it is told about."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}/hub", operation_id="show_hub_standing")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Say what would be told, and of which account; opening the page tells nothing."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION or visit.principal.person_id is None:
            return Redirect(f"/sign-in?next={quote(visit.page.path, safe='/')}", status_code=303)
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: disclosures.find_standing(
                session,
                publisher=publisher,
                name=model,
                issuer=desk.settings.hub_endpoint,
                principal=visit.principal,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        view = hub_view(found, relying_party, desk.settings.hub_endpoint)
        return respond(desk.pages.render("catalog/hub.html", page=visit.page, view=view))

    @post("/{publisher:str}/{model:str}/hub", operation_id="agree_to_hub_disclosure", status_code=303)
    async def agree(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Name the chosen account at the repository from now on."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, account, repository = desk.clock.now(), form.text("account"), form.text("repository")
        outcome = await desk.database.write(
            lambda session: disclosures.agree(
                session,
                publisher=publisher,
                name=model,
                account=account,
                repository=repository,
                issuer=desk.settings.hub_endpoint,
                principal=visit.principal,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(disclosures.hub_page(outcome.model), status_code=303)

    @post("/{publisher:str}/{model:str}/hub/back", operation_id="end_hub_disclosure", status_code=303)
    async def back(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Name the person no more."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: disclosures.take_back(
                session, publisher=publisher, name=model, principal=visit.principal, now=now
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(disclosures.hub_page(outcome), status_code=303)


def hub_view(found: HubStanding, party: RelyingParty, endpoint: str) -> SimpleNamespace:
    """Return what the page is given."""
    model = found.model
    provider = party.find_by_issuer(endpoint)
    page = disclosures.hub_page(model)
    named = found.account
    return SimpleNamespace(
        model=model.repo_id,
        model_url=model_url(model.publisher, model.name),
        repository=model.hub_repository,
        host=urlsplit(endpoint).hostname or endpoint,
        is_permitted=found.is_permitted,
        named=SimpleNamespace(name=named.name, at=found.standing.agreed_at)
        if named and found.standing
        else None,
        accounts=[SimpleNamespace(id=str(one.id), name=one.name) for one in found.accounts],
        provider=SimpleNamespace(name=provider.name, post_url=f"/settings/identities/add/{provider.id}")
        if provider
        else None,
        page_url=page,
        back_url=f"{page}/back",
    )
