"""A witness, request by request, as C2SP tlog-witness asks; held against the registry's own functions."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry.client.cosignatures import VerifierKey, check_cosignature, parse_verifier_key
from registry.client.errors import ClientError, Malformed, VerificationFailed
from registry.client.merkle import check_consistency
from registry.client.notes import ED25519_TYPE, parse_checkpoint
from registry.client.witness import SIZE_TYPE, Answer, Witness
from registry.ledger import cosignatures as theirs
from registry.ledger import tree
from tests.unit.client.logs import ORIGIN, MemoryLog

NOW = 1_790_000_000


def key_of(log: MemoryLog) -> VerifierKey:
    return VerifierKey(name=log.origin, kind=ED25519_TYPE, raw=log.public)


def proof(log: MemoryLog, old: int) -> list[bytes]:
    stored = log.tree()
    return tree.prove_consistency(old, len(log.leaves), read_tile=lambda *at: stored[at])


def body(log: MemoryLog, old: int, hashes: list[bytes] | None = None, *, note: str | None = None) -> bytes:
    lines = [base64.b64encode(one).decode() for one in (proof(log, old) if hashes is None else hashes)]
    return "\n".join([f"old {old}", *lines, "", note or log.checkpoint()]).encode()


class Place:
    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog().grow(5)
        self.folder = folder
        self.witness = self.open()

    def open(self) -> Witness:
        keys = {ORIGIN: [key_of(self.log)]}
        return Witness(self.folder, name="witness.example/w1", logs=keys.get, now=lambda: NOW)

    def ask(self, old: int, **changes: object) -> Answer:
        return self.witness.add_checkpoint(body(self.log, old, **changes))  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "witness")


def test_a_log_is_cosigned_as_it_grows_and_the_line_fits(place: Place) -> None:
    size = 0
    for more in (0, 1, 300, 0):
        place.log.grow(more)
        answer = place.ask(size)
        assert answer.status == 200, answer
        size = len(place.log.leaves)
        note = place.log.checkpoint()
        cosignature = check_cosignature(parse_checkpoint(note + answer.body), place.witness.key)
        assert cosignature is not None
        assert cosignature.at.timestamp() == NOW
        # The registry reads it by code of its own.
        key = theirs.parse_witness_key(str(place.witness.key))
        assert theirs.find_cosignature(answer.body, note=note, key=key).at == cosignature.at


def test_what_it_has_seen_outlives_it(place: Place) -> None:
    key = place.witness.key
    assert place.ask(0).status == 200
    place.witness = place.open()
    assert place.witness.key == key
    assert (place.folder / "witness.key").stat().st_mode & 0o777 == 0o600
    place.log.grow(2)
    assert place.ask(0) == Answer(status=409, body="5\n", media_type=SIZE_TYPE)
    assert place.ask(5).status == 200


def test_a_fork_is_never_cosigned(place: Place) -> None:
    assert place.ask(0).status == 200
    honest = [*place.log.leaves]
    place.log.leaves[2] = b"another"
    assert place.ask(5).status == 409
    place.log.grow(4)
    assert place.ask(5).status == 422
    assert place.ask(0).status == 409
    place.log.leaves = honest[:3]
    assert place.ask(3).status == 409
    assert place.ask(5, hashes=[]).status == 400
    place.log.leaves = honest
    assert place.ask(5).status == 200


def test_who_is_not_known_is_not_witnessed(place: Place) -> None:
    other = MemoryLog(origin="other.example/ledger").grow(1)
    assert place.witness.add_checkpoint(body(other, 0)).status == 404
    stranger = MemoryLog(seed=9).grow(1)
    assert place.witness.add_checkpoint(body(stranger, 0)).status == 403


@pytest.mark.parametrize(
    "request_body",
    [
        b"",
        b"old 0",
        b"old 00\n\nx\n1\n",
        b"old -1\n\n",
        b"old 9223372036854775808\n\n",
        b"Old 0\n\n",
        b"\xff",
        b"old 0\nnot base64\n\n",
        b"old 0\n" + base64.b64encode(b"short") + b"\n\n",
        b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n",
    ],
)
def test_what_is_no_request_is_refused(place: Place, request_body: bytes) -> None:
    tail = place.log.checkpoint().encode()
    assert place.witness.add_checkpoint(request_body + tail).status == 400


@given(some.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    witness = Witness.__new__(Witness)
    witness._logs = lambda _: None
    assert witness.add_checkpoint(data).status in {400, 404}


def test_of_two_trees_at_once_one_is_cosigned(place: Place) -> None:
    assert place.ask(0).status == 200
    base = [*place.log.leaves]
    forks = []
    for name in range(8):
        place.log.leaves = [*base, f"fork {name}".encode()]
        forks.append(body(place.log, 5))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(place.open().add_checkpoint, forks))
    assert sorted(answer.status for answer in answers) == [200, *[409] * 7]


def test_every_altered_byte_of_a_cosigned_checkpoint_is_found(place: Place) -> None:
    note = (place.log.checkpoint() + place.ask(0).body).encode()
    key = place.witness.key
    for at in range(len(note)):
        for bit in (1, 32):
            changed = note[:at] + bytes([note[at] ^ bit]) + note[at + 1 :]
            try:
                found = check_cosignature(parse_checkpoint(changed.decode()), key)
            except (ClientError, UnicodeDecodeError):
                continue
            # The log's own line is not what the witness signed; and a line of another name is left out.
            assert found is None or changed.split(b"\n\n")[0] == note.split(b"\n\n")[0]


@given(some.integers(1, 600), some.integers(0, 600))
def test_consistency_is_what_the_registry_proves(size: int, part: int) -> None:
    old = min(part, size)
    log = MemoryLog().grow(size)
    stored = log.tree()
    old_root = tree.root_at(old, read_tile=lambda *at: stored[at])
    given_proof = proof(log, old)
    check_consistency(old_size=old, old_root=old_root, new_size=size, new_root=log.root(), path=given_proof)
    for wrong in ([*given_proof, bytes(32)], given_proof[:-1], [bytes(32), *given_proof[1:]]):
        if wrong != given_proof:
            with pytest.raises(VerificationFailed):
                check_consistency(
                    old_size=old, old_root=old_root, new_size=size, new_root=log.root(), path=wrong
                )


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-4] + "AAA=", lambda t: t.replace("+", " ", 1), lambda _: "a+b", lambda t: "x" + t],
)
def test_keys_that_are_none_are_named(place: Place, change: object) -> None:
    text = str(place.witness.key)
    assert parse_verifier_key(text, kind=b"\x04") == place.witness.key
    with pytest.raises(Malformed):
        parse_verifier_key(change(text), kind=b"\x04")  # type: ignore[operator]
    with pytest.raises(Malformed, match="of a log"):
        parse_verifier_key(text, kind=ED25519_TYPE)
