"""The use case of importing: a gated repository of the Hub becomes a model here, and the two are paired.

Nothing is changed at the Hub. The release goes through the rules of publishing and the people through those of imported
acceptors, so nobody has a right by it. Model and pairing commit together; what is left of the people after a failure is
imported by the next run, and a run after that changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session

from registry import catalog, licenses
from registry.acceptances.importing import ROWS_PER_IMPORT, Imported, ImportRows, import_acceptors
from registry.acceptances.reports import Claimed, Row, Source, judge_row
from registry.catalog.domain import GateMode, Published, StatedFile
from registry.catalog.small_files import SmallFile
from registry.catalog.uploads import record_blob
from registry.hub_sync import import_choice, refusals, service, store
from registry.hub_sync.answers import RepositoryAnswer, is_repo_id, unreadable
from registry.hub_sync.applying import Failed
from registry.hub_sync.import_choice import Choice
from registry.hub_sync.keeping import Keeper
from registry.hub_sync.tables import HubMirror
from registry.hub_sync.weights import HubFile
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal

if TYPE_CHECKING:
    from registry.hub_sync.hub import HubSession

NOT_COMPARED = "not-compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What somebody wants to import."""

    publisher: str
    name: str
    repository: str
    license: str = ""
    """`slug@number` where the text at the Hub is not to be compared; empty: it is recognised."""
    invite: bool = False

    @property
    def repo_id(self) -> str:
        """Return `publisher/model` here."""
        return f"{self.publisher}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who was let in at the Hub, and what came of them here."""

    accepted: int = 0
    unreadable: int = 0
    """The Hub tells neither an account nor an address of them."""
    imported: Imported = field(default_factory=Imported)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubImport:
    """What an import did, or would do."""

    repo_id: str
    repository: str
    is_new: bool
    """Whether the model is made by it; else it is here already, and paired."""
    license: str = ""
    match: str = ""
    """`exact`, `layout`, or `not-compared`."""
    mode: GateMode | None = None
    private: bool = False
    revision: str = ""
    files: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Files that stay at the Hub."""
    unexplained: tuple[str, ...] = ()
    people: People = field(default_factory=People)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What stands here before the Hub is asked."""

    token: str = field(repr=False)
    is_new: bool
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read at the Hub."""

    about: RepositoryAnswer
    mode: GateMode
    rows: tuple[Row, ...]
    choice: Choice
    contents: tuple[tuple[str, SmallFile], ...]

    @property
    def texts(self) -> list[tuple[str, SmallFile]]:
        """The files that turned out to be texts."""
        return [(path, file) for path, file in self.contents if file.measured.content is not None]

    @property
    def left(self) -> tuple[str, ...]:
        """The paths that stay at the Hub."""
        others = [path for path, file in self.contents if file.measured.content is None]
        return (*others, *(one.path for one in self.choice.left))


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Imports repositories of one Hub."""

    keeper: Keeper
    sign_release: Callable[[bytes], str]
    sign_import: Callable[[bytes], str]

    async def run(self, order: ImportOrder, *, principal: Principal, dry_run: bool) -> HubImport | Refusal:
        """Make the model, pair it and import the people; with `dry_run` say what would come of it, and change nothing."""
        opened = await self.keeper.database.read(lambda session: self._open(session, order, principal))
        if isinstance(opened, Refusal):
            return opened
        standing = HubImport(repo_id=order.repo_id, repository=order.repository, is_new=False)
        if opened.is_kept:
            return standing  # Who is let in there now has accepted here.
        read = await asyncio.to_thread(
            lambda: _fetch(
                self.keeper.open_session(opened.token), order, with_files=opened.is_new, whole=not dry_run
            )
        )
        if not isinstance(read, _Read):
            return read
        found = standing
        if opened.is_new:
            made = await self._make(order, read, principal, dry_run=dry_run)
            if isinstance(made, Refusal):
                return made
            found = made
        people = await self._import_people(order, read.rows, principal, dry_run=dry_run)
        return people if isinstance(people, Refusal) else replace(found, people=people)

    def _open(self, session: Session, order: ImportOrder, principal: Principal) -> _Opened | Refusal:
        publisher = service.authorise_publisher(session, order.publisher, principal=principal)
        if isinstance(publisher, Refusal):
            return publisher
        if not is_repo_id(order.repository):
            return refusals.not_a_repository()
        mirror = _find_standing(session, order, principal)
        if isinstance(mirror, Refusal):
            return mirror
        token = service.find_token(session, publisher.id, sealer=self.keeper.sealer)
        if token is None:
            return refusals.no_token(publisher.name)
        return _Opened(
            token=token, is_new=mirror is None, is_kept=mirror is not None and mirror.kept_since is not None
        )

    async def _make(
        self, order: ImportOrder, read: _Read, principal: Principal, *, dry_run: bool
    ) -> HubImport | Refusal:
        texts = [(path, file.content) for path, file in read.texts if import_choice.is_license(path)]
        terms = await self.keeper.database.read(lambda session: _recognise(session, order, texts))
        if isinstance(terms, Refusal):
            return terms
        reference, match = terms
        found = HubImport(
            repo_id=order.repo_id,
            repository=read.about.id,
            is_new=True,
            license=reference,
            match=match,
            mode=read.mode,
            private=read.about.private,
            revision=read.about.sha or "",
            files=tuple(one.path for one in read.choice.taken)
            if dry_run
            else tuple(p for p, _ in read.texts),
            left=read.left,
        )
        if dry_run:
            return found
        now = self.keeper.clock.now()
        made = await self.keeper.database.write(
            lambda session: self._record(session, order, read, found, principal, now)
        )
        return made if isinstance(made, Refusal) else replace(found, unexplained=made.unexplained)

    def _record(
        self,
        session: Session,
        order: ImportOrder,
        read: _Read,
        found: HubImport,
        principal: Principal,
        now: datetime,
    ) -> Published | Refusal:
        """Publish and pair in one transaction, if nobody has made the model or paired the repository meanwhile."""
        publisher = service.authorise_publisher(session, order.publisher, principal=principal)
        if isinstance(publisher, Refusal):
            return publisher
        catalog.lock_publisher(session, publisher.id)
        standing = _find_standing(session, order, principal)
        if standing is not None:
            return standing if isinstance(standing, Refusal) else refusals.mirror_busy()
        with session.begin_nested() as attempt:
            published = self._publish(session, publisher, order, read, found, principal, now)
            if isinstance(published, Refusal):
                return published
            linked = service.link(
                session,
                publisher=publisher.name,
                name=order.name,
                repository=found.repository,
                principal=principal,
                now=now,
            )
            if isinstance(linked, Refusal):
                attempt.rollback()
                return linked
        return published

    def _publish(
        self,
        session: Session,
        publisher: catalog.PublisherView,
        order: ImportOrder,
        read: _Read,
        found: HubImport,
        principal: Principal,
        now: datetime,
    ) -> Published | Refusal:
        for _, file in read.texts:
            record_blob(session, publisher.id, file.measured, now=now)
        return catalog.publish_release(
            session,
            catalog.PublishRelease(
                publisher=publisher.name,
                name=order.name,
                files=tuple(
                    StatedFile(path=path, sha256=file.measured.sha256, size=file.measured.size)
                    for path, file in read.texts
                ),
                message=f"Imported from {found.repository} at {found.revision[:12]}",
                licenses=(found.license,),
                gate_mode=found.mode,
                private=found.private,
                create=True,
            ),
            principal=principal,
            sign=self.sign_release,
            now=now,
        )

    async def _import_people(
        self, order: ImportOrder, rows: Sequence[Row], principal: Principal, *, dry_run: bool
    ) -> People | Refusal:
        now = self.keeper.clock.now()
        claimed = [one for row in rows if isinstance(one := judge_row(row, now=now), Claimed)]
        total = Imported()
        if not dry_run:
            for start in range(0, len(claimed), ROWS_PER_IMPORT):
                outcome = await self._import_some(
                    order, claimed[start : start + ROWS_PER_IMPORT], principal, now
                )
                if isinstance(outcome, Refusal):
                    return outcome
                total = total.plus(outcome)
        return People(accepted=len(rows), unreadable=len(rows) - len(claimed), imported=total)

    async def _import_some(
        self, order: ImportOrder, rows: Sequence[Claimed], principal: Principal, now: datetime
    ) -> Imported | Refusal:
        command = ImportRows(
            publisher=order.publisher,
            name=order.name,
            source=Source.HUB_REPORT,
            rows=rows,
            invite=order.invite,
        )
        return await self.keeper.database.write(
            lambda session: import_acceptors(
                session,
                command,
                principal=principal,
                issuer=self.keeper.base_url,
                sign=self.sign_import,
                sealer=self.keeper.sealer,
                now=now,
            )
        )


