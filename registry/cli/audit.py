"""`gatehouse audit`: exports that stream, whatever their length."""

import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_json
from registry.client.api import parse_license_reference
from registry.client.errors import ClientError, UsageProblem, printable
from registry.client.wire import Fields, JsonObject


def acceptances(args: Namespace) -> int:
    """Write who accepted which text, and when."""
    return _export("acceptances", args)


def downloads(args: Namespace) -> int:
    """Write which download was permitted to whom, or the proof of one record."""
    if args.prove is None:
        return _export("downloads", args)
    publisher, _, model = args.target.partition("/")
    if model or args.license or args.receipt or args.format != "jsonl":
        raise UsageProblem("--prove names one record: give the publisher and nothing else with it")
    with connected(choose_registry(args)) as registry:
        sys.stdout.buffer.write(registry.get_download_proof(publisher, args.prove))
        sys.stdout.buffer.flush()
    return 0


def imports(args: Namespace) -> int:
    """Write who accepted elsewhere, as imported."""
    return _export("imports", args)


def bundle(args: Namespace) -> int:
    """Save acceptances with all that proves them; the file is there whole or not at all."""
    query = _query(args) | {name: value for name in ("since", "until") if (value := getattr(args, name))}
    if args.with_details:
        query["details"] = "true"
    if args.without_imports:
        query["imports"] = "false"
    target = Path(args.output)
    try:
        file = tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False)  # noqa: SIM115 - it is moved
    except OSError as error:
        raise ClientError(f"cannot write into {target.parent}: {error.strerror}") from None
    try:
        with file, connected(choose_registry(args)) as registry:
            for piece in registry.stream_audit("bundle", query):
                file.write(piece)
        Path(file.name).replace(target)
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise
    talk(f"Saved the bundle in {target}. Verify it with: gatehouse verify {target}")
    return 0


def person(args: Namespace) -> int:
    """Write all that a publisher's records hold about one person; the reason is recorded."""
    query = {"publisher": args.publisher, "person": args.person, "reason": args.reason}
    with connected(choose_registry(args)) as registry:
        for piece in registry.stream_audit("person", query):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


def holders(args: Namespace) -> int:
    """Write who held access at a moment; what is not on record then is said beside it."""
    publisher, _, model = args.target.partition("/")
    if not model:
        raise UsageProblem("name one model: PUBLISHER/MODEL")
    _refuse_terminal(args)
    query = {"publisher": publisher, "model": model}
    query |= {name: value for name in ("revision", "at") if (value := getattr(args, name))}
    with connected(choose_registry(args)) as registry:
        answer = registry.ask_holders(query, whole=args.json)
        if args.json:
            write_json(answer)
            return 0
        # All rows are of the moment that the first answer names, also where it is "now".
        for piece in registry.stream_audit(
            "holders", query | {"at": str(answer["at"]), "format": args.format}
        ):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    _say_moment(answer)
    return 0


def _say_moment(answer: JsonObject) -> None:
    gate = Fields(answer, where="answer").member("gate")
    asked = ", ".join(gate.texts("licenses")) or "no license"
    talk(
        printable(
            f"{answer['model']} at {answer['at']}: revision {gate.number('revision')} of its gate, "
            f"{gate.text('mode')}, asking for {asked}"
        )
    )
    if answer["anybody"]:
        talk("Anybody could download it without accepting anything.")
    if answer["nobody"]:
        talk("Nobody could download it.")
    for said in Fields(answer, where="answer").texts("unknown"):
        talk(f"Not on record: {printable(said)}")


def _refuse_terminal(args: Namespace) -> None:
    if args.format == "parquet" and sys.stdout.isatty():
        raise UsageProblem("a Parquet file is no text: send it to a file with > NAME.parquet")


def _export(kind: str, args: Namespace) -> int:
    _refuse_terminal(args)
    query = _query(args) | {"format": args.format}
    with connected(choose_registry(args)) as registry:
        for piece in registry.stream_audit(kind, query):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


def _query(args: Namespace) -> dict[str, str]:
    publisher, _, model = args.target.partition("/")
    query = {"publisher": publisher}
    if model:
        query["model"] = model
    if getattr(args, "license", None):
        parse_license_reference(args.license)
        query["license"] = args.license
    if receipt := getattr(args, "receipt", None):
        query["receipt"] = receipt
    return query
