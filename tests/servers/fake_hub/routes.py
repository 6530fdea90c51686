"""Which path is which deed; whatever is not here is against the specification."""

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote

from tests.servers.fake_hub import accounts, gates, repositories, signing_in
from tests.servers.fake_hub.exchange import Answer, Call, Violation

Handler: TypeAlias = Callable[..., Answer]

_MODEL = r"(?P<model>[A-Za-z0-9][\w.-]*/[\w.-]+)"
_REVISION = r"(?P<revision>[^/]+)"
_REQUESTS = rf"/api/models/{_MODEL}/user-access-request"
_ROUTES: tuple[tuple[str, dict[str, Handler]], ...] = (
    (r"/api/whoami-v2", {"GET": accounts.whoami}),
    (r"/api/users/([\w.-]+)/overview", {"GET": accounts.overview}),
    (r"/\.well-known/openid-configuration", {"GET": signing_in.discovery}),
    (r"/oauth/authorize", {"GET": signing_in.authorize}),
    (r"/oauth/token", {"POST": signing_in.token}),
    (r"/oauth/jwks", {"GET": signing_in.jwks}),
    (r"/oauth/userinfo", {"GET": accounts.userinfo}),
    (r"/api/settings/webhooks", {"GET": accounts.list_webhooks, "POST": accounts.create_webhook}),
    (r"/api/validate-yaml", {"POST": repositories.validate_yaml}),
    (r"/api/repos/create", {"POST": repositories.create}),
    (r"/api/repos/delete", {"DELETE": repositories.delete}),
    (r"/api/repos/move", {"POST": repositories.move}),
    (rf"/api/models/{_MODEL}", {"GET": repositories.info}),
    (rf"/api/models/{_MODEL}/revision/{_REVISION}", {"GET": repositories.info}),
    (rf"/api/models/{_MODEL}/tree/{_REVISION}", {"GET": repositories.tree}),
    (rf"/api/models/{_MODEL}/commits/{_REVISION}", {"GET": repositories.commits}),
    (rf"/api/models/{_MODEL}/preupload/{_REVISION}", {"POST": repositories.preupload}),
    (rf"/api/models/{_MODEL}/commit/{_REVISION}", {"POST": repositories.commit}),
    (rf"/api/models/{_MODEL}/auth-check", {"GET": repositories.auth_check}),
    (rf"/api/models/{_MODEL}/settings", {"PUT": gates.settings}),
    (rf"{_REQUESTS}/handle", {"POST": gates.handle}),
    (rf"{_REQUESTS}/grant", {"POST": gates.grant}),
    (rf"{_REQUESTS}/batch", {"POST": gates.batch}),
    (rf"{_REQUESTS}/cancel", {"POST": gates.withdraw}),
    (rf"{_REQUESTS}/(pending|accepted|rejected|reset)", {"GET": gates.requests_of}),
    (rf"/{_MODEL}/ask-access", {"POST": gates.ask}),
    (rf"/{_MODEL}/user-access-report", {"GET": gates.report}),
    (rf"/{_MODEL}/resolve/{_REVISION}/(.+)", {"GET": repositories.resolve, "HEAD": repositories.resolve}),
    (rf"/{_MODEL}/raw/{_REVISION}/(.+)", {"GET": repositories.raw, "HEAD": repositories.raw}),
)
_COMPILED = tuple((re.compile(pattern), methods) for pattern, methods in _ROUTES)


def find_route(call: Call) -> tuple[Handler, tuple[str, ...]]:
    """Return who answers the call, and the parts of its path."""
    for pattern, methods in _COMPILED:
        # A revision's slashes are percent-encoded, so the path is taken apart before it is decoded.
        if (found := pattern.fullmatch(call.raw_path)) is None:
            continue
        if call.method not in methods:
            raise Violation(405, f"{call.method} is not for this path")
        return methods[call.method], tuple(unquote(one) for one in found.groups())
    raise Violation(404, "no such path")
