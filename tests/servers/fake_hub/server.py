"""The Hub as an HTTP server on a thread, with the hand that tests move it by."""

import json
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.fake_hub import faults as faults_module
from tests.servers.fake_hub import gates, repositories
from tests.servers.fake_hub.exchange import WRONG_TOKEN, Answer, Call, No, Violation, as_json
from tests.servers.fake_hub.faults import UNDONE, Fault, Limits, Trouble, bucket_of
from tests.servers.fake_hub.routes import find_route
from tests.servers.fake_hub.state import Gate, Large, Model, Organisation, State, Token, User, stamp
from tests.servers.fake_hub.wire import Listener, post

CONTROL = "/-/"
"""Paths by which tests in other languages and processes move the Hub; the real one has none of them."""
DELIVERIES_MOST = 1_000
"""Triggers of webhooks a day."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One call that reached the Hub."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int


class FakeHub:
    """Listens on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, *, port: int = 0) -> None:
        self.state = State()
        self.limits = Limits()
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.violations: list[str] = []
        self.deliveries = 0
        self.before_call: Callable[[str, str], None] | None = None
        """What a test lets happen before a call is answered: it is given method and path."""
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._numbers = 0
        self._server = Listener(port, self.answer, self._ending.wait)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening; calls that wait for an answer lose their connection."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What tests set up.

    def add_user(self, name: str, *, is_pro: bool = False) -> User:
        """A person with an address at example.org."""
        with self._lock:
            made = User(
                id=self.state.new_id(),
                name=name,
                fullname=f"{name.title()} Example",
                email=f"{name}@example.org",
                is_pro=is_pro,
            )
            self.state.users[made.id] = made
            return made

    def sign_in(self, user: str) -> None:
        """The person is signed in at the Hub's pages in the one browser that there is."""
        with self._lock:
            self.state.browser = self.user(user).id

    def add_organisation(self, name: str, **roles: str) -> Organisation:
        """An organisation; names of its members to their roles."""
        with self._lock:
            made = Organisation(
                id=self.state.new_id(),
                name=name,
                roles={self.user(member).id: role for member, role in roles.items()},
            )
            self.state.organisations[name] = made
            return made

    def add_token(
        self, user: str, *, role: str = "write", repos: Sequence[str] = (), scopes: Sequence[str] = ()
    ) -> str:
        """A token of the person: of the settings, or of OAuth if it has scopes."""
        with self._lock:
            prefix = "hf_oauth_" if scopes else "hf_"
            token = f"{prefix}{self.state.new_id():t>34}"
            self.state.tokens[token] = Token(
                user_id=self.user(user).id,
                role=role,
                repos=frozenset(self.model(one).id for one in repos),
                scopes=frozenset(scopes),
            )
            return token

    def add_model(
        self, name: str, *, gated: str | bool = False, private: bool = False, hides_names: bool = False
    ) -> Model:
        """A repository with a card."""
        with self._lock:
            made = Model(
                id=self.state.new_id(),
                name=name,
                gated=gated,
                private=private,
                hides_names=hides_names,
                created=self.state.clock.now,
            )
            card = b"---\nlicense: openrail\n---\n# A model\n"
            author = name.partition("/")[0]
            self.state.commit(
                made, title="initial commit", message="", author=author, files={"README.md": card}
            )
            self.state.models[name] = made
            return made

    def put_file(self, model: str, path: str, content: bytes) -> None:
        """A commit by somebody else."""
        with self._lock:
            found = self.model(model)
            files = {**found.head.files, path: content}
            self.state.commit(found, title=f"Upload {path}", message="", author=found.namespace, files=files)

    def put_large(self, model: str, path: str, *, sha256: str, size: int) -> None:
        """A commit by somebody else, of a file whose bytes are in the storage for large ones."""
        with self._lock:
            large = Large(sha256=sha256, size=size)
            self.put_file(model, path, large.pointer)
            self.model(model).head.large[path] = large

    def ask(self, model: str, user: str, **fields: str) -> None:
        """Let the person send the form of the gate."""
        with self._lock:
            gates.submit(self.state, self.model(model), self.user(user), fields)

    def set_status(self, model: str, user: str, status: str) -> None:
        """Decide by hand, as on the pages of the Hub; the request must exist."""
        with self._lock:
            gate = self.model(model).gate
            request = gate.requests[self.user(user).id]
            request.status = status
            request.reviewed_at = None if status == "pending" else self.state.clock.now
            self.state.note_requests(gate)

    def set_gated(self, model: str, gated: str | bool) -> None:
        """Set the gate by hand."""
        with self._lock:
            self.model(model).gated = gated

    def group(self, *models: str) -> None:
        """Let one decision count for all of these repositories, as a gating group does."""
        with self._lock:
            shared = Gate()
            for one in models:
                self.model(one).gate = shared

    def rename_user(self, name: str, new_name: str) -> None:
        """The id stays."""
        with self._lock:
            self.user(name).name = new_name

    def delete_user(self, name: str) -> None:
        """The account, its tokens and its requests are gone."""
        with self._lock:
            gone = self.user(name)
            self.state.tokens = {key: one for key, one in self.state.tokens.items() if one.user_id != gone.id}
            for model in self.state.models.values():
                if model.gate.requests.pop(gone.id, None) is not None:
                    self.state.note_requests(model.gate)
            del self.state.users[gone.id]

    def rename_model(self, name: str, new_name: str) -> None:
        """The old name leads to the new one."""
        with self._lock:
            repositories.rename(self.state, self.model(name), new_name)

    def delete_model(self, name: str) -> None:
        """The repository and its requests are gone."""
        with self._lock:
            self.state.note_event(self.model(name), "delete", "repo")
            del self.state.models[name]

    def revoke_token(self, token: str) -> None:
        """From now on nobody's."""
        with self._lock:
            self.state.tokens.pop(token, None)

    def set_quota(self, user: str, quota: int, *, bucket: str = "api") -> None:
        """What the account may do in a window; strangers by the empty name."""
        with self._lock:
            self.limits.quotas[user, bucket] = quota

    def set_lag(self, seconds: float) -> None:
        """How long lists show what was."""
        with self._lock:
            self.state.lag_seconds = seconds

    def advance(self, seconds: float) -> None:
        """Move the Hub's clock."""
        with self._lock:
            self.state.clock.advance(seconds)

    def fail(self, trouble: str, **given: Any) -> Fault:
        """Let calls go wrong; see `Fault`."""
        with self._lock:
            fault = Fault(trouble=Trouble(trouble), **given)
            self.faults.append(fault)
            return fault

    # What tests look at.

    def user(self, name: str) -> User:
        """The person, who must exist."""
        found = self.state.find_user(name)
        assert found is not None, name
        return found

    def model(self, name: str) -> Model:
        """The repository of this name now, which must exist."""
        return self.state.models[name]

    def statuses(self, model: str) -> dict[str, str]:
        """Names to the states of their requests, lag or not."""
        with self._lock:
            requests = self.model(model).gate.requests.values()
            return {self.state.users[one.user_id].name: one.status for one in requests}

    def calls(self, method: str = "", path: str = "") -> list[Seen]:
        """The calls so far of this method whose path holds `path`."""
        with self._lock:
            return [one for one in self.seen if one.method == (method or one.method) and path in one.path]

    def take_violations(self) -> list[str]:
        """What went against the specification so far; it fails the test no more."""
        with self._lock:
            taken, self.violations = self.violations, []
            return taken

    def deliver(self) -> list[int]:
        """Tell webhooks what happened since the last time; return what they answered (0: nothing)."""
        with self._lock:
            events, self.state.events = self.state.events, []
            hooks = list(self.state.webhooks.values())
        answers = []
        for name, namespace, payload in events:
            for hook in hooks:
                if {"type": "model", "name": name} not in hook.watched and not any(
                    one["type"] in {"user", "org"} and one["name"] == namespace for one in hook.watched
                ):
                    continue
                if self.deliveries < DELIVERIES_MOST:
                    self.deliveries += 1
                    body = {**payload, "webhook": {"id": hook.id, "version": 3}}
                    answers.append(post(hook.url, body, hook.secret))
        return answers

    def shown_state(self) -> dict[str, Any]:
        """What tests in other languages look at."""
        with self._lock:
            return {
                "now": stamp(self.state.clock.now),
                "violations": self.violations,
                "models": {
                    name: {
                        "_id": one.id,
                        "gated": one.gated,
                        "sha": one.head.id,
                        "requests": self.statuses(name),
                    }
                    for name, one in self.state.models.items()
                },
                "calls": [[one.method, one.path, one.query, one.status] for one in self.seen],
            }

    # What the HTTP server asks.

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answer, Trouble | None]:
        """Answer a call; with what goes wrong with it."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        if path.startswith(CONTROL):
            return self._control(method, path, body), None
        if self.before_call is not None:
            self.before_call(method, path)
        with self._lock:
            self._numbers += 1
            number = self._numbers
            fault = next((one for one in self.faults if one.meets(method, path)), None)
            call = Call(
                state=self.state,
                url=self.url,
                method=method,
                path=path,
                raw_path=parts.path,
                query=parse_qsl(parts.query, keep_blank_values=True),
                headers=headers,
                body=body,
            )
            honest = None if fault is not None and fault.trouble in UNDONE else self._honest(call, fault)
            if fault is not None and fault.trouble is Trouble.SILENT:
                honest = Answer(status=200)
            if fault is not None:
                honest = faults_module.answer_of(fault, honest, url=self.url, path=parts.path, number=number)
            assert honest is not None
            answer = Answer(
                status=honest.status,
                headers={"X-Request-Id": f"Root=1-{number:08x}", **honest.headers},
                body=honest.body,
            )
            self.seen.append(
                Seen(
                    method=method,
                    path=path,
                    query=parts.query,
                    headers=headers,
                    body=body,
                    status=answer.status,
                )
            )
        return answer, fault.trouble if fault is not None else None

    def _honest(self, call: Call, fault: Fault | None) -> Answer:
        limit_headers: dict[str, str] = {}
        try:
            given = call.headers.get("authorization")
            if given is not None:
                kind, _, token = given.partition(" ")
                if kind != "Bearer":
                    raise Violation(400, f"authorization of the kind {kind}")
                if fault is not None and fault.trouble is Trouble.TOKEN_REVOKED:
                    self.state.tokens.pop(token, None)
                call.token = self.state.tokens.get(token)
                if call.token is None:
                    raise No(401, WRONG_TOKEN)
            within, limit_headers = self.limits.count(self.state, call.token, bucket_of(call.path))
            if not within:
                raise No(429, "We had to rate limit you.")
            handler, groups = find_route(call)
            found = handler(call, *groups)
        except No as no:
            found = no.answer
        except Violation as violation:
            self.violations.append(f"{call.method} {call.path}: {violation}")
            found = as_json({"error": str(violation)}, status=violation.status)
        except Exception:  # noqa: BLE001 - whatever a strange body does to a handler is the caller's violation
            self.violations.append(f"{call.method} {call.path}: {traceback.format_exc(limit=-2)}")
            found = as_json({"error": "not understood"}, status=400)
        return Answer(status=found.status, headers={**limit_headers, **found.headers}, body=found.body)

    def _control(self, method: str, path: str, body: bytes) -> Answer:
        if (method, path) == ("GET", f"{CONTROL}state"):
            return as_json(self.shown_state())
        deed = path.removeprefix(CONTROL)
        if method != "POST" or deed not in DEEDS:
            return as_json({"error": f"no such deed: {method} {path}"}, status=404)
        done = getattr(self, deed)(*json.loads(body).get("args", []), **json.loads(body).get("kwargs", {}))
        value = asdict(done) if isinstance(done, User | Organisation | Fault) else done
        return as_json({"done": done.id if isinstance(done, Model) else value})


DEEDS = frozenset(
    {
        "add_model",
        "add_organisation",
        "add_token",
        "add_user",
        "advance",
        "ask",
        "delete_model",
        "delete_user",
        "deliver",
        "fail",
        "group",
        "rename_model",
        "rename_user",
        "revoke_token",
        "set_gated",
        "set_lag",
        "set_quota",
        "set_status",
        "sign_in",
        "statuses",
        "take_violations",
    }
)
"""The methods that `POST /-/{name}` calls, with `args` and `kwargs` of a JSON object."""


@contextmanager
def serving(*, strict: bool = True) -> Iterator[FakeHub]:
    """A Hub until the block ends; fails if anybody went against the specification."""
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()
    assert not strict or not hub.violations, "against the specification: " + "; ".join(hub.violations)
