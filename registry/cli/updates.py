"""`gatehouse updates`: releases that are to be given up, for their holders and for those who ask it."""

import sys
from argparse import Namespace
from urllib.parse import urlencode

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, text_of, write_columns, write_json, write_line
from registry.client.api import parse_model_id
from registry.client.errors import NotFound
from registry.client.wire import Fields

PAGE = "/updates"
COMMIT_SHOWN_CHARACTERS = 12


def list_updates(args: Namespace) -> int:
    """List what the caller was told to give up."""
    choice = choose_registry(args)
    with connected(choice) as registry:
        items = registry.list_updates()
    if args.json:
        write_json([item.value for item in items])
        return 0
    columns = ("id", "model", "release", "instead", "by", "you said", "reason")
    write_columns(
        columns, [[*_about(item), text_of(item, "state"), text_of(item, "reason")] for item in items]
    )
    if items:
        talk("Say that you have read it: gatehouse updates acknowledge ID")
        talk(f"That your copies are deleted you say in a browser: {choice.endpoint}{PAGE}")
    else:
        talk("Nothing is to be given up.")
    return 0


def acknowledge(args: Namespace) -> int:
    """Say that the caller has read what is to be given up."""
    choice = choose_registry(args)
    with connected(choice) as registry:
        answer = registry.acknowledge_update(args.update)
    if args.json:
        write_json(answer.value)
    else:
        write_line(text_of(answer, "state"))
        talk(f"When your copies are deleted, say so in a browser: {choice.endpoint}{PAGE}")
    return 0


def status(args: Namespace) -> int:
    """Show the releases of a model that are to be given up, and how far their holders are."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        marks = registry.list_must_updates(publisher, name)
        figures = [registry.count_holders(publisher, name, mark.text("id")) for mark in marks]
    counted = ("told", "downloaded", "acknowledged", "confirmed_deleted")
    if args.json:
        write_json(
            [
                {**mark.value, "holders": {name: count.number(name) for name in counted}}
                for mark, count in zip(marks, figures, strict=True)
            ]
        )
        return 0
    rows = [
        [*_about(mark), *(str(count.number(name)) for name in counted)]
        for mark, count in zip(marks, figures, strict=True)
    ]
    write_columns(("id", "model", "release", "instead", "by", "told", "downloaded", "read", "deleted"), rows)
    if not marks:
        talk("No release of it is to be given up.")
    return 0


def holders(args: Namespace) -> int:
    """Write everybody who was told to give up a release, and what they said."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        for piece in registry.stream_holders(publisher, name, args.update, form=args.format):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


def mark(args: Namespace) -> int:
    """Print the page on which a maintainer marks a release; a token never does it."""
    publisher, name = parse_model_id(args.model)
    choice = choose_registry(args)
    with connected(choice) as registry:
        release, replacement = (
            registry.get_model(publisher, name, revision=revision).commit
            for revision in (args.release, args.replacement)
        )
    if release is None or replacement is None:
        raise NotFound(f"{publisher}/{name} has no release yet")
    filled = {"release": release, "replacement": replacement, "update_by": args.by, "reason": args.reason}
    query = urlencode({key: value for key, value in filled.items() if value})
    talk(
        "A maintainer marks a release in a browser, signed in not long ago. The form is filled in on this page:"
    )
    write_line(f"{choice.endpoint}/{publisher}/{name}/must-updates?{query}")
    return 0


def _about(mark: Fields) -> list[str]:
    commits = [text_of(mark, name)[:COMMIT_SHOWN_CHARACTERS] for name in ("release", "replacement")]
    return [text_of(mark, "id"), text_of(mark, "model"), *commits, text_of(mark, "update_by")]
