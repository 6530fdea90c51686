"""`gatehouse webhook`: addresses outside that hear of what happens at a publisher."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import read_secret, talk, text_of, write_columns, write_json, write_line
from registry.client.errors import ClientError
from registry.client.webhooks import Webhooks
from registry.client.wire import Fields, JsonObject

WAIT_MOST_SECONDS = 60.0
POLL_SECONDS = 1.0
URL_MOST_CHARACTERS = 4_000
HUB_SECRET = "Secret that the receiver compares (not shown): "  # noqa: S105 - a prompt
_TROUBLES = {
    "too-slow": "did not answer in time",
    "unreachable": "could not be reached",
    "redirect": "leads elsewhere and is not followed",
}


def list_webhooks(args: Namespace) -> int:
    """List the publisher's webhooks."""
    with _webhooks(args) as webhooks:
        items = webhooks.list_all()
    if args.json:
        write_json([item.value for item in items])
        return 0
    rows = [
        (
            text_of(item, "id"),
            _state(item),
            _host(item),
            ",".join(item.texts("events")) or "everything",
            ",".join(item.texts("models")) or "all models",
            text_of(item, "last_arrived_at") or "-",
            _last_failure(item),
        )
        for item in items
    ]
    write_columns(("id", "state", "receiver", "hears of", "models", "last arrived", "last failed"), rows)
    if not items:
        talk(f"{args.publisher} has no webhook.")
    return 0


def add(args: Namespace) -> int:
    """Add a webhook; its secret goes to stdout."""
    body: JsonObject = {
        "url": _address(args.url),
        "events": args.event,
        "models": args.model,
        "hub_secret": read_secret(HUB_SECRET) if args.hub_secret else "",
    }
    with _webhooks(args) as webhooks:
        made = webhooks.add(body)
    return _write_secret(args, made, f"Messages go to {_host(made)} from now on.")


def change(args: Namespace) -> int:
    """Change parts of a webhook."""
    body = _wanted(args)
    if not body:
        raise ClientError("nothing was said to change", advice=("See gatehouse webhook change --help.",))
    with _webhooks(args) as webhooks:
        changed = webhooks.change(args.webhook, body)
    if args.json:
        write_json(changed.value)
    else:
        write_line(f"{text_of(changed, 'id')} {_state(changed)}")
        if body.get("on") is False:
            talk("Nothing is sent to it, and what waited was dropped.")
    return 0


def rotate(args: Namespace) -> int:
    """Make a new secret; it goes to stdout."""
    with _webhooks(args) as webhooks:
        rotated = webhooks.rotate(args.webhook, overlap_hours=args.overlap_hours)
    until = text_of(rotated, "previous_secret_until")
    return _write_secret(
        args, rotated, f"The one before signs as well until {until}." if until else "The one before is void."
    )


def test(args: Namespace) -> int:
    """Send a message that says nothing; with `--wait`, say whether it arrived."""
    with _webhooks(args) as webhooks:
        sent = webhooks.test(args.webhook)
        if args.wait:
            sent = _wait(webhooks, args.webhook, text_of(sent, "id"))
    if args.json:
        write_json(sent.value)
    else:
        write_line(f"{text_of(sent, 'id')} {_came_of(sent)}")
    if args.wait and text_of(sent, "state") != "delivered":
        raise ClientError(f"the test message did not arrive: {_came_of(sent)}")
    return 0


def deliveries(args: Namespace) -> int:
    """List what was sent, and what came of it."""
    with _webhooks(args) as webhooks:
        items = webhooks.list_deliveries(args.webhook, limit=args.limit)
    if args.json:
        write_json([item.value for item in items])
        return 0
    rows = [
        (
            text_of(item, "id"),
            text_of(item, "event"),
            text_of(item, "made_at"),
            text_of(item, "state"),
            str(len(item.members("attempts"))),
            _came_of(item),
        )
        for item in items
    ]
    write_columns(("id", "event", "made", "state", "attempts", "the last one"), rows)
    if not items:
        talk("Nothing was sent to it in the last 30 days.")
    return 0


