"""Mail: composed as a plain value, queued sealed in the outbox, sent by SMTP or kept locally.

Without an SMTP server (the embedded default) mail lands as files in the data folder, readable on the
local outbox page, and one line on the console says so.
"""

import asyncio
import contextlib
import email
import email.policy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from uuid import UUID

import aiosmtplib
import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from registry.kernel import outbox
from registry.kernel.identifiers import new_id
from registry.kernel.outbox import OutboxMessage
from registry.kernel.outcomes import CorruptRecord, GatehouseError, Unavailable
from registry.kernel.sealing import Sealer

TOPIC = "mail.send"
SMTP_TIMEOUT_S = 20
JUST_NOW = timedelta(minutes=1)
LETTERS_PER_READ = 200
PERMANENT = 500
NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_CONTEXT = b"outbox:mail"
_FORGET_CONTEXT = b"outbox:mail:forget"


FORGET_TOPIC = "mail.forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One letter. Subject and text are the registry's own words; newlines never reach a header."""

    to: str
    subject: str
    text: str
    about: UUID | None = None
    """Record whose evidence this letter is; what becomes of the letter is noted there."""


class AddressRefused(GatehouseError):
    """The mail server refuses the recipient for good (SMTP 5xx); another try would end the same."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the mail server refuses the address ({code})")
        self.code = code


class Mailer(Protocol):
    """Delivers mail, or raises `Unavailable` or `AddressRefused`."""

    async def send(self, mail: Mail, *, now: datetime) -> None:
        """Hand `mail` over for delivery."""
        ...

    async def forget(self, address: str) -> None:
        """Remove what is kept here of letters to this address."""
        ...


def queue(session: Session, mail: Mail, *, sealer: Sealer, now: datetime) -> None:
    """Send `mail` after the commit; until then it is sealed."""
    queue_all(session, [(mail, now)], sealer=sealer)


def queue_all(session: Session, letters: Sequence[tuple[Mail, datetime]], *, sealer: Sealer) -> None:
    """Send each letter, queued at its moment, after the commit; until then it is sealed."""
    outbox.put_all(session, TOPIC, [(_seal(letter, sealer), now) for letter, now in letters])


def is_on_its_way(session: Session, *, now: datetime) -> bool:
    """Whether mail was queued just now that is not delivered yet."""
    return outbox.is_waiting(session, TOPIC, since=now - JUST_NOW)


def _seal(mail: Mail, sealer: Sealer) -> bytes:
    plain = msgspec.json.encode(
        {"to": mail.to, "subject": mail.subject, "text": mail.text, "about": mail.about}
    )
    return sealer.seal_system(plain, _CONTEXT)


def unqueue(payload: bytes, *, sealer: Sealer) -> Mail:
    """Return the mail that `queue` sealed."""
    return msgspec.convert(msgspec.json.decode(sealer.open_system(payload, _CONTEXT)), Mail)


def reseal_waiting(session: Session, *, sealer: Sealer, limit: int) -> int:
    """Seal some waiting letters anew that an older master key seals; return how many, 0 when none is left."""
    older = select(OutboxMessage.id, OutboxMessage.payload).where(
        OutboxMessage.topic == TOPIC, OutboxMessage.payload != b"", sealer.is_older(OutboxMessage.payload)
    )
    rows = session.exec(older.order_by(col(OutboxMessage.id)).limit(limit)).all()
    for message_id, payload in rows:
        session.exec(
            update(OutboxMessage)
            .where(col(OutboxMessage.id) == message_id, col(OutboxMessage.payload) == payload)
            .values(payload=sealer.reseal_system(payload, _CONTEXT))
        )
    return len(rows)


def forget_waiting(session: Session, *, to: str, sealer: Sealer) -> int:
    """Take back every letter to this address that is not delivered yet; return how many."""
    forgotten = 0
    after: UUID | None = None
    while rows := outbox.list_unfinished(session, TOPIC, after=after, limit=LETTERS_PER_READ):
        for message_id, payload in rows:
            with contextlib.suppress(CorruptRecord):  # sealed by a key that is gone: nobody reads it any more
                if unqueue(payload, sealer=sealer).to == to:
                    forgotten += outbox.cancel(session, message_id)
        after = rows[-1][0]
    return forgotten


def forget_later(session: Session, *, to: str, sealer: Sealer, at: datetime) -> None:
    """Have what the mailer keeps of letters to this address removed at that time."""
    outbox.put(session, FORGET_TOPIC, sealer.seal_system(to.encode(), _FORGET_CONTEXT), now=at)


def forgotten_address(payload: bytes, *, sealer: Sealer) -> str:
    """Return the address that `forget_later` sealed."""
    return sealer.open_system(payload, _FORGET_CONTEXT).decode()


def compose(mail: Mail, *, sender: str, now: datetime) -> EmailMessage:
    """Return `mail` as an RFC 5322 message; addresses and subjects with line breaks are refused."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


class SMTPMailer:
    """Sends through an SMTP server, with STARTTLS where it is offered."""

    def __init__(
        self, *, host: str, port: int, user: str | None, password: str | None, sender: str, tls: bool
    ) -> None:
        self._options = {"hostname": host, "port": port, "username": user, "password": password}
        self._sender = sender
        self._tls = tls

    async def send(self, mail: Mail, *, now: datetime) -> None:
        """Hand `mail` to the SMTP server."""
        try:
            await aiosmtplib.send(
                compose(mail, sender=self._sender, now=now),
                use_tls=self._tls,
                timeout=SMTP_TIMEOUT_S,
                **self._options,  # type: ignore[arg-type] # one dict for four differently typed options
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            if code := _refused_for_good(error):
                raise AddressRefused(code) from None
            raise Unavailable("mail server", type(error).__name__) from None

    async def forget(self, address: str) -> None:
        """Nothing is kept here: what was sent is in the hands of who got it."""


def _refused_for_good(error: Exception) -> int | None:
    """Return the server's answer if it means that no mail will ever reach the address (RFC 5321 §4.2.3)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [refused.code for refused in error.recipients]
        return min(codes) if codes and min(codes) >= PERMANENT else None
    if isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        return error.code if error.code in NO_SUCH_MAILBOX else None
    return None


class LocalMailer:
    """Keeps mail as `.eml` files in a folder that only the service's user can read."""

    def __init__(self, folder: Path, *, sender: str, outbox_url: str) -> None:
        self._folder = folder
        self._sender = sender
        self._outbox_url = outbox_url
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def send(self, mail: Mail, *, now: datetime) -> None:
        """Write `mail` to the folder and point to it on the console."""
        message = compose(mail, sender=self._sender, now=now)
        await asyncio.to_thread(self._write, message.as_bytes())
        print(f"mail: {mail.subject} — read it at {self._outbox_url}", flush=True)  # noqa: T201 - the console is this mailer's second outlet

    async def forget(self, address: str) -> None:
        """Remove the letters to this address."""
        await asyncio.to_thread(self._remove, address)

    def _remove(self, address: str) -> None:
        for path in self._folder.glob("*.eml"):
            with path.open("rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.default)
            if address in {one.addr_spec for one in message["To"].addresses}:
                path.unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        path = self._folder / f"{new_id()}.eml"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
