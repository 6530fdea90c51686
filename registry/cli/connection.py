"""The registry that a user command talks to, chosen by option, environment or sign-in."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from registry.client.api import Registry
from registry.client.credentials import Choice, CredentialFile, choose
from registry.client.errors import NotSignedIn
from registry.client.keys import PublicKey, parse_keys
from registry.client.program_login import renewed
from registry.client.transport import Session


def credential_file() -> CredentialFile:
    """Return the user's file of accounts."""
    return CredentialFile.of_user(os.environ)


def choose_registry(args: Namespace) -> Choice:
    """Return the registry and token that the command line, the environment and the file add up to."""
    file = credential_file()
    choice = choose(explicit_endpoint=args.endpoint, environment=os.environ, file=file)
    return renewed(choice, file) if choice.signed_in_by == "file" else choice


@contextmanager
def connected(choice: Choice) -> Iterator[Registry]:
    """Give the registry of `choice`; a token that it does not know is told with where it came from."""
    with Session(endpoint=choice.endpoint, token=choice.token) as session:
        try:
            yield Registry(session)
        except NotSignedIn as error:
            origin = {
                "environment": "The token came from GATEHOUSE_TOKEN.",
                "file": f"The token came from {credential_file().path}.",
            }.get(choice.signed_in_by)
            if origin is not None:
                error.advice = (*error.advice, origin)
            raise


def pinned_keys(choice: Choice) -> tuple[PublicKey, ...]:
    """Return the keys that the registry showed at sign-in."""
    return parse_keys(choice.keys, where="the keys kept at sign-in")
