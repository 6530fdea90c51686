"""What the samples share: a site, visitors, badges, times, digests."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from registry.kernel.page_parts import Badge, LogLine, Page, Pager, Shape, Site, Tone, Visitor
from registry.kernel.pages import Pages

REPOSITORY = Path(__file__).resolve().parents[4]
NOW = datetime(2027, 3, 18, 9, 41, 7, 482_000, tzinfo=UTC)
LONG_NAME = "Konstantinos-Alexandros_Papadopoulos.van-den-Heuvel.weights-and-tokenizers-2027"
RTL = "نموذج مفتوح للترجمة بين العربية والعبرية"
PERSON = "ilse.vanderbrugghen@kelpforest.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    template: str
    view: dict[str, Any]
    page: Page


def every_page() -> Pages:
    return Pages(Site(name="Kelp Forest models", outbox="/outbox"), REPOSITORY / "frontend")


def digest(word: str) -> str:
    return "sha256:" + hashlib.sha256(word.encode()).hexdigest()


def hexdigest(word: str) -> str:
    return digest(word).removeprefix("sha256:")


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


LOG = LogLine(entries=48_307, checkpoint_at=NOW)
MEMBER = Page(
    csrf_token="sample-token-of-the-session", path="/kelp/frond-1b", visitor=Visitor(label=PERSON), log=LOG
)
MAINTAINER = Page(
    csrf_token="sample-token-of-the-session",
    path="/manage",
    visitor=Visitor(label="tomasz@kelpforest.example", manages=True, unread=7),
    log=LOG,
)
ANONYMOUS = Page(csrf_token="sample-token-of-the-visit", path="/kelp/frond-1b?revision=main&x=1", log=LOG)
FIRST_DAY = Page(csrf_token="sample-token-of-the-visit", path="/", log=LogLine(entries=0, checkpoint_at=None))

AUTO = Badge(word="Accept to download", shape=Shape.OPEN, tone=Tone.OK)
MANUAL = Badge(word="Accept, then review", shape=Shape.DECIDED, tone=Tone.WAIT)
CLOSED = Badge(word="Closed", shape=Shape.CLOSED, tone=Tone.STOP)
OPEN = Badge(word="Open, no gate", shape=Shape.OPEN)
MAY_DOWNLOAD = Badge(word="You may download", shape=Shape.DONE, tone=Tone.OK)
ACCEPT_AGAIN = Badge(word="Accept again by 30 April", shape=Shape.WAITING, tone=Tone.WAIT)
CURRENT = Badge(word="Current", shape=Shape.DONE, tone=Tone.OK)
WITHDRAWN = Badge(word="Withdrawn", shape=Shape.ENDED, tone=Tone.STOP)
SUPERSEDED = Badge(word="Superseded", shape=Shape.ENDED)

NEWEST = Pager(said="Newest first")
MORE = Pager(said="Newest first", next_url="?after=018f", next_label="Older records")
LATER = Pager(said="Newest first", next_url="?after=018e", next_label="Older records", first_url="?")
