"""What publishers say on the command line: publishers, licenses with what they include, releases of known models."""

from pathlib import Path
from typing import Any

import pytest

from registry import cli
from registry.client.errors import ExitCode
from tests.unit.client.stub import MODEL, Stub


def test_a_publisher_is_added(signed_in: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["publisher", "add", "Tarn", "--display-name", "Tarn Lab"]) == 0
    written = capsys.readouterr()
    assert written.out == "Tarn\n"
    assert f"{signed_in.api_url}/manage/Tarn" in written.err
    assert signed_in.publishers == [{"name": "Tarn", "display_name": "Tarn Lab"}]


def test_a_license_states_policies_whole_and_restrictions(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, policy = tmp_path / "LICENSE.md", tmp_path / "a=use.md"
    text.write_text("# Tarn\n")
    policy.write_text("No traps.\n")
    options = ["--policy", f"Acceptable use={policy}", "--restriction", "no-malware"]
    options += ["--restriction", "no-medical-advice:unless-human-oversight:A (m): b"]
    assert cli.main(["license", "add", "tarn@1.0", str(text), *options]) == 0
    capsys.readouterr()
    body = signed_in.licenses["tarn@1.0"]
    assert body["policies"] == [{"title": "Acceptable use", "text": "No traps.\n"}]
    assert body["restrictions"] == [
        {"slug": "no-malware", "strictness": "flat", "clause": ""},
        {"slug": "no-medical-advice", "strictness": "unless-human-oversight", "clause": "A (m): b"},
    ]


@pytest.mark.parametrize("option", [["--policy", "no file"], ["--policy", "=x"], ["--restriction", ":flat"]])
def test_a_policy_or_restriction_of_another_form_is_a_usage_problem(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    text = tmp_path / "LICENSE.md"
    text.write_text("# Tarn\n")
    assert cli.main(["license", "add", "tarn@1.0", str(text), *option]) == ExitCode.USAGE
    assert "Write it as" in capsys.readouterr().err
    assert "tarn@1.0" not in signed_in.licenses


def test_a_known_model_takes_a_release_without_naming_its_terms(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "otter"
    folder.mkdir()
    (folder / "README.md").write_text("# Otter\n")
    assert cli.main(["publish", str(folder), MODEL, "--quiet"]) == 0
    capsys.readouterr()
    (body,) = signed_in.releases
    assert (body["licenses"], body["create"], "gate_mode" in body) == ([], False, False)


def test_a_new_model_is_not_made_without_a_license(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "otter"
    folder.mkdir()
    (folder / "README.md").write_text("# Otter\n")
    assert cli.main(["publish", str(folder), "tarn/new", "--quiet"]) == ExitCode.USAGE
    assert "--license SLUG@NUMBER" in capsys.readouterr().err
    assert not signed_in.releases
    assert not signed_in.paths("api", "POST")


PLAN = "/api/v1/models/tarn/otter/bases/restrictions/plan"


def planned(*, publishable: bool) -> dict[str, Any]:
    rows = [
        {"slug": slug, "says": says, "base": "flat", "own": own, "carried": carried, "equivalent": equivalent}
        for slug, says, own, carried, equivalent in (
            ("no-illegal-use", "Illegal use", "flat", "same", False),
            ("no-medical-advice", "Medical\x1b[31m advice", None, "missing", publishable),
        )
    ]
    item = {"base": "quarry/slate", "license": "base-m@1.0", "carried": "missing", "publishable": publishable}
    return {"items": [{**item, "restrictions": rows, "decisions": []}], "unknown_bases": ["else/where"]}


@pytest.fixture
def derived(tmp_path: Path) -> str:
    folder = tmp_path / "otter"
    folder.mkdir()
    (folder / "README.md").write_text("---\nbase_model: quarry/slate\n---\n# Otter\n")
    (folder / "model.bin").write_bytes(b"x" * 5000)
    return str(folder)


def test_a_dry_run_shows_what_is_not_carried_on_and_sends_the_card_alone(
    signed_in: Stub, derived: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in.api_answers.append((PLAN, 200, {}, planned(publishable=False)))
    assert cli.main(["publish", derived, "tarn/otter", "--license", "own@1.0", "--dry-run"]) == 1
    said = capsys.readouterr().out
    assert "else/where: not in this registry, not compared" in said
    assert "quarry/slate, base-m@1.0: missing, not carried on" in said
    assert "advice [no-medical-advice], expected flat, found nothing" in said
    assert "Illegal use" not in said
    assert "\x1b" not in said
    assert [one.path for one in signed_in.requests if one.method == "POST"] == [PLAN]
    signed_in.api_answers.append((PLAN, 200, {}, planned(publishable=True)))
    assert cli.main(["publish", derived, "tarn/otter", "--license", "own@1.0", "--dry-run"]) == 0
    assert "equivalent by decision" in capsys.readouterr().out


def test_a_dry_run_with_a_new_license_judges_its_text_and_publishes_nothing(
    signed_in: Stub, derived: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "LICENSE.md"
    text.write_text("# Tarn\n\nNo traps.\n")
    order = ["publish", derived, "tarn/otter", "--license", "tarn@1.0", "--license-file", str(text)]
    known = {"recognised_as": "tarn", "restrictions": ["no-traps"]}
    signed_in.api_answers.append((PLAN, 200, {}, planned(publishable=True) | {"new_license": known}))
    assert cli.main([*order, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "tarn@1.0: not published yet, judged by its text; known to restrict no-traps" in said
    unknown = {"recognised_as": None, "restrictions": None}
    for command, status in (([*order, "--dry-run"], 1), ([*order, "--quiet"], ExitCode.FAILURE)):
        signed_in.api_answers.append((PLAN, 200, {}, planned(publishable=False) | {"new_license": unknown}))
        assert cli.main(command) == status
    written = capsys.readouterr()
    assert "nobody has said what it restricts" in written.out
    assert f"gatehouse license add tarn@1.0 {text} --restriction SLUG" in written.err
    assert [plan["new_license"]["text"] for plan in signed_in.plans] == ["# Tarn\n\nNo traps.\n"] * 3
    assert (signed_in.licenses, signed_in.releases, signed_in.uploads) == ({}, [], {})


def test_a_release_that_would_be_refused_uploads_nothing(
    signed_in: Stub, derived: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in.api_answers.append((PLAN, 200, {}, planned(publishable=False)))
    assert cli.main(["publish", derived, "tarn/otter", "--license", "own@1.0", "--quiet"]) != 0
    said = capsys.readouterr().err
    assert "--license base-m@1.0" in said
    assert f"{signed_in.api_url}/quarry/slate/equivalences?model=tarn%2Fotter" in said
    assert (signed_in.releases, signed_in.uploads) == ([], {})


def test_a_card_without_a_base_asks_nothing(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("# Otter\n")
    assert cli.main(["publish", str(tmp_path), MODEL, "--dry-run"]) == 0
    assert "names no base" in capsys.readouterr().out
    assert signed_in.requests == []
