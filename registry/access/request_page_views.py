"""What the pages of asking for access show: the form, one's own requests, the trail of one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

from registry import acceptances
from registry.access.kept import kept_of_request
from registry.access.request_views import RequestLine, RequestView
from registry.access.transitions import (
    BY_EVENT,
    CAUSE_WORDS,
    GRAVE,
    NOTE_MAX_CHARACTERS,
    OPEN,
    SENDS,
    STATE_WORDS,
    Actor,
    RequestEvent,
    RequestState,
    Step,
    Transition,
)
from registry.catalog.domain import ModelView, model_url
from registry.catalog.forms import FormField as Question
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import Profile, nameless
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, FieldKind, FormField, Link, Notice, Option, Pager, Shape, Tone
from registry.kernel.pages import format_when, plural
from registry.kernel.retention import Retention

PAGE_REQUESTS = 30
_LOOKS: Mapping[RequestState, tuple[Shape, Tone]] = {
    RequestState.DRAFT: (Shape.TODO, Tone.TODO),
    RequestState.SUBMITTED: (Shape.WAITING, Tone.WAIT),
    RequestState.IN_REVIEW: (Shape.DECIDED, Tone.WAIT),
    RequestState.CHANGES_REQUESTED: (Shape.WARNING, Tone.WAIT),
    RequestState.APPROVED: (Shape.DONE, Tone.OK),
    RequestState.REJECTED: (Shape.CLOSED, Tone.STOP),
    RequestState.WITHDRAWN: (Shape.ENDED, Tone.PLAIN),
    RequestState.LAPSED: (Shape.ENDED, Tone.PLAIN),
    RequestState.CLOSED: (Shape.ENDED, Tone.PLAIN),
    RequestState.REVOKED: (Shape.CLOSED, Tone.STOP),
}
_EXPLAINED: Mapping[RequestEvent, str] = {
    RequestEvent.TAKE: "The applicant sees that the review has begun, the other reviewers see that you have it.",
    RequestEvent.APPROVE: "The files open at once, as long as the accepted license stands.",
    RequestEvent.RETURN: "The applicant reads this, changes the request and sends it again.",
    RequestEvent.REJECT: "The applicant reads the reason and your words, and can appeal once, to another reviewer.",
    RequestEvent.CLOSE: "For an access that is no longer needed. The applicant may ask again at once.",
    RequestEvent.PROPOSE_REVOCATION: "For misuse. Another reviewer has to confirm it; until then the access stands.",
    RequestEvent.DROP_REVOCATION: "The access stands as before.",
    RequestEvent.REVOKE: "The access ends at once. The applicant reads the reason.",
    RequestEvent.APPEAL: "Another reviewer looks at the request. This is possible once.",
    RequestEvent.WITHDRAW: "Nobody decides on it any more. You may ask again at any time.",
    RequestEvent.RELINQUISH: "Your downloads end at once. You may ask again at any time.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskShown:
    """The form as it was sent, or what it is filled in with."""

    answers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    source: str = ""
    """Where what is filled in comes from, as a sentence; empty where nothing is."""
    refusal: Refusal | None = None
    kept: bool = False
    accepted: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A move as it was sent and could not stand, or one that its form was opened for."""

    event: RequestEvent
    fields: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def state_badge(state: RequestState) -> Badge:
    """Return where a request stands, for a list."""
    shape, tone = _LOOKS[state]
    return Badge(word=STATE_WORDS[state], shape=shape, tone=tone)


