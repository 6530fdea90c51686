"""The receipt as pages for print: what stands there, the attached file, text that would steer, bounds."""

import asyncio
import os
import re
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.acceptances import receipts, service
from registry.acceptances.receipt_document import DOCUMENT, document_inputs, list_runs, plain, words
from registry.client.verify import verify_receipt
from registry.kernel import typesetting
from registry.kernel.database import Database
from registry.kernel.outcomes import Unavailable
from registry.kernel.typesetting import Typesetter
from tests.clock import SettableClock
from tests.servers import poppler
from tests.world import BASE_URL, World, presigning_store, run

HOSTILE = '#panic("boo") $x$ *b* `r`\n= heading\n#image("/etc/passwd") @ref <lab> \\ // /* */\n#eval("1+1")'


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock, store=presigning_store(clock))


@pytest.fixture
def summary(world: World) -> Any:
    summary = world.accept(world.person(), world.gated_model())
    world.integrate()
    return world.read(service.get_acceptance, acceptance_id=summary.id)


@pytest.fixture
def receipt(world: World, summary: Any) -> receipts.Receipt:
    return world.read(
        receipts.build_receipt, acceptance_id=summary.id, base_url=BASE_URL, sealer=world.sealer
    )


def typeset(receipt: receipts.Receipt, summary: Any, **license_parts: Any) -> bytes:
    changed = msgspec.structs.replace(receipt.license, **license_parts)
    receipt = msgspec.structs.replace(receipt, license=changed)
    file = receipts.encode_receipt(receipt)
    return run(Typesetter().typeset(DOCUMENT, document_inputs(receipt, file, summary)))


def test_the_pdf_carries_the_receipt_and_verifies(receipt: receipts.Receipt, summary: Any) -> None:
    pdf = typeset(receipt, summary)
    assert b"pdfaid:part>3<" in pdf
    assert verify_receipt(pdf).is_verified


def test_the_same_receipt_gives_the_same_bytes(receipt: receipts.Receipt, summary: Any) -> None:
    assert typeset(receipt, summary) == typeset(receipt, summary)


def test_pages_say_who_accepted_what_when_and_show_the_whole_text(
    receipt: receipts.Receipt, summary: Any
) -> None:
    pages = poppler.text_of(typeset(receipt, summary))
    assert "Mara Lindqvist accepted Sample OpenRAIL-M 1.0 for themself" in pages
    for said in (str(summary.id), receipt.license.sha256, f"{BASE_URL}/verify", "mara@nordlab.example"):
        assert said in pages
    assert receipt.ledger is not None
    assert receipt.ledger.leaf_hash in pages
    for line in receipt.license.text.split():
        assert line in pages


def test_the_address_in_the_code_holds_no_contact_data(receipt: receipts.Receipt, summary: Any) -> None:
    inputs = document_inputs(receipt, b"{}", summary)
    data = msgspec.json.decode(inputs["data"])
    assert data["verify_url"] == f"{BASE_URL}/verify"


def test_text_that_looks_like_markup_is_text(receipt: receipts.Receipt, summary: Any) -> None:
    pdf = typeset(receipt, summary, text=HOSTILE, title="#panic() *T*", policies=[])
    pages = poppler.text_of(pdf)
    for line in HOSTILE.split("\n"):
        assert line in pages
    assert "#panic() *T*" in pages
    assert "root:" not in pages


def test_characters_without_a_font_are_told_and_the_attached_text_is_whole(
    receipt: receipts.Receipt, summary: Any
) -> None:
    text = "\U0001f9ff \u16fe \U00013000"
    pdf = typeset(receipt, summary, text=text)
    assert "Not every character can be shown" in poppler.text_of(pdf)


def test_a_long_text_takes_many_pages(receipt: receipts.Receipt, summary: Any) -> None:
    pdf = typeset(receipt, summary, text="Use it well, and harm nobody by it. " * 10 + "\n\n" * 2)
    assert poppler.pages_of(pdf) >= 3
    long = "".join(f"{number}. Use it well, and harm nobody by it.\n\n" for number in range(5_000))
    pages = poppler.text_of(typeset(receipt, summary, text=long))
    assert "4999. Use it well" in pages


def test_what_takes_too_long_is_ended(
    receipt: receipts.Receipt, summary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "TYPESET_SECONDS", 0.001)
    with pytest.raises(Unavailable, match="took longer"):
        run(_typeset_once(receipt, summary))


def test_what_takes_too_much_memory_is_ended(
    receipt: receipts.Receipt, summary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "TYPESET_MEMORY_BYTES", 64 << 20)
    with pytest.raises(Unavailable, match="could not make"):
        run(_typeset_once(receipt, summary))


async def _typeset_once(receipt: receipts.Receipt, summary: Any) -> bytes:
    return await Typesetter().typeset(DOCUMENT, document_inputs(receipt, b"{}", summary))


def test_whoever_goes_away_leaves_no_process(receipt: receipts.Receipt, summary: Any) -> None:
    async def ask() -> None:
        task = asyncio.create_task(_typeset_once(receipt, summary))
        while not (found := children()):  # noqa: ASYNC110 - no event tells of a process
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not children() & found

    run(ask())


def children() -> set[str]:
    """The typesetting processes of this one."""
    mine = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
    return {pid for pid in mine if b"typesetting_alone" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a<U+202E>b"),
        ("\x00\x1b[0m", "<U+0000><U+001B>[0m"),
        ("x" * 61, "x" * 60 + "\u200bx"),
        ("x" * 60, "x" * 60),
        ("e\u0301", "e\u0301"),
    ],
)
def test_what_would_steer_the_page_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_keep_their_order_indent_and_direction() -> None:
    runs = list_runs("One\r\ntwo\n\n    (a) three\n\tfour\nשלום one\x0cend\n")
    assert [(run["text"], run["indent"], run["rtl"]) for run in runs] == [
        ("One\ntwo", 0, False),
        ("", 0, False),
        ("(a) three\nfour", 4, False),
        ("שלום one", 0, True),
        ("end", 0, False),
    ]
    assert words("123 مرحبا")["rtl"] is True
    assert re.fullmatch(r"\S+", words("x")["text"])
