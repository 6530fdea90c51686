"""What goes in and out where releases are made by the Hub's API (huggingface_hub `create_commit` and `create_repo`)."""

from typing import Annotated, Any

import msgspec

from registry.catalog.manifests import FILE_MAX_BYTES, PATH_MAX_BYTES
from registry.catalog.small_files import SMALL_MAX_BYTES

PREUPLOAD_MOST_FILES = 1_000
"""The client asks about 256 at once."""
SMALL_MOST_BYTES = 100 * 1024 * 1024
"""Bytes of small files that one commit takes in its body; what comes after goes by LFS."""
IGNORE_MOST_CHARACTERS = 64 * 1024
CARD_MOST_CHARACTERS = 2_000_000

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=PATH_MAX_BYTES)]
Json = dict[str, Any]


class FileIn(msgspec.Struct, frozen=True):
    """A file that is to be sent; its first bytes are not needed to say how."""

    path: Path
    size: Annotated[int, msgspec.Meta(ge=0, le=FILE_MAX_BYTES)]


class PreuploadIn(msgspec.Struct, frozen=True):
    """Files of a commit to be."""

    files: Annotated[list[FileIn], msgspec.Meta(min_length=1, max_length=PREUPLOAD_MOST_FILES)]
    gitIgnore: Annotated[str, msgspec.Meta(max_length=IGNORE_MOST_CHARACTERS)] | None = None  # noqa: N815 - the Hub's name
    """The `.gitignore` that is sent along, or is meant instead of the one that stands."""


class CreateIn(msgspec.Struct, frozen=True):
    """A repository that should be there."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    organization: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    type: str = "model"
    private: bool | None = None
    visibility: str | None = None
    """What newer clients say instead of `private`."""
    files: list[msgspec.Raw] | None = None
    """What huggingface.js may send along; a commit takes them."""


class MoveIn(msgspec.Struct, frozen=True):
    """A repository that should have another name."""

    fromRepo: Annotated[str, msgspec.Meta(max_length=200)]  # noqa: N815 - the Hub's name


class BranchIn(msgspec.Struct, frozen=True):
    """Where a branch begins."""

    startingPoint: Annotated[str, msgspec.Meta(max_length=250)] | None = None  # noqa: N815 - the Hub's name


class TagIn(msgspec.Struct, frozen=True):
    """A name for a release; a message is not kept."""

    tag: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class CardIn(msgspec.Struct, frozen=True):
    """A card whose metadata are to be read."""

    content: Annotated[str, msgspec.Meta(max_length=CARD_MOST_CHARACTERS)]


def view_mode(file: FileIn, *, small_left: int, oid: tuple[str, str] | None, ignored: bool = False) -> Json:
    """Return how a file is sent; `oid` holds the ids of what stands at its path, as a small and as a large file."""
    small = file.size <= min(SMALL_MAX_BYTES, small_left)
    view: Json = {
        "path": file.path,
        "uploadMode": "regular" if small else "lfs",
        "shouldIgnore": ignored,
    }
    return view | ({"oid": oid[0] if small else oid[1]} if oid else {})


def view_commit(base_url: str, repo_id: str, commit: str) -> Json:
    """Return a commit that stands; clients cut the model's address out of its URL."""
    return {
        "success": True,
        "commitOid": commit,
        "commitUrl": f"{base_url}/{repo_id}/commit/{commit}",
        "hookOutput": "",
    }
