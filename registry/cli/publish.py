"""`gatehouse publish`: a folder becomes a release."""

from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import make_progress, talk, write_json, write_line
from registry.client.api import parse_model_id
from registry.client.credentials import Choice
from registry.client.errors import UsageProblem, printable
from registry.client.progress import in_words
from registry.client.publish import PublishOrder, compare_restrictions, publish


def run(args: Namespace) -> int:
    """Publish, then say where it is."""
    publisher, name = parse_model_id(args.model)
    order = PublishOrder(
        folder=Path(args.folder),
        publisher=publisher,
        name=name,
        licenses=tuple(args.license),
        license_file=None if args.license_file is None else Path(args.license_file),
        purposes=dict(map(_purpose, args.purpose)),
        gate_mode=args.gate,
        message=args.message,
        ref=args.ref,
        connections=args.connections,
    )
    choice = choose_registry(args)
    if args.dry_run:
        return _compare(args, order, choice)
    with connected(choice) as registry:
        result = publish(registry, order, progress=make_progress(quiet=args.quiet))
    release = result.release
    if args.json:
        write_json(
            {
                "model": args.model,
                "commit": release.commit,
                "url": release.url,
                "manifest_digest": release.manifest_digest,
                "files": len(result.files),
                "sent_bytes": result.sent_bytes,
                "seconds": round(result.seconds, 3),
            }
        )
    else:
        write_line(release.commit)
    if not args.quiet:
        talk(
            f"Published {args.model} at {release.commit[:12]}: {len(result.files)} file(s), "
            f"{in_words(result.sent_bytes)} sent in {result.seconds:.1f} s"
        )
        talk(f"{release.url}")
        if release.unexplained:
            asked = ", ".join(printable(label, limit=60) for label in release.unexplained)
            talk(f"The form asks without saying why: {asked}. Say it on {release.url}/gate")
        talk(f"Others get it with: gatehouse pull {args.model} --endpoint {choice.endpoint}")
    return 0


def _compare(args: Namespace, order: PublishOrder, choice: Choice) -> int:
    """Say how the licenses compare with those of the bases; 1 where the release would be refused for it."""
    with connected(choice) as registry:
        comparison = compare_restrictions(registry, order)
    if args.json:
        write_json({"publishable": comparison.publishable, "lines": comparison.lines()})
    else:
        for line in comparison.lines() or ["The card names no base whose license has to be carried on."]:
            write_line(line)
    return 0 if comparison.publishable else 1


def _purpose(given: str) -> tuple[str, str]:
    """Return the label of a question, and why it is asked."""
    label, _, text = given.partition("=")
    if not label.strip() or not text.strip():
        raise UsageProblem(
            f"not a purpose: {printable(given, limit=200)!r}",
            advice=("Write it as QUESTION=TEXT, with the question as the card words it.",),
        )
    return " ".join(label.split()), text.strip()
