"""Publishing a release: load, decide, record. What is published never changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger, licenses
from registry.catalog import (
    announcing,
    copies,
    gates,
    inherited_terms,
    lineage,
    refusals,
    release_store,
    service,
    store,
)
from registry.catalog.cards import parse_card
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    RELEASE_PUBLISHED,
    Command,
    GateMode,
    ModelView,
    Published,
    RefKind,
    ReleaseView,
    StatedFile,
)
from registry.catalog.forms import FormField, explain, is_clean_text
from registry.catalog.inspection import find_blocking
from registry.catalog.manifests import (
    MESSAGE_MAX_CHARACTERS,
    Manifest,
    ManifestFile,
    ManifestLicense,
    check_entry,
    check_paths,
    commit_id,
    manifest_bytes,
    parse_manifest,
    release_leaf,
)
from registry.catalog.markdown import summarise
from registry.catalog.names import check_ref_name
from registry.catalog.release_store import BlobFacts
from registry.catalog.tables import Release
from registry.identity.domain import Principal
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.licenses.domain import Version

CARD_PATH = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRelease:
    """What a publisher wants to release."""

    publisher: str
    name: str
    files: tuple[StatedFile, ...]
    message: str = ""
    ref: str = DEFAULT_BRANCH
    parent: str | None = None
    """The commit that the files were made on; a branch that has moved since is not overwritten."""
    licenses: tuple[str, ...] = ()
    """Of a new model's gate; where the model exists, empty or the same as its gate's."""
    gate_mode: GateMode | None = None
    """As `licenses`; a new model's gate is `auto` where nothing is said."""
    purposes: Mapping[str, str] = field(default_factory=dict)
    """Why the card's questions are asked, by their labels; of a new model's gate."""
    private: bool = False
    create: bool = False
    """Whether the model may be created by this release."""


def publish_release(
    session: Session,
    command: PublishRelease,
    *,
    principal: Principal,
    sign: Callable[[bytes], str],
    now: datetime,
) -> Published | Refusal:
    """Return the release; publishing the same files again on the same head gives the release that stands.

    `sign` returns a compact JWS over the manifest's bytes.
    """
    publisher = service.authorise(session, command.publisher, Command.PUBLISH_RELEASE, principal=principal)
    if isinstance(publisher, Refusal):
        return publisher
    if refusal := _check_command(command):
        return refusal
    blobs = _find_files(session, command.files, publisher.id)
    if isinstance(blobs, Refusal):
        return blobs
    standing = _find_standing(session, command, publisher.id, principal)
    declared = _find_bases(session, command, blobs, principal)
    if standing is None:
        model = _create(
            session, command, blobs, declared, publisher_id=publisher.id, principal=principal, now=now
        )
    else:
        model = _check_terms(session, command, standing) or standing
    if isinstance(model, Refusal):
        return model
    store.lock_model(session, model.id)
    head = release_store.find_release_by_ref(session, model_id=model.id, name=command.ref)
    files = tuple(
        ManifestFile(path=file.path, size=file.size, sha256=file.sha256, git_oid=blobs[file.sha256].git_oid)
        for file in sorted(command.files, key=lambda file: file.path.encode())
    )
    terms = _terms(session, model)
    if head is not None and _says_the_same(session, head, files, terms, command.parent):
        return _published(model, head, created=False)
    parent = _find_parent(session, command, model, head)
    if isinstance(parent, Refusal):
        return parent
    if standing and (refusal := _check_content(session, command, blobs, model, declared, principal, now)):
        return refusal
    manifest = Manifest(
        model_id=model.id,
        name=model.repo_id,
        parent=parent,
        released_at=now,
        message=command.message,
        licenses=terms,
        files=files,
    )
    release = _record(
        session, model, manifest, blobs, ref=command.ref, principal=principal, sign=sign, now=now
    )
    lineage.declare_bases(session, model, declared, release_id=release.id, now=now)
    announcing.announce_release(session, release, ref=command.ref, head=head, new=not standing, now=now)
    return _published(model, release, created=True)


def _find_bases(
    session: Session, command: PublishRelease, blobs: Mapping[str, BlobFacts], principal: Principal
) -> lineage.Declared:
    content = _card_content(command.files, blobs)
    card = parse_card(content) if content else None
    itself = f"{command.publisher}/{command.name}"
    return lineage.find_bases(session, card, but=itself, principal=principal)


def _published(model: ModelView, release: ReleaseView, *, created: bool) -> Published:
    return Published(
        release=release,
        model_id=model.id,
        publisher=model.publisher,
        name=model.name,
        created=created,
        unexplained=tuple(one.label for one in model.gate.fields if not one.is_explained),
    )


