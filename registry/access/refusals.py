"""Refusals of the decision that need nothing but names, and their wording."""

from datetime import datetime

from registry.access.account_refusals import account_without_review
from registry.access.single_facts import RequestFact, UpdateFact
from registry.access.transitions import RequestState
from registry.identity.domain import ActingAccount
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


def not_approved(
    repo: str,
    publisher: str,
    account: ActingAccount | None,
    request: RequestFact | None,
    *,
    since: datetime | None,
) -> Refusal:
    """Return the refusal of a person whose request is not approved, in the words of where it stands."""
    if account is not None:
        return account_without_review(account, repo=repo, publisher=publisher)
    state = request.state if request else None
    ask, mine = f"/{repo}/request", f"/requests/{request.id}" if request else ""
    code, title, text, url = "review-needed", f"{repo} is opened by review", "Ask for access", ask
    until = None
    if request is not None and request.grant_ended_at is not None:
        code, title, text = "access-expired", f"Your access to {repo} has expired", "Ask for it anew"
    elif state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}:
        code, title = "awaiting-review", f"Your request for {repo} is not decided yet"
        text, url = "Wait for the mail, or look at the request", mine
    elif state is RequestState.CHANGES_REQUESTED:
        code, title = "changes-requested", f"Your request for {repo} was sent back for changes"
        text, url = "Read what is asked for, change the request, send it again", mine
    elif state is RequestState.DRAFT:
        code, title, text = "request-not-sent", f"Your request for {repo} is a draft", "Finish and send it"
    elif state is RequestState.REJECTED and request is not None:
        code, title = "request-rejected", f"Your request for {repo} was rejected"
        text, url, until = "Read the reason; appeal once, or ask again later", mine, request.reapply_at
    elif state is RequestState.REVOKED:
        code, title = "access-revoked", f"Your access to {repo} was revoked"
        text, url = "Read the reason", mine
    yours = code in {"review-needed", "request-not-sent", "changes-requested", "access-expired"}
    return Refusal(
        code=code,
        status=403,
        title=title,
        detail="No file was sent.",
        remedy=Remedy(text=text, url=url),
        decider=f"The reviewers of {publisher}{', once you have asked' if yours else ''}",
        since=since,
        until=until,
    )
