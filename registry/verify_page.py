"""`/verify`: a receipt is verified in the browser that holds it; nothing of it comes here."""

import json
from dataclasses import dataclass
from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from registry import ledger
from registry.identity.visits import Desk
from registry.kernel.pages import CONTENT_SECURITY_POLICY, respond
from registry.kernel.problems import AnyRequest

# The browser itself sees to it that scripts of this page cannot send what they read.
SENDS_NOTHING = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("connect-src 'self'", "connect-src 'none'")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyView:
    """`about/verify.html`."""

    key_set: str


class VerifyPage(Controller):
    """Verification of receipts, by whoever has one."""

    include_in_schema = False

    @get("/verify", operation_id="show_verification")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Give the page, with the keys that receipts of this registry are signed with."""
        visit = await desk.visits.begin(request)
        keys = await desk.database.read(ledger.list_published_keys)
        view = VerifyView(key_set=json.dumps({"keys": [key.jwk() for key in keys]}))
        html = desk.pages.render("about/verify.html", page=visit.page, view=view)
        return respond(html, headers=SENDS_NOTHING)
