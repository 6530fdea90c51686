"""Rules of webhooks: what is signed, when is tried again, when it is given up."""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from registry.kernel.news import Event

WEBHOOKS_MOST = 20
"""How many a publisher may have."""
MODELS_MOST = 100
HUB_SECRET_MOST_CHARACTERS = 200
HUB_SECRET_PATTERN = r"^[\x21-\x7e]*$"  # noqa: S105 - the form of one
"""What a header carries without being altered."""
SECRET_BYTES = 32
"""The specification asks for 24 to 64 (https://www.standardwebhooks.com)."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
OVERLAP_MOST_HOURS = 168
OVERLAP_HOURS = 24
"""How long after a rotation deliveries are signed with the secret before as well."""
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between the attempts of one delivery: those that the specification proposes, a little over three days in all."""
JITTER = 0.2
"""By which part a pause may be longer, so that deliveries that failed together do not come back together."""
FIRST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(minutes=10)
DISABLE_AFTER = timedelta(days=5)
KEPT = timedelta(days=30)
"""How long a delivery stays in the log, from its making."""
TEST = "webhook.test"
"""Told on demand to see whether a receiver works; nothing has happened."""
EVENTS = tuple(Event)


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    """To be tried, for the first time or again."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after the last attempt."""
    DROPPED = "dropped"
    """Given up because the webhook was switched off or deleted."""


class Trouble(StrEnum):
    """Why an attempt did not succeed."""

    STATUS = "status"
    """The receiver answered, but not with a 2xx."""
    REDIRECT = "redirect"
    """The receiver sent elsewhere; nothing follows it."""
    TOO_SLOW = "too-slow"
    UNREACHABLE = "unreachable"
    """No connection came about, or the address is one that may not be asked. Which one is not told: the answer would
    say what names mean inside our network."""


class OffReason(StrEnum):
    """Why a webhook is switched off."""

    BY_HAND = "by-hand"
    FAILING = "failing"
    """Nothing got through for days."""
    GONE = "gone"
    """The receiver answered 410."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt; nothing of the receiver's words is kept."""

    status: int | None
    trouble: Trouble | None
    duration_ms: int

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where deliveries go, and what they are signed with; sealed at rest."""

    url: str = field(repr=False)
    """It may hold a secret of the receiver."""
    secret: str = field(repr=False)
    previous_secret: str = field(default="", repr=False)
    previous_until: datetime | None = None
    """Until when deliveries are signed with the secret before, too."""
    hub_secret: str = field(default="", repr=False)
    """Sent as it is in `X-Webhook-Secret`, for receivers made for the Hub; never what signs."""

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that a delivery is signed with, the newest first."""
        overlaps = self.previous_until is not None and now < self.previous_until
        return (self.secret, self.previous_secret) if overlaps else (self.secret,)


def encode_secret(key: bytes) -> str:
    """Return a secret as its owner keeps it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message by https://www.standardwebhooks.com: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers_of(target: Target, *, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return what goes with the body: who sends which message when, signed by each secret that counts."""
    timestamp = int(now.timestamp())
    signatures = [
        sign(secret, message_id=message_id, timestamp=timestamp, body=body)
        for secret in target.secrets_at(now)
    ]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
    return headers | {"X-Webhook-Secret": target.hub_secret} if target.hub_secret else headers


def pause_after(attempts: int, *, chance: float) -> timedelta | None:
    """Return when to try again after so many attempts, `chance` of 0 to 1 spreading it; None: not any more."""
    if attempts > len(PAUSES):
        return None
    pause: timedelta = PAUSES[attempts - 1] * (1 + JITTER * chance)
    return pause


def rest_after(failures: int) -> timedelta:
    """Return how long a webhook is left alone after so many failures in a row, so that it holds up no other."""
    doubled: timedelta = FIRST_REST * (2 ** min(failures - 1, 16))
    return min(doubled, LONGEST_REST)


def judge_failure(answer: Answer, *, failing_since: datetime, now: datetime) -> OffReason | None:
    """Return why the webhook is to be switched off after a failed attempt; None: it goes on."""
    if answer.is_gone:
        return OffReason.GONE
    return OffReason.FAILING if now - failing_since >= DISABLE_AFTER else None


def wants(event: str, models: Sequence[str] | None, *, events: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a webhook that asked for these events and models (none: all) hears of one about any of `models`.

    None as `models` is whatever the publisher has.
    """
    about = models is None or not wanted or not set(wanted).isdisjoint(models)
    return about and (not events or event in events)
