"""The licenses that the project wrote itself."""

import html
import re
from itertools import pairwise
from pathlib import Path

import pytest

from registry.licenses.bundled import find_bundled, read_bundled
from registry.licenses.domain import ChangeClass, Strictness, order_of
from registry.licenses.known import licenses_folder, taxonomy
from registry.licenses.structure import parse
from registry.licenses.texts import check_text, decode, exact_digest

# A released text is never edited. A change is a new version with a line of its own here.
RELEASED = {
    "gatehouse-openrail-m@1.0": "sha256:69a2f40e2359e3a743a3b6e84793366ccce2ccf86c0ab85ed0890113e54e8d93",
    "gatehouse-openrail-m@1.0.1": "sha256:218d95006e1bcb13a083496aba5bd51a1ad2c95762061560620753512c2ae47e",
    "gatehouse-openrail-m@1.1": "sha256:e469fb9aaeb92f32ccebc3195f5d3f0a5cf4ea25799c4b18b0d75306c9747061",
    "gatehouse-researchrail-m@1.0": "sha256:51511f4142c34f305de512613a504869b052d50b9c0ba9c3235d9a539504602a",
}
LONGEST_SHARED_RUN_WORDS = 8


def test_released_texts_are_never_edited() -> None:
    got = {
        f"{one.command.slug}@{one.command.number}": exact_digest(one.command.text) for one in read_bundled()
    }
    assert got == RELEASED


def test_every_text_file_belongs_to_a_version() -> None:
    files = {f"{file.parent.name}@{file.stem}" for file in licenses_folder().glob("*/*.md")}
    assert files == set(RELEASED)


@pytest.mark.parametrize("reference", sorted(RELEASED))
def test_facts_fit_the_text(reference: str) -> None:
    slug, _, number = reference.partition("@")
    bundled = find_bundled(slug, number)
    assert bundled is not None
    command = bundled.command
    assert check_text(command.text) is None
    structure = parse(decode(command.text))
    assert structure.title == f"{command.title} {number}"
    assert 1_200 <= structure.word_count <= 2_000
    labels = {clause.label for clause in structure.clauses}
    cited = [
        line.clause
        for lines in (bundled.summary.may, bundled.summary.must, bundled.summary.may_not)
        for line in lines
    ]
    assert set(cited) <= labels
    assert {restriction.clause for restriction in command.restrictions} <= labels
    assert {restriction.slug for restriction in command.restrictions} <= set(taxonomy())
    assert structure.restrictions is not None
    listed = [clause.label for clause in structure.restrictions.clauses if clause.mark]
    assert set(listed) <= {restriction.clause for restriction in command.restrictions}
    assert any(f"in the {len(listed)} ways" in line.text for line in bundled.summary.may_not)
    assert bundled.note


def test_history_has_an_editorial_and_a_material_change() -> None:
    history = [one.command for one in read_bundled() if one.command.slug == "gatehouse-openrail-m"]
    assert [(one.number, one.change_class) for one in history] == [
        ("1.0", ChangeClass.INITIAL),
        ("1.0.1", ChangeClass.EDITORIAL),
        ("1.1", ChangeClass.MATERIAL),
    ]
    for before, after in pairwise(history):
        assert order_of(before.number) < order_of(after.number)
        assert before.effective_at is not None
        assert after.effective_at is not None
        assert before.effective_at < after.effective_at
    assert history[0].restrictions == history[1].restrictions
    assert len(history[2].restrictions) == len(history[1].restrictions) + 3


def test_common_core_of_published_licenses_is_covered() -> None:
    core = {
        *("no-illegal-use", "no-harm-to-minors", "no-harmful-disinformation", "no-harmful-pii"),
        *("no-defamation-harassment", "no-protected-class-discrimination", "no-social-scoring"),
        *("no-vulnerability-exploitation", "no-automated-legal-decisions"),
    }
    for bundled in read_bundled():
        assert core <= {restriction.slug for restriction in bundled.command.restrictions}


def test_strictness_is_stated_where_a_ban_is_conditional() -> None:
    bundled = find_bundled("gatehouse-openrail-m", "1.1")
    assert bundled is not None
    strict = {one.slug: one.strictness for one in bundled.command.restrictions}
    assert strict["no-tracking"] is Strictness.UNLESS_CONSENT
    assert strict["no-critical-infrastructure"] is Strictness.UNLESS_HUMAN_OVERSIGHT


@pytest.mark.shared
def test_own_texts_share_no_run_of_words_with_third_party_texts(shared: Path) -> None:
    own = {
        run
        for file in licenses_folder().glob("*/*.md")
        for run in _runs(file.read_text(encoding="utf-8"), LONGEST_SHARED_RUN_WORDS)
    }
    example = (shared / "ui" / "license.html").read_text(encoding="utf-8")
    others = [file.read_text(encoding="utf-8") for file in (shared / "licenses").iterdir()]
    for other in (*others, html.unescape(re.sub(r"<[^>]+>", " ", example))):
        assert not own & set(_runs(other, LONGEST_SHARED_RUN_WORDS))


def _runs(text: str, length: int) -> list[tuple[str, ...]]:
    words = re.findall(r"[a-z]+", text.lower())
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]
