"""Have the newest tree head stamped by a time stamping authority (RFC 3161), and keep the answer.

What is stamped is the note as the log signed it, without cosignatures: `openssl ts -verify` takes that file.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import structlog
from cryptography import x509
from rfc3161_client import (
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from sqlmodel import Session

from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outbound import Outbound, OutboundRefused, reach_of, scheme_trouble
from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import TIMESTAMPS
from registry.ledger import attestations, store
from registry.ledger.domain import SignedCheckpoint

LOOK_SECONDS = 30.0
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the authority's clock may be from ours."""
_HASHES = ("sha256", "sha384", "sha512")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A time stamping authority, and the certificates that its own must lead to."""

    url: str
    roots: tuple[x509.Certificate, ...]
    every: timedelta
    """How often a tree head is stamped while the log grows."""


def load_authority(url: str, certificates: str, *, every: timedelta) -> Authority | None:
    """Return the authority that the settings name; None where they name none.

    Raises:
        GatehouseError: its certificates cannot be read, or its address may not be asked.
    """
    if not url:
        return None
    if trouble := scheme_trouble(url, reach_of(url)):
        raise GatehouseError(f"GATEHOUSE_TSA_URL cannot be asked: {trouble}")
    try:
        roots = tuple(x509.load_pem_x509_certificates(Path(certificates).read_bytes()))
    except (OSError, ValueError) as error:
        raise GatehouseError(
            f"GATEHOUSE_TSA_CERTIFICATES is {certificates!r}; expected a PEM file of the authority's root "
            f"certificates ({type(error).__name__})"
        ) from None
    return Authority(url=url, roots=roots, every=every)


async def run_timestamping(database: Database, authority: Authority, *, clock: Clock) -> None:
    """Have tree heads stamped until cancelled; an authority that does not answer is asked again."""
    while True:
        try:
            await stamp_newest(database, authority, clock=clock)
        except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
            TIMESTAMPS.labels("failed").inc()
            known = isinstance(error, GatehouseError)
            _log.warning(
                "ledger.timestamp_failed",
                reason=str(error) if known else type(error).__name__,
                exc_info=None if known else error,
            )
        await asyncio.sleep(LOOK_SECONDS)


async def stamp_newest(database: Database, authority: Authority, *, clock: Clock) -> bool:
    """Have the newest tree head stamped if the last stamp is older than it should be; False if not.

    Raises:
        GatehouseError: the authority refuses, or its answer does not verify.
    """
    now = clock.now()
    checkpoint = await database.read(lambda session: _due(session, authority, now))
    if checkpoint is None:
        return False
    note = checkpoint.note.encode()
    request = TimestampRequestBuilder().data(note).nonce(nonce=True).cert_request(cert_request=True).build()
    answer = await _post(authority, request.as_bytes())
    stamped_at = verify_timestamp(answer, note, roots=authority.roots, nonce=request.nonce)
    if abs(stamped_at - now) > CLOCK_TOLERANCE:
        raise GatehouseError(f"the authority's clock says {stamped_at.isoformat()}")
    await database.write(
        lambda session: attestations.insert_timestamp(
            session,
            size=checkpoint.size,
            authority=authority.url,
            response=answer,
            stamped_at=stamped_at,
        )
    )
    TIMESTAMPS.labels("kept").inc()
    return True


def verify_timestamp(
    response: bytes, note: bytes, *, roots: tuple[x509.Certificate, ...], nonce: int | None = None
) -> datetime:
    """Return when the authority stamped a note.

    Raises:
        GatehouseError: the answer is none, is about other bytes, or leads to none of `roots`.
    """
    try:
        decoded = decode_timestamp_response(response)
        builder = VerifierBuilder(roots=list(roots), nonce=nonce)
        builder.build().verify_message(decoded, note)
        stamped_at = decoded.tst_info.gen_time
    except (ValueError, VerificationError) as error:
        raise GatehouseError(f"the time stamp does not verify: {str(error)[:200]}") from None
    return stamped_at


def read_timestamp(response: bytes, note: bytes) -> datetime:
    """Return when an authority, whoever it is, stamped a note; its certificate is not looked at.

    Raises:
        GatehouseError: the answer is none, or about other bytes.
    """
    try:
        stated = decode_timestamp_response(response).tst_info
    except ValueError as error:
        raise GatehouseError(f"the time stamp cannot be read: {str(error)[:100]}") from None
    if stated.message_imprint.message not in {hashlib.new(name, note).digest() for name in _HASHES}:
        raise GatehouseError("the time stamp is of other bytes than this checkpoint")
    return stated.gen_time


def _due(session: Session, authority: Authority, now: datetime) -> SignedCheckpoint | None:
    newest = store.latest_checkpoint(session)
    size, at = attestations.stamped_size(session, authority.url)
    if newest is None or newest.size <= size or (at is not None and now - at < authority.every):
        return None
    return newest


async def _post(authority: Authority, request: bytes) -> bytes:
    async with Outbound(reach=reach_of(authority.url)).client() as client:
        try:
            answer = await client.post(
                authority.url, content=request, headers={"Content-Type": "application/timestamp-query"}
            )
        except (httpx2.HTTPError, OutboundRefused, TimeoutError) as error:
            raise GatehouseError(f"the authority cannot be asked: {error or type(error).__name__}") from error
    if answer.status_code != httpx2.codes.OK:
        raise GatehouseError(f"the authority answers {answer.status_code}")
    return answer.content
