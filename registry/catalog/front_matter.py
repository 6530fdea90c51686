"""The YAML block at the head of a model card: found, kept byte for byte, and read within limits.

YAML is read as the Hub reads it (YAML 1.2 core words: `no` is a word, not a truth value; dates stay
as written), from parser events, so that nothing is built that the limits forbid. What cannot be read
is reported with its line, and what surrounds it is still used.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

CARD_MAX_BYTES = 1024 * 1024
NESTING_MAX_LEVELS = 32
NODES_MAX_COUNT = 200_000
"""Nodes after aliases are followed: nine lines of aliases would otherwise mean billions."""
PROBLEMS_MAX_COUNT = 100
STRICT_CHECK_MAX_CHARACTERS = 32_768
"""The strict reader takes about a second for each hundred thousand characters."""
INTEGER_MAX = 2**53
"""Larger numbers do not survive JSON (RFC 7493 §2.2) and stay text."""

_BOM = b"\xef\xbb\xbf"
_OPENING = re.compile(rb"\s*---[ \t]*(?:\r\n|\r|\n)")
_CLOSING = re.compile(rb"^---[ \t]*(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_TOP_KEY = re.compile(r"""(?:\? |[A-Za-z_"'][^\n:]*:(?:[ \t\r\n]|\Z))""")

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_TRUTHS = frozenset(
    form for word in ("yes", "no", "on", "off") for form in (word, word.title(), word.upper())
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,16})\Z")
"""Without leading zeros: `007` is somebody's text, and would come back as `7`."""
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]{1,60}|(?:0|[1-9][0-9]{0,60})(?:\.[0-9]{0,60})?)(?:[eE][-+]?[0-9]{1,3})?\Z"
)
_STANDARD_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", _STANDARD_TAG + "str", _STANDARD_TAG + "binary"})
_PLAIN_TAGS = frozenset(
    _STANDARD_TAG + name
    for name in ("null", "bool", "int", "float", "timestamp", "map", "seq", "set", "omap", "pairs")
)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProblem:
    """Something in a card that a reader should know, in plain words."""

    code: str
    message: str
    line: int | None = None
    """Line of the file, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The parts of a card file; `raw` + the rest of the file is the file."""

    raw: bytes
    """From the first byte through the closing fence; empty where there is no front matter."""
    text: str
    """The YAML between the fences."""
    first_line: int
    """Line of the file on which `text` starts, from 1."""
    body: str
    problems: tuple[CardProblem, ...]


def split_card(data: bytes) -> FrontMatter:
    """Return the front matter and the body of a card; whatever is wrong is reported, never raised."""
    problems: list[CardProblem] = []
    if len(data) > CARD_MAX_BYTES:
        message = f"The card has {len(data):,} bytes; only the first {CARD_MAX_BYTES:,} are shown."
        problems.append(CardProblem(code="card-too-large", message=message))
        data = data[:CARD_MAX_BYTES]
    start = len(_BOM) if data.startswith(_BOM) else 0
    opening = _OPENING.match(data, start)
    if opening is None:
        if data.strip():
            problems.append(CardProblem(code="front-matter-missing", message=_MISSING))
        return FrontMatter(
            raw=b"", text="", first_line=1, body=_decode(data[start:], 1, problems), problems=tuple(problems)
        )
    closing = _CLOSING.search(data, opening.end())
    first_line = _count_lines(data[: opening.end()]) + 1
    if closing is None:
        problems.append(CardProblem(code="front-matter-unclosed", message=_UNCLOSED, line=first_line - 1))
        return FrontMatter(
            raw=b"", text="", first_line=1, body=_decode(data[start:], 1, problems), problems=tuple(problems)
        )
    if opening.group().lstrip() != opening.group():
        problems.append(CardProblem(code="front-matter-not-first", message=_NOT_FIRST, line=first_line - 1))
    text = _decode(data[opening.end() : closing.start()], first_line, problems)
    body_line = first_line + _count_lines(data[opening.end() : closing.end()])
    body = _decode(data[closing.end() :], body_line, problems)
    return FrontMatter(
        raw=data[: closing.end()], text=text, first_line=first_line, body=body, problems=tuple(problems)
    )


_MISSING = "The card has no front matter: it does not start with a line of three dashes, so it states no license, language or tags."
_UNCLOSED = "The front matter is never closed by a line of three dashes, so the whole file is shown as text."
_NOT_FIRST = "Blank lines stand before the front matter; some tools will not find it."


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + len(re.findall(rb"\r(?!\n)", data))


