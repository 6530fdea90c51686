"""The table of `docs/hub-compatibility.md`: read to compare with, written by `python -m tests.e2e.hub.conformance`."""

import re
from collections.abc import Mapping, Sequence

from tests.e2e.hub.conformance.clients import CLIENTS, ROOT
from tests.e2e.hub.conformance.notes import NOTES
from tests.e2e.hub.conformance.rows import GROUPS

PAGE = ROOT / "docs" / "hub-compatibility.md"
BEGIN, END = "<!-- conformance: made by the suite -->\n", "<!-- conformance: end -->\n"
SHOWN = {"yes": "yes", "no": "no", "not offered": "–"}
WORDS = {shown: result for result, shown in SHOWN.items()}
_CELL = re.compile(r"(?P<shown>yes|no|–)(?: \((?P<note>\d+)\))?\Z")

Results = Mapping[str, Mapping[str, str]]
"""What each check came to, by client and check."""


def rows() -> list[str]:
    """Every check, in the order of the table."""
    return [name for _, group in GROUPS for name in group]


def read() -> dict[str, dict[str, str]]:
    """Return what the page says that each check came to."""
    found: dict[str, dict[str, str]] = {client.name: {} for client in CLIENTS}
    names = {client.heading: client.name for client in CLIENTS}
    columns: list[str] = []
    for line in _made().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = cells[0].strip("`")
        if name == "check":
            columns = cells[2:]
        if name not in rows():
            continue
        for heading, cell in zip(columns, cells[2:], strict=True):
            match = _CELL.match(cell)
            assert match is not None, line
            if heading in names:
                found[names[heading]][name] = WORDS[match["shown"]]
    return found


def explanation(client: str, check: str, result: str) -> str | None:
    """Return why a cell is no yes; the first note that fits."""
    return next((note.text for note in NOTES if note.fits(client, check, result)), None)


def unexplained(results: Results) -> list[str]:
    """The cells that are no yes and have no note, and the notes that explain nothing."""
    cells = [
        (client, check, result)
        for client, found in results.items()
        for check, result in found.items()
        if result != "yes"
    ]
    bare = [f"{cell[0]}: {cell[1]}" for cell in cells if explanation(*cell) is None]
    used = {explanation(*cell) for cell in cells}
    return bare + [f"explains nothing: {note.text}" for note in NOTES if note.text not in used]


def render(results: Results) -> str:
    """Return the tables and the notes below them."""
    numbers: dict[str, int] = {}
    parts = []
    for title, group in GROUPS:
        parts.append(f"### {title}\n\n{_table(group, results, numbers)}")
    notes = "\n".join(f"{number}. {text}" for text, number in numbers.items())
    return "\n".join([*parts, f"### Why a cell is no yes\n\n{notes}\n"])


def _table(group: Mapping[str, str], results: Results, numbers: dict[str, int]) -> str:
    head = ["check", "what is asked", *(client.heading for client in CLIENTS)]
    lines: list[Sequence[str]] = [head, ["---"] * len(head)]
    for name, question in group.items():
        cells = [_cell(client.name, name, results, numbers) for client in CLIENTS]
        lines.append([f"`{name}`", question, *cells])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(client: str, check: str, results: Results, numbers: dict[str, int]) -> str:
    result = results[client].get(check, "not offered")
    if result == "yes":
        return "yes"
    text = explanation(client, check, result) or "not explained yet"
    return f"{SHOWN[result]} ({numbers.setdefault(text, len(numbers) + 1)})"


def write(results: Results) -> None:
    """Put the tables into the page."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + render(results) + "\n" + END + rest.split(END)[1], "utf-8")


def _made() -> str:
    return PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0]


def is_fresh() -> bool:
    """Whether the page says what the suite would write for the same results."""
    return _made() == "\n" + render(read()) + "\n"
