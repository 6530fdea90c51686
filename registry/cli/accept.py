"""`gatehouse accept`: a person reads the whole text on a terminal, types that they accept, and signs.

No option, pipe or variable stands in for the person: without a terminal on both sides nothing begins.
"""

import os
import sys
import tempfile
import textwrap
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from registry.cli.connection import choose_registry, connected
from registry.cli.receipt import fetch_complete, save
from registry.cli.terminal import talk, write_line
from registry.client import acceptance, ssh_signing
from registry.client.acceptance import LicenseToAccept, Question, ToAccept
from registry.client.api import Registry, parse_model_id
from registry.client.errors import ClientError, Refused, UsageProblem, printable
from registry.client.holder_keys import HolderKey, HolderKeys, make_holder_key
from registry.client.wire import Fields, JsonObject

LINE_MAX_CHARACTERS = 100_000
ROWS_KEPT = 2
"""Lines of the screen that stay free below a page of text."""
SENTENCE_TRIES = 3
STOP = frozenset({"q", "quit"})


def run(args: Namespace) -> int:
    """Accept what the model asks for; prints the receipts' files."""
    publisher, name = parse_model_id(args.model)
    choice = choose_registry(args)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem(
            "accepting takes a person at a terminal: stdin or stdout is none",
            advice=(
                "Run it by hand in a terminal, without pipes,",
                f"or accept in a browser: {choice.endpoint}/{args.model}/accept",
            ),
        )
    with connected(choice) as registry, tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        form = acceptance.read_form(registry.get_acceptance_form(publisher, name))
        key = _find_key(form, args.key, Path(scratch))
        read_ms = []
        _say_what_comes(form)
        for number, one in enumerate(form.licenses, 1):
            _show(one, f"{number} of {len(form.licenses)}")
            read_ms.append(round((time.monotonic() - began) * 1000))
        answers = {one.key: _ask(one) for one in form.questions if one.kind != acceptance.NOT_ASKED}
        signer_name = _line("Your full name: ").strip()
        sentence = _ask_sentence(form)
        holders = [make_holder_key() for _ in form.licenses]
        act = acceptance.act_of(
            form,
            name=signer_name,
            sentence=sentence,
            answers={name: value for name, value in answers.items() if value},
            read_ms=read_ms,
            client_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            holder_keys=[one.x for one in holders],
        )
        declared = registry.declare_acceptance(publisher, name, act)
        declaration = declared.text("declaration")
        acceptance.check_declaration(
            declaration,
            form,
            name=signer_name,
            registry=choice.endpoint,
            holder_keys=[one.x for one in holders],
        )
        write_line("\nSigning with your SSH key.")
        signature = ssh_signing.sign(declaration.encode(), key)
        body: JsonObject = {
            "act": act,
            "challenge": declared.text("challenge"),
            "signature": signature,
            "possession": [one.prove(declaration.encode()) for one in holders],
        }
        accepted = _accept(registry, publisher, name, body, holders)
        for made in accepted.members("items"):
            _keep(registry, made.text("id"), printable(made.text("license"), limit=120), Path(args.to))
    if form.more:
        talk(f"{form.more} more follow: run the command again.")
    return 0


def _accept(
    registry: Registry, publisher: str, name: str, body: JsonObject, holders: Sequence[HolderKey]
) -> Fields:
    """Return what was accepted. The keys are kept before it: an answer that is lost must not lose them."""
    kept = HolderKeys.of_user(os.environ)
    for one in holders:
        kept.keep(one)
    try:
        return registry.accept_with_signature(publisher, name, body)
    except Refused:
        for one in holders:
            kept.forget(one)
        raise


def _find_key(form: ToAccept, chosen: str | None, scratch: Path) -> Path:
    """Return the key to sign with, before anything is read in vain."""
    browser = f"Or accept in a browser: {printable(form.page_url, limit=300)}"
    if not form.keys:
        raise Refused(
            "no SSH key is registered for you: nothing could be signed here",
            advice=(f"Register its public part: {printable(form.keys_url, limit=300)}", browser),
            code="own-key-unknown",
            remedy_url=form.keys_url,
        )
    folder = Path(os.path.expanduser("~/.ssh"))  # noqa: PTH111 - a home that is not there is no error
    found = ssh_signing.find_key(form.keys, folder=folder, chosen=chosen, scratch=scratch)
    if found is None:
        raise Refused(
            "none of your registered SSH keys is on this machine, in ~/.ssh or in the agent",
            advice=("Name its file with --key, or register one that is here:", form.keys_url, browser),
            code="own-key-unknown",
            remedy_url=form.keys_url,
        )
    return found


def _say_what_comes(form: ToAccept) -> None:
    licenses = ", ".join(one.name for one in form.licenses)
    write_line(f"{printable(form.model, limit=200)} asks you to accept {licenses}.")
    write_line(f"You act for yourself, as {printable(form.email, limit=300)}.")
    for note in form.notes:
        write_line(printable(note, limit=1_000))
    write_line("Read to the end; only then you are asked. Nothing is accepted before you sign.")
    _line("Enter: read the text. ")


