"""A receipt that shows less: only what is named, and it verifies; what does not fit is refused in words."""

import json
from itertools import chain, combinations
from pathlib import Path

import pytest

from registry import cli
from registry.client.disclosing import hidable_names, show_only
from registry.client.errors import ClientError, ExitCode
from registry.client.keys import parse_key_set
from registry.client.said import sentence_of
from registry.client.verify import Step, Trust, TrustedKeys, verify_receipt
from tests.pdfs import attach
from tests.vectors.receipt import writer

VECTORS = Path(__file__).parents[2] / "vectors" / "receipt"
KEYS = parse_key_set(json.loads((VECTORS / "keys.json").read_bytes()), where="keys")
GIVEN = TrustedKeys(keys=KEYS, source=Trust.GIVEN)


def whole() -> bytes:
    """A receipt that discloses name, address, domain and answers, one of which is called like a claim."""
    hidden = {"name": "Ada", "email": "ada@example.org", "email_domain": "example.org"}
    flat = [writer.disclosure(name, value) for name, value in hidden.items()]
    group = [
        writer.disclosure(name, value)
        for name, value in {"why, and where": "tides", "email": "x@y.z"}.items()
    ]
    payload, _ = writer.claims()
    payload |= {
        "_sd": sorted(map(writer.digest, [*flat, "a decoy"])),
        "answers": {"_sd": sorted(map(writer.digest, group))},
    }
    return json.dumps(writer.receipt(payload, [*flat, *group])).encode()


NAMES = ("name", "email", "email_domain", "answers.why, and where", "answers.email")


def test_names_tell_claims_and_members_apart() -> None:
    assert hidable_names(whole()) == NAMES


@pytest.mark.parametrize("names", [*chain.from_iterable(combinations(NAMES, size) for size in range(6))])
def test_every_choice_verifies_and_shows_nothing_else(names: tuple[str, ...]) -> None:
    shown = show_only(whole(), names)
    assert hidable_names(shown) == names
    outcome = verify_receipt(shown, trusted=GIVEN)
    assert outcome.is_verified
    assert outcome.hidden_count == 8 - len(names)  # five claims, a decoy, two in an array
    for name, value in (("name", "Ada"), ("email", "ada@example.org"), ("answers.email", "x@y.z")):
        assert (value in json.dumps(outcome.statement)) is (name in names)
        assert (writer.disclosure(name.rpartition(".")[2], value).encode() in shown) is (name in names)


def test_the_domain_alone_says_someone_there() -> None:
    outcome = verify_receipt(
        show_only(whole(), ["license", "version", "time", "email_domain"]), trusted=GIVEN
    )
    assert (sentence_of(outcome) or "").startswith(
        "Someone at example.org accepted Imagined OpenRAIL-M 1.1 on "
    )


def test_what_was_kept_back_cannot_be_shown_again() -> None:
    with pytest.raises(ClientError, match="no email to show"):
        show_only(show_only(whole(), ["name"]), ["email"])


def test_a_disclosure_of_another_statement_is_refused() -> None:
    receipt = json.loads(whole())
    receipt["sd_jwt"] += writer.disclosure("email_domain", "other.example") + "~"
    bent = json.dumps(receipt).encode()
    with pytest.raises(ClientError, match="does not belong to this statement: email_domain"):
        show_only(bent, ["name"])
    failure = verify_receipt(bent, trusted=GIVEN).failure
    assert failure is not None
    assert failure.step is Step.DISCLOSURES


def test_a_disclosure_given_twice_is_refused() -> None:
    receipt = json.loads(whole())
    receipt["sd_jwt"] += receipt["sd_jwt"].split("~")[1] + "~"
    with pytest.raises(ClientError, match="given twice"):
        show_only(json.dumps(receipt).encode(), ["name"])


def test_the_command_says_what_is_proven_and_what_is_kept_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, proof = tmp_path / "receipt.pdf", tmp_path / "proof.json"
    saved.write_bytes(attach(whole()))
    arguments = ["receipt", "disclose", str(saved), "--only", "license, email_domain", "--output", str(proof)]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().err
    assert "It proves: Someone at example.org accepted" in said
    assert "Kept back: name, email, answers.why, and where, answers.email" in said
    assert verify_receipt(proof.read_bytes(), trusted=GIVEN).disclosed == ("email_domain",)
    assert proof.stat().st_mode & 0o777 == 0o600
    asked = ["receipt", "disclose", str(saved), "--only", "answers.why, and where", "--only", "name,license"]
    assert cli.main([*asked, "--output", str(proof)]) == 0
    assert hidable_names(proof.read_bytes()) == ("name", "answers.why, and where")
    capsys.readouterr()
    assert cli.main(["receipt", "disclose", str(saved), "--only", "passport"]) == ExitCode.FAILURE
    assert "no passport to show" in capsys.readouterr().err
