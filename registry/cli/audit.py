"""`gatehouse audit`: exports that stream, whatever their length."""

import sys
from argparse import Namespace

from registry.cli.connection import choose_registry, connected
from registry.client.api import parse_license_reference


def acceptances(args: Namespace) -> int:
    """Write who accepted which text, and when."""
    return _export("acceptances", args)


def downloads(args: Namespace) -> int:
    """Write which download was permitted to whom."""
    return _export("downloads", args)


def _export(kind: str, args: Namespace) -> int:
    publisher, _, model = args.target.partition("/")
    query = {"publisher": publisher, "format": args.format}
    if model:
        query["model"] = model
    if args.license:
        parse_license_reference(args.license)
        query["license"] = args.license
    with connected(choose_registry(args)) as registry:
        for piece in registry.stream_audit(kind, query):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0
