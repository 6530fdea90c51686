"""Which models a model was made from: declared by its releases, kept until a maintainer takes a base out.

A base that a release declares stays, also where a later release no longer names it: nobody gets rid of a base's
license by leaving a line out of a card. `model_lineage` holds every ancestor and is derived from `model_base`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger, licenses
from registry.catalog import copies, gates, inherited_terms, lineage_store, refusals, service, store
from registry.catalog.cards import Card, parse_card
from registry.catalog.domain import LINEAGE_CHANGED, Command, ModelView
from registry.catalog.forms import is_clean_text
from registry.identity.domain import Principal
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import Refusal

REASON_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A recorded base of a model."""

    model_id: UUID
    repo_id: str
    private: bool
    relation: str | None
    recorded_at: datetime
    shown_name: str | None = None
    """None where whoever asked may not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a card says that a model was made from, and how."""

    bases: Sequence[ModelView]
    relation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a release that is not published yet would have to carry on."""

    terms: Sequence[inherited_terms.BaseTerms]
    unknown_bases: Sequence[str]
    """Named in the card, and not known here."""
    draft: licenses.Draft | None = None
    """The license that would be published with it."""


def find_bases(session: Session, card: Card | None, *, but: str, principal: Principal) -> Declared:
    """Return the models of this registry that a card names as bases, as far as `principal` may see them.

    `but` is the `publisher/name` of the card's own model, which is no base of itself.
    """
    if card is None:
        return Declared(bases=(), relation=None)
    names = {
        (publisher.lower(), name.lower())
        for publisher, _, name in (stated.partition("/") for stated in card.base_models)
        if name and f"{publisher}/{name}".lower() != but.lower()
    }
    found = [
        store.get_model(session, model_id, person_id=principal.answering_id)
        for model_id in lineage_store.find_named(session, names)
    ]
    return Declared(
        bases=[model for model in found if service.sees(model, principal)], relation=card.relation
    )


def plan_restrictions(
    session: Session,
    *,
    publisher: str,
    name: str,
    card: bytes,
    references: Sequence[str],
    principal: Principal,
    now: datetime,
    new_license: licenses.PublishVersion | None = None,
) -> Planned | Refusal:
    """Return what a release with this card would have to carry on.

    `new_license` is published only with the release, beside `references`. Without any license, those of the model's
    gate count.
    """
    found = service.authorise(session, publisher, Command.PUBLISH_RELEASE, principal=principal)
    if isinstance(found, Refusal):
        return found
    versions = gates.find_versions(session, references)
    if isinstance(versions, Refusal):
        return versions
    draft = _draft_license(session, new_license, principal, now=now)
    if isinstance(draft, Refusal):
        return draft
    own = [*versions, draft.version] if draft else versions
    model = store.find_model(session, publisher=found.name, name=name, person_id=principal.answering_id)
    own_ids = [version.id for version in own] or (model.gate.license_version_ids if model else ())
    stated, itself = parse_card(card), f"{found.name}/{name}"
    declared = find_bases(session, stated, but=itself, principal=principal)
    derived = inherited_terms.Derived(
        publisher_id=found.id, publisher=found.name, name=name, license_version_ids=own_ids, draft=draft
    )
    asking = inherited_terms.find_asking(
        session, declared.bases, principal, model_id=model.id if model else None
    )
    known = {itself.lower(), *(base.repo_id.lower() for base in declared.bases)}
    unknown = [base for base in stated.base_models if base.lower() not in known]
    return Planned(
        terms=inherited_terms.compare(session, derived, asking), unknown_bases=unknown, draft=draft
    )


def _draft_license(
    session: Session, command: licenses.PublishVersion | None, principal: Principal, *, now: datetime
) -> licenses.Draft | Refusal | None:
    if command is None or principal.person_id is None:
        return None
    return licenses.draft_version(
        session, command, now=now, by=principal.person_id, is_operator=principal.is_operator
    )


def list_asked(session: Session, bases: Sequence[ModelView], *, model_id: UUID | None = None) -> list[UUID]:
    """Return the license versions that come with these bases, and with those that the model has already."""
    made_from = [base.id for base in bases]
    inherited = copies.list_inherited(session, [*made_from, model_id] if model_id else made_from)
    own = [version_id for base in bases for version_id in base.gate.license_version_ids]
    return [*own, *(version_id for ids in inherited.values() for version_id in ids)]


def check_bases(session: Session, model: ModelView, bases: Sequence[ModelView]) -> Refusal | None:
    """Return why a model cannot be made from these: one of them was made from it."""
    descendants = set(lineage_store.list_descendants(session, model.id))
    circular = next((base for base in bases if base.id in descendants), None)
    return refusals.lineage_circular(model.repo_id, circular.repo_id) if circular else None


def declare_bases(
    session: Session,
    model: ModelView,
    declared: Declared,
    *,
    release_id: UUID,
    now: datetime,
) -> None:
    """Record the bases that are new; those recorded before stay."""
    # What is made from a base waits for what the base itself declares meanwhile.
    for base in sorted(declared.bases, key=lambda base: base.id):
        store.lock_model(session, base.id)
    known = set(lineage_store.list_live_bases(session, [model.id]))
    new = [base for base in declared.bases if base.id not in known]
    for base in new:
        row_id = new_id()
        leaf = lineage_leaf(row_id, model.id, base.id, act="declared", reason=None, at=now)
        lineage_store.insert_base(
            session,
            id=row_id,
            model_id=model.id,
            base_model_id=base.id,
            relation=declared.relation,
            release_id=release_id,
            recorded_at=now,
            entry_id=ledger.append(session, kind=LINEAGE_CHANGED, leaf=leaf, now=now),
        )
    if new:
        _derive(session, model.id)


def remove_base(
    session: Session,
    *,
    publisher: str,
    name: str,
    base: str,
    reason: str,
    principal: Principal,
    now: datetime,
) -> list[Base] | Refusal:
    """Return the bases that are left; needs a maintainer, a fresh sign-in and a reason, and is in the log for ever."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = service.authorise(session, model.publisher, Command.CHANGE_GATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    if not gates.is_fresh(principal, now):
        return refusals.fresh_sign_in_needed()
    said = " ".join(reason.split())
    if not said or len(said) > REASON_MAX_CHARACTERS or not is_clean_text(said):
        errors = {
            "reason": f"why this is no base of the model, in at most {REASON_MAX_CHARACTERS} characters"
        }
        return refusals.malformed("The base cannot be taken out like this", errors)
    store.lock_model(session, model.id)
    standing = {one.repo_id.lower(): one for one in list_bases(session, model.id)}
    taken = standing.get(base.lower())
    if taken is None:
        return refusals.no_such_base(model.repo_id, base)
    if refusal := _check_weights_without(session, model, taken, principal):
        return refusal
    row_id = lineage_store.find_live_base(session, model_id=model.id, base_id=taken.model_id)
    leaf = lineage_leaf(row_id, model.id, taken.model_id, act="removed", reason=said, at=now)
    entry_id = ledger.append(session, kind=LINEAGE_CHANGED, leaf=leaf, now=now)
    lineage_store.end_base(session, row_id, by=principal.person_id, reason=said, entry_id=entry_id, now=now)
    _derive(session, model.id)
    return _shown(session, model, principal)


