"""Releases and their files as the hot path finds them; both are immutable, so files are remembered in memory."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from registry import access
from registry.access.giving_up import UPDATE_SQL
from registry.access.single_facts import UpdateFact
from registry.delivery.domain import FileRequest, ServedFile
from registry.kernel.identifiers import is_commit_id
from registry.kernel.statements import Statements

REMEMBERED_FILES = 20_000

_COMMIT_SQL = "SELECT id, commit_id FROM release WHERE model_id = :model_id AND commit_id = :revision"
_REF_SQL = """
SELECT e.id, e.commit_id FROM ref f JOIN release e ON e.id = f.release_id
 WHERE f.model_id = :model_id AND f.name = :revision
"""
_FILE_SQL = """
SELECT f.size, f.sha256, f.git_oid, f.large, b.storage_key, b.content
  FROM release_file f JOIN blob b ON b.sha256 = f.sha256
 WHERE f.release_id = :release_id AND f.path = :path
"""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the database holds about a file of a release; immutable."""

    release_id: UUID
    served: ServedFile
    storage_key: str
    content: bytes | None


class Files:
    """Files of releases; one per process."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self._known: OrderedDict[tuple[UUID, str], StoredFile] = OrderedDict()

    def find(self, connection: Any, model_id: UUID, file: FileRequest) -> StoredFile | str | None:
        """Return the file; the commit where it has none of this path; None where there is no such revision."""
        sql = self._sql
        if is_commit_id(file.revision):
            known = self._known.get((model_id, f"{file.revision}/{file.path}"))
            if known is not None:
                return known
        release = self._find_release(connection, model_id, file.revision)
        if release is None:
            return None
        release_id, commit = release
        key = (model_id, f"{commit}/{file.path}")
        known = self._known.get(key)
        if known is not None:
            return known
        by_path = {"release_id": sql.bind_id(release_id), "path": file.path}
        (rows,) = sql.fetch_many(connection, _FILE_SQL, [by_path])
        if not rows:
            return str(commit)
        size, sha256, git_oid, large, storage_key, content = rows[0]
        served = ServedFile(
            commit=commit, path=file.path, size=size, sha256=sha256, git_oid=git_oid, large=bool(large)
        )
        stored = StoredFile(
            release_id=release_id,
            served=served,
            storage_key=storage_key,
            content=bytes(content) if content is not None and not large else None,
        )
        if stored.content is None or len(stored.content) < 4096:
            self._known[key] = stored
            if len(self._known) > REMEMBERED_FILES:
                self._known.popitem(last=False)
        return stored

    def _find_release(self, connection: Any, model_id: UUID, revision: str) -> tuple[UUID, str] | None:
        """Return id and commit of the release that a commit id, branch or tag names."""
        statement = _COMMIT_SQL if is_commit_id(revision) else _REF_SQL
        given = {"model_id": self._sql.bind_id(model_id), "revision": revision}
        (releases,) = self._sql.fetch_many(connection, statement, [given])
        return (self._sql.read_id(releases[0][0]), releases[0][1]) if releases else None

    def with_update(
        self, connection: Any, gathered: access.Gathered, file: FileRequest, now: datetime
    ) -> access.Gathered:
        """Return the facts with whether the release asked for is to be given up; few models have such releases."""
        sql, model_id = self._sql, gathered.facts.model_id
        found = self._find_release(connection, model_id, file.revision)
        if found is None:
            return gathered
        given = {"model_id": sql.bind_id(model_id), "release_id": sql.bind_id(found[0])}
        (rows,) = sql.fetch_many(connection, UPDATE_SQL, [given])
        if not rows:
            return gathered
        replacement, moment, reason, since = rows[0]
        update_by = sql.read_moment(moment)
        update = UpdateFact(
            replacement=replacement,
            update_by=update_by,
            reason=reason,
            since=sql.read_moment(since),
            is_due=now >= update_by,
        )
        return replace(gathered, facts=replace(gathered.facts, update=update))
