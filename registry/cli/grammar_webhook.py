"""What maintainers type about webhooks. Imports nothing but argparse."""

import argparse

from registry.cli.grammar_parts import Commands, command, group, positive

OVERLAP_HOURS = 24


def add_webhook(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add what keeps a publisher's webhooks."""
    webhook = group(commands, "webhook", "addresses outside that hear of what happens at a publisher")
    listed = command(
        webhook,
        "list",
        "registry.cli.webhook:list_webhooks",
        "list a publisher's webhooks and how they stand",
        more="Of an address only the host is shown; the rest may be a secret of the receiver. --json has all of it.",
    )
    listed.add_argument("publisher", metavar="PUBLISHER")
    _add_making(webhook)
    _add_change(webhook)
    rotate = _of_one(
        webhook,
        "rotate",
        "make a new secret, and write it to stdout this once",
        "Messages are signed with both until the overlap ends, so that a receiver can be told of the new one meanwhile.",
    )
    rotate.add_argument(
        "--overlap-hours",
        type=int,
        default=OVERLAP_HOURS,
        metavar="N",
        help=f"how long the secret before signs as well; 0: it is void at once ({OVERLAP_HOURS})",
    )
    test = _of_one(webhook, "test", "send a message that says nothing but that it arrives")
    test.add_argument(
        "--wait", action="store_true", help="wait for the first attempt; ends with 1 where it did not arrive"
    )
    deliveries = _of_one(
        webhook, "deliveries", "list what was sent in the last 30 days, newest first, and what came of it"
    )
    deliveries.add_argument("--limit", type=positive, default=50, metavar="N", help="at most so many (50)")
    replay = _of_one(webhook, "replay", "send a message again, with the same id and words")
    replay.add_argument("delivery", metavar="MESSAGE", help="as webhook deliveries shows it")
    _of_one(webhook, "end", "delete a webhook; what waits is dropped, its address and secrets are forgotten")


def _add_making(webhook: "Commands[argparse.ArgumentParser]") -> None:
    add = command(
        webhook,
        "add",
        "registry.cli.webhook:add",
        "add a webhook, and write its secret to stdout this once",
        more="The secret begins with whsec_; the receiver verifies with it that a message comes from the registry:\n"
        "  gatehouse webhook add quarry https://hooks.example/x --event access-request.made > secret.txt",
    )
    add.add_argument("publisher", metavar="PUBLISHER")
    add.add_argument("url", metavar="ADDRESS", help="where messages go; - reads it from stdin")
    _add_wish(add)
    add.add_argument(
        "--hub-secret",
        action="store_true",
        help="ask for a fixed secret without echo, or read it from stdin; sent in X-Webhook-Secret, for receivers made for the Hub",
    )


def _add_change(webhook: "Commands[argparse.ArgumentParser]") -> None:
    change = _of_one(webhook, "change", "change parts of a webhook, or switch it off and on")
    change.add_argument("--url", metavar="ADDRESS", help="where messages go; - reads it from stdin")
    _add_wish(change)
    change.add_argument(
        "--all-events", action="store_true", help="hear of every event, also of those to come"
    )
    change.add_argument(
        "--all-models", action="store_true", help="hear of every model, also of those to come"
    )
    fixed = change.add_mutually_exclusive_group()
    fixed.add_argument(
        "--hub-secret", action="store_true", help="ask for another fixed secret, or read it from stdin"
    )
    fixed.add_argument("--no-hub-secret", action="store_true", help="send no X-Webhook-Secret any more")
    state = change.add_mutually_exclusive_group()
    state.add_argument("--on", action="store_true", help="send to it again")
    state.add_argument("--off", action="store_true", help="send nothing to it; what waits is dropped")


def _add_wish(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="hear of this event only, such as access.revoked; may be repeated",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="hear of this model only, named without its publisher; may be repeated",
    )


def _of_one(
    webhook: "Commands[argparse.ArgumentParser]", name: str, text: str, more: str = ""
) -> argparse.ArgumentParser:
    parser = command(webhook, name, f"registry.cli.webhook:{name}", text, more=more)
    parser.add_argument("publisher", metavar="PUBLISHER")
    parser.add_argument("webhook", metavar="ID", help="as webhook list shows it")
    return parser
