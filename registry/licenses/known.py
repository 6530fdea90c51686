"""Known third-party licenses: recognising a text by its digest, and a name that promises another text (C6)."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from registry.licenses.domain import Restriction, Strictness
from registry.licenses.structure import parse
from registry.licenses.texts import decode, exact_digest, normalised_digest

# Words that most license titles share, and that tell no license from another.
_COMMON_WORDS = re.compile(
    r"\b(?:license|licence|agreement|terms|of|use|the|version|community|v\d+(?:\.\d+)*)\b"
)
_REMARK = re.compile(r"\([^)]*\)|\bwith\b.*")
_NOT_WORD = re.compile(r"[^a-z0-9+]+")
_TELLING_MIN_CHARACTERS = 12
"""A longer name says more than a vendor's or a model's; a shorter one without a number must fit whole."""
_HEAD_CHARACTERS = 4_000
_TITLE_LINES = 3

# Letters of other scripts that look like Latin ones, the usual disguise of a borrowed name (Unicode TR 39).
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0431\u0441\u0501\u0435\u04bb\u0456\u0458\u043a\u043c\u043e\u0440\u0455\u0442\u0443\u0445"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0261\u217c\u2170",
    "abcdehijkmopstyx" + "aeikvoptux" + "igli",
)

EXCEPTIONS: Mapping[Strictness, str] = {
    Strictness.INTENT_ONLY: "only where it is meant so",
    Strictness.UNLESS_DISCLOSED: "unless it is disclosed",
    Strictness.UNLESS_CONSENT: "unless those concerned consent",
    Strictness.UNLESS_HUMAN_OVERSIGHT: "unless a human oversees it",
}
"""How far a restriction does not reach, in words; a flat one reaches everywhere."""


class Match(StrEnum):
    """How a text fits a known license."""

    EXACT = "exact"
    """The same bytes."""
    LAYOUT = "layout"
    """The same words in another layout."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLicense:
    """Facts about one third-party text."""

    id: str
    title: str
    version: str
    is_policy: bool
    included_by: str | None
    hub_ids: tuple[str, ...]
    """Values of `license` or `license_name` in model cards; several texts may share one."""
    spdx: str | None
    sha256: tuple[str, ...]
    normalised: tuple[str, ...]
    restrictions: tuple[Restriction, ...]
    restricts_nothing: bool = False
    """Whether the text was read and restricts no use; without it, no restriction means that nobody has said."""

    @property
    def name(self) -> str:
        """Title and version: `BigCode Open RAIL-M v1 License Agreement (v1, 2023-05-04)`."""
        return f"{self.title} ({self.version})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What a text was recognised as."""

    match: Match
    known: KnownLicense | None
    """The license that the text is; None without a match."""
    resembles: KnownLicense | None = None
    """Without a match: the known license whose name the text or its title bears."""

    @property
    def sentence(self) -> str:
        """What to tell a reader; empty if there is nothing to tell."""
        if self.match is Match.EXACT and self.known:
            return f"This is {self.known.name}, byte for byte."
        if self.match is Match.LAYOUT and self.known:
            return f"This is {self.known.name}: the same words in another layout."
        if self.resembles:
            return f"The text differs from the known license of this name, {self.resembles.name}."
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A use restriction of the taxonomy in words."""

    slug: str
    category: str
    paraphrase: str


class KnownIndex:
    """The known licenses, by digest and by name."""

    def __init__(self, licenses: Sequence[KnownLicense]) -> None:
        self.licenses = tuple(licenses)
        self._by_exact = {digest: known for known in licenses for digest in known.sha256}
        self._by_words = {digest: known for known in licenses for digest in known.normalised}
        self._by_id = {known.id: known for known in licenses}
        self._names = {name: known for known in reversed(licenses) if (name := _essence(known.title))}

    def find(self, identity: str) -> KnownLicense | None:
        """Return the known license with this id."""
        return self._by_id.get(identity)

    def list_policies(self, identity: str) -> tuple[KnownLicense, ...]:
        """Return the known policies that a known license includes by reference."""
        return tuple(known for known in self.licenses if known.included_by == identity)

    def find_by_exact_digest(self, sha256: str) -> KnownLicense | None:
        """Return the known text with these bytes."""
        return self._by_exact.get(sha256)

    def find_by_hub_id(self, value: str) -> tuple[KnownLicense, ...]:
        """Return the texts that a card's `license` or `license_name` may mean."""
        return tuple(known for known in self.licenses if value.strip().lower() in known.hub_ids)

    def recognise(self, data: bytes, *, title: str = "", slug: str = "") -> Recognition:
        """Return what these bytes are; `title` and `slug` are the names that somebody gives them."""
        if known := self._by_exact.get(exact_digest(data)):
            return Recognition(match=Match.EXACT, known=known)
        if known := self._by_words.get(normalised_digest(data)):
            return Recognition(match=Match.LAYOUT, known=known)
        return Recognition(match=Match.NONE, known=None, resembles=self._resembled(data, title, slug))

    def find_by_digest(self, *, sha256: str, normalised: str) -> KnownLicense | None:
        """Return the known license with these bytes, or with these words in another layout."""
        return self._by_exact.get(sha256) or self._by_words.get(normalised)

    def _resembled(self, data: bytes, title: str, slug: str) -> KnownLicense | None:
        if slug in self._by_id:
            return self._by_id[slug]
        if by_hub := self.find_by_hub_id(slug):
            return by_hub[0]
        head = decode(data)[:_HEAD_CHARACTERS]
        lines = [line for line in head.splitlines() if line.strip()][:_TITLE_LINES]
        structure = parse(head)
        headings = [part.heading for part in structure.parts]
        borne = [
            _essence(name) for name in (title, slug, structure.title, *headings, *lines) if len(name) <= 200
        ]
        fitting = [name for name in self._names if any(_bears(one, name) for one in borne)]
        return self._names[max(fitting, key=len)] if fitting else None


