"""Sealing: what is sealed opens at its place, for its person, under its keys, unaltered; else not at all."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlmodel import Session

from registry.kernel.outcomes import CorruptRecord, GatehouseError
from registry.kernel.sealing import Sealer, SealingKey
from tests.clock import START

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SealingKey.metadata.create_all(engine, tables=[SealingKey.__table__])  # type: ignore[attr-defined]
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@given(plaintext=st.binary(max_size=200), context=st.binary(max_size=40))
def test_what_is_sealed_opens_at_its_place(plaintext: bytes, context: bytes) -> None:
    sealer = Sealer(NEW)
    sealed = sealer.seal_system(plaintext, context)
    assert sealer.open_system(sealed, context) == plaintext
    assert sealer.seal_system(plaintext, context) != sealed


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_altered_byte_is_noticed(place: int, flip: int) -> None:
    sealed = bytearray(Sealer(NEW).seal_system(b"mara@nordlab.example", b"here"))
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(CorruptRecord):
        Sealer(NEW).open_system(bytes(sealed), b"here")


@given(length=st.integers(0, 100))
def test_a_shortened_or_lengthened_value_does_not_open(length: int) -> None:
    sealed = Sealer(NEW).seal_system(b"secret" * 20, b"here")
    for altered in (sealed[:length], sealed + b"\x00" * (length + 1)):
        with pytest.raises(CorruptRecord):
            Sealer(NEW).open_system(altered, b"here")


def test_a_value_moved_elsewhere_does_not_open() -> None:
    sealer = Sealer(NEW)
    with pytest.raises(CorruptRecord, match="belongs elsewhere"):
        sealer.open_system(sealer.seal_system(b"x", b"table:1:email"), b"table:2:email")


def test_the_error_holds_neither_plaintext_nor_key() -> None:
    with pytest.raises(CorruptRecord) as caught:
        Sealer(NEW).open_system(Sealer(OLD).seal_system(b"mara@nordlab.example", b"x"), b"x")
    assert "mara" not in str(caught.value)
    assert OLD.hex() not in str(caught.value)


def test_a_persons_value_does_not_open_for_another_person(session: Session) -> None:
    sealer, mara, noor = Sealer(NEW), uuid4(), uuid4()
    key = sealer.new_subject_key(session, mara, now=START)
    other = sealer.new_subject_key(session, noor, now=START)
    sealed = key.seal(b"mara", b"place")
    assert key.open(sealed, b"place") == b"mara"
    for wrong, context in ((other, b"place"), (key, b"elsewhere")):
        with pytest.raises(CorruptRecord):
            wrong.open(sealed, context)
    with pytest.raises(CorruptRecord):
        sealer.open_system(sealed, b"place")


def test_a_wrapped_key_put_under_another_person_does_not_open(session: Session) -> None:
    sealer, mara, noor = Sealer(NEW), uuid4(), uuid4()
    sealer.new_subject_key(session, mara, now=START)
    row = session.get(SealingKey, mara)
    assert row is not None
    session.add(SealingKey(subject_id=noor, wrapped=row.wrapped, created_at=START))
    session.flush()
    with pytest.raises(CorruptRecord):
        sealer.find_subject_key(session, noor)


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key(session: Session) -> None:
    before, mara, noor = Sealer(OLD), uuid4(), uuid4()
    system = before.seal_system(b"system", b"place")
    personal = before.new_subject_key(session, mara, now=START).seal(b"mara", b"place")
    during = Sealer(NEW, OLD)
    assert during.open_system(system, b"place") == b"system"
    found = during.find_subject_key(session, mara)
    assert found is not None
    assert found.open(personal, b"place") == b"mara"
    during.new_subject_key(session, noor, now=START)
    fresh = during.seal_system(b"fresh", b"place")
    after = Sealer(NEW)
    assert after.open_system(fresh, b"place") == b"fresh"
    assert after.find_subject_key(session, noor) is not None
    with pytest.raises(CorruptRecord, match="unknown master key"):
        after.open_system(system, b"place")
    with pytest.raises(CorruptRecord, match="unknown master key"):
        after.find_subject_key(session, mara)


def test_a_destroyed_key_leaves_nothing_to_open_with(session: Session) -> None:
    sealer, mara, noor = Sealer(NEW), uuid4(), uuid4()
    for person in (mara, noor):
        sealer.new_subject_key(session, person, now=START)
    sealer.destroy_subject_key(session, mara)
    assert sealer.find_subject_key(session, mara) is None
    assert set(sealer.find_subject_keys(session, [mara, noor])) == {noor}


def test_blind_indexes_find_under_every_key_and_differ_by_purpose() -> None:
    before, during = Sealer(OLD), Sealer(NEW, OLD)
    stored = before.blind_index("mara@nordlab.example", "email")
    assert during.blind_indexes("mara@nordlab.example", "email") == (
        during.blind_index("mara@nordlab.example", "email"),
        stored,
    )
    assert during.blind_index("mara@nordlab.example", "email") != stored
    assert before.blind_index("mara@nordlab.example", "network") != stored
    assert before.blind_index("noor@nordlab.example", "email") != stored


def test_derived_secrets_are_stable_and_apart() -> None:
    assert Sealer(NEW).derive_secret("csrf") == Sealer(NEW, OLD).derive_secret("csrf")
    secrets = {Sealer(key).derive_secret(purpose) for key in (OLD, NEW) for purpose in ("csrf", "ticket")}
    assert len(secrets) == 4


@pytest.mark.parametrize("secrets", [(), (b"short",), (NEW, b"short")])
def test_a_short_master_key_is_refused(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(GatehouseError, match="at least 32 bytes"):
        Sealer(*secrets)


def test_nothing_secret_shows_in_a_repr(session: Session) -> None:
    sealer = Sealer(NEW)
    key = sealer.new_subject_key(session, uuid4(), now=START)
    shown = repr(sealer) + repr(vars(sealer)) + repr(key)
    assert NEW.hex() not in shown
    assert repr(NEW) not in shown
    assert "blind=" not in shown
