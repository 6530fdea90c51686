"""What the commands are made of: names, help, the options that all of their kind share. Imports nothing but argparse."""

import argparse

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the epilog, and leaves room for option names."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def command(
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    handler: str,
    text: str,
    *,
    remote: bool = True,
    json: bool = True,
    more: str = "",
) -> argparse.ArgumentParser:
    """Return the parser of one command, with the options that all of its kind share."""
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=more, formatter_class=Formatter
    )
    parser.set_defaults(handler=handler)
    if remote:
        parser.add_argument("--endpoint", metavar="URL", help="address of the registry")
    if json:
        parser.add_argument("--json", action="store_true", help="write the answer as JSON")
    return parser


def group(
    commands: "Commands[argparse.ArgumentParser]", name: str, text: str
) -> "Commands[argparse.ArgumentParser]":
    """Return where the commands of a group are added."""
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", formatter_class=Formatter
    )
    return parser.add_subparsers(metavar="COMMAND", required=True, dest=f"{name}_command")


def positive(text: str) -> int:
    """Return a whole number of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more: {text}")
    return number


def connections(text: str) -> int:
    """Return a number of connections."""
    number = positive(text)
    if number > 32:
        raise argparse.ArgumentTypeError(f"must be 32 or fewer: {text}")
    return number


def port(text: str) -> int:
    """Return a port."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be a port: {text}")
    return number
