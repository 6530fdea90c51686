"""What the layout and the shared parts of pages are given: plain values that know no context.

Page handlers make them; the templates in `frontend/templates` show them. A field that may be left out
has a default here, so that no template ever meets an undefined name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Tone(StrEnum):
    """How a state stands; always shown together with a word and a shape."""

    OK = "ok"
    WAIT = "wait"
    STOP = "stop"
    NOTE = "note"
    TODO = "todo"
    PLAIN = "plain"


class Shape(StrEnum):
    """The shape in a badge: the state in grey and on paper. Each one names an icon."""

    OPEN = "ring"
    DECIDED = "half"
    CLOSED = "disc"
    DONE = "tick"
    WAITING = "clock"
    ENDED = "bar"
    WARNING = "warning"
    TODO = "dashed"


class FieldKind(StrEnum):
    """The inputs a form knows; the first six of a model card's `extra_gated_fields` are among them."""

    TEXT = "text"
    CHECKBOX = "checkbox"
    DATE = "date_picker"
    COUNTRY = "country"
    SELECT = "select"
    IP_LOCATION = "ip_location"
    LONG_TEXT = "long_text"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Somewhere to go."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A state in a list or a table."""

    word: str
    shape: Shape
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One requirement or verification step, in the order it was evaluated."""

    tone: Tone
    verdict: str
    detail: str | None = None
    at: datetime | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line for a terminal, and what it is for."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPanel:
    """The verdict for this person on a model: state, reasons, at most one action."""

    tone: Tone
    title: str
    say: str | None = None
    checks: Sequence[Check] = ()
    action: Link | None = None
    more: Sequence[Link] = ()
    commands: Sequence[Command] = ()
    note: str | None = None
    decider: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to know before going on: title, reason, remedy."""

    tone: Tone
    title: str
    text: str | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a list, a facet or a group of boxes."""

    value: str
    label: str
    count: int | None = None
    chosen: bool = False
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One input with its label, why we ask, what was typed, and what is wrong with it."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    value: str = ""
    why: str | None = None
    error: str | None = None
    required: bool = True
    options: Sequence[Option] = ()
    autocomplete: str | None = None
    max_characters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """Where one is in a keyset-paginated list; never a page number."""

    said: str
    next_url: str | None = None
    next_label: str = "Next"
    first_url: str | None = None
    first_label: str = "Back to the newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The signed-in person as the head of each page names them."""

    label: str
    manages: bool = False
    unread: int = 0
    """Notices that they have not seen, counted no further than a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """The log's state for the foot of each page."""

    entries: int
    checkpoint_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the layout needs, the same for every page of one request."""

    csrf_token: str
    path: str
    """Path and query of the page to come back to after signing in, mostly this one."""
    visitor: Visitor | None = None
    log: LogLine | None = None
    local_mail: bool = False
    """Whether this visitor may read the mail that stays on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every page of one registry shares: its name and where its fixed pages are."""

    name: str | None = None
    """Shown beside the mark: whose registry this is."""
    models: str = "/"
    licenses: str = "/licenses"
    log: str = "/log"
    records: str = "/records"
    manage: str = "/manage"
    inbox: str = "/inbox"
    sign_in: str = "/sign-in"
    sign_out: str = "/sign-out"
    privacy: str = "/privacy"
    verify: str = "/verify"
    problems: str = "/problems"
    api: str = "/api/v1/schema"
    signing_keys: str = "/api/v1/keys"
    outbox: str = "/outbox"
    """The local mail page; only the embedded default answers there."""


# --- documents: a text set as a book page, and two texts side by side -----------------------------------


class ClauseKind(StrEnum):
    """How a piece of a text is set."""

    PART = "part"
    CLAUSE = "clause"
    SUB = "sub"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginNote:
    """A remark of the registry beside a clause; never on the acceptance page."""

    title: str
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One piece of a text in its order. `id` is unique in the page; a part has a heading only."""

    kind: ClauseKind
    id: str | None = None
    number: str | None = None
    heading: str | None = None
    paragraphs: Sequence[str] = ()
    note: MarginNote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsEntry:
    """A line of the contents: a clause, its number as printed, its name."""

    id: str
    title: str
    number: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsPart:
    """A part of the text with its lines; without `id` and `title` for a text that has no parts."""

    entries: Sequence[ContentsEntry]
    id: str | None = None
    title: str | None = None


LANGUAGE_NAMES = {"en": "English"}
"""Languages that a binding text may have."""


def language_name(tag: str) -> str:
    """Return the name of a language for people; one without a name here goes by its tag (RFC 5646)."""
    return LANGUAGE_NAMES.get(tag, tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentText:
    """A whole text for the reader, with what pins it."""

    title: str
    clauses: Sequence[Clause]
    contents: Sequence[ContentsPart]
    sha256: str
    size: int
    words: int
    minutes: int
    language: str = "en"
    language_name: str = "English"
    direction: str = "ltr"


class SpanKind(StrEnum):
    """What happened to a run of words between two versions."""

    KEEP = "keep"
    DELETE = "del"
    INSERT = "ins"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceSpan:
    """A run of words."""

    text: str
    kind: SpanKind = SpanKind.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One clause in both versions, or, with `same`, a run of clauses named instead of shown."""

    clause: str = ""
    said: str = ""
    """`changed`, `new`, `removed` or `wording`."""
    old: Sequence[DifferenceSpan] = ()
    new: Sequence[DifferenceSpan] = ()
    same: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two versions side by side."""

    old_label: str
    new_label: str
    rows: Sequence[DifferenceRow]
    summary: str
    old_detail: str | None = None
    new_detail: str | None = None
    language: str = "en"
    direction: str = "ltr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a timeline, oldest first; what comes next has `said` instead of `at`."""

    what: str
    at: datetime | None = None
    said: str = ""
    detail: str | None = None
    link: Link | None = None
    state: str = "done"
    """`done`, `now` or `next`."""
