"""`gatehouse receipt disclose --audience --nonce`, and what `gatehouse verify` says of it."""

import json
from pathlib import Path

import pytest

from registry import cli
from registry.client.errors import ClientError, ExitCode
from registry.client.holder_keys import HolderKey, HolderKeys, make_holder_key, read_holder_key
from tests.vectors.receipt import bound, writer

KEY = HolderKey(private=writer.key_of("holder"))


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A receipt, in the folder of somebody who keeps its key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    HolderKeys(tmp_path / "config" / "gatehouse" / "receipt-keys").keep(KEY)
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(bound.signed_and_bound()))
    return path


def present(saved: Path, *more: str) -> int:
    proof = str(saved.with_name("proof.json"))
    return cli.main(["receipt", "disclose", str(saved), "--only", "license", "--output", proof, *more])


def test_proof_is_made_with_the_kept_key_and_holds_for_its_audience_alone(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert present(saved, "--audience", "lab", "--nonce", "n1") == 0
    assert "Made for lab, with the key" in capsys.readouterr().err
    proof = str(saved.with_name("proof.json"))
    assert cli.main(["verify", proof, "--audience", "lab", "--nonce", "n1"]) == 0
    said = capsys.readouterr().out
    assert "16. ok   key-binding" in said
    assert "shown to 'lab' with your nonce" in said
    for audience, nonce, words in (("lab", "n2", "nonce differs"), ("eve", "n1", "audience differs")):
        status = cli.main(["verify", proof, "--audience", audience, "--nonce", nonce])
        assert status == ExitCode.VERIFICATION_FAILED
        assert words in capsys.readouterr().err
    assert cli.main(["verify", proof]) == 0
    assert "you named none to compare" in capsys.readouterr().out
    asked = ["--audience", "lab", "--nonce", "n1"]
    assert cli.main(["verify", str(saved), *asked]) == ExitCode.VERIFICATION_FAILED
    assert "no key binding follows" in capsys.readouterr().err


def test_another_machine_needs_a_copy_of_the_key(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept,) = (tmp_path / "config" / "gatehouse" / "receipt-keys").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    asked = ("--audience", "lab", "--nonce", "n1")
    assert present(saved, *asked) == ExitCode.FAILURE
    assert "the key of this receipt is not in" in capsys.readouterr().err
    assert present(saved, *asked, "--holder-key", str(kept)) == 0
    HolderKeys(tmp_path).keep(other := make_holder_key())
    assert present(saved, *asked, "--holder-key", str(tmp_path / f"{other.name}.json")) == ExitCode.FAILURE
    assert "is not the one that the receipt is bound to" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        ("--audience", "lab"),
        ("--nonce", "n1"),
        ("--audience", "", "--nonce", "n1"),
        ("--audience", "lab", "--nonce", "n" * 1_001),
        ("--holder-key", "x"),
    ],
)
def test_half_a_question_is_none(saved: Path, more: tuple[str, ...]) -> None:
    assert present(saved, *more) == ExitCode.USAGE
    assert cli.main(["verify", str(saved), "--max-age", "5"]) == ExitCode.USAGE


def test_receipt_without_a_key_proves_no_possession(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved.write_text(json.dumps(writer.receipt()))
    assert present(saved, "--audience", "lab", "--nonce", "n1") == ExitCode.FAILURE
    assert "bound to no key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}', '{"kty":"EC","crv":"P-256"}'],
)
def test_file_that_holds_no_key_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(ClientError):
        read_holder_key(path)
    path.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": KEY.x, "d": writer.b64u(bytes(32))}))
    with pytest.raises(ClientError, match="does not belong"):
        read_holder_key(path)
