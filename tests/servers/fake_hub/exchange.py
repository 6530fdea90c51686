"""One call: what was asked, what is answered, and the ways to say no."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.fake_hub.state import Model, State, Token

WRONG_TOKEN = "Invalid credentials in Authorization header"
Headers = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class No(Exception):
    """The Hub refuses, as it is known to."""

    def __init__(self, status: int, message: str, *, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["X-Error-Message"] = message
        if code is not None:
            given["X-Error-Code"] = code
        self.answer = as_json({"error": message}, status=status, headers=given)


class Violation(Exception):
    """The caller did what no specification tells; the answer is a no, and the test fails."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(kw_only=True)
class Call:
    state: State
    url: str
    """The Hub's own address."""
    method: str
    path: str
    """Without percent signs, the query cut off."""
    raw_path: str = ""
    """As it was sent."""
    query: list[tuple[str, str]]
    headers: Headers
    """Names in lower case."""
    body: bytes
    token: Token | None = None

    def query_of(self, *allowed: str) -> dict[str, str]:
        """The query, each name at most once and none that is not allowed."""
        found: dict[str, str] = {}
        for name, value in self.query:
            if name not in allowed:
                raise Violation(400, f"unknown query parameter {name!r} of {self.path}")
            if name in found:
                raise Violation(400, f"query parameter {name!r} twice")
            found[name] = value
        return found

    def json_of(self, *allowed: str) -> dict[str, Any]:
        """The body, an object with no name that is not allowed."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Violation(400, f"the body of {self.path} is not sent as application/json")
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Violation(400, f"the body of {self.path} is not JSON") from None
        if not isinstance(found, dict):
            raise Violation(400, f"the body of {self.path} is no object")
        if unknown := sorted(set(found) - set(allowed)):
            raise Violation(400, f"unknown fields of {self.path}: {', '.join(unknown)}")
        return found

    def form_or_json(self) -> dict[str, Any]:
        """The body as a form or an object; any names."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        found = json.loads(self.body or b"{}")
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise Violation(400, "answers to a form are strings")
        return found

    def no_query(self) -> None:
        """There is no query."""
        self.query_of()

    def signed_in(self) -> Token:
        """The caller's token; a refusal where there is none."""
        if self.token is None:
            raise No(401, "Invalid username or password.")
        return self.token

    def model(self, name: str) -> Model:
        """The repository; moved ones answer 307, absent and hidden ones as the Hub says it."""
        found = self.state.find_model(name)
        if found is None and (moved := self.state.find_moved(name)) is not None:
            rest = self.path.replace(f"/{name}", f"/{moved.name}", 1)
            query = "&".join(f"{key}={value}" for key, value in self.query)
            address = f"{self.url}{rest}{'?' if query else ''}{query}"
            raise No(307, f"moved to {moved.name}", Location=address)
        if found is None or not self.state.may_see(self.token, found):
            if self.token is None:
                raise No(401, "Invalid username or password.")
            raise No(404, "Repository not found", code="RepoNotFound")
        return found

    def managed(self, name: str) -> tuple[Token, Model]:
        """The caller's token and the repository that it may manage."""
        token = self.signed_in()
        model = self.model(name)
        if not self.state.may_manage(token, model):
            raise No(403, "You need the write role at this repository.")
        return token, model


def as_json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer of JSON."""
    body = json.dumps(value).encode()
    return Answer(status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=body)
