"""Adapter of the Hub: access requests and the gate of a repository, through `huggingface_hub` where it has a method.

One `HfApi` with the endpoint and the token of the mirror, never those of the environment. What the library has no method
for (`reset`, lists with the ids of accounts) goes through the same session, headers and judgement. The session reaches the
one origin that the settings name and follows no redirect; nothing is retried here, as the next pass sees what is left.
Answers of the owner's API: observed behaviour, `requestId` since huggingface_hub 2.3.
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import msgspec
from huggingface_hub import CommitOperationAdd, HfApi, get_session, set_client_factory
from huggingface_hub.errors import HfHubHTTPError

from registry.acceptances.reports import Row
from registry.hub_sync import answers
from registry.hub_sync.answers import AccountAnswer, Budget, CommitAnswer, RepositoryAnswer, WhoamiAnswer
from registry.hub_sync.applying import Answered, Failed, Trouble
from registry.hub_sync.domain import Action, Actual, Applicant, Deed, HubState, is_hub_id
from registry.hub_sync.weights import HubFile
from registry.kernel.identifiers import is_name
from registry.kernel.outbound import OutboundRefused, reach_of
from registry.kernel.outbound_blocking import OneOriginTransport, timeouts
from registry.kernel.outcomes import GatehouseError

ANSWER_MAX_BYTES = 8 * 1024 * 1024
"""A page of 1,000 requests with their answers to the form."""
WHOLE_SECONDS = 60.0
PAGE_ENTRIES = 1_000
PAGES_MOST = 500
"""Pages of one list; a list that goes on after them is not one of the Hub."""

TREE_PAGES_MOST = 20
"""Pages of the list of files; 1,000 files a page."""

Answer = TypeVar("Answer")
Item = TypeVar("Item")
_last = threading.local()


class _Elsewhere(GatehouseError):
    """The Hub answered by a redirect."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__("redirected")
        self.response = response


