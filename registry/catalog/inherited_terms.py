"""Whether a model's own licenses carry on the use restrictions of its bases' licenses."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from registry import licenses
from registry.catalog import equivalence_store, lineage_store, refusals, service, store
from registry.catalog.domain import GateView, ModelView
from registry.catalog.tables import Equivalence
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal
from registry.licenses.domain import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A model that is made from others, published or not, with the licenses that its gate asks for or would."""

    publisher_id: UUID
    publisher: str
    name: str
    license_version_ids: Sequence[UUID]
    draft: licenses.Draft | None = None
    """One of them that is not published yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTerms:
    """A license that comes with a base, beside the model's own licenses."""

    base: ModelView
    version: Version
    carried: licenses.Carried
    rows: Sequence[licenses.ComparedRestriction]
    """Empty where the registry does not know what the base's license restricts."""
    decisions: Sequence[Equivalence]
    """In force: this model's license counts as one that carries on what they name."""

    @property
    def gaps(self) -> Sequence[licenses.ComparedRestriction]:
        """What is not carried on, by word or by decision."""
        decided = {slug for one in self.decisions for slug in one.slugs.split()}
        return [row for row in self.rows if row.carried in licenses.GAPS and row.slug not in decided]

    @property
    def is_open(self) -> bool:
        """Whether anything is left that the model's licenses would have to carry on."""
        if any(not one.slugs for one in self.decisions):
            return False
        return bool(self.gaps) or (not self.rows and self.carried in licenses.GAPS)


def of_model(model: ModelView, *, license_version_ids: Sequence[UUID] | None = None) -> Derived:
    """Return a model as it is, or as it would be with these licenses."""
    own = model.gate.license_version_ids if license_version_ids is None else license_version_ids
    return Derived(
        publisher_id=model.publisher_id,
        publisher=model.publisher,
        name=model.name,
        license_version_ids=own,
    )


def compare_terms(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> Sequence[BaseTerms] | Refusal:
    """Return each license that comes with the bases `principal` may see, compared with the model's own licenses."""
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    bases = find_asking(session, [], principal, model_id=model.id)
    return compare(session, of_model(model), bases)


def find_asking(
    session: Session, bases: Sequence[ModelView], principal: Principal, *, model_id: UUID | None = None
) -> list[ModelView]:
    """Return those of these bases, of theirs and of the recorded bases of a model, whose gates ask for a license.

    What `principal` may not see is left out: it could not be named, and nobody new is let in there.
    """
    known = {base.id: base for base in bases}
    of = [*known, *([model_id] if model_id else [])]
    found = lineage_store.list_asking(session, list(known), of)
    views = [
        known.get(one) or store.get_model(session, one, person_id=principal.answering_id) for one in found
    ]
    return [view for view in views if service.sees(view, principal)]


def compare(
    session: Session, derived: Derived, bases: Sequence[ModelView], *, lock: bool = False
) -> list[BaseTerms]:
    """Return each license that these models ask for, compared with the licenses of a model made from them.

    Nothing is compared where the model has no license of its own: then those of its bases alone are binding. With
    `lock`, no decision that counts is withdrawn before the transaction ends.
    """
    own_ids = derived.license_version_ids
    if not own_ids or not bases:
        return []
    stated = [
        derived.draft
        if derived.draft and derived.draft.version.id == one
        else licenses.Draft(
            version=licenses.get_version_by_id(session, one),
            restrictions=licenses.find_restrictions(session, one),
        )
        for one in own_ids
    ]
    own, found = [one.version for one in stated], [one.restrictions for one in stated]
    standing = equivalence_store.list_standing(
        session, publisher_id=derived.publisher_id, name=derived.name, own_ids=own_ids, lock=lock
    )
    terms = {
        version_id: _compare(session, version_id, own, found)
        for version_id in dict.fromkeys(one for base in bases for one in base.gate.license_version_ids)
        if version_id not in own_ids
    }
    return [
        BaseTerms(
            base=base,
            version=terms[version_id][0],
            carried=terms[version_id][1],
            rows=terms[version_id][2],
            decisions=[
                one for one in standing if (one.base_model_id, one.base_version_id) == (base.id, version_id)
            ],
        )
        for base in bases
        for version_id in base.gate.license_version_ids
        if version_id in terms
    ]


def check(
    session: Session,
    derived: Derived,
    principal: Principal,
    *,
    bases: Sequence[ModelView] = (),
    model_id: UUID | None = None,
    lock: bool = True,
) -> Refusal | None:
    """Return why a model may not be made from these bases, and its recorded ones: its licenses restrict less.

    With `lock`, no decision that this rests on is withdrawn before the transaction ends.
    """
    asking = find_asking(session, bases, principal, model_id=model_id)
    compared = [one for one in compare(session, derived, asking, lock=lock) if one.is_open]
    return _not_carried(derived, compared) if compared else None


def check_gate(
    session: Session, gate: GateView, license_version_ids: Sequence[UUID], principal: Principal, *, lock: bool
) -> Refusal | None:
    """Return why a gate may not ask for these licenses instead: a model behind it would restrict less than its bases."""
    if set(license_version_ids) == set(gate.license_version_ids):
        return None
    for model_id in store.list_model_ids_of_gate(session, gate.id):
        model = store.get_model(session, model_id)
        derived = of_model(model, license_version_ids=license_version_ids)
        if refusal := check(session, derived, principal, model_id=model_id, lock=lock):
            return refusal
    return None


def _compare(
    session: Session,
    version_id: UUID,
    own: Sequence[Version],
    found: Sequence[Sequence[licenses.Restriction] | None],
) -> tuple[Version, licenses.Carried, Sequence[licenses.ComparedRestriction]]:
    version = licenses.get_version_by_id(session, version_id)
    asked = licenses.find_restrictions(session, version_id)
    if any(
        one.license_id == version.license_id and one.series >= version.series and None in (asked, stated)
        for one, stated in zip(own, found, strict=True)
    ):
        # Where nobody has said what a license restricts, a later version of it is taken at its word.
        return version, licenses.Carried.SAME, []
    if asked is None:
        return version, licenses.Carried.UNKNOWN, []
    rows = licenses.compare_restrictions(asked, found)
    return version, licenses.summarise_compared(rows), rows


def _not_carried(derived: Derived, compared: Sequence[BaseTerms]) -> Refusal:
    gaps: dict[str, str] = {}
    for one in compared:
        where = f"{one.base.repo_id}, {one.version.reference}"
        if not one.rows:
            gaps[where] = (
                "nobody has said what this license restricts, so no other can be told to carry it on"
            )
        for row in one.gaps:
            gaps[f"{where}, {row.slug}"] = describe_gap(row)
    first = compared[0]
    return refusals.restrictions_not_carried(
        f"{derived.publisher}/{derived.name}",
        gaps,
        base=first.base.repo_id,
        license_reference=first.version.reference,
        licenses=list(dict.fromkeys(one.version.reference for one in compared)),
    )


def describe_gap(row: licenses.ComparedRestriction) -> str:
    """Return in words what was expected and what was found."""
    asked = licenses.describe_restriction(row.slug, row.asked or licenses.Strictness.FLAT)
    match row.carried:
        case licenses.Carried.WEAKER:
            exception = licenses.EXCEPTIONS.get(row.found or licenses.Strictness.FLAT, "")
            return f"{asked}: expected {row.asked}, found {row.found} ({exception})"
        case licenses.Carried.UNKNOWN:
            return f"{asked}: expected {row.asked}, and nobody has said what your license restricts"
        case _:
            return f"{asked}: expected {row.asked}, found nothing"
