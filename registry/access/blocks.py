"""Rules of the deny list: what a block has to say, and what its publisher sees of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy

REASON_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSummary:
    """An entry of the deny list as its publisher sees it."""

    id: UUID
    person_id: UUID
    reason: str
    blocked_by: UUID
    blocked_at: datetime
    until: datetime | None
    lifted_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it bars the person now."""
        return self.lifted_at is None and (self.until is None or now < self.until)


def judge_block(reason: str, until: datetime | None, *, now: datetime, oneself: bool) -> Refusal | None:
    """Return why a person may not be blocked as asked; None if they may."""
    errors = {}
    text = reason.strip()
    if not text or len(text) > REASON_MAX_CHARACTERS or not text.isprintable():
        errors["reason"] = (
            f"Give a reason in one line of at most {REASON_MAX_CHARACTERS} characters; the person reads it"
        )
    if until is not None and until <= now:
        errors["until"] = "Choose a day in the future, or leave it empty"
    if oneself:
        errors["email"] = "You cannot block yourself"
    if not errors:
        return None
    return Refusal(
        code="invalid-block",
        status=422,
        title="Nobody was blocked",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again"),
        errors=errors,
    )


def block_unknown(page: str) -> Refusal:
    """Return the refusal of lifting a block that is not there, or has ended."""
    return Refusal(
        code="block-unknown",
        status=404,
        title="There is no such block, or it has ended",
        detail="Nothing changed.",
        remedy=Remedy(text="See the deny list", url=page),
    )
