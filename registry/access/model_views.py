"""What the four pages of one model are given: head, card, files, license, releases."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from types import SimpleNamespace
from urllib.parse import quote, urlencode
from uuid import UUID

from markupsafe import Markup

from registry import catalog, licenses
from registry.access.domain import OPEN_PATHS, Denial, Permit, ReasonCode
from registry.access.panel import access_panel
from registry.catalog import markdown
from registry.catalog.domain import DEFAULT_BRANCH, FileView, GateMode, ModelView, RefView, ReleaseView
from registry.catalog.forms import FormField
from registry.catalog.prerequisites import describe
from registry.kernel.page_parts import Badge, Link, Notice, Pager, Shape, Tone, language_name

PAGE_FILES = 200
PAGE_RELEASES = 25
_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_FLAG_TONES = {
    catalog.Severity.NOTE: Tone.NOTE,
    catalog.Severity.CAUTION: Tone.WAIT,
    catalog.Severity.DANGER: Tone.STOP,
}
_FLAG_WORDS = {
    "lfs-pointer": "LFS pointer",
    "pickle-by-another-name": "Hidden pickle",
    "pickle-dangerous": "Dangerous pickle",
    "pickle-unknown-imports": "Pickle, unknown imports",
    "pickle-unreadable": "Pickle, unreadable",
}
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShown:
    """A model with the release that is looked at, loaded for any of its pages."""

    model: ModelView
    release: ReleaseView | None
    revision: str
    newest: ReleaseView | None
    refs: Sequence[RefView]
    releases: int
    weights: Sequence[tuple[str, int]]
    requirements: Sequence[tuple[licenses.Version, licenses.Terms]]
    verdict: Permit | Denial

    @property
    def url(self) -> str:
        """Path of the model's page."""
        return f"/{quote(self.model.publisher)}/{quote(self.model.name)}"

    def page(self, part: str = "") -> str:
        """Return the path of one of its pages, for the same revision."""
        query = "" if self.revision == DEFAULT_BRANCH else f"?{urlencode({'revision': self.revision})}"
        return f"{self.url}{part}{query}"

    def file(self, path: str) -> str | None:
        """Return where a file of the release is fetched; named by commit, so that the page and the file agree."""
        if self.release is None:
            return None
        return f"{self.url}/resolve/{self.release.commit}/{quote(path)}"


def head_view(shown: ModelShown, *, page: str, base_url: str, label: str | None) -> SimpleNamespace:
    """Return what all pages of a model show above their tabs, and the access panel."""
    model, release = shown.model, shown.release
    title, detail = _gate_words(
        model, inherits=any(one.inherited_from is not None for one in shown.verdict.reasons)
    )
    return SimpleNamespace(
        publisher=model.publisher,
        name=model.name,
        url=shown.url,
        private=model.private,
        summary=(release.summary or None) if release else None,
        gate=SimpleNamespace(title=title, detail=detail),
        licenses=[
            SimpleNamespace(
                title=version.title,
                number=version.number,
                url=version.path,
                restrictions=len(terms.restrictions) or None,
            )
            for version, terms in shown.requirements
        ],
        release=(
            SimpleNamespace(ref=_ref_name(shown), commit=release.commit, at=release.published_at, signed=True)
            if release
            else None
        ),
        weights=_weights(shown.weights),
        counts=SimpleNamespace(files=release.file_count if release else 0, releases=shown.releases),
        urls=SimpleNamespace(
            card=shown.page(),
            files=shown.page("/files"),
            license=shown.page("/license"),
            releases=f"{shown.url}/releases",
        ),
        access=access_panel(shown.verdict, model, page=page, base_url=base_url, label=label),
        notices=_notices(shown),
    )


