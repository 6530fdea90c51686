"""Recognition of known third-party texts."""

import csv
import runpy
import textwrap
from pathlib import Path

import pytest

from registry.licenses.bundled import read_bundled
from registry.licenses.domain import Strictness
from registry.licenses.known import Match, known_index, licenses_folder, taxonomy
from registry.licenses.texts import decode

INDEX = known_index()


def sources(shared: Path) -> list[tuple[str, bytes]]:
    with (shared / "licenses" / "SOURCES.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        (row["id"].removeprefix("other--"), (shared / "licenses" / row["file"]).read_bytes())
        for row in rows
        if not row["file"].endswith(".json")
    ]


@pytest.mark.shared
def test_every_real_text_is_named_correctly(shared: Path) -> None:
    found = sources(shared)
    assert len(found) == 34
    for identity, data in found:
        exact = INDEX.recognise(data)
        assert (exact.match, exact.known and exact.known.id) == (Match.EXACT, identity)
        for other in (
            textwrap.fill(decode(data), 60).encode(),
            decode(data).replace("\n", "\r\n").encode(),
            decode(data).replace("“", '"').replace("”", '"').encode() + b"\n\n",
        ):
            again = INDEX.recognise(other)
            assert again.match in {Match.LAYOUT, Match.EXACT}
            assert again.known is not None
            assert again.known.id == identity


@pytest.mark.shared
def test_other_printing_of_the_same_version_is_recognised(shared: Path) -> None:
    folder = shared / "model-cards" / "repo-snapshots" / "meta-llama__Llama-3.2-1B-Instruct"
    assert INDEX.recognise((folder / "LICENSE.txt").read_bytes()).sentence.startswith(
        "This is Llama 3.2 Community"
    )
    policy = INDEX.recognise((folder / "USE_POLICY.md").read_bytes()).known
    assert policy is not None
    assert policy.included_by == "llama3.2"


@pytest.mark.shared
def test_real_text_with_one_word_changed_is_not_recognised_but_its_name_is(shared: Path) -> None:
    data = (shared / "licenses" / "bigcode-openrail-m.txt").read_bytes()
    recognition = INDEX.recognise(data.replace(b"royalty-free", b"royalty-bearing", 1))
    assert recognition.match is Match.NONE
    assert recognition.known is None
    assert recognition.resembles is not None
    assert recognition.resembles.id == "bigcode-openrail-m"
    assert recognition.sentence.startswith("The text differs from the known license of this name")


@pytest.mark.parametrize(
    ("title", "slug", "resembled"),
    [
        ("BigCode OpenRAIL-M", "mine", "bigcode-openrail-m"),
        ("B\u0456gC\u043ede Open RAIL-M v1", "mine", "bigcode-openrail-m"),
        ("ＢｉｇＣｏｄｅ Open-RAIL-M", "mine", "bigcode-openrail-m"),
        ("CreativeML Open RAIL++-M", "mine", "openrail++"),
        ("Something", "creativeml-openrail-m", "creativeml-openrail-m"),
        ("Something", "qwen", "qwen"),
        ("Llama 3.1", "mine", "llama3.1"),
        ("Gemma Terms of Use", "mine", "gemma"),
        ("Gemma Sutra", "mine", None),
        ("Qwen Research License", "mine", None),
        ("Gatehouse OpenRAIL-M", "gatehouse-openrail-m", None),
        ("My license", "mine", None),
    ],
)
def test_borrowed_name_over_other_words_is_seen(title: str, slug: str, resembled: str | None) -> None:
    recognition = INDEX.recognise(b"All rights reserved.", title=title, slug=slug)
    assert (recognition.resembles.id if recognition.resembles else None) == resembled
    assert bool(recognition.sentence) is (resembled is not None)


def test_own_licenses_bear_no_known_name() -> None:
    for bundled in read_bundled():
        command = bundled.command
        recognition = INDEX.recognise(command.text, title=command.title, slug=command.slug)
        assert (recognition.match, recognition.resembles) == (Match.NONE, None)


def test_hub_id_of_several_texts_gives_them_all() -> None:
    assert [known.id for known in INDEX.find_by_hub_id("openrail++")] == [
        "openrail++",
        "openrail++-2022-11-24",
    ]
    assert INDEX.find_by_hub_id("openrail") == ()


def test_restrictions_of_known_licenses_are_in_the_taxonomy() -> None:
    words = taxonomy()
    assert len(words) == 51
    for known in INDEX.licenses:
        assert {restriction.slug for restriction in known.restrictions} <= set(words)


def test_bigcode_bans_less_than_bloom_where_it_asks_for_intent() -> None:
    bigcode, bloom = INDEX.find("bigcode-openrail-m"), INDEX.find("bigscience-bloom-rail-1.0")
    assert bigcode is not None
    assert bloom is not None
    strict = {one.slug: one.strictness for one in bigcode.restrictions}
    flat = {one.slug: one.strictness for one in bloom.restrictions}
    assert strict["no-social-scoring"] is Strictness.INTENT_ONLY
    assert flat["no-social-scoring"] is Strictness.FLAT


@pytest.mark.shared
def test_index_is_what_its_script_writes(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = shared / "model-cards" / "repo-snapshots" / "meta-llama__Llama-3.2-1B-Instruct"
    script = licenses_folder() / "index_known.py"
    arguments = [
        *(str(script), str(shared / "licenses"), "--to", str(tmp_path)),
        *("--also", f"llama3.2={snapshot / 'LICENSE.txt'}"),
        *("--also", f"llama3.2.use-policy={snapshot / 'USE_POLICY.md'}"),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(script), run_name="__main__")
    for name in ("known.toml", "restrictions.toml"):
        assert (tmp_path / name).read_bytes() == (licenses_folder() / name).read_bytes()
