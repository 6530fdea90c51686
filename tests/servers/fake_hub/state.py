"""What the Hub knows: people, organisations, tokens, repositories, requests for access, webhooks; and its clock."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 1, tzinfo=UTC)
"""A multiple of five minutes: windows of limits start with it."""
STATES = ("pending", "accepted", "rejected", "reset")


class HubClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, seconds: float) -> None:
        """Move the time on."""
        self.now += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class User:
    id: str
    name: str
    fullname: str
    email: str
    is_pro: bool = False


@dataclass(kw_only=True)
class Organisation:
    id: str
    name: str
    roles: dict[str, str] = field(default_factory=dict)
    """Ids of members to `read`, `contributor`, `write` or `admin`."""


@dataclass(kw_only=True)
class Token:
    user_id: str
    role: str
    """`read`, `write` or `fineGrained`."""
    repos: frozenset[str] = frozenset()
    """Ids of the repositories that a fine-grained token may write."""
    scopes: frozenset[str] = frozenset()
    """What an OAuth token was given; empty for tokens made in the settings."""


@dataclass(kw_only=True)
class Request:
    """One person's request for one gate (`_id` of the Hub is `id` here)."""

    id: str
    user_id: str
    status: str
    timestamp: datetime
    fields: dict[str, str] = field(default_factory=dict)
    reviewed_at: datetime | None = None
    granted_by: str | None = None
    by_grant: bool = False
    """Whether it exists because the owner granted access; then the e-mail address is hidden."""


@dataclass(kw_only=True)
class Commit:
    id: str
    title: str
    message: str
    date: datetime
    author: str
    files: dict[str, bytes]
    """Small files, and the pointers of large ones."""
    large: dict[str, "Large"] = field(default_factory=dict)
    """What the pointers stand for."""


@dataclass(frozen=True, kw_only=True)
class Large:
    """A file in the storage for large ones; its bytes are not here."""

    sha256: str
    size: int

    @property
    def pointer(self) -> bytes:
        """What Git has in its place."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()


@dataclass(kw_only=True)
class Gate:
    """Requests by the id of the person; several repositories of a group share one."""

    requests: dict[str, Request] = field(default_factory=dict)
    history: list[tuple[datetime, tuple[Request, ...]]] = field(default_factory=list)
    """What lists show from when on."""


@dataclass(kw_only=True)
class Model:
    id: str
    """24 hex digits; stays through renames."""
    name: str
    """`namespace/name`."""
    gated: str | bool = False
    private: bool = False
    hides_names: bool = False
    created: datetime = START
    gate: Gate = field(default_factory=Gate)
    commits: list[Commit] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    """The settings that nobody can read back."""

    @property
    def namespace(self) -> str:
        """The user or organisation that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def head(self) -> Commit:
        """The last commit of `main`."""
        return self.commits[-1]

    def find_commit(self, revision: str) -> Commit | None:
        """`main`, or a commit by its id."""
        if revision == "main":
            return self.head
        return next((one for one in self.commits if one.id == revision), None)


@dataclass(kw_only=True)
class Webhook:
    id: str
    user_id: str
    url: str
    secret: str | None
    watched: list[dict[str, str]]
    domains: list[str]


@dataclass(kw_only=True)
class State:
    """All of it; whoever holds the server's lock may read and change it."""

    clock: HubClock = field(default_factory=HubClock)
    users: dict[str, User] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    """By their present names."""
    moved: dict[str, str] = field(default_factory=dict)
    """Old names to the ids of the repositories."""
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    events: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    """Name of the repository, its namespace and the payload of what no webhook was told yet."""
    browser: str = ""
    """Id of who is signed in at the Hub's pages, and comes back from there with a code."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    lag_seconds: float = 0.0
    """How long lists of requests show what was."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> str:
        """24 hex digits that nothing else has."""
        return f"6a0000{next(self._numbers):018x}"

    def find_user(self, name: str) -> User | None:
        """The person of this name; names know no case."""
        return next((one for one in self.users.values() if one.name.lower() == name.lower()), None)

    def find_model(self, name: str) -> Model | None:
        """The repository of this name now."""
        return self.models.get(name)

    def find_moved(self, name: str) -> Model | None:
        """The repository that had this name."""
        found = self.moved.get(name)
        return next((one for one in self.models.values() if one.id == found), None)

    def role_in(self, user_id: str, namespace: str) -> str | None:
        """What the person is in the namespace."""
        user = self.users[user_id]
        if user.name == namespace:
            return "admin"
        organisation = self.organisations.get(namespace)
        return None if organisation is None else organisation.roles.get(user_id)

    def may_manage(self, token: Token, model: Model) -> bool:
        """Whether the token has the write role at the repository."""
        if self.role_in(token.user_id, model.namespace) not in {"write", "admin"}:
            return False
        return token.role == "write" or (token.role == "fineGrained" and model.id in token.repos)

    def may_see(self, token: Token | None, model: Model) -> bool:
        """Whether the repository exists for whoever shows this token."""
        return not model.private or (
            token is not None and self.role_in(token.user_id, model.namespace) is not None
        )

    def commit(
        self, model: Model, *, title: str, message: str, author: str, files: dict[str, bytes]
    ) -> Commit:
        """Put a commit on `main`."""
        seed = f"{model.id}/{len(model.commits)}/{title}".encode() + b"".join(
            path.encode() + hashlib.sha256(content).digest() for path, content in sorted(files.items())
        )
        before = model.commits[-1].large if model.commits else {}
        made = Commit(
            large={path: one for path, one in before.items() if files.get(path) == one.pointer},
            id=hashlib.sha1(seed, usedforsecurity=False).hexdigest(),
            title=title,
            message=message,
            date=self.clock.now,
            author=author,
            files=files,
        )
        model.commits.append(made)
        return made

    def note_requests(self, gate: Gate) -> None:
        """Let lists show, after the lag, what the requests are now."""
        copies = tuple(Request(**vars(one)) for one in gate.requests.values())
        if gate.history and gate.history[-1][0] == self.clock.now:
            del gate.history[-1]  # Of one moment the last is shown.
        gate.history.append((self.clock.now, copies))

    def shown_requests(self, gate: Gate) -> Iterable[Request]:
        """The requests as lists show them at this time."""
        visible = [
            requests
            for since, requests in gate.history
            if since + timedelta(seconds=self.lag_seconds) <= self.clock.now
        ]
        return visible[-1] if visible else ()

    def note_event(self, model: Model, action: str, scope: str, **more: object) -> None:
        """Keep what webhooks are to be told."""
        payload: dict[str, object] = {
            "event": {"action": action, "scope": scope},
            "repo": {
                "type": "model",
                "name": model.name,
                "id": model.id,
                "private": model.private,
                "headSha": model.head.id,
            },
            **more,
        }
        self.events.append((model.name, model.namespace, payload))


def stamp(time: datetime) -> str:
    """As the Hub writes times; its client takes no offset but Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
