"""Use cases of SSH keys that people sign their acceptances with: register, list, remove, recognise.

A key signs nobody in. It is registered in a browser right after signing in, and the person is told of it; what was
signed with it holds the public key itself, so that it can be removed here at any time.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from registry.identity import ways_store
from registry.identity.domain import Message
from registry.identity.notices import notify
from registry.identity.tables import PersonKey
from registry.identity.ways import SSH_KEYS_PER_PERSON, RegisteredKey, too_many, unknown_way
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, Refusal, Remedy
from registry.kernel.sealing import Sealer, SubjectKey
from registry.kernel.sshsig import NotTaken, SSHPublicKey, is_same_key, read_public_key

PAGE = "/settings/ssh-keys"
NAME_MAX_CHARACTERS = 60
_KEY_CONTEXT = b"person_key:key:"


def add_ssh_key(
    session: Session,
    *,
    person_id: UUID,
    text: str,
    name: str,
    sealer: Sealer,
    base_url: str,
    now: datetime,
) -> RegisteredKey | Refusal:
    """Register a public key for the person, and tell them."""
    try:
        key = read_public_key(text)
    except NotTaken as error:
        return _not_taken(str(error))
    ways_store.lock_person(session, person_id)
    subject = sealer.find_subject_key(session, person_id)
    if subject is None:
        raise CorruptRecord(f"person {person_id} has a session and no key")
    known = _open_all(session, person_id, subject)
    if any(is_same_key(one.key, key) for one in known):
        return _known()
    if len(known) >= SSH_KEYS_PER_PERSON:
        return too_many("SSH keys", SSH_KEYS_PER_PERSON)
    made = RegisteredKey(
        id=new_id(), name=_clean(name) or key.kind, key=key, created_at=now, last_used_at=None
    )
    sealed = subject.seal(json.dumps([made.name, key.line]).encode(), _KEY_CONTEXT + made.id.bytes)
    session.exec(insert(PersonKey).values(id=made.id, person_id=person_id, sealed_key=sealed, created_at=now))
    message = Message(
        kind="ssh-key-added",
        subject="An SSH key was added to your account",
        text=f"The key {key.fingerprint} can now sign what you accept. It signs nobody in. If this was not you, "
        "remove the key, and end your sessions on the page of your records.",
        page=PAGE,
    )
    notify(session, [person_id], message, base_url=base_url, sealer=sealer, now=now)
    return made


def list_ssh_keys(session: Session, *, person_id: UUID, sealer: Sealer) -> Sequence[RegisteredKey]:
    """Return the person's SSH keys, oldest first; none once the person is erased."""
    subject = sealer.find_subject_key(session, person_id)
    return _open_all(session, person_id, subject) if subject else ()


def remove_ssh_key(
    session: Session, *, person_id: UUID, key_id: UUID, sealer: Sealer, base_url: str, now: datetime
) -> Refusal | None:
    """Let a key sign nothing more; what it has signed stays as good as it was."""
    found = [one for one in list_ssh_keys(session, person_id=person_id, sealer=sealer) if one.id == key_id]
    gone = session.exec(
        delete(PersonKey).where(col(PersonKey.id) == key_id, col(PersonKey.person_id) == person_id)
    )
    if gone.rowcount != 1 or not found:
        return unknown_way()
    message = Message(
        kind="ssh-key-removed",
        subject="An SSH key was removed from your account",
        text=f"The key {found[0].key.fingerprint} signs nothing more here. What you accepted with it stands.",
        page=PAGE,
    )
    notify(session, [person_id], message, base_url=base_url, sealer=sealer, now=now)
    return None


def use_ssh_key(
    session: Session, *, person_id: UUID, subject: SubjectKey, key: SSHPublicKey, now: datetime
) -> bool:
    """Note a use of the key; False if it is not registered for this person."""
    for one in _open_all(session, person_id, subject):
        if is_same_key(one.key, key):
            session.exec(update(PersonKey).where(col(PersonKey.id) == one.id).values(last_used_at=now))
            return True
    return False


def _open_all(session: Session, person_id: UUID, subject: SubjectKey) -> list[RegisteredKey]:
    rows = session.exec(
        select(PersonKey)
        .where(PersonKey.person_id == person_id)
        .order_by(col(PersonKey.created_at), col(PersonKey.id))
        .limit(100)
    ).all()
    found = []
    for row in rows:
        name, line = json.loads(subject.open(row.sealed_key, _KEY_CONTEXT + row.id.bytes))
        found.append(
            RegisteredKey(
                id=row.id,
                name=name,
                key=read_public_key(line),
                created_at=row.created_at,
                last_used_at=row.last_used_at,
            )
        )
    return found


def _clean(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip()[:NAME_MAX_CHARACTERS]


def _not_taken(why: str) -> Refusal:
    return Refusal(
        code="ssh-key-not-taken",
        status=422,
        title="This is no SSH key that is taken here",
        detail=f"What you gave {why}. Nothing was added.",
        remedy=Remedy(text="Paste the one line of a file such as ~/.ssh/id_ed25519.pub", url=PAGE),
        decider="You do",
        errors={"key": f"What you gave {why}"},
    )


def _known() -> Refusal:
    return Refusal(
        code="ssh-key-known",
        status=409,
        title="This key is registered for you already",
        detail="Nothing was added.",
        remedy=Remedy(text="Use it, or add another one", url=PAGE),
        decider="You do",
    )
