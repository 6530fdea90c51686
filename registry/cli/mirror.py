"""`gatehouse ledger mirror`, `watch`, `check`: copies of a log that are verified before they are kept."""

import itertools
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from registry.cli.connection import choose_registry, pinned_keys
from registry.cli.terminal import read_file, talk, write_json, write_line
from registry.client.errors import ClientError, Unavailable, VerificationFailed
from registry.client.keys import PublicKey, parse_key_set
from registry.client.log_source import KEYS, LogSource
from registry.client.mirror import Followed, LogDeparted, check_copy, find_differences, follow
from registry.client.shelf import Shelf, open_shelf
from registry.client.wire import parse_json

KEYS_MAX_BYTES = 4 << 20
SEEN_AGAIN_TIMES = 3
"""How often a smaller or contradicting checkpoint must be seen before it counts: an answer may come from a cache."""
SEEN_AGAIN_SECONDS = 2.0
PROGRESS_SECONDS = 5.0
DIFFERENCES_MAX = 20


def mirror(args: Namespace) -> int:
    """Bring a copy up to date, once."""
    shelf = open_shelf(args.target, s3_endpoint=args.s3_endpoint)
    with opened_log(args) as source:
        followed = follow(source, shelf, keys=_keys(args, source, shelf), on_progress=_counter())
        shelf.write(KEYS, source.keys_document())
    _tell(args, followed)
    return 0


def watch(args: Namespace) -> int:
    """Keep a copy up to date, and end with 5 as soon as the log departs from it."""
    shelf = open_shelf(args.target, s3_endpoint=args.s3_endpoint)
    with opened_log(args) as source:
        while True:
            try:
                followed = _follow_patiently(args, source, shelf)
            except Unavailable as error:
                if args.once:
                    raise
                talk(f"gatehouse: {error.message}; trying again in {args.interval} s")
            else:
                if followed.added or args.once:
                    _tell(args, followed)
                if args.thorough:
                    _compare(source, shelf)
            if args.once:
                return 0
            time.sleep(args.interval)


def check(args: Namespace) -> int:
    """Derive a copy anew, offline."""
    shelf = open_shelf(args.target, s3_endpoint=args.s3_endpoint)
    kept = shelf.read(KEYS)
    if args.keys is None and kept is None:
        raise ClientError(
            f"{shelf.name} has no {KEYS}", advice=("Give the keys that you trust with --keys FILE.",)
        )
    keys = read_keys(args.keys) if args.keys else parse_keys(kept or b"", f"{shelf.name}/{KEYS}")
    _tell(args, check_copy(shelf, keys=keys, on_progress=_counter()))
    if args.keys is None:
        talk(
            "gatehouse: checked with the keys in the copy itself; give those that you trust with --keys FILE"
        )
    return 0


def _follow_patiently(args: Namespace, source: LogSource, shelf: Shelf) -> Followed:
    """Follow once; a departure counts only when it is seen again, since an answer may be an old one."""
    for attempt in range(SEEN_AGAIN_TIMES):
        try:
            followed = follow(source, shelf, keys=_keys(args, source, shelf))
        except LogDeparted:
            if attempt + 1 == SEEN_AGAIN_TIMES:
                raise
            time.sleep(SEEN_AGAIN_SECONDS)
        else:
            shelf.write(KEYS, source.keys_document())
            return followed
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def opened_log(args: Namespace) -> Iterator[LogSource]:
    """Give the log of `--source`, or of the registry."""
    if args.source is not None:
        with LogSource.at(args.source) as source:
            yield source
        return
    choice = choose_registry(args)
    with LogSource.of_registry(choice.endpoint) as source:
        source.pinned = pinned_keys(choice)
        yield source


def _keys(args: Namespace, source: LogSource, shelf: Shelf) -> Sequence[PublicKey]:
    """Return the keys that may sign: those given; else those published, which include all that the copy knows."""
    if args.keys is not None:
        return read_keys(args.keys)
    kept = shelf.read(KEYS)
    return published_keys(source, parse_keys(kept, f"{shelf.name}/{KEYS}") if kept is not None else ())


def published_keys(source: LogSource, kept: Sequence[PublicKey] = ()) -> Sequence[PublicKey]:
    """Return the keys that a log publishes, which include all that were known before.

    Raises:
        VerificationFailed: one of these is gone.
    """
    published = source.published()
    for key in (*source.pinned, *kept):
        if all((one.kid, one.use) != (key.kid, key.use) for one in published):
            raise VerificationFailed(
                f"the key {key.kid} is no longer published, though keys are never taken back",
                advice=("Ask the registry's operators, and others who keep copies.",),
            )
    return published


def read_keys(name: str) -> Sequence[PublicKey]:
    """Return the keys in a file that the user trusts."""
    return parse_keys(read_file(name, limit=KEYS_MAX_BYTES), name)


def parse_keys(data: bytes, where: str) -> Sequence[PublicKey]:
    """Return the keys of a JWK set."""
    return parse_key_set(parse_json(data, what=where), where=where)


def _compare(source: LogSource, shelf: Shelf) -> None:
    """Compare all that the log serves with the copy, and end where something differs."""
    found = list(itertools.islice(find_differences(source, shelf), DIFFERENCES_MAX))
    if found:
        more = () if len(found) < DIFFERENCES_MAX else ("There may be more.",)
        raise VerificationFailed(
            f"the log serves other things than it signed: {found[0]}", advice=(*found[1:], *more)
        )


def _tell(args: Namespace, followed: Followed) -> None:
    if args.json:
        write_json(
            {
                "origin": followed.origin,
                "size": followed.size,
                "root": followed.root.hex(),
                "added": followed.added,
                "key": followed.signer,
            }
        )
        return
    new = f", {followed.added:,} of them new" if followed.added else ""
    write_line(f"{followed.origin}: {followed.size:,} entries{new}; root {followed.root.hex()}")


def _counter() -> Callable[[int], None]:
    """Return what says how far a long copy has come, now and then."""
    said = time.monotonic()

    def count(entries: int) -> None:
        nonlocal said
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            talk(f"gatehouse: {entries:,} entries so far")

    return count
