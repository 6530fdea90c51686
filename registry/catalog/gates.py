"""Use cases of gates: a new model with its gate, a change of what is asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import identity, ledger, licenses
from registry.catalog import announcing, copies, followers, graces, inherited_terms, refusals, store
from registry.catalog.domain import (
    GATE_CHANGED,
    REQUIREMENTS_MAX_COUNT,
    STEP_UP_MAX_AGE,
    TERMS_CHANGED,
    Command,
    GateMode,
    GateView,
    ModelView,
)
from registry.catalog.forms import FormField, check_fields, check_purposes, form_schema
from registry.catalog.names import check_model_name
from registry.catalog.prerequisites import (
    NONE,
    NamedOrganisation,
    Prerequisites,
    check_prerequisites,
    check_reach,
    prerequisites_bytes,
)
from registry.catalog.requirable import check_requirable
from registry.catalog.reviews import AS_USUAL, ReviewPolicy, check_policy, policy_bytes
from registry.catalog.service import authorise, find_model, sees
from registry.identity.domain import Channel, Principal
from registry.identity.standing_domain import Reach
from registry.kernel import outbox
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
    reaccept_days: int = graces.REACCEPT_DAYS
    """Where a license changes in substance: how long earlier acceptances still suffice."""
    review: ReviewPolicy | None = None
    """How requests are reviewed; None: as they are, or as usual at a new gate."""
    prerequisites: Prerequisites | None = None
    """What must hold of a person beforehand; None: what does now, or nothing at a new gate."""
    from_card: bool = False
    """The questions come from a card, which cannot say why they are asked; whoever states them here must."""
    reach: Reach = field(default_factory=Reach)
    """What this registry can tell of people; nothing else can be asked beforehand."""

    def kept(self, gate: GateView) -> "GateDemand":
        """Return the demand with what it leaves as it is at a gate."""
        return replace(
            self,
            review=self.review or gate.review,
            prerequisites=gate.prerequisites if self.prerequisites is None else self.prerequisites,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChange:
    """A change of a gate that could be made now."""

    model: ModelView
    """With the gate as it is."""
    demand: GateDemand
    """With what stays as it is."""
    versions: tuple[Version, ...]
    changes: bool
    """Whether anything would be another than it is."""
    promises: tuple[graces.Grace, ...] = ()
    """Of the gate as it is: until when acceptances of earlier series suffice."""
    promised: tuple[graces.Grace, ...] = ()
    """Of the gate as it would be."""


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
    versions = check_demand(session, demand, now=now)
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
    revision: int | None = None,
) -> GateView | Refusal:
    """Return the gate as it is from now on; a gate that asks for the same already stays as it is.

    With `revision`, only a gate that still is at this revision changes.
    """
    asked = _open_change(session, publisher, name, demand, principal=principal, now=now)
    if isinstance(asked, Refusal):
        return asked
    model, demand, versions = asked
    store.lock_gate(session, model.gate.id)
    gate = store.get_gate(session, model.gate.id)
    if (refusal := _judge_change(session, model, gate, demand, versions, revision, principal)) or (
        refusal := inherited_terms.check_gate(
            session, gate, [version.id for version in versions], principal, lock=True
        )
    ):
        return refusal
    demand = demand.kept(gate)
    if not _differs(gate, demand, versions):
        return gate
    _record_revision(
        session,
        gate.id,
        model.publisher_id,
        demand,
        versions,
        number=gate.number + 1,
        created_by=principal.person_id,
        now=now,
        promised=_promise(session, gate, demand, versions, now=now),
    )
    changed = store.get_gate(session, gate.id)
    task = {"gate": str(gate.id), "number": changed.number}
    outbox.put(session, TERMS_CHANGED, json.dumps(task).encode(), now=now)
    followers.tell_followers_of_gate(session, gate.id, now=now)
    announcing.announce_gate(session, gate.id, now=now)
    return changed


def _promise(
    session: Session, gate: GateView, demand: GateDemand, versions: Sequence[Version], *, now: datetime
) -> tuple[graces.Grace, ...]:
    return graces.due_graces(
        graces.list_graces(session, [gate.revision_id]).get(gate.revision_id, ()),
        [licenses.get_version_by_id(session, version_id) for version_id in gate.license_version_ids],
        versions,
        days=demand.reaccept_days,
        now=now,
    )


def preview_gate(
    session: Session,
    *,
    publisher: str,
    name: str,
    demand: GateDemand,
    principal: Principal,
    now: datetime,
    revision: int | None = None,
) -> GateChange | Refusal:
    """Return what `change_gate` would do now, or why it would not; nothing is changed."""
    asked = _open_change(session, publisher, name, demand, principal=principal, now=now)
    if isinstance(asked, Refusal):
        return asked
    model, demand, versions = asked
    refusal = _judge_change(session, model, model.gate, demand, versions, revision, principal)
    refusal = refusal or inherited_terms.check_gate(
        session, model.gate, [version.id for version in versions], principal, lock=False
    )
    if refusal is not None:
        return refusal
    demand = demand.kept(model.gate)
    return GateChange(
        model=model,
        demand=demand,
        versions=tuple(versions),
        changes=_differs(model.gate, demand, versions),
        promises=graces.list_graces(session, [model.gate.revision_id]).get(model.gate.revision_id, ()),
        promised=_promise(session, model.gate, demand, versions, now=now),
    )


def _open_change(
    session: Session, publisher: str, name: str, demand: GateDemand, *, principal: Principal, now: datetime
) -> tuple[ModelView, GateDemand, list[Version]] | Refusal:
    model = find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = authorise(session, model.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if not is_fresh(principal, now):
        return refusals.fresh_sign_in_needed()
    versions = check_demand(session, demand, now=now)
    if isinstance(versions, Refusal):
        return versions
    named = _name_organisations(session, demand)
    return named if isinstance(named, Refusal) else (model, named, versions)


def _name_organisations(session: Session, demand: GateDemand) -> GateDemand | Refusal:
    """Return the demand with the organisations that it asks for by their names now."""
    asked = demand.prerequisites
    if asked is None or not asked.organisations:
        return demand
    names = identity.name_organisations(session, [one.id for one in asked.organisations])
    if unknown := [str(one.id) for one in asked.organisations if one.id not in names]:
        errors = {"organisations": f"there is no organisation {unknown[0]}"}
        return refusals.malformed("This cannot be asked beforehand", errors)
    named = tuple(NamedOrganisation(id=one.id, name=names[one.id]) for one in asked.organisations)
    return replace(demand, prerequisites=replace(asked, organisations=named))


def _judge_change(
    session: Session,
    model: ModelView,
    gate: GateView,
    demand: GateDemand,
    versions: Sequence[Version],
    revision: int | None,
    principal: Principal,
) -> Refusal | None:
    if revision is not None and revision != gate.number:
        return refusals.gate_moved(model.publisher, model.name, revision, gate.number)
    terms = copies.terms_of(demand.mode, versions, demand.kept(gate).prerequisites or NONE)
    if copies.covers(
        terms, copies.load_terms(session, gate.mode, gate.license_version_ids, gate.prerequisites)
    ):
        return None
    return check_copies(
        session,
        copies.list_weights(session, gate.id),
        terms,
        publisher_id=model.publisher_id,
        gate_id=gate.id,
        principal=principal,
    )


def _differs(gate: GateView, demand: GateDemand, versions: Sequence[Version]) -> bool:
    required = tuple(version.id for version in versions)
    stands = (gate.mode, gate.form_schema, gate.license_version_ids, gate.review, gate.prerequisites)
    asked = (demand.mode, form_schema(demand.fields), required, demand.review, demand.prerequisites)
    return stands != asked


def check_copies(
    session: Session,
    files: Mapping[str, tuple[str, datetime]],
    terms: copies.Terms,
    *,
    publisher_id: UUID,
    gate_id: UUID | None,
    principal: Principal,
    but_model: UUID | None = None,
) -> Refusal | None:
    """Return why these files may not be given out on these terms: they stood behind another gate before.

    `files` has a path and the moment since when they are behind this gate, by digest. `but_model` is not looked at.
    """
    named: dict[str, str | None] = {}
    own: str | None = None
    for holder in copies.list_holders(session, list(files), but=gate_id):
        path, since = files[holder.sha256]
        if (
            holder.model_id == but_model
            or holder.since > since
            or not copies.conflicts(holder, terms, publisher_id)
        ):
            continue
        if named.get(path) is None:
            model = store.get_model(session, holder.model_id, person_id=principal.person_id)
            named[path] = model.repo_id if sees(model, principal) else None
            own = own or (model.repo_id if holder.publisher_id == publisher_id else None)
    if not named:
        return None
    return refusals.weights_gated_elsewhere(named, own=own, opens=gate_id is not None)


def is_fresh(principal: Principal, now: datetime) -> bool:
    """Whether the sign-in is recent enough for a grave change; a token never is."""
    return (
        principal.channel is Channel.SESSION
        and principal.signed_in_at is not None
        and now - principal.signed_in_at <= STEP_UP_MAX_AGE
    )


def check_demand(session: Session, demand: GateDemand, *, now: datetime) -> list[Version] | Refusal:
    """Return the license versions that a demand names, in order, or why it cannot stand."""
    if errors := check_fields(demand.fields) or (not demand.from_card and check_purposes(demand.fields)):
        return refusals.malformed("The form cannot be used", errors, code="form-malformed")
    if demand.review and (errors := check_policy(demand.review)):
        return refusals.malformed("Requests cannot be reviewed like this", errors)
    asked = demand.prerequisites
    if asked and (errors := check_prerequisites(asked) | check_reach(asked, demand.reach)):
        return refusals.malformed("This cannot be asked beforehand", errors)
    if len(demand.licenses) > REQUIREMENTS_MAX_COUNT:
        errors = {"licenses": f"a gate asks for at most {REQUIREMENTS_MAX_COUNT} licenses"}
        return refusals.malformed("The gate asks for too much", errors)
    versions = find_versions(session, demand.licenses)
    if isinstance(versions, Refusal):
        return versions
    return check_requirable(session, versions, now=now) or versions


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
    promised: Sequence[graces.Grace] = (),
) -> None:
    revision_id = new_id()
    schema = form_schema(demand.fields)
    reviewed = policy_bytes(demand.review or AS_USUAL)
    asked = prerequisites_bytes(demand.prerequisites or NONE)
    leaf = gate_leaf(
        gate_id=gate_id,
        publisher_id=publisher_id,
        revision_id=revision_id,
        number=number,
        mode=demand.mode,
        form_digest=sha256(schema),
        license_versions=[version.id for version in versions],
        now=now,
        promised=promised,
        review=reviewed,
        prerequisites=asked,
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
        review=reviewed,
        prerequisites=asked,
        requirements=[(version.id, version.slug) for version in versions],
        created_by=created_by,
        entry_id=entry_id,
        now=now,
    )
    graces.insert_graces(session, revision_id, promised)


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
    promised: Sequence[graces.Grace] = (),
    review: bytes | None = None,
    prerequisites: bytes | None = None,
) -> bytes:
    """Return the ledger leaf of a gate revision.

    What it promises, how it reviews, and what it asks beforehand stand in it only where it does so, or not as usual.
    """
    required: list[Json] = [str(version) for version in license_versions]
    promise: dict[str, Json] = {"grace": graces.describe(promised)} if promised else {}
    reviewed: dict[str, Json] = {"review_digest": sha256(review)} if review else {}
    asked: dict[str, Json] = {"prerequisites_digest": sha256(prerequisites)} if prerequisites else {}
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
            **promise,
            **reviewed,
            **asked,
        }
    )
