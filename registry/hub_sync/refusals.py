"""Refusals of mirrors, and their wording."""

from registry.hub_sync.applying import Failed, Trouble
from registry.kernel.outcomes import Refusal, Remedy

_REMEDIES = {
    Trouble.TOKEN_REFUSED: "Store a token that the Hub knows: gatehouse hub token PUBLISHER",
    Trouble.NOT_ALLOWED: "Give the token's account write access to the repository, or store another token",
    Trouble.REPO_GONE: "Check the repository's name, and whether the token's account can see it",
    Trouble.RATE_LIMITED: "Wait until the Hub takes requests of this account again",
    Trouble.UNREACHABLE: "Try again later",
}


def no_mirror(repo_id: str) -> Refusal:
    """Return the refusal where a model is paired with no repository."""
    return Refusal(
        code="mirror-missing",
        status=409,
        title="The model is paired with no repository of the Hub",
        detail=f"No repository is linked to {repo_id}.",
        remedy=Remedy(text=f"Link one: gatehouse hub link {repo_id} HUB-ORG/HUB-MODEL"),
    )


def mirror_exists(repo_id: str, repository: str) -> Refusal:
    """Return the refusal of a second pairing."""
    return Refusal(
        code="mirror-exists",
        status=409,
        title="The model or the repository is paired already",
        detail=f"{repo_id} or {repository} is part of a pairing that stands. Nothing was changed.",
        remedy=Remedy(text=f"End the pairing first: gatehouse hub unlink {repo_id}"),
    )


def mirror_busy() -> Refusal:
    """Return the refusal while a pass is under way."""
    return Refusal(
        code="mirror-busy",
        status=409,
        title="Somebody is bringing the repository in line just now",
        detail="One pass goes over a repository at a time. Nothing was changed by this request.",
        remedy=Remedy(text="Wait a minute, then look at the status"),
    )


def no_token(publisher: str) -> Refusal:
    """Return the refusal where nothing can be asked of the Hub."""
    return Refusal(
        code="hub-token-missing",
        status=409,
        title=f"No token of the Hub is stored for {publisher}",
        detail="Without one nothing can be read or changed there.",
        remedy=Remedy(text=f"Store one: gatehouse hub token {publisher}"),
    )


def token_unfit(role: str) -> Refusal:
    """Return the refusal of a token that cannot manage anything."""
    return Refusal(
        code="hub-token-unfit",
        status=422,
        title="The token cannot manage access at the Hub",
        detail=f"The Hub says that it is for {role or 'nothing that is known'}; write access is needed. It was not stored.",
        remedy=Remedy(text="Create a token with write access to the repositories concerned, and store that"),
        errors={"token": "write access is needed"},
    )


def hub_said_no(failed: Failed) -> Refusal:
    """Return the refusal of an act that the Hub did not let come about."""
    return Refusal(
        code="hub-said-no",
        status=409,
        title="The Hub did not do what was asked, or could not be asked",
        detail=f"{failed.trouble.value}: {failed.words}.",
        remedy=Remedy(
            text=_REMEDIES.get(failed.trouble, "Look at the repository at the Hub, then try again")
        ),
    )


def not_a_repository() -> Refusal:
    """Return the refusal of a name that can be none of a repository."""
    return Refusal(
        code="mirror-malformed",
        status=422,
        title="This names no repository of the Hub",
        detail="Nothing was changed.",
        remedy=Remedy(text="Write the repository as organisation/name, as the Hub does"),
        errors={"repository": "expected organisation/name"},
    )


def model_here(repo_id: str, repository: str) -> Refusal:
    """Return the refusal to import into a model that is here already."""
    return Refusal(
        code="hub-import-model-here",
        status=409,
        title="There is a model of this name already",
        detail=f"An import makes a model anew, and {repo_id} is here. Nothing was changed.",
        remedy=Remedy(
            text=f"Pair them: gatehouse hub link {repo_id} {repository}; or import it under another name"
        ),
    )


def license_unclear(repo_id: str, repository: str, why: str) -> Refusal:
    """Return the refusal where it is not known by which license version the repository is had."""
    return Refusal(
        code="hub-import-license-unclear",
        status=422,
        title="Which license the repository is under is not clear",
        detail=f"{repository}: {why}. Nothing was changed.",
        remedy=Remedy(
            text="Publish the text here first (gatehouse license add SLUG@NUMBER FILE), or name the license, which is then "
            f"compared with nothing: gatehouse hub import {repository} {repo_id} --license SLUG@NUMBER"
        ),
        errors={"license": why},
    )


def not_importable(repository: str, why: str) -> Refusal:
    """Return the refusal of a repository that cannot become a gated model."""
    return Refusal(
        code="hub-import-unfit",
        status=422,
        title="The repository cannot be imported",
        detail=f"{repository}: {why}. Nothing was changed.",
        remedy=Remedy(text="Do what the detail says, or publish the model with gatehouse publish"),
        errors={"repository": why},
    )
