"""Poppler's tools: an independent reader of the PDFs that the registry makes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MISSING = "poppler is not installed: install the distribution's package `poppler-utils`"


def text_of(pdf: bytes) -> str:
    """Return the words on the pages, in reading order."""
    return _ask("pdftotext", "-raw", "-", "-", pdf=pdf)


def pages_of(pdf: bytes) -> int:
    """Return how many pages there are."""
    line = next(line for line in _ask("pdfinfo", "-", pdf=pdf).splitlines() if line.startswith("Pages:"))
    return int(line.split()[1])


def signatures_of(pdf: bytes, folder: Path) -> str:
    """Return what is said of the signatures; their certificates' roots are not known."""
    if shutil.which("pdfsig") is None:
        pytest.skip(MISSING)
    file = folder / "signed.pdf"
    file.write_bytes(pdf)
    asked = ["pdfsig", "-nocert", str(file)]
    done = subprocess.run(asked, capture_output=True, check=False, env={**os.environ, "HOME": str(folder)})
    return done.stdout.decode()


def _ask(tool: str, *arguments: str, pdf: bytes) -> str:
    if shutil.which(tool) is None:
        pytest.skip(MISSING)
    done = subprocess.run([tool, *arguments], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()