class HubSession:
    """One account at the Hub; used from one thread at a time."""

    def __init__(self, *, endpoint: str, token: str, private: bool = False) -> None:
        self._endpoint = endpoint
        self._api = HfApi(endpoint=endpoint, token=token, library_name="gatehouse")
        self._headers = self._api._build_hf_headers()  # noqa: SLF001 - the library has no public word for them
        self.budget = Budget()
        set_client_factory(lambda: _guarded_client(endpoint, private=private))

    def who(self) -> WhoamiAnswer | Failed:
        """Return whose token it is, and what it may do at all."""
        return self._get(f"{self._endpoint}/api/whoami-v2", WhoamiAnswer, "whose token it is")

    def may_manage(self, repo_id: str) -> Failed | None:
        """Return why the account cannot manage access at the repository; None if it can."""
        address = self._list_address(repo_id, HubState.PENDING, limit=10)
        found = self._page(address, lambda body: answers.parse_list(body, HubState.PENDING))
        return found if isinstance(found, Failed) else None

    def describe(self, repo_id: str) -> RepositoryAnswer | Failed:
        """Return name, gate and head of the repository; one that was renamed answers with its present name."""
        found = self._read_repository(repo_id)
        if not isinstance(found, Failed) and (found.gate is None or not answers.is_repo_id(found.id)):
            return answers.unreadable("the repository")
        return found

    def list_files(self, repo_id: str, revision: str) -> list[HubFile] | Failed:
        """Return all files of a commit, without their bytes."""
        address = f"{self._endpoint}/api/models/{repo_id}/tree/{quote(revision, safe='')}?recursive=true"
        return self._pages(address, "the list of files", answers.parse_tree, most=TREE_PAGES_MOST)

    def list_acceptors(self, repo_id: str) -> list[Row] | Failed:
        """Return who is let in, as the Hub's report says it."""
        address = self._list_address(repo_id, HubState.ACCEPTED, limit=PAGE_ENTRIES)
        return self._pages(address, "the list of accepted requests", answers.parse_acceptors, most=PAGES_MOST)

    def read(self, repo_id: str) -> Actual | Failed:
        """Return the gate, the revision and all applicants, or why they were not all read."""
        found = self.describe(repo_id)
        if isinstance(found, Failed):
            return found
        gate = found.gate
        assert gate is not None  # noqa: S101 - `describe` has seen to it
        applicants: list[Applicant] = []
        for state in HubState:
            listed = self._list(found.id, state)
            if isinstance(listed, Failed):
                return listed
            applicants += listed
        return Actual(
            repo_id=found.id,
            gate=gate,
            revision=found.sha or "",
            applicants=answers.merge_lists(applicants),
            private=found.private,
        )

    def do(self, repo_id: str, action: Action) -> Answered | Failed:
        """Carry out one action, once; letting in waits where our share of the account's requests is used up."""
        if action.deed.gives and self.budget.is_spent:
            return self._spent()
        match action.deed:
            case Deed.CLOSE:
                return self._call(action, lambda: self._api.update_repo_settings(repo_id, gated="manual"))
            case Deed.ACCEPT:
                who = _named(action)
                return self._call(action, lambda: self._api.accept_access_request(repo_id, **who))
            case Deed.CANCEL:
                who = _named(action)
                return self._call(action, lambda: self._api.cancel_access_request(repo_id, **who))
            case Deed.REJECT:
                who, reason = _named(action), action.reason or None
                return self._call(
                    action, lambda: self._api.reject_access_request(repo_id, **who, rejection_reason=reason)
                )
            case Deed.RESET:
                return self._call(action, lambda: self._reset(repo_id, action))
            case Deed.GRANT:
                return self._grant(repo_id, action)

    def read_file(self, repo_id: str, revision: str, path: str) -> bytes | Failed | None:
        """Return a small file of a commit; None where the commit has none of that name."""
        address = f"{self._endpoint}/{repo_id}/raw/{revision}/{quote(path)}"
        response = self._send(lambda: get_session().get(address, headers=self._headers))
        if isinstance(response, Failed):
            return response
        if answers.is_absent(response.status_code, response.headers, response.content):
            return None
        failed = answers.judge(response.status_code, response.headers, None, response.content)
        return failed or bytes(response.content)

    def commit(
        self, repo_id: str, files: Mapping[str, bytes], *, parent: str, message: str
    ) -> tuple[str, str] | Failed:
        """Put the files on `main`, if it still is at `parent`; return the new commit and the Hub's name of the request."""
        added = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()
        ]
        response = self._send(
            lambda: self._api.create_commit(repo_id, added, commit_message=message, parent_commit=parent)
        )
        if isinstance(response, Failed):
            return response
        if response.status_code == 412:
            return Failed(trouble=Trouble.STALE, words="somebody has committed at the Hub since it was read")
        if failed := answers.judge(response.status_code, response.headers, None, response.content):
            return failed
        try:
            made = msgspec.json.decode(response.content, type=CommitAnswer).commit_id
        except (msgspec.DecodeError, RecursionError):
            return answers.unreadable("the commit")
        if not re.fullmatch(r"[0-9a-f]{40}", made):
            return answers.unreadable("the commit")
        return made, answers.request_id_of(response.headers)

    def _grant(self, repo_id: str, action: Action) -> Answered | Failed:
        """Let in somebody who did not apply, if the name is that of the account that they proved."""
        address = f"{self._endpoint}/api/users/{action.user}/overview"
        if not is_name(action.user):
            return Failed(trouble=Trouble.REFUSED, words="the name is not one that the Hub gives")
        found = self._get(address, AccountAnswer, "the account")
        if isinstance(found, Failed) and found.trouble is not Trouble.REPO_GONE:
            return found
        if isinstance(found, Failed) or not is_hub_id(action.user_id) or found.id != action.user_id:
            words = "the name is not that of the account any more; they sign in with it once more"
            return Failed(trouble=Trouble.REFUSED, words=words)
        return self._call(action, lambda: self._api.grant_access(repo_id, action.user))

    def _reset(self, repo_id: str, action: Action) -> None:
        who = {"requestId": action.request_id} if action.request_id else {"user": action.user}
        body = {**who, "status": "reset", **({"resetReason": action.reason} if action.reason else {})}
        address = f"{self._endpoint}/api/models/{repo_id}/user-access-request/handle"
        get_session().post(address, headers=self._headers, json=body)

    def _read_repository(self, repo_id: str) -> RepositoryAnswer | Failed:
        address = f"{self._endpoint}/api/models/{repo_id}"
        query = "?expand=gated&expand=sha&expand=private"
        found = self._get(address + query, RepositoryAnswer, "the repository")
        location = getattr(_last, "location", "")
        if isinstance(found, Failed) and location:
            renamed = answers.find_renamed(location, address)
            if renamed is not None and renamed != repo_id:
                return self._get(
                    f"{self._endpoint}/api/models/{renamed}{query}", RepositoryAnswer, "the repository"
                )
        return found

    def _list(self, repo_id: str, state: HubState) -> list[Applicant] | Failed:
        address = self._list_address(repo_id, state, limit=PAGE_ENTRIES)
        what = f"the list of {state.value} requests"
        return self._pages(address, what, lambda body: answers.parse_list(body, state), most=PAGES_MOST)

    def _pages(
        self, address: str, what: str, read: Callable[[bytes], list[Item] | Failed], *, most: int
    ) -> list[Item] | Failed:
        found: list[Item] = []
        following: str | None = address
        seen: set[str] = set()
        while following is not None:
            if following in seen or len(seen) >= most:
                return answers.unreadable(f"{what} does not end")
            seen.add(following)
            page = self._page(following, read)
            if isinstance(page, Failed):
                return page
            entries, following = page
            found += entries
        return found

    def _list_address(self, repo_id: str, state: HubState, *, limit: int) -> str:
        return f"{self._endpoint}/api/models/{repo_id}/user-access-request/{state.value}?limit={limit}"

    def _page(
        self, address: str, read: Callable[[bytes], list[Item] | Failed]
    ) -> tuple[list[Item], str | None] | Failed:
        response = self._send(lambda: get_session().get(address, headers=self._headers))
        if isinstance(response, Failed):
            return response
        if failed := answers.judge(response.status_code, response.headers, None, response.content):
            return failed
        entries = read(response.content)
        if isinstance(entries, Failed):
            return entries
        following = answers.find_next(response.headers.get("link", ""), address)
        return following if isinstance(following, Failed) else (entries, following)

    def _get(self, address: str, kind: type[Answer], what: str) -> Answer | Failed:
        response = self._send(lambda: get_session().get(address, headers=self._headers))
        if isinstance(response, Failed):
            return response
        if failed := answers.judge(response.status_code, response.headers, None, response.content):
            return failed
        try:
            return msgspec.json.decode(response.content, type=kind)
        except (msgspec.DecodeError, RecursionError):
            return answers.unreadable(what)

    def _call(self, action: Action, call: Callable[[], object]) -> Answered | Failed:
        """Make a call that changes something; yes is an answer of the 200s and nothing else."""
        response = self._send(call)
        if isinstance(response, Failed):
            return response
        failed = answers.judge(response.status_code, response.headers, action, response.content)
        return failed or Answered(hub_request_id=answers.request_id_of(response.headers))

    def _send(self, call: Callable[[], object]) -> httpx2.Response | Failed:
        """Return the answer to the one request that `call` makes, whatever the library makes of it."""
        _last.response, _last.location = None, ""
        try:
            call()
        except (HfHubHTTPError, _Elsewhere):
            pass  # The answer itself is judged.
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OutboundRefused) as error:
            _last.response = None
            words = str(error) if isinstance(error, OutboundRefused) else type(error).__name__
            return Failed(trouble=Trouble.UNREACHABLE, words=f"the Hub was not reached: {words}")
        except (ValueError, KeyError, TypeError, RecursionError):
            if _last.response is None:
                return answers.unreadable("the request could not be made, or its answer")
            # The library read an answer in which it expected something else: only its status counts.
        response: httpx2.Response | None = _last.response
        if response is None:
            return answers.unreadable("no answer")
        self.budget = answers.read_budget(response.headers, self.budget)
        return response

    def _spent(self) -> Failed:
        wait = float(self.budget.reset_seconds + 1)
        words = "our share of the account's requests is used up for this window"
        # The Hub said so in its last answer; the next pass starts with what it says then.
        return Failed(trouble=Trouble.RATE_LIMITED, words=words, retry_seconds=wait)


def _named(action: Action) -> Mapping[str, Any]:
    """Return whom the action is about: by the request, which passes to nobody else, or by name."""
    return {"request_id": action.request_id} if action.request_id else {"user": action.user}


def _guarded_client(endpoint: str, *, private: bool) -> httpx2.Client:
    """Return the session of the library in this process: to one origin, without redirects, bounded."""
    transport = OneOriginTransport(
        endpoint,
        reach_of(endpoint, private=private),
        answer_max_bytes=ANSWER_MAX_BYTES,
        whole_seconds=WHOLE_SECONDS,
    )
    return httpx2.Client(
        transport=transport,
        follow_redirects=False,
        trust_env=False,
        timeout=timeouts(),
        event_hooks={"response": [_remember]},
    )


def _remember(response: httpx2.Response) -> None:
    """Keep the answer for whoever made the request; the library takes redirects for a yes."""
    response.read()
    _last.response = response
    if 300 <= response.status_code < 400:
        _last.location = response.headers.get("location", "")
        raise _Elsewhere(response)
