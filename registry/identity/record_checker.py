"""Looks records of domains up: when an officer asks, and each day for the domains that are proved by one.

The DNS is asked between two transactions: the first says what to look for, the second what follows.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlmodel import Session

from registry.identity import domain_proofs
from registry.identity.dns_records import DNSRecords
from registry.identity.domain import Principal
from registry.identity.organisation_domain import Finding, OrganisationView
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError, Refusal
from registry.kernel.sealing import Sealer

PAUSE_SECONDS = 300.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChecker:
    """Asks the DNS and lets what it says have its effect."""

    database: Database
    records: DNSRecords
    clock: Clock
    sealer: Sealer
    base_url: str

    async def check(
        self, *, organisation_id: UUID, domain_id: UUID, principal: Principal
    ) -> OrganisationView | Refusal:
        """Look for the record of a claim now, as an officer asks."""
        now = self.clock.now()
        record = await self.database.read(
            lambda session: domain_proofs.find_record(
                session, organisation_id=organisation_id, domain_id=domain_id, principal=principal, now=now
            )
        )
        if isinstance(record, Refusal):
            return record
        finding = record.judge(await self.records.find_texts(record.name))
        settled_at = self.clock.now()
        return await self.database.write(
            lambda session: domain_proofs.settle_record(
                session,
                organisation_id=organisation_id,
                domain_id=domain_id,
                finding=finding,
                principal=principal,
                base_url=self.base_url,
                sealer=self.sealer,
                now=settled_at,
            )
        )

    async def check_due(self) -> int:
        """Look for the records that are due, at once; return how many there were."""
        now = self.clock.now()
        due = await self.database.write(lambda session: domain_proofs.take_due(session, now=now))
        outcomes = await asyncio.gather(*(self._check_again(one) for one in due), return_exceptions=True)
        for error in outcomes:
            if isinstance(error, Exception):
                _report(error)
        return len(due)

    async def run(self) -> None:
        """Look for what is due until cancelled; an outage or a defect is logged and tried again later."""
        while True:
            try:
                done = await self.check_due()
            except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
                _report(error)
                done = 0
            if not done:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _check_again(self, due: domain_proofs.Due) -> None:
        finding = due.record.judge(await self.records.find_texts(due.record.name))
        now = self.clock.now()

        def note(session: Session) -> None:
            domain_proofs.note_due(session, due, finding, base_url=self.base_url, sealer=self.sealer, now=now)

        if finding is not Finding.UNANSWERED:
            await self.database.write(note)
        _log.info("record.checked", claim=str(due.domain_id), finding=finding.value)


def _report(error: Exception) -> None:
    known = isinstance(error, GatehouseError)
    _log.error("records.failed", kind=type(error).__name__, exc_info=None if known else error)
