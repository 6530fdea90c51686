"""Who agreed to which text: the words of the act, the ticket of a shown page, and when an act counts."""

import hmac
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from registry.acceptances.sd_jwt import decode, encode
from registry.acceptances.words import Way, act_text
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.ways import address_needed, judge_freshness
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso, parse_iso
from registry.kernel.identifiers import Digest, sha256
from registry.kernel.outcomes import Refusal, Remedy

TICKET_LIFETIME = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the clock that showed the page may be ahead of the one that takes the form: another server's, or a
clock that was set back."""
NAME_MAX_CHARACTERS = 200
TERMINAL_SEAT = "terminal"


class Grade(StrEnum):
    """How strong the evidence is (DESIGN §6)."""

    OWN_SIGNATURE = "A"
    VERIFIED_SIGN_IN = "B"
    IMPORTED = "C"


class AcceptanceState(StrEnum):
    """What became of an acceptance; derived, never stored."""

    STANDING = "standing"
    WITHDRAWN = "withdrawn"


class CopyEvent(StrEnum):
    """What can happen to the acceptor's copy of what was accepted."""

    LETTER_SENT = "letter-sent"
    """The mail server took the letter that names the receipt."""
    LETTER_FAILED = "letter-failed"
    """It was given up after all attempts."""
    FETCHED = "fetched"
    """The acceptor has fetched the receipt file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameComparison:
    """How a typed name compares with those that the person typed before."""

    compared_with: int
    matches: bool | None
    """None if there is nothing to compare with."""


def affirmation(offer: "Offer", texts: int, way: Way) -> str:
    """Return the words of the button that was pressed, or of the sentence that was typed."""
    return act_text(texts, way).button.format(title=offer.title, number=offer.number, texts=texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the acceptance page showed, to whom and when; comes back with the form, authenticated."""

    person_id: UUID
    session_id: str
    gate_revision_id: UUID
    license_version_id: UUID
    text_sha256: str
    presented_at: datetime
    model_id: UUID | None = None
    """Whose gate asks for it, where that is an ancestor of the model whose page it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Circumstances of the act that corroborate it."""

    ip_address: str
    user_agent: str
    request_id: str


TITLE_MAX_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """For whom an officer acts: their organisation, and so its members."""

    organisation_id: UUID
    authorised: bool
    """The box with the sentence of authority was ticked."""
    title: str
    """The officer's function there, in their own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptLicense:
    """A person's act: the form as it was sent."""

    ticket: str
    text_sha256: str
    """Digest of the text that the page showed, posted back."""
    agreed: bool
    typed_name: str
    answers: Mapping[str, str]
    context: Context
    capacity: Capacity | None = None
    """None: the person accepts for themself."""
    end_reached_ms: int | None = None
    """Milliseconds from the page's loading until its end was on the screen, as the browser's script says."""
    client_at: datetime | None = None
    """The browser's own clock when the form was sent."""
    typed_sentence: str | None = None
    """What was typed on a terminal, in place of a box and a button."""
    holder_key: str | None = None
    """The public key that the acceptance is bound to, as a JWK has it (`x` of RFC 8037); made for it alone."""
    possession: str | None = None
    """The signature of that key over the declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the gate asks this person to accept next."""

    model_id: UUID
    publisher: str
    model: str
    gate_id: UUID
    gate_revision_id: UUID
    license_id: UUID
    license_version_id: UUID
    slug: str
    title: str
    number: str
    text_sha256: str
    series: int
    asked_for: str = ""
    """The `publisher/model` that it is needed for, where that is made from this one."""

    @property
    def page(self) -> str:
        """Path of the page where this is accepted."""
        return f"/{self.asked_for or f'{self.publisher}/{self.model}'}/accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceSummary:
    """An acceptance as lists and pages show it; no contact data."""

    id: UUID
    person_id: UUID
    gate_id: UUID
    license_version_id: UUID
    slug: str
    title: str
    number: str
    text_sha256: str
    publisher: str
    model: str
    grade: Grade
    accepted_at: datetime
    withdrawn_at: datetime | None
    entry_id: UUID
    organisation_id: UUID | None = None
    """Whom the person accepted for; None: themself."""

    @property
    def state(self) -> AcceptanceState:
        """What became of it."""
        return AcceptanceState.WITHDRAWN if self.withdrawn_at else AcceptanceState.STANDING


