"""What a Hub repository must change so that it grants what the registry grants, and nothing else (P9). Pure.

`plan` compares what the registry says of people with what the Hub shows, and returns actions in the order in which
they are carried out: first the gate, then what takes away, then what gives. It holds no memory: run again after a
crash, an outage or somebody's change at the Hub, it says what is left to do. What comes from the Hub is a claim; nothing
in it gives anybody a right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

REASON_MAX_CHARACTERS = 200
"""The Hub refuses longer reasons of a rejection or a reset."""
HUB_ID_CHARACTERS = 24
"""Length of the Hub's ids of accounts, in hexadecimal digits; `sub` of its sign-in is one."""
REGISTRY_ID_CHARACTERS = 32
"""Length of the ids of people where the Hub is another registry of this kind."""


class HubGate(StrEnum):
    """The gate of a Hub repository, as its settings name it."""

    MANUAL = "manual"
    AUTO = "auto"
    OPEN = "open"
    """The Hub says `false`: everybody may read the files."""


class HubState(StrEnum):
    """The lists of a Hub repository. Who is on none never asked, or was reset and may ask again."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Wish(StrEnum):
    """What the registry says of somebody, from the most to the least."""

    PERMITTED = "permitted"
    """May download now."""
    WAITING = "waiting"
    """Has nothing that opens the gate, and can do something about it."""
    SUPERSEDED = "superseded"
    """Accepted earlier terms, which suffice no more."""
    SUSPENDED = "suspended"
    """May not download now, whatever they accepted."""
    BARRED = "barred"
    """Is blocked."""


class Deed(StrEnum):
    """What is done at the Hub, in the order of doing."""

    CLOSE = "set-manual"
    REJECT = "reject"
    RESET = "reset"
    CANCEL = "cancel"
    ACCEPT = "accept"
    GRANT = "grant"

    @property
    def gives(self) -> bool:
        """Whether it lets somebody in."""
        return self in {Deed.ACCEPT, Deed.GRANT}


class Drift(StrEnum):
    """How the Hub differs from what this registry would have left there."""

    MODE_FLIPPED = "mode-flipped"
    GRANTED_OUTSIDE = "granted-outside"
    REJECTED_OUTSIDE = "rejected-outside"
    CARD_EDITED = "card-edited"
    REPO_GONE = "repo-gone"
    REPO_RENAMED = "repo-renamed"
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - a kind of drift
    WEIGHTS_DIFFER = "weights-differ"
    """A large file has other bytes there than in the release here."""
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    """The Hub refuses something about one person, such as a name that is not theirs any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Hub account that a registered person has proved to be theirs, by signing in with it."""

    person_id: UUID
    subject: str
    """`sub` of the sign-in, stable across renames."""
    name: str
    """As the Hub stated it at the last sign-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the registry says of one person, with the accounts that they proved."""

    id: UUID
    wish: Wish
    accounts: tuple[Account, ...]
    asks: Account | None = None
    """The account that they let us name at the Hub: it is let in without having applied there."""
    leaves: bool = False
    """Took that back, and is to be taken off the list there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Somebody on one of the lists of a Hub repository."""

    state: HubState
    user_id: str = ""
    """The Hub's id of the account; empty where the list does not tell."""
    name: str = ""
    """Empty where the Hub hides who asks."""
    request_id: str = ""

    @property
    def address(self) -> str | None:
        """The e-mail address that another registry has verified and calls the person by; None at the Hub itself."""
        is_of_registry = len(self.user_id) == REGISTRY_ID_CHARACTERS and is_hub_id(self.user_id)
        return self.name if is_of_registry and "@" in self.name else None

    @property
    def label(self) -> str:
        """How to call them in words for maintainers."""
        return self.name or f"request {self.request_id or 'without a name'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """A Hub repository as it was read."""

    repo_id: str
    gate: HubGate
    revision: str
    applicants: tuple[Applicant, ...]
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the registry says about a repository and the people that it knows there."""

    repo_id: str
    page: str
    """Address of the model here, for reasons that people read."""
    people: tuple[Person, ...]
    revision: str = ""
    """The last revision that was read and settled; empty: none was."""
    settled: bool = False
    """Whether a plan was carried out before: only then is a difference a drift."""
    request_ids: Mapping[str, UUID] | None = None
    """Requests that were seen under the proved account of a person before the Hub hid its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do at the Hub."""

    deed: Deed
    why: str
    """For maintainers."""
    user: str = ""
    request_id: str = ""
    user_id: str = ""
    """Of a grant: the account that the name must belong to when it leaves; a name can pass to somebody else."""
    person_id: UUID | None = None
    reason: str = ""
    """For the person, sent along where the Hub takes a reason."""

    @property
    def words(self) -> str:
        """The action as a line of text."""
        who = self.user or (f"request {self.request_id}" if self.request_id else "")
        return f"{self.deed.value} {who}: {self.why}" if who else f"{self.deed.value}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """A difference that somebody else made, in words."""

    drift: Drift
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done at a Hub repository, and what was found there."""

    actions: tuple[Action, ...]
    noticed: tuple[Noticed, ...]
    waiting: int
    """Applicants whom the registry does not know, or does not permit: they stay pending."""
    granted: int
    """People whom the Hub lets in and the registry permits."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return not self.actions

    def count(self, deed: Deed) -> int:
        """Return how often the plan does it."""
        return sum(action.deed is deed for action in self.actions)


def plan(desired: Desired, actual: Actual) -> Plan:
    """Return what makes the Hub grant no more than the registry does, then as much as it can.

    Never contains a giving action for somebody whose wish is not `PERMITTED`, nor any for an account nobody proved.
    """
    known = _Known(desired)
    actions: list[Action] = []
    noticed = list(_notice_repository(desired, actual))
    waiting = granted = 0
    if actual.gate is not HubGate.MANUAL:
        actions.append(_close(actual.gate))
    for applicant in actual.applicants:
        person = known.find(applicant)
        action = _act_on(applicant, person, desired.page)
        if action is not None:
            actions.append(action)
        if action is not None and desired.settled:
            noticed.extend(_notice_person(applicant, person))
        if applicant.state is HubState.PENDING and (action is None or not action.deed.gives):
            waiting += 1
        if applicant.state is HubState.ACCEPTED and action is None:
            granted += 1
    actions.extend(_grants(desired.people, actual.applicants, known))
    if is_renamed(desired, actual):
        # Whether the other name still is the maintainers' repository only they can say. Taking away needs no answer.
        actions = [one for one in actions if not one.deed.gives]
    order = list(Deed)
    return Plan(
        actions=tuple(sorted(actions, key=lambda one: order.index(one.deed))),
        noticed=tuple(noticed),
        waiting=waiting,
        granted=granted,
    )


def is_renamed(desired: Desired, actual: Actual) -> bool:
    """Whether the Hub answered with a repository of another name."""
    return actual.repo_id.lower() != desired.repo_id.lower()


def strictest(wishes: Iterable[Wish]) -> Wish:
    """Return what holds where one decision of the Hub counts for several models: the least of all."""
    order = list(Wish)
    return max(wishes, key=order.index, default=Wish.WAITING)


def merge(units: Sequence[Mapping[UUID, Wish]]) -> Mapping[UUID, Wish]:
    """Return what the models of one gating group say together; who is unknown to one of them waits there."""
    people = {person_id for unit in units for person_id in unit}
    return {one: strictest(unit.get(one, Wish.WAITING) for unit in units) for one in people}


def is_hub_id(text: str) -> bool:
    """Whether `text` has the form of the ids of accounts, of the Hub or of another registry."""
    is_long_enough = len(text) in {HUB_ID_CHARACTERS, REGISTRY_ID_CHARACTERS}
    return is_long_enough and all(digit in "0123456789abcdef" for digit in text)


class _Known:
    """Finds the registered person behind an applicant, by a proof, never by a likeness."""

    def __init__(self, desired: Desired) -> None:
        self._people = {person.id: person for person in desired.people}
        self._requests = desired.request_ids or {}
        self._by_subject: dict[str, set[UUID]] = {}
        self._by_name: dict[str, set[UUID]] = {}
        for person in desired.people:
            for account in person.accounts:
                self._by_subject.setdefault(account.subject, set()).add(person.id)
                self._by_name.setdefault(account.name.lower(), set()).add(person.id)

    def find(self, applicant: Applicant) -> Person | None:
        """Return the person; None where nobody proved the account, or more than one did.

        A name can pass to somebody else at the Hub, an id cannot: where the list tells the id, nothing else counts.
        """
        if is_hub_id(applicant.user_id):
            found = self._by_subject.get(applicant.user_id, set())
        elif applicant.name:
            found = self._by_name.get(applicant.name.lower(), set())
        else:
            seen = self._requests.get(applicant.request_id)
            found = {seen} if seen is not None and applicant.request_id else set()
        return self._people.get(next(iter(found))) if len(found) == 1 else None

    def is_ambiguous(self, account: Account) -> bool:
        """Whether more than one person proved an account of this name."""
        return len(self._by_name.get(account.name.lower(), set())) > 1


def _act_on(applicant: Applicant, person: Person | None, page: str) -> Action | None:
    """Return what is to be done about one applicant, if anything."""
    wish = person.wish if person else None
    state = applicant.state
    match wish:
        case Wish.PERMITTED if person and person.leaves:
            if state is not HubState.ACCEPTED:
                return None
            why = "took back that they are named at the Hub"
            return _about(applicant, person, Deed.RESET, why, f"You asked us to take you off. See {page}/hub")
        case Wish.PERMITTED if state is not HubState.ACCEPTED:
            return _about(applicant, person, Deed.ACCEPT, "the registry permits it")
        case Wish.BARRED if state is HubState.ACCEPTED and applicant.address is not None:
            # Another registry revokes with two people; ending the access takes one, and asking anew is rejected then.
            return _about(applicant, person, Deed.RESET, "blocked here", f"Access is blocked. See {page}")
        case Wish.BARRED if state is not HubState.REJECTED:
            return _about(applicant, person, Deed.REJECT, "blocked here", f"Access is blocked. See {page}")
        case Wish.SUPERSEDED if state is HubState.ACCEPTED:
            why = "accepted earlier terms, which suffice no more"
            return _about(
                applicant, person, Deed.RESET, why, f"The terms have changed. Accept them at {page}"
            )
        case Wish.WAITING if state is HubState.ACCEPTED:
            why = "has no standing acceptance here"
            return _about(applicant, person, Deed.RESET, why, f"Accept the license first at {page}")
        case Wish.SUSPENDED if state is HubState.ACCEPTED:
            return _about(applicant, person, Deed.CANCEL, "may not be let in at present")
        case None if state is HubState.ACCEPTED:
            why = "let in at the Hub, and nobody here has proved to be this account"
            return _about(applicant, person, Deed.CANCEL, why)
        case _:
            return None


def _about(applicant: Applicant, person: Person | None, deed: Deed, why: str, reason: str = "") -> Action:
    return Action(
        deed=deed,
        why=why,
        user=applicant.name,
        request_id=applicant.request_id,
        person_id=person.id if person else None,
        reason=fit_reason(reason),
    )


def fit_reason(reason: str) -> str:
    """Return the reason as the Hub takes it; one that is too long loses its words, not its address."""
    if len(reason) <= REASON_MAX_CHARACTERS:
        return reason
    address = reason.rpartition(" ")[2]
    return address if len(address) <= REASON_MAX_CHARACTERS else reason[:REASON_MAX_CHARACTERS]


def _grants(people: Iterable[Person], applicants: Iterable[Applicant], known: _Known) -> list[Action]:
    """Return the grants to people who asked for it here and are on none of the lists.

    Where the Hub hides who is on them, nobody is granted anything unasked.
    """
    seen = list(applicants)
    if any(not one.name and not one.user_id for one in seen):
        return []
    listed = {person.id for one in seen if (person := known.find(one))}
    names = {one.name.lower() for one in seen}
    return [
        Action(
            deed=Deed.GRANT,
            why="the registry permits it, and they asked for it here",
            user=person.asks.name,
            user_id=person.asks.subject,
            person_id=person.id,
        )
        for person in people
        if person.wish is Wish.PERMITTED
        and person.asks is not None
        and person.id not in listed
        and person.asks.name.lower() not in names
        and not known.is_ambiguous(person.asks)
    ]


def _close(gate: HubGate) -> Action:
    why = (
        "the files are open to everybody at the Hub"
        if gate is HubGate.OPEN
        else "the Hub lets everybody in who asks, before the registry knows of them"
    )
    return Action(deed=Deed.CLOSE, why=why)


def _notice_repository(desired: Desired, actual: Actual) -> Iterable[Noticed]:
    if is_renamed(desired, actual):
        words = f"{desired.repo_id} is called {actual.repo_id} at the Hub now; nobody is let in until it is linked anew"
        yield Noticed(drift=Drift.REPO_RENAMED, words=words)
    if desired.settled and actual.gate is not HubGate.MANUAL:
        yield Noticed(
            drift=Drift.MODE_FLIPPED, words=f"the gate was set from manual to {actual.gate.value} at the Hub"
        )
    if desired.revision and actual.revision and desired.revision != actual.revision:
        yield Noticed(
            drift=Drift.CARD_EDITED,
            words=f"the repository moved from {desired.revision[:12]} to {actual.revision[:12]} at the Hub",
        )


def _notice_person(applicant: Applicant, person: Person | None) -> Iterable[Noticed]:
    if applicant.state is HubState.ACCEPTED and person is None:
        yield Noticed(
            drift=Drift.GRANTED_OUTSIDE,
            words=f"{applicant.label} was let in at the Hub, not by this registry",
        )
    if applicant.state is HubState.REJECTED and person is not None and person.wish is Wish.PERMITTED:
        yield Noticed(
            drift=Drift.REJECTED_OUTSIDE,
            words=f"{applicant.label} was rejected at the Hub; this registry permits them",
        )
