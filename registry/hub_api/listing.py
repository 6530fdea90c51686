"""A release's files as the tree that the Hub shows: immutable, the same for everybody."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.catalog.domain import FileView

_FILE_MODE = b"100644"
_FOLDER_MODE = b"40000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder; its oid is the id that git gives a tree of these names and blobs."""

    path: str
    oid: str


Entry = FileView | Folder


class Listing:
    """Every file and folder of one release, by path."""

    def __init__(self, files: Iterable[FileView]) -> None:
        children: dict[str, list[Entry]] = {"": []}
        for file in files:
            parent = _parent(file.path)
            folder = parent
            while folder not in children:
                children[folder] = []
                folder = _parent(folder)
            children[parent].append(file)
        # The deepest first, so that a folder's own folders are known when its id is computed.
        for path in sorted(children, key=lambda path: path.count("/"), reverse=True):
            if path:
                children[_parent(path)].append(Folder(path=path, oid=tree_oid(children[path])))
        self._children = {path: tuple(sorted(found, key=_key)) for path, found in children.items()}
        self._entries = sorted((entry for found in children.values() for entry in found), key=_key)
        self._keys = [_key(entry) for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def files(self) -> Sequence[FileView]:
        """Every file, by path."""
        return [entry for entry in self._entries if isinstance(entry, FileView)]

    def find(self, path: str) -> Entry | None:
        """Return the file or folder at `path`."""
        key = path.encode()
        at = bisect_left(self._keys, key)
        return self._entries[at] if at < len(self._keys) and self._keys[at] == key else None

    def page(
        self, folder: str, *, recursive: bool, after: str | None, limit: int
    ) -> tuple[Sequence[Entry], bool] | None:
        """Return the entries of `folder` that follow `after`, and whether more do; None if there is no such folder."""
        if folder not in self._children:
            return None
        if not recursive:
            children = self._children[folder]
            start = bisect_right(children, after.encode(), key=_key) if after is not None else 0
            return children[start : start + limit], start + limit < len(children)
        first = bisect_left(self._keys, f"{folder}/".encode()) if folder else 0
        # "/" + 1 is "0": every path below the folder lies between these two.
        last = bisect_left(self._keys, f"{folder}0".encode()) if folder else len(self._keys)
        if after is not None:
            first = max(first, bisect_right(self._keys, after.encode()))
        return self._entries[first : min(last, first + limit)], first + limit < last


def tree_oid(entries: Iterable[Entry]) -> str:
    """Return the id of a git tree object; folders sort as if their names ended with a slash (git "Git Objects")."""
    rows = []
    for entry in entries:
        name = entry.path.rpartition("/")[2].encode()
        if isinstance(entry, Folder):
            rows.append((name + b"/", _FOLDER_MODE + b" " + name + b"\0" + bytes.fromhex(entry.oid)))
        else:
            rows.append((name, _FILE_MODE + b" " + name + b"\0" + bytes.fromhex(entry.git_oid)))
    body = b"".join(row for _, row in sorted(rows))
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _key(entry: Entry) -> bytes:
    return entry.path.encode()
