"""Reading the catalog: models, releases, files and cards, for whoever may see them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause
from sqlmodel import Session

from registry import licenses
from registry.catalog import (
    graces,
    lineage_store,
    publishing,
    release_store,
    revisions,
    service,
    store,
    upload_store,
)
from registry.catalog.cards import Card, parse_card
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    PAGE_MAX_FILES,
    PAGE_MAX_MODELS,
    SEARCH_MAX_CHARACTERS,
    Command,
    FileView,
    GateKind,
    GateMode,
    GateView,
    ListedModel,
    ModelView,
    RefView,
    ReleaseView,
    SignedManifest,
    may,
)
from registry.catalog.release_store import OwnModel
from registry.catalog.upload_store import UploadLine
from registry.identity.domain import Principal
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.licenses.domain import Version

FILTER_MAX_VALUES = 50
OWN_MODELS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRelease:
    """A release and the model it belongs to."""

    model: ModelView
    release: ReleaseView


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A license version that a gate asks for, by its names."""

    license_version_id: UUID
    slug: str
    title: str
    number: str
    sha256: str
    effective_at: datetime

    @property
    def path(self) -> str:
        """Its permalink on this registry."""
        return f"/licenses/{self.slug}/{self.number}"


def find_release(
    session: Session, *, publisher: str, name: str, revision: str, principal: Principal
) -> FoundRelease | Refusal:
    """Return the release that a branch, tag or commit of a model names, if `principal` may see the model."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    release = revisions.find_revision(session, model, revision)
    return release if isinstance(release, Refusal) else FoundRelease(model=model, release=release)


def find_current_release(session: Session, model_id: UUID) -> ReleaseView | None:
    """Return the release on the model's main branch."""
    return release_store.find_release_by_ref(session, model_id=model_id, name=DEFAULT_BRANCH)


def get_model(session: Session, model_id: UUID) -> ModelView:
    """Return a model by its id, whoever asks; for records that name it."""
    return store.get_model(session, model_id)


def list_models(
    session: Session,
    *,
    principal: Principal,
    search: str = "",
    license_slug: str | None = None,
    mode: GateMode | None = None,
    before: UUID | None = None,
    limit: int = 30,
    license_slugs: Sequence[str] = (),
    gates: Sequence[GateKind] = (),
    publisher_id: UUID | None = None,
    which: TextClause | None = None,
) -> list[ListedModel]:
    """Return a page of the models that `principal` may see and `which` lets pass, newest first."""
    return release_store.list_models(
        session,
        person_id=principal.answering_id,
        sees_all=principal.is_operator,
        search=search[:SEARCH_MAX_CHARACTERS],
        license_slug=license_slug,
        mode=mode,
        before=before,
        limit=max(1, min(limit, PAGE_MAX_MODELS)),
        license_slugs=license_slugs[:FILTER_MAX_VALUES],
        gates=gates,
        publisher_id=publisher_id,
        which=which,
    )


def count_models_by_license(session: Session, slugs: Sequence[str]) -> dict[str, int]:
    """Return how many public models each license is required by."""
    return release_store.count_models_by_license(session, slugs) if slugs else {}


def list_required_licenses(session: Session, *, limit: int = 30) -> list[str]:
    """Return the licenses that public models require, by slug."""
    return release_store.list_required_licenses(session, limit=limit)


def list_own_models(session: Session, *, publisher_id: UUID) -> list[OwnModel]:
    """Return the models of a publisher by name, private ones too; who may know is the caller's matter."""
    found = release_store.list_own_models(session, publisher_id=publisher_id, limit=OWN_MODELS_MAX)
    # What was accepted at a gate that a model has left stays on its publisher's record.
    former = store.list_former_gates(session, [one.model_id for one in found])
    return [replace(one, gate_ids=(*one.gate_ids, *former.get(one.model_id, ()))) for one in found]


