"""One row of the table per measure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, beside its bound."""

    measure: str
    measured: str
    compared_with: str
    value: str
    bound: str
    met: bool | None
    """None where the measure could not be taken."""
    remarks: tuple[str, ...] = field(default=())
    cost: str = ""
    """Where a profile says that the time goes; told where the bound is missed."""
