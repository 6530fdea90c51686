"""Which providers people may sign in with: one TOML file, read at start, with presets for the known ones.

The file has one `[[provider]]` table for each. Unknown keys are refused; `docs/operations.md` shows examples.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from registry.kernel.outbound import Reach, reach_of, scheme_trouble
from registry.kernel.outcomes import GatehouseError

PROVIDERS_MOST = 20
_CLAIM = re.compile(r"[!-~]{1,200}\Z")
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z")


class Protocol(StrEnum):
    """How a provider says who somebody is."""

    OIDC = "oidc"
    """OpenID Connect: a signed ID token; addresses and keys come from its discovery document."""
    OAUTH2 = "oauth2"
    """Plain OAuth 2 with a user API, as GitHub has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider; the fields are the keys of its table in the file."""

    id: str
    """Name in addresses of this registry; part of the redirect address, so it stays."""
    name: str
    """What the button says."""
    issuer: str
    """Issuer identifier, compared letter by letter with what the provider says of itself."""
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty: a public client, which PKCE alone protects."""
    protocol: Protocol = Protocol.OIDC
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    trust_email: bool = False
    """Whether an address that the provider calls verified is taken as verified here."""
    can_ask_again: bool = True
    """Whether it signs a person in anew on `prompt=login` and says when that was (`auth_time`)."""
    groups_claim: str = ""
    """Claim of its ID tokens that names the groups somebody is in; empty: what it says of groups is not looked at."""
    private_network: bool = False
    """Whether it may stand in a private network."""
    authorization_endpoint: str = ""
    """This and the next ones: plain OAuth 2 only, which has no discovery."""
    token_endpoint: str = ""
    user_endpoint: str = ""
    emails_endpoint: str = ""

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise GatehouseError(f"provider id {self.id!r}; expected small letters, digits and hyphens")
        if not self.client_id:
            raise GatehouseError(f"provider {self.id} has no client_id")
        if not 1 <= len(self.name) <= 40:
            raise GatehouseError(f"provider {self.id} needs a name of 1 to 40 characters")
        if self.groups_claim and self.protocol is not Protocol.OIDC:
            raise GatehouseError(f"provider {self.id} has a groups_claim, but no ID tokens to hold it")
        if self.groups_claim and not _CLAIM.match(self.groups_claim):
            raise GatehouseError(f"groups_claim of provider {self.id} is no name of a claim")
        named = {"issuer": self.issuer}
        if self.protocol is Protocol.OAUTH2:
            for key in ("authorization_endpoint", "token_endpoint", "user_endpoint"):
                named[key] = getattr(self, key)
            if self.emails_endpoint:
                named["emails_endpoint"] = self.emails_endpoint
        elif "openid" not in self.scopes:
            raise GatehouseError(f"provider {self.id} needs the scope openid")
        for key, url in named.items():
            if trouble := scheme_trouble(url, self.reach):
                raise GatehouseError(f"{key} of provider {self.id} is {url!r}: {trouble}")

    @property
    def reach(self) -> Reach:
        """How far requests to it may go; this machine only if its issuer is there."""
        return reach_of(self.issuer, private=self.private_network)


HUB_ISSUER = "https://huggingface.co"
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "huggingface": {
        "name": "Hugging Face",
        "issuer": HUB_ISSUER,
        "trust_email": True,
        "can_ask_again": False,
    },
    "google": {
        "name": "Google",
        "issuer": "https://accounts.google.com",
        "trust_email": True,
        "can_ask_again": False,
    },
    "orcid": {"name": "ORCID", "issuer": "https://orcid.org", "scopes": ["openid"]},
    "github": {
        "name": "GitHub",
        "issuer": "https://github.com/login/oauth",
        "protocol": "oauth2",
        "scopes": ["read:user", "user:email"],
        "trust_email": True,
        "can_ask_again": False,
        "authorization_endpoint": "https://github.com/login/oauth/authorize",
        "token_endpoint": "https://github.com/login/oauth/access_token",
        "user_endpoint": "https://api.github.com/user",
        "emails_endpoint": "https://api.github.com/user/emails",
    },
}
"""What is known of a provider beforehand; a key in the file goes before it."""

_KEYS = frozenset(item.name for item in fields(Provider)) | {"preset", "client_secret_file"}
_BOOLEANS = frozenset({"trust_email", "can_ask_again", "private_network"})


def load_providers(file: str) -> Sequence[Provider]:
    """Return the providers that the file names; none without a file.

    Raises:
        GatehouseError: the file cannot be read, or something in it does not fit; secrets are not repeated.
    """
    if not file:
        return ()
    path = Path(file)
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise GatehouseError(f"the file of providers {file} cannot be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError as error:
        raise GatehouseError(f"the file of providers {file} is not TOML: {error}") from None
    tables = given.pop("provider", [])
    if given or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise GatehouseError(f"the file of providers {file} holds something else than [[provider]] tables")
    if len(tables) > PROVIDERS_MOST:
        raise GatehouseError(f"there are {len(tables)} providers; expected at most {PROVIDERS_MOST}")
    providers = tuple(_provider(table, path.parent) for table in tables)
    for key in ("id", "issuer"):
        values = [getattr(provider, key) for provider in providers]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise GatehouseError(f"two providers have the {key} {twice[0]!r}")
    return providers


def _provider(table: dict[str, Any], folder: Path) -> Provider:
    if strange := sorted(table.keys() - _KEYS):
        raise GatehouseError(f"a provider has the unknown key {strange[0]!r}")
    values = dict(table)
    preset = values.pop("preset", None)
    if preset is not None:
        if preset not in PRESETS:
            raise GatehouseError(f"there is no preset {preset!r}; there are {', '.join(sorted(PRESETS))}")
        values = {"id": preset, **PRESETS[preset], **values}
    secret_file = values.pop("client_secret_file", None)
    if secret_file is not None:
        values["client_secret"] = _read_secret(folder / str(secret_file))
    for key, value in values.items():
        if key == "scopes":
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:
            fits = isinstance(value, bool if key in _BOOLEANS else str)
        if not fits:
            raise GatehouseError(f"the key {key!r} of a provider has a value of another kind than expected")
    if missing := sorted({"id", "name", "issuer", "client_id"} - values.keys()):
        raise GatehouseError(f"a provider has no {missing[0]}")
    if "protocol" in values and values["protocol"] not in set(Protocol):
        raise GatehouseError(f"protocol of provider {values['id']}; expected oidc or oauth2")
    values["protocol"] = Protocol(values.get("protocol", Protocol.OIDC))
    if "scopes" in values:
        values["scopes"] = tuple(values["scopes"])
    return Provider(**values)


def _read_secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise GatehouseError(f"the secret of a provider cannot be read: {type(error).__name__}") from None