def _gate_words(model: ModelView, *, inherits: bool) -> tuple[str, str | None]:
    if model.gate.is_open() and inherits:
        return "Accept to download", "the licenses of its bases"
    if model.gate.is_open():
        return "Open", "nothing is to be accepted"
    if model.gate.mode is GateMode.AUTO and not model.gate.license_version_ids and not inherits:
        return "Open to whom its gate describes", "nothing is to be accepted"
    match model.gate.mode:
        case GateMode.AUTO:
            return "Accept to download", "no review follows"
        case GateMode.MANUAL:
            return "Accept, then review", "the maintainers decide"
        case GateMode.CLOSED:
            return "Closed", "nobody may download"


def _ref_name(shown: ModelShown) -> str:
    named = shown.revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return named if any(ref.name == named for ref in shown.refs) else "commit"


def _weights(files: Sequence[tuple[str, int]]) -> SimpleNamespace | None:
    if not files:
        return None
    kinds = sorted({PurePosixPath(path).suffix.lstrip(".").lower() for path, _ in files} - {""})
    return SimpleNamespace(
        size=sum(size for _, size in files), files=len(files), formats=", ".join(kinds[:3]) or None
    )


def _notices(shown: ModelShown) -> Sequence[Notice]:
    notices = []
    if shown.release and shown.newest and shown.release.id != shown.newest.id:
        notices.append(
            Notice(
                tone=Tone.NOTE,
                title="This is not the newest release",
                text=f"You are looking at {shown.revision[:60]}. What the gate asks for is the same for every release.",
                link=Link(label="Go to the newest release", url=shown.url),
            )
        )
    if shown.model.hub_repository and shown.model.hub_weights and not shown.weights:
        notices.append(
            Notice(
                tone=Tone.NOTE,
                title="The weights are at the Hub",
                text=f"They lie in {shown.model.hub_repository}. Access there follows acceptance here: who may download here is "
                "let in there, once they have proved their account of the Hub.",
                link=Link(label="Be let in at the Hub", url=f"{shown.url}/hub"),
            )
        )
    if shown.model.private:
        notices.append(
            Notice(
                tone=Tone.NOTE,
                title="Private",
                text="Only people with a role at the publisher see this model.",
            )
        )
    return notices


def card_view(shown: ModelShown, card: catalog.Card | None, head: SimpleNamespace) -> SimpleNamespace:
    """Return the card page; rendering takes time, so this is called off the event loop."""
    rendered = _render(card.body, shown.url, shown.release.commit) if card and shown.release else None
    problems = [_problem(problem) for problem in card.problems] if card else []
    if rendered is not None and rendered.cut:
        problems.append(
            SimpleNamespace(
                where="Length",
                what="The card is longer than this page shows",
                effect="The rest is in the file.",
            )
        )
    return SimpleNamespace(
        head=head,
        card=(
            SimpleNamespace(
                html=Markup(rendered.html),  # noqa: S704 - sanitised by markdown.render
                language=None,
                direction="auto",
            )
            if rendered is not None and rendered.html.strip()
            else None
        ),
        card_url=shown.file("README.md") if card else None,
        problems=problems,
        front_matter=card.front_matter.decode("utf-8", "replace").strip() or None if card else None,
        facts=_facts(card) if card else [],
    )


@lru_cache(maxsize=128)
def _render(body: str, url: str, commit: str) -> markdown.Rendered:
    """Return a card as safe HTML; a release never changes, so its card is rendered once."""

    def file(path: str) -> str:
        return f"{url}/resolve/{commit}/{quote(path)}"

    def image(path: str) -> str | None:
        return file(path) if PurePosixPath(path).suffix.lower() in _IMAGE_SUFFIXES else None

    return markdown.render(body, links=markdown.Links(file=file, image=image))


def _problem(problem: object) -> SimpleNamespace:
    line, message = getattr(problem, "line", None), getattr(problem, "message", "")
    return SimpleNamespace(
        where=f"Line {line}" if line else "Front matter", what=_CODE.sub(r"“\1”", message), effect=None
    )


