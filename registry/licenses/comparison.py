"""Two license texts side by side, clause by clause.

Clauses are aligned by what they say, then by how they are cited, then by likeness; unchanged runs are named,
never dropped. Inside a changed clause the words that went and came are marked. All work is bounded by counts,
not by a clock, so that the same two texts always give the same comparison; beyond a bound the comparison
gets coarser (whole clauses instead of words) and says so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from registry.licenses.structure import Clause, ClauseKind, Structure, plain

EDITS_MAX = 600
"""Words (or clauses) that may be gone and new between two runs; work and memory grow with its square."""
COMPARISON_MAX_EDITS = 3_000
"""The same for all clauses of one comparison together."""
PAIRING_MAX_CELLS = 40_000
"""Pairs of differing clauses that are weighed by likeness at most; two hundred a side."""
LIKENESS_MIN = 0.5
"""Clauses that share fewer words than this are one gone and one new, not one changed."""

_CONTEXT_MIN_WORDS = 2
"""A shorter run of kept words between two changes is shown as changed: single words kept read badly."""
_PUNCTUATION = ".,;:()[]\"'“”‘’*_`"
_CLOSING_WORDS = ("and", "or")


class RowKind(StrEnum):
    """What happened to a clause."""

    UNCHANGED = "unchanged"
    MINOR = "minor"
    """Only punctuation, capitals, marks or a closing “and”/“or” differ."""
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    """The same words under another number or in another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of words; `is_marked` in the old text means deleted, in the new text inserted."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the comparison: a clause that differs, or a run of clauses that do not."""

    kind: RowKind
    old_id: str | None
    new_id: str | None
    old_label: str | None
    new_label: str | None
    old: tuple[Segment, ...] = ()
    new: tuple[Segment, ...] = ()
    first_label: str = ""
    """Of an unchanged run: its first clause."""
    last_label: str = ""
    count: int = 1
    """Of an unchanged run: how many clauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from the old text to the new one, in the order of the new one."""

    rows: tuple[Row, ...]
    is_coarse: bool
    """Whether some part was too long to mark single words or to align single clauses."""

    def count(self, *kinds: RowKind) -> int:
        """Return how many clauses are of these kinds."""
        return sum(row.count for row in self.rows if row.kind in kinds)

    @property
    def is_identical(self) -> bool:
        """Whether every clause is unchanged."""
        return all(row.kind is RowKind.UNCHANGED for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    id: str
    label: str
    text: str
    key: str


@dataclass(slots=True)
class _Budget:
    """How many edits may still be looked for in this comparison."""

    edits: int = COMPARISON_MAX_EDITS
    is_coarse: bool = False


def compare(old: Structure, new: Structure) -> Comparison:
    """Return what changed from `old` to `new`."""
    befores, afters = list(_entries(old)), list(_entries(new))
    budget = _Budget()
    pairs = list(_align(befores, afters, budget))
    rows = [_row(before, after, budget) for before, after in _with_moves(pairs)]
    return Comparison(rows=tuple(_gather(rows)), is_coarse=budget.is_coarse)


def _entries(structure: Structure) -> Iterator[_Entry]:
    for part in structure.parts:
        if part.heading:
            text = " ".join(filter(None, (part.heading, part.subheading)))
            yield _Entry(id=part.id, label=plain(part.heading), text=text, key=f"#{_key(text)}")
        for clause in part.clauses:
            if clause.kind is not ClauseKind.RULE:
                yield _entry(clause)


def _entry(clause: Clause) -> _Entry:
    label = clause.label or ("Title" if clause.kind is ClauseKind.TITLE else clause.id)
    return _Entry(id=clause.id, label=label, text=clause.text, key=_key(clause.text))


def _key(text: str) -> str:
    """Return `text` with its white space folded: equal keys are unchanged clauses."""
    return " ".join(text.split())


def _words_key(text: str) -> list[str]:
    """Return the words that carry meaning: equal lists differ only in small things."""
    words = [word.strip(_PUNCTUATION).casefold() for word in text.split()]
    words = [word for word in words if word]
    while words and words[-1] in _CLOSING_WORDS:
        words.pop()
    return words


# --- alignment ---

_Pair = tuple[_Entry | None, _Entry | None]


def _align(befores: list[_Entry], afters: list[_Entry], budget: _Budget) -> Iterator[_Pair]:
    """Yield old and new entries paired, in order."""
    runs = _common_runs([entry.key for entry in befores], [entry.key for entry in afters], budget)
    i = j = 0
    for start_before, start_after, length in (*runs, (len(befores), len(afters), 0)):
        yield from _pair_up(befores[i:start_before], afters[j:start_after], budget)
        i, j = start_before + length, start_after + length
        yield from zip(befores[start_before:i], afters[start_after:j], strict=True)


def _pair_up(befores: list[_Entry], afters: list[_Entry], budget: _Budget) -> list[_Pair]:
    """Pair the entries of two differing runs, in order, where they are alike; the rest is gone or new."""
    if len(befores) * len(afters) > PAIRING_MAX_CELLS:
        budget.is_coarse = True
        return [*((entry, None) for entry in befores), *((None, entry) for entry in afters)]
    sizes = (len(befores) + 1, len(afters) + 1)
    words = (
        [Counter(_words_key(entry.text)) for entry in befores],
        [Counter(_words_key(entry.text)) for entry in afters],
    )
    best = [[0.0] * sizes[1] for _ in range(sizes[0])]
    for i in range(len(befores) - 1, -1, -1):
        for j in range(len(afters) - 1, -1, -1):
            score = _likeness(befores[i], afters[j], words[0][i], words[1][j])
            paired = best[i + 1][j + 1] + score if score else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs: list[_Pair] = []
    i = j = 0
    while i < len(befores) and j < len(afters):
        score = _likeness(befores[i], afters[j], words[0][i], words[1][j])
        if score and best[i][j] == best[i + 1][j + 1] + score:
            pairs.append((befores[i], afters[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((befores[i], None))
            i += 1
        else:
            pairs.append((None, afters[j]))
            j += 1
    pairs += [(entry, None) for entry in befores[i:]]
    pairs += [(None, entry) for entry in afters[j:]]
    return pairs


def _likeness(before: _Entry, after: _Entry, old_words: Counter[str], new_words: Counter[str]) -> float:
    """Return 0 for entries that should not be paired, up to 1.1 for the same words under the same number."""
    total = old_words.total() + new_words.total()
    if not total or before.key.startswith("#") is not after.key.startswith("#"):
        return 0.0
    shared = 2 * (old_words & new_words).total() / total
    if shared < LIKENESS_MIN:
        return 0.0
    return shared + (0.1 if before.label == after.label else 0.0)


def _with_moves(pairs: list[_Pair]) -> Iterator[_Pair]:
    """Yield the pairs; what is gone in one place and new in another with the same words becomes one pair."""
    gone: dict[str, list[_Entry]] = {}
    for before, after in pairs:
        if before is not None and after is None:
            gone.setdefault(before.key, []).append(before)
    moved: set[str] = set()
    found: list[_Pair] = []
    for before, after in pairs:
        origin = gone.get(after.key) if before is None and after is not None else None
        if origin:
            found.append((origin[0], after))
            moved.add(origin.pop(0).id)
        else:
            found.append((before, after))
    for before, after in found:
        if after is not None or (before is not None and before.id not in moved):
            yield before, after


# --- rows ---


def _row(before: _Entry | None, after: _Entry | None, budget: _Budget) -> Row:
    row = Row(
        kind=RowKind.UNCHANGED,
        old_id=before.id if before else None,
        new_id=after.id if after else None,
        old_label=before.label if before else None,
        new_label=after.label if after else None,
    )
    if before is None:
        return replace(
            row, kind=RowKind.ADDED, new=(Segment(text=after.text if after else "", is_marked=True),)
        )
    if after is None:
        return replace(row, kind=RowKind.REMOVED, old=(Segment(text=before.text, is_marked=True),))
    if before.key == after.key:
        if before.label == after.label:
            return replace(row, first_label=after.label, last_label=after.label)
        kept = (Segment(text=after.text, is_marked=False),)
        return replace(row, kind=RowKind.MOVED, old=kept, new=kept)
    old, new = _mark_words(before.text, after.text, budget)
    kind = RowKind.MINOR if _words_key(before.text) == _words_key(after.text) else RowKind.CHANGED
    return replace(row, kind=kind, old=old, new=new)


def _mark_words(before: str, after: str, budget: _Budget) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    old, new = before.split(), after.split()
    old_marks, new_marks = [True] * len(old), [True] * len(new)
    for start_old, start_new, length in _common_runs(old, new, budget):
        is_first = start_old == 0 and start_new == 0
        is_last = start_old + length == len(old) and start_new + length == len(new)
        if is_first or is_last or length >= _CONTEXT_MIN_WORDS:
            old_marks[start_old : start_old + length] = [False] * length
            new_marks[start_new : start_new + length] = [False] * length
    return tuple(_segments(old, old_marks)), tuple(_segments(new, new_marks))


def _segments(words: list[str], marks: list[bool]) -> Iterator[Segment]:
    start = 0
    for end in range(1, len(words) + 1):
        if end == len(words) or marks[end] is not marks[start]:
            yield Segment(text=" ".join(words[start:end]), is_marked=marks[start])
            start = end


# --- the shortest edit script, bounded ---

_Run = tuple[int, int, int]


def _common_runs(old: Sequence[str], new: Sequence[str], budget: _Budget) -> list[_Run]:
    """Return the runs that both sequences keep, as (start in old, start in new, length), in order.

    Beyond the bounds only what they share at both ends is found.
    """
    shortest = min(len(old), len(new))
    head = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    left = shortest - head
    tail = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
    runs = [(0, 0, head)] if head else []
    runs += [(head + x, head + y, length) for x, y, length in _kept(inner_old, inner_new, budget)]
    if tail:
        runs.append((len(old) - tail, len(new) - tail, tail))
    return runs


def _kept(old: Sequence[str], new: Sequence[str], budget: _Budget) -> list[_Run]:
    """Return the runs kept by a shortest edit script (E. Myers, An O(ND) Difference Algorithm, 1986)."""
    if not old or not new:
        return []
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(min(EDITS_MAX, budget.edits, len(old) + len(new)) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= len(old) and y >= len(new):
                budget.edits -= edits
                return _walk_back(trace, len(old), len(new))
    budget.is_coarse = True
    budget.edits -= min(EDITS_MAX, budget.edits)
    return []


def _walk_back(trace: list[dict[int, int]], x: int, y: int) -> list[_Run]:
    runs: list[_Run] = []
    for edits in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        previous = diagonal + 1 if down else diagonal - 1
        start = furthest[previous] if edits else 0
        before = start if down or not edits else start + 1
        if x > before:
            runs.append((before, before - diagonal, x - before))
        x, y = start, start - previous
    return runs[::-1]


def _gather(rows: list[Row]) -> Iterator[Row]:
    """Yield the rows with unchanged neighbours made one."""
    run: Row | None = None
    for row in rows:
        if row.kind is not RowKind.UNCHANGED:
            if run is not None:
                yield run
            run = None
            yield row
        elif run is None:
            run = row
        else:
            run = replace(run, last_label=row.last_label, count=run.count + 1)
    if run is not None:
        yield run
