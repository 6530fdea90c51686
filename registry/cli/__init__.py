"""The command line `gatehouse`: user commands speak HTTP through `registry.client`, operator commands run the service.

Nothing but the grammar is loaded before the arguments are known, so that `gatehouse --help` answers at once; each
command's module is imported when it runs. Data goes to stdout, talk to stderr.
"""

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from registry.cli.grammar import build_parser
from registry.client.errors import ClientError, ExitCode

_DASHED_KEY_ID = re.compile(r"-[A-Za-z0-9_-]{42}")
"""A JWK thumbprint (RFC 7638) that begins with a dash."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(_key_ids_last(sys.argv[1:] if argv is None else argv))
    module, _, function = args.handler.partition(":")
    try:
        status: int = getattr(import_module(module), function)(args)
        sys.stdout.flush()
    except ClientError as error:
        return tell(error)
    except KeyboardInterrupt:
        sys.stderr.write("\ngatehouse: interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; without this it would complain about the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED
    return status


def _key_ids_last(argv: Sequence[str]) -> list[str]:
    """Return the arguments with ids of keys that look like options (one in 64 begins with `-`) where none is read."""
    ids = [one for one in argv if _DASHED_KEY_ID.fullmatch(one)]
    if not ids or "--" in argv:
        return list(argv)
    return [*(one for one in argv if one not in ids), "--", *ids]


def tell(error: ClientError) -> int:
    """Write what went wrong and what to do next; return the exit code that says so."""
    sys.stderr.write(f"gatehouse: {error.message}\n")
    for line in error.advice:
        sys.stderr.write(f"  {line}\n")
    return error.exit_code
