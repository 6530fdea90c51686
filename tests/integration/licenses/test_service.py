"""Publishing, finding and comparing license versions."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from registry import ledger, licenses
from registry.kernel.outcomes import CorruptRecord, GatehouseError, Refusal
from registry.licenses import ChangeClass, Policy, Restriction, Strictness, Version
from registry.licenses.domain import Terms
from registry.licenses.known import licenses_folder
from registry.licenses.leaves import leaf_of
from tests.integration.licenses.conftest import EXAMPLE, Registry

NEXT = replace(
    EXAMPLE, number="1.1", change_class=ChangeClass.MATERIAL, text=EXAMPLE.text + b"\n3. Share. With care.\n"
)
MENDED = replace(
    NEXT, number="1.1.1", change_class=ChangeClass.EDITORIAL, text=NEXT.text.replace(b"care", b"Care")
)


def code_of(outcome: Version | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def test_published_version_is_found_with_its_exact_bytes(registry: Registry) -> None:
    text = b"\xef\xbb\xbfTitle\r\n\r\n(a) \xe2\x80\x9cHarm\xe2\x80\x9d\ttabs \r\n\r\n\r\n"
    version = registry.published(replace(EXAMPLE, text=text))
    found = registry.read(lambda session: licenses.find_version(session, EXAMPLE.slug, "1.0"))
    assert found == version
    assert found.text == text
    assert found.sha256 == licenses.exact_digest(text)
    assert registry.read(lambda session: licenses.get_version_by_id(session, version.id)) == version
    assert registry.read(lambda session: licenses.latest_version(session, EXAMPLE.slug)) == version


def test_publication_and_its_log_entry_commit_together(registry: Registry) -> None:
    version = registry.published()
    position = registry.read(lambda session: ledger.find_position(session, version.entry_id))
    assert position is not None
    registry.integrate()
    entry = registry.read(lambda session: ledger.find_entry_by_index(session, 0))
    assert entry is not None
    assert (entry.id, entry.kind) == (version.entry_id, "license.published")
    assert entry.leaf == leaf_of(version, Terms(policies=(), restrictions=()))


def test_refused_publication_leaves_nothing_behind(registry: Registry) -> None:
    assert code_of(registry.publish(replace(EXAMPLE, text=b"\xff"))) == "license-text-not-utf8"
    assert (
        code_of(registry.publish(replace(EXAMPLE, change_class=ChangeClass.MATERIAL)))
        == "license-change-class-wrong"
    )
    assert code_of(registry.publish(replace(EXAMPLE, slug="A"))) == "license-malformed"
    assert registry.read(licenses.list_licenses) == ([], None)
    assert not registry.read(ledger.has_pending)


def test_same_bytes_under_the_same_number_give_the_same_version(registry: Registry) -> None:
    version = registry.published()
    registry.clock.advance(timedelta(days=1))
    assert registry.published() == version
    registry.integrate()
    assert registry.read(lambda session: ledger.find_entry_by_index(session, 1)) is None


def test_changed_text_under_a_published_number_is_refused(registry: Registry) -> None:
    version = registry.published()
    refusal = registry.publish(replace(EXAMPLE, text=EXAMPLE.text + b"!"))
    assert code_of(refusal) == "license-version-frozen"
    assert registry.read(lambda session: licenses.find_version(session, EXAMPLE.slug, "1.0")) == version


def test_series_goes_on_until_a_material_change(registry: Registry) -> None:
    versions = [
        registry.published(EXAMPLE),
        registry.published(
            replace(EXAMPLE, number="1.0.1", change_class=ChangeClass.EDITORIAL, text=b"Mended.")
        ),
        registry.published(NEXT),
        registry.published(MENDED),
    ]
    assert [version.ordinal for version in versions] == [1, 2, 3, 4]
    assert [version.series for version in versions] == [1, 1, 3, 3]
    listed = registry.read(lambda session: licenses.list_versions(session, EXAMPLE.slug))
    assert [(one.number, one.series, one.size) for one in listed] == [
        (version.number, version.series, len(version.text)) for version in versions
    ]


def test_later_version_keeps_title_and_publisher_of_the_license(registry: Registry) -> None:
    registry.published()
    version = registry.published(replace(NEXT, title="Something else", publisher="Somebody else"))
    assert (version.title, version.publisher) == (EXAMPLE.title, EXAMPLE.publisher)


def test_only_its_publisher_or_an_operator_goes_on_with_a_license(registry: Registry) -> None:
    mara, noor = registry.person("mara@example.org"), registry.person("noor@example.org")
    registry.published(by=mara)
    assert code_of(registry.publish(NEXT, by=noor)) == "license-not-yours"
    assert isinstance(registry.publish(NEXT, by=mara), Version)
    assert isinstance(registry.publish(MENDED, by=noor, is_operator=True), Version)


def test_bundled_license_cannot_be_continued_by_a_stranger(registry: Registry) -> None:
    registry.load_bundled()
    command = replace(NEXT, slug="gatehouse-openrail-m", number="9.9")
    assert code_of(registry.publish(command, by=registry.person("noor@example.org"))) == "license-not-yours"


def test_policies_and_restrictions_come_back_as_they_were_given(registry: Registry) -> None:
    policies = (
        Policy(title="Use policy", url="https://example.org/policy", text=b"Be kind."),
        Policy(title="Another", sha256=licenses.exact_digest(b"unseen")),
    )
    restrictions = (
        Restriction(slug="no-malware", clause="A (a)"),
        Restriction(slug="no-fraud", strictness=Strictness.INTENT_ONLY),
    )
    version = registry.published(replace(EXAMPLE, policies=policies, restrictions=restrictions))
    terms = registry.read(lambda session: licenses.find_terms(session, version.id))
    assert terms.policies == (replace(policies[0], sha256=licenses.exact_digest(b"Be kind.")), policies[1])
    assert terms.restrictions == restrictions[::-1]


def test_policy_that_is_not_what_its_digest_says_is_refused(registry: Registry) -> None:
    policy = Policy(title="Use policy", text=b"Be kind.", sha256=licenses.exact_digest(b"Be rude."))
    assert code_of(registry.publish(replace(EXAMPLE, policies=(policy,)))) == "license-policy-digest-differs"
    hostile = Policy(title="Use policy", text=b"Be \x00 kind.")
    assert (
        code_of(registry.publish(replace(EXAMPLE, policies=(hostile,)))) == "license-text-control-character"
    )


def test_bundled_licenses_load_once(registry: Registry) -> None:
    first = registry.load_bundled()
    registry.clock.advance(timedelta(days=3))
    assert registry.load_bundled() == first
    assert [f"{version.slug}@{version.number}" for version in first] == [
        "gatehouse-openrail-m@1.0",
        "gatehouse-openrail-m@1.0.1",
        "gatehouse-openrail-m@1.1",
        "gatehouse-researchrail-m@1.0",
    ]
    assert [version.series for version in first] == [1, 1, 3, 1]


def test_edited_bundled_text_stops_the_start(registry: Registry, tmp_path: Path) -> None:
    registry.load_bundled()
    folder = tmp_path / "gatehouse-researchrail-m"
    folder.mkdir()
    for file in (licenses_folder() / folder.name).iterdir():
        (folder / file.name).write_bytes(file.read_bytes().replace(b"free of\ncharge", b"for money"))
    with pytest.raises(
        GatehouseError, match=r"gatehouse-researchrail-m@1\.0 cannot be published: text digest differs"
    ):
        registry.write(
            lambda session: licenses.load_bundled(session, now=registry.clock.now(), folder=tmp_path)
        )


@pytest.mark.shared
def test_all_real_texts_import_and_are_named(registry: Registry, shared: Path) -> None:
    files = sorted([*shared.glob("licenses/*.txt"), *shared.glob("licenses/*.md")])
    assert len(files) == 34
    for number, file in enumerate(files):
        data = file.read_bytes()
        version = registry.published(replace(EXAMPLE, slug=f"import-{number}", title=file.stem, text=data))
        known = version.recognised_as
        assert known == file.name.removeprefix("other--").rsplit(".", 1)[0]
        assert version.text == data
    bigcode = registry.read(lambda session: licenses.find_version(session, "import-0", "1.0"))
    assert bigcode is not None
    assert licenses.recognise(bigcode).sentence.startswith("This is BigCode Open RAIL-M v1 License Agreement")
    terms = registry.read(lambda session: licenses.find_terms(session, bigcode.id))
    assert len(terms.restrictions) == 14


def test_pages_of_licenses_hold_each_once_in_order(registry: Registry) -> None:
    slugs = sorted(f"license-{number}" for number in range(7))
    for slug in slugs:
        registry.published(replace(EXAMPLE, slug=slug))
    registry.published(replace(NEXT, slug="license-3"))
    seen = []
    after: str | None = ""
    while after is not None:
        page, after = registry.read(
            lambda session, after=after: licenses.list_licenses(session, after=after, limit=3)
        )
        seen += page
    assert [one.slug for one in seen] == slugs
    assert {one.slug: (one.latest.number, one.version_count) for one in seen}["license-3"] == ("1.1", 2)


def test_comparison_names_what_is_missing(registry: Registry) -> None:
    registry.published()
    registry.published(NEXT)

    def compare(slug: str, old: str, new: str) -> object:
        return registry.read(lambda session: licenses.compare_versions(session, slug, old=old, new=new))

    outcome = compare(EXAMPLE.slug, "1.0", "1.1")
    assert isinstance(outcome, tuple)
    assert [row.new_label for row in outcome[2].rows if row.kind is licenses.RowKind.ADDED] == ["3"]
    assert code_of(compare("nothing", "1.0", "1.1")) == "license-not-found"
    assert code_of(compare(EXAMPLE.slug, "1.0", "7.0")) == "license-version-not-found"
    assert code_of(compare(EXAMPLE.slug, "../1.0", "1.1")) == "license-version-not-found"


def test_version_that_another_row_refers_to_must_be_there(registry: Registry) -> None:
    version = registry.published()
    with pytest.raises(CorruptRecord, match="is missing"):
        registry.read(lambda session: licenses.get_version_by_id(session, version.license_id))


def test_publishers_racing_for_a_number_give_one_version(registry: Registry) -> None:
    registry.published()
    outcomes: list[Version | Refusal] = []
    gate = threading.Barrier(8)

    def run(number: int) -> None:
        command = replace(NEXT, text=NEXT.text + (b"even" if number % 2 else b"odd"))
        gate.wait()
        outcomes.append(registry.publish(command))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = {outcome.id for outcome in outcomes if isinstance(outcome, Version)}
    assert len(versions) == 1
    assert [code_of(one) for one in outcomes if isinstance(one, Refusal)] == ["license-version-frozen"] * 4
    assert len(registry.read(lambda session: licenses.list_versions(session, EXAMPLE.slug))) == 2
