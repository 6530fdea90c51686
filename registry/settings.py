"""Settings: one frozen object, read once at start from `GATEHOUSE_…` variables.

Every field is documented in `docs/settings.md`; an unknown name is refused, a secret has no default.
"""

import base64
import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from registry.kernel.outcomes import GatehouseError
from registry.kernel.retention import DAYS_MOST, DEFAULTS, Retention

PREFIX = "GATEHOUSE_"
CLIENT_VARIABLES = frozenset(
    {"GATEHOUSE_ENDPOINT", "GATEHOUSE_TOKEN", "GATEHOUSE_CONFIG_DIR", "GATEHOUSE_SHARED"}
)
"""Variables of the same prefix that belong to the command-line client and the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this registry runs."""

    base_url: str = "http://127.0.0.1:8400"
    """Public address of the registry, without a trailing slash. Links, mails and receipts carry it."""
    data_dir: Path = Path("var")
    """Folder of the embedded default: database, object store, generated secrets, local mail."""
    database_url: str = ""
    """`postgresql://…` or `sqlite:///…`. Empty: SQLite in the data folder."""
    master_key: str = field(default="", repr=False)
    """At least 32 bytes, base64 or hex; several, separated by commas, while rotating (the first seals).
    Empty: generated once in the data folder, which only the embedded SQLite default allows."""
    s3_endpoint: str = ""
    """Address of the object store as the service reaches it. Empty: the embedded store."""
    s3_public_endpoint: str = ""
    """Address of the object store as clients reach it. Empty: the same."""
    s3_bucket: str = "gatehouse"
    """Bucket for weights and uploads."""
    s3_region: str = "us-east-1"
    """Region that requests to the object store are signed for."""
    s3_access_key: str = ""
    """Access key id of the service's own identity at the object store."""
    s3_secret_key: str = field(default="", repr=False)
    """Secret of that identity."""
    s3_path_style: bool = True
    """Path-style addresses (`host/bucket/key`); false for virtual-hosted ones."""
    s3_timeout_seconds: int = 30
    """How long the object store may stay silent before the registry gives up on it, 1 to 300."""
    url_ttl_seconds: int = 300
    """How long a presigned download URL is good for, 10 to 3600."""
    smtp_host: str = ""
    """Mail server. Empty: mail stays in the data folder and on the local outbox page."""
    smtp_port: int = 587
    """Port of the mail server."""
    smtp_user: str = ""
    """User at the mail server."""
    smtp_password: str = field(default="", repr=False)
    """Password at the mail server."""
    smtp_tls: bool = False
    """TLS from the first byte (port 465); otherwise STARTTLS where offered."""
    mail_from: str = "Gatehouse <gatehouse@localhost>"
    """Sender of the registry's mails."""
    dns_servers: tuple[str, ...] = ()
    """Addresses of the DNS resolvers that are asked for the records of domains, separated by commas. Empty: the system's."""
    dns_timeout_seconds: int = 5
    """How long the DNS may take to answer, 1 to 30."""
    operators: tuple[str, ...] = ()
    """E-mail addresses of people who may run the registry, separated by commas."""
    providers_file: str = ""
    """TOML file of the providers that people may sign in with. Empty: by e-mail link and passkey only."""
    country_database: str = ""
    """File in MaxMind DB format that says in which country a network address is; for gates with such a rule. Empty: none."""
    acceptance_sign_in_hours: int = 12
    """How many hours after signing in a license may be accepted; later one signs in again, 1 to 336."""
    erasure_grace_days: int = 7
    """How many days after asking a person can take back that they be erased, 0 to 21."""
    site_name: str = ""
    """Shown beside the name in the head of every page."""
    contact: str = ""
    """Where people can turn to: an address or a URL, shown in refusals."""
    request_seconds: int = 30
    """How long a client may take to send a request's head, and again its body, 1 to 600."""
    worker_inline: bool = True
    """Run background work inside the web process. False: run `gatehouse worker` beside it."""
    migrate_on_start: bool | None = None
    """Apply migrations when the service starts. Empty: on SQLite only."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    log_format: str = "json"
    """`json`, or `console` for people."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose `X-Forwarded-For` is believed, separated by commas."""
    ci_issuers: tuple[str, ...] = ()
    """CI systems whose jobs may exchange their identity for a token, as `github=https://…` or `gitlab=https://…`,
    separated by commas. Empty: none."""
    pkcs11_module: str = ""
    """PKCS#11 library of the token in which new signing keys are made. Empty: they are kept in the database, sealed."""
    pkcs11_token: str = "gatehouse"  # noqa: S105 - a name, no secret
    """Label of the token."""
    pkcs11_pin: str = field(default="", repr=False)
    """User PIN of the token."""
    witnesses: tuple[str, ...] = ()
    """Witnesses that are asked to cosign the log's checkpoints (C2SP tlog-witness), each as `name+id+key@https://…`,
    separated by commas. Empty: none."""
    tsa_url: str = ""
    """Time stamping authority (RFC 3161) that stamps checkpoints. Empty: none."""
    tsa_certificates: str = ""
    """PEM file of the root certificates that the authority's own must lead to."""
    tsa_minutes: int = 60
    """How often a checkpoint is stamped while the log grows, in minutes, 1 to 10080."""
    hub_endpoint: str = "https://huggingface.co"
    """Address of the Hub whose repositories are kept in step with models here; people prove their accounts there by
    signing in with it."""
    hub_private_network: bool = False
    """Whether that Hub may stand in a private network."""
    webhook_reach: str = "public"
    """Where webhooks may lead: `public` addresses by https, `private` networks as well, or `loopback`, this machine alone."""
    pdf_certificate: str = ""
    """PKCS#12 file with key, certificate and chain that signs receipts as PDF (PAdES). Empty: they are not signed."""
    pdf_certificate_password: str = field(default="", repr=False)
    """Password of that file."""
    retention_connection_days: int = DEFAULTS.connection_days
    """After how many days network addresses, browsers and programs are deleted; 0: never."""
    retention_ended_acceptance_days: int = DEFAULTS.ended_acceptance_days
    """How many days after a withdrawal name, address and answers of the acceptance are deleted; 0: never."""
    retention_closed_request_days: int = DEFAULTS.closed_request_days
    """How many days after an access request ended its answers and notes are deleted; 0: never."""
    retention_review_note_days: int = DEFAULTS.review_note_days
    """After how many days the notes of reviewers are deleted, also those on requests that stand; 0: never."""
    retention_draft_days: int = DEFAULTS.draft_days
    """After how many days a draft that was never sent is emptied; 0: never."""
    retention_download_days: int = DEFAULTS.download_days
    """After how many days download records are counted by day and file and deleted; 0: never."""
    retention_refused_days: int = DEFAULTS.refused_days
    """After how many days refused requests for files are deleted; 0: never."""
    retention_notice_days: int = DEFAULTS.notice_days
    """After how many days notices in people's inboxes are deleted; 0: never."""
    retention_sign_in_days: int = DEFAULTS.sign_in_days
    """How many days after its end a browser's session is deleted; 0: never."""
    metrics_token: str = field(default="", repr=False)
    """Bearer token that `/metrics` asks for. Empty: only requests from loopback are answered."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.netloc
            or parts.path
            or self.base_url.endswith("/")
        ):
            raise GatehouseError(
                f"GATEHOUSE_BASE_URL is {self.base_url!r}; expected https://host[:port] without a path"
            )
        if not 1 <= self.acceptance_sign_in_hours <= 336:
            raise GatehouseError(
                f"GATEHOUSE_ACCEPTANCE_SIGN_IN_HOURS is {self.acceptance_sign_in_hours}; expected 1 to 336"
            )
        if not 0 <= self.erasure_grace_days <= 21:
            raise GatehouseError(
                f"GATEHOUSE_ERASURE_GRACE_DAYS is {self.erasure_grace_days}; expected 0 to 21"
            )
        for name in fields(Retention):
            days = getattr(self, f"retention_{name.name}")
            if not 0 <= days <= DAYS_MOST:
                raise GatehouseError(
                    f"GATEHOUSE_RETENTION_{name.name.upper()} is {days}; expected 0 to {DAYS_MOST}"
                )
        if not 1 <= self.tsa_minutes <= 10_080:
            raise GatehouseError(f"GATEHOUSE_TSA_MINUTES is {self.tsa_minutes}; expected 1 to 10080")
        if not 10 <= self.url_ttl_seconds <= 3600:
            raise GatehouseError(f"GATEHOUSE_URL_TTL_SECONDS is {self.url_ttl_seconds}; expected 10 to 3600")
        if not 1 <= self.request_seconds <= 600:
            raise GatehouseError(f"GATEHOUSE_REQUEST_SECONDS is {self.request_seconds}; expected 1 to 600")
        if not 1 <= self.dns_timeout_seconds <= 30:
            raise GatehouseError(
                f"GATEHOUSE_DNS_TIMEOUT_SECONDS is {self.dns_timeout_seconds}; expected 1 to 30"
            )
        if not 1 <= self.s3_timeout_seconds <= 300:
            raise GatehouseError(
                f"GATEHOUSE_S3_TIMEOUT_SECONDS is {self.s3_timeout_seconds}; expected 1 to 300"
            )
        if self.webhook_reach not in {"public", "private", "loopback"}:
            raise GatehouseError(
                f"GATEHOUSE_WEBHOOK_REACH is {self.webhook_reach!r}; expected public, private or loopback"
            )
        if self.s3_endpoint and not (self.s3_access_key and self.s3_secret_key):
            raise GatehouseError(
                "GATEHOUSE_S3_ENDPOINT needs GATEHOUSE_S3_ACCESS_KEY and GATEHOUSE_S3_SECRET_KEY"
            )

    @property
    def retention(self) -> Retention:
        """How long what is kept about people stays."""
        return Retention(**{one.name: getattr(self, f"retention_{one.name}") for one in fields(Retention)})

    @property
    def embedded_database(self) -> bool:
        """Whether the database is SQLite."""
        return not self.database_url or self.database_url.startswith("sqlite")

    @property
    def embedded_store(self) -> bool:
        """Whether the service starts an object store of its own."""
        return not self.s3_endpoint

    @property
    def secure(self) -> bool:
        """Whether the registry is reached by https, so cookies can demand it."""
        return self.base_url.startswith("https://")

    @property
    def on_loopback(self) -> bool:
        """Whether the registry is only reached from this machine, as the demo is."""
        return urlsplit(self.base_url).hostname in {"127.0.0.1", "::1", "localhost"}

    @property
    def keeps_mail_here(self) -> bool:
        """Whether mail stays on this machine and is read there, on the local mail page."""
        return self.on_loopback and not self.smtp_host

    @property
    def origin(self) -> str:
        """Name of this registry's log (C2SP checkpoint origin): host and path without a scheme."""
        return f"{urlsplit(self.base_url).netloc}/ledger"

    @property
    def master_key_file(self) -> Path:
        """Where the generated master key of the embedded default is kept."""
        return self.data_dir / "master.key"

    def resolved_database_url(self) -> str:
        """Return the URL of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'gatehouse.db').absolute()}"

    def master_secrets(self) -> tuple[bytes, ...]:
        """Return the master keys; on the embedded default, generate one on first use.

        Raises:
            GatehouseError: no key is set and the database is not the embedded one.
        """
        if self.master_key:
            return tuple(_decode_key(part.strip()) for part in self.master_key.split(","))
        if not self.embedded_database:
            raise GatehouseError(
                "GATEHOUSE_MASTER_KEY is not set; with PostgreSQL every replica needs the same key. "
                "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return tuple(bytes.fromhex(line) for line in _read_or_create(self.master_key_file).split())


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Raises:
        GatehouseError: a variable is unknown or has a value that cannot be read.
    """
    given = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith(PREFIX) and name not in CLIENT_VARIABLES
    }
    known = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    if unknown := sorted(given.keys() - known.keys()):
        raise GatehouseError(f"unknown setting {unknown[0]}; docs/settings.md lists all of them")
    values = {known[name].name: _parse(name, str(known[name].type), text) for name, text in given.items()}
    return Settings(**values)  # type: ignore[arg-type] # parsed by the field's own type above


def _parse(name: str, kind: str, text: str) -> object:
    if "bool" in kind:
        if text == "" and "None" in kind:
            return None
        if text.lower() not in {"true", "false", "1", "0", "yes", "no"}:
            raise GatehouseError(f"{name} is {text!r}; expected true or false")
        return text.lower() in {"true", "1", "yes"}
    if "int" in kind:
        if not text.isascii() or not text.isdigit():
            raise GatehouseError(f"{name} is {text!r}; expected a whole number")
        return int(text)
    if "tuple" in kind:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if "Path" in kind:
        return Path(text)
    return text.rstrip("/") if name.endswith(("_URL", "_ENDPOINT")) and "sqlite" not in text else text


def _decode_key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass

    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise GatehouseError("GATEHOUSE_MASTER_KEY is neither hex nor base64") from None


def _read_or_create(path: Path) -> str:
    """Return the hex secrets in `path`, one a line; the first is made on first use, readable by this user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Under its name it appears whole: another process that starts now must not read half a key.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text("ascii").strip()
