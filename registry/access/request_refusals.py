"""Refusals of asking for access, and their wording; those of the moves stand in `transitions`."""

from datetime import datetime
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy


def no_such_request() -> Refusal:
    """Return the refusal of a request that does not exist, or is none of the caller's business."""
    return Refusal(
        code="request-unknown",
        status=404,
        title="There is no such request here, or you may not see it",
        detail="Requests are shown to who made them, and to the reviewers of the publisher.",
        remedy=Remedy(text="Look at your own requests", url="/requests"),
    )


def nothing_to_ask(repo_id: str) -> Refusal:
    """Return the refusal of a request that the gate does not ask for."""
    return Refusal(
        code="request-not-needed",
        status=409,
        title="No request is needed here",
        detail="The maintainers do not review requests for this model. Nothing was recorded.",
        remedy=Remedy(text="See on the model's page what is asked for", url=f"/{repo_id}"),
        decider="You do; no review follows",
    )


def already_granted(repo_id: str, until: datetime | None) -> Refusal:
    """Return the refusal of a request by somebody who has access."""
    return Refusal(
        code="request-granted",
        status=409,
        title="You have access already",
        detail="Nothing was recorded. An access with an end can be renewed in its last 30 days.",
        remedy=Remedy(text="Download the files", url=f"/{repo_id}"),
        until=until,
    )


def ask_first(page: str, until: datetime) -> Refusal:
    """Return the refusal of a new request before the time that came with the rejection."""
    return Refusal(
        code="request-too-early",
        status=409,
        title="The last request was rejected; another one is possible later",
        detail="Nothing was recorded.",
        remedy=Remedy(text="Read the reason, or appeal to another reviewer", url=page),
        decider="The reviewers of the publisher",
        until=until,
    )


def made_by_form(repo_id: str) -> Refusal:
    """Return the refusal to move a request by a name that only comes about otherwise."""
    return Refusal(
        code="request-made-by-form",
        status=409,
        title="This does not happen by its name",
        detail="Requests are sent with the form of the gate; lapsing and agreeing come about by themselves.",
        remedy=Remedy(text="Open the form, fill it in and send it", url=f"/{repo_id}/request"),
        decider="The applicant",
    )


def needs_a_person(page: str) -> Refusal:
    """Return the refusal of an applicant's move by a token: asking is an act of a person in a browser."""
    return Refusal(
        code="request-needs-a-person",
        status=403,
        title="A token cannot do this with a request",
        detail="Asking, answering, withdrawing and giving back are done in a browser. Nothing was recorded.",
        remedy=Remedy(text="Open the request in a browser, signed in", url=page),
        decider="You do",
    )


def move_on(request_id: UUID) -> Refusal:
    """Return the refusal to send a request that was sent."""
    return Refusal(
        code="request-moved-on",
        status=409,
        title="The request was sent already",
        detail="Nothing was recorded.",
        remedy=Remedy(text="Look at the request as it stands now", url=f"/requests/{request_id}"),
        decider="The reviewers of the publisher",
    )


def not_gated(repo_id: str) -> Refusal:
    """Return the refusal to decide about access to a model that asks nobody for anything."""
    return Refusal(
        code="repo-not-gated",
        status=400,
        title="This model has no gate",
        detail="Everybody may download it, so there is no request to decide on. Nothing was recorded.",
        remedy=Remedy(text="See the model's page", url=f"/{repo_id}"),
    )


def gate_reviews_nobody(publisher: str, repo_id: str) -> Refusal:
    """Return the refusal to decide about somebody where the acceptance alone opens the gate."""
    return Refusal(
        code="gate-reviews-nobody",
        status=409,
        title="This gate opens by the acceptance alone",
        detail=f"The maintainers of {repo_id} review no requests. Nothing was recorded.",
        remedy=Remedy(
            text="Keep somebody out with the deny list, or let the gate review requests",
            url=f"/manage/{publisher}/blocks",
        ),
        decider=f"The maintainers of {publisher}",
    )


def grant_needs_request(repo_id: str) -> Refusal:
    """Return the refusal to give access to who has not asked; the same whether or not the registry knows them."""
    return Refusal(
        code="grant-needs-request",
        status=404,
        title="Nobody of this name has a request that waits here",
        detail="Access is given to people who have accepted the license and asked. Nothing was recorded.",
        remedy=Remedy(text="Send them the address of the form", url=f"/{repo_id}/request"),
        decider="The person themself, then a reviewer",
    )


def not_taken_back(request_id: UUID) -> Refusal:
    """Return the refusal to make a decided request wait again."""
    return Refusal(
        code="request-moved-on",
        status=409,
        title="A request that was decided does not wait again",
        detail="Only access that was given can be ended by this. Nothing was recorded.",
        remedy=Remedy(
            text="The applicant appeals to another reviewer, or asks again", url=f"/requests/{request_id}"
        ),
        decider="The applicant",
    )


def settings_by_page(repo_id: str, title: str) -> Refusal:
    """Return the refusal to change a setting of a repository that is none by itself here."""
    return Refusal(
        code="settings-not-offered",
        status=409,
        title=title,
        detail="Only gated = auto, manual or false is read here, and nothing else was changed.",
        remedy=Remedy(text="See the gate's page", url=f"/{repo_id}/gate"),
        decider="The maintainers of the publisher",
    )
