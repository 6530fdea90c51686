"""What the Hub's answers mean. Pure: a status, headers and bytes in, a value or a `Failed` out.

What an owner's API answers was observed, not promised; whatever does not fit is a failure in words, never a guess.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import msgspec

from registry.acceptances.reports import NAME_MOST, Row
from registry.hub_sync.applying import Failed, Trouble
from registry.hub_sync.domain import Action, Applicant, Deed, HubGate, HubState
from registry.hub_sync.weights import PATH_MOST, HubFile
from registry.kernel.identifiers import REPO_ID_MAX_CHARACTERS, is_name, is_sha256_hex

QUOTA = 1_000
"""Requests to the API that a free account of the Hub has in a window."""
WINDOW_SECONDS = 300
SHARE = 0.5
"""Which part of the quota is ours; people use the account as well."""
_RATE = re.compile(r'"(?P<bucket>\w+)"\s*;\s*r\s*=\s*(?P<left>\d{1,9})\s*;\s*t\s*=\s*(?P<seconds>\d{1,9})')
_POLICY = re.compile(r"q\s*=\s*(?P<quota>\d{1,9}).*?w\s*=\s*(?P<window>\d{1,9})")
_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;\s*rel="?next"?')
_GATES: Mapping[object, HubGate] = {"manual": HubGate.MANUAL, "auto": HubGate.AUTO, False: HubGate.OPEN}
_TEXT_MOST = 200
_CELL_MOST = 320
_WORDS_MOST = 180
_ID_SHOWN = 8
_ABOUT_THE_TOKEN = frozenset(
    {"token-unknown", "not-signed-in", "sign-in-needed", "scope-missing", "role-missing", "rate-limited"}
)
"""Refusals of another registry that are about the account, not about one person or setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left of the account's requests, as the Hub stated last."""

    left: int = QUOTA
    quota: int = QUOTA
    reset_seconds: int = 0
    window_seconds: int = WINDOW_SECONDS

    @property
    def is_spent(self) -> bool:
        """Whether our share of the window is used up."""
        return self.left <= self.quota * (1 - SHARE)


def read_budget(headers: Mapping[str, str], known: Budget) -> Budget:
    """Return what the answer says of the quota; what is known already where it says nothing."""
    rate = _RATE.search(headers.get("ratelimit", ""))
    if rate is None:
        return known
    policy = _POLICY.search(headers.get("ratelimit-policy", ""))
    return Budget(
        left=int(rate["left"]),
        reset_seconds=int(rate["seconds"]),
        quota=max(1, int(policy["quota"])) if policy else known.quota,
        window_seconds=max(1, int(policy["window"])) if policy else known.window_seconds,
    )


def estimate_seconds(calls: int, budget: Budget) -> int:
    """Return how long this many calls take within our share of the quota, but for what the Hub needs to answer."""
    share = max(1, math.floor(budget.quota * SHARE))
    now = max(0, budget.left - (budget.quota - share))
    if calls <= now:
        return 0
    windows = math.ceil((calls - now) / share)
    return budget.reset_seconds + (windows - 1) * budget.window_seconds


def judge(status: int, headers: Mapping[str, str], action: Action | None, body: bytes = b"") -> Failed | None:
    """Return why the answer is no yes; None if it is one. `action` is None while something is only read.

    Another registry says in the body which of its refusals it is, and by 202 that something is still needed.
    """
    if status == 202 and action is not None and (action.deed.gives or action.deed is Deed.REJECT):
        words = f"it has no effect there yet{_said(headers)}"
        return Failed(trouble=Trouble.REFUSED, words=words, hub_request_id=request_id_of(headers))
    if 200 <= status < 300:
        return None
    code = headers.get("x-error-code", "")
    own = _own_code(body)
    if action is not None and own and own not in _ABOUT_THE_TOKEN and status in {400, 403, 409}:
        trouble, words = Trouble.REFUSED, f"refused there, {own}{_said(headers)}"
    else:
        trouble, words = _judge(status, code, action)
        words += _said(headers) if own else ""
    return Failed(
        trouble=trouble,
        words=words,
        retry_seconds=_wait(headers) if status in {429, 503} else 0.0,
        hub_request_id=request_id_of(headers),
    )


