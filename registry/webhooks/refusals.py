"""Refusals of webhooks, and their wording."""

from collections.abc import Mapping
from urllib.parse import quote
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy
from registry.webhooks.domain import WEBHOOKS_MOST


def page_of(publisher: str, webhook_id: UUID | None = None) -> str:
    """Return the page of a publisher's webhooks, or of one of them."""
    here = f"/manage/{quote(publisher)}/webhooks"
    return f"{here}/{webhook_id}" if webhook_id else here


def no_such_webhook(publisher: str) -> Refusal:
    """Return the refusal of a webhook that is not there, or is another publisher's."""
    return Refusal(
        code="webhook-unknown",
        status=404,
        title="The publisher has no such webhook",
        detail="It was deleted, or never was. Nothing was changed.",
        remedy=Remedy(text="Look at the publisher's webhooks", url=page_of(publisher)),
    )


def no_such_delivery(publisher: str, webhook_id: UUID) -> Refusal:
    """Return the refusal of a delivery that is not in the log."""
    return Refusal(
        code="webhook-delivery-unknown",
        status=404,
        title="The webhook has no such delivery",
        detail="Deliveries stay in the log for 30 days.",
        remedy=Remedy(text="Look at the webhook's deliveries", url=page_of(publisher, webhook_id)),
    )


def malformed(errors: Mapping[str, str]) -> Refusal:
    """Return the refusal of a webhook that cannot be."""
    return Refusal(
        code="webhook-malformed",
        status=422,
        title="This cannot be a webhook",
        detail="; ".join(f"{name}: {problem}" for name, problem in errors.items()) + ". Nothing was changed.",
        remedy=Remedy(text="Mend what the errors name, then send it again"),
        errors=errors,
    )


def too_many(publisher: str) -> Refusal:
    """Return the refusal of one webhook more than a publisher may have."""
    return Refusal(
        code="webhook-limit",
        status=409,
        title="The publisher has as many webhooks as it may have",
        detail=f"{publisher} has {WEBHOOKS_MOST} already. Nothing was added.",
        remedy=Remedy(text="Delete one that is not used any more", url=page_of(publisher)),
    )


def switched_off(publisher: str, webhook_id: UUID) -> Refusal:
    """Return the refusal to send something to a webhook that is switched off."""
    return Refusal(
        code="webhook-off",
        status=409,
        title="The webhook is switched off",
        detail="Nothing is sent to it.",
        remedy=Remedy(text="Switch it on first, once its receiver works", url=page_of(publisher, webhook_id)),
    )
