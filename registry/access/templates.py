"""Texts that the reviewers of a publisher put into their notes: kept, listed, removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.access import request_store
from registry.access.request_reading import open_queue, parts_of
from registry.access.request_views import Office
from registry.access.tables import AnswerTemplate
from registry.access.transitions import NOTE_MAX_CHARACTERS, Actor
from registry.catalog.forms import is_clean_text
from registry.catalog.refusals import malformed
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal

TITLE_MAX_CHARACTERS = 80
TEMPLATES_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView:
    """A text for answers, with what it is chosen by."""

    id: UUID
    title: str
    text: str


def list_templates(session: Session, publisher_id: UUID) -> Sequence[TemplateView]:
    """Return the publisher's texts by title."""
    rows = session.exec(
        select(AnswerTemplate)
        .where(AnswerTemplate.publisher_id == publisher_id)
        .order_by(col(AnswerTemplate.title))
        .limit(TEMPLATES_MOST)
    ).all()
    return [TemplateView(id=row.id, title=row.title, text=row.text) for row in rows]


def add_template(
    session: Session, office: Office, *, publisher: str, title: str, text: str
) -> TemplateView | Refusal:
    """Return the new text; titles are unique at a publisher."""
    found = open_queue(session, office, publisher)
    if isinstance(found, Refusal):
        return found
    title, text = " ".join(title.split()), text.strip()
    errors = {}
    if not 1 <= len(title) <= TITLE_MAX_CHARACTERS or not is_clean_text(title):
        errors["title"] = f"Give it a title of 1 to {TITLE_MAX_CHARACTERS} characters"
    if not 1 <= len(text) <= NOTE_MAX_CHARACTERS:
        errors["text"] = f"Write a text of 1 to {NOTE_MAX_CHARACTERS:,} characters"
    if len(list_templates(session, found.id)) >= TEMPLATES_MOST:
        errors["title"] = f"There are {TEMPLATES_MOST} texts; remove one first"
    assert office.principal.person_id is not None  # noqa: S101 - open_queue has seen to it
    template = AnswerTemplate(
        id=new_id(),
        publisher_id=found.id,
        title=title,
        text=text,
        created_by=office.principal.person_id,
        created_at=office.now,
    )
    if not errors and not _insert(session, template):
        errors["title"] = "There is a text of this title already"
    if errors:
        return malformed("The text was not kept", errors)
    return TemplateView(id=template.id, title=title, text=text)


def remove_template(session: Session, office: Office, *, publisher: str, template_id: UUID) -> Refusal | None:
    """Remove a text; notes that were written with it stay as they are."""
    found = open_queue(session, office, publisher)
    if isinstance(found, Refusal):
        return found
    session.exec(
        delete(AnswerTemplate).where(
            col(AnswerTemplate.id) == template_id, col(AnswerTemplate.publisher_id) == found.id
        )
    )
    return None


def find_text(session: Session, office: Office, request_id: UUID, template_id: UUID) -> str:
    """Return the text for a note on this request, empty where there is none for this reader."""
    row = request_store.find_request(session, request_id)
    if row is None or Actor.REVIEWER not in parts_of(session, office, row):
        return ""
    found = session.get(AnswerTemplate, template_id)
    return found.text if found is not None and found.publisher_id == row.publisher_id else ""


def _insert(session: Session, template: AnswerTemplate) -> bool:
    try:
        with session.begin_nested():
            session.exec(insert(AnswerTemplate).values(**template.model_dump()))
    except IntegrityError:
        return False
    return True