def replay(args: Namespace) -> int:
    """Send a message again."""
    with _webhooks(args) as webhooks:
        sent = webhooks.replay(args.webhook, args.delivery)
    if args.json:
        write_json(sent.value)
    else:
        write_line(f"{text_of(sent, 'id')} {text_of(sent, 'state')}")
    return 0


def end(args: Namespace) -> int:
    """Delete a webhook."""
    with _webhooks(args) as webhooks:
        ended = webhooks.end(args.webhook)
    if args.json:
        write_json(ended.value)
    else:
        write_line(f"{text_of(ended, 'id')} deleted")
        talk(f"Nothing is sent to {_host(ended)} any more.")
    return 0


@contextmanager
def _webhooks(args: Namespace) -> Iterator[Webhooks]:
    with connected(choose_registry(args)) as registry:
        yield registry.webhooks(args.publisher)


def _wanted(args: Namespace) -> JsonObject:
    """Return the parts that are to change."""
    body: JsonObject = {}
    if args.url is not None:
        body["url"] = _address(args.url)
    if args.event or args.all_events:
        body["events"] = [] if args.all_events else args.event
    if args.model or args.all_models:
        body["models"] = [] if args.all_models else args.model
    if args.hub_secret or args.no_hub_secret:
        body["hub_secret"] = read_secret(HUB_SECRET) if args.hub_secret else ""
    if args.on or args.off:
        body["on"] = args.on
    return body


def _address(given: str) -> str:
    """Return an address, read from stdin where it may be seen by nobody else."""
    if given != "-":
        return given
    return sys.stdin.readline(URL_MOST_CHARACTERS).strip()


def _write_secret(args: Namespace, webhook: Fields, words: str) -> int:
    if args.json:
        write_json(webhook.value)
    else:
        write_line(text_of(webhook, "secret"))
        talk(f"Webhook {text_of(webhook, 'id')}. Its secret is on stdout, and is shown this once. {words}")
    return 0


def _wait(webhooks: Webhooks, webhook_id: str, delivery_id: str) -> Fields:
    """Return a message once it was tried.

    Raises:
        ClientError: it was not, in all that time.
    """
    until = time.monotonic() + WAIT_MOST_SECONDS
    while time.monotonic() < until:
        found = webhooks.list_deliveries(webhook_id, limit=50)
        sent = next((one for one in found if one.text("id") == delivery_id), None)
        if sent is not None and sent.members("attempts"):
            return sent
        time.sleep(POLL_SECONDS)
    raise ClientError(
        "the test message was not sent yet", advice=("Look later: gatehouse webhook deliveries.",)
    )


def _host(webhook: Fields) -> str:
    """Return whose address it is, without what may be a secret of the receiver's."""
    return urlsplit(text_of(webhook, "url")).hostname or "-"


def _state(webhook: Fields) -> str:
    if not webhook.flag("on"):
        return f"off ({text_of(webhook, 'off_reason')})"
    return "failing" if webhook.maybe_text("failing_since") else "on"


def _last_failure(webhook: Fields) -> str:
    at = text_of(webhook, "last_failed_at")
    if not at:
        return "-"
    return f"{at}: {_words(text_of(webhook, 'last_failure'), webhook.maybe_number('last_failure_status'))}"


def _came_of(delivery: Fields) -> str:
    attempts = delivery.members("attempts")
    if not attempts:
        return "not tried yet"
    last = attempts[-1]
    return _words(text_of(last, "trouble"), last.maybe_number("status"))


def _words(trouble: str, status: int | None) -> str:
    """Return what came of an attempt."""
    said = [f"answered {status}"] if status is not None else []
    return ", ".join(said + ([_TROUBLES[trouble]] if trouble in _TROUBLES else []))
