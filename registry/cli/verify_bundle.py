"""`gatehouse verify bundle.zip`: an evidence bundle, offline."""

from argparse import Namespace

from registry.cli.terminal import talk, write_json, write_line
from registry.client.bundle import read_archive, read_index
from registry.client.errors import ClientError, ExitCode, printable
from registry.client.others import Others
from registry.client.steps import State
from registry.client.verify import Trust, TrustedKeys
from registry.client.verify_bundle import BundleVerification, verify_bundle

MARKS = {State.PASSED: "ok  ", State.FAILED: "FAIL", State.NOT_REACHED: "-   "}


def read_registry(data: bytes) -> str | None:
    """Return the registry that a bundle names, to find keys that were kept; None where it cannot be read."""
    try:
        return read_index(read_archive(data)).registry
    except ClientError:
        return None  # The steps say what is wrong.


def run(args: Namespace, data: bytes, *, trusted: TrustedKeys | None, others: Others) -> int:
    """Verify, step by step; 0 only if every step passed."""
    outcome = verify_bundle(data, trusted=trusted, others=others)
    is_good = outcome.failure is None and not (args.require_trusted and outcome.trust is Trust.EMBEDDED)
    if args.json:
        write_json(_as_json(outcome))
    else:
        _write(outcome)
    if outcome.failure is not None:
        talk(
            f"gatehouse: the bundle does not verify: step {outcome.failure.step} failed: {outcome.failure.text}"
        )
    elif outcome.trust is Trust.EMBEDDED:
        talk(
            "gatehouse: the bundle fits together, but its keys were not compared with anything: anybody could have made it."
        )
        talk(
            f"  Get the keys from the registry itself, {_registry(outcome)}/api/v1/keys, and give them with --keys FILE,"
        )
        talk("  or sign in to that registry once with gatehouse login.")
    return ExitCode.OK if is_good else ExitCode.VERIFICATION_FAILED


def _write(outcome: BundleVerification) -> None:
    if said := _sentence(outcome):
        write_line(said)
    for number, result in enumerate(outcome.steps, start=1):
        write_line(f"{number:2}. {MARKS[result.state]} {result.step:<12} {result.text}")
    if outcome.failure is not None:
        write_line("NOT VERIFIED")
        return
    write_line(
        {
            Trust.GIVEN: "VERIFIED with the keys you gave",
            Trust.PINNED: "VERIFIED with keys kept since you signed in to this registry",
            Trust.EMBEDDED: "CONSISTENT, but the keys are known from the bundle only",
        }[outcome.trust]
    )


def _sentence(outcome: BundleVerification) -> str | None:
    if outcome.failure is not None or outcome.index is None:
        return None
    count, ended = len(outcome.statements), len(outcome.withdrawn)
    about = outcome.index.model or outcome.index.publisher
    said = (
        f"{count:,} acceptance{'' if count == 1 else 's'} of {printable(about, limit=200)}, {ended:,} of them withdrawn, "
        f"as {_registry(outcome)} had them on record at {outcome.index.made_at}"
    )
    return said + _imported(outcome)


def _imported(outcome: BundleVerification) -> str:
    """Say of imports what they are not, before anybody counts them."""
    count = len(outcome.imports)
    if not count:
        return ""
    people = "1 person was" if count == 1 else f"{count:,} people were"
    return (
        f"; apart from them {people} imported who accepted elsewhere, as a report said (grade C, text unknown), "
        f"of whom {len(outcome.upgraded):,} accepted here since"
    )


def _registry(outcome: BundleVerification) -> str:
    return printable(outcome.index.registry, limit=300) if outcome.index else ""


def _as_json(outcome: BundleVerification) -> dict[str, object]:
    return {
        "verified": outcome.failure is None,
        "trust": outcome.trust.value,
        "failed_step": None if outcome.failure is None else outcome.failure.step,
        "steps": [
            {"step": result.step, "state": result.state.value, "text": result.text}
            for result in outcome.steps
        ],
        "says": _sentence(outcome),
        "statements": list(outcome.statements),
        "withdrawn": sorted(outcome.withdrawn),
        "imports": list(outcome.imports),
        "upgraded": dict(outcome.upgraded),
    }
