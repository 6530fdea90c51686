"""`gatehouse pull`: everything of a release, verified, into a folder.

 1. ask for the model: which commit the revision names, and whether the caller may have the files
 2. where something is missing, say what and where; with `wait`, ask again until a person has acted in the browser
 3. take the signed manifest and verify it against the registry's keys (`release.verify_release`)
 4. choose files, skip those that are there with the right SHA-256
 5. fetch the rest; a file gets its name only after its SHA-256 is right (`download`, `partial`)

Nothing here accepts a license: that is an act of a person in a browser.
"""

import fnmatch
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from registry.client.answers import Decision, ModelInfo
from registry.client.api import Registry
from registry.client.download import CONNECTIONS, Download
from registry.client.errors import ClientError, NotFound, Unavailable, UsageProblem, VerificationFailed
from registry.client.folder import TargetFolder
from registry.client.keys import PublicKey
from registry.client.progress import Progress, in_words
from registry.client.release import Release, ReleaseFile, verify_release
from registry.client.transport import Redirect

OPEN_FILES = frozenset({"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"})
"""Readable without acceptance, at the root of a release."""
POLL_FIRST_SECONDS = 2.0
POLL_GROWTH = 1.25
POLL_MAX_SECONDS = 4.0
HASH_THREADS = 4
HASH_BLOCK_BYTES = 1 << 20
SPARE_BYTES = 16 << 20
"""Room that stays free on the disk beside the files."""


