"""The embedded object store as a shared test server."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry.delivery.seaweedfs import EmbeddedStore


class SeaweedServer:
    """One store for the run; tests keep apart by key prefix."""

    def __init__(self, run_folder: Path) -> None:
        self._store = EmbeddedStore(run_folder / "seaweedfs")

    def start(self) -> dict[str, Any]:
        """Return the store's address."""
        return asdict(self._store.start())

    def stop(self) -> None:
        """End the store."""
        self._store.stop()
