"""Refusals of the decision that need nothing but names, and their wording."""

from datetime import datetime

from registry.access.single_facts import UpdateFact
from registry.kernel.outcomes import Refusal, Remedy


def blocked(
    repo: str, reason: str, *, since: datetime, until: datetime | None, ask: str, decider: str
) -> Refusal:
    """Return the refusal of a person whom an entry of the deny list names."""
    return Refusal(
        code="access-blocked",
        status=403,
        title=f"Your access to {repo} is blocked",
        detail=f"No file was sent. Reason given: {reason}",
        remedy=Remedy(text=ask, url=f"/{repo}"),
        decider=decider,
        since=since,
        until=until,
    )


def sign_in_needed(repo: str, accept: str, *, decider: str) -> Refusal:
    """Return the refusal of nobody in particular at a gate."""
    return Refusal(
        code="sign-in-needed",
        status=401,
        title=f"{repo} is gated, and you are not signed in",
        detail="No file was sent. The card and the license are open to read.",
        remedy=Remedy(
            text="Create a token of this registry at /settings/tokens, then accept the license",
            url=accept,
        ),
        decider=decider,
    )


def read_scope_missing() -> Refusal:
    """Return the refusal of a token that was not made for reading."""
    return Refusal(
        code="scope-missing",
        status=403,
        title="This token lacks the scope read",
        detail="No file was sent. Tokens do only what they were created for.",
        remedy=Remedy(text="Create a token with the scope read", url="/settings/tokens"),
        decider="You do",
    )


def cover_not_acknowledged(model: str, name: str, *, decider: str) -> Refusal:
    """Return the refusal of a member who has not acknowledged what their organisation accepted."""
    return Refusal(
        code="cover-not-acknowledged",
        status=403,
        title=f"Your organisation has accepted {name}, and you have not acknowledged it",
        detail="No file was sent. Your organisation asks each member to acknowledge what it accepts.",
        remedy=acknowledge(model, name),
        decider=decider,
    )


def covers_until(until: datetime, *, asks: bool) -> str:
    """Return what a member does whom an organisation covers until a day."""
    act = "acknowledge it" if asks else "accept it yourself"
    return f"It covers you until {until:%-d %B %Y}; {act} before."


def acknowledge(model: str, name: str) -> Remedy:
    """Return what a member does whose organisation asks each to acknowledge."""
    return Remedy(text=f"Read {name} and acknowledge it in a browser", url=f"{model}/acknowledge")


def gate_closed(repo: str, *, ask: str, decider: str) -> Refusal:
    """Return the refusal of everybody at a closed gate."""
    return Refusal(
        code="gate-closed",
        status=403,
        title=f"{repo} is closed",
        detail="No file was sent. The publisher gives no access now.",
        remedy=Remedy(text=ask, url=f"/{repo}"),
        decider=decider,
    )


def asking_for_others(publisher: str) -> Refusal:
    """Return the refusal of whoever asks what another person is told, and is no operator and no staff."""
    return Refusal(
        code="asking-for-others",
        status=403,
        title="Only operators and the publisher's staff ask for somebody else",
        detail="What a person has accepted, and what they lack, is shown to that person. Nothing was looked up.",
        remedy=Remedy(text="Ask for yourself: leave the person out"),
        decider=f"The owners of {publisher}",
    )


def update_required(repo: str, update: UpdateFact, *, decider: str) -> Refusal:
    """Return the refusal of everybody who asks for a release that is given up."""
    return Refusal(
        code="update-required",
        status=403,
        title=f"This release of {repo} was to be given up by {update.update_by:%-d %B %Y}",
        detail=f"No file was sent. Reason given: {update.reason}",
        remedy=Remedy(
            text=f"Use release {update.replacement} instead, and delete this one",
            url=f"/{repo}/files?revision={update.replacement}",
        ),
        decider=decider,
        since=update.update_by,
    )
