"""The folder that a pull writes into, and nothing outside it.

Paths come from a manifest, which may be hostile, and the folder may hold links that somebody put there. So a path
is first checked as text, and then walked from the open folder one name at a time without following links
(`O_NOFOLLOW`, `dir_fd`): neither `..` nor a link nor a folder swapped in the meantime leads outside.
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from registry.client.errors import ClientError, UnsafePath, printable

STATE_FOLDER = ".gatehouse"
"""Holds unfinished files and their journals while a pull runs or after it broke off."""
PATH_MAX_BYTES = 1_024
SEGMENT_MAX_BYTES = 255


def check_relative_path(path: str) -> str:
    """Return `path` if it names a file below a folder in only one way.

    Raises:
        UnsafePath: it is absolute, climbs, is empty, too long, or has characters that hide where it leads.
    """
    shown = printable(path, limit=200)
    segments = path.split("/")
    trouble = None
    if not path or len(os.fsencode(path)) > PATH_MAX_BYTES:
        trouble = f"it is empty or longer than {PATH_MAX_BYTES} bytes"
    elif any(segment in {"", ".", ".."} for segment in segments):
        trouble = "it is absolute, or has an empty part, '.' or '..'"
    elif "\\" in path or any(ord(character) < 32 or character == "\x7f" for character in path):
        trouble = "it has a backslash or a control character"
    elif any(len(os.fsencode(segment)) > SEGMENT_MAX_BYTES for segment in segments):
        trouble = f"a part of it is longer than {SEGMENT_MAX_BYTES} bytes"
    elif segments[0] == STATE_FOLDER:
        trouble = f"{STATE_FOLDER} is the folder where pulls keep their state"
    if trouble is not None:
        raise UnsafePath(f"refused to write {shown!r}: {trouble}")
    return path


class TargetFolder:
    """An open folder with a lock: one pull writes into it at a time."""

    def __init__(self, root: Path) -> None:
        """Open `root`, made if it is missing, and take its lock.

        Raises:
            ClientError: it is no folder, or another pull is writing there.
        """
        self.root = root
        self._touched: set[tuple[str, ...]] = set()
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ClientError(f"cannot write into {root}: {os.strerror(error.errno or 0)}") from None
        try:
            self._state = self._open_state()
        except BaseException:
            os.close(self._root)
            raise

    def _open_state(self) -> int:
        while True:
            state = self._enter(self._root, STATE_FOLDER, shown=STATE_FOLDER)
            try:
                fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A pull that has just ended may have removed the folder between our two calls.
                if os.fstat(state).st_nlink > 0:
                    return state
            except BlockingIOError:
                os.close(state)
                raise ClientError(
                    f"another pull is writing into {self.root}",
                    advice=("Wait until it has ended, or choose another folder with --to.",),
                ) from None
            os.close(state)

    def close(self) -> None:
        """Release the folder; its state folder goes unless unfinished files are in it."""
        with suppress(OSError):
            os.rmdir(STATE_FOLDER, dir_fd=self._root)
        os.close(self._state)
        os.close(self._root)

    def free_bytes(self) -> int:
        """Return how many bytes still fit on the file system."""
        about = os.fstatvfs(self._root)
        return about.f_bavail * about.f_frsize

    def kept_bytes(self) -> int:
        """Return how many bytes the unfinished files of earlier runs occupy."""
        with os.scandir(self._state) as entries:
            return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)

    def open_state_file(self, name: str, *, flags: int = 0) -> int:
        """Return a descriptor to read and write a file of the state folder, made if it is missing."""
        flags |= os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self._state)

    def remove_state_file(self, name: str) -> None:
        """Drop a file of the state folder, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._state)

    def find_file(self, path: str) -> int | None:
        """Return a descriptor to read the regular file at `path`, or None where there is none."""
        parent = self._walk(path, create=False)
        if parent is None:
            return None
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.rsplit("/", 1)[-1], flags, dir_fd=parent)
        except OSError:
            return None
        finally:
            os.close(parent)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        return None

    def install(self, state_file: str, path: str) -> None:
        """Move a finished file to `path` at once, in place of a file or a link that was there.

        Raises:
            UnsafePath: a folder on the way is a link or a file.
            ClientError: a folder is in the file's place.
        """
        parent = self._walk(check_relative_path(path), create=True)
        if parent is None:
            raise ClientError(f"cannot make the folder of {printable(path)}")
        try:
            os.rename(state_file, path.rsplit("/", 1)[-1], src_dir_fd=self._state, dst_dir_fd=parent)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ClientError(f"cannot write {printable(path)}: {reason}") from None
        finally:
            os.close(parent)
        self._touched.add(tuple(path.split("/")[:-1]))

    def sync_folders(self) -> None:
        """Make the new names durable (the bytes of each file are already)."""
        for segments in {(), *self._touched}:
            parent = self._walk("/".join((*segments, "x")), create=False)
            if parent is not None:
                os.fsync(parent)
                os.close(parent)
        self._touched.clear()

    def _walk(self, path: str, *, create: bool) -> int | None:
        """Return a descriptor of the folder that holds `path`; None where it is missing."""
        current = os.dup(self._root)
        for segment in path.split("/")[:-1]:
            try:
                if create:
                    entered = self._enter(current, segment, shown=path)
                else:
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                    entered = os.open(segment, flags, dir_fd=current)
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                return None
            except OSError as error:
                if create or error.errno != errno.ELOOP:
                    raise
                return None
            finally:
                os.close(current)
            current = entered
        return current

    def _enter(self, parent: int, name: str, *, shown: str) -> int:
        """Return a descriptor of the real folder `name` in `parent`, made if it is missing."""
        with suppress(FileExistsError):
            os.mkdir(name, 0o777, dir_fd=parent)
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, dir_fd=parent)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise UnsafePath(
                    f"refused to write {printable(shown)!r}: {printable(name)!r} in {self.root} "
                    "is a link or a file, not a folder"
                ) from None
            raise
