"""Whom a gate takes models from that were made from those behind it: their licenses flow down."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog
from registry.access import crowds
from registry.access.crowds import Asked
from registry.catalog.domain import ModelView

MODELS_MOST = 20
"""Derived models whose people are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Models go behind another gate, or their gate comes to ask for something else."""

    models: frozenset[UUID]
    before: Asked
    after: Asked

    @property
    def was(self) -> Mapping[UUID, Asked]:
        """What each of the models asked for before."""
        return dict.fromkeys(self.models, self.before)

    @property
    def becomes(self) -> Mapping[UUID, Asked]:
        """What each of the models asks for afterwards."""
        return dict.fromkeys(self.models, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What a turn takes away beyond the models that it is about."""

    people: int
    """Who cannot download one or more of the derived models any more."""
    is_whole: bool
    """False where some models, or some people, were left out, because there are too many."""


def list_losers(
    session: Session, model: ModelView, turn: Turn, people: Collection[UUID], *, now: datetime
) -> frozenset[UUID]:
    """Return who of the people may download a derived model before the turn and not after it."""
    had = crowds.list_permitted(session, model, model.gate, people, now=now, bases=turn.was)
    return had - crowds.list_permitted(session, model, model.gate, had, now=now, bases=turn.becomes)


def count_derived(session: Session, turn: Turn, *, most: int, now: datetime) -> Derived:
    """Return how many people lose models that were made from those of the turn; of each gate the newest `most`."""
    found = catalog.list_derived_ids(session, turn.models, limit=MODELS_MOST + 1)
    lost: set[UUID] = set()
    is_whole = len(found) <= MODELS_MOST
    for model_id in found[:MODELS_MOST]:
        model = catalog.get_model(session, model_id)
        for gate_id in crowds.list_gates_of_people(session, model, turn.was):
            crowd = crowds.list_crowd(session, gate_id, most=most, now=now)
            is_whole = is_whole and crowd.is_whole
            lost |= list_losers(session, model, turn, crowd.people - lost, now=now)
    return Derived(people=len(lost), is_whole=is_whole)
