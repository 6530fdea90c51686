"""Use cases around publishers, their roles, models and gates: load, decide, record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger, licenses
from registry.catalog import refusals, store
from registry.catalog.domain import (
    DISPLAY_NAME_MAX_CHARACTERS,
    GATE_CHANGED,
    REQUIREMENTS_MAX_COUNT,
    ROLE_CHANGED,
    STEP_UP_MAX_AGE,
    Command,
    GateMode,
    GateView,
    ModelView,
    PublisherView,
    Role,
    RoleView,
    check_model_name,
    check_publisher_name,
    may_any,
)
from registry.catalog.forms import FormField, check_fields, form_schema, is_clean_text
from registry.identity.domain import Channel, Principal
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import Refusal
from registry.licenses.domain import Version, parse_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDemand:
    """What a gate is to ask for."""

    mode: GateMode
    licenses: tuple[str, ...] = ()
    """References: `slug@1.1`, or `slug` for its latest version."""
    fields: tuple[FormField, ...] = ()


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
    roles = store.roles_of(session, publisher_id=found.id, person_id=principal.person_id)
    if may_any(roles, command):
        return found
    if principal.is_operator and command in (Command.MANAGE_ROLES, Command.SEE_PRIVATE):
        return found
    return refusals.role_missing(found.name, command)


def find_model(session: Session, *, publisher: str, name: str, principal: Principal) -> ModelView | Refusal:
    """Return the model if `principal` may see it; a private one looks absent to everybody else."""
    model = store.find_model(session, publisher=publisher, name=name, person_id=principal.person_id)
    if model is None or not sees(model, principal):
        return refusals.no_such_model(publisher, name)
    return model


def sees(model: ModelView, principal: Principal) -> bool:
    """Whether `principal` may know that the model exists."""
    return not model.private or principal.is_operator or may_any(model.roles, Command.SEE_PRIVATE)


def create_model(
    session: Session,
    *,
    publisher: str,
    name: str,
    demand: GateDemand,
    private: bool,
    principal: Principal,
    now: datetime,
) -> ModelView | Refusal:
    """Return the new model with its gate."""
    found = authorise(session, publisher, Command.CREATE_MODEL, principal=principal)
    if isinstance(found, Refusal):
        return found
    if trouble := check_model_name(found.name, name):
        return refusals.malformed("The model cannot be created like this", {"name": trouble})
    versions = check_demand(session, demand)
    if isinstance(versions, Refusal):
        return versions
    # One creation at a time in each publisher, so that a lost race leaves no gate behind.
    store.lock_publisher(session, found.id)
    if store.find_model(session, publisher=found.name, name=name, person_id=None) is not None:
        return refusals.name_taken("model", f"{found.name}/{name}")
    gate_id = store.insert_gate(session, publisher_id=found.id, now=now)
    model_id = store.insert_model(
        session, publisher_id=found.id, name=name, gate_id=gate_id, private=private, now=now
    )
    if model_id is None:
        return refusals.name_taken("model", f"{found.name}/{name}")
    _record_revision(
        session, gate_id, found.id, demand, versions, number=1, created_by=principal.person_id, now=now
    )
    return store.get_model(session, model_id, person_id=principal.person_id)


def change_gate(
    session: Session,
    *,
    publisher: str,
    name: str,
    demand: GateDemand,
    principal: Principal,
    now: datetime,
) -> GateView | Refusal:
    """Return the gate as it is from now on; a gate that asks for the same already stays as it is."""
    model = find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = authorise(session, model.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if not is_fresh(principal, now):
        return refusals.fresh_sign_in_needed()
    versions = check_demand(session, demand)
    if isinstance(versions, Refusal):
        return versions
    store.lock_gate(session, model.gate.id)
    gate = store.get_gate(session, model.gate.id)
    schema = form_schema(demand.fields)
    required = tuple(version.id for version in versions)
    if (gate.mode, gate.form_schema, gate.license_version_ids) == (demand.mode, schema, required):
        return gate
    _record_revision(
        session,
        gate.id,
        found.id,
        demand,
        versions,
        number=gate.number + 1,
        created_by=principal.person_id,
        now=now,
    )
    return store.get_gate(session, gate.id)


def is_fresh(principal: Principal, now: datetime) -> bool:
    """Whether the sign-in is recent enough for a grave change; a token never is."""
    return (
        principal.channel is Channel.SESSION
        and principal.signed_in_at is not None
        and now - principal.signed_in_at <= STEP_UP_MAX_AGE
    )


def check_demand(session: Session, demand: GateDemand) -> list[Version] | Refusal:
    """Return the license versions that a demand names, in order, or why it cannot stand."""
    if errors := check_fields(demand.fields):
        return refusals.malformed("The form cannot be used", errors, code="form-malformed")
    if len(demand.licenses) > REQUIREMENTS_MAX_COUNT:
        errors = {"licenses": f"a gate asks for at most {REQUIREMENTS_MAX_COUNT} licenses"}
        return refusals.malformed("The gate asks for too much", errors)
    return find_versions(session, demand.licenses)


def find_versions(session: Session, references: Sequence[str]) -> list[Version] | Refusal:
    """Return the license versions that `references` name, in order, each once."""
    versions: dict[UUID, Version] = {}
    for reference in references:
        parsed = parse_reference(reference)
        version = None
        if parsed is not None and parsed.number is not None:
            version = licenses.find_version(session, parsed.slug, parsed.number)
        elif parsed is not None:
            version = licenses.latest_version(session, parsed.slug)
        if version is None:
            return refusals.no_such_license(reference)
        versions[version.id] = version
    if len({version.slug for version in versions.values()}) != len(versions):
        return refusals.malformed(
            "The gate asks for two versions of one license", {"licenses": "one version each"}
        )
    return list(versions.values())


def _record_revision(
    session: Session,
    gate_id: UUID,
    publisher_id: UUID,
    demand: GateDemand,
    versions: Sequence[Version],
    *,
    number: int,
    created_by: UUID | None,
    now: datetime,
) -> None:
    revision_id = new_id()
    schema = form_schema(demand.fields)
    leaf = gate_leaf(
        gate_id=gate_id,
        publisher_id=publisher_id,
        revision_id=revision_id,
        number=number,
        mode=demand.mode,
        form_digest=sha256(schema),
        license_versions=[version.id for version in versions],
        now=now,
    )
    entry_id = ledger.append(session, kind=GATE_CHANGED, leaf=leaf, now=now)
    store.insert_revision(
        session,
        revision_id=revision_id,
        gate_id=gate_id,
        number=number,
        mode=demand.mode,
        form_schema=schema,
        form_digest=sha256(schema),
        requirements=[(version.id, version.slug) for version in versions],
        created_by=created_by,
        entry_id=entry_id,
        now=now,
    )


def gate_leaf(
    *,
    gate_id: UUID,
    publisher_id: UUID,
    revision_id: UUID,
    number: int,
    mode: GateMode,
    form_digest: str,
    license_versions: Sequence[UUID],
    now: datetime,
) -> bytes:
    """Return the ledger leaf of a gate revision."""
    required: list[Json] = [str(version) for version in license_versions]
    return canonical_bytes(
        {
            "v": 1,
            "kind": GATE_CHANGED,
            "at": iso(now),
            "publisher": str(publisher_id),
            "gate": str(gate_id),
            "revision": str(revision_id),
            "number": number,
            "mode": mode.value,
            "form_digest": form_digest,
            "license_versions": required,
        }
    )


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
