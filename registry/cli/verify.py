"""`gatehouse verify`: a receipt, an evidence bundle or the proof of a download record, offline."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta

from registry.cli import verify_bundle, verify_download
from registry.cli.connection import credential_file
from registry.cli.receipt import asked_for
from registry.cli.terminal import read_file, write_json, write_line
from registry.cli.verdict import conclude, steps_as_json, write_steps
from registry.client.bundle import BUNDLE_MAX_BYTES, START
from registry.client.cosignatures import COSIGNATURE_TYPE, parse_verifier_key
from registry.client.credentials import normal_endpoint
from registry.client.download_proof import is_download_proof
from registry.client.errors import ClientError, UsageProblem
from registry.client.key_binding import DEFAULT_MAX_AGE, Asked
from registry.client.keys import parse_key_set, parse_keys
from registry.client.others import Others
from registry.client.receipt import parse_receipt
from registry.client.said import sentence_of
from registry.client.timestamps import parse_roots
from registry.client.verify import Trust, TrustedKeys, Verification, verify_receipt
from registry.client.wire import parse_json

KEYS_MAX_BYTES = 4 << 20


def run(args: Namespace) -> int:
    """Verify, step by step; 0 only if every step passed."""
    data = read_file(args.file, limit=BUNDLE_MAX_BYTES)
    asked = _asked(args)
    if data.startswith(START) or args.file.endswith(".zip"):
        if asked is not None:
            raise UsageProblem("--audience and --nonce are about a receipt: a bundle is made out to nobody")
        return verify_bundle.run(
            args,
            data,
            trusted=_trusted_keys(args.keys, verify_bundle.read_registry(data)),
            others=_others(args),
        )
    if is_download_proof(data):
        if asked is not None:
            raise UsageProblem("--audience and --nonce are about a receipt: a download record has no holder")
        return verify_download.run(
            args,
            data,
            trusted=_trusted_keys(args.keys, verify_download.read_registry(data)),
            others=_others(args),
        )
    outcome = verify_receipt(
        data,
        trusted=_trusted_keys(args.keys, _registry_of(data)),
        others=_others(args),
        asked=asked,
    )
    if args.json:
        write_json(_as_json(outcome))
    else:
        _write(outcome)
    return conclude(args, outcome, "receipt", registry=str(outcome.issuer))


def _asked(args: Namespace) -> Asked | None:
    """Return what the holder was asked to prove; None if nothing."""
    pair = asked_for(args)
    if pair is None:
        if args.max_age is not None:
            raise UsageProblem("--max-age is about a proof for --audience and --nonce")
        return None
    audience, nonce = pair
    age = DEFAULT_MAX_AGE if args.max_age is None else timedelta(seconds=args.max_age)
    return Asked(audience=audience, nonce=nonce, now=datetime.now(UTC), max_age=age)


def _registry_of(receipt: bytes) -> str | None:
    try:
        return parse_receipt(receipt).registry
    except ClientError:
        return None  # Step 1 says what is wrong with the receipt.


def _trusted_keys(keys_file: str | None, registry: str | None) -> TrustedKeys | None:
    """Return the keys that were given, else those kept at an earlier sign-in to the registry that the file names."""
    if keys_file is not None:
        value = parse_json(read_file(keys_file, limit=KEYS_MAX_BYTES), what=keys_file)
        return TrustedKeys(keys=parse_key_set(value, where=keys_file), source=Trust.GIVEN)
    if registry is None:
        return None
    try:
        account = credential_file().find(normal_endpoint(registry))
    except ClientError:
        # A broken credential file must not keep anybody from the steps.
        return None
    if account is None or not account.keys:
        return None
    return TrustedKeys(keys=parse_keys(account.keys, where="the keys kept at sign-in"), source=Trust.PINNED)


def _others(args: Namespace) -> Others:
    roots = parse_roots(read_file(args.tsa, limit=KEYS_MAX_BYTES), where=args.tsa) if args.tsa else ()
    return Others(
        witnesses=tuple(parse_verifier_key(text, kind=COSIGNATURE_TYPE) for text in args.witness),
        authorities=roots,
    )


def _write(outcome: Verification) -> None:
    if sentence := sentence_of(outcome):
        by_itself = " (by the receipt's own keys)" if outcome.trust is Trust.EMBEDDED else ""
        write_line(f"{sentence}{by_itself}")
    write_steps(outcome, "receipt")
    if not outcome.is_verified:
        return
    write_line(f"license: {outcome.license_title}")
    write_line(f"issuer: {outcome.issuer}")
    write_line(
        f"disclosed: {', '.join(outcome.disclosed) or 'nothing'}; {outcome.hidden_count} claim(s) hidden"
    )


def _as_json(outcome: Verification) -> dict[str, object]:
    ledger = outcome.ledger
    return {
        **steps_as_json(outcome),
        "says": sentence_of(outcome),
        "issuer": outcome.issuer,
        "signed_with": outcome.signer,
        "license": outcome.license_title,
        "ledger": None
        if ledger is None
        else {"origin": ledger.origin, "index": ledger.index, "tree_size": ledger.tree_size},
        "disclosed": list(outcome.disclosed),
        "hidden": outcome.hidden_count,
        "statement": outcome.statement,
    }