def _find_standing(session: Session, order: ImportOrder, principal: Principal) -> HubMirror | Refusal | None:
    """Return the pairing that an earlier run made; None where neither model nor pairing is there yet."""
    model = catalog.find_model(session, publisher=order.publisher, name=order.name, principal=principal)
    key = order.repository.lower()
    if isinstance(model, Refusal):
        taken = store.is_repository_taken(session, key)
        return refusals.mirror_exists(order.repo_id, order.repository) if taken else None
    mirror = store.find_mirror(session, model.id)
    if mirror is None or mirror.repository_key != key:
        return refusals.model_here(order.repo_id, order.repository)
    return mirror


def _recognise(
    session: Session, order: ImportOrder, texts: Sequence[tuple[str, bytes]]
) -> tuple[str, str] | Refusal:
    """Return the license version that the repository's text is, and how it was compared; exactly one must fit."""
    if order.license:
        return order.license, NOT_COMPARED
    if not texts:
        return refusals.license_unclear(order.repo_id, order.repository, "it has no file LICENSE")
    found: dict[str, str] = {}
    for _, text in texts:
        for version, match in licenses.find_versions_by_text(session, text):
            found[f"{version.slug}@{version.number}"] = match.value
    if len(found) != 1:
        digests = ", ".join(licenses.exact_digest(text) for _, text in texts)
        why = (
            f"its text fits several license versions: {', '.join(sorted(found))}"
            if found
            else f"its text ({digests}) is none that is published here"
        )
        return refusals.license_unclear(order.repo_id, order.repository, why)
    return next(iter(found.items()))


