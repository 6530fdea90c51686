"""`gatehouse license`: texts and their versions."""

import hashlib
from pathlib import Path

import pytest

from registry import cli
from registry.client.errors import ExitCode
from tests.unit.client.stub import Stub


def run(*words: str) -> int:
    return cli.main(words)


def with_text(stub: Stub, number: str, text: bytes) -> None:
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    stub.licenses[f"tarn@{number}"] = {
        "slug": "tarn",
        "number": number,
        "sha256": digest,
        "text": text.decode(),
    }
    stub.api_answers.append((f"/licenses/tarn/{number}.txt", 200, {}, text))


def test_license_show_writes_the_exact_bytes(
    signed_in: Stub, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with_text(signed_in, "1.0", b"\xef\xbb\xbfOne\r\ntwo")
    assert run("license", "show", "tarn@1.0") == 0
    assert capsysbinary.readouterr().out == b"\xef\xbb\xbfOne\r\ntwo"


def test_license_show_refuses_a_text_with_another_digest(
    signed_in: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    with_text(signed_in, "1.0", b"One")
    signed_in.licenses["tarn@1.0"]["sha256"] = "sha256:" + "0" * 64
    assert run("license", "show", "tarn@1.0") == ExitCode.VERIFICATION_FAILED
    assert capsys.readouterr().out == ""


def test_license_diff_shows_changed_lines(signed_in: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    with_text(signed_in, "1.0", b"One\nTwo\n")
    with_text(signed_in, "1.1", b"One\nThree\n")
    assert run("license", "diff", "tarn@1.0", "tarn@1.1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "--- tarn@1.0",
        "+++ tarn@1.1",
        "@@ -1,2 +1,2 @@",
        " One",
        "-Two",
        "+Three",
    ]


def test_license_add_sends_the_text_as_it_is(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "license.md"
    text.write_bytes("Tarn – 2.0\r\n".encode())
    words = ("--change-class", "material", "--title", "Tarn", "--effective-at", "2027-01-01T00:00:00Z")
    assert run("license", "add", "tarn@2.0", str(text), *words) == 0
    made = signed_in.licenses["tarn@2.0"]
    assert made["text"].encode() == text.read_bytes()
    assert (made["change_class"], made["title"]) == ("material", "Tarn")
    assert capsys.readouterr().out.startswith("tarn@2.0 sha256:")


def test_license_show_says_that_a_version_waits_for_a_second_person(
    signed_in: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    with_text(signed_in, "1.0.1", b"One!")
    where = "https://registry.example/licenses/tarn/1.0.1"
    signed_in.licenses["tarn@1.0.1"] |= {"second_person": "waits", "url": where}
    assert run("license", "show", "tarn@1.0.1") == 0
    written = capsys.readouterr()
    assert written.out == "One!"
    assert f"waits for a second person; no gate can require it yet. {where}/second-person" in written.err
    with_text(signed_in, "1.0.1", b"One!")
    signed_in.licenses["tarn@1.0.1"]["second_person"] = "confirmed"
    assert run("license", "show", "tarn@1.0.1") == 0
    assert "second person" not in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1 << 20) + b"x", None])
def test_license_add_takes_no_other_file(
    signed_in: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "license.md"
    if content is not None:
        file.write_bytes(content)
    assert run("license", "add", "tarn@2.0", str(file)) == ExitCode.FAILURE
    assert signed_in.requests == []
    capsys.readouterr()
