"""Rows that were altered, removed or put in behind the registry's back."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from registry import ledger, licenses
from registry.licenses import ChangeClass, Policy, Restriction
from tests.integration.licenses.conftest import EXAMPLE, Registry


@pytest.fixture
def checked(registry: Registry) -> Registry:
    policies = (Policy(title="Use policy", text=b"Be kind."),)
    restrictions = (Restriction(slug="no-malware", clause="A (a)"),)
    registry.published(replace(EXAMPLE, policies=policies, restrictions=restrictions))
    registry.published(
        replace(EXAMPLE, number="1.0.1", change_class=ChangeClass.EDITORIAL, text=EXAMPLE.text + b"\n")
    )
    registry.load_bundled()
    assert registry.discrepancies() == []
    registry.integrate()
    assert registry.discrepancies() == []
    return registry


def tamper(registry: Registry, statement: str, **values: object) -> None:
    registry.write(lambda session: session.connection().execute(text(statement), values))


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("text", EXAMPLE.text.replace(b"may", b"May"), "text digest differs"),
        ("sha256", licenses.exact_digest(b"x"), "text digest differs"),
        ("normalised_digest", "n1:" + "0" * 64, "normalised digest differs"),
        ("number", "0.9", "version number is '0.9', its ledger entry says '1.0'"),
        ("language", "de", "version language is 'de'"),
        ("recognised_as", "bigcode-openrail-m", "version recognised_as is 'bigcode-openrail-m'"),
        ("effective_at", "2020-01-01 00:00:00.000000", "version effective_at is"),
        ("published_at", "2020-01-01 00:00:00.000000", "published_at is"),
    ],
)
def test_altered_column_is_named(checked: Registry, column: str, value: object, problem: str) -> None:
    version = checked.read(lambda session: licenses.find_version(session, EXAMPLE.slug, "1.0"))
    assert version is not None
    literal = ":value" if isinstance(value, bytes) else f"'{value}'"
    values = {"value": value} if isinstance(value, bytes) else {}
    tamper(
        checked,
        f"UPDATE license_version SET {column} = {literal} WHERE sha256 = :sha256",
        sha256=version.sha256,
        **values,
    )
    found = checked.discrepancies()
    assert ("license_version", str(version.id)) in {one[:2] for one in found}
    assert any(problem in one[2] for one in found), found


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE license SET title = 'Other' WHERE slug = 'example-openrail-m'", "license title is 'Other'"),
        (
            "UPDATE license SET publisher = NULL WHERE slug = 'example-openrail-m'",
            "license publisher is None",
        ),
        ("UPDATE included_policy SET text = NULL", "included policies or restrictions differ"),
        ("UPDATE included_policy SET title = 'Other'", "included policies or restrictions differ"),
        ("DELETE FROM included_policy", "included policies or restrictions differ"),
        (
            "UPDATE license_restriction SET clause = 'x' WHERE slug = 'no-malware'",
            "included policies or restrictions",
        ),
        (
            "DELETE FROM license_restriction WHERE slug = 'no-malware'",
            "included policies or restrictions differ",
        ),
    ],
)
def test_altered_neighbour_row_is_named(checked: Registry, statement: str, problem: str) -> None:
    tamper(checked, statement)
    assert any(problem in one[2] for one in checked.discrepancies())


def test_altered_policy_text_is_named(checked: Registry) -> None:
    tamper(checked, "UPDATE included_policy SET text = :text", text=b"Be rude.")
    (found,) = checked.discrepancies()
    assert found[0] == "included_policy"
    assert "text digest differs" in found[2]


def test_removed_version_in_the_middle_shows_as_a_gap(checked: Registry) -> None:
    tamper(checked, "DELETE FROM included_policy")
    tamper(checked, "DELETE FROM license_restriction")
    tamper(checked, "DELETE FROM license_version WHERE number = '1.0' AND text = :text", text=EXAMPLE.text)
    assert any("a version before it is missing" in one[2] for one in checked.discrepancies())


def test_removed_latest_version_shows_when_the_log_is_walked(checked: Registry) -> None:
    entries = [checked.read(lambda session, i=i: ledger.find_entry_by_index(session, i)) for i in range(2)]
    leaves = [entry.leaf for entry in entries if entry is not None]
    assert [
        checked.read(lambda session, leaf=leaf: licenses.check_leaf(session, leaf)) for leaf in leaves
    ] == [None] * 2
    tamper(
        checked,
        "DELETE FROM license_version WHERE number = '1.0.1' AND text = :text",
        text=EXAMPLE.text + b"\n",
    )
    found = [checked.read(lambda session, leaf=leaf: licenses.check_leaf(session, leaf)) for leaf in leaves]
    assert [one.problem for one in found if one] == ["is missing although the log says that it was published"]
    broken = checked.read(lambda session: licenses.check_leaf(session, b"{}"))
    assert broken is not None
    assert broken.table == "ledger_entry"


def test_license_without_versions_is_named(checked: Registry) -> None:
    tamper(checked, "DELETE FROM license_version WHERE text = :text", text=EXAMPLE.text + b"\n")
    tamper(checked, "DELETE FROM included_policy")
    tamper(checked, "DELETE FROM license_restriction")
    tamper(checked, "DELETE FROM license_version WHERE text = :text", text=EXAMPLE.text)
    assert any(one[0] == "license" and one[2] == "has no version" for one in checked.discrepancies())
