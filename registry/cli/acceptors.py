"""`gatehouse acceptors`: who accepted a model's terms elsewhere, imported from a report as weak evidence."""

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from registry.acceptances.importing import ROWS_PER_IMPORT
from registry.acceptances.reports import (
    ENCODING,
    Claimed,
    NotAccepted,
    Row,
    Source,
    UnreadableReportError,
    Wrong,
    judge_row,
    read_report,
)
from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_json, write_line
from registry.client.api import Registry, parse_model_id
from registry.client.errors import ClientError
from registry.client.wire import JsonObject

WRONG_SHOWN = 20
COUNTS = ("added", "known", "forgotten", "linked")


def import_report(args: Namespace) -> int:
    """Import everybody in the report who accepted; the same file a second time changes nothing."""
    publisher, name = parse_model_id(args.model)
    source, left_out = _check(args.file)
    totals: Counter[str] = Counter()
    with connected(choose_registry(args)) as registry:
        for rows in _batches(args.file):
            body: JsonObject = {
                "source": source.value,
                "rows": [_sent(row) for row in rows],
                "invite": args.invite,
                "dry_run": args.dry_run,
            }
            totals.update(_send(registry, publisher, name, body))
    found = {count: totals[count] for count in COUNTS} | {"not_accepted": left_out}
    if args.json:
        write_json({**found, "dry_run": args.dry_run})
    else:
        for line in _words(found, dry_run=args.dry_run):
            write_line(line)
    return 0


def invite(args: Namespace) -> int:
    """Have everybody invited who was imported without an invitation."""
    publisher, name = parse_model_id(args.model)
    with connected(choose_registry(args)) as registry:
        count = registry.invite_acceptors(publisher, name, dry_run=args.dry_run)
    if args.json:
        write_json({"asked": count, "dry_run": args.dry_run})
        return 0
    people = "1 person" if count == 1 else f"{count:,} people"
    verb = "would get" if args.dry_run else "will get"
    write_line(f"{people} {verb} one letter each, at no more than 600 an hour")
    return 0


def _check(name: str) -> tuple[Source, int]:
    """Read the whole file before anything is sent; return its kind and how many rows are of people who did not accept."""
    wrong: list[Wrong] = []
    left_out = count = 0
    now = datetime.now(UTC)
    with _opened(name) as (source, rows):
        for count, row in enumerate(rows, start=1):  # noqa: B007 - how many there were is asked afterwards
            judged = judge_row(row, now=now)
            left_out += isinstance(judged, NotAccepted)
            if isinstance(judged, Wrong):
                wrong.append(judged)
                if len(wrong) > WRONG_SHOWN:
                    break
    unit = "entry" if source is Source.HUB_REPORT else "line"
    for one in wrong[:WRONG_SHOWN]:
        talk(f"{unit} {one.line}: {one.text}")
    if wrong:
        more = f"more than {WRONG_SHOWN}" if len(wrong) > WRONG_SHOWN else str(len(wrong))
        raise ClientError(f"{more} rows cannot be read; nothing was imported")
    if not count:
        raise ClientError("the report has no rows; nothing was imported")
    return source, left_out


@contextmanager
def _opened(name: str) -> Iterator[tuple[Source, Iterator[Row]]]:
    try:
        with Path(name).open(encoding=ENCODING, newline="") as file:
            yield read_report(file)
    except OSError as error:
        raise ClientError(f"cannot read {name}: {os.strerror(error.errno or 0)}") from None
    except UnreadableReportError as error:
        raise ClientError(str(error), advice=("Nothing was imported.",)) from None


def _batches(name: str) -> Iterator[list[Row]]:
    batch: list[Row] = []
    now = datetime.now(UTC)
    with _opened(name) as (_, rows):
        for row in rows:
            if isinstance(judge_row(row, now=now), Claimed):
                batch.append(row)
            if len(batch) == ROWS_PER_IMPORT:
                yield batch
                batch = []
    if batch:
        yield batch


def _sent(row: Row) -> JsonObject:
    return {
        "line": row.line,
        "user": row.account.strip(),
        "fullname": row.name.strip(),
        "email": row.email.strip(),
        "status": row.status.strip(),
        "time": row.time.strip(),
    }


def _send(registry: Registry, publisher: str, name: str, body: JsonObject) -> dict[str, int]:
    answer = registry.import_acceptors(publisher, name, body)
    return {count: answer.number(count) for count in COUNTS}


def _words(found: dict[str, int], *, dry_run: bool) -> list[str]:
    verb = "would be imported" if dry_run else "imported"
    lines = [f"{found['added']} {verb}, with grade C: which text they accepted is not known"]
    for name, text in (
        ("known", "on record for this model already"),
        ("linked", "of those imported have accepted here already, and are linked to that"),
        ("forgotten", "left out: they had what was imported of them deleted"),
        ("not_accepted", "left out: the report does not say that they accepted"),
    ):
        if found[name]:
            lines.append(f"{found[name]} {text}")
    return lines
