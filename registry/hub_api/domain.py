"""The Hub's words: what an address names, what part of a file is asked for, pages of a listing, tags.

Addresses are read from the undecoded path, each segment decoded once: `refs%2Fpr%2F3` is one revision, and
what is encoded twice stays encoded and names nothing.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote, urlencode

from registry.catalog.domain import DEFAULT_BRANCH
from registry.delivery import domain as delivery
from registry.delivery.domain import PATH_MAX_BYTES, no_such_file, no_such_model, no_such_revision
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal, Remedy

REVISION_MAX_CHARACTERS = 250
TREE_PAGE_MAX_ENTRIES = 1_000
"""Entries in one page of a listing, as on the Hub."""
TREE_PAGE_MAX_EXPANDED = 50
"""The same where each entry tells more."""
COMMITS_PAGE_MAX = 50
PATHS_MAX_COUNT = 1_000
"""Paths that one paths-info request may name."""
CURSOR_MAX_CHARACTERS = 2_000
TRUTHS = frozenset({"1", "true", "yes", "on"})

FILE_WORDS = frozenset(word.encode() for word in delivery.FILE_WORDS)
"""Third parts of the undecoded addresses of files."""
_HUB_PREFIXES = (
    *(b"/api/models", b"/api/datasets", b"/api/spaces", b"/api/whoami-v2", b"/api/repos/", b"/oauth/"),
    b"/api/validate-yaml",
)
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")
_TAG_BREAKS = re.compile(r"[\s,]+")


class Verb(StrEnum):
    """What is asked about a model; the segment after its name."""

    INFO = "info"
    REVISION = "revision"
    TREE = "tree"
    PATHS_INFO = "paths-info"
    REFS = "refs"
    COMMITS = "commits"
    AUTH_CHECK = "auth-check"
    PREUPLOAD = "preupload"
    COMMIT = "commit"
    TAG = "tag"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPath:
    """What an address under `/api/models/` names."""

    publisher: str
    name: str
    verb: Verb
    revision: str | None = None
    path: str = ""
    """A folder for the tree, empty for the root; `write` for the check of write access."""

    @property
    def branch(self) -> str:
        """The branch that the revision names."""
        return (self.revision or "").removeprefix("refs/heads/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Part of a file: from `start` up to and without `end`."""

    start: int
    end: int


class RangeKind(StrEnum):
    """What a `Range` header comes to where it is not a single part."""

    WHOLE = "whole"
    UNSATISFIABLE = "unsatisfiable"


def parse_model_path(raw_path: bytes) -> ModelPath | Refusal:
    """Return what `/api/models/{publisher}/{name}[/{verb}[/{revision}[/{path}]]]` names.

    Looks at letters only, so that the answer is the same whether or not the model exists.
    """
    segments = _decode(raw_path)
    if segments is None or segments[:3] != ["", "api", "models"] or len(segments) < 5:
        return no_such_model()
    publisher, name, rest = segments[3], segments[4], segments[5:]
    if not is_name(publisher) or not is_name(name):
        return no_such_model()
    if not rest:
        return ModelPath(publisher=publisher, name=name, verb=Verb.INFO)
    verb = next((word for word in Verb if word.value == rest[0] and word is not Verb.INFO), None)
    arguments = rest[1:]
    if verb is None:
        return not_offered()
    if verb in {Verb.REFS, Verb.AUTH_CHECK}:
        if arguments and (verb is Verb.REFS or arguments != ["write"]):
            return not_offered()
        return ModelPath(publisher=publisher, name=name, verb=verb, path="".join(arguments))
    if not arguments or not is_revision(arguments[0]):
        return no_such_revision(publisher, name)
    folder = "/".join(arguments[1:]).removesuffix("/")
    if folder and (verb is not Verb.TREE or not is_file_path(folder)):
        return no_such_file(publisher, name)
    return ModelPath(
        publisher=publisher, name=name, verb=verb, revision=named_revision(arguments[0]), path=folder
    )


def _decode(raw_path: bytes) -> list[str] | None:
    if len(raw_path) > PATH_MAX_BYTES:
        return None
    try:
        text = raw_path.decode("ascii")
        return [unquote(segment, encoding="utf-8", errors="strict") for segment in text.split("/")]
    except UnicodeDecodeError:
        return None


def is_revision(text: str) -> bool:
    """Whether `text` could name a branch, a tag or a commit at all."""
    return 0 < len(text) <= REVISION_MAX_CHARACTERS and text.isprintable()


def named_revision(text: str) -> str:
    """Return what a revision means: `HEAD`, as git and huggingface.js say, is the default branch."""
    return DEFAULT_BRANCH if text == "HEAD" else text


def is_file_path(text: str) -> bool:
    """Whether `text` could name a file or folder of a release."""
    return all(
        part not in {"", ".", ".."} and "\\" not in part and "\x00" not in part for part in text.split("/")
    )


def is_hub_path(raw_path: bytes) -> bool:
    """Whether programs made for the Hub ask at this address, so that errors must look like the Hub's."""
    if raw_path.startswith(_HUB_PREFIXES):
        return True
    parts = raw_path.split(b"/", 4)
    return len(parts) == 5 and (parts[3] in FILE_WORDS or parts[2].endswith(b".git"))


