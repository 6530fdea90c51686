"""What a release would have to carry on of its bases' licenses: asked before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from registry.client.api import Registry
from registry.client.errors import Invalid, printable
from registry.client.wire import Fields

CARD = "README.md"
CARD_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTerms:
    """A license that comes with a base, beside the model's own."""

    base: str
    license: str
    carried: str
    publishable: bool
    lines: tuple[str, ...]
    """One for each restriction that is not the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What comes with the bases that a card names."""

    terms: tuple[BaseTerms, ...]
    unknown_bases: tuple[str, ...]

    @property
    def publishable(self) -> bool:
        """Whether nothing stands against the release."""
        return all(one.publishable for one in self.terms)

    def lines(self) -> list[str]:
        """Return the comparison, to be read."""
        found = [f"{name}: not in this registry, not compared" for name in self.unknown_bases]
        for one in self.terms:
            verdict = "fine" if one.publishable else "not carried on"
            found += [
                f"{one.base}, {one.license}: {one.carried}, {verdict}",
                *(f"  {line}" for line in one.lines),
            ]
        return found


def compare(
    registry: Registry, publisher: str, name: str, *, folder: Path, licenses: Sequence[str]
) -> Comparison:
    """Return what the release would have to carry on; nothing where the folder's card names no base."""
    card = folder / CARD
    if not card.is_file() or card.stat().st_size > CARD_MAX_BYTES:
        return Comparison(terms=(), unknown_bases=())
    text = card.read_bytes().decode(errors="replace")
    if "base_model" not in text:
        return Comparison(terms=(), unknown_bases=())
    answer = registry.plan_restrictions(publisher, name, {"card": text, "licenses": list(licenses)})
    return Comparison(
        terms=tuple(_read(one) for one in answer.members("items")),
        unknown_bases=tuple(printable(one, limit=200) for one in answer.texts("unknown_bases")),
    )


def check(registry: Registry, publisher: str, name: str, comparison: Comparison) -> None:
    """Raise what `publish` would be refused for, before anything is uploaded.

    Raises:
        Invalid: a license restricts less than that of a base.
    """
    open_terms = [one for one in comparison.terms if not one.publishable]
    if not open_terms:
        return
    first = open_terms[0]
    query = urlencode({"model": f"{publisher}/{name}", "base_license": first.license})
    url = registry.session.absolute(f"/{first.base}/equivalences?{query}")
    raise Invalid(
        f"the license of {publisher}/{name} does not carry on what comes with {first.base}",
        advice=(
            *comparison.lines(),
            f"Ask for the base's license too: --license {first.license}",
            f"Or ask the maintainers of {first.base} to decide that yours is equivalent: {url}",
        ),
        code="restrictions-not-carried",
        errors={},
    )


def _read(item: Fields) -> BaseTerms:
    return BaseTerms(
        base=printable(item.text("base"), limit=200),
        license=printable(item.text("license"), limit=200),
        carried=printable(item.text("carried"), limit=40),
        publishable=item.flag("publishable"),
        lines=tuple(_line(row) for row in item.members("restrictions") if row.text("carried") != "same"),
    )


def _line(row: Fields) -> str:
    carried = "equivalent by decision" if row.flag("equivalent") else row.text("carried")
    asked, found = row.maybe_text("base") or "nothing", row.maybe_text("own") or "nothing"
    said = f"{carried}: {row.text('says')} [{row.text('slug')}], expected {asked}, found {found}"
    return printable(said, limit=400)
