"""What publishers say on the command line: publishers, licenses with what they include, releases of known models."""

from pathlib import Path

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