def _decode(data: bytes, first_line: int, problems: list[CardProblem]) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + _count_lines(data[: error.start])
        message = "The card is not UTF-8 text; characters that cannot be read are shown as \N{REPLACEMENT CHARACTER}."
        problems.append(CardProblem(code="not-utf-8", message=message, line=line))
        return data.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the YAML says, as values that JSON can hold, and what was wrong with it."""

    values: dict[str, Any]
    problems: tuple[CardProblem, ...]


def load_metadata(text: str, *, first_line: int = 1) -> Metadata:
    """Return the mapping that the YAML `text` holds; parts that cannot be read are reported and left out."""
    problems: list[CardProblem] = []
    cleaned = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    if cleaned != text:
        at = first_line + text[: next(_CONTROL.finditer(text)).start()].count("\n")
        message = "The front matter holds control characters; they are read as \N{REPLACEMENT CHARACTER}."
        problems.append(CardProblem(code="control-characters", message=message, line=at))
    try:
        value = _read(cleaned, first_line, problems)
    except _Unreadable as error:
        problems.append(error.problem)
        return Metadata(values=_rescue(cleaned, first_line, problems), problems=_bounded(problems))
    _check_tabs(cleaned, first_line, problems)
    if value is None:
        return Metadata(values={}, problems=_bounded(problems))
    if not isinstance(value, dict):
        message = "The front matter is not a list of `key: value` lines, so nothing of it can be used."
        problems.append(CardProblem(code="front-matter-not-a-mapping", message=message, line=first_line))
        return Metadata(values={}, problems=_bounded(problems))
    return Metadata(values=value, problems=_bounded(problems))


def _check_tabs(text: str, first_line: int, problems: list[CardProblem]) -> None:
    """Report a tab that this reader forgives and the reader of most Python tools does not."""
    if "\t" not in text or len(text) > STRICT_CHECK_MAX_CHARACTERS:
        return
    try:
        for _event in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as error:
        found = _explain(error, text, first_line)
        if found.code == "yaml-tab":
            problems.append(found)


def _bounded(problems: list[CardProblem]) -> tuple[CardProblem, ...]:
    unique = list(dict.fromkeys(problems))
    if len(unique) <= PROBLEMS_MAX_COUNT:
        return tuple(unique)
    rest = len(unique) - PROBLEMS_MAX_COUNT
    more = CardProblem(code="more-problems", message=f"{rest:,} further problems are not listed.")
    return (*unique[:PROBLEMS_MAX_COUNT], more)


def _rescue(text: str, first_line: int, problems: list[CardProblem]) -> dict[str, Any]:
    """Read each top-level entry by itself; those that cannot be read are named."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _TOP_KEY.match(line)]
    values: dict[str, Any] = {}
    lost: list[str] = []
    for start, end in pairwise([*starts, len(lines)]):
        part = "".join(lines[start:end])
        try:
            value = _read(part, first_line + start, problems)
        except _Unreadable:
            lost.append(part.split(":", 1)[0].strip()[:60])
            continue
        if isinstance(value, dict):
            values |= value
    if lost:
        message = "These entries could not be read and are left out: " + ", ".join(lost[:20]) + "."
        problems.append(CardProblem(code="entries-unreadable", message=message))
    return values


