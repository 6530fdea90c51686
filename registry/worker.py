"""Background work: outbox messages, the log's sequencer, verification of uploads.

Runs inside the web process on the embedded default, or as `gatehouse worker` in any number of copies.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import msgspec
import structlog
from sqlmodel import Session

from registry import access, catalog, hub_sync, licenses
from registry.acceptances.copies import note_copy
from registry.acceptances.domain import CopyEvent
from registry.acceptances.jobs import run_importing, run_inviting
from registry.access import changed_terms, lost_models
from registry.access.jobs import run_lapsing
from registry.catalog import equivalence_telling, second_person_telling
from registry.catalog.domain import EQUIVALENCE_TOLD
from registry.catalog.jobs import run_verification
from registry.delivery import jobs as delivery_jobs
from registry.delivery import updates
from registry.delivery.retention import run_sweeping
from registry.hub_sync.jobs import run_keeping
from registry.hub_sync.keeping import Keeper
from registry.identity import cover_telling, group_membership, membership, organisation_telling
from registry.identity.jobs import run_digests, run_telling_of_proofs
from registry.identity.notices import note_mail
from registry.identity.organisation_domain import DOMAIN_PROVED
from registry.identity.organisation_group_domain import GROUP_ENDED
from registry.identity.organisation_telling import ORGANISATION_STOPPED
from registry.identity.restriction_domain import STANDING_CHANGED
from registry.kernel import mail, news, outbox
from registry.kernel.outcomes import CorruptRecord, GatehouseError
from registry.kernel.sealing import Sealer
from registry.kernel.telemetry import OUTBOX_FAILURES
from registry.ledger.jobs import run_sequencer
from registry.ledger.timestamping import run_timestamping
from registry.ledger.witnessing import run_witnessing
from registry.parts import Parts
from registry.webhooks.announcing import announce
from registry.webhooks.delivering import Deliverer
from registry.webhooks.jobs import run_clearing, run_delivering

POLL_SECONDS = 1.0
KEY_RELOAD_SECONDS = 300.0
_log = structlog.get_logger()

Handler = Callable[[Session, bytes, datetime], None]
"""Brings about what a message says, in the transaction that settles the message."""


class _Telling(TypedDict):
    """What everybody needs who tells people something."""

    sealer: Sealer
    base_url: str


class Worker:
    """Runs the background loops until it is stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._telling: _Telling = {"sealer": parts.sealer, "base_url": parts.settings.base_url}
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._handlers: Mapping[str, Handler] = {
            catalog.TERMS_CHANGED: self._tell_holders,
            catalog.MODEL_MOVED: self._tell_of_loss,
            lost_models.RIGHTS_CHANGED: self._tell_of_loss,
            catalog.MUST_UPDATE_MARKED: self._tell_of_update,
            EQUIVALENCE_TOLD: self._tell_of_equivalence,
            licenses.CLASS_PROPOSED: self._tell_second_persons,
            licenses.CLASS_JUDGED: self._tell_publisher,
            DOMAIN_PROVED: self._join_known_people,
            ORGANISATION_STOPPED: self._tell_members,
            GROUP_ENDED: self._tell_of_group,
            cover_telling.MEMBER_REMOVED: self._tell_removed,
            cover_telling.COVER_WITHDRAWN: self._tell_of_cover,
            catalog.PEOPLE_CHANGED: self._wake_mirrors,
            STANDING_CHANGED: self._tell_followers,
            news.TOPIC: self._announce,
        }

    async def start(self) -> None:
        """Start the loops."""
        loops = (
            self._deliver_outbox(),
            self._sequence(),
            self._verify_uploads(),
            self._reload_keys(),
            self._lapse_requests(),
            self._send_digests(),
            self._have_witnessed(),
            self._have_stamped(),
            self._parts.record_checker.run(),
            self._tell_of_proofs(),
            self._import_reports(),
            self._invite_imported(),
            self._close_download_days(),
            self._digest_downloads(),
            self._erase(),
            self._sweep(),
            self._keep_mirrors(),
            self._send_webhooks(),
            self._clear_webhooks(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Stop the loops; work that runs is finished or rolled back, never left half done."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def deliver_due(self) -> int:
        """Deliver what is due now; return how many messages were tried."""
        parts = self._parts
        now = parts.clock.now()
        messages = await parts.database.write(lambda session: outbox.claim(session, now=now))
        for message in messages:
            await self.deliver(message)
        return len(messages)

    async def deliver(self, message: outbox.Message) -> None:
        """Bring about what a claimed message says, or note why that failed."""
        parts = self._parts
        try:
            if message.topic == mail.TOPIC:
                await self._send_mail(message)
            elif message.topic == mail.FORGET_TOPIC:
                await self._forget_letters(message)
            else:
                now = parts.clock.now()
                await parts.database.write(lambda session: self._work_off(session, message, now))
        except mail.AddressRefused as error:
            code, since = error.code, parts.clock.now()
            _log.warning("mail.address_refused", code=code)
            await parts.database.write(lambda session: self._refused(session, message, code, since))
            return
        except Exception as error:  # noqa: BLE001 - whatever it was, the message is kept and tried again
            kind = type(error).__name__
            OUTBOX_FAILURES.labels(message.topic).inc()
            _log.warning("outbox.failed", topic=message.topic, attempt=message.attempts, error=kind)
            now = parts.clock.now()
            await parts.database.write(lambda session: self._failed(session, message, kind, now))

    async def _forget_letters(self, message: outbox.Message) -> None:
        parts = self._parts
        await parts.mailer.forget(mail.forgotten_address(message.payload, sealer=parts.sealer))
        now = parts.clock.now()
        await parts.database.write(lambda session: outbox.complete(session, message, now=now))

    def _work_off(self, session: Session, message: outbox.Message, now: datetime) -> None:
        """Do what the message says and settle it, both or neither; nothing where another worker was faster."""
        handler = self._handlers.get(message.topic)
        if handler is None:
            raise GatehouseError(f"no handler for topic {message.topic}")
        if outbox.lock(session, message):
            handler(session, message.payload, now)
            outbox.complete(session, message, now=now)

    def _done(self, session: Session, message: outbox.Message, now: datetime) -> None:
        self._note_letter(session, message, CopyEvent.LETTER_SENT, now)
        outbox.complete(session, message, now=now)

    def _refused(self, session: Session, message: outbox.Message, code: int, now: datetime) -> None:
        """Note that no mail reaches the address, on the person and on the message, which is not tried again."""
        letter = mail.unqueue(message.payload, sealer=self._parts.sealer)
        note_mail(session, email=letter.to, sealer=self._parts.sealer, refused_at=now)
        self._note_letter(session, message, CopyEvent.LETTER_FAILED, now)
        outbox.give_up(session, message, error=f"the mail server refuses the address ({code})")

    def _failed(self, session: Session, message: outbox.Message, kind: str, now: datetime) -> None:
        if message.attempts >= outbox.GIVE_UP_AFTER_ATTEMPTS:
            self._note_letter(session, message, CopyEvent.LETTER_FAILED, now)
        outbox.fail(session, message, error=kind, now=now)

    def _note_letter(
        self, session: Session, message: outbox.Message, event: CopyEvent, now: datetime
    ) -> None:
        """Record what became of a letter about an acceptance, in the transaction that settles the message."""
        if message.topic != mail.TOPIC:
            return
        try:
            about = mail.unqueue(message.payload, sealer=self._parts.sealer).about
        except CorruptRecord:
            return  # Nobody can read it any more; the message itself keeps the error.
        if about is not None:
            note_copy(session, about, event, now=now)

    async def _deliver_outbox(self) -> None:
        while not self._stopping.is_set():
            try:
                tried = await self.deliver_due()
            except GatehouseError as error:
                _log.warning("outbox.unavailable", error=type(error).__name__)
                tried = 0
            if not tried:
                await asyncio.sleep(POLL_SECONDS)

    async def _sequence(self) -> None:
        parts = self._parts
        await run_sequencer(
            parts.database,
            keys=lambda: parts.keys.ring,
            reload_keys=parts.keys.reload,
            origin=parts.settings.origin,
            clock=parts.clock,
        )

    async def _have_witnessed(self) -> None:
        parts = self._parts
        await run_witnessing(parts.database, parts.witnesses, clock=parts.clock)

    async def _have_stamped(self) -> None:
        parts = self._parts
        if parts.authority is not None:
            await run_timestamping(parts.database, parts.authority, clock=parts.clock)

    async def _verify_uploads(self) -> None:
        parts = self._parts
        await run_verification(parts.database, parts.store, clock=parts.clock)

    async def _reload_keys(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(KEY_RELOAD_SECONDS)
            try:
                await asyncio.to_thread(self._parts.keys.reload)
            except GatehouseError as error:
                _log.warning("keys.unavailable", error=type(error).__name__)

    async def _lapse_requests(self) -> None:
        parts = self._parts
        await run_lapsing(
            parts.database, sealer=parts.sealer, base_url=parts.settings.base_url, clock=parts.clock
        )

    async def _send_digests(self) -> None:
        parts = self._parts
        await run_digests(
            parts.database, sealer=parts.sealer, base_url=parts.settings.base_url, clock=parts.clock
        )

    async def _tell_of_proofs(self) -> None:
        parts = self._parts
        await run_telling_of_proofs(
            parts.database, sealer=parts.sealer, base_url=parts.settings.base_url, clock=parts.clock
        )

    async def _close_download_days(self) -> None:
        await delivery_jobs.run_closing(self._parts.database, clock=self._parts.clock)

    async def _digest_downloads(self) -> None:
        await delivery_jobs.run_digests(self._parts.database, clock=self._parts.clock)

    async def _erase(self) -> None:
        parts = self._parts
        await delivery_jobs.run_erasing(
            parts.database, sealer=parts.sealer, base_url=parts.settings.base_url, clock=parts.clock
        )

    async def _import_reports(self) -> None:
        parts = self._parts
        await run_importing(
            parts.database,
            keys=lambda: parts.keys.ring,
            issuer=parts.settings.base_url,
            sealer=parts.sealer,
            clock=parts.clock,
        )

    async def _invite_imported(self) -> None:
        parts = self._parts
        await run_inviting(
            parts.database, sealer=parts.sealer, base_url=parts.settings.base_url, clock=parts.clock
        )

    async def _sweep(self) -> None:
        parts = self._parts
        await run_sweeping(
            parts.database, retention=parts.settings.retention, sealer=parts.sealer, clock=parts.clock
        )

    async def _keep_mirrors(self) -> None:
        parts = self._parts
        await run_keeping(
            Keeper.of(parts.settings, database=parts.database, sealer=parts.sealer, clock=parts.clock)
        )

    async def _send_webhooks(self) -> None:
        parts = self._parts
        await run_delivering(
            Deliverer.of(parts.settings, database=parts.database, sealer=parts.sealer, clock=parts.clock)
        )

    async def _clear_webhooks(self) -> None:
        await run_clearing(self._parts.database, clock=self._parts.clock)

    def _announce(self, session: Session, payload: bytes, now: datetime) -> None:
        announce(session, news.decode(payload), base_url=self._parts.settings.base_url, now=now)

    def _tell_holders(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=changed_terms.Task)
        changed_terms.tell_holders(session, task, **self._telling, now=now)

    def _tell_of_loss(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=lost_models.Task)
        lost_models.tell_who_lost(session, task, **self._telling, now=now)

    def _tell_of_update(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=updates.Task)
        updates.tell_holders(session, task, **self._telling, now=now)

    def _tell_of_equivalence(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=equivalence_telling.Task)
        equivalence_telling.tell_maintainers(session, task, **self._telling, now=now)

    def _tell_second_persons(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=licenses.ProposalTask)
        second_person_telling.tell_second_persons(session, task, **self._telling, now=now)

    def _tell_publisher(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=licenses.ProposalTask)
        second_person_telling.tell_publisher(session, task, **self._telling, now=now)

    def _join_known_people(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=membership.Task)
        membership.join_known_people(session, task, **self._telling, now=now)

    def _tell_members(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=organisation_telling.Task)
        organisation_telling.tell_members(session, task, **self._telling, now=now)

    def _tell_removed(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=cover_telling.MemberRemoved)
        cover_telling.tell_removed(session, task, **self._telling, now=now)

    def _tell_of_cover(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=cover_telling.CoverWithdrawn)
        cover_telling.tell_withdrawn(session, task, **self._telling, now=now)

    def _tell_of_group(self, session: Session, payload: bytes, now: datetime) -> None:
        task = msgspec.json.decode(payload, type=group_membership.Task)
        group_membership.tell_ended(session, task, **self._telling, now=now)

    def _wake_mirrors(self, session: Session, payload: bytes, now: datetime) -> None:
        hub_sync.wake(session, msgspec.json.decode(payload, type=catalog.PeopleChanged), now=now)

    def _tell_followers(self, session: Session, payload: bytes, now: datetime) -> None:
        person_id = UUID(msgspec.json.decode(payload)["person"])
        access.tell_followers_of_person(session, person_id, now=now)

    async def _send_mail(self, message: outbox.Message) -> None:
        """Hand the letter to the mail server; where that is not settled afterwards, it goes out once more."""
        parts = self._parts
        letter = mail.unqueue(message.payload, sealer=parts.sealer)
        await parts.mailer.send(letter, now=parts.clock.now())
        now = parts.clock.now()

        def settle(session: Session) -> None:
            note_mail(session, email=letter.to, sealer=parts.sealer, refused_at=None)
            self._done(session, message, now)

        await parts.database.write(settle)
