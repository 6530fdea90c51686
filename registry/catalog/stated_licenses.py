"""Which license a model begins with whose publisher names none beside the files: the files themselves must say it.

Nothing that a card links to is fetched (threat C5): a text is known by its bytes, a license by its name here.
"""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from registry import licenses
from registry.catalog import refusals, release_store
from registry.catalog.cards import Card, parse_card
from registry.catalog.domain import Draft, StatedFile
from registry.catalog.publishing import CARD_PATH
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses.domain import parse_reference

LICENSE_PATHS = ("LICENSE", "LICENSE.md", "LICENSE.txt")


def find_stated(session: Session, draft: Draft, files: Sequence[StatedFile]) -> str | Refusal:
    """Return the one license version that the files agree on: `slug@1.0`.

    A license file says it by being the very text of a version that is published here, the card by naming a version, or
    a license, whose latest version is meant then. What is not known here says nothing.
    """
    digests = {file.path: file.sha256 for file in files}
    said: dict[str, set[str]] = {}
    for path in LICENSE_PATHS:
        if path in digests:
            found = licenses.list_versions_of_text(session, f"sha256:{digests[path]}")
            said[path] = {f"{version.slug}@{version.number}" for version in found}
    by_text: set[str] = set().union(*said.values())
    for word in _words_of_card(session, draft, digests.get(CARD_PATH)):
        named = _find_named(session, word, by_text)
        if isinstance(named, Refusal):
            return named
        said[f"{CARD_PATH}, {word}"] = named
    said = {source: references for source, references in said.items() if references}
    if not said:
        return _not_stated(draft)
    agreed = set.intersection(*said.values())
    return agreed.pop() if len(agreed) == 1 else _stated_differently(draft, said)


def _words_of_card(session: Session, draft: Draft, digest: str | None) -> list[str]:
    if digest is None:
        return []
    blob = release_store.find_blobs(session, [digest], publisher_id=draft.publisher_id).get(digest)
    card: Card | None = parse_card(blob.content) if blob is not None and blob.content else None
    words = (card.license_name or "", *card.licenses) if card else ()
    return [word.lower() for word in words if word]


def _find_named(session: Session, word: str, by_text: set[str]) -> set[str] | Refusal:
    """Return the versions that a word of the card can mean; none where it is no name of a license here."""
    reference = parse_reference(word)
    if reference is None:
        return set()
    if reference.number is not None:
        version = licenses.find_version(session, reference.slug, reference.number)
        return {version.reference} if version else refusals.no_such_license(word)
    if texts := {one for one in by_text if one.partition("@")[0] == reference.slug}:
        return texts
    latest = licenses.latest_version(session, reference.slug)
    return {latest.reference} if latest else set()


def _remedy(draft: Draft) -> Remedy:
    return Remedy(
        text=f"Name one in the card (license_name: slug@1.0), or begin with gatehouse publish FOLDER {draft.repo_id} "
        "--license slug@1.0; what is published here",
        url="/licenses",
    )


def _not_stated(draft: Draft) -> Refusal:
    return Refusal(
        code="license-not-stated",
        status=422,
        title=f"Nothing says under which license {draft.repo_id} begins",
        detail="Neither is LICENSE the text of a license that is published here, nor does the card name one. "
        "Nothing was published.",
        remedy=_remedy(draft),
        decider="You do",
    )


def _stated_differently(draft: Draft, said: Mapping[str, set[str]]) -> Refusal:
    shown = {source[:200]: " or ".join(sorted(references)[:5]) for source, references in said.items()}
    return Refusal(
        code="license-stated-differently",
        status=422,
        title=f"The files of {draft.repo_id} do not agree on one license",
        detail="; ".join(f"{source}: {references}" for source, references in shown.items())
        + ". Nothing was published.",
        remedy=_remedy(draft),
        decider="You do",
    )
