"""The structure of a license text: parts, clauses with stable ids and marks, an attachment of restrictions.

The structure is an aid for reading, linking and comparing; what binds is the text. It is derived by a pure
function whenever it is needed, holds every word of the text exactly once and in order, and never fails.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from registry.licenses.layout import Block, BlockKind, blocks_of
from registry.licenses.numbering import Numbering, Place

WORDS_PER_MINUTE = 200

_HEADING_MAX_WORDS = 9
_HEADING_MAX_CHARACTERS = 80
_RUN_IN_HEADING = re.compile(
    r"(?P<heading>\*{0,2}[A-Z][^.;:“”\"]{2,70}[A-Za-z)]{2}\.\*{0,2})\s+(?P<rest>[\"“(A-Z0-9].*)", re.DOTALL
)
_NOT_IN_HEADINGS = re.compile(
    r"\b(?:is|are|was|may|must|shall|will|means|agrees?|grants?|have|has|does|can|claims?)\b"
)
_NOT_FIRST_IN_HEADINGS = re.compile(r"(?:You|If|We|It|This|These|There|Such|When|Where|As)\b")
_DEFINITION = re.compile(r"[\"“](?P<term>[^\"”]{1,60})[\"”].{0,60}?\b(?:means?|mean|refers?)\b")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_RESTRICTIONS = re.compile(r"\b(?:prohibited uses|use restrictions)\b", re.IGNORECASE)
_NOT_SLUG = re.compile(r"[^a-z0-9.]+")


class PartKind(StrEnum):
    """What a part of a license is."""

    FRONT = "front"
    """What stands before the first section: title, dates, who the parties are."""
    SECTION = "section"
    ATTACHMENT = "attachment"


class ClauseKind(StrEnum):
    """What a clause is."""

    TITLE = "title"
    CLAUSE = "clause"
    """Has a mark or a heading of its own and can be cited."""
    PARAGRAPH = "paragraph"
    """Has neither."""
    RULE = "rule"
    """A line of dashes or the like, kept because it is in the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A numbered clause, a list item or a paragraph that stands alone."""

    id: str
    """Unique in the text and its anchor: `c-5.2-b`, `a-c`, `section-i-p2`."""
    kind: ClauseKind
    mark: str
    """As written: `1.`, `(a)`, `-`; empty where there is none."""
    label: str
    """How people cite it: `5.2 b`, `A (c)`; for a paragraph where it stands."""
    depth: int
    """0 for a clause, 1 for an item of it, and so on."""
    heading: str
    """As written, its full stop included; empty where there is none."""
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words of the clause without its mark, paragraphs set apart by a blank line."""
        return "\n\n".join((*filter(None, (self.heading,)), *self.paragraphs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section or an attachment."""

    id: str
    kind: PartKind
    mark: str
    """The Markdown mark of the heading as written, if any."""
    heading: str
    """As written, `Section I: Preamble`; empty for the front."""
    subheading: str
    """A second heading line, as under `Attachment A`."""
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The whole text, in order."""

    parts: tuple[Part, ...]
    word_count: int

    @property
    def title(self) -> str:
        """The title that the text gives itself, without Markdown; empty if it shows none."""
        titles = (clause.heading for clause in self.clauses if clause.kind is ClauseKind.TITLE)
        return plain(next(titles, ""))

    @property
    def clauses(self) -> Iterator[Clause]:
        """Every clause in order."""
        return (clause for part in self.parts for clause in part.clauses)

    @property
    def restrictions(self) -> Part | None:
        """The part that holds the use restrictions: the first attachment, else the part whose heading says so."""
        attachments = (part for part in self.parts if part.kind is PartKind.ATTACHMENT)
        named = (part for part in self.parts if _RESTRICTIONS.search(part.heading))
        return next(attachments, None) or next(named, None)

    @property
    def reading_minutes(self) -> int:
        """About how long it takes to read."""
        return max(1, round(self.word_count / WORDS_PER_MINUTE))


def parse(text: str) -> Structure:
    """Return the structure of `text`, which holds each of its words once and in order."""
    builder = _Builder()
    for block in blocks_of(text):
        builder.take(block)
    return Structure(parts=tuple(builder.finish()), word_count=len(text.split()))


def written(structure: Structure) -> Iterator[str]:
    """Yield every string of the structure in the order of the text, marks and headings included."""
    for part in structure.parts:
        yield from (part.mark, part.heading, part.subheading)
        for clause in part.clauses:
            yield from (clause.mark, clause.heading, *clause.paragraphs)


def plain(text: str) -> str:
    """Return `text` for the eye, without Markdown emphasis."""
    return _EMPHASIS.sub(r"\2", text)


@dataclass(slots=True)
class _Draft:
    """A part while it is being filled."""

    id: str
    kind: PartKind
    mark: str = ""
    heading: str = ""
    subheading: str = ""
    name: str = ""
    clauses: list[Clause] = field(default_factory=list)
    paragraphs: int = 0


class _Builder:
    """Puts blocks in their places, one after the other."""

    def __init__(self) -> None:
        self._parts = [_Draft(id="front", kind=PartKind.FRONT)]
        self._numbering = Numbering()
        self._ids: dict[str, int] = {}
        self._is_titled = False
        self._open: int | None = None  # index of the clause that following paragraphs belong to
        self._whole_line_headings: set[str] = set()

    def take(self, block: Block) -> None:
        match block.kind:
            case BlockKind.SECTION | BlockKind.ATTACHMENT:
                self._begin_part(block)
            case BlockKind.HEADING:
                self._take_heading(block)
            case BlockKind.ITEM:
                self._take_item(block)
            case BlockKind.PARAGRAPH:
                self._take_paragraph(block)
            case BlockKind.RULE:
                self._add(ClauseKind.RULE, self._paragraph_id(), label="", paragraphs=(block.text,))
                self._open = None

    def finish(self) -> Iterator[Part]:
        for draft in self._parts:
            clauses = tuple(self._settled(draft.clauses))
            if draft.kind is PartKind.FRONT and not clauses:
                continue
            yield Part(
                id=draft.id,
                kind=draft.kind,
                mark=draft.mark,
                heading=draft.heading,
                subheading=draft.subheading,
                clauses=clauses,
            )

    def _settled(self, clauses: list[Clause]) -> Iterator[Clause]:
        """Yield the clauses; an item that only looked like a heading, with nothing below, is a paragraph."""
        for clause, following in itertools.zip_longest(clauses, clauses[1:]):
            is_parent = following is not None and following.depth > clause.depth
            if (
                clause.id in self._whole_line_headings
                and clause.depth
                and not clause.paragraphs
                and not is_parent
            ):
                yield replace(clause, heading="", paragraphs=(clause.heading,))
            else:
                yield clause

    # --- parts and headings ---

    def _begin_part(self, block: Block) -> None:
        kind = PartKind.ATTACHMENT if block.kind is BlockKind.ATTACHMENT else PartKind.SECTION
        name = block.name or plain(block.text)
        identity = self._unique(_slug(name) or "part")
        self._parts.append(
            _Draft(id=identity, kind=kind, mark=block.mark, heading=block.text, name=block.name)
        )
        self._numbering.clear()
        self._open = None

    def _take_heading(self, block: Block) -> None:
        draft = self._parts[-1]
        if not self._is_titled and draft.kind is PartKind.FRONT:
            self._add_title(block)
        elif (
            draft.kind is PartKind.ATTACHMENT
            and not draft.clauses
            and not draft.subheading
            and not block.mark
        ):
            draft.subheading = block.text
        else:
            self._begin_part(block)

    def _add_title(self, block: Block) -> None:
        self._is_titled = True
        self._add(ClauseKind.TITLE, self._unique("title"), label="", heading=block.text, mark=block.mark)
        self._open = None

    # --- clauses ---

    def _take_item(self, block: Block) -> None:
        draft = self._parts[-1]
        place = Place(
            id=draft.id,
            name=draft.name or plain(draft.heading),
            is_attachment=draft.kind is PartKind.ATTACHMENT,
        )
        level = self._numbering.place(block, place)
        heading, rest = _split_heading(block.text)
        identity = self._unique(level.id)
        if heading and not rest:
            self._whole_line_headings.add(identity)
        self._add(
            ClauseKind.CLAUSE,
            identity,
            label=level.label,
            mark=block.mark,
            heading=heading,
            depth=level.depth,
            paragraphs=(rest,) if rest else (),
        )
        self._open = len(self._parts[-1].clauses) - 1 if level.depth == 0 else None

    def _take_paragraph(self, block: Block) -> None:
        draft = self._parts[-1]
        if draft.kind is PartKind.FRONT and not self._is_titled and _may_be_title(block.text):
            self._add_title(block)
            return
        if (
            draft.kind is PartKind.ATTACHMENT
            and not draft.clauses
            and not draft.subheading
            and _is_title_case(block.text)
        ):
            draft.subheading = block.text
            return
        if block.text.startswith("END OF"):
            self._open = None
        if found := _DEFINITION.match(block.text):
            self._add_definition(found.group("term"), block.text)
            return
        heading, rest = _split_heading(block.text)
        if heading and (rest or draft.kind is not PartKind.FRONT):
            self._numbering.clear()
            identity = self._unique(f"c-{_slug(plain(heading))}")
            label = plain(heading).rstrip(".")
            self._add(
                ClauseKind.CLAUSE, identity, label=label, heading=heading, paragraphs=(rest,) if rest else ()
            )
            self._open = len(draft.clauses) - 1
        elif self._open is not None:
            clause = draft.clauses[self._open]
            draft.clauses[self._open] = replace(clause, paragraphs=(*clause.paragraphs, block.text))
        else:
            self._numbering.end_lists(block.indent)
            self._add(
                ClauseKind.PARAGRAPH,
                self._paragraph_id(),
                label=self._paragraph_label(),
                paragraphs=(block.text,),
            )

    def _add_definition(self, term: str, text: str) -> None:
        top = self._numbering.top
        prefix = top.id if top else "def"
        label = f"{top.label} “{term}”" if top else f"“{term}”"
        depth = 1 if top else 0
        identity = self._unique(f"{prefix}-{_slug(term) or 'term'}")
        self._add(ClauseKind.CLAUSE, identity, label=label, depth=depth, paragraphs=(text,))
        self._open = None

    def _add(
        self,
        kind: ClauseKind,
        identity: str,
        *,
        label: str,
        mark: str = "",
        heading: str = "",
        depth: int = 0,
        paragraphs: tuple[str, ...] = (),
    ) -> None:
        self._parts[-1].clauses.append(
            Clause(
                id=identity,
                kind=kind,
                mark=mark,
                label=label,
                depth=depth,
                heading=heading,
                paragraphs=paragraphs,
            )
        )

    def _paragraph_id(self) -> str:
        draft = self._parts[-1]
        draft.paragraphs += 1
        return self._unique(f"{draft.id}-p{draft.paragraphs}")

    def _paragraph_label(self) -> str:
        draft = self._parts[-1]
        place = draft.name or plain(draft.heading) or "Opening"
        return f"{place}, paragraph {draft.paragraphs}"

    def _unique(self, wanted: str) -> str:
        count = self._ids.get(wanted, 0) + 1
        self._ids[wanted] = count
        return wanted if count == 1 else self._unique(f"{wanted}~{count}")


def _split_heading(text: str) -> tuple[str, str]:
    """Return the heading that `text` opens with, and the rest; an empty heading if there is none."""
    if _is_title_case(text):
        return text, ""
    found = _RUN_IN_HEADING.match(text)
    if found is None or not _may_head(found.group("heading")):
        return "", text
    return found.group("heading"), found.group("rest")


def _is_title_case(text: str) -> bool:
    """Whether the whole of a short `text` is a heading."""
    return (
        len(text) <= _HEADING_MAX_CHARACTERS
        and not text.endswith((";", ":", ",", " and", " or"))
        and _may_head(text)
    )


def _may_head(text: str) -> bool:
    words = plain(text).split()
    return (
        0 < len(words) <= _HEADING_MAX_WORDS
        and words[0][0].isupper()
        and not any(mark in text for mark in ';:"“”')
        and ". " not in text
        and not text.startswith(("END OF", "Version", "Copyright", "http"))
        and _NOT_IN_HEADINGS.search(text) is None
        and _NOT_FIRST_IN_HEADINGS.match(plain(text)) is None
    )


def _may_be_title(text: str) -> bool:
    return (
        len(text) <= 120
        and not text.endswith((".", ";", ":", ","))
        and not text.lower().startswith(("copyright", "©", "dated", "last "))
    )


def _slug(text: str) -> str:
    return _NOT_SLUG.sub("-", text.lower()).strip("-.")[:48].strip("-.")
