"""The real parts of one registry process, put together once from the settings.

`create_app`, the worker and the operators' commands all start from here; nothing else chooses parts.
"""

import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from registry import catalog, identity, ledger
from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.identity.authentication import Cookies
from registry.identity.dns_records import DNSRecords
from registry.identity.oidc import RelyingParty
from registry.identity.providers import load_providers
from registry.identity.record_checker import RecordChecker
from registry.identity.visits import Visits
from registry.identity.webauthn import WebAuthn
from registry.kernel.clock import Clock, SystemClock
from registry.kernel.country_database import CountryDatabase
from registry.kernel.database import Database
from registry.kernel.mail import LocalMailer, Mailer, SMTPMailer
from registry.kernel.outcomes import GatehouseError
from registry.kernel.page_parts import Site
from registry.kernel.pages import Pages
from registry.kernel.pdf_signing import Certificate, load_certificate
from registry.kernel.sealing import Sealer
from registry.ledger.timestamping import Authority, load_authority
from registry.ledger.witnessing import Witness, parse_witnesses
from registry.sealers import make_sealer
from registry.settings import Settings


class Keys:
    """The signing keys in hand; opened anew now and then so that a rotation reaches every process."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._lock = threading.Lock()
        now = clock.now()
        self._ring = database.write_now(
            lambda session: ledger.ensure_key_ring(session, sealer=sealer, now=now)
        )

    @property
    def ring(self) -> ledger.KeyRing:
        """The current keys."""
        return self._ring

    def reload(self) -> None:
        """Open the keys anew."""
        ring = self._database.read_now(lambda session: ledger.load_key_ring(session, sealer=self._sealer))
        with self._lock:
            self._ring = ring


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a composition root wires into routes and jobs."""

    settings: Settings
    clock: Clock
    database: Database
    sealer: Sealer
    keys: Keys
    store: S3ObjectStore
    mailer: Mailer
    pages: Pages
    cookies: Cookies
    visits: Visits
    relying_party: RelyingParty
    webauthn: WebAuthn
    countries: CountryDatabase
    witnesses: tuple[Witness, ...]
    authority: Authority | None
    certificate: Certificate | None
    record_checker: RecordChecker


def build_parts(
    settings: Settings,
    *,
    store: S3ObjectStore,
    database: Database | None = None,
    clock: Clock | None = None,
    mailer: Mailer | None = None,
) -> Parts:
    """Return the parts; the database must be migrated, the object store reachable.

    From then on nobody is an operator whom the settings do not name.

    Raises:
        GatehouseError: a setting is missing or wrong.
        CorruptRecord: the signing keys do not open with this master key.
    """
    clock = clock or SystemClock()
    database = database or Database(settings.resolved_database_url())
    sealer = make_sealer(settings)
    database.write_now(
        lambda session: identity.reconcile_operators(session, operators=settings.operators, sealer=sealer)
    )
    cookies = Cookies(secure=settings.secure)
    site = Site(name=settings.site_name or None)
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        sealer=sealer,
        keys=Keys(database, sealer, clock),
        store=store,
        mailer=mailer or _mailer(settings),
        pages=_load_pages(site),
        cookies=cookies,
        countries=CountryDatabase(settings.country_database),
        witnesses=parse_witnesses(settings.witnesses),
        authority=_authority(settings),
        certificate=load_certificate(
            settings.pdf_certificate, settings.pdf_certificate_password, clock=clock
        ),
        visits=Visits(
            database=database,
            sealer=sealer,
            cookies=cookies,
            settings=settings,
            manages=lambda session, person_id: any(
                role.ended_at is None for role in catalog.list_roles_of(session, person_id=person_id)
            ),
        ),
        relying_party=RelyingParty(
            load_providers(settings.providers_file), base_url=settings.base_url, clock=clock
        ),
        webauthn=WebAuthn(
            base_url=settings.base_url,
            name=settings.site_name or "Gatehouse",
            secret=sealer.derive_secret("webauthn"),
        ),
        record_checker=_record_checker(settings, database, clock, sealer),
    )


def connect_store(settings: Settings, *, clock: Clock | None = None) -> S3ObjectStore:
    """Return the object store of the settings; the embedded one must have been started and put in them."""
    if not settings.s3_endpoint:
        raise GatehouseError("no object store is set; `gatehouse serve` starts the embedded one")
    return S3ObjectStore(
        endpoint=settings.s3_endpoint,
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        addressing=Addressing.PATH if settings.s3_path_style else Addressing.VIRTUAL,
        clock=clock or SystemClock(),
        public_endpoint=settings.s3_public_endpoint,
        timeout_s=settings.s3_timeout_seconds,
    )


def mail_folder(settings: Settings) -> Path:
    """Return where the embedded default keeps mail."""
    return settings.data_dir / "mail"


@cache
def _load_pages(site: Site) -> Pages:
    # Files and compiled templates are the same for everybody in the process.
    return Pages(site)


def _record_checker(settings: Settings, database: Database, clock: Clock, sealer: Sealer) -> RecordChecker:
    return RecordChecker(
        database=database,
        records=DNSRecords(settings.dns_servers, timeout_seconds=settings.dns_timeout_seconds),
        clock=clock,
        sealer=sealer,
        base_url=settings.base_url,
    )


def _authority(settings: Settings) -> Authority | None:
    every = timedelta(minutes=settings.tsa_minutes)
    return load_authority(settings.tsa_url, settings.tsa_certificates, every=every)


def _mailer(settings: Settings) -> Mailer:
    if not settings.smtp_host:
        return LocalMailer(
            mail_folder(settings), sender=settings.mail_from, outbox_url=f"{settings.base_url}/outbox"
        )
    return SMTPMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user or None,
        password=settings.smtp_password or None,
        sender=settings.mail_from,
        tls=settings.smtp_tls,
    )
