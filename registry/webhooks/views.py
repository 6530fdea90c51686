"""What the pages of a publisher's webhooks are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from registry.kernel.news import Event
from registry.kernel.page_parts import Badge, FieldKind, FormField, Notice, Option, Pager, Shape, Tone
from registry.kernel.pages import format_when
from registry.webhooks.domain import (
    EVENTS,
    HUB_SECRET_MOST_CHARACTERS,
    MODELS_MOST,
    OVERLAP_HOURS,
    OVERLAP_MOST_HOURS,
    DeliveryState,
    OffReason,
    Trouble,
)
from registry.webhooks.receiver import URL_MOST_CHARACTERS
from registry.webhooks.refusals import page_of
from registry.webhooks.service import DeliveryView, WebhookView, Wish
from registry.webhooks.tables import WebhookAttempt

EVENTS_NAMED = 2
MODEL_NAMES_MOST_CHARACTERS = MODELS_MOST * 97
OVERLAPS = {
    OVERLAP_HOURS: "for another day",
    OVERLAP_MOST_HOURS: "for another week",
    0: "not any more",
}
_EVENT_WORDS = {
    Event.REQUEST_MADE: "Somebody asks for access",
    Event.REQUEST_CHANGED: "A request is sent again after changes",
    Event.REQUEST_RETURNED: "A reviewer asks for changes",
    Event.REQUEST_APPEALED: "Somebody appeals",
    Event.REQUEST_ACCEPTED: "A request is granted",
    Event.REQUEST_REJECTED: "A request is rejected",
    Event.REQUEST_WITHDRAWN: "A request is taken back",
    Event.REQUEST_LAPSED: "A request ends without a decision",
    Event.ACCESS_ENDED: "An access ends without blame",
    Event.ACCESS_REVOKED: "An access is revoked",
    Event.REVOCATION_PROPOSED: "A revocation waits for a second person",
    Event.REVOCATION_DROPPED: "A proposed revocation is dropped",
    Event.ACCEPTANCE_RECORDED: "Somebody accepts where no review follows",
    Event.ACCEPTANCE_WITHDRAWN: "An acceptance is withdrawn",
    Event.BLOCKS_CHANGED: "Somebody is blocked, or a block is lifted",
    Event.MODEL_CREATED: "A model is published for the first time",
    Event.RELEASE_PUBLISHED: "A branch leads to a new release",
    Event.GATE_CHANGED: "A gate asks for something else",
    Event.MODEL_MOVED: "A model goes behind another gate",
    Event.LICENSE_VERSION_PUBLISHED: "A license of yours has a new version",
}
_STATES = {
    DeliveryState.PENDING: Badge(word="Waits", shape=Shape.WAITING, tone=Tone.WAIT),
    DeliveryState.DELIVERED: Badge(word="Arrived", shape=Shape.DONE, tone=Tone.OK),
    DeliveryState.FAILED: Badge(word="Given up", shape=Shape.ENDED, tone=Tone.STOP),
    DeliveryState.DROPPED: Badge(word="Dropped", shape=Shape.ENDED),
}
_OFF_TITLES = {
    OffReason.BY_HAND: "Switched off",
    OffReason.FAILING: "Switched off, as nothing arrived for five days",
    OffReason.GONE: "Switched off, as its receiver answered that it is gone (410)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the form of a webhook holds: how it stands, or what was sent and is to be mended."""

    url: str = field(default="", repr=False)
    events: Sequence[str] = ()
    models: str = ""
    hub_secret: str = field(default="", repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, view: WebhookView) -> "Draft":
        """Return the form of a webhook as it stands."""
        return cls(url=view.url, events=view.events, models=" ".join(view.models))

    @property
    def wish(self) -> Wish:
        """What the webhook is to be."""
        return Wish(
            url=self.url,
            events=self.events,
            models=self.models.replace(",", " ").split(),
            hub_secret=self.hub_secret,
        )


def webhooks_view(head: SimpleNamespace, found: Sequence[WebhookView], draft: Draft) -> SimpleNamespace:
    """Return a publisher's webhooks, and the form for another."""
    here = page_of(head.name)
    return SimpleNamespace(
        publisher=head, webhooks=[_line(one, head.name) for one in found], form=_form(draft), post_url=here
    )


def webhook_view(
    head: SimpleNamespace,
    found: WebhookView,
    deliveries: Sequence[DeliveryView],
    *,
    secret: str | None,
    draft: Draft | None,
    after: UUID | None,
    limit: int,
) -> SimpleNamespace:
    """Return one webhook: how it stands, what was sent, what may be changed; its secret where it is new."""
    here = page_of(head.name, found.row.id)
    is_on = found.row.disabled_at is None
    return SimpleNamespace(
        publisher=head,
        host=host_of(found.url),
        id=str(found.row.id),
        secret=secret,
        notice=_notice(found),
        facts=_line(found, head.name),
        made_at=found.row.made_at,
        previous_until=found.previous_until,
        has_hub_secret=found.has_hub_secret,
        form=_form(draft or Draft.of(found), has_hub_secret=found.has_hub_secret),
        overlaps=[Option(value=str(hours), label=words) for hours, words in OVERLAPS.items()],
        deliveries=[_delivery(one, here, is_on=is_on) for one in deliveries],
        pager=_pager(here, deliveries, after, limit),
        urls=SimpleNamespace(
            page=here,
            change=f"{here}/change",
            rotate=f"{here}/rotate",
            end=f"{here}/end",
            test=f"{here}/test" if is_on else None,
            off=f"{here}/off" if is_on else None,
            on=None if is_on else f"{here}/on",
        ),
    )


