"""From the lines of a plain text to its blocks: paragraphs, list items and headings, in order.

Real license texts come hard-wrapped or with a paragraph per line, with or without blank lines, with marks of
every kind or with none. A block begins where the layout says so; no word is ever dropped or moved.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

HARD_WRAP_MAX_CHARACTERS = 160
"""A text with no longer line was wrapped by hand or by a tool; else each line is a paragraph."""
_EARLY_BREAK = 0.7
"""A wrapped line that could have taken the next word before this part of the width was broken on purpose."""

_TERMINAL = (".", ";", ":", ",", "!", "?", '."', ".”", ".)", ";)")
_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_MARK = re.compile(
    rf"""(?P<mark>
        \#{{1,6}}
      | [-*\u2022\u25e6\u25aa\u2023]
      | \d{{1,3}}(?:\.\d{{1,3}}){{1,3}}\.?
      | \d{{1,3}}[.)] | \(\d{{1,3}}\)
      | (?:{_ROMAN}|[a-zA-Z])[.)] | \((?:{_ROMAN}|[a-zA-Z])\)
      )(?:\s+|$)""",
    re.VERBOSE,
)
_GLUED_MARK = re.compile(r"(?P<mark>\d{1,2}\.)(?=[A-Z\"“])")
_SECTION = re.compile(
    r"(?P<name>(?:section|article|part|chapter)\s+(?:[IVXLC]+|\d{1,3})\b)\s*(?P<joint>[:.\u2013\u2014-]+)?\s*(?P<rest>.*)",
    re.IGNORECASE,
)
_ATTACHMENT = re.compile(
    r"(?P<name>(?:attachment|annex|appendix|exhibit|schedule)\s+(?:[A-Z]|\d{1,2}|[IVX]{1,5})\b)"
    r"\s*(?P<joint>[:.\u2013\u2014-]+)?\s*(?P<rest>.*)",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"(?:[A-Z][A-Z,&/-]+|AND|OF|&|A)(?:\s+(?:[A-Z][A-Z,&/-]*|&))*(?=\s|$)")
_REFERRING = re.compile(
    r"\b(?:sections?|paragraphs?|clauses?|articles?|attachment|annex|exhibit|schedule)$", re.IGNORECASE
)
_HEADING_MAX_CHARACTERS = 90
_SHORT_LINE_CHARACTERS = 60
_TAB_COLUMNS = 4


class BlockKind(StrEnum):
    """What a block is by its looks."""

    HEADING = "heading"
    SECTION = "section"
    ATTACHMENT = "attachment"
    ITEM = "item"
    PARAGRAPH = "paragraph"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One run of text that belongs together."""

    kind: BlockKind
    mark: str
    """The list mark or the Markdown heading mark as written, else empty."""
    name: str
    """`Section I`, `Attachment A`; else empty."""
    text: str
    """The rest, as one line with single spaces."""
    indent: int
    has_blank_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    indent: int
    has_blank_before: bool


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of `text` in order; together they hold each of its words once."""
    lines = list(_lines(text))
    width = max((line.indent + len(line.text) for line in lines), default=0)
    blocks: list[Block] = []
    pending: list[_Line] = []
    for line in lines:
        if pending and not _begins_block(line, pending, width):
            pending.append(line)
            continue
        if pending:
            blocks.extend(_classify(pending))
        pending = [line]
    if pending:
        blocks.extend(_classify(pending))
    return blocks


def _lines(text: str) -> Iterator[_Line]:
    blank = True
    for raw in text.splitlines():
        expanded = raw.expandtabs(_TAB_COLUMNS)
        stripped = " ".join(expanded.split())
        if not stripped:
            blank = True
            continue
        indent = len(expanded) - len(expanded.lstrip())
        yield _Line(text=stripped, indent=indent, has_blank_before=blank)
        blank = False


def _begins_block(line: _Line, pending: list[_Line], width: int) -> bool:
    previous = pending[-1]
    ended = previous.text.endswith(_TERMINAL) or previous.text.endswith((" and", " or"))
    if line.has_blank_before:
        return True
    marked = _MARK.match(line.text) is not None or _is_rule(line.text)
    if width > HARD_WRAP_MAX_CHARACTERS:
        return ended or marked or not line.text[0].islower() or len(previous.text) <= _SHORT_LINE_CHARACTERS
    first_word = line.text.split(" ", 1)[0]
    broken = previous.indent + len(previous.text) + 1 + len(first_word) < _EARLY_BREAK * width
    if marked or _ATTACHMENT.match(line.text) or _SECTION.match(line.text):
        return (
            ended
            or broken
            or _is_rule(line.text)
            or line.text.startswith("#")
            or _follows_item(pending, line)
        )
    return (
        (broken and not line.text[0].islower())
        or pending[0].text.startswith("#")
        or _is_rule(pending[0].text)
    )


def _follows_item(pending: list[_Line], line: _Line) -> bool:
    """Whether `line` looks like the next item of the list that the pending block is an item of."""
    before, here = _MARK.match(pending[0].text), _MARK.match(line.text)
    if before is None or here is None or _REFERRING.search(pending[-1].text):
        return False
    marks = before.group("mark"), here.group("mark")
    numbers = [int(found.group()) for mark in marks if (found := re.search(r"\d+(?=\D*$)", mark))]
    in_order = len(numbers) < 2 or numbers[1] == numbers[0] + 1
    return _shape(marks[0]) == _shape(marks[1]) and pending[0].indent == line.indent and in_order


def _shape(mark: str) -> str:
    return re.sub(r"[a-zA-Z]+", "a", re.sub(r"\d+", "1", mark))


def _is_rule(text: str) -> bool:
    return len(text) >= 3 and not any(character.isalnum() for character in text) and len(set(text)) <= 2


def _classify(lines: list[_Line]) -> Iterator[Block]:
    first = lines[0]
    text = _join([line.text for line in lines])
    block = Block(
        kind=BlockKind.PARAGRAPH,
        mark="",
        name="",
        text=text,
        indent=first.indent,
        has_blank_before=first.has_blank_before,
    )
    if _is_rule(text):
        yield replace(block, kind=BlockKind.RULE)
        return
    if found := _MARK.match(text) or _GLUED_MARK.match(text):
        mark, rest = found.group("mark"), text[found.end() :]
        if not mark.startswith("#"):
            yield replace(block, kind=BlockKind.ITEM, mark=mark, text=rest)
            return
        yield from _headed(replace(block, kind=BlockKind.HEADING, mark=mark, text=rest))
        return
    yield from _headed(block)


def _headed(block: Block) -> Iterator[Block]:
    """Recognise a heading by its words, and set the text that runs on behind it apart."""
    for pattern, kind in ((_SECTION, BlockKind.SECTION), (_ATTACHMENT, BlockKind.ATTACHMENT)):
        found = pattern.match(block.text)
        if found is None:
            continue
        rest = found.group("rest")
        if len(block.text) <= _HEADING_MAX_CHARACTERS and _may_head(found.group("joint"), rest):
            yield replace(block, kind=kind, name=found.group("name"))
            return
        if kind is BlockKind.SECTION and found.group("joint"):
            capitals = _CAPITALS.match(rest)
            end = found.start("rest") + (capitals.end() if capitals else 0)
            yield replace(block, kind=kind, name=found.group("name"), text=block.text[:end].strip())
            yield replace(block, kind=BlockKind.PARAGRAPH, mark="", text=block.text[end:].strip())
            return
    if block.kind is BlockKind.PARAGRAPH and _is_heading_line(block.text):
        yield replace(block, kind=BlockKind.HEADING)
        return
    yield block


def _may_head(joint: str | None, rest: str) -> bool:
    if not rest:
        return True
    return (joint is not None or rest[0].isupper()) and not rest[0].islower()


def _is_heading_line(text: str) -> bool:
    """Whether `text` is a heading by its looks: short capitals, or bold from end to end."""
    if len(text) > _HEADING_MAX_CHARACTERS or text.upper().startswith("END OF"):
        return False
    if text.startswith("**") and text.endswith("**"):
        return True
    letters = [character for character in text if character.isalpha()]
    return len(letters) >= 4 and text == text.upper() and not text.endswith((".", ";", ",", ":"))


def _join(lines: list[str]) -> str:
    """Return `lines` as one; a word broken at its own hyphen comes together again."""
    joined = lines[0]
    for line in lines[1:]:
        at_hyphen = len(joined) > 1 and joined[-1] == "-" and joined[-2].isalnum() and line[0].isalnum()
        joined += line if at_hyphen else f" {line}"
    return joined
