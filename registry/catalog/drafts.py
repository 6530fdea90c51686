"""Names that are set aside for models to be: their first release makes them models, with a license and a gate.

A draft is no model: nothing reads it but what publishes. It is known to nobody who may not publish there.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from registry.catalog import draft_store, refusals, service, store
from registry.catalog.domain import DRAFT_LIFETIME, Command, Draft, ModelView
from registry.catalog.names import check_model_name
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal, Remedy

Place = ModelView | Draft
"""Where releases go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A model or a draft that is there now."""

    place: Place
    is_new: bool


def find_place(
    session: Session, *, publisher: str, name: str, command: Command, principal: Principal
) -> Place | Refusal:
    """Return the model, or the draft of one, if `principal` may do `command` there.

    A model that they may not see looks absent, and so does every draft to who may not do it.
    """
    model = service.find_model_for(
        session, publisher=publisher, name=name, command=command, principal=principal
    )
    if isinstance(model, ModelView) or not _is_absent(model):
        return model
    allowed = service.authorise(session, publisher, command, principal=principal)
    if isinstance(allowed, Refusal):
        return model
    return draft_store.find_draft(session, allowed, name) or model


def lock_place(
    session: Session, *, publisher: str, name: str, command: Command, principal: Principal
) -> Place | Refusal:
    """Return what `find_place` does; whoever changes it at the same time waits until this transaction ends."""
    place = find_place(session, publisher=publisher, name=name, command=command, principal=principal)
    if isinstance(place, Draft):
        store.lock_publisher(session, place.publisher_id)
        # Somebody else's first release may have made it a model meanwhile.
        place = find_place(session, publisher=publisher, name=name, command=command, principal=principal)
    if isinstance(place, ModelView):
        store.lock_model(session, place.id)
    return place


def begin(
    session: Session, *, publisher: str, name: str, private: bool, principal: Principal, now: datetime
) -> Begun | Refusal:
    """Return the model or draft of this name, or the new draft; one that is once wanted private stays so."""
    place = _find_to_begin(session, publisher=publisher, name=name, principal=principal)
    if isinstance(place, ModelView) or (isinstance(place, Refusal) and not _is_absent(place)):
        return Begun(place=place, is_new=False) if isinstance(place, ModelView) else place
    found = service.authorise(session, publisher, Command.CREATE_MODEL, principal=principal)
    if isinstance(found, Refusal):
        return found if isinstance(place, Refusal) else Begun(place=place, is_new=False)
    if trouble := check_model_name(found.name, name):
        return refusals.malformed("The model cannot be created like this", {"name": trouble})
    store.lock_publisher(session, found.id)
    place = _find_to_begin(session, publisher=publisher, name=name, principal=principal)
    if isinstance(place, ModelView):
        return Begun(place=place, is_new=False)
    if isinstance(place, Draft):
        if private and not place.private:
            draft_store.hide_draft(session, place.id)
            place = replace(place, private=True)
        return Begun(place=place, is_new=False)
    if principal.answering_id is None:
        return place
    draft = draft_store.insert_draft(
        session, found, name=name, private=private, begun_by=principal.answering_id, now=now
    )
    return Begun(place=draft, is_new=True)


def _find_to_begin(session: Session, *, publisher: str, name: str, principal: Principal) -> Place | Refusal:
    return find_place(
        session, publisher=publisher, name=name, command=Command.PUBLISH_RELEASE, principal=principal
    )


def _is_absent(refusal: Refusal) -> bool:
    return refusal.code == "model-not-found"


def give_up(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> Draft | ModelView | Refusal:
    """Return the draft that is given up now; a model stays."""
    place = lock_place(
        session, publisher=publisher, name=name, command=Command.PUBLISH_RELEASE, principal=principal
    )
    if isinstance(place, Draft):
        draft_store.delete_draft(session, place.id)
    return place


def forget_old(session: Session, *, now: datetime, limit: int) -> int:
    """Give up drafts that have become nothing for long; return how many."""
    return draft_store.delete_before(session, before=now - DRAFT_LIFETIME, limit=limit)


def no_release_yet(draft: Draft) -> Refusal:
    """Return the refusal of what needs a release, where there is none yet."""
    return Refusal(
        code="no-release-yet",
        status=404,
        title=f"{draft.repo_id} has no release yet",
        detail="Its first release goes to the main branch; other branches and tags begin at a release.",
        remedy=Remedy(text=f"Upload to the main branch first: hf upload {draft.repo_id} FOLDER"),
        decider="You do",
    )
