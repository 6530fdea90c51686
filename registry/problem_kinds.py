"""What a documented problem code says, and who decides about it."""

from dataclasses import dataclass

YOU = "You do; no review follows."
MAINTAINERS = "The maintainers of the publisher."
OWNERS = "The owners of the publisher."
REVIEWERS = "The reviewers of the publisher."
OFFICERS = "The officers of the organisation."
SPONSOR = "The sponsor of the service account."
OPERATORS = "The operators of this registry."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCode:
    """One code."""

    code: str
    status: int
    title: str
    meaning: tuple[str, ...]
    actions: tuple[str, ...]
    decider: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """Codes that belong to one kind of act."""

    title: str
    problems: tuple[ProblemCode, ...]


def code(
    name: str, status: int, title: str, meaning: str, *actions: str, by: str | None = None
) -> ProblemCode:
    """Return a code with one paragraph of meaning; `by` says who decides."""
    return ProblemCode(code=name, status=status, title=title, meaning=(meaning,), actions=actions, decider=by)
