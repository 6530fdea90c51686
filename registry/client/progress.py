"""What a long command says while it works: nothing, plain lines, or a bar; always on stderr."""

import sys
import threading
from typing import TYPE_CHECKING, Protocol, TextIO

from registry.client.errors import printable

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(Protocol):
    """Told by the work how far it is; calls may come from several threads."""

    def say(self, text: str) -> None:
        """Tell the user one fact."""
        ...

    def begin(self, label: str, total_bytes: int) -> None:
        """Start to count towards `total_bytes`; an earlier count ends."""
        ...

    def advance(self, amount_bytes: int) -> None:
        """Count; a negative amount takes back what has to be done again."""
        ...

    def end(self) -> None:
        """Stop counting."""
        ...


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def begin(self, label: str, total_bytes: int) -> None:
        """Show nothing."""

    def advance(self, amount_bytes: int) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class Lines:
    """Writes facts as lines, for logs and pipes; no bar."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, text: str) -> None:
        """Write one line."""
        self._stream.write(f"{printable(text)}\n")
        self._stream.flush()

    def begin(self, label: str, total_bytes: int) -> None:
        """Write what starts, and how much it is."""
        self.say(f"{label} ({in_words(total_bytes)})")

    def advance(self, amount_bytes: int) -> None:
        """Write nothing."""

    def end(self) -> None:
        """Write nothing."""


class Bar:
    """Draws a bar with speed and time left, and writes facts above it."""

    def __init__(self) -> None:
        # Loaded here because only a terminal needs it: it would slow down every other command.
        from rich import console, progress  # noqa: PLC0415 - see above

        self._lock = threading.Lock()
        self._console = console.Console(stderr=True, highlight=False, markup=False)
        self._rich = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        """Write one line above the bar."""
        self._console.print(printable(text), soft_wrap=True)

    def begin(self, label: str, total_bytes: int) -> None:
        """Show a new bar."""
        with self._lock:
            self._drop()
            self._rich.start()
            self._task = self._rich.add_task(printable(label, limit=60), total=total_bytes)

    def advance(self, amount_bytes: int) -> None:
        """Move the bar."""
        task = self._task
        if task is not None:
            self._rich.update(task, advance=amount_bytes)

    def end(self) -> None:
        """Remove the bar."""
        with self._lock:
            self._drop()
            self._rich.stop()

    def _drop(self) -> None:
        if self._task is not None:
            self._rich.remove_task(self._task)
            self._task = None


def in_words(size_bytes: int) -> str:
    """Return a size as people write it: `1.2 GB` (decimal, as stores and browsers count)."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1_000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1_000
    raise AssertionError("unreachable: the last unit returns")
