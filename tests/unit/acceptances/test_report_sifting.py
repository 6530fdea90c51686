"""A report is read part by part: memory does not grow with the file, and nobody is taken twice however far apart."""

import tempfile
import tracemalloc
from datetime import UTC, datetime
from typing import IO

import pytest

from registry.acceptances.report_sifting import REMARKS_MOST, Sifting

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def write(file: IO[bytes], rows: int, *, is_json: bool) -> None:
    """A report of that many people, then the first of them once more."""
    file.write(b"[" if is_json else b"email\n")
    for number in range(rows):
        email = f"person{number}@lab.example"
        file.write(f'{{"email":"{email}"}},\n'.encode() if is_json else f"{email}\n".encode())
    file.write(b'{"email":"person0@lab.example"}]' if is_json else b"person0@lab.example\n")
    file.seek(0)


def sift(rows: int, *, is_json: bool) -> tuple[int, Sifting]:
    """What reading it took at most, in bytes; and what is known afterwards."""
    with tempfile.TemporaryFile() as file:
        write(file, rows, is_json=is_json)
        tracemalloc.start()
        sifting = Sifting(file, now=NOW, rows_per_part=100)
        while sifting.next_part():
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak, sifting


@pytest.mark.parametrize("is_json", [False, True])
def test_memory_does_not_grow_with_the_report(is_json: bool) -> None:
    sift(100, is_json=is_json)
    small, _ = sift(1_000, is_json=is_json)
    large, known = sift(16_000, is_json=is_json)
    assert large < small * 1.5 + 200_000, (small, large)
    assert (known.counts["people"], known.counts["repeated"]) == (16_000, 1)


def test_remarks_are_counted_and_not_kept_without_end() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"email\na@b.example\n" + b"no address\n" * 500 + b"a@b.example\n" * 500)
        file.seek(0)
        sifting = Sifting(file, now=NOW, rows_per_part=100)
        assert [len(sifting.next_part()), len(sifting.next_part())] == [1, 0]
    assert (sifting.counts["wrong"], sifting.counts["repeated"]) == (500, 500)
    assert len(sifting.remarks) == 2 * REMARKS_MOST
