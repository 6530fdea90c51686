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
