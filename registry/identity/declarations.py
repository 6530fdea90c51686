"""What people declare of themselves, because gates ask for it: an age reached, a country, what kind of body they are.

A declaration is a fact of its moment; the newest one of its kind counts. None of the three reaches or names anybody.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from registry.identity.standing_domain import AGES, DECLARATIONS, Declared, EntityType, Said
from registry.identity.tables import Declaration
from registry.kernel.countries import COUNTRIES
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal, Remedy

_KNOWN: Mapping[Declared, frozenset[str]] = {
    Declared.AGE: frozenset(map(str, AGES)),
    Declared.COUNTRY: frozenset(COUNTRIES),
    Declared.ENTITY: frozenset(EntityType),
}


def judge_declarations(given: Mapping[Declared, str]) -> Refusal | None:
    """Return why these cannot be declared; an empty value takes a declaration back."""
    errors = {
        kind.value: "Choose one of the list, or leave it empty"
        for kind, value in given.items()
        if value and value not in _KNOWN[kind]
    }
    if not errors:
        return None
    return Refusal(
        code="declaration-malformed",
        status=422,
        title="Nothing was declared",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again", url=DECLARATIONS),
        decider="You do",
        errors=errors,
    )


def declare(
    session: Session, *, person_id: UUID, given: Mapping[Declared, str], now: datetime
) -> Refusal | None:
    """Make these the person's declarations from now on; what is the same already stays as it was said."""
    if refusal := judge_declarations(given):
        return refusal
    standing = list_declarations(session, person_id=person_id)
    for kind, value in given.items():
        before = standing.get(kind)
        if value != (before.value if before else ""):
            session.add(
                Declaration(id=new_id(), person_id=person_id, kind=kind.value, value=value, declared_at=now)
            )
    return None


def list_declarations(session: Session, *, person_id: UUID) -> Mapping[Declared, Said]:
    """Return what the person has declared, by its kind; absent where nothing stands."""
    rows = session.exec(
        select(Declaration).where(Declaration.person_id == person_id).order_by(col(Declaration.id))
    ).all()
    newest = {Declared(row.kind): Said(value=row.value, at=row.declared_at) for row in rows}
    return {kind: said for kind, said in newest.items() if said.value}
