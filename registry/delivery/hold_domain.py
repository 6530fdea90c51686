"""Rules of legal holds: what one concerns, what it has to say, what it stands against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy

REASON_MAX_CHARACTERS = 300
ORDERED_BY_MAX_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold, as operators see it and as a person is told of it."""

    id: UUID
    subject: str
    """`person 0199…`, `publisher quarry` or `model quarry/quarry-15b`."""
    reason: str
    ordered_by: str
    placed_at: datetime
    until: datetime | None
    lifted_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it keeps anything now."""
        return self.lifted_at is None and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Everything that must stay for now: whose data, and the data of which gates and models."""

    people: frozenset[UUID] = frozenset()
    gates: frozenset[UUID] = frozenset()
    models: frozenset[UUID] = frozenset()


def held(
    standing: Held, *, person_id: UUID | None, gate_id: UUID | None = None, model_id: UUID | None = None
) -> bool:
    """Whether a record about this person, at this gate or model, must stay."""
    return person_id in standing.people or gate_id in standing.gates or model_id in standing.models


def judge_hold(
    reason: str, ordered_by: str, *, until: datetime | None, known: bool, now: datetime
) -> Refusal | None:
    """Return why a hold may not be placed as asked; None if it may."""
    errors = {}
    if not known:
        errors["subject"] = "Name a person, a publisher or a model that is known here"
    for name, text, most in (
        ("reason", reason, REASON_MAX_CHARACTERS),
        ("ordered_by", ordered_by, ORDERED_BY_MAX_CHARACTERS),
    ):
        if not text or len(text) > most or not text.isprintable():
            errors[name] = f"Give one line of at most {most} characters"
    if until is not None and until <= now:
        errors["until"] = "Choose a time to come, or none"
    if not errors:
        return None
    return Refusal(
        code="invalid-hold",
        status=422,
        title="Nothing was put on hold",
        detail="; ".join(f"{name}: {problem}" for name, problem in sorted(errors.items())),
        remedy=Remedy(text="Mend what is named, then try again"),
        errors=errors,
    )


def kept_by_hold(holds: Sequence[HoldView]) -> Refusal | None:
    """Return why what is kept about a person may not be destroyed now; None where no hold stands against it."""
    if not holds:
        return None
    return Refusal(
        code="on-hold",
        status=409,
        title="Your data must be kept for now",
        detail=" ".join(f"Reason: {hold.reason} ({hold.ordered_by})." for hold in holds)
        + " Nothing was erased; nothing of it is deleted while the hold stands.",
        remedy=Remedy(text="Have its use restricted instead, or ask again after the hold", url="/records"),
        decider="The operators of this registry",
        since=min(hold.placed_at for hold in holds),
        until=None if any(hold.until is None for hold in holds) else max(h.until for h in holds if h.until),
    )
