"""`gatehouse publish`: a folder becomes a release."""

from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import make_progress, talk, write_json, write_line
from registry.client.api import parse_model_id
from registry.client.progress import in_words
from registry.client.publish import PublishOrder, publish


def run(args: Namespace) -> int:
    """Publish, then say where it is."""
    publisher, name = parse_model_id(args.model)
    order = PublishOrder(
        folder=Path(args.folder),
        publisher=publisher,
        name=name,
        licenses=tuple(args.license),
        license_file=None if args.license_file is None else Path(args.license_file),
        gate_mode=args.gate,
        message=args.message,
        ref=args.ref,
        connections=args.connections,
    )
    choice = choose_registry(args)
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
        talk(f"Others get it with: gatehouse pull {args.model} --endpoint {choice.endpoint}")
    return 0
