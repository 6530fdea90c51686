"""What an operator types about the data of people: holds, restrictions. Imports nothing but argparse."""

import argparse

from registry.cli.grammar_parts import Commands, command, group


def add_privacy(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add what keeps data, or its use, as it is."""
    hold = group(commands, "hold", "legal holds: what must not be destroyed for now")
    place = command(
        hold,
        "place",
        "registry.cli.hold:place",
        "keep what is there about a person, a publisher or a model",
        remote=False,
        more="While it stands, nothing that it concerns is deleted when its time is over, and nobody whom it concerns\n"
        "is erased; they are told the reason. A hold on a publisher or a model concerns everybody who accepted,\n"
        "asked or downloaded there.",
    )
    on = place.add_mutually_exclusive_group(required=True)
    on.add_argument("--person", metavar="WHO", help="their address, or their id here")
    on.add_argument("--publisher", metavar="NAME", help="a publisher with all its models")
    on.add_argument("--model", metavar="PUBLISHER/MODEL", help="one model")
    place.add_argument("--reason", required=True, metavar="TEXT", help="why, in words that people may read")
    place.add_argument(
        "--ordered-by", required=True, metavar="TEXT", help="an office or a file number, no private person"
    )
    place.add_argument("--until", metavar="TIME", help="last day or time of it (until it is lifted)")
    lift = command(hold, "lift", "registry.cli.hold:lift", "end a hold", remote=False)
    lift.add_argument("id", metavar="HOLD", help="its id, as `gatehouse hold list` shows it")
    command(hold, "list", "registry.cli.hold:list_holds", "list the holds that stand", remote=False)


def add_restriction(person: "Commands[argparse.ArgumentParser]") -> None:
    """Add what restricts the use of a person's data."""
    who = "their address, or their id here"
    restrict = command(
        person,
        "restrict",
        "registry.cli.restriction:restrict",
        "store a person's data only, asked for or not (GDPR article 18)",
        remote=False,
        more="They can no longer download, accept or ask for access; others see neither their name nor their address, and\n"
        "nothing of it is deleted when its time is over. Evidence, counts and proofs stay as they are. They are told.",
    )
    restrict.add_argument("who", metavar="WHO", help=who)
    lift = command(
        person,
        "lift-restriction",
        "registry.cli.restriction:lift",
        "lift a restriction in seven days; the person is told now, and why",
        remote=False,
    )
    lift.add_argument("who", metavar="WHO", help=who)
    lift.add_argument("--reason", required=True, metavar="TEXT", help="why, in words for the person")
    command(
        person,
        "restrictions",
        "registry.cli.restriction:list_restrictions",
        "list who asked for a restriction, with ground and words, and those that stand",
        remote=False,
    )
    refuse = command(
        person,
        "refuse-restriction",
        "registry.cli.restriction:refuse",
        "refuse to restrict the use of somebody's data; they are told why",
        remote=False,
    )
    refuse.add_argument("who", metavar="WHO", help=who)
    refuse.add_argument("--reason", required=True, metavar="TEXT", help="why, in words for the person")