def ask_view(
    model: ModelView,
    request: RequestView | None,
    policy: ReviewPolicy,
    shown: AskShown,
    *,
    contact: str,
    retention: Retention,
) -> SimpleNamespace:
    """Return the form of a request, with what a review is and who reviews."""
    errors = shown.refusal.errors if shown.refusal else {}
    returned = request is not None and request.state is RequestState.CHANGES_REQUESTED
    sent_back = (
        next((s for s in reversed(request.steps) if s.event is RequestEvent.RETURN), None)
        if request
        else None
    )
    return SimpleNamespace(
        model=SimpleNamespace(
            publisher=model.publisher, name=model.name, url=model_url(model.publisher, model.name)
        ),
        steps=[
            SimpleNamespace(label="Signed in", state="done"),
            SimpleNamespace(label="License accepted", state="done"),
            SimpleNamespace(label="Ask for access", state="now"),
            SimpleNamespace(label="Reviewed", state="next"),
            SimpleNamespace(label="Download", state="next"),
        ],
        notice=_ask_notice(shown),
        returned=SimpleNamespace(note=sent_back.note, at=sent_back.at) if returned and sent_back else None,
        review=_review_facts(model, policy, contact),
        source=shown.source,
        fields=acceptances.question_fields(model.gate.fields, shown.answers, errors),
        note=FormField(
            name="note",
            label="What do you need the files for?",
            kind=FieldKind.LONG_TEXT,
            value=shown.note[:NOTE_MAX_CHARACTERS],
            why="Name the project, who works on it, and how the output is used. The reviewers read it.",
            error=errors.get("note"),
            max_characters=NOTE_MAX_CHARACTERS,
        ),
        recorded=kept_of_request(model.publisher, retention),
        erasure_url="/privacy#erasure",
        post_url=f"{model_url(model.publisher, model.name)}/request",
        send_label="Send the changed request" if returned else "Send the request",
        request_url=f"/requests/{request.id}" if request else None,
    )


def _ask_notice(shown: AskShown) -> Notice | None:
    if shown.refusal is not None and not shown.refusal.errors:
        return Notice(tone=Tone.STOP, title=shown.refusal.title, text=shown.refusal.detail)
    if shown.kept:
        return Notice(
            tone=Tone.OK,
            title="Kept as a draft",
            text="Nobody else sees it, and nobody decides on it until you send it.",
        )
    if shown.accepted is not None:
        return Notice(
            tone=Tone.OK,
            title="Your acceptance is recorded",
            text="One step is left before a reviewer can decide: the request below.",
            link=Link(label="See the receipt", url=f"/records/{shown.accepted}"),
        )
    return None


def _review_facts(model: ModelView, policy: ReviewPolicy, contact: str) -> Sequence[SimpleNamespace]:
    who = f"The reviewers of {model.publisher}"
    if policy.approvals > 1:
        who += f"; {policy.approvals} of them have to agree"
    lasts = (
        f"{plural(policy.grant_days, 'day')}, then it can be renewed"
        if policy.grant_days
        else "until it is ended"
    )
    return [
        SimpleNamespace(label="Who decides", said=who),
        SimpleNamespace(
            label="How long it takes",
            said=f"They mean to answer within {plural(policy.target_days, 'day')}; after "
            f"{plural(policy.answer_days, 'day')} without a decision the request lapses",
        ),
        SimpleNamespace(label="How you hear of it", said="By mail, and in your inbox here"),
        SimpleNamespace(label="How long access lasts", said=lasts),
        SimpleNamespace(label="Whom to ask", said=contact or f"The maintainers of {model.publisher}"),
    ]


def own_view(lines: Sequence[RequestLine], *, after: UUID | None) -> SimpleNamespace:
    """Return a page of one's own requests; `lines` holds one more where the list goes on."""
    more = len(lines) > PAGE_REQUESTS
    shown = lines[:PAGE_REQUESTS]
    return SimpleNamespace(
        requests=[
            SimpleNamespace(
                model=line.repo_id,
                url=f"/requests/{line.id}",
                state=state_badge(line.state),
                since=line.state_since,
                begun=line.started_at,
                due=line.due_at,
            )
            for line in shown
        ],
        pager=(
            Pager(
                said="Newest first",
                next_url=f"/requests?after={shown[-1].id}" if more else None,
                next_label="Older requests",
                first_url="/requests" if after else None,
            )
            if more or after
            else None
        ),
    )


