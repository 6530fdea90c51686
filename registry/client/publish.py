"""`gatehouse publish`: a folder becomes a release.

1. ask whether the licenses carry on what comes with the bases (`restrictions`)
2. where a license text was given, publish that license version
3. walk the folder and hash every file
4. ask the registry which bytes it lacks, and send those to the store (`upload`)
5. wait until the registry has hashed what arrived
6. publish the release: one commit over the whole folder
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from registry.client import restrictions
from registry.client.answers import PublishedRelease, Upload, UploadState
from registry.client.api import Registry, parse_license_version
from registry.client.errors import ClientError, Malformed, NotFound, UnsafePath, UsageProblem, printable
from registry.client.folder import STATE_FOLDER, check_relative_path
from registry.client.progress import Progress
from registry.client.restrictions import NewLicense
from registry.client.upload import CONNECTIONS, LocalFile, Uploading, await_verification

FILES_MAX_COUNT = 100_000
PLAN_FILES_AT_ONCE = 500
HASH_THREADS = 4
HASH_BLOCK_BYTES = 1 << 20
LICENSE_TEXT_MAX_BYTES = 1 << 20
TITLE_MAX_CHARACTERS = 200
LEFT_OUT_FOLDERS = frozenset({".git", STATE_FOLDER, "__pycache__", ".ipynb_checkpoints"})
LEFT_OUT_FILES = frozenset({".DS_Store", "Thumbs.db"})
LEFT_OUT_PATHS = frozenset({".cache/huggingface"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """What to publish, as what, behind which terms."""

    folder: Path
    publisher: str
    name: str
    licenses: tuple[str, ...]
    """`slug@number` of each license version that the gate demands; none for a model that exists."""
    license_file: Path | None = None
    """Text of the (single) license version, for one that the registry does not have yet."""
    purposes: Mapping[str, str] = field(default_factory=dict)
    """Why the questions of the card are asked, by their labels; of a new model's gate."""
    gate_mode: str | None = None
    """Of a new model's gate; where the model exists, none or the same as its gate's."""
    message: str = ""
    ref: str = "main"
    connections: int = CONNECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """A published release, and what it took."""

    release: PublishedRelease
    files: tuple[LocalFile, ...]
    sent_bytes: int
    seconds: float


def publish(
    registry: Registry,
    order: PublishOrder,
    *,
    progress: Progress,
    pause: Callable[[float], None] = time.sleep,
) -> PublishResult:
    """Return when the folder is a release that others can resolve.

    Raises:
        Refused, Invalid: the registry does not take it, and says why.
        VerificationFailed: what arrived in the store is not what was stated.
        ClientError: anything else that stopped it; parts that arrived stay for the next run.
    """
    started = time.monotonic()
    for reference in order.licenses:
        parse_license_version(reference)
    new_license = find_new_license(registry, order)
    if not order.licenses:
        _require_model(registry, order)
    # Before the license is published: what it restricts cannot be stated afterwards.
    comparison = _compare(registry, order, new_license)
    restrictions.check(registry, order.publisher, order.name, comparison, license_file=order.license_file)
    if new_license is not None:
        publish_license(registry, new_license, progress=progress)
    try:
        files = hash_files(find_files(order.folder), progress=progress)
        lacking = _plan(registry, order, files)
        open_uploads = [pair for pair in lacking if pair[0].state is UploadState.OPEN]
        if open_uploads:
            progress.begin(f"Sending {len(open_uploads)} file(s)", sum(file.size for _, file in open_uploads))
            Uploading(registry, progress=progress, connections=order.connections).run(open_uploads)
        if lacking:
            await_verification(registry, lacking, progress=progress, pause=pause)
    finally:
        progress.end()
    body: dict[str, object] = {
        "message": order.message or f"Publish {order.folder.resolve().name}",
        "ref": order.ref,
        "files": [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files],
        "licenses": list(order.licenses),
        # Without a license named, nothing is created: a slip of the pen must not make an open gate.
        "create": bool(order.licenses),
    }
    if order.purposes:
        body["purposes"] = dict(order.purposes)
    if order.gate_mode is not None:
        body["gate_mode"] = order.gate_mode
    release = registry.publish_release(order.publisher, order.name, body)
    return PublishResult(
        release=release,
        files=files,
        sent_bytes=sum(file.size for _, file in open_uploads),
        seconds=time.monotonic() - started,
    )


def compare_restrictions(registry: Registry, order: PublishOrder) -> restrictions.Comparison:
    """Return what the release would have to carry on; nothing is sent but the card and a new license's text."""
    for reference in order.licenses:
        parse_license_version(reference)
    return _compare(registry, order, find_new_license(registry, order))


def _compare(
    registry: Registry, order: PublishOrder, new_license: NewLicense | None
) -> restrictions.Comparison:
    return restrictions.compare(
        registry,
        order.publisher,
        order.name,
        folder=order.folder,
        licenses=order.licenses,
        new_license=new_license,
    )


def _require_model(registry: Registry, order: PublishOrder) -> None:
    try:
        registry.explain(order.publisher, order.name)
    except NotFound:
        raise UsageProblem(
            f"there is no model {order.publisher}/{order.name} yet; a new one takes a license",
            advice=("Name what users have to accept: --license SLUG@NUMBER",),
        ) from None


