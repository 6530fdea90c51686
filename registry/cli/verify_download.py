"""`gatehouse verify download.json`: the proof of a download record, offline."""

from argparse import Namespace

from registry.cli.terminal import talk, write_json, write_line
from registry.cli.verify_bundle import MARKS
from registry.client.download_proof import DownloadVerification, verify_download
from registry.client.errors import ClientError, ExitCode, printable
from registry.client.others import Others
from registry.client.verify import Trust, TrustedKeys
from registry.client.wire import Fields, parse_json


def read_registry(data: bytes) -> str | None:
    """Return the registry that a proof names, to find keys that were kept; None where it cannot be read."""
    try:
        return Fields(parse_json(data, what="the file"), where="proof").text("registry")
    except ClientError:
        return None  # The steps say what is wrong.


def run(args: Namespace, data: bytes, *, trusted: TrustedKeys | None, others: Others) -> int:
    """Verify, step by step; 0 only if every step passed."""
    outcome = verify_download(data, trusted=trusted, others=others)
    is_good = outcome.failure is None and not (args.require_trusted and outcome.trust is Trust.EMBEDDED)
    if args.json:
        write_json(_as_json(outcome))
    else:
        _write(outcome)
    if outcome.failure is not None:
        talk(
            f"gatehouse: the proof does not verify: step {outcome.failure.step} failed: {outcome.failure.text}"
        )
    elif outcome.trust is Trust.EMBEDDED:
        talk(
            "gatehouse: the proof fits together, but its keys were not compared with anything: give them with --keys FILE."
        )
    return ExitCode.OK if is_good else ExitCode.VERIFICATION_FAILED


def _write(outcome: DownloadVerification) -> None:
    if outcome.record is not None:
        write_line(_sentence(Fields(outcome.record, where="record")))
    for number, result in enumerate(outcome.steps, start=1):
        write_line(f"{number:2}. {MARKS[result.state]} {result.step:<12} {result.text}")
    if outcome.failure is not None:
        write_line("NOT VERIFIED")
        return
    write_line(
        {
            Trust.GIVEN: "VERIFIED with the keys you gave",
            Trust.PINNED: "VERIFIED with keys kept since you signed in to this registry",
            Trust.EMBEDDED: "CONSISTENT, but the keys are known from the proof only",
        }[outcome.trust]
    )


def _sentence(record: Fields) -> str:
    who = record.maybe_text("person") or record.maybe_text("service_account")
    return printable(
        f"At {record.text('issued_at')} {who or 'somebody'} was given the address of {record.text('path')} "
        f"({record.text('sha256')}) of model {record.text('model')}, release {record.text('release')}",
        limit=1_000,
    )


def _as_json(outcome: DownloadVerification) -> dict[str, object]:
    return {
        "verified": outcome.failure is None,
        "trust": outcome.trust.value,
        "failed_step": None if outcome.failure is None else outcome.failure.step,
        "steps": [
            {"step": result.step, "state": result.state.value, "text": result.text}
            for result in outcome.steps
        ],
        "registry": outcome.registry,
        "record": outcome.record,
    }
