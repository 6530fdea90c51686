"""`gatehouse verify download.json`: the proof of a download record, offline."""

from argparse import Namespace

from registry.cli.terminal import write_json, write_line
from registry.cli.verdict import conclude, steps_as_json, write_steps
from registry.client.download_proof import verify_download
from registry.client.errors import ClientError, printable
from registry.client.others import Others
from registry.client.verify import TrustedKeys
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
    if args.json:
        write_json({**steps_as_json(outcome), "registry": outcome.registry, "record": outcome.record})
    else:
        if outcome.record is not None:
            write_line(_sentence(Fields(outcome.record, where="record")))
        write_steps(outcome, "proof")
    return conclude(args, outcome, "proof", registry=printable(outcome.registry or "", limit=300))


def _sentence(record: Fields) -> str:
    who = record.maybe_text("person") or record.maybe_text("service_account")
    return printable(
        f"At {record.text('issued_at')} {who or 'somebody'} was given the address of {record.text('path')} "
        f"({record.text('sha256')}) of model {record.text('model')}, release {record.text('release')}",
        limit=1_000,
    )
