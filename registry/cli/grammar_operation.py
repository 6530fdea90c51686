"""What an operator types after `gatehouse`, and whoever keeps a copy of the log. Imports nothing but argparse."""

import argparse

from registry.cli.grammar_parts import Commands, command, group, port, positive
from registry.cli.grammar_privacy import add_restriction


def add_operation(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add what runs an installation."""
    serve = command(commands, "serve", "registry.cli.serve:run", "run the service", remote=False, json=False)
    serve.add_argument("--host", help="address to listen on (that of the base URL)")
    serve.add_argument("--port", type=port, metavar="N", help="port to listen on (that of the base URL)")
    serve.add_argument("--workers", type=positive, metavar="N", help="worker processes (1)")
    worker = command(
        commands,
        "worker",
        "registry.cli.worker:run",
        "run background jobs in a process of their own",
        remote=False,
        json=False,
    )
    worker.add_argument(
        "--metrics-port", type=port, metavar="N", help="serve /metrics, /health/live and /health/ready here"
    )
    worker.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="HOST", help="address of that port (127.0.0.1)"
    )
    command(
        commands,
        "migrate",
        "registry.cli.migrate:run",
        "bring the database to the newest schema",
        remote=False,
        json=False,
    )
    _add_witness(commands)
    demo = command(
        commands,
        "demo",
        "registry.cli.demo:run",
        "run a registry with example models on this machine",
        remote=False,
        json=False,
    )
    demo.add_argument("--check", action="store_true", help="walk the whole way unattended, then end")
    demo.add_argument("--info-file", metavar="FILE", help="write addresses, people and tokens here as JSON")
    demo.add_argument("--data", metavar="DIR", help="where the demo keeps its data")
    demo.add_argument("--port", type=port, metavar="N", help="port to listen on")


def add_registers(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add what looks after its log, its people and its keys, and after copies of a log."""
    ledger = group(commands, "ledger", "the public log: check it, copy it, watch it")
    fsck = command(
        ledger,
        "fsck",
        "registry.cli.ledger:fsck",
        "derive the whole log of this installation anew and name what does not fit",
        remote=False,
        more="A database that was set back to an older copy fits in itself. Give a checkpoint that was kept elsewhere\n"
        "(/ledger/checkpoint), and a log that was set back or rewritten since is named.",
    )
    fsck.add_argument("--checkpoint", metavar="FILE", help="a kept checkpoint that the log must go on from")
    fsck.add_argument(
        "--processes", type=positive, default=2, metavar="N", help="how many check signatures (2)"
    )
    _add_copies(ledger)
    person = group(commands, "person", "people who use this installation")
    end = command(
        person,
        "end",
        "registry.cli.person:end",
        "end every session and token of a person at once; the log holds it",
        remote=False,
        more="Ended are web sessions, access tokens, the logins of programs with their tokens, and links and codes\n"
        "that were not used yet. Acceptances, receipts, roles and blocks stay. The person can sign in again with\n"
        "the same address; a block keeps them from a publisher's models. An operator stays one until the address\n"
        "is gone from GATEHOUSE_OPERATORS and the processes were restarted.",
    )
    end.add_argument("email", metavar="EMAIL", help="the address that they sign in with")
    end.add_argument("--unattended", action="store_true", help="do not ask for confirmation")
    _add_erasure(person)
    keys = group(commands, "keys", "signing keys of this installation")
    command(keys, "list", "registry.cli.keys:list_keys", "list all keys, retired ones included", remote=False)
    rotate = command(
        keys, "rotate", "registry.cli.keys:rotate", "make a new key and retire the present one", remote=False
    )
    compromised = command(
        keys,
        "compromised",
        "registry.cli.keys:compromised",
        "end a key that is in wrong hands, at once",
        remote=False,
        more="What it signed before that time stays valid, what it signs from then on is refused by every verifier that\n"
        "has the present keys. A new key follows it. Restart the service afterwards.",
    )
    compromised.add_argument("kid", metavar="KID", help="the key, as `gatehouse keys list` shows it")
    compromised.add_argument(
        "--since", required=True, metavar="TIME", help="since when, such as 2026-11-26T14:00:00Z"
    )
    command(
        keys,
        "reseal",
        "registry.cli.keys:reseal",
        "bring everything under the first master key, so that older ones can be taken away",
        remote=False,
        more="Set the new key first and the old one after it, and restart the service before. It can run beside the\n"
        "service, and again where it was interrupted.",
    )
    rotate.add_argument("purpose", choices=("statement", "checkpoint"), help="what the key signs")


def _add_erasure(person: "Commands[argparse.ArgumentParser]") -> None:
    add_restriction(person)
    who = "their address, or their id here"
    erase = command(
        person,
        "erase",
        "registry.cli.erasure:erase",
        "destroy a person's details now; it cannot be undone",
        remote=False,
        more="Their key is destroyed: name, address, answers and circumstances become unreadable. Their ways to sign in,\n"
        "sessions, tokens and roles end. Acceptances stay as evidence that names nobody; the log holds the erasure, and\n"
        "every proof stays valid. Backups from before still hold the key: change the master key (`gatehouse keys\n"
        "reseal`) and let them go by your own rule.",
    )
    erase.add_argument("who", metavar="WHO", help=who)
    erase.add_argument("--unattended", action="store_true", help="do not ask for confirmation")
    command(
        person,
        "erasures",
        "registry.cli.erasure:list_erasures",
        "list who asked to be erased, and until when an answer is owed",
        remote=False,
    )
    refuse = command(
        person,
        "refuse-erasure",
        "registry.cli.erasure:refuse",
        "refuse to erase somebody who asked for it; they are told why",
        remote=False,
    )
    refuse.add_argument("who", metavar="WHO", help=who)
    refuse.add_argument("--reason", required=True, metavar="TEXT", help="why, in words for the person")


def _add_witness(commands: "Commands[argparse.ArgumentParser]") -> None:
    witness = command(
        commands,
        "witness",
        "registry.cli.witness:run",
        "run a witness for logs of others",
        remote=False,
        json=False,
        more="It cosigns a checkpoint only if that goes on from all that it has seen of the log before (C2SP\n"
        "tlog-witness), so a log cannot show two parties two histories. Give its verifier key and address to the\n"
        "registry's operators. DIR holds its key and one small file per log; keep it. Put TLS in front.",
    )
    witness.add_argument("folder", metavar="DIR", help="where its key and its memory are")
    witness.add_argument(
        "--name", required=True, metavar="NAME", help="such as witness.example.org/gatehouse"
    )
    witness.add_argument(
        "--log",
        action="append",
        required=True,
        metavar="URL|KEY",
        help="address of a registry, or the verifier key of any log; may be repeated",
    )
    witness.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    witness.add_argument("--port", type=port, default=8500, metavar="N", help="port to listen on (8500)")


def _add_copies(ledger: "Commands[argparse.ArgumentParser]") -> None:
    about = (
        "Everything is verified before it is kept: the signature, that the log goes on from the copy, each new entry.\n"
        "The copy has the layout of C2SP tlog-tiles: any static host serves it, and the log outlives the registry.\n"
    )
    mirror = command(
        ledger, "mirror", "registry.cli.mirror:mirror", "copy the log of a registry, or bring a copy up to date",
        more=about + "Cut off, it goes on when it is run again. For a bucket, boto3 finds the keys as the AWS tools do.",
    )  # fmt: skip
    watch = command(
        ledger, "watch", "registry.cli.mirror:watch", "keep a copy up to date, and say so when the log departs from it",
        more=about + "Where the log was forked or set back, it says which entry differs, keeps both signed checkpoints, and\n"
        "ends with 5.",
    )  # fmt: skip
    check = command(
        ledger, "check", "registry.cli.mirror:check", "derive a copy of a log anew, offline", remote=False
    )
    for one in (mirror, watch, check):
        one.add_argument("target", metavar="DIR|s3://BUCKET/PREFIX", help="where the copy is")
        one.add_argument("--keys", metavar="FILE", help="public keys that you trust (those of the log)")
        one.add_argument("--s3-endpoint", metavar="URL", help="address of the S3 store (that of AWS)")
    for one in (mirror, watch):
        one.add_argument(
            "--source", metavar="URL", help="read a copy at this address instead of the registry"
        )
    between = command(
        ledger, "between", "registry.cli.between:run", "say what a log gained between two of its states",
        more="A state is a kept checkpoint (FILE), a number of entries, or a time such as 2026-11-26T12:00:00Z, which stands\n"
        "for all entries before the first one that states a later time. That the later state begins with the earlier\n"
        "one is proven from the log's tiles, and each entry is checked against them. With a copy as --source it needs\n"
        "no network. --json writes one document a line; the last one counts.",
    )  # fmt: skip
    between.add_argument("old", metavar="OLD", help="the earlier state")
    between.add_argument("new", metavar="NEW", nargs="?", help="the later state (the newest)")
    between.add_argument(
        "--source", metavar="DIR|URL", help="read a copy, s3://BUCKET/PREFIX too, instead of the registry"
    )
    between.add_argument("--keys", metavar="FILE", help="public keys that you trust (those of the log)")
    between.add_argument("--s3-endpoint", metavar="URL", help="address of the S3 store (that of AWS)")
    between.add_argument("--summary", action="store_true", help="count the entries, do not list them")
    watch.add_argument(
        "--interval", type=positive, default=60, metavar="SECONDS", help="time between looks (60)"
    )
    watch.add_argument(
        "--thorough", action="store_true", help="compare all that the log serves with the copy, each time"
    )
    watch.add_argument("--once", action="store_true", help="look once, then end")
