"""Receipts verify offline, and every way to bend one is refused at the step that guards against it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.client.cosignatures import COSIGNATURE_TYPE, parse_verifier_key
from registry.client.key_binding import Asked
from registry.client.keys import KeyUse, parse_key_set
from registry.client.others import Others
from registry.client.steps import State
from registry.client.verify import CHECKS, Step, Trust, TrustedKeys, verify_receipt
from tests.vectors.receipt import generate, writer

VECTORS = Path(__file__).parents[2] / "vectors" / "receipt"
GOOD = sorted(VECTORS.glob("good/*.json"))
REFUSED = sorted(VECTORS.glob("refused/*.json"))
RECEIPT = (VECTORS / "good" / "all-disclosed.json").read_bytes()
KEYS = parse_key_set(json.loads((VECTORS / "keys.json").read_bytes()), where="keys")
GIVEN = TrustedKeys(keys=KEYS, source=Trust.GIVEN)
WITNESS = parse_verifier_key((VECTORS / "witness.txt").read_text().strip(), kind=COSIGNATURE_TYPE)
WITNESSED = Others(witnesses=(WITNESS,))


def test_generator_gives_the_stored_vectors_byte_for_byte(tmp_path: Path) -> None:
    generate.write(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.json")}
    stored = {path.relative_to(VECTORS): path.read_bytes() for path in VECTORS.rglob("*.json")}
    assert made == stored


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_receipt_verifies_with_given_keys(path: Path) -> None:
    others = WITNESSED if path.stem != "leaf-of-a-million" else Others()
    outcome = verify_receipt(path.read_bytes(), trusted=GIVEN, others=others)
    assert outcome.failure is None
    assert outcome.is_verified
    assert outcome.trust is Trust.GIVEN
    assert [result.step for result in outcome.steps] == list(Step)


def test_statement_holds_visible_and_disclosed_claims_and_no_digest() -> None:
    outcome = verify_receipt(RECEIPT, trusted=GIVEN)
    assert outcome.statement is not None
    assert outcome.statement["email"] == "ada@example.org"
    assert outcome.statement["answers"] == {"purpose": "studying tides", "country": "GB"}
    assert outcome.statement["releases"] == [{"id": "release-1"}, {"id": "release-2"}]
    assert "_sd" not in json.dumps(outcome.statement)
    assert outcome.issuer == "https://models.example.org"


def test_undisclosed_claims_stay_hidden_and_are_counted() -> None:
    outcome = verify_receipt((VECTORS / "good" / "one-disclosed.json").read_bytes(), trusted=GIVEN)
    assert outcome.disclosed == ("email",)
    assert outcome.hidden_count == 7
    assert "typed_name" not in (outcome.statement or {})


def asked_of(stated: dict[str, Any] | None) -> Asked | None:
    if stated is None:
        return None
    now = datetime.fromtimestamp(stated["at"], UTC)
    return Asked(audience=stated["audience"], nonce=stated["nonce"], now=now)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_bent_receipt_is_refused_at_its_step(path: Path) -> None:
    case = json.loads(path.read_bytes())
    outcome = verify_receipt(
        json.dumps(case["receipt"]).encode(), others=WITNESSED, asked=asked_of(case.get("asked"))
    )
    assert not outcome.is_verified
    assert outcome.failure is not None, case["why"]
    assert outcome.failure.step == case["step"], (case["why"], outcome.failure.text)
    assert outcome.statement is None


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-01U00:00:00Z",
        "2026-01-01T00:00:00,5Z",
        "2026-02-31T00:00:00Z",
        "2026-01-01T00:00:00",
        "20260101T000000Z",
    ],
)
def test_a_time_is_written_as_rfc_3339_says(moment: str) -> None:
    receipt = json.loads(RECEIPT)
    receipt["keys"][0]["valid_from"] = moment
    failure = verify_receipt(json.dumps(receipt).encode()).failure
    assert failure is not None
    assert (failure.step, "expected an RFC 3339 time" in failure.text) == (Step.FORMAT, True)


def test_steps_after_the_failed_one_are_not_reached() -> None:
    outcome = verify_receipt((VECTORS / "refused" / "type-missing.json").read_bytes())
    states = [result.state for result in outcome.steps]
    assert states.count(State.FAILED) == 1
    assert set(states[states.index(State.FAILED) + 1 :]) == {State.NOT_REACHED}


def test_every_step_but_the_chosen_keys_has_a_refused_vector() -> None:
    covered = {json.loads(path.read_bytes())["step"] for path in REFUSED}
    assert covered == {step.value for step, _ in CHECKS}


def test_receipt_with_keys_of_a_forger_is_refused_when_keys_are_given() -> None:
    payload, disclosures = writer.claims()
    forged = writer.receipt(payload, disclosures, jwt=writer.sign_jwt(payload, word="forger"))
    forged["keys"] = [writer.jwk("forger", "statement"), writer.jwk("checkpoint", "checkpoint")]
    data = json.dumps(forged).encode()

    alone = verify_receipt(data)
    assert alone.is_verified
    assert alone.trust is Trust.EMBEDDED

    against_given = verify_receipt(data, trusted=GIVEN)
    assert against_given.failure is not None
    assert against_given.failure.step is Step.KEYS


def test_pinned_keys_that_know_the_signer_are_used() -> None:
    outcome = verify_receipt(RECEIPT, trusted=TrustedKeys(keys=KEYS, source=Trust.PINNED))
    assert outcome.is_verified
    assert outcome.trust is Trust.PINNED


def test_pinned_keys_older_than_the_signer_do_not_vouch_for_it() -> None:
    other = tuple(key for key in KEYS if key.valid_until is not None)
    outcome = verify_receipt(RECEIPT, trusted=TrustedKeys(keys=other, source=Trust.PINNED))
    assert outcome.is_verified
    assert outcome.trust is Trust.EMBEDDED


def test_pinned_keys_without_the_logs_new_key_vouch_for_the_statement_only() -> None:
    statement_only = tuple(key for key in KEYS if key.use is KeyUse.STATEMENT)
    outcome = verify_receipt(RECEIPT, trusted=TrustedKeys(keys=statement_only, source=Trust.PINNED))
    assert outcome.is_verified
    assert outcome.trust is Trust.EMBEDDED


def test_given_keys_decide_about_validity_whatever_the_receipt_says() -> None:
    keys = json.loads((VECTORS / "keys.json").read_bytes())
    keys["keys"][0]["valid_until"] = "2026-02-01T00:00:00Z"
    strict = TrustedKeys(keys=parse_key_set(keys, where="keys"), source=Trust.GIVEN)
    outcome = verify_receipt(RECEIPT, trusted=strict)
    assert outcome.failure is not None
    assert outcome.failure.step is Step.VALIDITY


def leaves_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for name, member in value.items() for leaf in leaves_of(member, (*path, name))]
    if isinstance(value, list):
        return [leaf for at, member in enumerate(value) for leaf in leaves_of(member, (*path, at))]
    return [path]


def is_free(path: tuple[str | int, ...]) -> bool:
    """Whether a member is a label that nothing signed covers and no step relies on when keys are given."""
    return path == ("registry",) or path[0] == "keys"


DOCUMENT = json.loads(RECEIPT)


@pytest.mark.parametrize("path", leaves_of(DOCUMENT), ids=lambda path: ".".join(map(str, path)))
def test_every_field_that_is_not_a_free_label_is_guarded(path: tuple[str | int, ...]) -> None:
    document = json.loads(RECEIPT)
    holder = document
    for name in path[:-1]:
        holder = holder[name]
    value = holder[path[-1]]
    holder[path[-1]] = value + 1 if isinstance(value, int) else (value or "") + "x"
    outcome = verify_receipt(json.dumps(document).encode(), trusted=GIVEN)
    # A key that is not well-formed is refused at sight, even where other keys are used.
    assert not outcome.is_verified or is_free(path)


def same_but_for_free_labels(data: bytes) -> bool:
    """Whether `data` is the golden receipt apart from free labels, names nobody reads and white space."""
    changed = json.loads(data)
    return (
        {name: changed.get(name) for name in ("format", "sd_jwt", "ledger")}
        == {name: DOCUMENT[name] for name in ("format", "sd_jwt", "ledger")}
        or _ledger_differs_only_in_witnesses(changed)
    ) and all(
        changed["license"].get(name) == DOCUMENT["license"][name] for name in ("slug", "number", "text")
    )


def _ledger_differs_only_in_witnesses(changed: dict[str, Any]) -> bool:
    def logs_own(document: dict[str, Any]) -> dict[str, Any]:
        note = document["ledger"]["checkpoint"].split("\n")
        return document["ledger"] | {"checkpoint": note[:5]}

    return changed["sd_jwt"] == DOCUMENT["sd_jwt"] and logs_own(changed) == logs_own(DOCUMENT)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(RECEIPT) - 1), mask=st.integers(1, 255))
def test_any_flipped_byte_is_refused_or_changes_a_free_label_only(at: int, mask: int) -> None:
    data = bytearray(RECEIPT)
    data[at] ^= mask
    outcome = verify_receipt(bytes(data), trusted=GIVEN)
    if outcome.is_verified:
        assert same_but_for_free_labels(bytes(data))


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, len(RECEIPT) - 3), length=st.integers(1, 40), filler=st.binary(max_size=40))
def test_any_replaced_stretch_is_refused_or_changes_a_free_label_only(
    cut: int, length: int, filler: bytes
) -> None:
    data = RECEIPT[:cut] + filler + RECEIPT[cut + length :]
    outcome = verify_receipt(data, trusted=GIVEN)
    if outcome.is_verified:
        assert same_but_for_free_labels(data)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_input_makes_the_verifier_raise(data: bytes) -> None:
    assert not verify_receipt(data).is_verified


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b'{"format":' + b"[" * 5_000,
        b"\xff\xfe",
        b"null",
        b'{"format": "gatehouse-receipt/1"}',
        RECEIPT.replace(b'"tree_size": 11', b'"tree_size": 1e400'),
        RECEIPT.replace(b'"tree_size": 11', b'"tree_size": NaN'),
        RECEIPT.replace(b'"tree_size": 11', b'"tree_size": ' + b"9" * 5_000),
        RECEIPT.replace(b'"index": 5', b'"index": true'),
        RECEIPT.replace(b'"text": "Imagined', b'"text": "\\ud800Imagined'),
        RECEIPT + b"{}",
    ],
    ids=range(12),
)
def test_hostile_files_are_refused_without_an_exception(data: bytes) -> None:
    outcome = verify_receipt(data)
    assert outcome.failure is not None


def test_deeply_nested_claims_are_refused() -> None:
    payload, disclosures = writer.claims()
    nested: Any = "x"
    for _ in range(40):
        nested = {"more": nested}
    data = json.dumps(writer.receipt(payload | {"nested": nested}, disclosures)).encode()
    outcome = verify_receipt(data)
    assert outcome.failure is not None
    assert outcome.failure.step is Step.DISCLOSURES


def test_verification_core_needs_only_cryptography_and_the_standard_library() -> None:
    code = (
        "import sys; import registry.client.verify; "
        "print(sorted({m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names - {'__main__'}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = {
        name
        for name in json.loads(answer.stdout.replace("'", '"'))
        if not name.startswith(("_", "sitecustomize", "__editable__"))
    }
    assert foreign <= {"registry", "cryptography"}
