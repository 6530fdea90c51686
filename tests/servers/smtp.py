"""An SMTP sink: a real server that keeps what it is sent."""

import queue
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

WAIT_S = 10


class _AnyPort(Controller):
    """A controller that listens on a port of the system's choice."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class SMTPSink:
    """Listens on a free port of 127.0.0.1.

    `refuse_with` makes it answer the next messages with that line, `refuse_recipients_with` the recipients.
    """

    def __init__(self) -> None:
        self.refuse_with: str | None = None
        self.refuse_recipients_with: str | None = None
        self._received: queue.SimpleQueue[EmailMessage] = queue.SimpleQueue()
        self._controller = _AnyPort(self, "127.0.0.1", 0)
        self._controller.start()
        self.host = "127.0.0.1"
        self.port: int = self._controller.port

    def next(self, *, wait_s: float = WAIT_S) -> EmailMessage:
        """Return the oldest message not yet taken; wait for it."""
        try:
            return self._received.get(timeout=wait_s)
        except queue.Empty:
            raise AssertionError(f"no e-mail arrived within {wait_s} s") from None

    @property
    def is_empty(self) -> bool:
        """Whether no message waits to be taken."""
        return self._received.empty()

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's name
        self, _server: object, _session: object, envelope: Any, address: str, _options: object
    ) -> str:
        """Take a recipient or refuse them (aiosmtpd's hook)."""
        if self.refuse_recipients_with is not None:
            return self.refuse_recipients_with
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 # aiosmtpd's name
        """Keep one message (aiosmtpd's hook)."""
        if self.refuse_with is not None:
            return self.refuse_with
        message = message_from_bytes(envelope.content, policy=policy.default)
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        self._received.put(message)
        return "250 OK"
