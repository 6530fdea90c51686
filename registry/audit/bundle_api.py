"""The evidence bundle for programs, with the scope `audit`."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import IO, Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import access, ledger
from registry.audit import bundle, reading
from registry.audit.api import note_register_look
from registry.audit.imports_api import note_imports_look
from registry.audit.reading import Register, RegisterAsked
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

MEDIA_TYPE = "application/zip"
QUERY_PARAMETERS = frozenset({"publisher", "model", "license", "since", "until", "details", "imports"})
PIECE_BYTES = 256 << 10
Text = Annotated[str, QueryParameter(max_length=200)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class BundlesApi(Controller):
    """Acceptances with all that proves them, as one archive."""

    path = "/api/v1/audit/bundle"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_bundle",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    async def bundle(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        keys: NamedDependency[ledger.KeyRing],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        model: Text = "",
        license: Text = "",  # noqa: A002 - the parameter's public name
        since: Text = "",
        until: Text = "",
        details: Annotated[bool, QueryParameter()] = False,  # noqa: FBT002 - litestar gives it by name
        imports: Annotated[bool, QueryParameter()] = True,  # noqa: FBT002 - litestar gives it by name
    ) -> Response[Any]:
        """Answer a ZIP that `gatehouse verify` checks offline; contact data is in it only where `details` asks for it.

        Who was imported stands in it too, as what it is, unless `imports` is false or one license is asked for.
        """
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        given = RegisterAsked(publisher=publisher, model=model, license=license, since=since, until=until)
        asked = bundle.Asked(register=given, details=details, imports=imports)

        def open_register(session: Session) -> Register | Refusal:
            return reading.open_register(session, given, principal=principal, sealer=desk.sealer)

        register = await desk.database.read(open_register)
        if isinstance(register, Refusal):
            return refuse(request, register)
        # Whoever gets the bundle has looked, so that stands first.
        await note_register_look(desk, register, principal, export=True)
        if details and asked.has_imports:
            await note_imports_look(desk, register.publisher.id, principal, export=True)
        made = await desk.database.read(
            partial(
                bundle.build_bundle,
                register=register,
                asked=asked,
                sealer=desk.sealer,
                sign=lambda payload: keys.sign_jws(payload, {"typ": bundle.SIGNATURE_TYPE}),
                base_url=desk.settings.base_url,
                now=desk.clock.now(),
            )
        )
        if isinstance(made, Refusal):
            return refuse(request, made)
        return Stream(
            _pieces(made),
            media_type=MEDIA_TYPE,
            headers={
                "Content-Disposition": f'attachment; filename="evidence-{register.publisher.name}.zip"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file that is closed afterwards, and so is gone: it has no name."""
    with file:
        await asyncio.to_thread(file.seek, 0)
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