def _check_command(command: PublishRelease) -> Refusal | None:
    errors = check_paths([file.path for file in command.files])
    for file in command.files:
        if trouble := check_entry(file.size, file.sha256):
            errors[file.path] = trouble
    if errors:
        return refusals.malformed("The list of files cannot be released", errors, code="files-malformed")
    if trouble := check_ref_name(command.ref):
        errors["ref"] = trouble
    if len(command.message) > MESSAGE_MAX_CHARACTERS or not all(
        is_clean_text(line) for line in command.message.replace("\t", " ").split("\n")
    ):
        errors["message"] = f"plain text of at most {MESSAGE_MAX_CHARACTERS:,} characters"
    return refusals.malformed("The release cannot be published like this", errors) if errors else None


def _find_files(
    session: Session, files: Sequence[StatedFile], publisher_id: UUID
) -> Mapping[str, BlobFacts] | Refusal:
    """Return the verified bytes of every file, if the publisher has shown to have all of them."""
    digests = list(dict.fromkeys(file.sha256 for file in files))
    blobs = release_store.find_blobs(session, digests, publisher_id=publisher_id)
    missing = [
        file.path for file in files if file.sha256 not in blobs or blobs[file.sha256].size != file.size
    ]
    if missing:
        return refusals.files_missing(missing)
    blocked = {
        file.path: flag.message
        for file in files
        if (flag := find_blocking(file.path, blobs[file.sha256].inspection)) is not None
    }
    return refusals.files_blocked(blocked) if blocked else blobs


def _find_standing(
    session: Session, command: PublishRelease, publisher_id: UUID, principal: Principal
) -> ModelView | None:
    model = _find_model(session, command, principal)
    if model is None and command.create:
        # Whoever publishes the same new model at the same time waits here, and then finds it.
        store.lock_publisher(session, publisher_id)
        model = _find_model(session, command, principal)
    return model


def _create(
    session: Session,
    command: PublishRelease,
    blobs: Mapping[str, BlobFacts],
    declared: lineage.Declared,
    *,
    publisher_id: UUID,
    principal: Principal,
    now: datetime,
) -> ModelView | Refusal:
    if not command.create:
        return refusals.no_such_model(command.publisher, command.name)
    demand = gates.GateDemand(
        mode=command.gate_mode or GateMode.AUTO,
        licenses=command.licenses,
        fields=explain(_form_of_card(command.files, blobs), command.purposes),
        from_card=True,
    )
    if refusal := _check_purposes(demand.fields, command.purposes):
        return refusal
    versions = gates.check_demand(session, demand, now=now)
    if isinstance(versions, Refusal):
        return versions
    # Before the model is made: a refusal is committed, and must leave nothing behind.
    derived = inherited_terms.Derived(
        publisher_id=publisher_id,
        publisher=command.publisher,
        name=command.name,
        license_version_ids=[version.id for version in versions],
    )
    if refusal := inherited_terms.check(session, derived, principal, bases=declared.bases):
        return refusal
    weights = _weights(command.files, blobs, now)
    copies.lock_files(session, list(weights))
    refusal = gates.check_copies(
        session,
        weights,
        copies.load_terms(
            session,
            demand.mode,
            [*(version.id for version in versions), *lineage.list_asked(session, declared.bases)],
        ),
        publisher_id=publisher_id,
        gate_id=None,
        principal=principal,
    )
    return refusal or gates.create_model(
        session,
        publisher=command.publisher,
        name=command.name,
        demand=demand,
        private=command.private,
        principal=principal,
        now=now,
    )


def _check_terms(session: Session, command: PublishRelease, model: ModelView) -> Refusal | None:
    versions = gates.find_versions(session, command.licenses)
    if isinstance(versions, Refusal):
        return versions
    other_terms = versions and {version.id for version in versions} != set(model.gate.license_version_ids)
    other_mode = command.gate_mode is not None and command.gate_mode is not model.gate.mode
    return refusals.gate_differs(model.publisher, model.name) if other_terms or other_mode else None


def _check_content(
    session: Session,
    command: PublishRelease,
    blobs: Mapping[str, BlobFacts],
    model: ModelView,
    declared: lineage.Declared,
    principal: Principal,
    now: datetime,
) -> Refusal | None:
    """Return why a model that exists cannot be made from these bases, or new files may not stand behind its gate."""
    if refusal := lineage.check_bases(session, model, declared.bases) or inherited_terms.check(
        session, inherited_terms.of_model(model), principal, bases=declared.bases, model_id=model.id
    ):
        return refusal
    weights = _weights(command.files, blobs, now)
    held = copies.find_held(session, model.gate.id, list(weights))
    new = {digest: weight for digest, weight in weights.items() if digest not in held}
    copies.lock_files(session, list(new))
    return gates.check_copies(
        session,
        new,
        copies.load_terms(
            session,
            model.gate.mode,
            [
                *model.gate.license_version_ids,
                *lineage.list_asked(session, declared.bases, model_id=model.id),
            ],
            model.gate.prerequisites,
        ),
        publisher_id=model.publisher_id,
        gate_id=model.gate.id,
        principal=principal,
    )