def request_view(
    request: RequestView,
    *,
    reader: UUID | None,
    people: Mapping[UUID, Profile],
    accepted: Sequence[acceptances.OpenedAcceptance],
    templates: Sequence[Option],
    act: Act | None,
    contact: str,
) -> SimpleNamespace:
    """Return the trail of one request, as its applicant or a reviewer reads it."""
    model = request.model
    reviews = Actor.REVIEWER in request.seen_as
    own = reader == request.person_id
    sent = [step for step in request.steps if step.event in SENDS]
    acts = [_action(row, request, act, templates if reviews else ()) for row in request.possible]
    return SimpleNamespace(
        request=SimpleNamespace(
            short=str(request.id)[-12:],
            model=model.repo_id,
            model_url=model_url(model.publisher, model.name),
            state=state_badge(request.state),
            who=None if own else _name(request.person_id, people),
        ),
        back=(
            Link(label="My requests", url="/requests")
            if own
            else Link(label="Requests", url=f"/manage/{model.publisher}/requests")
        ),
        facts=_facts(request, people, reviews=reviews and not own, contact=contact),
        answers=_answers(model.gate.fields, sent[-1].answers if sent else {}, None),
        accepted=[] if own else [_accepted(item) for item in accepted],
        trail=_trail(request, reader=reader, people=people, reviews=reviews and not own),
        actions=[acted for acted in acts if acted.event in _FIRST]
        + [a for a in acts if a.event not in _FIRST],
        previous_url=f"/requests/{request.previous_id}" if request.previous_id else None,
    )


_FIRST = frozenset({"submit", "resubmit", "take", "approve"})


def _facts(
    request: RequestView, people: Mapping[UUID, Profile], *, reviews: bool, contact: str
) -> Sequence[SimpleNamespace]:
    def fact(label: str, said: str, detail: str = "") -> SimpleNamespace:
        return SimpleNamespace(label=label, said=said, detail=detail)

    def moment(at: datetime) -> str:
        return format_when(at, "minute")

    facts = [fact("State", STATE_WORDS[request.state], f"since {moment(request.state_since)}")]
    if request.position is not None:
        before = request.position
        facts.append(fact("Before this one", plural(before, "request") if before else "none; it is next"))
    if reviews and request.assigned_to is not None:
        facts.append(fact("Taken by", _name(request.assigned_to, people)))
    if request.position is not None and request.sent_at is not None:
        facts.append(
            fact(
                "Sent",
                moment(request.sent_at),
                f"an answer is meant within {plural(request.policy.target_days, 'day')}",
            )
        )
    if request.due_at is not None:
        facts.append(fact("Lapses", moment(request.due_at), "unless it moves on before"))
    if request.reapply_at is not None and request.state is RequestState.REJECTED:
        facts.append(fact("May ask again", f"from {moment(request.reapply_at)}"))
    if request.state is RequestState.APPROVED:
        ends = moment(request.grant_ends_at) if request.grant_ends_at else "when it is ended"
        facts.append(fact("Access until", ends))
    decider = f"the reviewers of {request.model.publisher}"
    if request.state in {RequestState.DRAFT, RequestState.CHANGES_REQUESTED}:
        decider = "the applicant" if reviews else "you"
    if request.state in OPEN:
        facts.append(fact("Who is next", decider))
    facts.append(fact("Contact", contact or f"the maintainers of {request.model.publisher}"))
    return facts


def _trail(
    request: RequestView, *, reader: UUID | None, people: Mapping[UUID, Profile], reviews: bool
) -> Sequence[SimpleNamespace]:
    trail = []
    before: Mapping[str, str] = {}
    for number, step in enumerate(request.steps, start=1):
        changes: Sequence[SimpleNamespace] = []
        if step.event in SENDS:
            if reviews and step.event is RequestEvent.RESUBMIT:
                changes = _changes(request.model.gate.fields, before, step.answers)
            before = step.answers
        trail.append(
            SimpleNamespace(
                at=step.at,
                what=BY_EVENT[step.event].past,
                who=_who(step, request, reader=reader, people=people, reviews=reviews),
                reason=CAUSE_WORDS[step.reason] if step.reason else None,
                until=_until(step),
                note=step.note or None,
                changes=changes,
                state="now" if number == len(request.steps) else "done",
            )
        )
    return trail


def _until(step: Step) -> str | None:
    if step.until is None:
        return None
    lead = "May ask again from" if step.event is RequestEvent.REJECT else "Access until"
    return f"{lead} {format_when(step.until, 'minute')}"


def _who(
    step: Step, request: RequestView, *, reader: UUID | None, people: Mapping[UUID, Profile], reviews: bool
) -> str:
    if step.actor_id is None:
        return "the registry"
    if step.actor_id == reader:
        return "you"
    if step.actor_id == request.person_id:
        return "the applicant"
    return _name(step.actor_id, people) if reviews else "a reviewer"


