"""Accepting on a terminal: what there is to read, the declaration to sign, and the act with its signature.

A program carries these messages; what accepts is the signature by a key of the person's own (grade A).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlmodel import Session

from registry import identity, ledger
from registry.acceptances.accept_page import Shown, ShownText, load
from registry.acceptances.acceptor import Acceptor, PostedForm
from registry.acceptances.api import AcceptanceItem, AcceptanceItems, may_read_own, view
from registry.acceptances.declaration import CHALLENGE_SECRET, OwnAct, read_challenge, write_challenge
from registry.acceptances.domain import (
    NAME_MAX_CHARACTERS,
    TERMINAL_SEAT,
    AcceptLicense,
    Context,
    Ticket,
    affirmation,
    judge_terminal,
    read_ticket,
    write_ticket,
)
from registry.acceptances.holder_key import KEY_PATTERN, SIGNATURE_PATTERN
from registry.acceptances.own_signature import KEYS_PAGE, NAMESPACE, check_ssh
from registry.acceptances.sd_jwt import TYP
from registry.acceptances.service import TICKET_SECRET
from registry.acceptances.together import TEXTS_MAX_AT_ONCE, answers_for, merge_questions
from registry.acceptances.words import Way, act_text
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.identity.ways import RegisteredKey
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse
from registry.kernel.sshsig import SIGNATURE_MAX_CHARACTERS
from registry.kernel.telemetry import ACCEPTANCES

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}
TICKET_MAX_CHARACTERS = 4096
ANSWER_MAX_CHARACTERS = 20_000
QUESTIONS_MAX_COUNT = 1_000


class PolicyToRead(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the license includes by reference."""

    title: str
    url: str | None
    sha256: str | None
    text: str | None


class TextToRead(msgspec.Struct, frozen=True, kw_only=True):
    """A license text that is put to acceptance, whole."""

    model: str
    """Whose gate asks for it."""
    slug: str
    number: str
    title: str
    language: str
    sha256: str
    text: str
    policies: list[PolicyToRead]
    closing: str
    ticket: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers to choose from."""

    value: str
    label: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the publisher's."""

    key: str
    label: str
    kind: str
    required: bool
    purpose: str
    help: str
    options: list[Choice]


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is registered for the caller."""

    name: str
    fingerprint: str
    line: str


class AcceptanceForm(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to accept, and what is asked with it."""

    model: str
    email: str
    sentence: str
    typed_sentence: str
    """What the person types."""
    texts: list[TextToRead]
    fields: list[Asked]
    notes: list[str]
    more: int
    namespace: str
    keys: list[OwnKey]
    keys_url: str
    page_url: str
    """Where it is accepted in a browser."""


class TextRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that was shown."""

    ticket: Annotated[str, Meta(max_length=TICKET_MAX_CHARACTERS)]
    text_sha256: Annotated[str, Meta(max_length=80)]
    end_reached_ms: Annotated[int, Meta(ge=0, le=10**10)] | None = None
    holder_key: Annotated[str, Meta(pattern=KEY_PATTERN)] | None = None
    """Public Ed25519 key, made for this acceptance alone, that its receipt is bound to (`x` of a JWK, RFC 8037)."""


class ActInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person typed."""

    texts: Annotated[list[TextRead], Meta(min_length=1, max_length=TEXTS_MAX_AT_ONCE)]
    typed_name: Annotated[str, Meta(max_length=NAME_MAX_CHARACTERS)]
    typed_sentence: Annotated[str, Meta(max_length=1_000)]
    answers: Annotated[
        dict[Annotated[str, Meta(max_length=300)], Annotated[str, Meta(max_length=ANSWER_MAX_CHARACTERS)]],
        Meta(max_length=QUESTIONS_MAX_COUNT),
    ]
    client_at: Annotated[str, Meta(max_length=40)] | None = None


class SignedActInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same act, with the declaration signed."""

    act: ActInput
    challenge: Annotated[str, Meta(max_length=16_384)]
    signature: Annotated[str, Meta(max_length=SIGNATURE_MAX_CHARACTERS)]
    possession: Annotated[
        list[Annotated[str, Meta(pattern=SIGNATURE_PATTERN)] | None], Meta(max_length=TEXTS_MAX_AT_ONCE)
    ] = []
    """Text by text, the signature of its `holder_key` over the declaration, after `gatehouse-holder-key/1` and a newline."""


class DeclarationOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be signed, exactly as it stands."""

    declaration: str
    challenge: str
    """Comes back with the signature."""


