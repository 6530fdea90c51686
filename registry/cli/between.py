"""`gatehouse ledger between`: what a log gained between two of its states, each entry in words."""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from registry.cli.mirror import opened_log, parse_keys, published_keys, read_keys
from registry.cli.terminal import read_file, talk, write_line
from registry.client.between import KeptLog, ReadLog, State
from registry.client.entries import read_entry
from registry.client.errors import ClientError, UsageProblem
from registry.client.log_source import KEYS
from registry.client.notes import NOTE_MAX_BYTES
from registry.client.shelf import open_shelf


def run(args: Namespace) -> int:
    """Write each entry between two states in words, and how many there are of each kind."""
    with _opened(args) as log:
        old = _read_state(args.old, log)
        new = log.newest() if args.new is None else _read_state(args.new, log)
        if old.size > new.size:
            raise UsageProblem(
                f"the earlier state has {old.size} entries and the later one {new.size}: name them the other way round"
            )
        _say_head(args, log, old, new)
        counts: Counter[str] = Counter()
        for index, leaf in log.entries(old, new):
            entry = read_entry(leaf)
            counts[entry.kind] += 1
            if args.summary:
                continue
            at = _iso(entry.at)
            if args.json:
                _write({"index": index, "kind": entry.kind, "at": at, "said": entry.said})
            else:
                write_line(f"{index}\t{at or '-'}\t{entry.kind}\t{entry.said}")
    _say_counts(args, counts)
    return 0


@contextmanager
def _opened(args: Namespace) -> Iterator[ReadLog]:
    """Give the log of a registry, of a copy at an address, or of a copy on this machine or in a bucket."""
    source = args.source
    if source is None or source.startswith(("http://", "https://")):
        with opened_log(args) as served:
            yield ReadLog(served, read_keys(args.keys) if args.keys else published_keys(served))
        return
    shelf = open_shelf(source, s3_endpoint=args.s3_endpoint)
    if args.keys:
        keys = read_keys(args.keys)
    else:
        kept = shelf.read(KEYS)
        if kept is None:
            advice = ("Give the keys that you trust with --keys FILE.",)
            raise ClientError(f"{shelf.name} has no {KEYS}", advice=advice)
        keys = parse_keys(kept, f"{shelf.name}/{KEYS}")
        talk("gatehouse: read with the keys in the copy itself; give those that you trust with --keys FILE")
    yield ReadLog(KeptLog(shelf), keys)


def _read_state(text: str, log: ReadLog) -> State:
    """Return the state that a size, a time or a checkpoint's file names; `./300` is a file."""
    if text.isascii() and text.isdecimal():
        if len(text) > 19:
            raise UsageProblem(f"no log has {text[:40]} entries")
        return log.at_size(int(text))
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is not None:
        return log.at_time(moment)
    if text != "-" and not Path(text).exists():
        raise UsageProblem(f"{text} is neither a file, a number of entries, nor a time")
    try:
        note = read_file(text, limit=NOTE_MAX_BYTES).decode()
    except UnicodeDecodeError:
        raise ClientError(f"{text} is no checkpoint: it is not UTF-8") from None
    return log.at_checkpoint(note, name=text)


def _say_head(args: Namespace, log: ReadLog, old: State, new: State) -> None:
    if args.json:
        states = {
            name: {"size": one.size, "root": one.root.hex()} for name, one in (("old", old), ("new", new))
        }
        _write({"origin": log.head.origin, **states, "key": log.signer.kid})
        return
    talk(
        f"gatehouse: the log of {new.size:,} entries begins with that of {old.size:,}: proven by tiles under a "
        f"checkpoint of {log.head.tree_size:,} entries that key {log.signer.kid} has signed"
    )


def _say_counts(args: Namespace, counts: Counter[str]) -> None:
    if args.json:
        _write({"entries": counts.total(), "kinds": dict(sorted(counts.items()))})
        return
    talk(f"gatehouse: {counts.total():,} {'entry' if counts.total() == 1 else 'entries'} between them")
    if args.summary:
        for kind, count in sorted(counts.items()):
            write_line(f"{kind}\t{count}")
        return
    for kind, count in sorted(counts.items()):
        talk(f"  {count:,} {kind}")


def _write(document: dict[str, object]) -> None:
    write_line(json.dumps(document, ensure_ascii=False))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
