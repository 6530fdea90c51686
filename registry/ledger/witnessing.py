"""Ask witnesses to cosign the newest tree head (C2SP tlog-witness), and keep what they answer.

Each witness is asked by itself, so that one that is slow, wrong or gone delays nobody. Nothing waits for a
cosignature: the log grows and is published without. A witness that has seen a larger tree than there is says
that this log was set back: that is logged as an error, and counted.
"""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx2
import structlog
from sqlmodel import Session

from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outbound import Outbound, OutboundRefused, Reach, reach_of, scheme_trouble
from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import COSIGNATURES
from registry.ledger import attestations, service, store
from registry.ledger.cosignatures import WitnessKey, find_cosignature, parse_witness_key
from registry.ledger.domain import SignedCheckpoint
from registry.ledger.notes import NoteMalformed

INTERVAL_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
SIZE_TYPE = "text/x.tlog.size"
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a witness's clock may be from ours."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A witness that is asked: its key and its submission prefix."""

    key: WitnessKey
    url: str

    @property
    def reach(self) -> Reach:
        """Return how far requests to it may go."""
        return reach_of(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    checkpoint: SignedCheckpoint
    old_size: int
    proof: Sequence[bytes]

    def body(self) -> bytes:
        lines = [f"old {self.old_size}", *(base64.b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint.note.encode()


def parse_witnesses(given: Sequence[str]) -> tuple[Witness, ...]:
    """Return the witnesses that a setting names, each as `name+id+key@https://…`.

    Raises:
        GatehouseError: one has another form, or an address that may not be asked.
    """
    witnesses = []
    for text in given:
        named, at, url = text.partition("@")
        try:
            key = parse_witness_key(named)
        except NoteMalformed as error:
            raise GatehouseError(f"GATEHOUSE_WITNESSES: {error}") from None
        witness = Witness(key=key, url=url.rstrip("/"))
        if not at or (trouble := scheme_trouble(url, witness.reach)):
            raise GatehouseError(
                f"GATEHOUSE_WITNESSES: the address of {key.name} cannot be asked: "
                f"{trouble if at else 'it is missing; write name+id+key@https://…'}"
            )
        witnesses.append(witness)
    return tuple(witnesses)


async def run_witnessing(database: Database, witnesses: Sequence[Witness], *, clock: Clock) -> None:
    """Ask each witness again and again until cancelled; with growing pauses while it does not answer."""
    await asyncio.gather(*(_ask_on(database, witness, clock) for witness in witnesses))


async def _ask_on(database: Database, witness: Witness, clock: Clock) -> None:
    failures = 0
    while True:
        try:
            await ask_witness(database, witness, clock=clock)
            failures = 0
        except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
            failures += 1
            COSIGNATURES.labels("failed").inc()
            known = isinstance(error, GatehouseError)
            _log.warning(
                "ledger.witness_failed",
                witness=witness.key.name,
                reason=str(error) if known else type(error).__name__,
                attempt=failures,
                exc_info=None if known else error,
            )
        pause = INTERVAL_SECONDS * float(2 ** min(failures, 10))
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))


async def ask_witness(database: Database, witness: Witness, *, clock: Clock) -> bool:
    """Let a witness cosign the newest tree head if it has not yet; False if there was nothing to ask.

    Raises:
        GatehouseError: it refuses, or what it answers is no cosignature of its.
    """
    question = await database.read(lambda session: _prepare(session, witness, None))
    if question is None:
        return False
    answer = await _post(witness, question)
    if answer.status_code == httpx2.codes.CONFLICT and answer.headers.get("content-type") == SIZE_TYPE:
        seen = _seen(answer.text)
        if seen > question.checkpoint.size:
            _log.error(
                "ledger.witness_has_seen_more",
                witness=witness.key.name,
                seen=seen,
                size=question.checkpoint.size,
            )
            raise GatehouseError(f"it has seen {seen} entries, this log has {question.checkpoint.size}")
        question = await database.read(lambda session: _prepare(session, witness, seen))
        if question is None:
            return False
        answer = await _post(witness, question)
    if answer.status_code != httpx2.codes.OK:
        raise GatehouseError(f"it answers {answer.status_code}: {answer.text[:200]!r}")
    cosignature = find_cosignature(answer.text, note=question.checkpoint.note, key=witness.key)
    if abs(cosignature.at - clock.now()) > CLOCK_TOLERANCE:
        raise GatehouseError(f"its clock says {cosignature.at.isoformat()}")
    size = question.checkpoint.size
    await database.write(
        lambda session: attestations.insert_cosignature(
            session, size=size, witness=str(witness.key), line=cosignature.line, cosigned_at=cosignature.at
        )
    )
    COSIGNATURES.labels("kept").inc()
    return True


def _prepare(session: Session, witness: Witness, seen: int | None) -> _Question | None:
    """Return what to ask: the newest tree head, and that it goes on from what the witness has seen."""
    newest = store.latest_checkpoint(session)
    cosigned = attestations.cosigned_size(session, str(witness.key))
    if newest is None or newest.size <= cosigned:
        return None
    old = cosigned if seen is None else min(seen, newest.size)
    proof = service.prove_consistency(session, old=old, new=newest.size) if old else []
    return _Question(checkpoint=newest, old_size=old, proof=proof)


async def _post(witness: Witness, question: _Question) -> httpx2.Response:
    async with Outbound(reach=witness.reach).client() as client:
        try:
            return await client.post(f"{witness.url}/add-checkpoint", content=question.body())
        except (httpx2.HTTPError, OutboundRefused, TimeoutError) as error:
            raise GatehouseError(f"it cannot be asked: {error or type(error).__name__}") from error


def _seen(text: str) -> int:
    number = text.removesuffix("\n")
    if not number.isascii() or not number.isdigit() or len(number) > 19:
        raise GatehouseError("it answers 409 without a size")
    return int(number)