def is_absent(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the answer says that a commit has no such file.

    Another registry has cards and licenses before its gate, so one that is behind it there is none of them.
    """
    code = headers.get("x-error-code", "")
    return (status == 404 and code == "EntryNotFound") or (
        status == 403 and code == "GatedRepo" and _own_code(body) not in {"", *_ABOUT_THE_TOKEN}
    )


class _OwnProblem(msgspec.Struct, frozen=True):
    code: str = ""
    type: str = ""


def _own_code(body: bytes) -> str:
    """Return the code of another registry's refusal; empty where the answer is none of those."""
    try:
        problem = msgspec.json.decode(body, type=_OwnProblem)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return problem.code if problem.type and re.fullmatch(r"[a-z][a-z-]{1,60}", problem.code) else ""


def _said(headers: Mapping[str, str]) -> str:
    """Return what the answer says in words, as far as it can be shown."""
    said = headers.get("x-error-message", "") or headers.get("x-hf-warning", "").partition("; ")[2]
    return f": {said[:_WORDS_MOST]}" if said and said.isascii() and said.isprintable() else ""


def _judge(status: int, code: str, action: Action | None) -> tuple[Trouble, str]:
    if status == 401:
        return Trouble.TOKEN_REFUSED, "the Hub does not know the token any more, or it has ended"
    if status == 403:
        return (
            Trouble.NOT_ALLOWED,
            "the token may not manage access at this repository; it needs write access",
        )
    if status == 429:
        return Trouble.RATE_LIMITED, "the Hub takes no more requests of this account for now"
    if status in {404, 410} and (code == "RepoNotFound" or action is None):
        return Trouble.REPO_GONE, "the Hub has no such repository, or the token cannot see it"
    if action is not None and status == 404:
        if action.deed is Deed.GRANT:
            return Trouble.REFUSED, "the Hub has no such account"
        return Trouble.STALE, "the Hub has no such request in another state"
    if action is not None and status == 400 and (code == "RepoNotGated" or action.deed is Deed.GRANT):
        return Trouble.STALE, "the Hub has let them in already, or the gate is open"
    if status >= 500:
        return Trouble.UNREACHABLE, f"the Hub answered {status}"
    if 300 <= status < 400:
        return Trouble.UNREADABLE, f"the Hub sent the request elsewhere ({status}), which is not followed"
    if action is not None and action.deed is not Deed.CLOSE:
        return Trouble.REFUSED, f"the Hub refused it ({status})"
    return Trouble.UNREADABLE, f"the Hub answered {status}, which fits nothing that it is known to answer"


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the Hub's name of the request, if it is one that can be put on record."""
    found = headers.get("x-request-id", "")
    return found if re.fullmatch(r"[A-Za-z0-9=;_.:-]{1,100}", found) else ""


def _wait(headers: Mapping[str, str]) -> float:
    rate = _RATE.search(headers.get("ratelimit", ""))
    if rate is not None and int(rate["left"]) == 0:
        return float(min(int(rate["seconds"]) + 1, 3_600))
    after = headers.get("retry-after", "")
    return float(min(int(after), 3_600)) if after.isascii() and after.isdigit() and len(after) < 9 else 0.0


class RepositoryAnswer(msgspec.Struct, frozen=True):
    """`GET /api/models/{id}`: what a mirror needs of it."""

    id: str
    gated: str | bool
    sha: str | None = None
    private: bool = False

    @property
    def gate(self) -> HubGate | None:
        """The gate; None where it is none that is known."""
        return _GATES.get(self.gated)


class _User(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id", default="")
    user: str = ""
    fullname: str | None = None
    email: str | None = None


class _Entry(msgspec.Struct, frozen=True):
    status: str = ""
    user: _User | None = None
    request_id: str = msgspec.field(name="requestId", default="")
    timestamp: str = ""


class _Lfs(msgspec.Struct, frozen=True):
    oid: str
    size: int


class _TreeEntry(msgspec.Struct, frozen=True):
    type: str
    path: str
    oid: str = ""
    size: int = 0
    lfs: _Lfs | None = None


class AccountAnswer(msgspec.Struct, frozen=True):
    """`GET /api/users/{name}/overview`: whose name it is."""

    id: str = msgspec.field(name="_id", default="")


class CommitAnswer(msgspec.Struct, frozen=True):
    """`POST /api/models/{id}/commit/main`: the commit that was made."""

    commit_id: str = msgspec.field(name="commitOid")


class _AccessToken(msgspec.Struct, frozen=True):
    role: str = ""


class _Auth(msgspec.Struct, frozen=True):
    access_token: _AccessToken = msgspec.field(name="accessToken", default=_AccessToken())


class WhoamiAnswer(msgspec.Struct, frozen=True):
    """`GET /api/whoami-v2`: whose token it is, and what it is for."""

    name: str
    auth: _Auth = _Auth()
    id: str = ""

    @property
    def label(self) -> str:
        """How the account is called here; another registry calls people by their address, which is not kept."""
        return self.name if "@" not in self.name else f"person {self.id[:_ID_SHOWN]} at the other registry"

    @property
    def role(self) -> str:
        """`read`, `write`, `fineGrained`, or empty."""
        return self.auth.access_token.role[:_TEXT_MOST]


def parse_list(body: bytes, state: HubState) -> list[Applicant] | Failed:
    """Return the applicants of one page of one list."""
    try:
        entries = msgspec.json.decode(body, type=list[_Entry])
    except (msgspec.DecodeError, RecursionError):
        return unreadable(f"the list of {state.value} requests")
    found = []
    for one in entries:
        user = one.user or _User()
        if one.status and one.status != state.value:
            return unreadable(f"the list of {state.value} requests holds others")
        if not (user.user or user.id or one.request_id) or not _are_fit(user.user, user.id, one.request_id):
            return unreadable(f"an entry of the list of {state.value} requests")
        found.append(Applicant(state=state, user_id=user.id, name=user.user, request_id=one.request_id))
    return found


def parse_acceptors(body: bytes) -> list[Row] | Failed:
    """Return one page of who is let in, as rows of the Hub's report; what a row says is judged like any report's."""
    what = "the list of accepted requests"
    try:
        entries = msgspec.json.decode(body, type=list[_Entry])
    except (msgspec.DecodeError, RecursionError):
        return unreadable(what)
    found = []
    for number, one in enumerate(entries, start=1):
        user = one.user or _User()
        if one.status and one.status != HubState.ACCEPTED.value:
            return unreadable(what)
        cells = (user.user, user.email or "", one.timestamp)
        if any(len(cell) > _CELL_MOST for cell in cells):
            return unreadable(what)
        name = (user.fullname or "")[:NAME_MOST]
        found.append(
            Row(
                line=number,
                account=user.user,
                name=name,
                email=user.email or "",
                status=HubState.ACCEPTED.value,
                time=one.timestamp,
            )
        )
    return found


def parse_tree(body: bytes) -> list[HubFile] | Failed:
    """Return the files of one page of a commit's list."""
    try:
        entries = msgspec.json.decode(body, type=list[_TreeEntry])
    except (msgspec.DecodeError, RecursionError):
        return unreadable("the list of files")
    found = []
    for one in entries:
        if one.type != "file":
            continue
        digest = one.lfs.oid if one.lfs else None
        size = one.lfs.size if one.lfs else one.size
        if (
            not 0 < len(one.path) <= PATH_MOST
            or size < 0
            or (digest is not None and not is_sha256_hex(digest))
        ):
            return unreadable("an entry of the list of files")
        found.append(HubFile(path=one.path, size=size, git_oid=one.oid, sha256=digest))
    return found


def _are_fit(*texts: str) -> bool:
    return all(len(text) <= _TEXT_MOST and (not text or text.isprintable()) for text in texts)


def merge_lists(applicants: Iterable[Applicant]) -> tuple[Applicant, ...]:
    """Return each applicant once; who moved while the lists were read counts as let in, so that it is looked at."""
    found: dict[str, Applicant] = {}
    for one in applicants:
        key = one.user_id or one.request_id or one.name.lower()
        if key not in found or one.state is HubState.ACCEPTED:
            found[key] = one
    return tuple(found.values())


def find_next(link: str, address: str) -> str | Failed | None:
    """Return the address of the next page; None at the last one. It must be of the same list."""
    found = _NEXT.search(link)
    if found is None:
        return None
    following: str = urljoin(address, found[1])
    here, there = urlsplit(address), urlsplit(following)
    if (here.scheme, here.netloc, here.path) != (there.scheme, there.netloc, there.path):
        return unreadable("the next page of a list is elsewhere")
    return following


def find_renamed(location: str, address: str) -> str | None:
    """Return the repository that a redirect of `GET /api/models/{id}` names, if it is one of the same Hub."""
    here, there = urlsplit(address), urlsplit(urljoin(address, location))
    name = there.path.removeprefix("/api/models/")
    same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    return name if same and there.path != name and is_repo_id(name) else None


def is_repo_id(text: str) -> bool:
    """Whether `text` can name a Hub repository."""
    namespace, slash, name = text.partition("/")
    return len(text) <= REPO_ID_MAX_CHARACTERS and bool(slash) and is_name(namespace) and is_name(name)


def unreadable(what: str) -> Failed:
    """Return the failure of an answer that is not one of the Hub."""
    return Failed(trouble=Trouble.UNREADABLE, words=f"{what}: the answer is not one that the Hub gives")
