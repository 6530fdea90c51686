"""The README and LICENSE of a repository that follows: looked at with the plan, brought in line after the people are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import catalog, licenses
from registry.hub_sync import store
from registry.hub_sync.applying import Failed, Trouble
from registry.hub_sync.cards import LICENSE, Merged, Side, Terms, merge, put_together, take_apart, want
from registry.hub_sync.tables import HubCard, HubMirror
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.identifiers import sha256

README_FILE = "README.md"
LICENSE_FILE = "LICENSE"


class CardReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found at the last look; the lists name parts of the card."""

    changes: list[str] = []
    kept: list[str] = []
    conflicts: list[str] = []
    trouble: str = ""


class HubFiles(Protocol):
    """The small files of one account's repositories at the Hub."""

    def read_file(self, repo_id: str, revision: str, path: str) -> bytes | Failed | None:
        """Return a file of a commit; None where the commit has none of that name."""
        ...

    def commit(
        self, repo_id: str, files: Mapping[str, bytes], *, parent: str, message: str
    ) -> tuple[str, str] | Failed:
        """Put the files on `main`, if it still is at `parent`; return the new commit and the Hub's name of the request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLook:
    """What would be done about a card."""

    merged: Merged
    files: Mapping[str, bytes]
    """What is to be committed; empty where nothing is left to do."""
    revision: str
    wanted: str
    """Digest of what the registry says."""

    @property
    def report(self) -> CardReport:
        """What maintainers are told."""
        found = self.merged
        return CardReport(changes=found.changes, kept=found.kept, conflicts=found.conflicts)


def terms_of(session: Session, mirror: HubMirror, *, base_url: str) -> Terms:
    """Return what the registry says about the card of a model's repository."""
    model = catalog.get_model(session, mirror.model_id)
    release = catalog.find_current_release(session, model.id)
    asked = model.gate.license_version_ids
    version = licenses.get_version_by_id(session, asked[0]) if len(asked) == 1 else None
    return Terms(
        page=f"{base_url}/{model.repo_id}",
        host=urlsplit(base_url).hostname or base_url,
        card=catalog.find_text(session, release_id=release.id, path=README_FILE) if release else None,
        license=version.text if version else None,
        license_name=f"{version.slug}-{version.number}" if version else "",
        private=model.private,
    )


def look(
    hub: HubFiles, row: HubCard | None, terms: Terms, *, repo_id: str, revision: str, prefer: Side | None
) -> CardLook | Failed:
    """Return what is to be done about the card of a repository at this commit; nothing is changed.

    Of a model that is private here nothing is said: its name, its card and its license are for its publisher alone.
    """
    if terms.private:
        return Failed(trouble=Trouble.WITHHELD, words="the model is private here, so its card stays here")
    readme = hub.read_file(repo_id, revision, README_FILE)
    if isinstance(readme, Failed):
        return readme
    license_text = hub.read_file(repo_id, revision, LICENSE_FILE)
    if isinstance(license_text, Failed):
        return license_text
    theirs = take_apart(readme, license_text)
    if theirs is None:
        return Failed(trouble=Trouble.UNREADABLE, words="the head of the README at the Hub cannot be read")
    base = msgspec.json.decode(row.base, type=dict[str, str | None]) if row else None
    merged = merge(base, want(terms), theirs, prefer=prefer)
    files = {}
    if merged.changes:
        new_readme, new_license = put_together(merged.parts)
        if set(merged.changes) - {LICENSE}:
            files[README_FILE] = new_readme
        if LICENSE in merged.changes and new_license is not None:
            files[LICENSE_FILE] = new_license
    return CardLook(merged=merged, files=files, revision=revision, wanted=digest_of(terms))


def digest_of(terms: Terms) -> str:
    """Return a digest of what the registry says: equal where nothing has changed here."""
    return sha256(
        msgspec.json.encode(
            [terms.page, terms.host, terms.card, terms.license, terms.license_name, terms.private]
        )
    )


def keep_card(
    hub: HubFiles,
    database: Database,
    mirror_id: UUID,
    *,
    repo_id: str,
    revision: str,
    prefer: Side | None,
    base_url: str,
    clock: Clock,
) -> str:
    """Bring README and LICENSE in line with one commit, and return the commit that the repository is at then.

    Where neither side has changed since the last look, nothing is asked. A card that cannot be brought in line holds
    nothing else up: what is wrong is reported.
    """

    def load(session: Session) -> tuple[HubCard | None, Terms]:
        mirror = store.get_mirror(session, mirror_id)
        return store.find_card(session, mirror_id), terms_of(session, mirror, base_url=base_url)

    row, terms = database.read_now(load)
    if row is not None and prefer is None and (row.revision, row.wanted) == (revision, digest_of(terms)):
        return revision
    found = look(hub, row, terms, repo_id=repo_id, revision=revision, prefer=prefer)
    if isinstance(found, Failed):
        _note_trouble(database, mirror_id, found, now=clock.now())
        return revision
    if found.files:
        begun = clock.now()
        database.write_now(lambda session: store.change_card(session, mirror_id, begun_at=begun))
        message = f"Say that access is decided at {terms.host}"
        done = hub.commit(repo_id, found.files, parent=revision, message=message)
        if isinstance(done, Failed):
            _note_trouble(database, mirror_id, done, now=clock.now())
            return revision
        revision, request_id = done
        committed: dict[str, object] = {
            "committed": revision,
            "committed_at": clock.now(),
            "hub_request_id": request_id,
        }
    else:
        committed = {}
    values = {
        "revision": revision,
        "wanted": found.wanted,
        "base": msgspec.json.encode(found.merged.base),
        "report": msgspec.json.encode(found.report),
        **committed,
    }
    database.write_now(lambda session: store.change_card(session, mirror_id, **values))
    return revision


def _note_trouble(database: Database, mirror_id: UUID, failed: Failed, *, now: datetime) -> None:
    """Note why a card was not brought in line; the next pass tries again."""
    report = msgspec.json.encode(CardReport(trouble=f"{failed.trouble.value}: {failed.words}"[:300]))
    database.write_now(
        lambda session: store.change_card(session, mirror_id, revision="", report=report, looked_at=now)
    )