def find_asking(
    session: Session, model: ModelView, principal: Principal
) -> tuple[Sequence[ModelView], Sequence[ModelView]]:
    """Return the ancestors whose licenses come with a model: those that `principal` may see, and the others."""
    found = [
        store.get_model(session, ancestor_id, person_id=principal.answering_id)
        for ancestor_id in lineage_store.list_asking_ancestors(session, model.id)
    ]
    seen = [ancestor for ancestor in found if service.sees(ancestor, principal)]
    return seen, [ancestor for ancestor in found if ancestor not in seen]


def _check_weights_without(
    session: Session, model: ModelView, taken: Base, principal: Principal
) -> Refusal | None:
    """Return why the model's weights may not stand without what comes with a base: they stood behind it before."""
    rest = [
        store.get_model(session, base_id)
        for base_id in lineage_store.list_live_bases(session, [model.id])
        if base_id != taken.model_id
    ]
    asked = [*model.gate.license_version_ids, *list_asked(session, rest)]
    weights = copies.list_weights(session, model.gate.id)
    copies.lock_files(session, list(weights))
    return gates.check_copies(
        session,
        weights,
        copies.load_terms(session, model.gate.mode, asked, model.gate.prerequisites),
        publisher_id=model.publisher_id,
        gate_id=model.gate.id,
        principal=principal,
    )


def list_bases(session: Session, model_id: UUID) -> list[Base]:
    """Return the bases that a model has, whoever asks; first recorded first."""
    return [
        Base(
            model_id=row.base_model_id,
            repo_id=f"{publisher}/{name}",
            private=private,
            relation=row.relation,
            recorded_at=row.recorded_at,
        )
        for row, publisher, name, private in lineage_store.list_named_bases(session, model_id)
    ]


def find_recorded_bases(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> list[Base] | Refusal:
    """Return the recorded bases of a model, named as far as `principal` may see them."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    return model if isinstance(model, Refusal) else _shown(session, model, principal)


def _shown(session: Session, model: ModelView, principal: Principal) -> list[Base]:
    return [
        replace(base, shown_name=base.repo_id)
        if service.sees(store.get_model(session, base.model_id, person_id=principal.answering_id), principal)
        else base
        for base in list_bases(session, model.id)
    ]


def derive_ancestors(session: Session, model_id: UUID) -> dict[UUID, int]:
    """Return every ancestor by what was declared, with how many generations away it is."""
    ancestors: dict[UUID, int] = {}
    frontier, generation = [model_id], 0
    while frontier:
        generation += 1
        found = [base for base in lineage_store.list_live_bases(session, frontier) if base != model_id]
        frontier = [base for base in dict.fromkeys(found) if base not in ancestors]
        ancestors.update(dict.fromkeys(frontier, generation))
    return ancestors


def lineage_leaf(
    row_id: UUID, model_id: UUID, base_id: UUID, *, act: str, reason: str | None, at: datetime
) -> bytes:
    """Return the ledger leaf of a declared or removed base; a reason is bound by its digest."""
    said = {"reason_digest": sha256(reason.encode())} if reason is not None else {}
    return canonical_bytes(
        {
            "v": 1,
            "kind": LINEAGE_CHANGED,
            "at": iso(at),
            "act": act,
            "lineage": str(row_id),
            "model": str(model_id),
            "base": str(base_id),
            **said,
        }
    )


def _derive(session: Session, model_id: UUID) -> None:
    """Derive anew the ancestors of a model whose bases have changed, and of all that was made from it."""
    for one in [model_id, *lineage_store.list_descendants(session, model_id)]:
        lineage_store.replace_ancestors(session, one, derive_ancestors(session, one).items())
