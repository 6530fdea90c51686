"""`gatehouse person`: what operators do about one person."""

import json
import sys
from argparse import Namespace

from registry import identity
from registry.cli.installation import write_to_database
from registry.cli.terminal import talk
from registry.client.errors import ClientError, UsageProblem
from registry.kernel.outcomes import GatehouseError


def end(args: Namespace) -> int:
    """End every session and token of the person at once; the log holds it."""
    if not args.unattended:
        _confirm(args.email)
    try:
        ended = write_to_database(
            lambda session, sealer, now: identity.end_person(
                session, email=args.email, sealer=sealer, now=now
            )
        )
    except GatehouseError as error:
        raise ClientError(str(error)) from None
    if ended is None:
        raise ClientError("nobody with this address is known here; nothing was ended")
    if args.json:
        shown = {"sessions": ended.sessions, "tokens": ended.tokens, "logins": ended.logins}
        print(json.dumps({"person": str(ended.person_id), **shown}))
    else:
        print(
            f"{ended.person_id}: {ended.sessions} sessions, {ended.tokens} tokens, {ended.logins} logins ended"
        )
    talk("They can sign in again. To keep them out, block them on the pages of a publisher.")
    return 0


def _confirm(email: str) -> None:
    if not sys.stdin.isatty():
        raise UsageProblem(
            "nobody is there to confirm it", advice=("Say --unattended to end without a question.",)
        )
    talk(f"End every session and every token of {email} now? They can sign in again afterwards.")
    talk("Type yes to go on:")
    if sys.stdin.readline().strip().lower() != "yes":
        raise ClientError("nothing was ended")
