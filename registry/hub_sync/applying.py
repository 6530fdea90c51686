"""One pass over a Hub repository: read it, plan, carry out the plan, read it again.

Every call is put on record before it leaves, so a process that dies in between leaves a trace; the next pass reads the
Hub and says what is left. Before somebody is let in, the registry is asked once more, in the transaction that records the
intent. A failure ends the pass: nobody is let in on what was not read, and what was to be taken away is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from registry.hub_sync.domain import Action, Actual, Deed, Desired, Drift, Noticed, Plan, plan

ROUNDS_MOST = 3
"""How often a pass reads the Hub again because something had changed under it."""


class Trouble(StrEnum):
    """Why a call to the Hub did not bring about what it was for."""

    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a kind of trouble
    NOT_ALLOWED = "not-allowed"
    REPO_GONE = "repo-gone"
    STALE = "stale"
    """What was listed is not there any more; the lists are read again."""
    RATE_LIMITED = "rate-limited"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    """The answer is not one that the Hub gives."""
    REFUSED = "refused"
    NOTHING_HAPPENED = "nothing-happened"
    """The Hub said yes, and its lists are as before."""
    WITHHELD = "withheld"
    """Nothing was sent: the model is private here, and the Hub's readers are not to learn of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call that the Hub answered with yes."""

    hub_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call that failed; the words hold no token and no personal data."""

    trouble: Trouble
    words: str
    retry_seconds: float = 0.0
    hub_request_id: str = ""


class HubRepositories(Protocol):
    """Repositories of one Hub, as one account may manage them."""

    def read(self, repo_id: str) -> Actual | Failed:
        """Return the gate, the revision and all applicants, or why they were not all read."""
        ...

    def do(self, repo_id: str, action: Action) -> Answered | Failed:
        """Carry out one action, once."""
        ...


class Book(Protocol):
    """What the registry knows and records about one mirror."""

    def desire(self, actual: Actual) -> Desired:
        """Return what the registry says now, also of the people whom the Hub shows."""
        ...

    def begin(self, action: Action) -> UUID | None:
        """Record that the action is about to be done; None where the registry no longer wants it."""
        ...

    def settle(self, intent_id: UUID, answer: Answered | Failed) -> None:
        """Record what became of it."""
        ...


Key = tuple[Deed, str, str]


@dataclass(slots=True, kw_only=True)
class Pass:
    """What a pass found and did."""

    plan: Plan | None = None
    """The first plan; None where the Hub was not read."""
    last: Plan | None = None
    """The plan of the last reading: what the Hub shows once all is done."""
    done: list[Action] = field(default_factory=list)
    noticed: list[Noticed] = field(default_factory=list)
    failure: Failed | None = None
    revision: str = ""
    given_up: set[Key] = field(default_factory=set)
    """What the Hub refuses about one person; the others are brought in line all the same."""

    @property
    def is_settled(self) -> bool:
        """Whether the Hub was seen to let in nobody whom the registry does not."""
        return self.failure is None and self.plan is not None


def run_pass(hub: HubRepositories, book: Book, repo_id: str) -> Pass:
    """Bring one repository in line, and return what was found and done.

    It is settled only where the Hub was read afterwards and showed nothing left to do.
    """
    result = Pass()
    before: frozenset[Key] = frozenset()
    for _ in range(ROUNDS_MOST + 1):
        actual = hub.read(repo_id)
        if isinstance(actual, Failed):
            return _end(result, actual)
        found = plan(book.desire(actual), actual)
        result.revision, result.last = actual.revision, found
        if result.plan is None:
            result.plan = found
            result.noticed.extend(found.noticed)
        left = [one for one in found.actions if _key(one) not in result.given_up]
        if not left:
            return _settle(result, found)
        if before == {_key(one) for one in left}:
            words = f"the Hub said yes to {len(before)} changes, and nothing has happened"
            return _end(result, Failed(trouble=Trouble.NOTHING_HAPPENED, words=words))
        done = _carry_out(hub, book, actual.repo_id, left, result)
        if isinstance(done, Failed):
            return _end(result, done)
        before = done
    words = f"the repository changed {ROUNDS_MOST} times while it was brought in line"
    return _end(result, Failed(trouble=Trouble.STALE, words=words))


def _carry_out(
    hub: HubRepositories, book: Book, repo_id: str, actions: Sequence[Action], result: Pass
) -> frozenset[Key] | Failed:
    """Do what the plan says; return what the Hub said yes to, or the failure that ends the pass."""
    taken: set[Key] = set()
    for action in actions:
        intent_id = book.begin(action)
        if intent_id is None:
            continue
        answer = hub.do(repo_id, action)
        book.settle(intent_id, answer)
        if isinstance(answer, Answered):
            result.done.append(action)
            taken.add(_key(action))
        elif answer.trouble is Trouble.REFUSED and action.deed is not Deed.CLOSE:
            result.given_up.add(_key(action))
            result.noticed.append(Noticed(drift=Drift.REFUSED, words=f"{action.words}; {answer.words}"))
        elif answer.trouble is not Trouble.STALE:
            return answer
    return frozenset(taken)


def _settle(result: Pass, found: Plan) -> Pass:
    """End a pass with nothing left to try; what could not be taken away is a failure, whom it could not let in is told."""
    kept = sum(not one.deed.gives for one in found.actions)
    if kept:
        result.failure = Failed(trouble=Trouble.REFUSED, words=f"the Hub refused to take {kept} back")
    return result


def _key(action: Action) -> Key:
    return action.deed, action.user, action.request_id


def _end(result: Pass, failed: Failed) -> Pass:
    result.failure = failed
    drift = {
        Trouble.REPO_GONE: Drift.REPO_GONE,
        Trouble.TOKEN_REFUSED: Drift.TOKEN_REVOKED,
        Trouble.NOT_ALLOWED: Drift.TOKEN_REVOKED,
        Trouble.UNREADABLE: Drift.UNREADABLE,
    }.get(failed.trouble)
    if drift is not None:
        result.noticed.append(Noticed(drift=drift, words=failed.words))
    return result
