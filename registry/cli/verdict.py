"""How `gatehouse verify` tells what came of it, whatever it was that was verified."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Protocol

from registry.cli.terminal import talk, write_line
from registry.client.errors import ExitCode
from registry.client.steps import State, StepResult
from registry.client.verify import Trust

_MARKS = {State.PASSED: "ok  ", State.FAILED: "FAIL", State.NOT_REACHED: "-   "}


class Outcome(Protocol):
    """Each step of a verification, and where the keys came from."""

    @property
    def steps(self) -> Sequence[StepResult]:
        """How each step ended."""
        ...

    @property
    def trust(self) -> Trust:
        """Where the keys came from."""
        ...

    @property
    def failure(self) -> StepResult | None:
        """The step that failed, if one did."""
        ...


def write_steps(outcome: Outcome, what: str) -> None:
    """Write each step, and in one line what they add up to; `what` is a receipt, a bundle or a proof."""
    for number, result in enumerate(outcome.steps, start=1):
        write_line(f"{number:2}. {_MARKS[result.state]} {result.step:<12} {result.text}")
    if outcome.failure is not None:
        write_line("NOT VERIFIED")
        return
    write_line(
        {
            Trust.GIVEN: "VERIFIED with the keys you gave",
            Trust.PINNED: "VERIFIED with keys kept since you signed in to this registry",
            Trust.EMBEDDED: f"CONSISTENT, but the keys are known from the {what} only",
        }[outcome.trust]
    )


def steps_as_json(outcome: Outcome) -> dict[str, object]:
    """Return what every verification says first in JSON."""
    return {
        "verified": outcome.failure is None,
        "trust": outcome.trust.value,
        "failed_step": None if outcome.failure is None else outcome.failure.step,
        "steps": [
            {"step": result.step, "state": result.state.value, "text": result.text}
            for result in outcome.steps
        ],
    }


def conclude(args: Namespace, outcome: Outcome, what: str, *, registry: str) -> int:
    """Tell people what is missing, and return the exit code; 0 only if every step passed by keys that are enough."""
    if outcome.failure is not None:
        talk(
            f"gatehouse: the {what} does not verify: step {outcome.failure.step} failed: {outcome.failure.text}"
        )
        return ExitCode.VERIFICATION_FAILED
    if outcome.trust is not Trust.EMBEDDED:
        return ExitCode.OK
    talk(
        f"gatehouse: the {what} fits together, but its keys were not compared with anything: anybody could have made it."
    )
    talk(f"  Get the keys from the registry itself, {registry}/api/v1/keys, and give them with --keys FILE,")
    talk("  or sign in to that registry once with gatehouse login.")
    return ExitCode.VERIFICATION_FAILED if args.require_trusted else ExitCode.OK
