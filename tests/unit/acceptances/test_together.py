"""The questions of several gates as one form."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from registry.acceptances.together import answers_for, merge_questions
from registry.catalog.domain import ModelView
from registry.catalog.forms import FieldType, FormField

NAME = FormField(key="Affiliation", label="Affiliation", type=FieldType.TEXT, purpose="To know our users.")
SHORT = replace(NAME, max_length=10)


def asking(number: int, *fields: FormField) -> ModelView:
    found: Any = SimpleNamespace(
        gate=SimpleNamespace(id=UUID(int=number), fields=fields), repo_id=f"kelp/frond-{number}"
    )
    return cast("ModelView", found)  # Only these fields are looked at.


def test_a_question_is_asked_once_where_the_same_answers_fit_and_every_purpose_is_told() -> None:
    optional = replace(NAME, required=False, purpose="For a survey.")
    (asked,) = merge_questions([asking(1, optional), asking(2, NAME), asking(1, optional)])
    assert asked.field.required
    assert asked.field.purpose == "For a survey. To know our users."
    for gate in (1, 2):
        assert answers_for([asked], {"Affiliation": "Nordlab"}, UUID(int=gate)) == {"Affiliation": "Nordlab"}


def test_questions_that_share_only_their_name_are_told_apart_and_answered_apart() -> None:
    asked = merge_questions([asking(1, NAME), asking(2, SHORT)])
    assert [one.field.key for one in asked] == ["Affiliation", "Affiliation (kelp/frond-2)"]
    given = {"Affiliation": "Nordlab Institute", "Affiliation (kelp/frond-2)": "Nordlab"}
    assert answers_for(asked, given, UUID(int=1)) == {"Affiliation": "Nordlab Institute"}
    assert answers_for(asked, given, UUID(int=2)) == {"Affiliation": "Nordlab"}
