"""`gatehouse license`: texts and their versions."""

import difflib
import hashlib
import sys
from argparse import Namespace
from pathlib import Path

from registry.cli.connection import choose_registry, connected
from registry.cli.terminal import talk, write_columns, write_json, write_line
from registry.client.api import Registry, parse_license_reference, parse_license_version
from registry.client.errors import UsageProblem, VerificationFailed, printable
from registry.client.publish import read_license_text
from registry.client.wire import Fields


def list_licenses(args: Namespace) -> int:
    """List licenses with their latest version."""
    with connected(choose_registry(args)) as registry:
        found = list(registry.list_licenses(limit=args.limit))
    if args.json:
        write_json([one.value for one in found])
        return 0
    rows = []
    for one in found:
        latest = one.member("latest")
        reference = f"{one.text('slug')}@{latest.text('number')}"
        rows.append((printable(reference), printable(one.text("title")), latest.text("sha256")))
    write_columns(("license", "title", "text"), rows)
    return 0


def show(args: Namespace) -> int:
    """Write the exact bytes of a version's text, verified against its digest; or list the versions."""
    slug, number = parse_license_reference(args.license)
    with connected(choose_registry(args)) as registry:
        if number is None:
            _show_versions(registry.get_license(slug), as_json=args.json)
        elif args.json:
            write_json(registry.get_license_version(slug, number).value)
        else:
            version = registry.get_license_version(slug, number)
            sys.stdout.buffer.write(_verified_text(registry, slug, number, version))
            _say_second_person(version)
    return 0


def _show_versions(answer: Fields, *, as_json: bool) -> None:
    if as_json:
        write_json(answer.value)
        return
    rows = [
        (
            f"{printable(version.text('slug'))}@{printable(version.text('number'))}",
            printable(version.text("change_class")),
            printable(version.maybe_text("second_person") or ""),
            printable(version.text("effective_at")),
            version.text("sha256"),
        )
        for version in answer.members("versions")
    ]
    write_columns(("version", "change", "second person", "effective", "text"), rows)


def diff(args: Namespace) -> int:
    """Write what changed between two versions: a unified diff of the exact texts, or the clauses as JSON."""
    old_slug, old = parse_license_version(args.old)
    new_slug, new = parse_license_version(args.new)
    with connected(choose_registry(args)) as registry:
        if args.json:
            if old_slug != new_slug:
                raise UsageProblem("--json compares versions of one license; leave it out to compare others")
            write_json(registry.compare_license(old_slug, old=old, new=new).value)
            return 0
        before, after = (
            _verified_text(registry, slug, number, registry.get_license_version(slug, number))
            .decode(errors="replace")
            .splitlines()
            for slug, number in ((old_slug, old), (new_slug, new))
        )
    for line in difflib.unified_diff(before, after, args.old, args.new, lineterm=""):
        write_line(line)
    return 0


def _say_second_person(version: Fields) -> None:
    """Say where a version stands whose change class takes a second person."""
    said = {
        "waits": "It waits for a second person; no gate can require it yet.",
        "objected": "A second person objects to its change class; no gate can require it.",
        "overtaken": "A later version was confirmed before it; no gate can require it.",
    }.get(version.maybe_text("second_person") or "")
    if said:
        talk(f"{said} {printable(version.maybe_text('url') or '')}/second-person")


def _verified_text(registry: Registry, slug: str, number: str, version: Fields) -> bytes:
    expected = version.text("sha256")
    data = registry.get_license_text(slug, number)
    got = "sha256:" + hashlib.sha256(data).hexdigest()
    if got != expected:
        raise VerificationFailed(f"text digest differs: got {got}, expected {printable(expected, limit=80)}")
    return data


def add(args: Namespace) -> int:
    """Publish a license version."""
    slug, number = parse_license_version(args.license)
    data = read_license_text(Path(args.file))
    body: dict[str, object] = {
        "slug": slug,
        "number": number,
        "change_class": args.change_class,
        "title": args.title,
        "text": data.decode(),
    }
    if args.policy:
        body["policies"] = [_policy(given) for given in args.policy]
    if args.restriction:
        body["restrictions"] = [_restriction(given) for given in args.restriction]
    if args.effective_at is not None:
        body["effective_at"] = args.effective_at
    with connected(choose_registry(args)) as registry:
        answer = registry.add_license_version(body)
    if args.json:
        write_json(answer.value)
    else:
        write_line(f"{slug}@{number} {answer.text('sha256')}")
        talk(f"Published; it never changes. {printable(answer.maybe_text('url') or '')}")
        _say_second_person(answer)
    return 0


def _policy(given: str) -> dict[str, object]:
    """Return a policy with its whole text, so that a receipt can bind it."""
    title, _, name = given.partition("=")
    if not title.strip() or not name:
        raise UsageProblem(
            f"not a policy: {printable(given, limit=200)!r}", advice=("Write it as TITLE=FILE.",)
        )
    return {"title": title.strip(), "text": read_license_text(Path(name)).decode()}


def _restriction(given: str) -> dict[str, object]:
    slug, strictness, clause, *_ = (*given.split(":", 2), "", "")
    if not slug:
        raise UsageProblem(
            f"not a restriction: {printable(given, limit=200)!r}",
            advice=("Write it as SLUG, SLUG:STRICTNESS or SLUG:STRICTNESS:CLAUSE.",),
        )
    return {"slug": slug, "strictness": strictness or "flat", "clause": clause}
