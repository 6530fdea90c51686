"""Uploads over HTTP: plan, sign, complete, look. The bytes themselves go straight to the object store."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, SkipValidation

from registry.catalog import inputs, schemas, uploads
from registry.catalog.domain import PlannedFile, part_size
from registry.catalog.storage import ObjectStore
from registry.identity.authentication import OPEN_TO_ACCOUNTS
from registry.identity.domain import Principal
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_WRITE = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}

AnyRequest = Request[Any, Any, Any]


class UploadsApi(Controller):
    """Bytes on their way in."""

    path = "/api/v1"
    tags = ("uploads",)
    opt = {OPEN_TO_ACCOUNTS: True}  # noqa: RUF012 - Litestar reads it from the class

    @post(
        "/models/{publisher:str}/{name:str}/uploads",
        operation_id="plan_uploads",
        status_code=200,
        responses=_WRITE,
    )
    async def plan(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[inputs.PlanUploads],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        store: NamedDependency[SkipValidation[ObjectStore]],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[schemas.UploadsOut]:
        """Say which bytes are needed, and go on with what was begun before."""
        files = [PlannedFile(sha256=file.sha256, size=file.size) for file in data.files]
        planned = await database.write(
            lambda session: uploads.plan_uploads(
                session, publisher=publisher, name=name, files=files, principal=principal, now=clock.now()
            )
        )
        if isinstance(planned, Refusal):
            return refuse(request, planned)
        opened = await uploads.open_uploads(store, planned)
        return Response(
            schemas.UploadsOut(
                uploads=[
                    schemas.view_stored(file, part_size(file.size))
                    if found is None
                    else schemas.view_upload(found.upload, found)
                    for file, found in opened
                ]
            )
        )

    @get("/uploads/{upload_id:uuid}", operation_id="get_upload", responses=_WRITE)
    async def show(
        self,
        request: AnyRequest,
        upload_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[schemas.UploadOut]:
        """Answer how far an upload has come, with the parts that are there."""
        found = await uploads.show_upload(database, store, upload_id, principal=principal)
        if isinstance(found, Refusal):
            return refuse(request, found)
        return Response(schemas.view_upload(found.upload, found))

    @post("/uploads/{upload_id:uuid}/parts", operation_id="sign_parts", status_code=200, responses=_WRITE)
    async def sign_parts(
        self,
        request: AnyRequest,
        upload_id: FromPath[UUID],
        data: JSONBody[inputs.SignParts],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[schemas.SignedPartsOut]:
        """Answer where parts are to be PUT."""
        signed = await uploads.sign_parts(database, store, upload_id, data.numbers, principal=principal)
        if isinstance(signed, Refusal):
            return refuse(request, signed)
        parts = [schemas.SignedPartOut(number=number, url=url) for number, url in signed]
        return Response(schemas.SignedPartsOut(parts=parts), headers={"Cache-Control": "no-store"})

    @post(
        "/uploads/{upload_id:uuid}/complete",
        operation_id="complete_upload",
        status_code=202,
        responses=_WRITE,
    )
    async def complete(
        self,
        request: AnyRequest,
        upload_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        store: NamedDependency[SkipValidation[ObjectStore]],
    ) -> Response[schemas.UploadOut]:
        """Close an upload for parts; its bytes are then compared with the stated digest."""
        completed = await uploads.complete_upload(database, store, upload_id, principal=principal)
        if isinstance(completed, Refusal):
            return refuse(request, completed)
        return Response(schemas.view_upload(completed), status_code=202)
