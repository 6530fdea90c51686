"""What there is to accept and sign on a terminal; nothing is taken from the registry that the person was not shown."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.client.errors import VerificationFailed, printable
from registry.client.own_signature import DECLARATION_TYPE, NAMESPACE
from registry.client.wire import Fields, JsonObject, parse_json

NOT_ASKED = "ip_location"
"""A kind of question that takes no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """A text that the license includes by reference."""

    title: str
    url: str
    sha256: str | None
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseToAccept:
    """A license text, whole; its digest is that of the bytes that are shown."""

    model: str
    slug: str
    number: str
    title: str
    language: str
    sha256: str
    text: str
    policies: tuple[PolicyText, ...]
    closing: str
    ticket: str

    @property
    def name(self) -> str:
        """Title and number."""
        return printable(f"{self.title} {self.number}", limit=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the publisher's."""

    key: str
    label: str
    kind: str
    required: bool
    purpose: str
    help: str
    options: tuple[tuple[str, str], ...]
    """Value and label of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAccept:
    """What the acceptance is about and what is asked with it."""

    model: str
    email: str
    sentence: str
    typed_sentence: str
    licenses: tuple[LicenseToAccept, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]
    more: int
    keys: tuple[str, ...]
    """Public keys that are registered for the person, as lines of `.pub` files."""
    keys_url: str
    page_url: str


def read_form(answer: Fields) -> ToAccept:
    """Return what the registry puts to acceptance.

    Raises:
        VerificationFailed: a text has another digest than the one that would be accepted.
    """
    if answer.text("namespace") != NAMESPACE:
        raise VerificationFailed(f"the registry asks for signatures of another kind than {NAMESPACE}")
    return ToAccept(
        model=answer.text("model"),
        email=answer.text("email"),
        sentence=answer.text("sentence"),
        typed_sentence=answer.text("typed_sentence"),
        licenses=tuple(map(_license, answer.members("texts"))),
        questions=tuple(map(_question, answer.members("fields"))),
        notes=tuple(answer.texts("notes")),
        more=answer.number("more"),
        keys=tuple(one.text("line") for one in answer.members("keys")),
        keys_url=answer.text("keys_url"),
        page_url=answer.text("page_url"),
    )


def _license(one: Fields) -> LicenseToAccept:
    _check_digest(one.text("text"), one.text("sha256"), what=f"the text of {one.text('slug')}")
    return LicenseToAccept(
        model=one.text("model"),
        slug=one.text("slug"),
        number=one.text("number"),
        title=one.text("title"),
        language=one.text("language"),
        sha256=one.text("sha256"),
        text=one.text("text"),
        policies=tuple(map(_policy, one.members("policies"))),
        closing=one.text("closing"),
        ticket=one.text("ticket"),
    )


def _policy(one: Fields) -> PolicyText:
    text, sha256 = one.maybe_text("text"), one.maybe_text("sha256")
    if text is not None and sha256 is not None:
        _check_digest(text, sha256, what=f"the text of {one.text('title')}")
    return PolicyText(title=one.text("title"), url=one.maybe_text("url") or "", sha256=sha256, text=text)


def _check_digest(text: str, sha256: str, *, what: str) -> None:
    got = f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
    if got != sha256:
        raise VerificationFailed(
            f"{printable(what, limit=100)} differs from what would be accepted: "
            f"got {got}, expected {printable(sha256, limit=80)}"
        )


def _question(one: Fields) -> Question:
    return Question(
        key=one.text("key"),
        label=one.text("label"),
        kind=one.text("kind"),
        required=one.flag("required"),
        purpose=one.text("purpose"),
        help=one.text("help"),
        options=tuple((each.text("value"), each.text("label")) for each in one.members("options")),
    )


def act_of(
    form: ToAccept,
    *,
    name: str,
    sentence: str,
    answers: Mapping[str, str],
    read_ms: Sequence[int],
    client_at: str,
    holder_keys: Sequence[str],
) -> JsonObject:
    """Return the act as it is sent; `holder_keys` are the public keys that the acceptances are bound to, one each."""
    return {
        "texts": [
            {"ticket": one.ticket, "text_sha256": one.sha256, "end_reached_ms": ms, "holder_key": key}
            for one, ms, key in zip(form.licenses, read_ms, holder_keys, strict=True)
        ],
        "typed_name": name,
        "typed_sentence": sentence,
        "answers": dict(answers),
        "client_at": client_at,
    }


def check_declaration(
    declaration: str, form: ToAccept, *, name: str, registry: str, holder_keys: Sequence[str]
) -> None:
    """Return if the declaration says what the person was shown and typed, and nothing else of weight.

    Raises:
        VerificationFailed: it says something else; it must not be signed.
    """
    whole = Fields(parse_json(declaration, what="the declaration"), where="declaration")
    parts = whole.members("acceptances")
    pairs = [
        ("type", whole.text("type"), DECLARATION_TYPE),
        ("registry", whole.text("registry"), registry),
        ("name", whole.text("name"), name),
        ("capacity", whole.member("capacity").text("type"), "self"),
        ("sentence", whole.text("sentence"), form.sentence),
        ("affirmation", whole.text("affirmation"), form.typed_sentence),
        ("number of licenses", str(len(parts)), str(len(form.licenses))),
    ]
    for part, shown, key in zip(parts, form.licenses, holder_keys, strict=False):
        terms = part.member("license")
        pairs += [
            ("model", part.text("model"), shown.model),
            ("slug", terms.text("slug"), shown.slug),
            ("number", terms.text("number"), shown.number),
            ("title", terms.text("title"), shown.title),
            ("language", terms.text("language"), shown.language),
            ("sha256", terms.text("sha256"), shown.sha256),
            ("closing", part.text("closing"), shown.closing),
            ("holder's key", part.text("holder_key"), key),
            (
                "included texts",
                str([one.maybe_text("sha256") for one in terms.members("policies")]),
                str([one.sha256 for one in shown.policies]),
            ),
        ]
    for what, declared, expected in pairs:
        if declared != expected:
            raise VerificationFailed(
                f"the registry asks for a signature over something else than you were shown: {what} is "
                f"{printable(declared, limit=120)}, expected {printable(expected, limit=120)}",
                advice=("Nothing was signed. Tell the people who run the registry.",),
            )