def host_of(url: str) -> str:
    """Return whose address it is, without what may be a secret of the receiver's."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _line(found: WebhookView, publisher: str) -> SimpleNamespace:
    row, failure = found.row, found.last_failure
    named = ", ".join(found.events[:EVENTS_NAMED])
    more = len(found.events) - EVENTS_NAMED
    return SimpleNamespace(
        host=host_of(found.url),
        url=page_of(publisher, row.id),
        hears=(f"{named} and {more} more" if more > 0 else named) or "everything",
        models=", ".join(found.models) or "all models",
        state=_state(found),
        off_at=row.disabled_at,
        arrived_at=found.last_arrived,
        failed_at=failure.begun_at if failure else None,
        failed=_came_of(failure) if failure else None,
    )


def _state(found: WebhookView) -> Badge:
    row = found.row
    if row.disabled_at is not None:
        tone = Tone.PLAIN if row.off_reason is OffReason.BY_HAND else Tone.STOP
        return Badge(word="Off", shape=Shape.ENDED, tone=tone)
    if row.failing_since is not None:
        return Badge(word="Failing", shape=Shape.WARNING, tone=Tone.WAIT)
    return Badge(word="On", shape=Shape.DONE, tone=Tone.OK)


def _notice(found: WebhookView) -> Notice | None:
    row = found.row
    if row.disabled_at is not None and row.off_reason is not None:
        text = (
            f"Nothing is sent to it since {format_when(row.disabled_at, 'minute')}, and what waited was dropped. Once it"
            " is on again, each message below can be sent again."
        )
        tone = Tone.NOTE if row.off_reason is OffReason.BY_HAND else Tone.STOP
        return Notice(tone=tone, title=_OFF_TITLES[row.off_reason], text=text)
    if row.failing_since is not None:
        text = (
            "What failed is tried again by itself, later and later. Where nothing arrives for five days, the webhook is"
            " switched off and you get a mail."
        )
        since = format_when(row.failing_since, "minute")
        return Notice(tone=Tone.WAIT, title=f"Nothing has arrived since {since}", text=text)
    return None


def _form(draft: Draft, *, has_hub_secret: bool = False) -> SimpleNamespace:
    sent = "X-Webhook-Secret"
    fields = [
        FormField(
            name="url",
            label="Address",
            value=draft.url[:URL_MOST_CHARACTERS],
            why="https, on the public Internet. It is kept sealed, and shown to nobody else.",
            error=draft.errors.get("url"),
            max_characters=URL_MOST_CHARACTERS,
        ),
        FormField(
            name="models",
            label="Models",
            value=draft.models[:MODEL_NAMES_MOST_CHARACTERS],
            why="Their names, with spaces between. Left empty: all of them, also those to come.",
            error=draft.errors.get("models"),
            required=False,
            max_characters=MODEL_NAMES_MOST_CHARACTERS,
        ),
        FormField(
            name="hub_secret",
            label="Fixed secret",
            value=draft.hub_secret[:HUB_SECRET_MOST_CHARACTERS],
            why=(
                f"One is set, and sent as {sent}. Left empty, it stays."
                if has_hub_secret
                else f"Only for receivers made for the Hub: sent as it is in {sent}, and signs nothing."
            ),
            error=draft.errors.get("hub_secret"),
            required=False,
            max_characters=HUB_SECRET_MOST_CHARACTERS,
        ),
    ]
    if has_hub_secret:
        fields.append(
            FormField(
                name="no_hub_secret",
                label=f"Send no {sent} any more",
                kind=FieldKind.CHECKBOX,
                required=False,
            )
        )
    return SimpleNamespace(
        fields=fields,
        events=[
            Option(value=event.value, label=_EVENT_WORDS[event], chosen=event.value in draft.events)
            for event in EVENTS
        ],
        some_events=bool(draft.events),
        events_error=draft.errors.get("events"),
    )


def _delivery(found: DeliveryView, here: str, *, is_on: bool) -> SimpleNamespace:
    row = found.row
    waits = row.state is DeliveryState.PENDING
    attempts = [
        SimpleNamespace(at=one.begun_at, came_of=_came_of(one), took=f"{one.duration_ms:,} ms")
        for one in reversed(found.attempts)
    ]
    return SimpleNamespace(
        event=row.event,
        id=str(row.id),
        made_at=row.made_at,
        state=_STATES[row.state],
        next_at=row.next_at if waits else None,
        attempts=attempts,
        body=msgspec.json.format(row.body, indent=2).decode(),
        replay_url=f"{here}/deliveries/{row.id}/replay" if is_on else None,
        replay_label="Send now" if waits else "Send again",
    )


def _came_of(attempt: WebhookAttempt) -> str:
    match attempt.trouble:
        case None:
            return f"arrived, answered {attempt.status}"
        case Trouble.STATUS:
            return f"answered {attempt.status}"
        case Trouble.REDIRECT:
            return f"answered {attempt.status}, which leads elsewhere and is not followed"
        case Trouble.TOO_SLOW:
            return "did not answer in time"
        case Trouble.UNREACHABLE:
            return "could not be reached"


def _pager(here: str, deliveries: Sequence[DeliveryView], after: UUID | None, limit: int) -> Pager | None:
    more = len(deliveries) == limit
    if not more and after is None:
        return None
    return Pager(
        said="Newest first",
        next_url=f"{here}?after={deliveries[-1].row.id}" if more else None,
        next_label="Older messages",
        first_url=here if after else None,
    )
