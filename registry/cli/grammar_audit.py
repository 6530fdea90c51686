"""The grammar of `gatehouse audit` and `gatehouse acceptors`: what publishers and auditors ask, and weak evidence."""

import argparse

from registry.cli.grammar_parts import Commands, command, group

FORMATS = ("jsonl", "csv", "parquet")


def add_audit(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the commands of `gatehouse audit`."""
    audit = group(commands, "audit", "exports for maintainers and auditors")
    for kind, text in (
        ("acceptances", "write who accepted which text, and when"),
        ("downloads", "write which download was permitted to whom"),
        ("imports", "write who accepted elsewhere, as imported: grade C, text unknown"),
    ):
        export = command(audit, kind, f"registry.cli.audit:{kind}", text, json=False)
        export.add_argument("target", metavar="PUBLISHER[/MODEL]")
        if kind != "imports":
            export.add_argument("--license", metavar="SLUG[@NUMBER]", help="only this license")
        if kind == "downloads":
            export.add_argument("--receipt", metavar="ID", help="only what rested on this acceptance")
            export.add_argument(
                "--prove",
                metavar="RECORD",
                help="write the proof that the record with this id is in the log, for gatehouse verify",
            )
        export.add_argument("--format", choices=FORMATS, default="jsonl", help="form of the rows (jsonl)")
        export.add_argument(
            "--json",
            action="store_const",
            const="jsonl",
            dest="format",
            help="JSON, one document a line (jsonl)",
        )
    _add_questions(audit)


def _add_questions(audit: "Commands[argparse.ArgumentParser]") -> None:
    person = command(
        audit,
        "person",
        "registry.cli.audit:person",
        "write all that the records of a publisher hold about one person",
        json=False,
        more="Acceptances, requests with what came of them, and downloads, as one JSON document. The look is recorded with\n"
        "its reason; the person finds both in their own data. Somebody who is not in the records, and somebody whom\n"
        "the registry does not know, look the same.",
    )
    person.add_argument("publisher", metavar="PUBLISHER")
    person.add_argument("person", metavar="EMAIL|ID", help="address, or id as in other exports")
    person.add_argument(
        "--reason", required=True, metavar="TEXT", help="why you look; the person can read it"
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
    holders.add_argument("--format", choices=FORMATS, default="jsonl", help="form of the rows (jsonl)")
    holders.add_argument(
        "--json", action="store_true", help="one document with the gate and what is not on record"
    )
    _add_bundle(audit)


def _add_bundle(audit: "Commands[argparse.ArgumentParser]") -> None:
    bundle = command(
        audit,
        "bundle",
        "registry.cli.audit:bundle",
        "save acceptances with all that proves them as one archive",
        json=False,
        more="Statements, license texts, withdrawals, proofs to one checkpoint with what witnesses and time stamping\n"
        "authorities say about it, and the public keys. gatehouse verify checks it offline. Contact data is in it only\n"
        "with --with-details; whoever gets the file then gets it too. Who was imported from elsewhere stands in it as what\n"
        "it is, no acceptance; with --license, and with --without-imports, they are left out.",
    )
    bundle.add_argument("target", metavar="PUBLISHER[/MODEL]")
    bundle.add_argument("--license", metavar="SLUG[@NUMBER]", help="only this license")
    bundle.add_argument("--since", metavar="DAY", help="only acceptances from this day on (UTC)")
    bundle.add_argument("--until", metavar="DAY", help="only acceptances up to this day, the day included")
    bundle.add_argument("--with-details", action="store_true", help="disclose names, addresses and answers")
    bundle.add_argument(
        "--without-imports", action="store_true", help="leave out who was imported from elsewhere (grade C)"
    )
    bundle.add_argument("--output", required=True, metavar="FILE", help="where to save it")


def add_acceptors(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the commands of `gatehouse acceptors`."""
    acceptors = group(
        commands, "acceptors", "who accepted a model's terms elsewhere: weak evidence, labelled"
    )
    read = command(
        acceptors,
        "import",
        "registry.cli.acceptors:import_report",
        "import who accepted a model's terms elsewhere",
        more="FILE is a Hub user-access report (JSON), or a CSV whose first line names its columns: user, fullname, email,\n"
        "status, time; a column of another name is not taken. What is imported has grade C: which text was accepted is\n"
        "not known. It gives nobody access. The same file, or one that overlaps it, changes nothing a second time.",
    )
    read.add_argument("model", metavar="PUBLISHER/MODEL")
    read.add_argument("file", metavar="FILE")
    read.add_argument("--dry-run", action="store_true", help="only say what would come of it")
    read.add_argument(
        "--invite", action="store_true", help="send each of them one letter that invites to accept here"
    )
    later = command(
        acceptors,
        "invite",
        "registry.cli.acceptors:invite",
        "invite those who were imported without an invitation",
        more="One letter each, as with import --invite. Left out is who has accepted here since, who wants no such letters, and who\n"
        "is known by an account alone. Nobody is invited twice, so it can be given again.",
    )
    later.add_argument("model", metavar="PUBLISHER/MODEL")
    later.add_argument("--dry-run", action="store_true", help="only say how many it would be")
