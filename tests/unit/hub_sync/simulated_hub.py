"""A Hub repository in memory: what its owner's API does to requests, by the states that were observed at the real one.

States per account: none, pending, accepted, rejected, reset. Faults are put in before a call: the connection breaks before
or after the effect, the Hub refuses, or says yes and does nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from registry.hub_sync.applying import Answered, Failed, Trouble
from registry.hub_sync.domain import Action, Actual, Applicant, Deed, HubGate, HubState

STALE = Failed(trouble=Trouble.STALE, words="no such request")
LISTED = {state.value: state for state in HubState}


class Fault(StrEnum):
    BROKEN_BEFORE = "broken-before"
    BROKEN_AFTER = "broken-after"
    REFUSED = "refused"
    LIE = "lie"
    LIMITED = "limited"


class Crash(Exception):
    """The process was killed."""


@dataclass
class Request:
    request_id: str
    state: str


@dataclass
class SimulatedHub:
    repo_id: str = "hf-org/hf-model"
    gate: HubGate = HubGate.OPEN
    requests: dict[str, Request] = field(default_factory=dict)
    """By the account's id."""
    names: dict[str, str] = field(default_factory=dict)
    revision: str = "a" * 40
    hides_names: bool = False
    faults: list[Fault | None] = field(default_factory=list)
    crash_after_calls: int | None = None
    before_each_call: Callable[[Action], None] | None = None
    calls: list[Action] = field(default_factory=list)
    _made: int = 0

    # What people do.

    def submit(self, account: str) -> None:
        request = self.requests.get(account)
        if request is None or request.state == "reset":
            self._made += 1
            state = "accepted" if self.gate is HubGate.AUTO else "pending"
            self.requests[account] = Request(f"r{self._made}", state)

    def set_by_hand(self, account: str, state: str) -> None:
        """An owner grants, rejects, cancels or resets on the Hub's own page."""
        if account not in self.requests:
            self._made += 1
            self.requests[account] = Request(f"r{self._made}", state)
        self.requests[account].state = state

    @property
    def readers(self) -> set[str]:
        """The accounts that may read the files by a decision."""
        return {account for account, one in self.requests.items() if one.state == "accepted"}

    # What the mirror does.

    def read(self, repo_id: str) -> Actual | Failed:
        if (failed := self._fault(effect=None)) is not None:
            return failed
        applicants = tuple(
            Applicant(
                state=LISTED[one.state],
                user_id="" if self.hides_names else account,
                name="" if self.hides_names else self.names[account],
                request_id=one.request_id,
            )
            for account, one in self.requests.items()
            if one.state in LISTED
        )
        return Actual(repo_id=self.repo_id, gate=self.gate, revision=self.revision, applicants=applicants)

    def do(self, repo_id: str, action: Action) -> Answered | Failed:
        if self.before_each_call is not None:
            self.before_each_call(action)
        self.calls.append(action)
        outcome: list[Answered | Failed] = []
        failed = self._fault(effect=lambda: outcome.append(self._take(action)))
        if self.crash_after_calls is not None:
            self.crash_after_calls -= 1
            if self.crash_after_calls <= 0:
                self.crash_after_calls = None
                raise Crash
        return failed or (outcome[0] if outcome else Answered())

    def _take(self, action: Action) -> Answered | Failed:
        if action.deed is Deed.CLOSE:
            self.gate = HubGate.MANUAL
            return Answered()
        account = self._account_of(action)
        if action.deed is Deed.GRANT:
            if account != action.user_id:
                return Failed(trouble=Trouble.REFUSED, words="the name belongs to another account")
            if self.requests.get(account) and self.requests[account].state == "accepted":
                return STALE
            self.set_by_hand(account, "accepted")
            return Answered()
        if account is None or account not in self.requests:
            return STALE
        wanted = {"accept": "accepted", "reject": "rejected", "cancel": "pending", "reset": "reset"}
        state = wanted[action.deed.value]
        if self.requests[account].state == state:
            return STALE
        self.requests[account].state = state
        return Answered()

    def _account_of(self, action: Action) -> str | None:
        if action.request_id:
            found = [a for a, one in self.requests.items() if one.request_id == action.request_id]
        else:
            found = [a for a, name in self.names.items() if name.lower() == action.user.lower()]
        return found[0] if found else None

    def _fault(self, effect: Callable[[], None] | None) -> Failed | None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.BROKEN_BEFORE or (fault is Fault.LIE and effect is None):
            return Failed(trouble=Trouble.UNREACHABLE, words="the connection broke")
        if fault is Fault.REFUSED:
            return Failed(trouble=Trouble.REFUSED, words="the Hub refused")
        if fault is Fault.LIMITED:
            return Failed(trouble=Trouble.RATE_LIMITED, words="too many", retry_seconds=1.0)
        if effect is not None and fault is not Fault.LIE:
            effect()
        if fault is Fault.BROKEN_AFTER:
            return Failed(trouble=Trouble.UNREACHABLE, words="the connection broke")
        return None
