"""`gatehouse verify bundle.zip`: an evidence bundle, offline."""

from argparse import Namespace

from registry.cli.terminal import write_json, write_line
from registry.cli.verdict import conclude, steps_as_json, write_steps
from registry.client.bundle import read_archive, read_index
from registry.client.errors import ClientError, printable
from registry.client.others import Others
from registry.client.verify import TrustedKeys
from registry.client.verify_bundle import BundleVerification, verify_bundle


def read_registry(data: bytes) -> str | None:
    """Return the registry that a bundle names, to find keys that were kept; None where it cannot be read."""
    try:
        return read_index(read_archive(data)).registry
    except ClientError:
        return None  # The steps say what is wrong.


def run(args: Namespace, data: bytes, *, trusted: TrustedKeys | None, others: Others) -> int:
    """Verify, step by step; 0 only if every step passed."""
    outcome = verify_bundle(data, trusted=trusted, others=others)
    if args.json:
        write_json(_as_json(outcome))
    else:
        if said := _sentence(outcome):
            write_line(said)
        write_steps(outcome, "bundle")
    return conclude(args, outcome, "bundle", registry=_registry(outcome))


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
        **steps_as_json(outcome),
        "says": _sentence(outcome),
        "statements": list(outcome.statements),
        "withdrawn": sorted(outcome.withdrawn),
        "imports": list(outcome.imports),
        "upgraded": dict(outcome.upgraded),
    }
