"""What of a gated repository of the Hub becomes a model here: which files, by which license, behind which gate. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from registry.catalog.domain import GateMode
from registry.hub_sync.domain import HubGate
from registry.hub_sync.weights import HubFile

FILES_MOST = 100
"""Small files that are taken over; each is one request to the Hub."""
FILE_MAX_BYTES = 1024 * 1024
WHOLE_MAX_BYTES = 16 * 1024 * 1024
_LICENSE = re.compile(r"licen[sc]e(\.md|\.txt)?\Z", re.IGNORECASE)
_TEXTS = (
    *(
        ".cfg",
        ".css",
        ".csv",
        ".html",
        ".ini",
        ".j2",
        ".jinja",
        ".json",
        ".jsonl",
        ".md",
    ),
    *(".py", ".rst", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml"),
)
_NAMES = frozenset(
    {"license", "licence", "notice", "readme", "authors", "citation.cff", "use_policy", ".gitignore"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Files of a repository: those that are taken over, in this order, and those that stay there."""

    taken: tuple[HubFile, ...]
    left: tuple[HubFile, ...]


def choose_files(files: Sequence[HubFile]) -> Choice:
    """Return which files are taken over: small texts, the card and the license first, within bounds."""
    taken: list[HubFile] = []
    left: list[HubFile] = []
    whole = 0
    for one in sorted(files, key=_order):
        fits = len(taken) < FILES_MOST and whole + one.size <= WHOLE_MAX_BYTES
        if is_small_text(one) and fits:
            taken.append(one)
            whole += one.size
        else:
            left.append(one)
    return Choice(taken=tuple(taken), left=tuple(left))


def is_small_text(file: HubFile) -> bool:
    """Whether a file is one that is taken over, by what its list states; its bytes are looked at afterwards."""
    name = file.path.rpartition("/")[2].lower()
    is_text = name.endswith(_TEXTS) or name in _NAMES or name.partition(".")[0] in {"license", "licence"}
    return file.sha256 is None and 0 < file.size <= FILE_MAX_BYTES and is_text


def is_license(path: str) -> bool:
    """Whether the file holds the terms of the repository, by the Hub's custom."""
    return _LICENSE.match(path) is not None


def gate_mode(gate: HubGate) -> GateMode | None:
    """Return the mode of the gate here; None where the repository has no gate."""
    return {HubGate.AUTO: GateMode.AUTO, HubGate.MANUAL: GateMode.MANUAL}.get(gate)


def _order(file: HubFile) -> tuple[int, int, str]:
    first = 0 if file.path == "README.md" else 1 if is_license(file.path) else 2
    return first, file.path.count("/"), file.path
