"""The steps of an offline verification: one after the other, and none after one that failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from registry.client.errors import ClientError

Evidence = TypeVar("Evidence")


class State(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not-reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How one step ended, in words."""

    step: str
    state: State
    text: str


def run_steps(
    checks: Sequence[tuple[str, Callable[[Evidence], str]]], evidence: Evidence
) -> tuple[StepResult, ...]:
    """Return how each step ended; a step runs only if all before it have passed, so what it uses is established."""
    results: list[StepResult] = []
    failed = False
    for step, check in checks:
        if failed:
            results.append(StepResult(step=step, state=State.NOT_REACHED, text="not reached"))
            continue
        try:
            results.append(StepResult(step=step, state=State.PASSED, text=check(evidence)))
        except ClientError as error:
            failed = True
            results.append(StepResult(step=step, state=State.FAILED, text=error.message))
    return tuple(results)


def find_failure(results: Sequence[StepResult]) -> StepResult | None:
    """Return the step that failed, if one did."""
    return next((result for result in results if result.state is State.FAILED), None)
