"""What a model's licenses carry on of its bases' licenses, in words, for its pages."""

from collections.abc import Sequence
from types import SimpleNamespace

from sqlmodel import Session

from registry import licenses
from registry.catalog import equivalence_store
from registry.catalog.domain import model_url
from registry.catalog.equivalence_store import Decision
from registry.catalog.inherited_terms import BaseTerms
from registry.kernel.page_parts import Badge, Shape, Tone
from registry.kernel.sealing import Sealer
from registry.licenses import Carried, ComparedRestriction, Strictness

_BADGES = {
    Carried.SAME: Badge(word="Same", shape=Shape.DONE, tone=Tone.OK),
    Carried.STRICTER: Badge(word="Stricter", shape=Shape.DONE, tone=Tone.OK),
    Carried.ADDED: Badge(word="Added", shape=Shape.DONE, tone=Tone.OK),
    Carried.UNKNOWN: Badge(word="Unknown", shape=Shape.TODO, tone=Tone.WAIT),
    Carried.WEAKER: Badge(word="Weaker", shape=Shape.WARNING, tone=Tone.STOP),
    Carried.MISSING: Badge(word="Missing", shape=Shape.WARNING, tone=Tone.STOP),
}
_BY_DECISION = Badge(word="Equivalent by decision", shape=Shape.DECIDED, tone=Tone.OK)


def view_terms(session: Session, compared: Sequence[BaseTerms], sealer: Sealer) -> list[SimpleNamespace]:
    """Return each license that comes with a base, beside the model's own."""
    return [
        SimpleNamespace(
            base=one.base.repo_id,
            base_url=model_url(one.base.publisher, one.base.name),
            license=one.version.name,
            license_url=one.version.path,
            badge=_summary(one),
            unread=not one.rows and one.carried is Carried.UNKNOWN,
            rows=[
                view_row(row, decided=row.carried in licenses.GAPS and row not in one.gaps)
                for row in one.rows
            ],
            decisions=[
                view_decision(decision)
                for decision in equivalence_store.describe(
                    session, [decision.id for decision in one.decisions], sealer
                )
            ],
        )
        for one in compared
    ]


def view_row(row: ComparedRestriction, *, decided: bool = False) -> SimpleNamespace:
    """Return one restriction as both licenses have it."""
    return SimpleNamespace(
        slug=row.slug,
        said=licenses.describe_restriction(row.slug),
        base=_reach(row.asked),
        own="Nobody has said" if row.carried is Carried.UNKNOWN else _reach(row.found),
        badge=_BY_DECISION if decided else _BADGES[row.carried],
    )


def view_decision(one: Decision) -> SimpleNamespace:
    """Return a decision as everybody may read it who may see base and model."""
    said = [licenses.describe_restriction(slug) for slug in one.restrictions]
    return SimpleNamespace(
        id=str(one.id),
        model=one.model,
        base_license=one.base_license,
        own_license=one.own_license,
        what="; ".join(said) or "the license as a whole",
        reason=one.reason,
        name=one.name or "a person whose data was erased",
        at=one.decided_at,
        ended_at=one.ended_at,
        end_reason=one.end_reason,
    )


def _summary(one: BaseTerms) -> Badge:
    if one.is_open:
        return Badge(word="Not carried on", shape=Shape.WARNING, tone=Tone.STOP)
    return _BY_DECISION if one.decisions else Badge(word="Carried on", shape=Shape.DONE, tone=Tone.OK)


def _reach(strictness: Strictness | None) -> str:
    if strictness is None:
        return "Not there"
    said = licenses.EXCEPTIONS.get(strictness, "in every case")
    return said[0].upper() + said[1:]
