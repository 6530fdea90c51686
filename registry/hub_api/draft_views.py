"""What those who publish a draft are told of it, where others are told that there is no such model."""

from datetime import datetime

from sqlmodel import Session

from registry.catalog import drafts
from registry.catalog.domain import DEFAULT_BRANCH, Command, Draft, GateMode
from registry.hub_api import service
from registry.hub_api.domain import ModelPath, Verb
from registry.hub_api.schemas import NO_CARD, DescribedModel
from registry.hub_api.service import FoundModel, Shelf
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal


def describe_model(
    session: Session, shelf: Shelf, where: ModelPath, *, principal: Principal, blobs: bool, now: datetime
) -> FoundModel | Refusal:
    """Return a model as it is told, or a draft without a revision; a revision of a draft is refused."""
    found = service.describe_model(session, shelf, where, principal=principal, blobs=blobs, now=now)
    if isinstance(found, FoundModel) or (draft := find_draft(session, where, principal)) is None:
        return found
    if where.verb is not Verb.INFO:
        return drafts.no_release_yet(draft)
    return FoundModel(described=_describe(draft), verdict=None)


def find_draft(session: Session, where: ModelPath, principal: Principal) -> Draft | None:
    """Return the draft that an address names, if `principal` may publish it."""
    place = drafts.find_place(
        session,
        publisher=where.publisher,
        name=where.name,
        command=Command.PUBLISH_RELEASE,
        principal=principal,
    )
    return place if isinstance(place, Draft) else None


def is_empty_tree(session: Session, where: ModelPath, principal: Principal) -> bool:
    """Whether an address names the root of what will be the main branch of a draft."""
    return (where.revision, where.path) == (DEFAULT_BRANCH, "") and bool(
        find_draft(session, where, principal)
    )


def _describe(draft: Draft) -> DescribedModel:
    return DescribedModel(
        model_id=draft.id.hex,
        publisher=draft.publisher,
        name=draft.name,
        private=draft.private,
        mode=GateMode.AUTO,
        is_open=False,
        created_at=draft.begun_at,
        commit=None,
        modified_at=draft.begun_at,
        card=NO_CARD,
        tags=[],
        files=(),
        total_bytes=0,
        blobs=False,
    )
