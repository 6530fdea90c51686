"""Several licenses in one act: the questions of several gates as one form, and one refusal out of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from registry.catalog.domain import ModelView
from registry.catalog.forms import FormField
from registry.kernel.outcomes import Refusal

TEXTS_MAX_AT_ONCE = 40
"""How many licenses one page puts to acceptance; those of a longer lineage follow on the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as the form asks it, once for all gates that ask it in the same words."""

    field: FormField
    """Its key is unlike that of any other question of the form."""
    gate_keys: Mapping[UUID, str]
    """By gate: the key under which that gate keeps the answer."""


def merge_questions(asking: Sequence[ModelView]) -> Sequence[Question]:
    """Return the questions of these models' gates in their order, each once where the same answers fit it.

    That is: name, type, options and bounds are the same; every publisher's purpose is told.

    Of questions that only share their name each says whose it is.
    """
    merged: dict[FormField, Question] = {}
    for model in {one.gate.id: one for one in asking}.values():
        for asked in model.gate.fields:
            same = replace(asked, required=True, purpose="", help="")
            found = merged.get(same)
            if found is None:
                taken = any(one.field.key == asked.key for one in merged.values())
                field = _told_apart(asked, model.repo_id) if taken else asked
                merged[same] = Question(field=field, gate_keys={model.gate.id: asked.key})
            else:
                merged[same] = Question(
                    field=replace(
                        found.field,
                        required=found.field.required or asked.required,
                        purpose=_joined(found.field.purpose, asked.purpose),
                        help=_joined(found.field.help, asked.help),
                    ),
                    gate_keys={**found.gate_keys, model.gate.id: asked.key},
                )
    return list(merged.values())


def _joined(told: str, more: str) -> str:
    """Return both texts, or the one where the other says nothing else."""
    return told if not more or more in told else f"{told} {more}".strip()


def _told_apart(field: FormField, repo_id: str) -> FormField:
    return replace(field, key=f"{field.key} ({repo_id})", label=f"{field.label} ({repo_id})")


def answers_for(questions: Sequence[Question], answers: Mapping[str, str], gate_id: UUID) -> dict[str, str]:
    """Return the answers that belong to one gate, by that gate's keys."""
    return {
        one.gate_keys[gate_id]: answers[one.field.key]
        for one in questions
        if gate_id in one.gate_keys and one.field.key in answers
    }


def merge_refusals(asking: Sequence[ModelView], refused: Sequence[tuple[UUID, Refusal]]) -> Refusal:
    """Return one refusal for an act of which each of these gates refused its part: what is to be mended, all at once.

    What cannot be mended in the form comes first.
    """
    for _, refusal in refused:
        if not refusal.errors:
            return refusal
    questions = merge_questions(asking)
    errors: dict[str, str] = {}
    for gate_id, refusal in refused:
        named = {one.gate_keys[gate_id]: one.field.key for one in questions if gate_id in one.gate_keys}
        errors |= {named.get(key, key): text for key, text in refusal.errors.items()}
    return replace(refused[0][1], errors=errors)
