"""How a gate of mode `manual` reviews: rules of its numbers, and their canonical form in a gate's revision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec

from registry.kernel.canonical import canonical_bytes
from registry.kernel.outcomes import CorruptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPolicy:
    """How a gate of mode `manual` reviews; part of the gate's revision."""

    approvals: int = 1
    """How many reviewers must agree."""
    grant_days: int | None = None
    """How long an approval lasts; None: until it is ended."""
    answer_days: int = 30
    """After this long without a decision a request lapses."""
    changes_days: int = 14
    """After this long without the changes that were asked for a request lapses."""
    target_days: int = 5
    """Within this time the publisher means to answer; shown to both sides."""
    reapply_days: int = 30
    """After a rejection, when one may ask again, unless the reviewer says otherwise."""


AS_USUAL = ReviewPolicy()
BOUNDS: Mapping[str, tuple[int, int]] = {
    "approvals": (1, 5),
    "grant_days": (1, 3_650),
    "answer_days": (1, 365),
    "changes_days": (1, 365),
    "target_days": (1, 365),
    "reapply_days": (0, 3_650),
}


def check_policy(policy: ReviewPolicy) -> dict[str, str]:
    """Return what is wrong with each number that cannot stand."""
    errors = {}
    for name, (least, most) in BOUNDS.items():
        value = getattr(policy, name)
        if value is not None and not least <= value <= most:
            errors[name] = f"a whole number from {least} to {most:,}"
    if not errors and policy.target_days > policy.answer_days:
        errors["target_days"] = "not later than a request lapses without an answer"
    return errors


def policy_bytes(policy: ReviewPolicy) -> bytes | None:
    """Return the canonical form that a revision keeps; None for what is usual."""
    return None if policy == AS_USUAL else canonical_bytes(asdict(policy))


def parse_policy(stored: bytes | None) -> ReviewPolicy:
    """Return the policy that `policy_bytes` wrote.

    Raises:
        CorruptRecord: it holds something else.
    """
    if stored is None:
        return AS_USUAL
    try:
        return msgspec.json.decode(stored, type=ReviewPolicy)
    except msgspec.DecodeError as error:
        raise CorruptRecord(f"the review of a gate revision cannot be read: {error}") from None
