"""`gatehouse receipt`: the caller's own receipts."""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_columns, write_json
from registry.client.api import Registry
from registry.client.errors import ClientError, NotFound, printable
from registry.client.receipt import parse_receipt

PROOF_PATIENCE_SECONDS = 10.0
"""How long a fresh receipt is fetched again until the log has published its entry (usually within a second)."""
PROOF_POLL_SECONDS = 0.5


def list_receipts(args: Namespace) -> int:
    """List the caller's acceptances."""
    with connected(choose_registry(args)) as registry:
        items = list(registry.list_receipts())
    if args.json:
        write_json([item.value for item in items])
        return 0
    names = ("id", "model", "license", "accepted_at", "withdrawn_at")
    rows = [[printable(item.maybe_text(name) or "", limit=200) for name in names] for item in items]
    write_columns(("id", "model", "license", "accepted", "withdrawn"), rows)
    return 0


def get(args: Namespace) -> int:
    """Save a receipt; it is complete once the log has published its entry."""
    with connected(choose_registry(args)) as registry:
        try:
            data, is_complete = _fetch(registry, args.receipt)
        except NotFound:
            raise NotFound(
                f"no such receipt: {printable(args.receipt, limit=100)}",
                advice=("Your own ones are listed by: gatehouse receipt list",),
            ) from None
    if args.output is None:
        sys.stdout.buffer.write(data)
    else:
        _save(Path(args.output), data)
        talk(f"Saved the receipt in {args.output}. Verify it with: gatehouse verify {args.output}")
    if not is_complete:
        talk("Note: the log has not published the entry yet; fetch the receipt again later for its proof.")
    return 0


def _fetch(registry: Registry, receipt_id: str) -> tuple[bytes, bool]:
    deadline = time.monotonic() + PROOF_PATIENCE_SECONDS
    while True:
        data = registry.get_receipt(receipt_id)
        is_complete = parse_receipt(data).ledger is not None
        if is_complete or time.monotonic() >= deadline:
            return data, is_complete
        time.sleep(PROOF_POLL_SECONDS)


def _save(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read: a receipt discloses contact data."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ClientError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None