def _facts(card: catalog.Card) -> Sequence[SimpleNamespace]:
    stated = (
        ("Task", (card.pipeline_tag,) if card.pipeline_tag else ()),
        ("Library", (card.library_name,) if card.library_name else ()),
        ("Base model", card.base_models),
        ("How it was made from it", (card.relation,) if card.relation else ()),
        ("Languages", card.languages),
        ("Data", card.datasets),
        ("Newer version", (card.new_version,) if card.new_version else ()),
        ("Tags", card.tags),
    )
    return [
        SimpleNamespace(label=label, value=_joined(values), url=None) for label, values in stated if values
    ]


def _joined(values: Sequence[str], most: int = 20) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def files_view(
    shown: ModelShown, files: Sequence[FileView], head: SimpleNamespace, *, after: str | None
) -> SimpleNamespace:
    """Return the file table; `files` holds one file more where the list goes on."""
    listed = files[:PAGE_FILES]
    return SimpleNamespace(
        head=head,
        manifest_digest=shown.release.manifest_digest if shown.release else None,
        files=[_file(shown, file) for file in listed],
        findings=[
            SimpleNamespace(path=file.path, title=f"{_flag_word(flag)}.", detail=flag.message)
            for file in listed
            for flag in file.flags
            if flag.severity is not catalog.Severity.NOTE
        ],
        pager=_file_pager(shown, files, after),
        revisions=[
            Link(label=ref.name, url=f"{shown.url}/files?{urlencode({'revision': ref.name})}")
            for ref in shown.refs
            if ref.name != shown.revision
        ][:30],
    )


def _file_pager(shown: ModelShown, files: Sequence[FileView], after: str | None) -> Pager | None:
    if len(files) <= PAGE_FILES and after is None:
        return None
    query = {} if shown.revision == DEFAULT_BRANCH else {"revision": shown.revision}
    following = urlencode({**query, "after": files[PAGE_FILES - 1].path}) if len(files) > PAGE_FILES else None
    return Pager(
        said="By path",
        next_url=f"{shown.url}/files?{following}" if following else None,
        next_label="Further files",
        first_url=shown.page("/files") if after else None,
        first_label="Back to the first files",
    )


def _file(shown: ModelShown, file: FileView) -> SimpleNamespace:
    is_open = file.path in OPEN_PATHS and not file.large
    permitted = isinstance(shown.verdict, Permit)
    return SimpleNamespace(
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        url=shown.file(file.path) if is_open or permitted else None,
        access=_file_access(shown, is_open=is_open),
        flags=[
            Badge(
                word=_flag_word(flag),
                shape=Shape.WARNING,
                tone=_FLAG_TONES[flag.severity],
            )
            for flag in file.flags
        ],
    )


def _file_access(shown: ModelShown, *, is_open: bool) -> Badge:
    if is_open or shown.model.gate.is_open():
        return Badge(word="Open to all", shape=Shape.OPEN, tone=Tone.OK)
    if isinstance(shown.verdict, Permit):
        return Badge(word="You may download", shape=Shape.DONE, tone=Tone.OK)
    if shown.verdict.refusal.code in {"access-blocked", "gate-closed", "review-needed", "outside-the-gate"}:
        return Badge(word="Not for you now", shape=Shape.CLOSED, tone=Tone.STOP)
    return Badge(word="After acceptance", shape=Shape.DECIDED)


def _flag_word(flag: catalog.Flag) -> str:
    return _FLAG_WORDS.get(flag.code, flag.code.replace("-", " ").capitalize())