def write_ticket(ticket: Ticket, secret: bytes) -> str:
    """Return the ticket as the form carries it, authenticated by the registry's own secret."""
    elsewhere: dict[str, Json] = {"model": str(ticket.model_id)} if ticket.model_id else {}
    return authenticate(
        {
            **elsewhere,
            "person": str(ticket.person_id),
            "session": ticket.session_id,
            "gate": str(ticket.gate_revision_id),
            "version": str(ticket.license_version_id),
            "text": ticket.text_sha256,
            "at": iso(ticket.presented_at),
        },
        secret,
    )


def read_ticket(text: str, secret: bytes) -> Ticket | None:
    """Return the ticket if this registry wrote it, unaltered."""
    given = read_authenticated(text[:4096], secret)
    if given is None:
        return None
    return Ticket(
        person_id=UUID(given["person"]),
        session_id=given["session"],
        gate_revision_id=UUID(given["gate"]),
        license_version_id=UUID(given["version"]),
        text_sha256=given["text"],
        presented_at=parse_iso(given["at"]),
        model_id=UUID(given["model"]) if "model" in given else None,
    )


def authenticate(members: Mapping[str, Json], secret: bytes) -> str:
    """Return what leaves the registry and comes back, so that nobody else can have written it."""
    body = canonical_bytes(dict(members))
    return f"{encode(body)}.{encode(hmac.digest(secret, body, 'sha256'))}"


def read_authenticated(text: str, secret: bytes) -> Any | None:
    """Return what `authenticate` wrote with the same secret, unaltered."""
    body_text, _, mac_text = text.partition(".")
    try:
        body, mac = decode(body_text), decode(mac_text)
    except ValueError:
        return None
    if not hmac.compare_digest(mac, hmac.digest(secret, body, "sha256")):
        return None
    return json.loads(body)


def seat_of(principal: Principal) -> str:
    """Return what a ticket is bound to besides the person: their browser session, or that it is for a terminal."""
    return principal.session_id or TERMINAL_SEAT


def judge_actor(principal: Principal, offer: Offer, way: Way = Way.BUTTON) -> Refusal | None:
    """Return why this principal may not accept: only a person in a browser session may, or who signs themself.

    On a terminal the token says only who asks; what accepts is the signature by the person's own key.
    """
    if principal.person_id is None:
        return not_signed_in(offer.page)
    if way is Way.TERMINAL:
        return judge_terminal(principal, offer.page)
    if principal.channel is not Channel.SESSION:
        return Refusal(
            code="acceptance-needs-a-person",
            status=403,
            title="A token cannot accept a license",
            detail="Accepting is an act of a person who has read the text. Nothing was accepted.",
            remedy=Remedy(text="Open the page in a browser, sign in there and accept", url=offer.page),
            decider="You do",
        )
    return None


def judge_terminal(principal: Principal, page: str) -> Refusal | None:
    """Return why this principal may not accept in a terminal: it takes a person's token, which a browser has not."""
    if principal.channel is Channel.TOKEN and principal.person_id is not None:
        return None
    return Refusal(
        code="acceptance-needs-a-token",
        status=403,
        title="In a browser, accept on the page",
        detail="This way is for a program on a terminal, which signs with an SSH key. Nothing was accepted.",
        remedy=Remedy(text="Read the text on the page and accept there", url=page),
        decider="You do",
    )


def judge_readiness(
    principal: Principal, *, has_email: bool, most: timedelta | None, page: str, now: datetime
) -> Refusal | None:
    """Return what a signed-in person must do before accepting: give an address, or sign in again."""
    if not has_email:
        return address_needed(page)
    return judge_freshness(principal, most=most, back_to=page, now=now) if most else None