def _bears(essence: str, name: str) -> bool:
    """Whether a title with this `essence` claims the known `name`."""
    is_telling = len(name) >= _TELLING_MIN_CHARACTERS or any(character.isdigit() for character in name)
    return name in essence if is_telling else name == essence


def _essence(name: str) -> str:
    """Return what tells a license name from others: its letters and digits without the common words."""
    folded = unicodedata.normalize("NFKC", _REMARK.sub(" ", name)).casefold().translate(_LOOK_ALIKES)
    spaced = re.sub(r"[^a-z0-9+.]+", " ", folded)
    squeezed = _NOT_WORD.sub("", _COMMON_WORDS.sub("", spaced))
    # "Llama 3.1" names the "Llama 3.1 Community License"; "Stability AI" alone names none.
    return re.sub(r"(?<=\d)community", "", squeezed)


def licenses_folder() -> Path:
    """Return the folder with the bundled licenses: the repository's, or the installed package's."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "licenses", here.parents[1] / "_bundled" / "licenses"):
        if (folder / "known.toml").is_file():
            return folder
    raise FileNotFoundError("no licenses folder beside or inside the package")


@cache
def known_index() -> KnownIndex:
    """Return the known licenses, read once."""
    document = tomllib.loads((licenses_folder() / "known.toml").read_text(encoding="utf-8"))
    return KnownIndex([_read_known(entry) for entry in document["license"]])


@cache
def taxonomy() -> Mapping[str, Category]:
    """Return the use restrictions in words, by slug, read once."""
    document = tomllib.loads((licenses_folder() / "restrictions.toml").read_text(encoding="utf-8"))
    return {entry["slug"]: Category(**entry) for entry in document["restriction"]}


def describe_restriction(slug: str, strictness: Strictness = Strictness.FLAT) -> str:
    """Return a use restriction in words: `Medical advice (unless a human oversees it)`."""
    category = taxonomy().get(slug)
    said = category.paraphrase if category else slug.replace("-", " ")
    return f"{said} ({EXCEPTIONS[strictness]})" if strictness in EXCEPTIONS else said


def _read_known(entry: Mapping[str, Any]) -> KnownLicense:
    return KnownLicense(
        id=entry["id"],
        title=entry["title"],
        version=entry["version"],
        is_policy=entry["kind"] == "policy",
        included_by=entry.get("included_by"),
        hub_ids=tuple(entry.get("hub_ids", ())),
        spdx=entry.get("spdx"),
        sha256=tuple(entry["sha256"]),
        normalised=tuple(entry["normalised"]),
        restrictions=tuple(_read_restriction(text) for text in entry.get("restrictions", ())),
        restricts_nothing=entry.get("restrictions") == [],
    )


def _read_restriction(text: str) -> Restriction:
    slug, _, strictness = text.partition(":")
    return Restriction(slug=slug, strictness=Strictness(strictness) if strictness else Strictness.FLAT)
