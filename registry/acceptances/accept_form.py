"""The form of the acceptance page, as it is sent."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from registry.acceptances.declaration import OwnAct, read_challenge
from registry.acceptances.domain import AcceptLicense, Capacity, Context, Ticket, read_ticket
from registry.acceptances.holder_key import KEY_PATTERN, SIGNATURE_PATTERN
from registry.acceptances.own_signature import check_passkey
from registry.acceptances.together import TEXTS_MAX_AT_ONCE, Question, answers_for, merge_questions
from registry.acceptances.views import answer_name, field_name
from registry.acceptances.words import Way
from registry.catalog.domain import ModelView
from registry.identity.visits import Form
from registry.identity.webauthn import WebAuthn
from registry.kernel.clock import parse_iso
from registry.kernel.problems import AnyRequest

FORM_MAX_FIELDS = 1_000
"""Several gates may ask up to fifty questions each; a form with more fields is no page of ours."""


def read_tickets(form: Form, secret: bytes) -> Sequence[Ticket | None]:
    """Return what the page showed, text by text; None where a ticket is not ours."""
    count = next(
        (index for index in range(1, TEXTS_MAX_AT_ONCE) if field_name("ticket", index) not in form.fields),
        TEXTS_MAX_AT_ONCE,
    )
    return [read_ticket(form.text(field_name("ticket", index)), secret) for index in range(count)]


def read_answers(form: Form, questions: Sequence[Question]) -> Mapping[str, str]:
    """Return the answers by the questions' keys, as far as they were sent."""
    return {
        question.field.key: form.text(answer_name(index))
        for index, question in enumerate(questions)
        if answer_name(index) in form.fields
    }


def read_commands(
    form: Form, asking: Sequence[ModelView], request: AnyRequest, *, signed: bool
) -> Sequence[AcceptLicense]:
    """Return the acts that a posted form states: one for each text, at the gate of the model beside it.

    A key that the browser has made for a text counts only where the person signs: the signature names it.
    """
    questions = merge_questions(asking)
    answers = read_answers(form, questions)
    return [
        AcceptLicense(
            ticket=form.text(field_name("ticket", index)),
            text_sha256=form.text(field_name("text_sha256", index)),
            agreed=form.text("declaration") == "on",
            typed_name=form.text("typed_name"),
            answers=answers_for(questions, answers, model.gate.id),
            context=Context(
                ip_address=request.client.host if request.client else "",
                user_agent=request.headers.get("user-agent", ""),
                request_id=str(request.scope.get("request_id", "")),
            ),
            capacity=read_capacity(form),
            end_reached_ms=_milliseconds(form.text(field_name("end_reached_ms", index))),
            client_at=_moment(form.text("client_at")),
            holder_key=read_holder_key(form, index) if signed else None,
            possession=_matching(form, "possession", index, SIGNATURE_PATTERN) if signed else None,
        )
        for index, model in enumerate(asking)
    ]


def read_holder_key(form: Form, index: int) -> str | None:
    """Return the key that the browser has made for a text; None where it has made none, or sent something else."""
    return _matching(form, "holder_key", index, KEY_PATTERN)


def read_own_act(form: Form, secret: bytes, webauthn: WebAuthn) -> OwnAct | None:
    """Return the act that a posted form has signed with a passkey; None where it is signed with none."""
    if "challenge" not in form.fields:
        return None
    return OwnAct(
        way=Way.PASSKEY,
        challenge=read_challenge(form.text("challenge"), secret),
        check=partial(check_passkey, answer=form.text("credential"), webauthn=webauthn),
    )


def read_capacity(form: Form) -> Capacity | None:
    """Return for which organisation the form was sent; None: for the person themself."""
    try:
        organisation_id = UUID(form.text("capacity"))
    except ValueError:
        return None
    return Capacity(
        organisation_id=organisation_id,
        authorised=form.text("authorised") == "on",
        title=form.text("officer_title"),
    )


def _matching(form: Form, name: str, index: int, pattern: str) -> str | None:
    sent = form.text(field_name(name, index))
    return sent if re.fullmatch(pattern, sent) else None


def _milliseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _moment(text: str) -> datetime | None:
    try:
        return parse_iso(text[:40])
    except (ValueError, OverflowError):
        return None
