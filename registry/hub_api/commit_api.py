"""Releases by the Hub's API: what is to be sent how, commits, and what clients ask before either.

Who sends is known before a body is read. Nothing is visible before every byte of a commit has been hashed here.
"""

import asyncio
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TypeVar, cast

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from pathspec import GitIgnoreSpec
from sqlmodel import Session

from registry import catalog, ledger
from registry.catalog import arrivals, commits, drafts, small_files
from registry.catalog.api import MANIFEST_TYPE
from registry.catalog.domain import Command, Published, ReleaseView
from registry.catalog.storage import ObjectStore
from registry.hub_api import commit_schemas, domain, ignoring
from registry.hub_api.api import find_caller, model_path
from registry.hub_api.commit_lines import COMMIT_MAX_BYTES, CommitLines
from registry.hub_api.domain import ModelPath
from registry.hub_api.errors import Topic, hub_refuse
from registry.hub_api.service import Shelf
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest

T = TypeVar("T")
BODY_MAX_BYTES = 8 * 1024 * 1024
IN_MEMORY_BYTES = 1024 * 1024
PATIENCE_S = 45.0
"""How long a commit waits for its files to be verified; proxies commonly hang up after a minute."""
NO_XET = (
    f"{Topic.UPLOAD}; Large files go to this registry by Git LFS. If the next step fails, set "
    "HF_HUB_DISABLE_XET=1 and run it again, or publish with: gatehouse publish FOLDER publisher/model"
)
_FRESH = {"Cache-Control": "no-store"}


