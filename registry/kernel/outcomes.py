"""The two kinds of no: a `Refusal` is an expected, returned value; an `Error` is raised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What the reader of a refusal can do, and where."""

    text: str
    """One imperative sentence, for people: `Read and accept Tarn OpenRAIL-M 1.1`."""
    url: str | None = None
    """Path on this registry where the act is done; made absolute at the edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An expected no (P10): recorded, committed and rendered as an RFC 9457 problem.

    Answers, in this order: what is missing, what happened just now, what to do and where,
    who decides, since when. Holds no secret and no contact data.
    """

    code: str
    """Stable, kebab-case; documented under `/problems/<code>`."""
    status: int
    """HTTP status of the refusal, 400 to 451."""
    title: str
    """What is missing, as a sentence without a full stop."""
    detail: str
    """What happened just now, got and expected."""
    remedy: Remedy | None = None
    decider: str | None = None
    """Who decides: `You do; no review follows`."""
    since: datetime | None = None
    until: datetime | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    """Field name to what is wrong with its value, for forms."""


class GatehouseError(Exception):
    """Base of what is raised: a defect or an outage, never an expected no."""


class Unavailable(GatehouseError):
    """A part the answer depends on cannot be reached; doubt closes the gate (P8)."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} is unavailable: {reason}")
        self.part = part
        self.reason = reason


class UnfitValue(GatehouseError):
    """A value that the database cannot hold, such as a number beyond its range: bad input, not a defect."""


class CorruptRecord(GatehouseError):
    """A stored record does not fit what it must be by its digest, seal or signature."""