def judge_act(
    command: AcceptLicense,
    ticket: Ticket | None,
    offer: Offer,
    *,
    principal: Principal,
    now: datetime,
    way: Way = Way.BUTTON,
    texts: int = 1,
) -> Refusal | None:
    """Return why this act does not count; None if it is a valid acceptance of what is offered."""
    if ticket is None or ticket.person_id != principal.person_id or ticket.session_id != seat_of(principal):
        return _stale(offer, "The form was not made for this sign-in", "form-not-yours")
    if now - ticket.presented_at > TICKET_LIFETIME:
        return _stale(offer, "The page was opened more than a day ago", "form-too-old")
    if ticket.presented_at - now > CLOCK_TOLERANCE:
        return _from_the_future(offer)
    if (
        ticket.license_version_id != offer.license_version_id
        or ticket.gate_revision_id != offer.gate_revision_id
        or command.text_sha256 != offer.text_sha256
        or ticket.text_sha256 != offer.text_sha256
    ):
        return _stale(offer, "The text has changed since the page was opened", "text-changed")
    errors = {}
    if way is Way.TERMINAL:
        expected = affirmation(offer, texts, way)
        if " ".join((command.typed_sentence or "").split()) != expected:
            errors["sentence"] = f"Type the sentence as it stands, if you accept: {expected}"
    elif not command.agreed:
        errors["agreed"] = "Tick the box if you accept the license; without it nothing is accepted"
    if trouble := name_trouble(command.typed_name):
        errors["typed_name"] = trouble
    return invalid_act(offer, errors) if errors else None


def presented_at(ticket: Ticket, *, now: datetime) -> datetime:
    """Return when the page was shown: never after the form came back, whatever the clocks said."""
    return min(ticket.presented_at, now)


def capacity_errors(capacity: Capacity) -> dict[str, str]:
    """Return what is missing where somebody accepts for an organisation."""
    errors = {}
    title = capacity.title.strip()
    if not title or len(title) > TITLE_MAX_CHARACTERS or not title.isprintable():
        errors["officer_title"] = f"Write your function there, in at most {TITLE_MAX_CHARACTERS} characters"
    if not capacity.authorised:
        errors["authorised"] = "Tick the box if you may bind the organisation; without it nothing is accepted"
    return errors


def end_reached_at(ticket: Ticket, milliseconds: int | None, *, now: datetime) -> datetime | None:
    """Return when the end of the text was reached, if the browser said so and it can be true."""
    if milliseconds is None or milliseconds < 0:
        return None
    moment = presented_at(ticket, now=now) + timedelta(milliseconds=min(milliseconds, 10**9))
    return moment if moment <= now else None


def compare_name(typed: str, earlier: Sequence[str]) -> NameComparison:
    """Return how a typed name compares with earlier ones; letters count, not their case or spacing."""
    matches = _spelled(typed) in {_spelled(name) for name in earlier} if earlier else None
    return NameComparison(compared_with=len(earlier), matches=matches)


def _spelled(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def name_trouble(name: str) -> str | None:
    """Return what is wrong with a typed name."""
    text = name.strip()
    if not text:
        return "Type your full name; it is your signature on the statement"
    if len(text) > NAME_MAX_CHARACTERS:
        return f"Type at most {NAME_MAX_CHARACTERS} characters"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"} for letter in text):
        return "Type letters only, without control characters"
    return None


def invalid_act(offer: Offer, errors: Mapping[str, str]) -> Refusal:
    """Return the refusal of a form with fields to mend; what was typed stays."""
    return Refusal(
        code="acceptance-incomplete",
        status=422,
        title="The license is not accepted yet",
        detail="Some fields need mending. Nothing was recorded.",
        remedy=Remedy(text="Mend the marked fields, then press the button again", url=offer.page),
        decider="You do",
        errors=dict(errors),
    )


def _stale(offer: Offer, title: str, code: str) -> Refusal:
    return Refusal(
        code=code,
        status=409,
        title=title,
        detail=f"Nothing was accepted. The text to accept now is {offer.title} {offer.number}, {offer.text_sha256}.",
        remedy=Remedy(
            text=f"Read {offer.title} {offer.number} as it is shown now, then accept it", url=offer.page
        ),
        decider="You do",
    )


def _from_the_future(offer: Offer) -> Refusal:
    return Refusal(
        code="form-from-the-future",
        status=409,
        title="The page says it was opened later than now",
        detail="The registry's clock was set back since, so no time of this act could be trusted. Nothing was accepted.",
        remedy=Remedy(
            text=f"Read {offer.title} {offer.number} on a page opened now, then accept it", url=offer.page
        ),
        decider="You do",
    )


def act_digest(offer: Offer, texts: int = 1, way: Way = Way.BUTTON) -> Digest:
    """Return the digest of the words that stood around the act, as far as they are about this license."""
    words = act_text(texts, way).block(
        title=offer.title, number=offer.number, publisher=offer.publisher, texts=texts
    )
    return sha256(words.encode())