def _answers(
    questions: Sequence[Question], answers: Mapping[str, str], before: Mapping[str, str] | None
) -> Sequence[SimpleNamespace]:
    asked = {question.key: question for question in questions}
    keys = [*(key for key in asked if key in answers), *(key for key in answers if key not in asked)]
    return [_answer(asked.get(key), key, now=answers[key], was=(before or {}).get(key)) for key in keys]


def _changes(
    questions: Sequence[Question], before: Mapping[str, str], after: Mapping[str, str]
) -> Sequence[SimpleNamespace]:
    """Return the answers that differ, in the order of the form."""
    asked = {question.key: question for question in questions}
    keys = dict.fromkeys([*asked, *before, *after])
    return [
        _answer(asked.get(key), key, now=after.get(key), was=before.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _answer(question: Question | None, key: str, *, now: str | None, was: str | None) -> SimpleNamespace:
    if question is None:
        return SimpleNamespace(label=key, now=now, was=was)
    words = [None if value is None else question.in_words(value) for value in (now, was)]
    return SimpleNamespace(label=question.label, now=words[0], was=words[1])


def _accepted(opened: acceptances.OpenedAcceptance) -> SimpleNamespace:
    summary = opened.summary
    return SimpleNamespace(
        license=f"{summary.title} {summary.number}",
        name=opened.name,
        at=summary.accepted_at,
        withdrawn=summary.withdrawn_at is not None,
        url=f"/records/{summary.id}",
    )


def _action(
    row: Transition, request: RequestView, act: Act | None, templates: Sequence[Option]
) -> SimpleNamespace:
    given = act if act is not None and act.event is row.event else None
    fields, errors = (given.fields, given.errors) if given else ({}, {})
    note_label = (
        "Your words to the applicant" if row.actor is Actor.REVIEWER else "Your words to the reviewers"
    )
    plain = row.event in {RequestEvent.TAKE, RequestEvent.DROP_REVOCATION, *SENDS}
    return SimpleNamespace(
        event=row.event.value,
        label=row.label,
        url=(
            f"{model_url(request.model.publisher, request.model.name)}/request"
            if row.event in SENDS
            else f"/requests/{request.id}/{row.event.value}"
        ),
        is_link=row.event in SENDS,
        primary=row.event is RequestEvent.APPROVE or row.event in SENDS,
        danger=row.event in GRAVE,
        explain=_EXPLAINED.get(row.event),
        open=given is not None,
        plain=plain,
        templates=[] if plain or row.actor is Actor.APPLICANT else templates,
        page_url=f"/requests/{request.id}",
        reason=(
            FormField(
                name="reason",
                label="Reason",
                kind=FieldKind.SELECT,
                value=fields.get("reason", ""),
                error=errors.get("reason"),
                options=[Option(value=cause.value, label=words) for cause, words in CAUSE_WORDS.items()],
            )
            if row.needs_reason
            else None
        ),
        note=(
            None
            if plain
            else FormField(
                name="note",
                label=note_label,
                kind=FieldKind.LONG_TEXT,
                value=fields.get("note", "")[: NOTE_MAX_CHARACTERS + 100],
                error=errors.get("note"),
                required=row.needs_note,
                max_characters=NOTE_MAX_CHARACTERS,
            )
        ),
        until=_until_field(row, request, fields.get("until", "")[:40], errors.get("until")),
    )


def _until_field(row: Transition, request: RequestView, value: str, error: str | None) -> FormField | None:
    policy = request.policy
    if row.event is RequestEvent.APPROVE:
        label = "Last day of access (UTC)"
        usual = f"{plural(policy.grant_days, 'day')} from now" if policy.grant_days else "no end"
        why = f"Left empty: {usual}."
    elif row.event is RequestEvent.REJECT:
        label, why = "May ask again from (UTC)", f"Left empty: {plural(policy.reapply_days, 'day')} from now."
    else:
        return None
    return FormField(
        name="until", label=label, kind=FieldKind.DATE, value=value, why=why, error=error, required=False
    )


def _name(person_id: UUID, people: Mapping[UUID, Profile]) -> str:
    profile = people.get(person_id)
    return profile.email if profile else nameless(person_id)
