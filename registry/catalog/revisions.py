"""Which release a branch, a tag or a commit names; tags are set once, branches come and go."""

from sqlmodel import Session

from registry.catalog import refusals, release_store, service, store
from registry.catalog.domain import DEFAULT_BRANCH, Command, ModelView, RefKind, ReleaseView
from registry.catalog.names import check_ref_name
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal, Remedy


def create_tag(
    session: Session, *, publisher: str, name: str, tag: str, revision: str, principal: Principal
) -> ReleaseView | Refusal:
    """Return the release that the tag points to from now on; tags do not move."""
    model = _find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if trouble := check_ref_name(tag):
        return refusals.malformed("The tag cannot be set like this", {"tag": trouble})
    store.lock_model(session, model.id)
    release = find_revision(session, model, revision)
    if isinstance(release, Refusal):
        return release
    if release_store.find_ref_kind(session, model_id=model.id, name=tag) is RefKind.BRANCH:
        return refusals.name_taken("branch", tag)
    standing = release_store.find_release_by_ref(session, model_id=model.id, name=tag)
    if standing is not None:
        return standing if standing.id == release.id else refusals.ref_is_tag(tag)
    release_store.point_ref(session, model_id=model.id, name=tag, kind=RefKind.TAG, release_id=release.id)
    return release


def create_branch(
    session: Session, *, publisher: str, name: str, branch: str, revision: str, principal: Principal
) -> ReleaseView | Refusal:
    """Return the release that the new branch begins at."""
    model = _find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if trouble := check_ref_name(branch):
        return refusals.malformed("The branch cannot be made like this", {"branch": trouble})
    store.lock_model(session, model.id)
    if release_store.find_ref_kind(session, model_id=model.id, name=branch) is not None:
        return refusals.name_taken("branch or tag", branch)
    release = find_revision(session, model, revision)
    if isinstance(release, Refusal):
        return release
    kind = RefKind.BRANCH
    release_store.point_ref(session, model_id=model.id, name=branch, kind=kind, release_id=release.id)
    return release


def remove_branch(
    session: Session, *, publisher: str, name: str, branch: str, principal: Principal
) -> Refusal | None:
    """Remove a branch; its releases stay. The main branch stays, and so do tags."""
    model = _find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    store.lock_model(session, model.id)
    kind = release_store.find_ref_kind(session, model_id=model.id, name=branch)
    if kind is None:
        return refusals.no_such_release(model.repo_id, branch)
    if kind is RefKind.TAG or branch == DEFAULT_BRANCH:
        return _ref_stays(model.repo_id, branch)
    release_store.remove_ref(session, model_id=model.id, name=branch)
    return None


def keep_tag(session: Session, *, publisher: str, name: str, tag: str, principal: Principal) -> Refusal:
    """Return why a tag is not removed, to somebody who might remove it."""
    model = _find_model(session, publisher=publisher, name=name, principal=principal)
    return model if isinstance(model, Refusal) else _ref_stays(model.repo_id, tag)


def _find_model(session: Session, *, publisher: str, name: str, principal: Principal) -> ModelView | Refusal:
    return service.find_model_for(
        session, publisher=publisher, name=name, command=Command.PUBLISH_RELEASE, principal=principal
    )


def _ref_stays(repo_id: str, name: str) -> Refusal:
    return Refusal(
        code="ref-stays",
        status=409,
        title=f"{name[:100]} stays",
        detail="Tags and the main branch are what people have written down; other branches may go. Nothing was changed.",
        remedy=Remedy(
            text="Set another tag, or mark a release that is to be given up", url=f"/{repo_id}/must-updates"
        ),
    )


def find_revision(session: Session, model: ModelView, revision: str) -> ReleaseView | Refusal:
    """Return the release that a branch, a tag or a 40-hex commit of the model names."""
    name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    found = release_store.find_release_by_ref(session, model_id=model.id, name=name)
    if found is None:
        found = release_store.find_release_by_commit(session, model_id=model.id, commit=revision.lower())
    return found or refusals.no_such_release(model.repo_id, revision)
