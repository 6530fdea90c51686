"""Use cases around publishers, their roles, models and gates: load, decide, record."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.catalog import refusals, store
from registry.catalog.domain import (
    DISPLAY_NAME_MAX_CHARACTERS,
    ROLE_CHANGED,
    Command,
    ModelView,
    PublisherView,
    Role,
    RoleView,
    may_any,
)
from registry.catalog.forms import is_clean_text
from registry.catalog.names import check_publisher_name
from registry.identity.domain import Principal
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal


def create_publisher(
    session: Session,
    *,
    name: str,
    display_name: str,
    principal: Principal,
    now: datetime,
    owner_id: UUID | None = None,
) -> PublisherView | Refusal:
    """Return the new publisher; its owner is who created it, or whom an operator names."""
    refusal = refusals.check_scope(principal, Command.CREATE_MODEL)
    if refusal is not None:
        return refusal
    owner = owner_id if owner_id is not None and principal.is_operator else principal.person_id
    errors: dict[str, str] = {}
    if trouble := check_publisher_name(name):
        errors["name"] = trouble
    shown = " ".join(display_name.split()) or name
    if len(shown) > DISPLAY_NAME_MAX_CHARACTERS or not is_clean_text(shown):
        errors["display_name"] = f"one line of at most {DISPLAY_NAME_MAX_CHARACTERS} plain characters"
    if errors or owner is None:
        return refusals.malformed("The publisher cannot be created like this", errors)
    publisher = store.insert_publisher(session, name=name, display_name=shown, now=now)
    if publisher is None:
        return refusals.name_taken("publisher", name)
    _grant(session, publisher, person_id=owner, role=Role.OWNER, granted_by=principal.person_id, now=now)
    return publisher


def find_publisher(session: Session, name: str) -> PublisherView | Refusal:
    """Return the publisher of this name."""
    return store.find_publisher(session, name) or refusals.no_such_publisher(name)


def get_publisher(session: Session, publisher_id: UUID) -> PublisherView:
    """Return a publisher by its id; for records that name it."""
    return store.get_publisher(session, publisher_id)


def list_roles_of(session: Session, *, person_id: UUID) -> list[RoleView]:
    """Return the live roles of a person, by publisher."""
    return store.list_roles_of_person(session, person_id=person_id)


def list_roles(session: Session, *, publisher: str, principal: Principal) -> list[RoleView] | Refusal:
    """Return every role at a publisher, ended ones included, for those who may manage them or look."""
    found = authorise(session, publisher, Command.SEE_PRIVATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    return store.list_roles(session, publisher_id=found.id)


def add_role(
    session: Session, *, publisher: str, person_id: UUID, role: Role, principal: Principal, now: datetime
) -> RoleView | Refusal:
    """Return the role that the person now has; giving it twice changes nothing."""
    found = authorise(session, publisher, Command.MANAGE_ROLES, principal=principal)
    if isinstance(found, Refusal):
        return found
    standing = _find_live(session, found.id, person_id, role)
    if standing is None:
        _grant(session, found, person_id=person_id, role=role, granted_by=principal.person_id, now=now)
        standing = _find_live(session, found.id, person_id, role)
    if standing is None:
        return refusals.role_missing(publisher, Command.MANAGE_ROLES)
    return standing


def end_role(
    session: Session, *, publisher: str, role_id: UUID, principal: Principal, now: datetime
) -> RoleView | Refusal:
    """Return the ended role; the last owner stays."""
    found = authorise(session, publisher, Command.MANAGE_ROLES, principal=principal)
    if isinstance(found, Refusal):
        return found
    standing = store.find_role(session, role_id)
    if standing is None or standing.publisher_id != found.id:
        return refusals.no_such_role(found.name)
    store.lock_publisher(session, found.id)
    live = [role for role in store.list_roles(session, publisher_id=found.id) if role.ended_at is None]
    if all(role.id != role_id for role in live):
        return standing
    if standing.role is Role.OWNER and sum(role.role is Role.OWNER for role in live) == 1:
        return refusals.last_owner(found.name)
    leaf = role_leaf(found.id, role_id, standing.person_id, standing.role, act="ended", now=now)
    entry_id = ledger.append(session, kind=ROLE_CHANGED, leaf=leaf, now=now)
    store.end_role(session, role_id=role_id, entry_id=entry_id, now=now)
    return store.find_role(session, role_id) or standing


def list_solely_owned(session: Session, *, person_id: UUID) -> list[str]:
    """Return the names of the publishers that nobody but this person owns."""
    mine = [
        role for role in store.list_roles_of_person(session, person_id=person_id) if role.role is Role.OWNER
    ]
    return [role.publisher for role in mine if _owners_of(session, role.publisher_id) == {person_id}]


def _owners_of(session: Session, publisher_id: UUID) -> set[UUID]:
    roles = store.list_roles(session, publisher_id=publisher_id)
    return {role.person_id for role in roles if role.role is Role.OWNER and role.ended_at is None}


def end_roles_of(session: Session, *, person_id: UUID, now: datetime) -> None:
    """End every role of a person who is erased; each end is in the log."""
    for role in store.list_roles_of_person(session, person_id=person_id):
        leaf = role_leaf(role.publisher_id, role.id, person_id, role.role, act="ended", now=now)
        entry_id = ledger.append(session, kind=ROLE_CHANGED, leaf=leaf, now=now)
        store.end_role(session, role_id=role.id, entry_id=entry_id, now=now)


def authorise(
    session: Session, publisher: str, command: Command, *, principal: Principal
) -> PublisherView | Refusal:
    """Return the publisher if `principal` may do `command` there."""
    refusal = refusals.check_scope(principal, command)
    if refusal is not None:
        return refusal
    found = store.find_publisher(session, publisher)
    if found is None:
        return refusals.no_such_publisher(publisher)
    roles = store.roles_of(session, publisher_id=found.id, person_id=principal.answering_id)
    if may_any(roles, command):
        return found
    if principal.is_operator and command in (Command.MANAGE_ROLES, Command.SEE_PRIVATE):
        return found
    return refusals.role_missing(found.name, command)


def find_model(session: Session, *, publisher: str, name: str, principal: Principal) -> ModelView | Refusal:
    """Return the model if `principal` may see it; a private one looks absent to everybody else."""
    model = store.find_model(session, publisher=publisher, name=name, person_id=principal.answering_id)
    if model is None or not sees(model, principal):
        return refusals.no_such_model(publisher, name)
    return model


def find_model_for(
    session: Session, *, publisher: str, name: str, command: Command, principal: Principal
) -> ModelView | Refusal:
    """Return the model if `principal` may do `command` there; one that they may not see looks absent."""
    model = find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    allowed = authorise(session, model.publisher, command, principal=principal)
    return allowed if isinstance(allowed, Refusal) else model


def sees(model: ModelView, principal: Principal) -> bool:
    """Whether `principal` may know that the model exists."""
    return not model.private or principal.is_operator or may_any(model.roles, Command.SEE_PRIVATE)


def _grant(
    session: Session,
    publisher: PublisherView,
    *,
    person_id: UUID,
    role: Role,
    granted_by: UUID | None,
    now: datetime,
) -> None:
    role_id = new_id()
    # A lost race takes its ledger entry back with it.
    with session.begin_nested() as attempt:
        leaf = role_leaf(publisher.id, role_id, person_id, role, act="given", now=now)
        entry_id = ledger.append(session, kind=ROLE_CHANGED, leaf=leaf, now=now)
        added = store.insert_role(
            session,
            role_id=role_id,
            publisher_id=publisher.id,
            person_id=person_id,
            role=role,
            granted_by=granted_by,
            entry_id=entry_id,
            now=now,
        )
        if not added:
            attempt.rollback()


def role_leaf(
    publisher_id: UUID, role_id: UUID, person_id: UUID, role: Role, *, act: str, now: datetime
) -> bytes:
    """Return the ledger leaf of the begin (`given`) or the end (`ended`) of a role."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": ROLE_CHANGED,
            "at": iso(now),
            "publisher": str(publisher_id),
            "role_id": str(role_id),
            "person": str(person_id),
            "role": role.value,
            "act": act,
        }
    )


def _find_live(session: Session, publisher_id: UUID, person_id: UUID, role: Role) -> RoleView | None:
    held = store.list_roles(session, publisher_id=publisher_id)
    return next((r for r in held if r.person_id == person_id and r.role is role and r.ended_at is None), None)
