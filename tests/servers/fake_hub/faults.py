"""Faults on demand, and the limits of requests in fixed windows."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from tests.servers.fake_hub.exchange import Answer, as_json
from tests.servers.fake_hub.state import START, State, Token

WINDOW_SECONDS = 300
Quotas: TypeAlias = dict[tuple[str, str], int]


class Trouble(StrEnum):
    """What goes wrong."""

    TOO_MANY = "too_many"
    ERROR = "error"
    BAD_GATEWAY = "bad_gateway"
    SILENT = "silent"
    """No answer until the server ends."""
    CUT = "cut"
    """Half of the honest answer; what was asked is done."""
    WRONG_JSON = "wrong_json"
    NOT_JSON = "not_json"
    HTML = "html"
    ENDLESS = "endless"
    """Every page names a next one."""
    ELSEWHERE = "elsewhere"
    """A redirect to `Fault.location`."""
    EMPTY_YES = "empty_yes"
    """200 with an empty object; nothing is done."""
    SAID = "said"
    """What the fault says: status, headers and body; nothing is done."""
    TOKEN_REVOKED = "token_revoked"
    """The caller's token ends with this call."""


@dataclass(kw_only=True)
class Fault:
    """The next `times` calls of this method whose path holds `path` go wrong, after `skip` that do not."""

    trouble: Trouble
    method: str = ""
    path: str = ""
    times: int = 1
    skip: int = 0
    seconds: int = 1
    """After which a refused caller may come again."""
    location: str = "http://127.0.0.1:9/"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"

    def meets(self, method: str, path: str) -> bool:
        """Whether this call goes wrong; counts it."""
        if self.times <= 0 or (self.method and method != self.method) or self.path not in path:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def answer_of(fault: Fault, honest: Answer | None, *, url: str, path: str, number: int) -> Answer:
    """What is sent for the fault; `honest` is the true answer where the call was carried out."""
    match fault.trouble:
        case Trouble.TOO_MANY:
            headers = {
                "RateLimit": f'"api";r=0;t={fault.seconds}',
                "RateLimit-Policy": '"fixed window";"api";q=1000;w=300',
            }
            return as_json({"error": "Too many requests"}, status=429, headers=headers)
        case Trouble.ERROR:
            return as_json({"error": "Internal Error - We're working hard to fix this."}, status=500)
        case Trouble.BAD_GATEWAY:
            page = b"<html><head><title>502 Bad Gateway</title></head></html>"
            return Answer(status=502, headers={"Content-Type": "text/html"}, body=page)
        case Trouble.WRONG_JSON:
            return as_json({"unexpected": ["shape"]})
        case Trouble.NOT_JSON:
            return Answer(status=200, headers={"Content-Type": "application/json"}, body=b'[{"user": ')
        case Trouble.HTML:
            page = b"<!doctype html><title>Sign in to the network</title>"
            return Answer(status=200, headers={"Content-Type": "text/html"}, body=page)
        case Trouble.ELSEWHERE:
            return Answer(status=302, headers={"Location": fault.location})
        case Trouble.EMPTY_YES:
            return as_json({})
        case Trouble.ENDLESS:
            following = f'<{url}{path}?limit=1000&cursor={number}>; rel="next"'
            return as_json([], headers={"Link": following})
        case Trouble.SAID:
            return Answer(status=fault.status, headers=fault.headers, body=fault.body.encode())
        case Trouble.CUT | Trouble.SILENT | Trouble.TOKEN_REVOKED:
            assert honest is not None
            return honest


UNDONE = frozenset(Trouble) - {Trouble.CUT, Trouble.TOKEN_REVOKED}
"""Troubles in which what was asked is not done."""


@dataclass(kw_only=True)
class Limits:
    """Requests per account (or all strangers together) and bucket, in windows of five minutes."""

    quotas: Quotas = field(default_factory=dict)
    """Account name (empty for strangers) and bucket to what it may do in a window, where it is unusual."""
    _used: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def count(self, state: State, token: Token | None, bucket: str) -> tuple[bool, dict[str, str]]:
        """Count a call; return whether it is within the quota, and the headers that say so."""
        user = state.users[token.user_id] if token is not None else None
        name = user.name if user is not None else ""
        quota = self.quotas.get(
            (name, bucket), _quota(bucket, signed_in=bool(user), is_pro=bool(user and user.is_pro))
        )
        passed = (state.clock.now - START).total_seconds()
        window = int(passed // WINDOW_SECONDS)
        key = (user.id if user is not None else "", bucket, window)
        self._used[key] = self._used.get(key, 0) + 1
        left = max(0, quota - self._used[key])
        reset = max(1, math.ceil((window + 1) * WINDOW_SECONDS - passed))
        headers = {
            "RateLimit": f'"{bucket}";r={left};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={quota};w={WINDOW_SECONDS}',
        }
        return self._used[key] <= quota, headers


def bucket_of(path: str) -> str:
    """Which of the three buckets a path counts in."""
    if path.startswith(("/api/", "/oauth/")):
        return "api"
    return "resolvers" if "/resolve/" in path else "pages"


def _quota(bucket: str, *, signed_in: bool, is_pro: bool) -> int:
    # Pages have a quota of their own that is not documented.
    if bucket == "resolvers":
        return (12_000 if is_pro else 5_000) if signed_in else 3_000
    return (2_500 if is_pro else 1_000) if signed_in else 500
