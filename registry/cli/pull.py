"""`gatehouse pull`: a release into a folder, verified."""

from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected, pinned_keys
from registry.cli.terminal import make_progress, talk, write_json, write_line
from registry.client.api import parse_model_id
from registry.client.errors import ClientError, Refused
from registry.client.progress import in_words
from registry.client.pull import FileState, Pulled, PullOrder, pull


def run(args: Namespace) -> int:
    """Pull, then say where it is."""
    publisher, name = parse_model_id(args.model)
    choice = choose_registry(args)
    order = PullOrder(
        publisher=publisher,
        name=name,
        folder=Path(args.to or name),
        revision=args.revision,
        include=tuple(args.include),
        exclude=tuple(args.exclude),
        wait=args.wait,
        connections=args.connections,
        pinned=pinned_keys(choice),
    )
    try:
        with connected(choice) as registry:
            pulled = pull(registry, order, progress=make_progress(quiet=args.quiet))
    except ClientError as error:
        if type(error) is Refused and error.remedy_url and not args.wait:
            error.advice = (
                *error.advice,
                "With --wait it goes on by itself once that is done in the browser.",
            )
        if args.json:
            write_json(_as_problem(error))
        raise
    if args.json:
        write_json(_as_json(pulled))
    else:
        write_line(str(pulled.folder))
    if not args.quiet:
        _say(pulled)
    return 0


def _say(pulled: Pulled) -> None:
    fetched = sum(file.state is FileState.FETCHED for file in pulled.files)
    talk(
        f"{pulled.release.name} at {pulled.release.commit[:12]}: {len(pulled.files)} file(s) verified, "
        f"{fetched} fetched ({in_words(pulled.fetched_bytes)} in {pulled.seconds:.1f} s"
        + (f", {in_words(pulled.resumed_bytes)} from an earlier run)" if pulled.resumed_bytes else ")")
    )
    if pulled.release.licenses:
        talk(f"Their use is bound by {', '.join(pulled.release.licenses)}.")


def _as_problem(error: ClientError) -> dict[str, object]:
    refused = error if isinstance(error, Refused) else None
    return {
        "error": error.message,
        "code": refused.code or None if refused else None,
        "remedy_url": refused.remedy_url if refused else None,
        "advice": list(error.advice),
        "exit_code": int(error.exit_code),
    }


def _as_json(pulled: Pulled) -> dict[str, object]:
    return {
        "folder": str(pulled.folder),
        "model": pulled.release.name,
        "commit": pulled.release.commit,
        "released_at": pulled.release.released_at.isoformat(),
        "licenses": list(pulled.release.licenses),
        "signed_with": pulled.release.signer.kid,
        "fetched_bytes": pulled.fetched_bytes,
        "resumed_bytes": pulled.resumed_bytes,
        "seconds": round(pulled.seconds, 3),
        "until": pulled.until or None,
        "note": pulled.note or None,
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256, "state": file.state.value}
            for file in pulled.files
        ],
    }
