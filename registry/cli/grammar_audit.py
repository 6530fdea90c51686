"""The grammar of `gatehouse audit`: what publishers and auditors ask."""

import argparse

from registry.cli.grammar_parts import Commands, command, group


def add_audit(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the commands of `gatehouse audit`."""
    audit = group(commands, "audit", "exports for maintainers and auditors")
    for kind, text in (
        ("acceptances", "write who accepted which text, and when"),
        ("downloads", "write which download was permitted to whom"),
    ):
        export = command(audit, kind, f"registry.cli.audit:{kind}", text, json=False)
        export.add_argument("target", metavar="PUBLISHER[/MODEL]")
        export.add_argument("--license", metavar="SLUG[@NUMBER]", help="only this license")
        export.add_argument(
            "--format", choices=("jsonl", "csv"), default="jsonl", help="form of the rows (jsonl)"
        )
        export.add_argument(
            "--json",
            action="store_const",
            const="jsonl",
            dest="format",
            help="JSON, one document a line (jsonl)",
        )
    holders = command(
        audit,
        "holders",
        "registry.cli.audit:holders",
        "say who held access to a model at a moment, and by which facts",
        json=False,
        more="Derived from facts that are never rewritten: acceptances, withdrawals, grants, blocks, gates, bases, roles. Each\n"
        "row has the numbers of its entries in the log. What is not on record for that moment is said on stderr, and not\n"
        "guessed. People are named by their ids; audit acceptances has their names.",
    )
    holders.add_argument("target", metavar="PUBLISHER/MODEL")
    holders.add_argument(
        "--revision", default="", metavar="REVISION", help="branch, tag or commit of the release"
    )
    holders.add_argument("--at", default="", metavar="TIME", help="the moment, with zone, or UTC (now)")
    holders.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="form of the rows (jsonl)"
    )
    holders.add_argument(
        "--json", action="store_true", help="one document with the gate and what is not on record"
    )
    bundle = command(
        audit,
        "bundle",
        "registry.cli.audit:bundle",
        "save acceptances with all that proves them as one archive",
        json=False,
        more="Statements, license texts, withdrawals, proofs to one checkpoint with what witnesses and time stamping\n"
        "authorities say about it, and the public keys. gatehouse verify checks it offline. Contact data is in it only\n"
        "with --with-details; whoever gets the file then gets it too.",
    )
    bundle.add_argument("target", metavar="PUBLISHER[/MODEL]")
    bundle.add_argument("--license", metavar="SLUG[@NUMBER]", help="only this license")
    bundle.add_argument("--since", metavar="DAY", help="only acceptances from this day on (UTC)")
    bundle.add_argument("--until", metavar="DAY", help="only acceptances up to this day, the day included")
    bundle.add_argument("--with-details", action="store_true", help="disclose names, addresses and answers")
    bundle.add_argument("--output", required=True, metavar="FILE", help="where to save it")
