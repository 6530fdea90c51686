"""Keeps the tests on this machine."""

import ipaddress
import os
import sys

KEPT = {"GATEHOUSE_SHARED"}


class LeftTheMachine(AssertionError):
    """A test tried to reach something beyond loopback."""


def clear_environment(environ: dict[str, str] | os._Environ[str], *, home: str) -> None:
    """Remove what would send the tests elsewhere or lend them the developer's credentials."""
    for name in list(environ):
        upper = name.upper()
        leads_away = upper.startswith(("HF_", "HUGGING", "GATEHOUSE_", "AWS_")) or upper.endswith("_PROXY")
        if leads_away and upper not in KEPT:
            del environ[name]
    environ["HF_HOME"] = home  # the Hub client would read a stored token of the developer


def forbid_other_machines() -> None:
    """From now on, a connection or look-up beyond loopback fails the test that makes it."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise LeftTheMachine(f"a test connected to {address[0]!r}; tests may use loopback only")
    elif event == "socket.getaddrinfo" and not _is_local(arguments[0]):
        raise LeftTheMachine(f"a test looked up {arguments[0]!r}; tests may use loopback only")


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in {None, "", "localhost", "localhost.localdomain"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return str(host).endswith(".localhost")
    return address.is_loopback or address.is_unspecified
