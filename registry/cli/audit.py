"""`gatehouse audit`: exports that stream, whatever their length."""

import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk
from registry.client.api import parse_license_reference
from registry.client.errors import ClientError


def acceptances(args: Namespace) -> int:
    """Write who accepted which text, and when."""
    return _export("acceptances", args)


def downloads(args: Namespace) -> int:
    """Write which download was permitted to whom."""
    return _export("downloads", args)


def bundle(args: Namespace) -> int:
    """Save acceptances with all that proves them; the file is there whole or not at all."""
    query = _query(args) | {name: value for name in ("since", "until") if (value := getattr(args, name))}
    if args.with_details:
        query["details"] = "true"
    target = Path(args.output)
    try:
        file = tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False)  # noqa: SIM115 - it is moved
    except OSError as error:
        raise ClientError(f"cannot write into {target.parent}: {error.strerror}") from None
    try:
        with file, connected(choose_registry(args)) as registry:
            for piece in registry.stream_audit("bundle", query):
                file.write(piece)
        Path(file.name).replace(target)
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise
    talk(f"Saved the bundle in {target}. Verify it with: gatehouse verify {target}")
    return 0


def _export(kind: str, args: Namespace) -> int:
    query = _query(args) | {"format": args.format}
    with connected(choose_registry(args)) as registry:
        for piece in registry.stream_audit(kind, query):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


def _query(args: Namespace) -> dict[str, str]:
    publisher, _, model = args.target.partition("/")
    query = {"publisher": publisher}
    if model:
        query["model"] = model
    if args.license:
        parse_license_reference(args.license)
        query["license"] = args.license
    return query
