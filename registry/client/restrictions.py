"""What a release would have to carry on of its bases' licenses: asked before anything is sent."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from registry.client.api import Registry
from registry.client.errors import Invalid, printable
from registry.client.wire import Fields, JsonObject

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
class NewLicense:
    """The first version of a license, with its text, that the registry does not have yet."""

    slug: str
    number: str
    title: str
    text: str
    digest: str

    @property
    def reference(self) -> str:
        """How people name it: `slug@1.0`."""
        return f"{self.slug}@{self.number}"

    def body(self) -> JsonObject:
        """Return it as the registry takes it."""
        return {"slug": self.slug, "number": self.number, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What comes with the bases that a card names."""

    terms: tuple[BaseTerms, ...] = ()
    unknown_bases: tuple[str, ...] = ()
    new_license: str | None = None
    """The license that is not published yet, by whose text this was judged."""
    new_restrictions: tuple[str, ...] | None = None
    """What it restricts, as far as the registry knows its text; None: nobody has said."""

    @property
    def publishable(self) -> bool:
        """Whether nothing stands against the release."""
        return all(one.publishable for one in self.terms)

    def lines(self) -> list[str]:
        """Return the comparison, to be read."""
        found = []
        if self.new_license is not None:
            found.append(f"{self.new_license}: not published yet, judged by its text; {self._says()}")
        found += [f"{name}: not in this registry, not compared" for name in self.unknown_bases]
        for one in self.terms:
            verdict = "fine" if one.publishable else "not carried on"
            found += [
                f"{one.base}, {one.license}: {one.carried}, {verdict}",
                *(f"  {line}" for line in one.lines),
            ]
        return found

    def _says(self) -> str:
        if self.new_restrictions is None:
            return "nobody has said what it restricts"
        return f"known to restrict {', '.join(self.new_restrictions) or 'nothing'}"


def compare(
    registry: Registry,
    publisher: str,
    name: str,
    *,
    folder: Path,
    licenses: Sequence[str],
    new_license: NewLicense | None,
) -> Comparison:
    """Return what the release would have to carry on; nothing where the folder's card names no base.

    `new_license` is the one of the licenses that is not published yet.
    """
    card = folder / CARD
    if not card.is_file() or card.stat().st_size > CARD_MAX_BYTES:
        return Comparison()
    text = card.read_bytes().decode(errors="replace")
    if "base_model" not in text:
        return Comparison()
    body: JsonObject = {"card": text, "licenses": list(licenses)}
    if new_license is not None:
        body = {"card": text, "new_license": new_license.body()}
    answer = registry.plan_restrictions(publisher, name, body)
    drafted = answer.maybe_member("new_license")
    return Comparison(
        new_license=new_license.reference if new_license else None,
        new_restrictions=_read_slugs(drafted) if drafted else None,
        terms=tuple(_read(one) for one in answer.members("items")),
        unknown_bases=tuple(printable(one, limit=200) for one in answer.texts("unknown_bases")),
    )


def check(
    registry: Registry, publisher: str, name: str, comparison: Comparison, *, license_file: Path | None
) -> None:
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
    stating: tuple[str, ...] = ()
    if comparison.new_license is not None:
        add = f"gatehouse license add {comparison.new_license} {shlex.quote(str(license_file))}"
        stating = (
            f"Nothing was published. Say what your license restricts as you publish it: {add} --restriction SLUG",
        )
    raise Invalid(
        f"the license of {publisher}/{name} does not carry on what comes with {first.base}",
        advice=(
            *comparison.lines(),
            *stating,
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


def _read_slugs(drafted: Fields) -> tuple[str, ...] | None:
    if drafted.value.get("restrictions") is None:
        return None
    return tuple(printable(one, limit=64) for one in drafted.texts("restrictions"))
