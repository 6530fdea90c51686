"""What the queue of a publisher's reviewers shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from urllib.parse import quote, urlencode
from uuid import UUID

from registry.access.request_page_views import PAGE_REQUESTS, state_badge
from registry.access.request_reading import COUNTED_MOST, WAITING, is_late
from registry.access.request_views import RequestLine
from registry.access.templates import TITLE_MAX_CHARACTERS, TemplateView
from registry.access.transitions import NOTE_MAX_CHARACTERS, STATE_WORDS, RequestState
from registry.access.views import publisher_head
from registry.catalog.domain import PublisherView, Role
from registry.identity.domain import Profile, nameless
from registry.identity.visits import Form
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, FieldKind, FormField, Option, Pager, Shape, Tone
from registry.kernel.pages import plural

AGES = ("1", "5", "14")
_DECIDED = {
    "waiting": WAITING,
    "all": tuple(state for state in RequestState if state is not RequestState.DRAFT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAsked:
    """What the queue is narrowed by."""

    publisher: str
    state: str = "waiting"
    assigned: str = ""
    age: str = ""
    after: UUID | None = None

    def url(self, after: UUID | None) -> str:
        """Return the address of this queue from another place on."""
        pairs = {"state": self.state, "assigned": self.assigned, "age": self.age, "after": after or ""}
        given = {name: value for name, value in pairs.items() if value}
        return f"/manage/{quote(self.publisher)}/requests?{urlencode(given)}"


def states_of(word: str) -> Sequence[RequestState]:
    """Return the states that a filter names; what is not known means those that wait."""
    if word in _DECIDED:
        return _DECIDED[word]
    return (RequestState(word),) if word in set(RequestState) - {RequestState.DRAFT} else WAITING


def queue_view(
    publisher: PublisherView,
    roles: Sequence[Role],
    lines: Sequence[RequestLine],
    *,
    asked: QueueAsked,
    people: Mapping[UUID, Profile],
    kept: Sequence[TemplateView],
    waiting: int,
    reader: UUID | None,
    failed: tuple[Form, Refusal] | None,
    now: datetime,
) -> SimpleNamespace:
    """Return a page of the queue; `lines` holds one more where it goes on."""
    more = len(lines) > PAGE_REQUESTS
    shown = lines[:PAGE_REQUESTS]
    here = f"/manage/{quote(publisher.name)}/requests"
    return SimpleNamespace(
        publisher=publisher_head(publisher, roles, waiting=waiting),
        said=_said(waiting),
        states=_states(asked.state),
        assigned=[
            Option(value="me", label="Me", chosen=asked.assigned == "me"),
            Option(value="nobody", label="Nobody", chosen=asked.assigned == "nobody"),
        ],
        ages=[
            Option(value=days, label=f"Longer than {plural(int(days), 'day')}", chosen=asked.age == days)
            for days in AGES
        ],
        rows=[_row(line, people, reader, now) for line in shown],
        pager=(
            Pager(
                said="Oldest first",
                next_url=asked.url(shown[-1].id) if more else None,
                next_label="Later requests",
                first_url=asked.url(None) if asked.after else None,
                first_label="Back to the oldest",
            )
            if more or asked.after
            else None
        ),
        action_url=here,
        clear_url=here if (asked.state, asked.assigned, asked.age) != ("waiting", "", "") else None,
        kept=[
            SimpleNamespace(title=item.title, text=item.text, remove_url=f"{here}/templates/{item.id}/remove")
            for item in kept
        ],
        **_template_fields(failed),
        post_url=f"{here}/templates",
    )


def _said(waiting: int) -> str:
    if not waiting:
        return "Nothing waits."
    count = f"{waiting} or more requests" if waiting >= COUNTED_MOST else plural(waiting, "request")
    return f"{count} {'waits' if waiting == 1 else 'wait'} for a decision."


def _states(chosen: str) -> Sequence[Option]:
    words = {"waiting": "Waiting for a decision", "all": "All"}
    words |= {state.value: STATE_WORDS[state] for state in RequestState if state is not RequestState.DRAFT}
    return [Option(value=value, label=label, chosen=value == chosen) for value, label in words.items()]


def _row(
    line: RequestLine, people: Mapping[UUID, Profile], reader: UUID | None, now: datetime
) -> SimpleNamespace:
    days = (now - line.sent_at).days if line.sent_at else 0
    taken = None
    if line.assigned_to is not None:
        taken = "you" if line.assigned_to == reader else _email(people, line.assigned_to)
    target = line.policy.target_days
    return SimpleNamespace(
        who=_email(people, line.person_id),
        model=line.repo_id,
        url=f"/requests/{line.id}",
        state=state_badge(line.state),
        sent=line.sent_at,
        age=plural(days, "day") if days else "today",
        late=(
            Badge(word=f"Over the {plural(target, 'day')} meant", shape=Shape.WARNING, tone=Tone.STOP)
            if is_late(line, now=now)
            else None
        ),
        taken=taken,
        due=line.due_at,
        take_url=f"/requests/{line.id}/take"
        if line.state is RequestState.SUBMITTED and line.person_id != reader
        else None,
    )


def _template_fields(failed: tuple[Form, Refusal] | None) -> dict[str, FormField]:
    form, errors = (failed[0], failed[1].errors) if failed else (None, {})
    return {
        "template_title": FormField(
            name="title",
            label="Title",
            value=form.text("title")[:TITLE_MAX_CHARACTERS] if form else "",
            error=errors.get("title"),
            max_characters=TITLE_MAX_CHARACTERS,
        ),
        "template_text": FormField(
            name="text",
            label="Text",
            kind=FieldKind.LONG_TEXT,
            value=form.text("text")[:NOTE_MAX_CHARACTERS] if form else "",
            why="Reviewers put it into a note and change it there. Applicants read what is sent.",
            error=errors.get("text"),
            max_characters=NOTE_MAX_CHARACTERS,
        ),
    }


def _email(people: Mapping[UUID, Profile], person_id: UUID) -> str:
    profile = people.get(person_id)
    return profile.email if profile else nameless(person_id)
