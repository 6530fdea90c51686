"""Renders every template with invented views; the browser tests look at the same pages."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from frontend_samples import CASES, Case, every_page


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES])


@pytest.fixture(scope="session")
def rendered() -> dict[str, str]:
    """Give the HTML of every sample by its name."""
    pages = every_page()
    return {case.name: pages.render(case.template, page=case.page, view=case.view) for case in CASES}


@pytest.fixture
def html(rendered: dict[str, str], case: Case) -> str:
    """Give the HTML of this sample."""
    return rendered[case.name]
