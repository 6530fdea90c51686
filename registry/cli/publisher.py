"""`gatehouse publisher`: the names under which models stand."""

from argparse import Namespace

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_json, write_line
from registry.client.errors import printable


def add(args: Namespace) -> int:
    """Create a publisher; the caller owns it."""
    choice = choose_registry(args)
    with connected(choice) as registry:
        answer = registry.add_publisher({"name": args.name, "display_name": args.display_name})
    name = printable(answer.text("name"))
    if args.json:
        write_json(answer.value)
    else:
        write_line(name)
        talk(f"You own {name} now: {choice.endpoint}/manage/{name}")
    return 0
