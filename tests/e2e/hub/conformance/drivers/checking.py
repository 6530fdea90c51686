"""Runs checks and prints what they came to: one line of JSON for each. Used by every driver in Python.

A check is a function that returns a fact where all is well, and raises `No` or `NotOffered` otherwise. It is run by
the interpreter of the client, so nothing but the standard library is imported here.
"""

import json
import logging
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

CHECKS = []


class No(Exception):
    """The client does not do it, or the answer was not what it should be."""


class NotOffered(Exception):
    """The client has no such call."""


def check(function):
    """Take a function among the checks, under its name."""
    CHECKS.append(function)
    return function


def main():
    """Run every check, or those that are named after the ground."""
    ground = json.loads(Path(sys.argv[1]).read_text())
    for function in CHECKS:
        name = function.__name__.replace("_", "-")
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        try:
            outcome, fact = "yes", function(ground)
        except No as error:
            outcome, fact = "no", str(error)
        except NotOffered as error:
            outcome, fact = "not offered", str(error)
        except Exception as error:  # noqa: BLE001 - whatever ends a check is what is seen
            outcome, fact = "no", f"{type(error).__name__}: {error}"
        sys.stdout.write("\t".join([name, outcome, " ".join(str(fact).split())]) + "\n")
        sys.stdout.flush()


def expect(found, wanted, what="value"):
    """Raise `No` unless both are equal."""
    if found != wanted:
        raise No(f"{what}: got {found!r}, expected {wanted!r}")


def error_of(call, *arguments, **named):
    """Return the error that a call ends in."""
    try:
        found = call(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - the caller looks at its kind
        return error
    raise No(f"not refused: {found!r}")


def whole_text(error):
    """Return what an error says, and those that caused it."""
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def names_of(error):
    """Return the names of an error's class and of all above it."""
    return [kind.__name__ for kind in type(error).__mro__]


class Heard(logging.Handler):
    """Keeps what a library logs as warnings."""

    def __init__(self, logger):
        super().__init__(logging.WARNING)
        self.said = []
        logging.getLogger(logger).addHandler(self)

    def emit(self, record):
        """Keep a line."""
        self.said.append(record.getMessage())


def leads_to(wanted, text):
    """Return the address that a message ends with; raise `No` unless it begins so and answers a page.

    For somebody who is not signed in, that may be the page to sign in for it (401).
    """
    found = [url.rstrip(".") for url in re.findall(r"http://[^\s'\")]*", text) if "/resolve/" not in url]
    told = [url for url in found if url.startswith(wanted)]
    if not told:
        raise No(f"no address {wanted} in: {text}")
    asked = urllib.request.Request(told[-1], headers={"Accept": "text/html"})
    try:
        answer = urllib.request.urlopen(asked, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        if answer.status not in {200, 401} or "text/html" not in answer.headers["content-type"]:
            raise No(f"{told[-1]} is no page: {answer.status}")
    return told[-1]
