"""Every route of the Hub-compatible surface, wired to the parts it needs."""

from typing import Any

from litestar import Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from registry.hub_api import errors
from registry.hub_api.api import CallerApi, ListApi, ModelApi, OtherKindsApi
from registry.hub_api.commit_api import CommitApi
from registry.hub_api.lfs_api import LargeFilesApi
from registry.hub_api.owner_api import AskingApi, OwnerApi, ReportApi
from registry.hub_api.repository_api import RefsApi, RepositoriesApi
from registry.hub_api.service import Shelf
from registry.identity.authentication import OWN_AUTHENTICATION
from registry.kernel.outcomes import Unavailable, UnfitValue

EXCEPTION_HANDLERS: dict[type[Exception] | int, Any] = {
    HTTPException: errors.handle_http_exception,
    Unavailable: errors.handle_unavailable,
    UnfitValue: errors.handle_unfit_value,
    Exception: errors.handle_defect,
}


def routes() -> tuple[ControllerRouterHandler, ...]:
    """Return the Hub's routes; they look up tokens themselves and answer errors in the Hub's shape."""
    shelf = Shelf()
    router = Router(
        path="/",
        route_handlers=[
            *(ModelApi, ListApi, CallerApi, OtherKindsApi, OwnerApi, AskingApi, ReportApi),
            *(CommitApi, RefsApi, RepositoriesApi, LargeFilesApi),
        ],
        dependencies={"shelf": Provide(lambda: shelf, sync_to_thread=False, use_cache=True)},
        exception_handlers=EXCEPTION_HANDLERS,
        opt={OWN_AUTHENTICATION: True},
        include_in_schema=False,
    )
    return (router,)