class FileState(StrEnum):
    """What a pull has done about a file."""

    FETCHED = "fetched"
    ALREADY_THERE = "already-there"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOrder:
    """What to pull and how."""

    publisher: str
    name: str
    folder: Path
    revision: str = "main"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    wait: bool = False
    connections: int = CONNECTIONS
    pinned: tuple[PublicKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledFile:
    """One file in its place."""

    path: str
    size: int
    sha256: str
    state: FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """The outcome of a pull: every file has the digest that the signed manifest states."""

    folder: Path
    release: Release
    files: tuple[PulledFile, ...]
    fetched_bytes: int
    resumed_bytes: int
    """Bytes that an earlier run had fetched."""
    seconds: float
    until: str
    """When the right to the files ends by itself; empty: it does not."""
    note: str
    """What to do before that."""


def pull(
    registry: Registry,
    order: PullOrder,
    *,
    progress: Progress,
    pause: Callable[[float], None] = time.sleep,
) -> Pulled:
    """Return when the chosen files of the release are in the folder, verified.

    Raises:
        Refused: something is missing; the error says what, where to act, and who decides.
        VerificationFailed: what the registry or the store sent is not what was signed.
        ClientError: anything else that stopped it; what was fetched stays for the next run.
    """
    model = registry.get_model(order.publisher, order.name, revision=order.revision)
    if model.commit is None:
        raise NotFound(f"{order.publisher}/{order.name} has no release yet")
    access = _await_access(registry, order, model, progress=progress, pause=pause)
    release = _fetch_release(registry, order, model, model.commit, progress)
    chosen = choose_files(release.files, include=order.include, exclude=order.exclude)
    folder = TargetFolder(order.folder)
    started = time.monotonic()
    try:
        missing = _find_missing(folder, chosen, progress)
        _check_room(folder, missing)

        def locate(file: ReleaseFile) -> Redirect | bytes:
            return registry.locate(order.publisher, order.name, commit=release.commit, path=file.path)

        download = Download(folder=folder, locate=locate, progress=progress, connections=order.connections)
        if missing:
            progress.begin(f"Pulling {len(missing)} file(s)", sum(file.size for file in missing))
            download.run(missing)
    finally:
        progress.end()
        folder.close()
    fetched = frozenset(file.path for file in missing)
    return Pulled(
        folder=order.folder,
        release=release,
        files=tuple(
            PulledFile(
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                state=FileState.FETCHED if file.path in fetched else FileState.ALREADY_THERE,
            )
            for file in chosen
        ),
        fetched_bytes=download.fetched_bytes,
        resumed_bytes=download.resumed_bytes,
        seconds=time.monotonic() - started,
        until=access.until if access.permitted else "",
        note=access.detail if access.permitted else "",
    )


def choose_files(
    files: Sequence[ReleaseFile], *, include: Sequence[str], exclude: Sequence[str]
) -> tuple[ReleaseFile, ...]:
    """Return the files that a pattern of `include` names (all, if there is none) and none of `exclude`.

    Raises:
        UsageProblem: no file is left.
    """
    chosen = tuple(
        file
        for file in files
        if (not include or _matches(file.path, include)) and not _matches(file.path, exclude)
    )
    if not chosen:
        raise UsageProblem(
            "no file of the release fits --include and --exclude",
            advice=("See what there is: gatehouse info publisher/model",),
        )
    return chosen


def _matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a shell pattern names `path`; `*` also stands for slashes, a folder stands for what is in it."""
    return any(
        fnmatch.fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns
    )


def _await_access(
    registry: Registry,
    order: PullOrder,
    model: ModelInfo,
    *,
    progress: Progress,
    pause: Callable[[float], None],
) -> Decision:
    """Return the decision when the registry permits the download, or when only open files are asked for.

    Raises:
        Refused: it does not, and waiting was not asked for or cannot help.
    """
    decision = model.access
    if decision.permitted:
        _say_until(decision, progress)
    if decision.permitted or _asks_for_open_files_only(order, model):
        return decision
    is_signed_in = registry.session.is_signed_in
    if not order.wait or not is_signed_in:
        raise decision.refusal(is_signed_in=is_signed_in)
    _say_refusal(decision, progress)
    progress.say("Waiting; this goes on by itself as soon as it is done. Ctrl-C ends it.")
    said = (decision.code, decision.detail)
    seconds = POLL_FIRST_SECONDS
    while True:
        pause(seconds)
        seconds = min(POLL_MAX_SECONDS, seconds * POLL_GROWTH)
        try:
            decision = registry.get_access(order.publisher, order.name, revision=order.revision)
        except Unavailable as error:
            progress.say(f"{error.message}; still waiting")
            seconds = max(seconds, error.retry_after_seconds or POLL_MAX_SECONDS)
            continue
        if decision.permitted:
            progress.say("Access is granted.")
            _say_until(decision, progress)
            return decision
        if (decision.code, decision.detail) != said:
            said = (decision.code, decision.detail)
            _say_refusal(decision, progress)


def _say_until(decision: Decision, progress: Progress) -> None:
    if decision.until:
        progress.say(f"Note: {decision.detail}")


def _say_refusal(decision: Decision, progress: Progress) -> None:
    refusal = decision.refusal(is_signed_in=True)
    for line in (refusal.message, *refusal.advice):
        progress.say(line)


def _asks_for_open_files_only(order: PullOrder, model: ModelInfo) -> bool:
    """Whether every file that is asked for may be read without acceptance; the registry decides it again."""
    asked = [
        file.path
        for file in model.files
        if _matches(file.path, order.include) and not _matches(file.path, order.exclude)
    ]
    return bool(asked) and OPEN_FILES.issuperset(asked)


def _fetch_release(
    registry: Registry, order: PullOrder, model: ModelInfo, commit: str, progress: Progress
) -> Release:
    """Return the verified release; a key that was not known at sign-in is told to the user."""
    keys, _ = registry.fetch_keys()
    signed = registry.get_manifest(order.publisher, order.name, commit=commit)
    if signed.digest != model.manifest_digest:
        raise VerificationFailed(
            f"manifest digest differs: got {signed.digest}, the model names {model.manifest_digest}"
        )
    release = verify_release(signed, keys=keys, commit=commit)
    if release.model_id != model.id and release.name != f"{model.publisher}/{model.name}":
        raise VerificationFailed(
            f"the signed manifest is that of {release.name}, expected {model.publisher}/{model.name}"
        )
    if order.pinned and all(key.kid != release.signer.kid for key in order.pinned):
        progress.say(
            f"Note: the release is signed with key {release.signer.kid}, which this registry did not have "
            "when you signed in. If it has announced a new key, sign in again to keep it."
        )
    return release


def _find_missing(
    folder: TargetFolder, files: Sequence[ReleaseFile], progress: Progress
) -> tuple[ReleaseFile, ...]:
    """Return the files that are not there with the right bytes yet."""
    present = [file for file in files if _is_there_with_its_size(folder, file)]
    if not present:
        return tuple(files)
    progress.begin(f"Checking {len(present)} file(s) that are there", sum(file.size for file in present))
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        answers = list(pool.map(lambda file: _is_right(folder, file, progress), present))
    right = {file.path for file, is_right in zip(present, answers, strict=True) if is_right}
    return tuple(file for file in files if file.path not in right)


def _is_there_with_its_size(folder: TargetFolder, file: ReleaseFile) -> bool:
    descriptor = folder.find_file(file.path)
    if descriptor is None:
        return False
    try:
        return os.fstat(descriptor).st_size == file.size
    finally:
        os.close(descriptor)


def _is_right(folder: TargetFolder, file: ReleaseFile, progress: Progress) -> bool:
    descriptor = folder.find_file(file.path)
    if descriptor is None:
        return False
    hasher = hashlib.sha256()
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        while block := source.read(HASH_BLOCK_BYTES):
            hasher.update(block)
            progress.advance(len(block))
    return hasher.hexdigest() == file.sha256


def _check_room(folder: TargetFolder, files: Sequence[ReleaseFile]) -> None:
    needed = sum(file.size for file in files) - folder.kept_bytes()
    free = folder.free_bytes()
    if needed + SPARE_BYTES > free:
        raise ClientError(
            f"not enough room: {in_words(needed)} are missing, {in_words(free)} are free",
            advice=("Make room, choose another folder with --to, or fewer files with --include.",),
        )