def _fetch(hub: "HubSession", order: ImportOrder, *, with_files: bool, whole: bool) -> _Read | Refusal:
    """Return what the Hub says of the repository, or why it cannot be imported."""
    about = hub.describe(order.repository)
    if isinstance(about, Failed):
        return refusals.hub_said_no(about)
    mode = import_choice.gate_mode(about.gate) if about.gate else None
    if about.id.lower() != order.repository.lower():
        return refusals.not_importable(order.repository, f"the Hub calls it {about.id} now; import that")
    if mode is None:
        return refusals.not_importable(
            order.repository, "it has no gate at the Hub; publish the model here instead"
        )
    rows = hub.list_acceptors(about.id)
    files = hub.list_files(about.id, about.sha) if with_files and about.sha else []
    if isinstance(rows, Failed):
        return refusals.hub_said_no(rows)
    if isinstance(files, Failed):
        return refusals.hub_said_no(files)
    choice = import_choice.choose_files(files)
    wanted = [one for one in choice.taken if whole or import_choice.is_license(one.path)]
    contents = []
    for one in wanted:
        content = _fetch_file(hub, about, one)
        if isinstance(content, Failed):
            return refusals.hub_said_no(content)
        contents.append((one.path, content))
    if with_files and not choice.taken:
        return refusals.not_importable(order.repository, "it has no small text file, not even a card")
    return _Read(about=about, mode=mode, rows=tuple(rows), choice=choice, contents=tuple(contents))


def _fetch_file(hub: "HubSession", about: RepositoryAnswer, file: HubFile) -> SmallFile | Failed:
    """Return a file, if its bytes are those that the list of the commit states."""
    content = hub.read_file(about.id, about.sha or "", file.path)
    if content is None:
        return unreadable("a file of the list")
    if isinstance(content, Failed):
        return content
    found = SmallFile.of(content)
    return (
        found if found.measured.git_oid == file.git_oid else unreadable("a file, by its digest in the list")
    )