def find_files(folder: Path) -> list[tuple[str, Path]]:
    """Return path in the release and source of each file below `folder`, sorted; leaves out `.git` and caches.

    Raises:
        UsageProblem: there is no such folder, or no file in it.
        UnsafePath: a link leads outside the folder, or a name cannot stand in a release.
    """
    if not folder.is_dir():
        raise UsageProblem(f"not a folder: {folder}")
    root = folder.resolve()
    found = sorted(_walk(root, root))
    if not found:
        raise UsageProblem(f"there is no file in {folder}")
    if len(found) > FILES_MAX_COUNT:
        raise UsageProblem(f"{folder} has more than {FILES_MAX_COUNT} files")
    return found


def _walk(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path).relative_to(root).as_posix()
            if entry.name in LEFT_OUT_FILES | LEFT_OUT_FOLDERS or path in LEFT_OUT_PATHS:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, Path(entry.path))
            else:
                yield check_relative_path(path), _source_of(Path(entry.path), root, path)


def _source_of(entry: Path, root: Path, path: str) -> Path:
    """Return the file that an entry stands for: itself, or what a link within the folder points to."""
    source = entry.resolve()
    # A link to anywhere else could publish somebody's private key.
    if entry.is_symlink() and not source.is_relative_to(root):
        raise UnsafePath(
            f"{printable(path)} is a link to outside the folder",
            advice=("Put a copy in its place (cp -rL FOLDER COPY), or remove it.",),
        )
    if not source.is_file():
        raise UnsafePath(f"{printable(path)} is neither a file nor a folder", advice=("Remove it.",))
    return source


def hash_files(found: Sequence[tuple[str, Path]], *, progress: Progress) -> tuple[LocalFile, ...]:
    """Return every file with its size and SHA-256."""
    progress.begin(f"Hashing {len(found)} file(s)", sum(source.stat().st_size for _, source in found))
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        return tuple(pool.map(lambda pair: _hash_file(pair[0], pair[1], progress), found))


def _hash_file(path: str, source: Path, progress: Progress) -> LocalFile:
    hasher, size = hashlib.sha256(), 0
    try:
        with source.open("rb", buffering=0) as opened:
            modified_ns = os.fstat(opened.fileno()).st_mtime_ns
            while block := opened.read(HASH_BLOCK_BYTES):
                hasher.update(block)
                size += len(block)
                progress.advance(len(block))
    except OSError as error:
        raise ClientError(f"cannot read {printable(path)}: {os.strerror(error.errno or 0)}") from None
    return LocalFile(path=path, source=source, size=size, modified_ns=modified_ns, sha256=hasher.hexdigest())


def _plan(
    registry: Registry, order: PublishOrder, files: Sequence[LocalFile]
) -> list[tuple[Upload, LocalFile]]:
    """Return the uploads of bytes that the registry does not have, each with one file that holds them."""
    holders = {file.sha256: file for file in files}
    digests = list(holders)
    lacking: list[tuple[Upload, LocalFile]] = []
    for start in range(0, len(digests), PLAN_FILES_AT_ONCE):
        asked = digests[start : start + PLAN_FILES_AT_ONCE]
        stated = [(digest, holders[digest].size) for digest in asked]
        for upload in registry.plan_uploads(order.publisher, order.name, stated):
            file = holders.get(upload.sha256)
            if file is None or file.size != upload.size:
                raise Malformed("the registry plans an upload that was not asked for")
            if upload.state is not UploadState.STORED:
                lacking.append((upload, file))
    return lacking


def find_new_license(registry: Registry, order: PublishOrder) -> NewLicense | None:
    """Return the license version that has to be published first; None where the registry has exactly this text.

    Raises:
        UsageProblem: it is not clear which version the text belongs to.
        ClientError: the version exists with another text.
    """
    if order.license_file is None:
        return None
    if len(order.licenses) != 1:
        raise UsageProblem("--license-file goes with exactly one --license")
    slug, number = parse_license_version(order.licenses[0])
    data = read_license_text(order.license_file)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    try:
        known = registry.get_license_version(slug, number).text("sha256")
    except NotFound:
        return NewLicense(slug=slug, number=number, title=title_of(data), text=data.decode(), digest=digest)
    if known != digest:
        raise ClientError(
            f"{slug}@{number} is published with another text: got {digest}, expected {known}",
            advice=("A published text never changes. Give your text the next number.",),
        )
    return None


def publish_license(registry: Registry, license_: NewLicense, *, progress: Progress) -> None:
    """Return when the registry has the text as the first version of a license."""
    registry.add_license_version({**license_.body(), "change_class": "initial"})
    progress.say(f"Published the license {license_.reference}, {license_.digest}")


def read_license_text(path: Path) -> bytes:
    """Return the bytes of a license text.

    Raises:
        ClientError: it cannot be read, is too long, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LICENSE_TEXT_MAX_BYTES + 1)
    except OSError as error:
        raise ClientError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
    if len(data) > LICENSE_TEXT_MAX_BYTES:
        raise ClientError(f"{path} is longer than {LICENSE_TEXT_MAX_BYTES} bytes: it is not a license text")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise ClientError(f"{path} is not UTF-8: byte {error.start}") from None
    return data


def title_of(data: bytes) -> str:
    """Return the first line of a license text that says something, without Markdown marks."""
    lines = (line.strip(" \t#*_=-\ufeff") for line in data.decode().splitlines())
    return next((line for line in lines if line), "License")[:TITLE_MAX_CHARACTERS]
