"""Which registry, and with which token: a private file in the user's configuration folder, or the environment.

`GATEHOUSE_ENDPOINT` and `GATEHOUSE_TOKEN` win over the file. The variables of the Hub's own client
(`HF_ENDPOINT`, `HF_TOKEN`) are never read: a Hub token must not reach this registry by accident.
"""

import fcntl
import importlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from registry.client.errors import Malformed, UsageProblem, printable
from registry.client.wire import Fields, JsonObject, parse_json

FILE_VERSION = 1
FILE_MAX_BYTES = 1 << 20
TOKEN_MAX_CHARACTERS = 512
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is known about one registry: a token, and the keys it showed at sign-in."""

    endpoint: str
    token: str | None
    keys: tuple[JsonObject, ...] = ()
    """JWKs pinned at sign-in; releases and receipts are checked against them."""
    saved_at: datetime | None = None
    refresh_token: str | None = None
    """What renews the token; None for a token that a person made."""
    expires_at: datetime | None = None
    """When a token that can be renewed ends."""

    def __repr__(self) -> str:
        return f"Account(endpoint={self.endpoint!r})"


def normal_endpoint(url: str) -> str:
    """Return `url` as the registry's base URL: scheme and host in lower case, no trailing slash.

    Raises:
        UsageProblem: it is not a plain http or https address.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise UsageProblem(f"not an address: {printable(url, limit=200)!r}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageProblem(
            f"not the address of a registry: {printable(url, limit=200)!r}",
            advice=("Give it with its scheme: https://models.example.org",),
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageProblem("the address of a registry has no user name, query or fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    network = host if port in {None, usual} else f"{host}:{port}"
    return urlunsplit((parts.scheme, network, parts.path.rstrip("/"), "", ""))


def sends_in_clear(endpoint: str) -> bool:
    """Whether a token sent to `endpoint` can be read on the way: plain http beyond this machine."""
    parts = urlsplit(endpoint)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS


def check_token(text: str) -> str:
    """Return `text` as a token that may stand in a header.

    Raises:
        UsageProblem: it is empty, too long, or has characters that no token has.
    """
    token = text.strip()
    if not token:
        raise UsageProblem("no token was given")
    if (
        len(token) > TOKEN_MAX_CHARACTERS
        or not token.isascii()
        or any(c <= " " or c == "\x7f" for c in token)
    ):
        raise UsageProblem("this is not a token: it is too long or has spaces or other characters")
    if token.startswith("hf_"):
        raise UsageProblem(
            "this is a Hugging Face token; this registry has its own",
            advice=("Nothing was sent. Create a token on this registry's token page.",),
        )
    return token


class SystemKeyring:
    """The system's keyring, where the optional library `keyring` is installed and has a place to keep secrets.

    The file then holds a marker instead of the token. Without it, as on most servers, all stays in the file.
    """

    SERVICE = "gatehouse"
    MARKER = "in the system's keyring"

    def __init__(self, library: Any = None) -> None:
        self._library = library

    @classmethod
    def find(cls) -> "SystemKeyring":
        """Return the keyring that this system has; one that keeps nothing where there is none."""
        if importlib.util.find_spec("keyring") is None:
            return cls()
        library = importlib.import_module("keyring")
        # Backends below 1 are stand-ins that refuse everything, or need a terminal.
        return cls(library if getattr(library.get_keyring(), "priority", 0) >= 1 else None)

    @property
    def is_there(self) -> bool:
        """Whether secrets can be kept here."""
        return self._library is not None

    def take(self, account: Account) -> Account:
        """Return `account` as the file may hold it, its tokens kept here if that works."""
        if self._library is None or account.token in {None, self.MARKER}:
            return account
        secrets = json.dumps({"token": account.token, "refresh_token": account.refresh_token})
        try:
            self._library.set_password(self.SERVICE, account.endpoint, secrets)
        except Exception:  # noqa: BLE001 - a locked or broken keyring of whatever kind; the file still works
            return account
        return replace(account, token=self.MARKER, refresh_token=None)

    def fill(self, account: Account) -> Account:
        """Return `account` with its tokens; without any where the keyring does not give them."""
        if account.token != self.MARKER:
            return account
        try:
            kept = (
                None if self._library is None else self._library.get_password(self.SERVICE, account.endpoint)
            )
        except Exception:  # noqa: BLE001 - locked or broken: the person signs in again
            kept = None
        if kept is None:
            return replace(account, token=None, refresh_token=None)
        fields = Fields(parse_json(kept, what="what the keyring keeps"), where="keyring")
        return replace(
            account, token=fields.maybe_text("token"), refresh_token=fields.maybe_text("refresh_token")
        )

    def forget(self, endpoint: str) -> None:
        """Drop what is kept for `endpoint`."""
        if self._library is not None:
            with suppress(Exception):  # there may be nothing, or the keyring is locked
                self._library.delete_password(self.SERVICE, endpoint)


class CredentialFile:
    """The file with one account per registry, readable by its owner only (mode 0600)."""

    def __init__(self, path: Path, keyring: SystemKeyring | None = None) -> None:
        self.path = path
        self._keyring = keyring or SystemKeyring.find()

    @property
    def place(self) -> str:
        """Return where tokens are kept, for texts."""
        return "the system's keyring" if self._keyring.is_there else str(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing tokens meanwhile: a refresh token works once."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "CredentialFile":
        """Return the file in the user's configuration folder (XDG base directories)."""
        configured = environment.get("XDG_CONFIG_HOME", "")
        folder = Path(configured) if configured.startswith("/") else Path.home() / ".config"
        return cls(folder / "gatehouse" / "credentials.json")

    def find(self, endpoint: str) -> Account | None:
        """Return the account at `endpoint`, if one is kept."""
        account = self._read()[1].get(endpoint)
        return None if account is None else self._keyring.fill(account)

    def find_default(self) -> str | None:
        """Return the registry of the latest sign-in."""
        return self._read()[0]

    def keep(self, account: Account, *, make_default: bool) -> None:
        """Store `account` in place of what was there for its endpoint."""
        default, accounts = self._read()
        accounts[account.endpoint] = self._keyring.take(account)
        self._write(account.endpoint if make_default or default is None else default, accounts)

    def forget_token(self, endpoint: str) -> bool:
        """Drop the token of `endpoint`, keeping its pinned keys; say whether there was one."""
        default, accounts = self._read()
        account = accounts.get(endpoint)
        if account is None or account.token is None:
            return False
        self._keyring.forget(endpoint)
        accounts[endpoint] = Account(
            endpoint=endpoint, token=None, keys=account.keys, saved_at=account.saved_at
        )
        self._write(default, accounts)
        return True

    def _read(self) -> tuple[str | None, dict[str, Account]]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    # Somebody copied or edited it carelessly; tokens in it are closed up again.
                    os.fchmod(file.fileno(), 0o600)
                data = file.read(FILE_MAX_BYTES + 1)
        except FileNotFoundError:
            return None, {}
        fields = Fields(parse_json(data, what=str(self.path)), where=self.path.name)
        if fields.number("version") != FILE_VERSION:
            raise Malformed(f"{self.path} was written by another version of gatehouse")
        accounts = {}
        for endpoint in fields.member("accounts").value:
            kept = fields.member("accounts").member(endpoint)
            accounts[endpoint] = Account(
                endpoint=endpoint,
                token=kept.maybe_text("token"),
                keys=tuple(key.value for key in kept.members("keys")),
                saved_at=kept.maybe_moment("saved_at"),
                refresh_token=kept.maybe_text("refresh_token"),
                expires_at=kept.maybe_moment("expires_at"),
            )
        return fields.maybe_text("default"), accounts

    def _write(self, default: str | None, accounts: Mapping[str, Account]) -> None:
        content = {
            "version": FILE_VERSION,
            "default": default,
            "accounts": {
                endpoint: {
                    "token": account.token,
                    "keys": list(account.keys),
                    "saved_at": None if account.saved_at is None else account.saved_at.isoformat(),
                    "refresh_token": account.refresh_token,
                    "expires_at": None if account.expires_at is None else account.expires_at.isoformat(),
                }
                for endpoint, account in sorted(accounts.items())
            },
        }
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp creates the file with mode 0600, so the token is never readable by others.
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".credentials-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The registry that a command talks to, and as whom."""

    endpoint: str
    token: str | None
    signed_in_by: str
    """`environment`, `file` or `none`: for texts that say where a bad token came from."""
    keys: tuple[JsonObject, ...]

    def __repr__(self) -> str:
        return f"Choice(endpoint={self.endpoint!r}, signed_in_by={self.signed_in_by!r})"


def choose(*, explicit_endpoint: str | None, environment: Mapping[str, str], file: CredentialFile) -> Choice:
    """Return the registry and token to use: the option, else the environment, else the latest sign-in.

    Raises:
        UsageProblem: no registry is known.
    """
    named = explicit_endpoint or environment.get("GATEHOUSE_ENDPOINT") or file.find_default()
    if not named:
        raise UsageProblem(
            "no registry is known",
            advice=(
                "Sign in once: gatehouse login --endpoint https://models.example.org",
                "Or set GATEHOUSE_ENDPOINT.",
            ),
        )
    endpoint = normal_endpoint(named)
    account = file.find(endpoint)
    keys = () if account is None else account.keys
    from_environment = environment.get("GATEHOUSE_TOKEN", "").strip()
    if from_environment:
        token = check_token(from_environment)
        return Choice(endpoint=endpoint, token=token, signed_in_by="environment", keys=keys)
    if account is not None and account.token is not None:
        return Choice(endpoint=endpoint, token=account.token, signed_in_by="file", keys=keys)
    return Choice(endpoint=endpoint, token=None, signed_in_by="none", keys=keys)
