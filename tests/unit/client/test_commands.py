"""User commands: what comes out where, and which exit code says what."""

import getpass
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry import cli
from registry.cli import receipt as receipt_command
from registry.client.credentials import CredentialFile
from registry.client.errors import ExitCode
from tests.pdfs import attach
from tests.unit.client.stub import MODEL, TOKEN, Key, Stub
from tests.vectors.receipt import writer

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "receipt"
GOOD = VECTORS / "good" / "all-disclosed.json"


def run(*words: str) -> int:
    return cli.main(words)


# Signing in


def test_login_keeps_a_token_from_stdin_with_the_registrys_keys(
    stub: Stub, configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    assert run("login", "--token", "--endpoint", stub.api_url) == 0
    kept = CredentialFile.of_user(os.environ).find(stub.api_url)
    assert kept is not None
    assert kept.token == TOKEN
    assert kept.keys == (stub.key.jwk,)
    written = capsys.readouterr()
    assert written.out == ""
    assert "Signed in" in written.err
    assert "as Ada" in written.err
    assert TOKEN not in written.err
    assert run("whoami") == 0
    assert "Ada at " in capsys.readouterr().out
    assert run("logout") == 0
    assert "stays valid until you revoke it" in capsys.readouterr().err
    assert run("whoami") == ExitCode.NOT_SIGNED_IN


def test_login_asks_without_echo_and_says_where_to_create_a_token(
    stub: Stub, configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(getpass, "getpass", lambda *_args, **_more: TOKEN)
    assert run("login", "--token", "--endpoint", stub.api_url) == 0
    assert f"{stub.api_url}/settings/tokens" in capsys.readouterr().err


def test_login_does_not_keep_a_token_that_the_registry_does_not_know(
    stub: Stub, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("gatehouse_wrong\n"))
    assert run("login", "--token", "--endpoint", stub.api_url) == ExitCode.NOT_SIGNED_IN
    assert not configuration.exists()


def test_login_takes_no_token_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("login", "--token", TOKEN)
    assert caught.value.code == ExitCode.USAGE
    capsys.readouterr()


def test_login_again_keeps_older_keys_and_warns_when_one_is_gone(
    stub: Stub, configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = stub.key
    for key in (older, Key("another")):
        stub.key = key
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
        assert run("login", "--token", "--endpoint", stub.api_url) == 0
    kept = CredentialFile.of_user(os.environ).find(stub.api_url)
    assert kept is not None
    assert [key["kid"] for key in kept.keys] == [older.kid, stub.key.kid]
    assert "no longer shows 1 of the keys" in capsys.readouterr().err


def test_unknown_token_is_told_with_where_it_came_from(
    signed_in: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEHOUSE_TOKEN", "gatehouse_wrong")
    assert run("whoami") == ExitCode.NOT_SIGNED_IN
    written = capsys.readouterr().err
    assert "The token came from GATEHOUSE_TOKEN." in written
    assert "gatehouse_wrong" not in written


def test_command_without_a_registry_is_a_usage_problem(
    configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("whoami") == ExitCode.USAGE
    assert "gatehouse login --endpoint" in capsys.readouterr().err


# Models and files


def test_info_shows_terms_access_and_files(signed_in: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    signed_in.files = {"weights.bin": b"12345"}
    signed_in.flags = [{"code": "pickle", "severity": "warning", "message": "holds a pickle"}]
    signed_in.permitted = False
    assert run("info", MODEL) == 0
    text = capsys.readouterr().out
    assert "license: Tarn OpenRAIL-M 1.1 (tarn-openrail-m@1.1)" in text
    assert "access: no - Tarn OpenRAIL-M 1.1 is not accepted" in text
    assert f"{signed_in.api_url}/{MODEL}/accept" in text
    assert "file: weights.bin  5 bytes  sha256:" in text
    assert "[warning: holds a pickle]" in text
    assert run("info", MODEL, "--json") == 0
    assert json.loads(capsys.readouterr().out)["publisher"] == "tarn"


def test_models_follow_all_pages_of_the_registry_that_was_asked(
    signed_in: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    def page(name: str, following: str | None) -> dict[str, Any]:
        terms = [{"slug": "tarn-openrail-m", "number": "1.1"}] if name == "otter" else []
        item = {"publisher": "tarn", "name": name, "gate": "auto", "requirements": terms, "summary": "x"}
        return {"items": [item], "next": following}

    signed_in.api_answers = [
        ("/api/v1/models", 200, {}, page("otter", "https://elsewhere.example.org/api/v1/models?after=otter")),
        ("/api/v1/models", 200, {}, page("weasel", None)),
    ]
    assert run("models", "--search", "tarn", "--gate", "auto") == 0
    assert capsys.readouterr().out == "tarn/otter\tauto\ttarn-openrail-m@1.1\tx\ntarn/weasel\tauto\tnone\tx\n"
    asked = [request.query for request in signed_in.requests]
    assert asked == ["search=tarn&gate=auto&limit=100", "after=otter"]
    signed_in.api_answers = [("/api/v1/whoami/models", 200, {}, page("stoat", None))]
    assert run("models", "--mine") == 0
    assert capsys.readouterr().out.startswith("tarn/stoat\t")


def test_pull_writes_the_folder_to_stdout_and_talks_on_stderr(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in.files = {"weights.bin": b"12345"}
    assert run("pull", MODEL, "--to", str(tmp_path / "to")) == 0
    written = capsys.readouterr()
    assert written.out == f"{tmp_path / 'to'}\n"
    assert "1 file(s) verified, 1 fetched" in written.err
    assert "bound by tarn-openrail-m@1.1" in written.err
    assert run("pull", MODEL, "--to", str(tmp_path / "to"), "--json", "--quiet") == 0
    written = capsys.readouterr()
    assert written.err == ""
    assert json.loads(written.out)["files"][0]["state"] == "already-there"


def test_a_refused_pull_names_what_waits_for_the_acceptance(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in.files, signed_in.permitted = {"weights.bin": b"12345"}, False
    assert run("pull", MODEL, "--to", str(tmp_path / "to")) == ExitCode.REFUSED
    assert "With --wait it goes on by itself" in capsys.readouterr().err
    assert run("pull", MODEL, "--to", str(tmp_path / "to"), "--json") == ExitCode.REFUSED
    problem = json.loads(capsys.readouterr().out)
    assert problem["exit_code"] == ExitCode.REFUSED
    assert problem["remedy_url"] == f"{signed_in.api_url}/{MODEL}/accept"
    assert "is not accepted" in problem["error"]
    assert (problem["code"], "advice" in problem) == ("license-not-accepted", True)
    signed_in.api_answers = [(f"/api/v1/models/{MODEL}", 404, {}, {})]
    assert run("pull", MODEL, "--to", str(tmp_path / "to"), "--json") == ExitCode.FAILURE
    written = capsys.readouterr()
    assert json.loads(written.out)["exit_code"] == ExitCode.FAILURE
    assert "--wait" not in written.err


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"permitted": False}, ExitCode.REFUSED),
        ({"entries": [{"path": "../x", "size": 1, "sha256": "0" * 64}]}, ExitCode.VERIFICATION_FAILED),
        ({"api_answers": [(f"/api/v1/models/{MODEL}", 404, {}, {})]}, ExitCode.FAILURE),
        (
            {"api_answers": [(f"/api/v1/models/{MODEL}", 503, {"Retry-After": "999"}, {})]},
            ExitCode.UNAVAILABLE,
        ),
    ],
    ids=["refused", "verification", "absent", "unavailable"],
)
def test_pull_says_by_exit_code_why_it_failed(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], status: int
) -> None:
    signed_in.files = {"weights.bin": b"12345"}
    for name, value in change.items():
        setattr(signed_in, name, value)
    assert run("pull", MODEL, "--to", str(tmp_path / "to")) == status
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("gatehouse: ")


@pytest.mark.parametrize("model", ["otter", "a/b/c", "../x", "a/..", "a b/c", "https://x/y"])
def test_model_that_is_no_model_is_a_usage_problem(
    signed_in: Stub, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    assert run("info", model) == ExitCode.USAGE
    assert signed_in.requests == []
    capsys.readouterr()


def test_publish_writes_the_commit(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "otter").mkdir()
    (tmp_path / "otter" / "weights.bin").write_bytes(b"12345")
    assert run("publish", str(tmp_path / "otter"), MODEL, "--license", "tarn-openrail-m@1.1", "--json") == 0
    written = capsys.readouterr()
    assert json.loads(written.out)["commit"] == "c" * 40
    assert f"gatehouse pull {MODEL}" in written.err


# Receipts


def test_receipt_is_fetched_again_until_the_log_has_its_entry(
    signed_in: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(receipt_command, "PROOF_POLL_SECONDS", 0)
    early = json.dumps(json.loads(GOOD.read_bytes()) | {"ledger": None}).encode()
    for data in (early, early, GOOD.read_bytes()):
        signed_in.api_answers.append(("/api/v1/receipts/", 200, {}, data))
    saved = tmp_path / "receipt.json"
    assert run("receipt", "get", "0193", "--output", str(saved)) == 0
    assert saved.read_bytes() == GOOD.read_bytes()
    assert saved.stat().st_mode & 0o777 == 0o600
    assert f"gatehouse verify {saved}" in capsys.readouterr().err


def test_a_receipt_is_saved_as_pdf(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdf = attach((VECTORS / "good" / "all-disclosed.json").read_bytes())
    signed_in.api_answers.append(("/api/v1/receipts/0193/pdf", 200, {}, pdf))
    saved = tmp_path / "receipt.pdf"
    assert run("receipt", "get", "0193", "--pdf", "--output", str(saved)) == 0
    assert saved.read_bytes() == pdf
    assert run("verify", str(saved), "--keys", str(VECTORS / "keys.json")) == 0
    assert "what the pages show was not checked" in capsys.readouterr().out


def test_a_receipt_that_is_not_there_is_told_once(
    signed_in: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "There is nothing at this address"
    signed_in.api_answers = [("/api/v1/receipts/", 404, {}, {"title": said, "detail": said})] * 2
    assert run("receipt", "get", "nope") == ExitCode.FAILURE
    written = capsys.readouterr().err
    assert written.startswith("gatehouse: no such receipt: nope\n")
    assert "gatehouse receipt list" in written
    signed_in.api_answers = [(f"/api/v1/models/{MODEL}", 404, {}, {"title": said, "detail": said})]
    assert run("info", MODEL) == ExitCode.FAILURE
    assert capsys.readouterr().err.count(said) == 1


def test_receipts_are_listed(signed_in: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    item = {
        "id": "0193",
        "model": MODEL,
        "license": "tarn@1.1",
        "accepted_at": "2026-11-20",
        "withdrawn_at": None,
    }
    signed_in.api_answers = [("/api/v1/receipts", 200, {}, {"items": [item], "next": None})]
    assert run("receipt", "list") == 0
    assert capsys.readouterr().out == f"0193\t{MODEL}\ttarn@1.1\t2026-11-20\t\n"


def test_verify_says_whether_keys_were_given_or_embedded(
    configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", str(GOOD), "--keys", str(VECTORS / "keys.json")) == 0
    written = capsys.readouterr()
    assert "VERIFIED with the keys you gave" in written.out
    assert written.err == ""
    assert run("verify", str(GOOD)) == 0
    written = capsys.readouterr()
    assert "VERIFIED" not in written.out
    assert "CONSISTENT, but the keys are known from the receipt only" in written.out
    assert "anybody could have made it" in written.err
    assert run("verify", str(GOOD), "--require-trusted") == ExitCode.VERIFICATION_FAILED
    capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "who"), [("Mara Lindqvist", "Mara Lindqvist"), (None, "(name not disclosed)")]
)
def test_verify_says_first_who_accepted_what_for_which_model_and_when(
    configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str | None, who: str
) -> None:
    hidden = writer.disclosure("name", "Mara Lindqvist")
    payload, _ = writer.claims()
    payload |= {"scope": {"model": MODEL}, "_sd": sorted([*payload["_sd"], writer.digest(hidden)])}
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(writer.receipt(payload, [hidden] if name else [])))
    said = f"{who} accepted Imagined OpenRAIL-M 1.1 for {MODEL} on 23 November 2026 at 14:57:31 UTC"
    assert run("verify", str(file), "--keys", str(VECTORS / "keys.json")) == 0
    assert capsys.readouterr().out.splitlines()[0] == said
    assert run("verify", str(file)) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{said} (by the receipt's own keys)"
    assert run("verify", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["says"] == said
    bent = json.loads(file.read_bytes()) | {"ledger": None}
    file.write_text(json.dumps(bent))
    assert run("verify", str(file)) == ExitCode.VERIFICATION_FAILED
    assert "accepted" not in capsys.readouterr().out.splitlines()[0]


def test_verify_trusts_keys_kept_at_sign_in(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = configuration / "gatehouse"
    folder.mkdir(parents=True)
    keys = json.loads((VECTORS / "keys.json").read_bytes())["keys"]
    accounts = {"https://models.example.org": {"token": None, "keys": keys, "saved_at": None}}
    (folder / "credentials.json").write_text(
        json.dumps({"version": 1, "default": None, "accounts": accounts})
    )
    assert run("verify", str(GOOD), "--require-trusted", "--json") == 0
    assert json.loads(capsys.readouterr().out)["trust"] == "pinned"


def test_verify_numbers_its_steps_and_names_the_one_that_failed(
    configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bent = json.loads(GOOD.read_bytes())
    bent["license"]["text"] += "x"
    (tmp_path / "bent.json").write_text(json.dumps(bent))
    assert run("verify", str(tmp_path / "bent.json")) == ExitCode.VERIFICATION_FAILED
    written = capsys.readouterr()
    assert " 8. FAIL license" in written.out
    assert " 9. -    leaf" in written.out
    assert "NOT VERIFIED" in written.out
    assert "step license failed" in written.err
    assert run("verify", str(tmp_path / "bent.json"), "--json") == ExitCode.VERIFICATION_FAILED
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["verified"], outcome["failed_step"], outcome["statement"]) == (False, "license", None)


def test_verify_reads_stdin_and_reports_what_cannot_be_read(
    configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.read_bytes())))
    assert run("verify", "-") == 0
    assert run("verify", str(tmp_path / "absent.json")) == ExitCode.FAILURE
    assert run("verify", str(GOOD), "--keys", str(GOOD)) == ExitCode.FAILURE  # its own keys vouch for nothing
    assert run("verify", str(GOOD), "--keys", str(VECTORS / "generate.py")) == ExitCode.FAILURE
    capsys.readouterr()


# Exports and pipes


def test_audit_streams_rows_as_they_come(signed_in: Stub, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = b'{"id": 1}\n' * 5
    signed_in.api_answers = [("/api/v1/audit/acceptances", 200, {}, rows)]
    assert run("audit", "acceptances", "tarn/otter", "--license", "tarn@1.1") == 0
    assert capsysbinary.readouterr().out == rows
    assert signed_in.requests[-1].query == "publisher=tarn&model=otter&license=tarn%401.1&format=jsonl"


def test_export_that_breaks_off_is_not_taken_for_a_whole_one(
    signed_in: Stub, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    signed_in.files = {"x": b""}
    signed_in.api_answers = [("/api/v1/audit/downloads", 200, {"Content-Length": "900"}, b"half")]
    assert run("audit", "downloads", "tarn") == ExitCode.UNAVAILABLE


def test_holders_says_what_is_not_on_record(signed_in: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    gate = {"revision": 2, "since": "", "mode": "auto", "licenses": ["tarn@1.1"], "log_index": 4}
    answer = {
        "model": "tarn/otter",
        "at": "2026-01-01T00:00:00.000Z",
        "gate": gate,
        "anybody": False,
        "nobody": True,
    }
    answer |= {"unknown": ["Who belonged to them."], "items": [{"person_id": "p"}], "next": None}
    page = json.dumps(answer).encode()
    answers = [("/api/v1/audit/holders", 200, {"Content-Type": "application/json"}, page)]
    signed_in.api_answers = list(answers)
    assert run("audit", "holders", "tarn/otter", "--at", "2026-01-01", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"] == [{"person_id": "p"}]
    assert signed_in.requests[-1].query == "publisher=tarn&model=otter&at=2026-01-01&limit=200"
    signed_in.api_answers = answers * 2
    assert run("audit", "holders", "tarn/otter", "--format", "csv") == 0
    assert "at=2026-01-01T00%3A00%3A00.000Z&format=csv" in signed_in.requests[-1].query
    said = capsys.readouterr().err
    assert "revision 2 of its gate, auto, asking for tarn@1.1" in said
    assert "Nobody could download it." in said
    assert "Not on record: Who belonged to them." in said
    assert run("audit", "holders", "tarn") == ExitCode.USAGE


def test_a_bundle_is_saved_whole_or_not_at_all(signed_in: Stub, tmp_path: Path) -> None:
    target = tmp_path / "evidence.zip"
    signed_in.api_answers = [("/api/v1/audit/bundle", 200, {}, b"PK whole")]
    words = [
        "audit",
        "bundle",
        "tarn/otter",
        "--since",
        "2026-01-01",
        "--with-details",
        "--output",
        str(target),
    ]
    assert run(*words) == 0
    assert signed_in.requests[-1].query == "publisher=tarn&model=otter&since=2026-01-01&details=true"
    signed_in.api_answers = [("/api/v1/audit/bundle", 200, {"Content-Length": "900"}, b"half")]
    assert run(*words) == ExitCode.UNAVAILABLE
    assert target.read_bytes() == b"PK whole"
    assert list(tmp_path.glob(".evidence*")) == []
    assert run(*words[:-1], str(tmp_path / "absent" / "evidence.zip")) == ExitCode.FAILURE


def test_reader_that_goes_away_ends_the_command_quietly(configuration: Path) -> None:
    command = f"{sys.executable} -m registry.cli verify {GOOD} --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("{")
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