def name_models(session: Session, model_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return publisher and name of each model, whoever asks; for records that name it."""
    return store.name_models(session, list(dict.fromkeys(model_ids)))


def name_commits(session: Session, release_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the commit of each release."""
    return release_store.name_commits(session, list(dict.fromkeys(release_ids)))


def count_releases(session: Session, *, model_id: UUID) -> int:
    """Return how many releases a model has."""
    return release_store.count_releases(session, model_id)


def weigh_files(session: Session, *, release_id: UUID) -> list[tuple[str, int]]:
    """Return path and size of the large files of a release: its weights."""
    return release_store.weigh_files(session, release_id)


def list_uploads(session: Session, *, publisher_id: UUID, limit: int = 50) -> list[UploadLine]:
    """Return the publisher's uploads that are on their way or failed lately, newest first."""
    return upload_store.list_unfinished(session, publisher_id=publisher_id, limit=limit)


def list_releases(
    session: Session, *, model_id: UUID, before: UUID | None = None, limit: int = 50
) -> list[ReleaseView]:
    """Return a page of a model's releases, newest first."""
    bounded = max(1, min(limit, PAGE_MAX_MODELS))
    return release_store.list_releases(session, model_id=model_id, before=before, limit=bounded)


def list_refs(session: Session, *, model_id: UUID) -> list[RefView]:
    """Return the branches and tags of a model."""
    return release_store.list_refs(session, model_id=model_id)


def list_files(
    session: Session,
    *,
    release_id: UUID,
    after: str | None = None,
    under: str | None = None,
    limit: int = PAGE_MAX_FILES,
) -> list[FileView]:
    """Return a page of a release's files by path; `under` narrows to a folder."""
    bounded = max(1, min(limit, PAGE_MAX_FILES))
    return release_store.list_files(session, release_id=release_id, after=after, under=under, limit=bounded)


def find_file(session: Session, *, release_id: UUID, path: str) -> FileView | None:
    """Return one file of a release."""
    return release_store.find_file(session, release_id=release_id, path=path)


def find_text(session: Session, *, release_id: UUID, path: str) -> bytes | None:
    """Return the bytes of a small text of a release; None where there is no such file or it is no small text."""
    file = release_store.find_file(session, release_id=release_id, path=path)
    if file is None or file.large:
        return None
    return release_store.find_blobs(session, [file.sha256], publisher_id=None)[file.sha256].content


def find_card(session: Session, *, release_id: UUID) -> Card | None:
    """Return the model card of a release."""
    content = find_text(session, release_id=release_id, path=publishing.CARD_PATH)
    return None if content is None else parse_card(content)


def get_signed_manifest(session: Session, *, release_id: UUID) -> SignedManifest:
    """Return what a release states about itself, and the signature over it."""
    return release_store.get_manifest(session, release_id)


def list_gate_history(session: Session, *, gate_id: UUID, limit: int = 20) -> list[GateView]:
    """Return the newest revisions of a gate, newest first."""
    return store.list_revisions(session, gate_id, limit=limit)


def list_gates_by_version(session: Session, *, publisher_id: UUID) -> dict[UUID, list[UUID]]:
    """Return at which gates of a publisher each license version is or was required; for its own figures."""
    return store.list_gates_by_version(session, publisher_id=publisher_id)


def describe_requirements(session: Session, version_ids: Sequence[UUID]) -> dict[UUID, Requirement]:
    """Return the names of license versions that gates ask for."""
    found: dict[UUID, Requirement] = {}
    for version_id in dict.fromkeys(version_ids):
        version: Version | None = licenses.get_version_by_id(session, version_id)
        if version is None:
            raise CorruptRecord(f"license version {version_id} is required by a gate and absent")
        found[version_id] = Requirement(
            license_version_id=version.id,
            slug=version.slug,
            title=version.title,
            number=version.number,
            sha256=version.sha256,
            effective_at=version.effective_at,
        )
    return found


def list_same_weights(
    session: Session, *, release_id: UUID, principal: Principal, limit: int = 20
) -> list[str]:
    """Return other models that hold a large file of this release, as far as `principal` may see them."""
    return release_store.list_same_weights(
        session,
        release_id=release_id,
        person_id=principal.answering_id,
        sees_all=principal.is_operator,
        limit=limit,
    )


def list_people_who_may(session: Session, *, publisher_id: UUID, command: Command) -> list[UUID]:
    """Return who may do `command` at a publisher by a live role, each once."""
    live = [role for role in store.list_roles(session, publisher_id=publisher_id) if role.ended_at is None]
    return list(dict.fromkeys(role.person_id for role in live if may(role.role, command)))


def name_gate(session: Session, gate_id: UUID) -> str | None:
    """Return `publisher/model` of the gate's first model."""
    return store.name_gate(session, gate_id)


def list_asking_ancestors(session: Session, model_id: UUID) -> list[ModelView]:
    """Return the ancestors whose licenses come with a model, whoever may see them."""
    return [store.get_model(session, one) for one in lineage_store.list_asking_ancestors(session, model_id)]


def list_ancestor_ids(session: Session, model_id: UUID) -> Sequence[UUID]:
    """Return every model that this one was made from."""
    return lineage_store.list_ancestors(session, model_id)


def list_derived_ids(
    session: Session, model_ids: Collection[UUID], *, limit: int, after: UUID | None = None
) -> list[UUID]:
    """Return the first models, after `after`, that were made from any of these and are none of them."""
    return lineage_store.list_descendants_of(session, sorted(model_ids), after=after, limit=limit)


def list_model_ids_of_gate(session: Session, gate_id: UUID) -> Sequence[UUID]:
    """Return the models behind a gate."""
    return store.list_model_ids_of_gate(session, gate_id)


def list_models_asking(
    session: Session, version_ids: Sequence[UUID], *, publisher_ids: Sequence[UUID]
) -> list[tuple[UUID, UUID, str]]:
    """Return publisher, id and name of these publishers' models whose gates ask for one of the license versions now."""
    return store.list_models_asking(session, version_ids, publisher_ids=publisher_ids)


def list_promises(session: Session, revision_id: UUID) -> dict[tuple[UUID, int], datetime]:
    """Return until when acceptances of earlier series suffice at a gate, by license and series."""
    promised = graces.list_graces(session, [revision_id]).get(revision_id, ())
    return {(one.license_id, one.series): one.until for one in promised}
