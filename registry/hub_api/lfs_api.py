"""Git LFS, as far as the Hub's client uploads by it (git-lfs "Batch API", huggingface_hub `lfs.py`).

Links go to the staging place of an upload that is verified before it is a file of anything; what the publisher
has not shown to have counts as absent (threat G10).
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from sqlmodel import Session

from registry.catalog import arrivals, commits, drafts, uploads
from registry.catalog.domain import Command, Planned, PlannedFile, part_count
from registry.catalog.storage import ObjectStore
from registry.delivery.domain import no_such_model
from registry.hub_api import domain
from registry.hub_api.api import find_caller
from registry.hub_api.commit_api import PATIENCE_S, read_json, refuse
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest
from registry.kernel.sealing import Sealer

OBJECTS_MOST = 1_000
"""The client asks about 256 at once."""
MEDIA_TYPE = "application/vnd.git-lfs+json"
SUFFIX = ".git"
TRANSFER_MULTIPART = "multipart"
LINKS_MOST = 100_000
COMPLETION_LIFETIME = timedelta(days=1)
ENDS_MOST_DIGITS = 12
_FRESH = {"Cache-Control": "no-store"}

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class ObjectIn(msgspec.Struct, frozen=True):
    """Bytes by their digest."""

    oid: Digest
    size: Size


class BatchIn(msgspec.Struct, frozen=True):
    """Bytes that are to be sent."""

    objects: Annotated[list[ObjectIn], msgspec.Meta(min_length=1, max_length=OBJECTS_MOST)]
    operation: Literal["upload"]
    transfers: list[str] = []
    hash_algo: Literal["sha256", "sha_256"] = "sha256"
    """The second is how huggingface.js writes it."""


class LargeFilesApi(Controller):
    """Bytes on their way to the object store."""

    path = "/{publisher:str}/{model:str}/info/lfs/objects"

    @post("/batch", operation_id="hub_lfs_batch", status_code=200)
    async def batch(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[Any]:
        """Answer where each object is to be PUT; nothing where its bytes have arrived."""
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        model, caller = opened
        given = await read_json(request, BatchIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        now = desk.clock.now()

        def plan(session: Session) -> Sequence[Planned] | Refusal:
            files = [PlannedFile(sha256=asked.oid, size=asked.size) for asked in given.objects]
            return uploads.plan_uploads(
                session,
                publisher=model.publisher,
                name=model.name,
                files=files,
                principal=caller,
                now=now,
            )

        planned = await desk.database.write(plan)
        if isinstance(planned, Refusal):
            return refuse(request, planned)
        offered = TRANSFER_MULTIPART in given.transfers
        if not offered and any(part_count(plan.file.size) > 1 for plan in planned):
            return refuse(request, domain.malformed_query("transfers", "multipart, for files of this size"))
        if arrivals.count_links(planned) > LINKS_MOST:
            return refuse(request, domain.malformed_query("objects", "fewer or smaller objects at once"))
        offers = await arrivals.offer(desk.database, store, planned)
        ends = int((now + COMPLETION_LIFETIME).timestamp())
        base = f"{desk.settings.base_url}/{model.repo_id}{SUFFIX}/info/lfs/objects"
        view = {
            "transfer": TRANSFER_MULTIPART if offered else "basic",
            "objects": [_view(offer, base, desk.sealer, ends) for offer in offers],
        }
        return Response(view, media_type=MEDIA_TYPE, headers=_FRESH)

    @post("/verify", operation_id="hub_lfs_verify", status_code=200)
    async def verify(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[Any]:
        """Answer 200 when the bytes that were PUT are what was stated."""
        opened = await _open(request, desk)
        if isinstance(opened, Refusal):
            return refuse(request, opened)
        model, _ = opened
        given = await read_json(request, ObjectIn)
        if isinstance(given, Refusal):
            return refuse(request, given)
        settled = await arrivals.settle(
            desk.database,
            store,
            [given.oid],
            publisher_id=model.publisher_id,
            patience_s=PATIENCE_S,
        )
        if settled.failed:
            return refuse(request, commits.uploads_failed(settled.failed))
        if settled.waiting:
            return refuse(request, domain.still_verifying(settled.waiting))
        return Response({}, media_type=MEDIA_TYPE, headers=_FRESH)

    @post("/{upload_id:uuid}/complete", operation_id="hub_lfs_complete", status_code=200)
    async def complete(
        self,
        request: AnyRequest,
        upload_id: FromPath[UUID],
        desk: NamedDependency[Desk],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[Any]:
        """Close an upload in parts; its bytes are then compared with what was stated, as after any other."""
        asked = request.query_params
        if not is_completion_signed(
            desk.sealer,
            upload_id,
            ends=asked.get("ends", ""),
            signature=asked.get("signature", ""),
            now=desk.clock.now(),
        ):
            return refuse(request, domain.link_not_good())
        refusal = await arrivals.close(desk.database, store, upload_id)
        if refusal is not None:
            return refuse(request, refusal)
        return Response({}, media_type=MEDIA_TYPE, headers=_FRESH)


async def _open(request: AnyRequest, desk: Desk) -> tuple[drafts.Place, Principal] | Refusal:
    """Return the model, or the draft of one, whose repository the address names, if the sender may upload to it."""
    publisher: str = request.path_params["publisher"]
    repository: str = request.path_params["model"]
    name = repository.removesuffix(SUFFIX)
    if not is_name(publisher) or not is_name(name) or name == repository:
        return no_such_model()
    caller = await find_caller(request, desk)
    if isinstance(caller, Refusal):
        return caller
    model = await desk.database.read(
        lambda session: drafts.find_place(
            session, publisher=publisher, name=name, principal=caller, command=Command.UPLOAD
        )
    )
    return model if isinstance(model, Refusal) else (model, caller)


def _view(offer: arrivals.Offer, base: str, sealer: Sealer, ends: int) -> dict[str, Any]:
    """Return an object with the actions that are left: one PUT, or one for each part and then their completion."""
    view: dict[str, Any] = {"oid": offer.file.sha256, "size": offer.file.size}
    if not offer.links or offer.upload is None:
        return view
    verify = {"href": f"{base}/verify"}
    if len(offer.links) == 1:
        return view | {"actions": {"upload": {"href": offer.links[0]}, "verify": verify}}
    # The client sends no token with the completion: its address proves that the batch was answered to a publisher.
    signature = sign_completion(sealer, offer.upload.id, ends)
    header = {str(number): link for number, link in enumerate(offer.links, 1)}
    upload = {
        "href": f"{base}/{offer.upload.id}/complete?ends={ends}&signature={signature}",
        "header": {"chunk_size": str(offer.upload.part_size), **header},
    }
    return view | {"actions": {"upload": upload, "verify": verify}}


def sign_completion(sealer: Sealer, upload_id: UUID, ends: int) -> str:
    """Return what the address that completes an upload has to bring along."""
    secret = sealer.derive_secret("lfs-completion")
    return hmac.digest(secret, f"{upload_id}.{ends}".encode(), "sha256").hex()


def is_completion_signed(
    sealer: Sealer, upload_id: UUID, *, ends: str, signature: str, now: datetime
) -> bool:
    """Whether an address was handed out here to complete this upload, and is still good."""
    if not (ends.isascii() and ends.isdigit() and len(ends) <= ENDS_MOST_DIGITS and signature.isascii()):
        return False
    expected = sign_completion(sealer, upload_id, int(ends))
    return hmac.compare_digest(expected, signature) and now.timestamp() <= int(ends)