def not_offered() -> Refusal:
    """Return the refusal of a Hub route that this registry does not have."""
    return Refusal(
        code="hub-route-unknown",
        status=404,
        title="This registry does not offer that part of the Hub's API",
        detail="It answers model info, listings, files, refs, commits, checks of access, uploads and whoami.",
        remedy=Remedy(text="Use the registry's own pages and commands for the rest", url="/"),
    )


def only_models() -> Refusal:
    """Return the refusal of a dataset, a Space or another kind of repository."""
    return Refusal(
        code="only-models",
        status=404,
        title="This registry holds models only, no datasets and no Spaces",
        detail="Nothing was sent.",
        remedy=Remedy(text="Look through its models", url="/"),
    )


def no_pull_requests(repo_id: str) -> Refusal:
    """Return the refusal of a commit that is only proposed."""
    return Refusal(
        code="pull-requests-not-offered",
        status=400,
        title="This registry has no pull requests",
        detail="Who may publish a release does so at once. Nothing was published.",
        remedy=Remedy(text=f"Commit without create_pr, to a branch of {repo_id}"),
    )


def model_stays(repo_id: str) -> Refusal:
    """Return the refusal of a model's end, or of another name for it."""
    return Refusal(
        code="model-stays",
        status=409,
        title=f"{repo_id} stays, and keeps its name",
        detail="People have accepted its license under this name, and their receipts say so. Nothing was changed.",
        remedy=Remedy(text="Close its gate, so that nobody gets its files any more", url=f"/{repo_id}/gate"),
    )


def link_not_good() -> Refusal:
    """Return the refusal of an address that completes no upload, or does not any more."""
    return Refusal(
        code="upload-link-expired",
        status=403,
        title="This link does not complete an upload, or does so no longer",
        detail="Links of an upload are good for a day. What was sent is kept for a week. Nothing was changed.",
        remedy=Remedy(text="Run the same upload again; it goes on with new links"),
    )


def still_verifying(count: int) -> Refusal:
    """Return the refusal of a commit whose bytes have arrived and are not hashed yet."""
    return Refusal(
        code="still-verifying",
        status=503,
        title=f"{count:,} of the files are still being verified",
        detail="Every byte has arrived and is kept. Nothing was published.",
        remedy=Remedy(text="Run the same upload again in a minute; nothing is sent twice"),
    )


def malformed_query(name: str, expected: str) -> Refusal:
    """Return the refusal of a query value that cannot be read."""
    return Refusal(
        code="malformed-request",
        status=400,
        title=f"The value of {name} cannot be read",
        detail=f"Expected {expected}.",
        remedy=Remedy(text="Mend it, then ask again"),
    )


def select_range(header: str | None, size: int) -> Span | RangeKind:
    """Return the part of `size` bytes that a `Range` header selects (RFC 9110 §14).

    Several ranges, other units and nonsense count as no range, which the RFC allows.
    """
    found = _RANGE.match(header.strip()) if header else None
    if found is None or found.group(0) == "bytes=-":
        return RangeKind.WHOLE
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return Span(start=size - length, end=size) if length else RangeKind.UNSATISFIABLE
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return RangeKind.WHOLE
    return Span(start=start, end=end) if start < size else RangeKind.UNSATISFIABLE


def is_true(text: str | None) -> bool:
    """Whether a query or form value says yes; clients write `true`, `True` and `1`."""
    return text is not None and text.lower() in TRUTHS


def split_filters(values: Sequence[str]) -> tuple[str, ...]:
    """Return the tags that `filter` parameters name, repeated or separated by commas."""
    return tuple(tag for value in values for tag in _TAG_BREAKS.split(value) if tag)


def encode_cursor(text: str) -> str:
    """Return a place in a listing as one opaque word."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(word: str) -> str | None:
    """Return the place that `encode_cursor` wrote, or None."""
    if len(word) > CURSOR_MAX_CHARACTERS or not word.isascii():
        return None
    try:
        return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def next_link(base_url: str, path: str, query: Sequence[tuple[str, str]], *, after: str | None) -> str:
    """Return the `Link` header (RFC 8288) to the next page: absolute, with every parameter of this one."""
    kept = [(name, value) for name, value in query if name != "cursor"]
    if after is not None:
        kept.append(("cursor", encode_cursor(after)))
    return f'<{base_url}{path}{"?" if kept else ""}{urlencode(kept)}>; rel="next"'


def api_path(publisher: str, name: str, *rest: str) -> str:
    """Return the path of a model's route, each part encoded once."""
    return "/".join(["/api/models", quote(publisher), quote(name), *(quote(part, safe="") for part in rest)])


def lfs_pointer_size(sha256: str, size: int) -> int:
    """Return how long the Git LFS pointer of such a file is (git-lfs specification, version 1)."""
    return len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")


def tags_of(card: Mapping[str, Sequence[str]], slugs: Sequence[str]) -> list[str]:
    """Return a model's tags as the Hub makes them: the card's words, then what they are about, each once.

    `card` maps a prefix to its values; values of the prefix "" stand as they are. The licenses that the gate
    asks for are tags too, whatever the card says.
    """
    tags = [
        f"{prefix}:{value}" if prefix else value
        for prefix, values in [*card.items(), ("license", slugs)]
        for value in values
    ]
    return list(dict.fromkeys(tags))
