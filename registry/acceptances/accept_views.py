"""The acceptance page: every text in full, and one form."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from markupsafe import Markup

from registry.acceptances.accept_page import Shown, ShownText
from registry.acceptances.domain import NAME_MAX_CHARACTERS, TITLE_MAX_CHARACTERS, Ticket, write_ticket
from registry.acceptances.kept import kept_of_acceptance
from registry.acceptances.together import merge_questions
from registry.acceptances.views import (
    AcceptView,
    ActShown,
    AskedBy,
    Draft,
    Input,
    LicenseName,
    ModelName,
    PolicyShown,
    Prompt,
    Signer,
    Step,
    TextShown,
    field_name,
    question_fields,
)
from registry.acceptances.words import act_text, authority_sentence
from registry.catalog import markdown
from registry.catalog.domain import GateMode, ModelView
from registry.identity.domain import how_signed_in
from registry.identity.organisation_domain import OrganisationView
from registry.identity.visits import Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import (
    FieldKind,
    FormField,
    Link,
    Notice,
    Option,
    Tone,
)
from registry.kernel.retention import Retention
from registry.licenses import reading


def accept_view(
    shown: Shown,
    visit: Visit,
    draft: Draft,
    *,
    retention: Retention,
    secret: bytes,
    now: datetime,
    offers_passkeys: bool = False,
) -> AcceptView:
    """Return the acceptance page: every text in full, and one form in which nothing is filled in by us."""
    errors = draft.refusal.errors if draft.refusal else {}
    texts = _texts(shown)
    changed = (
        draft.refusal is not None
        and draft.refusal.code == "text-changed"
        and any(text.difference for text in texts)
    )
    model, is_reviewed = shown.model, shown.model.gate.mode is GateMode.MANUAL
    page = f"/{model.repo_id}/accept"
    return AcceptView(
        model=ModelName(publisher=model.publisher, name=model.name, url=f"/{model.repo_id}"),
        lede=_lede(len(texts), is_reviewed=is_reviewed),
        steps=_steps(is_reviewed=is_reviewed),
        title=texts[0].license.name if len(texts) == 1 else f"{len(texts)} licenses",
        texts=texts,
        changed=changed,
        notices=_notices(shown),
        problem=_notice(draft.refusal) if draft.refusal and not errors and not changed else None,
        person=_signer(visit, now),
        prompts=_prompts(shown),
        fields=question_fields(
            [question.field for question in merge_questions(shown.asking)], draft.answers, errors
        ),
        act=_act(shown, texts),
        declaration_error=errors.get("agreed"),
        typed_name=FormField(
            name="typed_name",
            label="Type your full name",
            value=draft.typed_name[:NAME_MAX_CHARACTERS],
            why="This is your signature on the statement."
            if len(shown.texts) == 1
            else f"This is your signature on {len(shown.texts)} statements, one for each license and publisher.",
            error=errors.get("typed_name"),
            max_characters=NAME_MAX_CHARACTERS,
        ),
        recorded=kept_of_acceptance(_listed(dict.fromkeys(one.publisher for one in shown.asking)), retention),
        hidden=_hidden(shown, visit, texts, secret=secret, now=now),
        post_url=page,
        capacities=[_capacity(shown.organisation)],
        authority=_authority(shown.organisation, len(texts), errors) if shown.organisation else None,
        officer_title=_officer_title(draft, errors) if shown.organisation else None,
        others=_others(page, shown.organisation, shown.others),
        sign_only=shown.asks_signature,
        command=f"gatehouse accept {model.repo_id}",
        sign_url=f"{page}/sign" if shown.has_passkey and offers_passkeys else None,
    )


def _texts(shown: Shown) -> Sequence[TextShown]:
    """Return each text once, with all models whose gates ask for it."""
    grouped: dict[UUID, list[ShownText]] = {}
    for one in shown.texts:
        grouped.setdefault(one.version.id, []).append(one)
    is_plain = len(shown.texts) == 1 and shown.texts[0].model.id == shown.model.id
    return [
        _text(number, group, [] if is_plain else [_asked_by(one.model, shown.model) for one in group])
        for number, group in enumerate(grouped.values(), 1)
    ]


def _text(number: int, group: Sequence[ShownText], asked_by: Sequence[AskedBy]) -> TextShown:
    version = group[0].version
    earlier = next((one for one in group if one.earlier), None)
    mark = "text" if number == 1 else f"text-{number}"
    return TextShown(
        id=mark,
        end_id=f"{mark}-end",
        license=LicenseName(
            title=version.title,
            number=version.number,
            name=version.name,
            url=version.path,
            text_url=f"{version.path}.txt",
        ),
        text=reading.document_text(version),
        policies=[
            PolicyShown(
                title=policy.title, url=policy.url, sha256=policy.sha256, text=reading.policy_text(policy)
            )
            for policy in group[0].policies
        ],
        asked_by=asked_by,
        difference=reading.difference(earlier.earlier, version) if earlier and earlier.earlier else None,
        difference_says=earlier.earlier_says if earlier else None,
    )


def _asked_by(one: ModelView, model: ModelView) -> AskedBy:
    note = None
    if one.id != model.id and one.gate.mode is GateMode.MANUAL:
        note = f"Its own files are given out after review only: ask there for them. {model.repo_id} does not need that."
    elif one.id != model.id and one.gate.mode is GateMode.CLOSED:
        note = f"Its own files are not given out to anybody. {model.repo_id} does not need them."
    return AskedBy(name=one.repo_id, url=f"/{one.repo_id}", note=note)


def _act(shown: Shown, texts: Sequence[TextShown]) -> ActShown:
    words = act_text(len(texts))
    return ActShown(
        statements=[
            words.closing.format(
                title=one.offer.title, number=one.offer.number, publisher=one.offer.publisher
            )
            for one in shown.texts
        ],
        declaration=words.sentence,
        button_label=words.button.format(
            title=texts[0].license.title, number=texts[0].license.number, texts=len(texts)
        ),
    )


def _hidden(
    shown: Shown, visit: Visit, texts: Sequence[TextShown], *, secret: bytes, now: datetime
) -> Sequence[Input]:
    principal = visit.principal
    assert principal.person_id is not None  # noqa: S101 - whoever has not signed in is sent away before
    ends = {text.license.url: text.end_id for text in texts}
    hidden = []
    for index, one in enumerate(shown.texts):
        ticket = Ticket(
            person_id=principal.person_id,
            session_id=principal.session_id or "",
            gate_revision_id=one.offer.gate_revision_id,
            license_version_id=one.version.id,
            text_sha256=one.version.sha256,
            presented_at=now,
            model_id=one.model.id if one.model.id != shown.model.id else None,
        )
        hidden += [
            Input(name=field_name("ticket", index), value=write_ticket(ticket, secret)),
            Input(name=field_name("text_sha256", index), value=one.version.sha256),
            Input(name=field_name("form_digest", index), value=one.model.gate.form_digest),
            Input(name=field_name("end_reached_ms", index), value="", end_of=ends[one.version.path]),
            Input(name=field_name("holder_key", index), value="", holds_key=True),
        ]
    return hidden


def _signer(visit: Visit, now: datetime) -> Signer:
    proof = visit.principal.proof
    return Signer(
        label=visit.email or "",
        through=how_signed_in(proof.amr, proof.provider) if proof else "a link sent by e-mail",
        since=visit.principal.signed_in_at or now,
    )


def _prompts(shown: Shown) -> Sequence[Prompt]:
    """Return what the cards say above their forms, each with its model where there are several."""
    many = len(shown.prompts) > 1
    found = []
    for model, gating in shown.prompts:
        texts = [text for text in (gating.description, gating.prompt) if text]
        html = markdown.render("\n\n".join(texts), top_level=4).html if texts else None
        if gating.heading or html:
            found.append(
                Prompt(
                    heading=gating.heading,
                    html=Markup(html) if html else None,  # noqa: S704 - sanitised by render
                    model=model.repo_id if many else None,
                )
            )
    return found


def _notices(shown: Shown) -> Sequence[Notice]:
    """Return what the person should know before they accept: that more is needed, or that it opens nothing now."""
    notices = []
    if shown.model.gate.mode is GateMode.CLOSED:
        notices.append(
            Notice(
                tone=Tone.WAIT,
                title="The publisher has closed this model",
                text="Accepting opens no files until its maintainers open the gate again.",
            )
        )
    for refusal in shown.barred:
        remedy = refusal.remedy
        notices.append(
            Notice(
                tone=Tone.WAIT,
                title=refusal.title,
                text=f"{refusal.detail} The rest can be accepted now.",
                link=Link(label=remedy.text, url=remedy.url) if remedy and remedy.url else None,
            )
        )
    if shown.hidden:
        bases = "a base that is" if shown.hidden == 1 else f"{shown.hidden} bases that are"
        notices.append(
            Notice(
                tone=Tone.WAIT,
                title="This will not be all",
                text=(
                    f"The model comes with {bases} not public. What is asked for there cannot be accepted by you; "
                    "its maintainers can tell more."
                ),
            )
        )
    if shown.more:
        follow = "license follows" if shown.more == 1 else "licenses follow"
        notices.append(
            Notice(
                tone=Tone.NOTE,
                title=f"{shown.more} more {follow}",
                text="One page holds only so many; the rest is asked for after these.",
            )
        )
    return notices


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _capacity(organisation: OrganisationView | None) -> Option:
    if organisation is None:
        return Option(value="self", label="for yourself")
    return Option(
        value=str(organisation.id),
        label=f"for {organisation.name}",
        detail="Everybody who belongs to it is covered.",
    )


def _authority(organisation: OrganisationView, texts: int, errors: Mapping[str, str]) -> FormField:
    return FormField(
        name="authorised",
        label=authority_sentence(organisation.name, texts),
        kind=FieldKind.CHECKBOX,
        error=errors.get("authorised"),
    )


def _officer_title(draft: Draft, errors: Mapping[str, str]) -> FormField:
    return FormField(
        name="officer_title",
        label="Your function there",
        value=draft.officer_title[:TITLE_MAX_CHARACTERS],
        why="Kept with your name, to show by what authority you accepted.",
        error=errors.get("officer_title"),
        max_characters=TITLE_MAX_CHARACTERS,
    )


def _others(
    page: str, organisation: OrganisationView | None, others: Sequence[OrganisationView]
) -> Sequence[Link]:
    links = [Link(label=f"for {one.name}", url=f"{page}?organisation={one.id}") for one in others]
    return [Link(label="for yourself", url=page), *links] if organisation else links


def _lede(texts: int, *, is_reviewed: bool) -> str:
    read = "Read the full text" if texts == 1 else f"Read the {texts} full texts"
    got = "a receipt" if texts == 1 else "a receipt for each license"
    then = (
        "then ask for access: the publisher’s reviewers decide."
        if is_reviewed
        else "and the files open at once."
    )
    return f"{read}, fill in the form, press one button. You get {got}, {then}"


def _steps(*, is_reviewed: bool) -> Sequence[Step]:
    before = (Step(label="Signed in", state="done"), Step(label="Read and accept", state="now"))
    asked = (Step(label="Ask for access", state="next"), Step(label="Reviewed", state="next"))
    return (*before, *(asked if is_reviewed else ()), Step(label="Download", state="next"))


def _notice(refusal: Refusal) -> Notice:
    if refusal.code == "text-changed":
        return Notice(
            tone=Tone.STOP,
            title="What the gate asks for has changed since you opened this page",
            text="Nothing was accepted. The license is the same; look at the questions again, then decide.",
        )
    remedy = refusal.remedy
    return Notice(
        tone=Tone.STOP,
        title=refusal.title,
        text=refusal.detail,
        link=Link(label=remedy.text, url=remedy.url) if remedy and remedy.url else None,
    )