class TerminalAcceptanceApi(Controller):
    """Accepting with an SSH key."""

    path = "/api/v1/models/{publisher:str}/{name:str}/acceptance"
    tags = ("acceptances",)

    @get("/", operation_id="get_acceptance_form", responses=_REFUSED)
    async def form(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
    ) -> Response[Any]:
        """Return the whole texts that the caller has still to accept, and what is asked with them."""
        if refusal := may_read_own(principal):
            return refuse(request, refusal)
        now = desk.clock.now()

        def work(session: Session) -> tuple[Shown, Sequence[RegisteredKey], str] | Refusal:
            shown = load(
                session,
                principal,
                publisher=publisher,
                name=name,
                wanted=None,
                now=now,
                contact=desk.settings.contact,
                only_oneself=True,
            )
            if isinstance(shown, Refusal):
                return shown
            assert principal.person_id is not None  # noqa: S101 - may_read_own has seen to it
            keys = identity.list_ssh_keys(session, person_id=principal.person_id, sealer=desk.sealer)
            profile = identity.open_profile(session, person_id=principal.person_id, sealer=desk.sealer)
            return shown, keys, profile.email if profile else ""

        found = await desk.database.read(work)
        if isinstance(found, Refusal):
            return refuse(request, found)
        secret = desk.sealer.derive_secret(TICKET_SECRET)
        tickets = [write_ticket(_ticket(one, found[0], principal, now), secret) for one in found[0].texts]
        return _private(_form(*found, tickets=tickets, base_url=desk.settings.base_url))

    @post("/declaration", operation_id="declare_acceptance", status_code=200, responses=_REFUSED)
    async def declare(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        keys: NamedDependency[ledger.KeyRing],
        acceptor: NamedDependency[Acceptor],
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[ActInput],
    ) -> Response[Any]:
        """Return what the person signs if they accept; nothing is recorded."""
        if refusal := may_read_own(principal) or judge_terminal(principal, f"/{publisher}/{name}/accept"):
            return refuse(request, refusal)
        posted = _posted(
            request, desk, keys, data, publisher, name, principal=principal, own=OwnAct(way=Way.TERMINAL)
        )
        outcome = await acceptor.declare(posted)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        secret = desk.sealer.derive_secret(CHALLENGE_SECRET)
        return _private(
            DeclarationOut(
                declaration=outcome.declaration.decode(),
                challenge=write_challenge(outcome.challenge, secret),
            )
        )

    @post("/", operation_id="accept_with_signature", status_code=201, responses=_REFUSED)
    async def accept(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        keys: NamedDependency[ledger.KeyRing],
        acceptor: NamedDependency[Acceptor],
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[SignedActInput],
    ) -> Response[Any]:
        """Record the acceptance of all texts of a declaration that a key of the caller's has signed."""
        if refusal := may_read_own(principal) or judge_terminal(principal, f"/{publisher}/{name}/accept"):
            return refuse(request, refusal)
        own = OwnAct(
            way=Way.TERMINAL,
            challenge=read_challenge(data.challenge, desk.sealer.derive_secret(CHALLENGE_SECRET)),
            check=partial(check_ssh, armored=data.signature),
        )
        outcome = await acceptor.accept(
            _posted(
                request,
                desk,
                keys,
                data.act,
                publisher,
                name,
                principal=principal,
                own=own,
                possession=data.possession,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        ACCEPTANCES.inc(len(outcome))
        items: list[AcceptanceItem] = [view(one, desk.settings.base_url) for one in outcome]
        return _private(AcceptanceItems(items=items, next=None), status_code=201)


def _posted(
    request: AnyRequest,
    desk: Desk,
    keys: ledger.KeyRing,
    act: ActInput,
    publisher: str,
    model: str,
    *,
    principal: Principal,
    own: OwnAct,
    possession: Sequence[str | None] = (),
) -> PostedForm:
    secret = desk.sealer.derive_secret(TICKET_SECRET)
    context = Context(
        ip_address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        request_id=str(request.scope.get("request_id", "")),
    )

    def read(found: ModelView, asking: Sequence[ModelView]) -> Sequence[AcceptLicense]:
        del found
        return _commands(act, asking, context, possession)

    return PostedForm(
        publisher=publisher,
        model=model,
        principal=principal,
        sign=lambda payload: keys.sign_jws(payload, {"typ": TYP}),
        read=read,
        tickets=[read_ticket(one.ticket, secret) for one in act.texts],
        own=own,
    )


def _commands(
    act: ActInput, asking: Sequence[ModelView], context: Context, possession: Sequence[str | None]
) -> Sequence[AcceptLicense]:
    questions = merge_questions(asking)
    answers: Mapping[str, str] = act.answers
    proofs = [*possession, *[None] * len(asking)][: len(asking)]
    return [
        AcceptLicense(
            ticket=text.ticket,
            text_sha256=text.text_sha256,
            agreed=False,
            typed_name=act.typed_name,
            answers=answers_for(questions, answers, model.gate.id),
            context=context,
            end_reached_ms=text.end_reached_ms,
            client_at=_moment(act.client_at),
            typed_sentence=act.typed_sentence,
            holder_key=text.holder_key,
            possession=shown,
        )
        for text, model, shown in zip(act.texts, asking, proofs, strict=True)
    ]


def _moment(text: str | None) -> datetime | None:
    try:
        return parse_iso(text) if text else None
    except (ValueError, OverflowError):
        return None


def _ticket(one: ShownText, shown: Shown, principal: Principal, now: datetime) -> Ticket:
    assert principal.person_id is not None  # noqa: S101 - whoever is no person was refused before
    return Ticket(
        person_id=principal.person_id,
        session_id=TERMINAL_SEAT,
        gate_revision_id=one.offer.gate_revision_id,
        license_version_id=one.version.id,
        text_sha256=one.version.sha256,
        presented_at=now,
        model_id=one.model.id if one.model.id != shown.model.id else None,
    )


def _form(
    shown: Shown, keys: Sequence[RegisteredKey], email: str, *, tickets: Sequence[str], base_url: str
) -> AcceptanceForm:
    texts = len({one.version.id for one in shown.texts})
    words = act_text(texts, Way.TERMINAL)
    return AcceptanceForm(
        model=shown.model.repo_id,
        email=email,
        sentence=words.sentence,
        typed_sentence=affirmation(shown.texts[0].offer, texts, Way.TERMINAL),
        texts=[_text(one, ticket, words.closing) for one, ticket in zip(shown.texts, tickets, strict=True)],
        fields=[
            Asked(
                key=one.field.key,
                label=one.field.label,
                kind=one.field.type.value,
                required=one.field.required,
                purpose=one.field.purpose,
                help=one.field.help,
                options=[Choice(value=each.value, label=each.label) for each in one.field.options],
            )
            for one in merge_questions(shown.asking)
        ],
        notes=[f"{one.title}: {one.detail}" for one in shown.barred],
        more=shown.more,
        namespace=NAMESPACE,
        keys=[OwnKey(name=one.name, fingerprint=one.key.fingerprint, line=one.key.line) for one in keys],
        keys_url=f"{base_url}{KEYS_PAGE}",
        page_url=f"{base_url}/{shown.model.repo_id}/accept",
    )


def _text(one: ShownText, ticket: str, closing: str) -> TextToRead:
    offer, version = one.offer, one.version
    return TextToRead(
        model=one.model.repo_id,
        slug=version.slug,
        number=version.number,
        title=version.title,
        language=version.language,
        sha256=version.sha256,
        text=version.text.decode("utf-8"),
        policies=[
            PolicyToRead(
                title=policy.title,
                url=policy.url,
                sha256=policy.sha256,
                text=policy.text.decode("utf-8") if policy.text is not None else None,
            )
            for policy in one.policies
        ],
        closing=closing.format(title=offer.title, number=offer.number, publisher=offer.publisher),
        ticket=ticket,
    )


def _private(body: msgspec.Struct, *, status_code: int = 200) -> Response[Any]:
    return Response(body, status_code=status_code, headers={"Cache-Control": "private, no-store"})