class CommitApi(Controller):
    """Changes to one model."""

    path = "/api/models/{publisher:str}/{name:str}"

    @post("/preupload/{revision:path}", operation_id="hub_preupload", status_code=200)
    async def preupload(
        self, request: AnyRequest, desk: NamedDependency[Desk], shelf: NamedDependency[Shelf]
    ) -> Response[Any]:
        """Answer which files are sent inside the commit and which by LFS, and what stands at their paths."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, _, model = opened
        given = await read_json(request, commit_schemas.PreuploadIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        view = await desk.database.read(lambda session: _view_modes(session, shelf, model, where, given))
        if isinstance(view, Refusal):
            return refuse(request, view)
        by_lfs = any(file["uploadMode"] == "lfs" for file in view)
        return Response({"files": view}, headers={**_FRESH, "X-HF-Warning": NO_XET} if by_lfs else _FRESH)

    @post(
        "/commit/{revision:path}",
        operation_id="hub_commit",
        status_code=200,
        request_max_body_size=COMMIT_MAX_BYTES,
    )
    async def commit(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        store: NamedDependency[SkipValidation[ObjectStore]],
        keys: NamedDependency[ledger.KeyRing],
    ) -> Response[Any]:
        """Publish a release that differs from the branch's head by these operations, all of them or none."""
        opened = await open_written(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        where, caller, model = opened
        with SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
            async for chunk in request.stream():
                body.write(chunk)
            body.seek(0)
            lines = CommitLines(cast("BinaryIO", body))
            refusal = await _keep_small(desk, store, model, lines)
        refusal = refusal or await _settle(desk, store, model, lines)
        if refusal is not None:
            return refuse(request, refusal)
        published = await _publish(desk, where, lines, caller, keys)
        if isinstance(published, Refusal):
            return refuse(request, published)
        view = commit_schemas.view_commit(
            desk.settings.base_url, f"{published.publisher}/{published.name}", published.release.commit
        )
        return Response(view, headers=_FRESH)


async def open_written(
    request: AnyRequest, desk: Desk
) -> tuple[ModelPath, Principal, drafts.Place] | Refusal:
    """Return what the address names, who asks, and the model or the draft of one if they may publish there."""
    where = model_path(request)
    if isinstance(where, Refusal):
        return where
    caller = await find_caller(request, desk)
    if isinstance(caller, Refusal):
        return caller
    model = await desk.database.read(
        lambda session: drafts.find_place(
            session,
            publisher=where.publisher,
            name=where.name,
            principal=caller,
            command=Command.PUBLISH_RELEASE,
        )
    )
    if isinstance(model, Refusal):
        return model
    if domain.is_true(request.query_params.get("create_pr")):
        return domain.no_pull_requests(model.repo_id)
    return where, caller, model


def _view_modes(
    session: Session,
    shelf: Shelf,
    model: drafts.Place,
    where: ModelPath,
    given: commit_schemas.PreuploadIn,
) -> list[commit_schemas.Json] | Refusal:
    refusal = commits.check_paths(file.path for file in given.files)
    if refusal is not None:
        return refusal
    base = commits.find_base(session, model, where.branch)
    if isinstance(base, Refusal):
        return base
    listing = shelf.listing(session, base.id) if base else None
    ignored = _find_ignored(session, base, given)
    if isinstance(ignored, Refusal):
        return ignored
    views, left = [], commit_schemas.SMALL_MOST_BYTES
    for file in given.files:
        standing = listing.find(file.path) if listing else None
        oid = (standing.git_oid, standing.sha256) if isinstance(standing, catalog.FileView) else None
        skipped = ignored.match_file(file.path)
        view = commit_schemas.view_mode(file, small_left=left, oid=oid, ignored=skipped)
        left -= file.size if view["uploadMode"] == "regular" and not skipped else 0
        views.append(view)
    return views


def _find_ignored(
    session: Session, base: ReleaseView | None, given: commit_schemas.PreuploadIn
) -> GitIgnoreSpec | Refusal:
    """Return what the `.gitignore` leaves out that comes along, or that stands; a broken one that stands, nothing."""
    if given.gitIgnore is not None:
        read = ignoring.read_patterns(given.gitIgnore)
        return domain.malformed_query("gitIgnore", "patterns of git") if read is None else read
    content = base and catalog.find_text(session, release_id=base.id, path=".gitignore")
    if not content or len(content) > commit_schemas.IGNORE_MOST_CHARACTERS:
        return ignoring.NOTHING
    read = ignoring.read_patterns(content.decode(errors="replace"))
    return ignoring.NOTHING if read is None else read


async def _keep_small(
    desk: Desk, store: ObjectStore, model: drafts.Place, lines: CommitLines
) -> Refusal | None:
    """Read a commit to its end and keep the files inside it, which nobody sees before they are published."""
    while batch := await asyncio.to_thread(lines.next_batch):
        if isinstance(batch, Refusal):
            return batch
        await small_files.keep(desk.database, store, model.publisher_id, batch, now=desk.clock.now())
    return None


async def _settle(desk: Desk, store: ObjectStore, model: drafts.Place, lines: CommitLines) -> Refusal | None:
    """Wait until the large files of a commit are verified; return why some are not."""
    if not lines.large:
        return None
    settled = await arrivals.settle(
        desk.database,
        store,
        list(lines.large),
        publisher_id=model.publisher_id,
        patience_s=PATIENCE_S,
    )
    if settled.failed:
        failed = {lines.large[digest][:200]: problem for digest, problem in settled.failed.items()}
        return commits.uploads_failed(failed)
    return domain.still_verifying(settled.waiting) if settled.waiting else None


async def _publish(
    desk: Desk, where: ModelPath, lines: CommitLines, caller: Principal, keys: ledger.KeyRing
) -> Published | Refusal:
    header = lines.header
    assert header is not None  # noqa: S101 - the lines end only after it
    commit = commits.Commit(
        publisher=where.publisher,
        name=where.name,
        branch=where.branch,
        changes=tuple(lines.changes),
        message="\n\n".join(text for text in (header.summary, header.description) if text),
        parent=header.parentCommit,
    )
    now = desk.clock.now()
    return await desk.database.write(
        lambda session: commits.publish_changes(
            session,
            commit,
            principal=caller,
            sign=lambda manifest: keys.sign_jws(manifest, {"typ": MANIFEST_TYPE}),
            now=now,
        )
    )


async def read_json(request: AnyRequest, kind: type[T], *, most: int = BODY_MAX_BYTES) -> T | Refusal:
    """Return the JSON body as a `kind`, or the refusal of one that is none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return domain.malformed_query("the body", f"at most {most:,} bytes")
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except msgspec.ValidationError as error:
        # The words of the library name the member and what was expected, and repeat no value.
        return domain.malformed_query("the body", f"what the Hub takes there; {str(error)[:200]}")
    except (msgspec.DecodeError, RecursionError):
        return domain.malformed_query("the body", "a JSON object")


def refuse(request: AnyRequest, refusal: Refusal) -> Response[Any]:
    """Answer somebody who publishes: they are refused a change, not files behind a gate."""
    return hub_refuse(request, refusal, managing=True)
