"""`gatehouse login`, `logout`, `whoami`: which registry, as whom."""

import getpass
import os
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from registry.cli.connection import choose_registry, connected, credential_file
from registry.cli.terminal import talk, write_json, write_line
from registry.client.api import Registry
from registry.client.credentials import Account, check_token, normal_endpoint, sends_in_clear
from registry.client.errors import ClientError, NotSignedIn, UsageProblem, printable
from registry.client.keys import parse_keys
from registry.client.program_login import Tokens, sign_out, start, wait, with_tokens
from registry.client.transport import Session
from registry.client.wire import Fields, JsonObject


def login(args: Namespace) -> int:
    """Get a token by the browser, or take one, check it with the registry, keep it with the registry's keys."""
    file = credential_file()
    named = args.endpoint or os.environ.get("GATEHOUSE_ENDPOINT") or file.find_default()
    if not named:
        raise UsageProblem(
            "which registry?", advice=("gatehouse login --endpoint https://models.example.org",)
        )
    endpoint = normal_endpoint(named)
    if sends_in_clear(endpoint):
        talk(f"Warning: {endpoint} is not encrypted; everybody on the way can read the token.")
    signed_in = None if args.token else _by_browser(endpoint, scopes=args.scopes, opens=not args.no_browser)
    token = _read_token(endpoint) if signed_in is None else signed_in.access
    with Session(endpoint=endpoint, token=token) as session:
        registry = Registry(session)
        answer = registry.whoami()
        if answer.value.get("person") is None:
            raise NotSignedIn(
                f"{endpoint} does not know this token",
                advice=(
                    f"Create one on {endpoint}/settings/tokens, then run gatehouse login --token again.",
                ),
            )
        _, shown = registry.fetch_keys()
    known = file.find(endpoint)
    keys = _merge_keys(() if known is None else known.keys, shown)
    account = Account(endpoint=endpoint, token=token, keys=keys, saved_at=datetime.now(UTC))
    with file.locked():
        file.keep(account if signed_in is None else with_tokens(account, signed_in), make_default=True)
    talk(f"Signed in to {endpoint} as {_name_of(answer)}. The token is kept in {file.place}.")
    if os.environ.get("GATEHOUSE_TOKEN"):
        talk("Note: GATEHOUSE_TOKEN is set and goes before the kept token.")
    return 0


def logout(args: Namespace) -> int:
    """End the sign-in and forget the token; the registry's keys stay known."""
    file = credential_file()
    named = args.endpoint or os.environ.get("GATEHOUSE_ENDPOINT") or file.find_default()
    if not named:
        talk("No token is kept.")
        return 0
    endpoint = normal_endpoint(named)
    with file.locked():
        account = file.find(endpoint)
        if account is None or account.token is None:
            talk(f"No token is kept for {endpoint}.")
            return 0
        # First there: what is forgotten here can no longer be ended.
        ended = sign_out(account)
        file.forget_token(endpoint)
    if ended:
        talk(f"Signed out of {endpoint}.")
    else:
        talk(
            f"Forgot the token of {endpoint}. It stays valid until you revoke it on {endpoint}/settings/tokens"
        )
    return 0


def whoami(args: Namespace) -> int:
    """Show the person or the service account, what the token may do, and the publishers."""
    choice = choose_registry(args)
    with connected(choice) as registry:
        answer = registry.whoami()
    if args.json:
        write_json(answer.value)
        return 0
    if answer.value.get("person") is None and answer.value.get("service_account") is None:
        raise NotSignedIn(
            f"not signed in to {choice.endpoint}",
            advice=("Sign in: gatehouse login",),
        )
    write_line(f"{_name_of(answer)} at {choice.endpoint}")
    write_line(f"may: {', '.join(printable(scope, limit=40) for scope in answer.texts('scopes'))}")
    for publisher in answer.members("publishers"):
        write_line(f"{printable(publisher.text('role'), limit=40)} of {printable(publisher.text('name'))}")
    # A registry of before this was told says nothing.
    for one in answer.members("ending") if "ending" in answer.value else ():
        write_line(
            f"{printable(one.text('model'))}: until {printable(one.text('reaccept_by'), limit=40)}, unless you accept "
            f"its license as it is now before: {printable(one.text('url'))}"
        )
    return 0


def _by_browser(endpoint: str, *, scopes: Sequence[str], opens: bool) -> Tokens:
    """Return what the registry gives once a person has allowed this program in a browser."""
    waiting = start(endpoint, scopes=" ".join(scopes))
    talk(f"Open this address, and allow the program if the page shows the code {waiting.code}:")
    talk(f"  {waiting.url}")
    if opens and _has_a_screen():
        webbrowser.open(waiting.url)
    talk("Waiting for you … (Ctrl-C gives up)")
    return wait(endpoint, waiting)


def _has_a_screen() -> bool:
    """Whether somebody watches who has a window; a browser in the terminal would take it over."""
    if not sys.stderr.isatty():
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _read_token(endpoint: str) -> str:
    """Return the token from a prompt without echo or from stdin; never from an argument, which others can see."""
    if not sys.stdin.isatty():
        return check_token(sys.stdin.readline())
    talk(f"Create a token on {endpoint}/settings/tokens and paste it here.")
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
    account = answer.maybe_member("service_account")
    if account is not None:
        return f"service account {printable(account.text('name'), limit=60)}"
    person = answer.maybe_member("person")
    if person is None:
        raise ClientError("the registry does not say whose token it is")
    name = person.maybe_text("display_name") or person.maybe_text("email") or person.text("id")
    return printable(name, limit=200)