class _Unreadable(Exception):
    def __init__(self, problem: CardProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being filled."""

    value: list[Any] | dict[str, Any]
    anchor: str | None
    weight: int = 1
    key: str | None = None
    has_key: bool = False
    merge: bool = False
    refused: bool = False


@dataclass(slots=True)
class _Builder:
    """Builds plain values from parser events within the limits."""

    first_line: int
    problems: list[CardProblem]
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    nodes: int = 0
    root: Any = None
    documents: int = 0

    def take(self, event: Any) -> None:
        """Add one parser event."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._report(
                        "yaml-several-documents", "Only the first of several YAML documents is used.", event
                    )
            case _ if self.documents > 1:
                return
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self.stack.pop()
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = (frame.value, frame.weight)
                self._put(None if frame.refused else frame.value, frame.weight, event, scalar=False)
            case yaml.ScalarEvent():
                value = self._scalar(event)
                if event.anchor is not None:
                    self.anchors[event.anchor] = (value, 1)
                self._put(value, 1, event, scalar=True)
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise self._unreadable("yaml-unknown-alias", "An alias names no earlier value.", event)
                value, weight = self.anchors[event.anchor]
                self._put(value, weight, event, scalar=not isinstance(value, list | dict))

    def _open(self, event: Any) -> None:
        if len(self.stack) >= NESTING_MAX_LEVELS:
            message = f"Values are nested more than {NESTING_MAX_LEVELS} levels deep."
            raise self._unreadable("yaml-too-deep", message, event)
        value: list[Any] | dict[str, Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        refused = not self._accepts_tag(event)
        self.stack.append(_Frame(value=value, anchor=event.anchor, refused=refused))

    def _put(self, value: Any, weight: int, event: Any, *, scalar: bool) -> None:
        self.nodes += weight
        if self.nodes > NODES_MAX_COUNT:
            message = f"The front matter means more than {NODES_MAX_COUNT:,} values."
            raise self._unreadable("yaml-too-large", message, event)
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.weight += weight
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif not frame.has_key:
            frame.key = self._key(value, event, scalar=scalar)
            frame.merge = frame.key == "<<" and getattr(event, "implicit", (False,))[0]
            frame.has_key = True
        else:
            self._entry(frame, value, event)
            frame.has_key = False

    def _entry(self, frame: _Frame, value: Any, event: Any) -> None:
        target, key = frame.value, frame.key
        if key is None or not isinstance(target, dict):
            return
        if frame.merge:
            for source in value if isinstance(value, list) else [value]:
                if isinstance(source, dict):
                    frame.value = target = {**source, **target}
            return
        if key in target:
            self._report(
                "yaml-duplicate-key", f"`{key[:60]}` is given more than once; the last one is used.", event
            )
        target[key] = value

    def _key(self, value: Any, event: Any, *, scalar: bool) -> str | None:
        if not scalar:
            message = "A key is a list or a mapping; keys must be text. The entry is left out."
            self._report("yaml-key-not-text", message, event)
            return None
        return str(event.value) if isinstance(event, yaml.ScalarEvent) else str(value)

    def _accepts_tag(self, event: Any) -> bool:
        if event.tag is None or event.tag in _TEXT_TAGS or event.tag in _PLAIN_TAGS:
            return True
        self._report(
            "yaml-tag-refused",
            f"The tag `{str(event.tag)[:60]}` is not allowed here; its value is left out.",
            event,
        )
        return False

    def _scalar(self, event: Any) -> Any:
        if not self._accepts_tag(event):
            return None
        text = str(event.value)
        if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
            return text
        if text in _OLD_TRUTHS:
            other = "true" if text.lower() in ("yes", "on") else "false"
            message = f"`{text}` is a word here, but some tools read it as {other}; write it in quotes."
            self._report("yaml-ambiguous-word", message, event)
        return _resolve(text)

    def _line(self, event: Any) -> int:
        return self.first_line + int(event.start_mark.line)

    def _report(self, code: str, message: str, event: Any) -> None:
        self.problems.append(CardProblem(code=code, message=message, line=self._line(event)))

    def _unreadable(self, code: str, message: str, event: Any) -> _Unreadable:
        return _Unreadable(CardProblem(code=code, message=message, line=self._line(event)))


def _resolve(text: str) -> Any:
    """Return the value of a plain scalar by the YAML 1.2 core schema, as far as JSON can hold it."""
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _INTEGER.match(text):
        number = int(text)
        return number if abs(number) <= INTEGER_MAX else text
    if _FLOAT.match(text):
        real = float(text)
        return real if abs(real) != float("inf") else text
    return text


def _read(text: str, first_line: int, problems: list[CardProblem]) -> Any:
    found: list[CardProblem] = []
    builder = _Builder(first_line=first_line, problems=found)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _Unreadable(_explain(error, text, first_line)) from error
    problems.extend(found)
    return builder.root


def _explain(error: yaml.YAMLError, text: str, first_line: int) -> CardProblem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return CardProblem(code="yaml-broken", message="The front matter is not valid YAML.", line=first_line)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    at = first_line + mark.line
    if "\t" in line:
        message = "A tab stands here where YAML allows only spaces; many tools cannot read this card."
        return CardProblem(code="yaml-tab", message=message, line=at)
    reason = str(getattr(error, "problem", None) or "it cannot be read")
    message = f"The front matter is not valid YAML: {reason[:200]}."
    return CardProblem(code="yaml-broken", message=message, line=at)