def _weights(
    files: Sequence[StatedFile], blobs: Mapping[str, BlobFacts], now: datetime
) -> dict[str, tuple[str, datetime]]:
    """Return a path of each file that is delivered by URL, by digest."""
    return {file.sha256: (file.path, now) for file in files if blobs[file.sha256].content is None}


def _find_model(session: Session, command: PublishRelease, principal: Principal) -> ModelView | None:
    return store.find_model(
        session, publisher=command.publisher, name=command.name, person_id=principal.answering_id
    )


def _form_of_card(files: Sequence[StatedFile], blobs: Mapping[str, BlobFacts]) -> tuple[FormField, ...]:
    content = _card_content(files, blobs)
    return parse_card(content).gating.fields if content else ()


def _check_purposes(fields: Sequence[FormField], purposes: Mapping[str, str]) -> Refusal | None:
    unknown = dict.fromkeys(purposes.keys() - {one.key for one in fields}, "the card asks no such question")
    said = "The questions cannot be explained like this"
    return refusals.malformed(said, unknown, code="form-malformed") if unknown else None


def _card_content(files: Sequence[StatedFile | ManifestFile], blobs: Mapping[str, BlobFacts]) -> bytes | None:
    digest = next((file.sha256 for file in files if file.path == CARD_PATH), None)
    return blobs[digest].content if digest is not None else None


def _terms(session: Session, model: ModelView) -> tuple[ManifestLicense, ...]:
    versions: list[Version] = []
    for version_id in model.gate.license_version_ids:
        version = licenses.get_version_by_id(session, version_id)
        if version is None:
            raise CorruptRecord(
                f"gate {model.gate.id} requires license version {version_id}, which is absent"
            )
        versions.append(version)
    return tuple(
        ManifestLicense(slug=version.slug, number=version.number, sha256=version.sha256)
        for version in sorted(versions, key=lambda version: (version.slug, version.number))
    )


def _says_the_same(
    session: Session,
    head: ReleaseView,
    files: tuple[ManifestFile, ...],
    terms: tuple[ManifestLicense, ...],
    stated_parent: str | None,
) -> bool:
    """Whether `head` already is what is to be published: a retry, or nothing changed."""
    if stated_parent is not None and stated_parent not in (head.commit, head.parent):
        return False
    if head.file_count != len(files):
        return False
    standing = parse_manifest(release_store.get_manifest(session, head.id).manifest)
    return standing.files == files and standing.licenses == terms


def _find_parent(
    session: Session, command: PublishRelease, model: ModelView, head: ReleaseView | None
) -> str | Refusal | None:
    if head is not None:
        if release_store.find_ref_kind(session, model_id=model.id, name=command.ref) is RefKind.TAG:
            return refusals.ref_is_tag(command.ref)
        if command.parent is not None and command.parent != head.commit:
            return refusals.parent_differs(command.ref, command.parent, head.commit)
        return head.commit
    if command.parent is None:
        return None
    found = release_store.find_release_by_commit(session, model_id=model.id, commit=command.parent)
    return found.commit if found else refusals.parent_differs(command.ref, command.parent, None)


def _record(
    session: Session,
    model: ModelView,
    manifest: Manifest,
    blobs: Mapping[str, BlobFacts],
    *,
    ref: str,
    principal: Principal,
    sign: Callable[[bytes], str],
    now: datetime,
) -> ReleaseView:
    data = manifest_bytes(manifest)
    release_id = new_id()
    content = _card_content(manifest.files, blobs)
    commit, digest = commit_id(data), sha256(data)
    leaf = release_leaf(
        model_id=model.id, release_id=release_id, commit=commit, manifest_digest=digest, now=now
    )
    entry_id = ledger.append(session, kind=RELEASE_PUBLISHED, leaf=leaf, now=now)
    if principal.answering_id is None:
        raise CorruptRecord("a release needs a publisher who is a person")
    row = Release(
        id=release_id,
        model_id=model.id,
        commit_id=commit,
        parent_commit_id=manifest.parent,
        message=manifest.message,
        manifest=data,
        manifest_digest=digest,
        manifest_signature=sign(data),
        summary=summarise(parse_card(content).body) if content else "",
        file_count=len(manifest.files),
        total_bytes=sum(file.size for file in manifest.files),
        published_by=principal.answering_id,
        published_at=now,
        entry_id=entry_id,
    )
    large = {blob.sha256 for blob in blobs.values() if blob.content is None}
    release_store.insert_release(session, row, manifest.files, large)
    release_store.point_ref(session, model_id=model.id, name=ref, kind=RefKind.BRANCH, release_id=release_id)
    found = release_store.find_release_by_commit(session, model_id=model.id, commit=commit)
    if found is None:
        raise CorruptRecord(f"release {release_id} vanished while it was published")
    return found
