"""Where a list item belongs: the levels of open lists, told by marks, numbers, indents and blank lines.

Real texts nest numbers in numbers without an indent, skip numbers, change styles and start anew. What fits best
is taken; the levels never grow beyond a bound.
"""

from dataclasses import dataclass

from registry.licenses.layout import Block

DEPTH_MAX_LEVELS = 6
"""Deeper lists are shown at this depth; the deepest real one has four levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The part that a list stands in, for the ids and labels of its outermost items."""

    id: str
    name: str
    """As cited: `Section I`, `Attachment A`, `Prohibited Uses`."""
    is_attachment: bool


@dataclass(slots=True)
class Level:
    """An open list and its latest item."""

    kind: str
    indent: int
    last: int
    id: str
    label: str
    depth: int
    has_blanks: bool = False


class Numbering:
    """The open lists of a part; `place` finds the one that an item belongs to and moves it on."""

    def __init__(self) -> None:
        self._levels: list[Level] = []

    @property
    def top(self) -> Level | None:
        """The outermost open list."""
        return self._levels[0] if self._levels else None

    def clear(self) -> None:
        """Forget all open lists."""
        self._levels = []

    def end_lists(self, indent: int) -> None:
        """Forget the lists that a paragraph at `indent` stands outside of; the outermost numbering goes on."""
        while len(self._levels) > 1 and self._levels[-1].indent >= indent:
            self._levels.pop()

    def place(self, block: Block, place: Place) -> Level:
        """Return the list that the item belongs to, moved on to it; deeper lists end."""
        kind, value = self._read_mark(block.mark)
        index = self._find_level(kind, value, block)
        if index is None and len(self._levels) >= DEPTH_MAX_LEVELS:
            index = len(self._levels) - 1
        if index is None:
            return self._push(kind, value, block, place)
        level = self._levels[index]
        del self._levels[index + 1 :]
        level.last = value if value is not None else level.last + 1
        level.indent = block.indent
        level.has_blanks = level.has_blanks or block.has_blank_before
        _name(level, block.mark, self._levels[index - 1] if index else None, place)
        return level

    def _read_mark(self, mark: str) -> tuple[str, int | None]:
        """Return the kind of list that `mark` belongs to and its place in it (None for bullets)."""
        core = mark.strip("().")
        style = ("(" if mark.startswith("(") else "") + (")" if mark.endswith(")") else ".")
        if not core or not core[0].isalnum():
            return "bullet", None
        if "." in core:
            return "dotted", int(core.rsplit(".", 1)[1])
        if core.isdigit():
            return f"number{style}", int(core)
        as_letter = ord(core) - ord("a") + 1 if len(core) == 1 and core.islower() else 0
        if core.islower() and set(core) <= set("ivx") and not self._continues(f"letter{style}", as_letter):
            return f"roman{style}", _roman_value(core)
        return (
            (f"letter{style}", as_letter) if as_letter else (f"capital{style}", ord(core[0]) - ord("A") + 1)
        )

    def _continues(self, kind: str, value: int) -> bool:
        return any(level.kind == kind and level.last == value - 1 for level in self._levels)

    def _push(self, kind: str, value: int | None, block: Block, place: Place) -> Level:
        if kind == "dotted":
            del self._levels[1 if self._levels and self._levels[0].kind.startswith("number") else 0 :]
        parent = self._levels[-1] if self._levels else None
        depth = 0 if parent is None or kind == "dotted" else parent.depth + 1
        level = Level(kind=kind, indent=block.indent, last=value or 1, id="", label="", depth=depth)
        _name(level, block.mark, parent, place)
        self._levels.append(level)
        return level

    def _find_level(self, kind: str, value: int | None, block: Block) -> int | None:
        matching = [index for index, level in enumerate(self._levels) if level.kind == kind][::-1]
        if kind == "dotted":
            return matching[0] if matching else None
        if value is None:
            beside = [index for index in matching if abs(self._levels[index].indent - block.indent) <= 1]
            return beside[0] if beside else None
        following = [index for index in matching if self._levels[index].last + 1 == value]
        beside = [index for index in following if abs(self._levels[index].indent - block.indent) <= 1]
        beside.sort(key=lambda index: abs(self._levels[index].indent - block.indent))
        if len(beside) > 1 and block.has_blank_before and not self._levels[beside[0]].has_blanks:
            return beside[1]  # The items of the inner list stand close; this one stands apart.
        if beside or following:
            return (beside or following)[0]
        for index in matching:
            level = self._levels[index]
            if abs(level.indent - block.indent) <= 1:
                # A list that starts anew inside its own kind is a list within the last item.
                return None if value == 1 and index == len(self._levels) - 1 else index
        return None


def _name(level: Level, mark: str, parent: Level | None, place: Place) -> None:
    core = mark.strip("().") if level.kind != "bullet" else str(level.last)
    shown = mark.rstrip(".") if level.kind != "bullet" else f"item {level.last}"
    if shown.isdigit() and parent is not None:
        shown = f"no. {shown}"
    if parent is not None and level.kind != "dotted":
        level.id, level.label = f"{parent.id}-{core.lower()}", f"{parent.label} {shown}"
    elif place.is_attachment:
        letter = place.name.split()[-1] if place.name else place.id
        level.id, level.label = f"{letter.lower()}-{core.lower()}", f"{letter} {shown}"
    elif level.kind == "dotted" or level.kind.startswith("number"):
        level.id, level.label = f"c-{core}", core
    else:
        level.id, level.label = f"{place.id}-{core.lower()}", f"{place.name} {shown}"


def _roman_value(numeral: str) -> int:
    digits = [{"i": 1, "v": 5, "x": 10}[letter] for letter in numeral]
    pairs = zip(digits, [*digits[1:], 0], strict=True)
    return sum(-here if here < following else here for here, following in pairs)
