"""Which release a branch, a tag or a commit names; tags are set once."""

from sqlmodel import Session

from registry.catalog import refusals, release_store, service, store
from registry.catalog.domain import Command, ModelView, RefKind, ReleaseView
from registry.catalog.names import check_ref_name
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal


def create_tag(
    session: Session, *, publisher: str, name: str, tag: str, revision: str, principal: Principal
) -> ReleaseView | Refusal:
    """Return the release that the tag points to from now on; tags do not move."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = service.authorise(session, model.publisher, Command.PUBLISH_RELEASE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if trouble := check_ref_name(tag):
        return refusals.malformed("The tag cannot be set like this", {"tag": trouble})
    store.lock_model(session, model.id)
    release = find_revision(session, model, revision)
    if isinstance(release, Refusal):
        return release
    standing = release_store.find_release_by_ref(session, model_id=model.id, name=tag)
    if standing is not None:
        return standing if standing.id == release.id else refusals.ref_is_tag(tag)
    release_store.point_ref(session, model_id=model.id, name=tag, kind=RefKind.TAG, release_id=release.id)
    return release


def find_revision(session: Session, model: ModelView, revision: str) -> ReleaseView | Refusal:
    """Return the release that a branch, a tag or a 40-hex commit of the model names."""
    name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    found = release_store.find_release_by_ref(session, model_id=model.id, name=name)
    if found is None:
        found = release_store.find_release_by_commit(session, model_id=model.id, commit=revision.lower())
    return found or refusals.no_such_release(model.repo_id, revision)
