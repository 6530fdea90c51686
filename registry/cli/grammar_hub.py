"""What maintainers type about repositories of the Hub. Imports nothing but argparse."""

import argparse

from registry.cli.grammar_parts import Commands, command, group


def add_hub(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add what pairs models with repositories of the Hub."""
    hub = group(commands, "hub", "repositories of the Hub whose gate follows the registry's decisions")
    token = command(
        hub,
        "token",
        "registry.cli.hub:token",
        "store the token that a publisher's repositories at the Hub are managed with",
        more="Asks for it without echo, or reads it from stdin. Use an account for this purpose alone, with write access\n"
        "to the repositories concerned and nothing else. The registry keeps it sealed and shows it to nobody.",
    )
    token.add_argument("publisher", metavar="PUBLISHER")
    link = command(
        hub,
        "link",
        "registry.cli.hub:link",
        "pair a model with a repository of the Hub",
        more="Nothing is changed at the Hub before `gatehouse hub apply`.",
    )
    link.add_argument("model", metavar="PUBLISHER/MODEL")
    link.add_argument("repository", metavar="HUB-ORG/HUB-MODEL")
    link.add_argument(
        "--group", metavar="NAME", help="name for repositories that the Hub gates as one collection"
    )
    _add_import(hub)
    for name, text, more in (
        ("plan", "say what would be done at the Hub, and change nothing", "The look is recorded."),
        (
            "apply",
            "bring the repository in line, and keep it so from now on",
            (
                "Access that this registry has not granted is taken away, also where somebody at the Hub gave it. Look at the\n"
                "plan first. Ends with 1 where the Hub did not let everything come about; it is tried again by itself."
            ),
        ),
        ("status", "say how the pairing stands", ""),
        ("unlink", "end the pairing; the repository stays as it is", ""),
    ):
        parser = command(hub, name, f"registry.cli.hub:{name}", text, more=more)
        parser.add_argument("model", metavar="PUBLISHER/MODEL")
        if name == "apply":
            parser.add_argument(
                "--card",
                choices=("registry", "hub"),
                help="whose README and LICENSE are taken where both sides changed them; without it nothing is overwritten",
            )


def _add_import(hub: "Commands[argparse.ArgumentParser]") -> None:
    parser = command(
        hub,
        "import",
        "registry.cli.hub:import_repository",
        "make a model out of a gated repository of the Hub, and pair the two",
        more="Takes over the card, the license and other small texts, sets a gate as there is, and imports who was let in as\n"
        "evidence of grade C, which opens nothing. Weights stay at the Hub. Nothing is changed there before\n"
        "`gatehouse hub apply`. A second run changes nothing. Look first with --dry-run.",
    )
    parser.add_argument("repository", metavar="HUB-ORG/HUB-MODEL")
    parser.add_argument("model", metavar="PUBLISHER/MODEL", nargs="?", help="its name here (the same)")
    parser.add_argument(
        "--license",
        metavar="SLUG@NUMBER",
        help="license version that it is under, compared with nothing; without it the text there is recognised by its digest",
    )
    parser.add_argument(
        "--invite",
        action="store_true",
        help="send everybody who was let in one letter that invites them to the text here",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would come of it")
