"""Evidence bundles: golden ones verify, each refused one fails at its step, every changed byte is noticed."""

import json
from pathlib import Path

import pytest

from registry import cli
from registry.client.cosignatures import COSIGNATURE_TYPE, parse_verifier_key
from registry.client.errors import ExitCode
from registry.client.keys import parse_key_set
from registry.client.others import Others
from registry.client.steps import State
from registry.client.verify import Trust, TrustedKeys
from registry.client.verify_bundle import verify_bundle
from tests.vectors.bundle import generate
from tests.vectors.bundle.writer import IMPORTED, PEOPLE, archive, bundle, facts, imported, indexed

VECTORS = Path(__file__).parents[2] / "vectors"
GOOD = VECTORS / "bundle" / "good" / "two-people.zip"
KEYS = VECTORS / "receipt" / "keys.json"
REFUSED = sorted((VECTORS / "bundle" / "refused").glob("*.zip"))


@pytest.fixture(scope="module")
def given() -> TrustedKeys:
    keys = parse_key_set(json.loads(KEYS.read_text()), where="keys")
    return TrustedKeys(keys=keys, source=Trust.GIVEN)


def test_golden_bundles_are_what_the_script_writes(tmp_path: Path) -> None:
    generate.main(tmp_path)
    kept = {
        path.relative_to(VECTORS / "bundle"): path.read_bytes()
        for path in (VECTORS / "bundle").rglob("*.zip")
    }
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.zip")}
    assert made == kept


@pytest.mark.parametrize("name", ["two-people", "details", "nobody-imported"])
def test_golden_bundles_verify(name: str, given: TrustedKeys) -> None:
    data = (VECTORS / "bundle" / "good" / f"{name}.zip").read_bytes()
    witness = parse_verifier_key(
        (VECTORS / "receipt" / "witness.txt").read_text().strip(), kind=COSIGNATURE_TYPE
    )
    outcome = verify_bundle(data, trusted=given, others=Others(witnesses=(witness,)))
    assert outcome.failure is None, outcome.failure
    assert outcome.trust is Trust.GIVEN
    assert [one["jti"] for one in outcome.statements] == list(PEOPLE)
    assert outcome.withdrawn == {PEOPLE[0]}
    assert all(("email" in one) is (name == "details") for one in outcome.statements)
    assert verify_bundle(data).trust is Trust.EMBEDDED
    imported = () if name == "nobody-imported" else IMPORTED
    assert [one["jti"] for one in outcome.imports] == list(imported)
    assert all((one["grade"], one["text"]) == ("C", "unknown") for one in outcome.imports)
    assert all(("email" in one) is (name == "details") for one in outcome.imports)
    assert outcome.upgraded == ({IMPORTED[1]: PEOPLE[1]} if imported else {})


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_refused_bundles_fail_at_their_step(path: Path, given: TrustedKeys) -> None:
    failure = verify_bundle(path.read_bytes(), trusted=given).failure
    assert failure is not None
    assert path.stem.startswith(failure.step), failure
    assert failure.text


def test_there_are_refused_bundles() -> None:
    assert len(REFUSED) == len(generate.refused())


def test_every_changed_byte_is_noticed(given: TrustedKeys) -> None:
    data = GOOD.read_bytes()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        failure = verify_bundle(changed, trusted=given).failure
        assert failure is not None, f"byte {place}"
        assert failure.text


def test_every_cut_is_noticed() -> None:
    data = GOOD.read_bytes()
    for length in (0, 1, 4, 30, len(data) // 2, len(data) - 22, len(data) - 1):
        failure = verify_bundle(data[:length]).failure
        assert failure is not None
        assert failure.step == "archive"


def test_a_changed_byte_of_a_member_is_noticed_whoever_repairs_the_archive(given: TrustedKeys) -> None:
    members = indexed(facts())
    for path, content in members.items():
        for place in range(0, len(content), 37):
            changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            failure = verify_bundle(bundle(members | {path: changed}), trusted=given).failure
            assert failure is not None, (path, place)
            assert path in failure.text or path in {"index.json", "signature.jws"}, failure


def test_a_failing_member_is_named(given: TrustedKeys) -> None:
    failure = verify_bundle(generate.refused()["acceptances-other-proof"], trusted=given).failure
    assert failure is not None
    assert failure.text.startswith("acceptances/2.json: step inclusion")


def test_an_import_passes_for_nothing_else_and_no_changed_claim_does(given: TrustedKeys) -> None:
    """Not even the registry's own signature makes an acceptance of it."""
    as_acceptance = facts() | {"acceptances/2.json": facts()["imports/1.json"]}
    failure = verify_bundle(bundle(indexed(as_acceptance)), trusted=given).failure
    assert failure is not None
    assert failure.step == "acceptances"
    for changes in ({"grade": "A"}, {"grade": None}, {"text": None}, {"license": None}, {"_sd_alg": "md5"}):
        changed = facts(imports=[imported(0, **changes), imported(1)])
        failure = verify_bundle(bundle(indexed(changed)), trusted=given).failure
        assert failure is not None, changes
        assert failure.step == "imports", changes
        assert "imports/1.json" in failure.text


def test_a_member_that_is_left_out_by_a_forger_is_noticed(given: TrustedKeys) -> None:
    kept = {path: data for path, data in indexed(facts()).items() if not path.startswith("withdrawals/")}
    failure = verify_bundle(bundle(kept), trusted=given).failure
    assert failure is not None
    assert failure.text == "the member withdrawals/8.json is missing"


def test_stated_sizes_are_not_believed() -> None:
    data = bytearray(archive([("keys.json", b"{}")]))
    data[22:26] = data[18:22] = (1 << 30).to_bytes(4, "little")
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = data[place + 20 : place + 24] = (1 << 30).to_bytes(4, "little")
    failure = verify_bundle(bytes(data)).failure
    assert failure is not None
    assert failure.text == "the member keys.json states more bytes than the archive has"


def test_the_command_knows_a_bundle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["verify", str(GOOD), "--keys", str(KEYS)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "2 acceptances of tarn, 1 of them withdrawn, as https://models.example.org had them"
    )
    assert "apart from them 2 people were imported who accepted elsewhere" in said
    assert "of whom 1 accepted here since" in said
    assert " 7. ok   acceptances" in said
    assert " 9. ok   imports      2 import(s), no acceptances: grade C, text unknown" in said
    assert "VERIFIED with the keys you gave" in said
    bad = tmp_path / "bad.zip"
    bad.write_bytes(GOOD.read_bytes()[:-1])
    assert cli.main(["verify", str(bad), "--keys", str(KEYS)]) == ExitCode.VERIFICATION_FAILED
    assert "step archive failed" in capsys.readouterr().err
    assert cli.main(["verify", str(GOOD), "--require-trusted", "--json"]) == ExitCode.VERIFICATION_FAILED
    assert json.loads(capsys.readouterr().out)["trust"] == "embedded"


def test_steps_after_a_failure_are_not_reached() -> None:
    states = [result.state for result in verify_bundle(b"PK").steps]
    assert states == [State.FAILED, *[State.NOT_REACHED] * 11]
