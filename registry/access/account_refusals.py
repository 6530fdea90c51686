"""What a service account is told that lacks a right: who can do what about it."""

from registry.identity.domain import ActingAccount
from registry.kernel.outcomes import Refusal, Remedy


def account_without_license(account: ActingAccount, *, name: str, url: str) -> Refusal:
    """Return the refusal of an account whose organisation or sponsor has not accepted what is asked for."""
    officers = account.organisation_id is not None
    who = "its organisation" if officers else "its sponsor"
    return Refusal(
        code="service-account-not-covered",
        status=403,
        title=f"The service account {account.name} is not covered: {who} has not accepted {name}",
        detail="No file was sent. A service account accepts nothing itself.",
        remedy=Remedy(
            text=f"Let {'an officer of its organisation' if officers else 'its sponsor'} read {name} "
            "and accept it in a browser",
            url=url,
        ),
        decider="The officers of its organisation" if officers else "Its sponsor",
    )


def account_without_review(account: ActingAccount, *, repo: str, publisher: str) -> Refusal:
    """Return the refusal of an account whose sponsor has no approved request."""
    return Refusal(
        code="service-account-not-reviewed",
        status=403,
        title=f"{repo} is opened by review, and the sponsor of {account.name} has no approved request",
        detail="No file was sent. A service account asks for nothing itself.",
        remedy=Remedy(text="Let its sponsor ask for access", url=f"/{repo}/request"),
        decider=f"The reviewers of {publisher}, once its sponsor has asked",
    )
