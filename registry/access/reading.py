"""What everybody who reads a publisher's records needs: what they are narrowed by, and the note of the look."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import structlog
from sqlmodel import Session

from registry import catalog, licenses
from registry.catalog.refusals import malformed, no_such_license, no_such_model
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal

_log = structlog.get_logger()


async def record_request_look(
    desk: Desk, principal: Principal, *, publisher_id: UUID, subject_id: UUID | None = None
) -> None:
    """Record that a reviewer looked at one request, or at the list of them."""
    now = desk.clock.now()
    what = catalog.Looked.REQUEST if subject_id else catalog.Looked.REQUESTS
    await desk.database.write(
        lambda session: catalog.record_look(
            session, what, principal=principal, publisher_id=publisher_id, subject_id=subject_id, now=now
        )
    )


def check_parameters(given: Iterable[str], known: Iterable[str]) -> Refusal | None:
    """Return why a query cannot be answered as it was meant, or None: what is not understood never widens it."""
    names = sorted(known)
    errors = {
        name: f"not a parameter here; expected {', '.join(names)}" for name in given if name not in names
    }
    return malformed("The records cannot be narrowed like this", errors) if errors else None


def choose_versions(session: Session, text: str) -> Sequence[UUID] | Refusal | None:
    """Return the version that `slug@1.1` names, all that `slug` names, or None where no license is asked for."""
    if not text:
        return None
    reference = licenses.parse_reference(text)
    if reference is None:
        return no_such_license(text)
    if reference.number is not None:
        version = licenses.find_version(session, reference.slug, reference.number)
        return [version.id] if version else no_such_license(text)
    versions = licenses.list_versions(session, reference.slug)
    return [version.id for version in versions] or no_such_license(text)


def choose_models(
    models: Sequence[catalog.OwnModel], publisher: str, name: str
) -> Sequence[catalog.OwnModel] | Refusal:
    """Return the model of this name (`model` or `publisher/model`), or all where none is named."""
    wanted = name.lower().removeprefix(f"{publisher.lower()}/")
    if not wanted:
        return models
    return [model for model in models if model.name.lower() == wanted] or no_such_model(publisher, name)


def read_span(since: str, until: str) -> tuple[datetime | None, datetime | None] | Refusal:
    """Return the moments that two days name, the second one included whole (UTC)."""
    errors: dict[str, str] = {}
    moments: list[datetime | None] = []
    for name, text, days in (("since", since, 0), ("until", until, 1)):
        moment = None
        if text:
            try:
                day = datetime.fromisoformat(text).date() + timedelta(days=days)
                moment = datetime.combine(day, time(), UTC)
            except (ValueError, OverflowError):
                errors[name] = "write a day, such as 2027-01-31"
        moments.append(moment)
    return malformed("The days cannot be read", errors) if errors else (moments[0], moments[1])
