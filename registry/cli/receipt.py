"""`gatehouse receipt`: the caller's own receipts."""

import os
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import read_file, talk, write_columns, write_json
from registry.client.api import Registry
from registry.client.disclosing import bind_receipt, hidable_names, show_only
from registry.client.errors import ClientError, NotFound, UsageProblem, printable
from registry.client.holder_keys import HolderKey, HolderKeys, read_holder_key
from registry.client.key_binding import ASKED_MAX_CHARACTERS, confirmation_key
from registry.client.receipt import RECEIPT_MAX_BYTES, parse_receipt
from registry.client.said import sentence_of
from registry.client.sd_jwt import read_claims
from registry.client.verify import verify_receipt

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
    if args.pdf and args.only is not None:
        raise UsageProblem("--pdf shows everything; save the receipt with --only and without --pdf")
    with connected(choose_registry(args)) as registry:
        try:
            data, is_complete = fetch_complete(registry, args.receipt, pdf=args.pdf)
        except NotFound:
            raise NotFound(
                f"no such receipt: {printable(args.receipt, limit=100)}",
                advice=("Your own ones are listed by: gatehouse receipt list",),
            ) from None
    if args.only is not None:
        data = _shown(data, args.only)
    if args.output is None:
        sys.stdout.buffer.write(data)
    else:
        save(Path(args.output), data)
        talk(f"Saved the receipt in {args.output}. Verify it with: gatehouse verify {args.output}")
    if not is_complete:
        talk("Note: the log has not published the entry yet; fetch the receipt again later for its proof.")
    return 0


def disclose(args: Namespace) -> int:
    """Make a receipt that shows less of a saved one, for one audience if that is named."""
    asked = asked_for(args)
    if asked is None and args.holder_key is not None:
        raise UsageProblem("--holder-key is for a proof to --audience with --nonce")
    data = _shown(read_file(args.file, limit=RECEIPT_MAX_BYTES), args.only)
    if asked is not None:
        data = _bound(data, *asked, key_file=args.holder_key)
    if args.output is None:
        sys.stdout.buffer.write(data)
    else:
        save(Path(args.output), data)
    return 0


def _shown(data: bytes, only: Sequence[str]) -> bytes:
    """Return the receipt with what is named, having said in words what it proves and what it keeps back."""
    held = hidable_names(data)
    # The name of an answer is its question, which may have commas in it.
    given = [[value] if value in held else value.split(",") for value in only]
    shown = show_only(data, [name.strip() for names in given for name in names if name.strip()])
    hidden = [name for name in held if name not in hidable_names(shown)]
    sentence = sentence_of(verify_receipt(shown))
    if sentence:
        talk(f"It proves: {sentence}")
    talk(f"Kept back: {', '.join(printable(name, limit=80) for name in hidden) or 'nothing'}")
    return shown


def asked_for(args: Namespace) -> tuple[str, str] | None:
    """Return audience and nonce of the command line; None if neither is there.

    Raises:
        UsageProblem: only one of them is, or one is empty or too long.
    """
    pair = (args.audience, args.nonce)
    if pair == (None, None):
        return None
    if not all(pair):
        raise UsageProblem(
            "--audience and --nonce go together, neither of them empty",
            advice=(
                "Both come from the one who asks for the proof: their name or address, and a word made for you.",
            ),
        )
    if max(map(len, pair)) > ASKED_MAX_CHARACTERS:
        raise UsageProblem(f"--audience and --nonce have at most {ASKED_MAX_CHARACTERS} characters")
    return pair


def _bound(data: bytes, audience: str, nonce: str, *, key_file: str | None) -> bytes:
    """Return the receipt with the proof that it was made by its holder, now and for this audience."""
    sd_jwt = parse_receipt(data).sd_jwt
    public = confirmation_key(read_claims(sd_jwt.jws, what="the statement"))
    if public is None:
        raise ClientError(
            "the receipt is bound to no key: there is nothing to prove possession of",
            advice=("Acceptances that are made with gatehouse accept are bound to a key of their own.",),
        )
    key = _holder_key(public, key_file)
    made = bind_receipt(data, key, audience=audience, nonce=nonce, now=datetime.now(UTC))
    talk(f"Made for {printable(audience)}, with the key {key.name}; nobody else can be shown it as theirs.")
    return made


def _holder_key(public: bytes, key_file: str | None) -> HolderKey:
    kept = HolderKeys.of_user(os.environ)
    key = read_holder_key(Path(key_file)) if key_file else kept.find(public)
    if key is None:
        raise ClientError(
            f"the key of this receipt is not in {kept.folder}",
            advice=(
                "Use the machine on which it was accepted, or name a copy of the key with --holder-key.",
            ),
        )
    if key.public != public:
        raise ClientError(f"the key in {key_file or kept.folder} is not the one that the receipt is bound to")
    return key


def fetch_complete(registry: Registry, receipt_id: str, *, pdf: bool = False) -> tuple[bytes, bool]:
    """Return the receipt, as a file or as pages that carry it, and whether it has its proof by now."""
    deadline = time.monotonic() + PROOF_PATIENCE_SECONDS
    while True:
        data = registry.get_receipt_pdf(receipt_id) if pdf else registry.get_receipt(receipt_id)
        is_complete = parse_receipt(data).ledger is not None
        if is_complete or time.monotonic() >= deadline:
            return data, is_complete
        time.sleep(PROOF_POLL_SECONDS)


def save(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read: a receipt discloses contact data."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ClientError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None