def license_view(
    shown: ModelShown,
    card: catalog.Card | None,
    head: SimpleNamespace,
    *,
    previous: Mapping[UUID, str | None],
    inherited: Sequence[SimpleNamespace],
) -> SimpleNamespace:
    """Return what the gate asks for; `previous` has the number of the version before each required one."""
    accepted = {
        reason.title
        for reason in shown.verdict.reasons
        if reason.code is ReasonCode.LICENSE and reason.met
    }  # fmt: skip
    gate = shown.model.gate
    return SimpleNamespace(
        head=head,
        requirements=[
            _requirement(
                version, terms, previous.get(version.id), is_mine=f"{version.name} accepted" in accepted
            )
            for version, terms in shown.requirements
        ],
        inherited=inherited,
        declared=_declared(card, shown.requirements) if card else None,
        asked=[
            *(
                SimpleNamespace(label=phrase, why="before anything can be accepted")
                for phrase in describe(gate.prerequisites)
            ),
            *(SimpleNamespace(label=field.label, why=_why_asked(field)) for field in gate.fields),
        ],
        revision=SimpleNamespace(number=gate.number, since=gate.created_at, entry=None),
    )


def _why_asked(field: FormField) -> str | None:
    said = ["optional"] if not field.required else []
    return "; ".join([*said, field.purpose] if field.purpose else said) or None


def _requirement(
    version: licenses.Version, terms: licenses.Terms, before: str | None, *, is_mine: bool
) -> SimpleNamespace:
    compare = f"/licenses/{version.slug}/compare?{urlencode({'from': before, 'to': version.number})}"
    return SimpleNamespace(
        title=version.title,
        number=version.number,
        url=version.path,
        text_url=f"{version.path}.txt",
        compare_url=compare if before else None,
        sha256=version.sha256,
        in_force_since=version.effective_at,
        change=f"{version.change_class.value} change from {before}" if before else None,
        language=language_name(version.language),
        restrictions=len(terms.restrictions),
        policies=[policy.title for policy in terms.policies],
        mine=Badge(word="You accepted it", shape=Shape.DONE, tone=Tone.OK) if is_mine else None,
    )


def _declared(
    card: catalog.Card, requirements: Sequence[tuple[licenses.Version, licenses.Terms]]
) -> SimpleNamespace | None:
    if not card.licenses and not card.license_name:
        return None
    named = {card.license_name, *card.licenses} - {None, "other"}
    slugs = {version.slug for version, _ in requirements}
    differs = bool(named) and bool(requirements) and not named & slugs
    return SimpleNamespace(
        identifier=", ".join(card.licenses) or "none",
        name=card.license_name,
        link=card.license_link,
        note=(
            "The card names its license in other words than the gate. What is accepted here is the gate’s text."
            if differs
            else None
        ),
    )


def releases_view(
    shown: ModelShown, releases: Sequence[ReleaseView], head: SimpleNamespace, *, indices: Mapping[UUID, int],
    after: UUID | None,
) -> SimpleNamespace:  # fmt: skip
    """Return the releases of a model; `releases` holds one more where the list goes on."""
    listed = releases[:PAGE_RELEASES]
    names: dict[str, list[str]] = {}
    for ref in shown.refs:
        names.setdefault(ref.commit, []).append(ref.name)
    following = urlencode({"after": listed[-1].id}) if len(releases) > PAGE_RELEASES else None
    return SimpleNamespace(
        head=head,
        releases=[
            SimpleNamespace(
                commit=release.commit,
                url=f"{shown.url}/files?{urlencode({'revision': release.commit})}",
                message=release.message or "No message",
                at=release.published_at,
                files=release.file_count,
                size=release.total_bytes,
                refs=names.get(release.commit, []),
                manifest_digest=release.manifest_digest,
                entry=(
                    Link(
                        label=f"log entry {indices[release.entry_id]:,}",
                        url=f"/log/{indices[release.entry_id]}",
                    )
                    if release.entry_id in indices
                    else None
                ),
            )
            for release in listed
        ],
        pager=Pager(
            said="Newest first",
            next_url=f"{shown.url}/releases?{following}" if following else None,
            next_label="Older releases",
            first_url=f"{shown.url}/releases" if after else None,
        ),
    )