def _show(one: LicenseToAccept, place: str) -> None:
    head = [f"=== {one.name} ({place}), asked for by {printable(one.model, limit=200)} ===", ""]
    lines = [*head, *_wrapped(one.text)]
    for policy in one.policies:
        lines += ["", f"=== Included by reference: {printable(policy.title, limit=200)} ===", ""]
        lines += (
            [f"Not kept by the registry; read it at {printable(policy.url, limit=300)}"]
            if policy.text is None
            else list(_wrapped(policy.text))
        )
    _page(lines, one.name)
    write_line(f"\nEnd of {one.name}.")
    write_line(
        f"Version {printable(one.number, limit=40)}, language {printable(one.language, limit=40)}, {one.sha256}"
    )


def _wrapped(text: str) -> Iterator[str]:
    """Yield the lines of a text as they fit the terminal; nothing in it steers the terminal."""
    width = max(20, _screen().columns)
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip(" "))]
        shown = indent + printable(line, limit=LINE_MAX_CHARACTERS)
        yield from textwrap.wrap(shown, width, replace_whitespace=False, drop_whitespace=False) or [""]


def _screen() -> os.terminal_size:
    """Return the terminal's own size, whatever variables say; the usual one where it has none."""
    size = os.get_terminal_size(sys.stdout.fileno())
    return size if size.columns and size.lines else os.terminal_size((80, 24))


def _page(lines: Sequence[str], name: str) -> None:
    """Show all lines, screen by screen; who stops before the end has accepted nothing."""
    step = max(3, _screen().lines - ROWS_KEPT)
    for start in range(0, len(lines), step):
        for line in lines[start : start + step]:
            write_line(line)
        shown = min(start + step, len(lines))
        if shown < len(lines):
            _line(f"-- {name}: line {shown} of {len(lines)}. Enter: go on, q: stop -- ")


def _ask(question: Question) -> str:
    """Return the answer; the registry judges what it must be."""
    write_line("")
    write_line(printable(question.label, limit=1_000) + ("" if question.required else " (optional)"))
    for told in (question.purpose, question.help):
        if told:
            write_line(f"  {printable(told, limit=1_000)}")
    for number, (_, label) in enumerate(question.options, 1):
        write_line(f"  {number}. {printable(label, limit=200)}")
    hint = {
        "checkbox": "yes or no",
        "country": "two letters, such as NO",
        "date_picker": "such as 1990-12-31",
    }
    while True:
        typed = _line(f"Your answer{f' ({hint[question.kind]})' if question.kind in hint else ''}: ").strip()
        value = _value(question, typed)
        if value is not None and (value or not question.required):
            return value
        write_line("That is needed to go on." if not typed else "That is not one of the answers.")


def _value(question: Question, typed: str) -> str | None:
    if question.kind == "checkbox":
        return {"yes": "on", "no": "", "": ""}.get(typed.lower())
    if question.kind == "country":
        return typed.upper()
    if question.options and typed:
        numbered = {str(number): value for number, (value, _) in enumerate(question.options, 1)}
        return numbered.get(typed) or next(
            (value for value, label in question.options if typed == label), None
        )
    return typed


def _ask_sentence(form: ToAccept) -> str:
    write_line("")
    for line in textwrap.wrap(printable(form.sentence, limit=2_000), 78):
        write_line(line)
    for one in form.licenses:
        write_line(printable(one.closing, limit=1_000))
        write_line(f"  {one.name}, {one.sha256}")
    expected = printable(form.typed_sentence, limit=1_000)
    write_line(f"If you accept, type this sentence: {expected}")
    for _ in range(SENTENCE_TRIES):
        typed = " ".join(_line("> ").split())
        if typed == expected:
            return typed
        if not typed:
            break
        write_line("That is not the sentence. Type it as it stands above, or Enter alone to stop.")
    return _stop("the sentence was not typed")


def _line(prompt: str) -> str:
    """Return what the person types."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    typed = sys.stdin.readline()
    if not typed:
        _stop("the terminal was closed")
    if typed.strip().lower() in STOP:
        _stop("you stopped")
    return typed.rstrip("\n")


def _stop(why: str) -> NoReturn:
    raise ClientError(f"nothing was accepted: {why}")


def _keep(registry: Registry, receipt_id: str, license_name: str, folder: Path) -> None:
    data, is_complete = fetch_complete(registry, receipt_id)
    kept = folder / f"receipt-{license_name.replace('@', '-').replace('/', '-')}-{receipt_id[-8:]}.json"
    save(kept, data)
    write_line(f"Accepted {license_name}. Your receipt: {kept}")
    if not is_complete:
        talk("Note: the log has not published the entry yet; fetch the receipt again later for its proof.")
