"""`gatehouse login`, `logout`, `whoami`: which registry, as whom."""

import getpass
import os
import sys
from argparse import Namespace
from datetime import UTC, datetime

from registry.cli.connection import choose_registry, connected, credential_file
from registry.cli.terminal import talk, write_json, write_line
from registry.client.api import Registry
from registry.client.credentials import Account, check_token, normal_endpoint, sends_in_clear
from registry.client.errors import ClientError, NotSignedIn, UsageProblem, printable
from registry.client.keys import parse_keys
from registry.client.transport import Session
from registry.client.wire import Fields, JsonObject


def login(args: Namespace) -> int:
    """Ask for a token, check it with the registry, keep it with the registry's keys."""
    file = credential_file()
    named = args.endpoint or os.environ.get("GATEHOUSE_ENDPOINT") or file.find_default()
    if not named:
        raise UsageProblem(
            "which registry?", advice=("gatehouse login --endpoint https://models.example.org",)
        )
    endpoint = normal_endpoint(named)
    if sends_in_clear(endpoint):
        talk(f"Warning: {endpoint} is not encrypted; everybody on the way can read the token.")
    token = _read_token(endpoint)
    with Session(endpoint=endpoint, token=token) as session:
        registry = Registry(session)
        answer = registry.whoami()
        if answer.value.get("person") is None:
            raise NotSignedIn(
                f"{endpoint} does not know this token",
                advice=(f"Create one on {endpoint}/tokens, then run gatehouse login again.",),
            )
        _, shown = registry.fetch_keys()
    known = file.find(endpoint)
    keys = _merge_keys(() if known is None else known.keys, shown)
    file.keep(
        Account(endpoint=endpoint, token=token, keys=keys, saved_at=datetime.now(UTC)), make_default=True
    )
    talk(f"Signed in to {endpoint} as {_name_of(answer)}. The token is kept in {file.path}.")
    if os.environ.get("GATEHOUSE_TOKEN"):
        talk("Note: GATEHOUSE_TOKEN is set and goes before the kept token.")
    return 0


def logout(args: Namespace) -> int:
    """Forget the token; the registry's keys stay known."""
    file = credential_file()
    named = args.endpoint or os.environ.get("GATEHOUSE_ENDPOINT") or file.find_default()
    if not named:
        talk("No token is kept.")
        return 0
    endpoint = normal_endpoint(named)
    if file.forget_token(endpoint):
        talk(f"Forgot the token of {endpoint}. It stays valid until you revoke it on {endpoint}/tokens")
    else:
        talk(f"No token is kept for {endpoint}.")
    return 0


def whoami(args: Namespace) -> int:
    """Show the person, what the token may do, and the publishers."""
    choice = choose_registry(args)
    with connected(choice) as registry:
        answer = registry.whoami()
    if args.json:
        write_json(answer.value)
        return 0
    if answer.value.get("person") is None:
        raise NotSignedIn(
            f"not signed in to {choice.endpoint}",
            advice=(f"Create a token on {choice.endpoint}/tokens, then: gatehouse login",),
        )
    write_line(f"{_name_of(answer)} at {choice.endpoint}")
    write_line(f"may: {', '.join(printable(scope, limit=40) for scope in answer.texts('scopes'))}")
    for publisher in answer.members("publishers"):
        write_line(f"{printable(publisher.text('role'), limit=40)} of {printable(publisher.text('name'))}")
    return 0


def _read_token(endpoint: str) -> str:
    """Return the token from a prompt without echo or from stdin; never from an argument, which others can see."""
    if not sys.stdin.isatty():
        return check_token(sys.stdin.readline())
    talk(f"Create a token on {endpoint}/tokens and paste it here.")
    try:
        return check_token(getpass.getpass("Token (not shown): ", stream=sys.stderr))
    except EOFError:
        raise UsageProblem("no token was given") from None


def _merge_keys(pinned: tuple[JsonObject, ...], shown: list[JsonObject]) -> tuple[JsonObject, ...]:
    """Return the keys known so far and those shown now; one that went missing stays known."""
    merged = {str(key.get("kid")): key for key in (*pinned, *shown)}
    gone = [
        kid
        for kid in (str(key.get("kid")) for key in pinned)
        if kid not in {str(k.get("kid")) for k in shown}
    ]
    if gone:
        talk(f"Warning: the registry no longer shows {len(gone)} of the keys that it showed before.")
    parse_keys(merged.values(), where="the registry's keys")
    return tuple(merged.values())


def _name_of(answer: Fields) -> str:
    person = answer.maybe_member("person")
    if person is None:
        raise ClientError("the registry does not say whose token it is")
    name = person.maybe_text("display_name") or person.maybe_text("email") or person.text("id")
    return printable(name, limit=200)
