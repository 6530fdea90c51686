"""The acceptor's own signature (grade A): checked where it is disclosed, and held to the statement around it."""

import hashlib
from collections.abc import Callable

from registry.client.errors import VerificationFailed, printable
from registry.client.key_binding import confirmation_key
from registry.client.keys import decode_base64, decode_base64url, encode_base64url
from registry.client.passkey import Assertion, verify_assertion
from registry.client.sshsig import read_signature, verify
from registry.client.wire import Fields, JsonObject, parse_json

CLAIM = "own_signature"
DECLARATION_TYPE = "gatehouse-declaration/1"
NAMESPACE = "acceptance@gatehouse"
GRADE_SIGNED = "A"
DECLARATION_MAX_BYTES = 256 << 10


def check_own_signature(statement: JsonObject) -> str:
    """Return in words by which key the acceptor signed, or that none is shown.

    Raises:
        VerificationFailed: the signature does not fit, or is of another act than the statement's.
    """
    is_signed = statement.get("grade") == GRADE_SIGNED
    claim = statement.get(CLAIM)
    if claim is None:
        return (
            "the statement says that the acceptor signed with a key of their own; that signature is not disclosed"
            if is_signed
            else "the acceptor did not sign with a key of their own"
        )
    if not is_signed:
        raise VerificationFailed(
            "the statement is not of grade A and yet has a signature of the acceptor's own"
        )
    fields = Fields(claim, where=CLAIM)
    declaration = fields.text("declaration").encode("utf-8", "surrogatepass")
    if len(declaration) > DECLARATION_MAX_BYTES:
        raise VerificationFailed("the acceptor's declaration is too long")
    form = fields.text("format")
    check = _FORMATS.get(form)
    if check is None:
        raise VerificationFailed(
            f"the acceptor's signature has a format that is not known: {printable(form, limit=40)}"
        )
    said = check(fields, declaration, statement)
    _compare(
        Fields(parse_json(declaration, what="the acceptor's declaration"), where="declaration"), statement
    )
    return f"the acceptor has signed this acceptance with {said}"


def _check_sshsig(fields: Fields, declaration: bytes, statement: JsonObject) -> str:
    del statement
    if fields.text("namespace") != NAMESPACE:
        raise VerificationFailed(f"the acceptor's SSH signature does not name the namespace {NAMESPACE}")
    signature = read_signature(fields.text("signature"), namespace=NAMESPACE)
    if fields.text("key") != signature.key.line:
        raise VerificationFailed("the acceptor's SSH key differs from the one in their signature")
    verify(signature, declaration)
    return f"the SSH key {signature.key.fingerprint}"


def _check_webauthn(fields: Fields, declaration: bytes, statement: JsonObject) -> str:
    assertion = Assertion(
        rp_id=fields.text("rp_id"),
        key=decode_base64(fields.text("key"), what="the passkey's key"),
        client_data=decode_base64url(fields.text("client_data"), what="the passkey's client data"),
        authenticator_data=decode_base64url(
            fields.text("authenticator_data"), what="the passkey's authenticator data"
        ),
        signature=decode_base64url(fields.text("signature"), what="the passkey's signature"),
    )
    verify_assertion(assertion, declaration, origin=Fields(statement, where="statement").text("iss"))
    fingerprint = hashlib.sha256(assertion.key).hexdigest()
    return f"a passkey of {printable(assertion.rp_id, limit=200)}, key sha256:{fingerprint}; the device verified the person"


_FORMATS: dict[str, Callable[[Fields, bytes, JsonObject], str]] = {
    "sshsig": _check_sshsig,
    "webauthn": _check_webauthn,
}


def _compare_holder_key(part: Fields, statement: JsonObject) -> None:
    """Return if the acceptor has signed for the very key that the statement names as its holder's, or neither names one."""
    key = confirmation_key(statement)
    stated = None if key is None else encode_base64url(key)
    if part.maybe_text("holder_key") != stated:
        raise VerificationFailed("the acceptor has signed for another holder's key than the statement names")


def _compare(declaration: Fields, statement: JsonObject) -> None:
    """Return if what was signed says the same as the statement."""
    if declaration.text("type") != DECLARATION_TYPE:
        raise VerificationFailed("what the acceptor signed is no declaration of an acceptance")
    signed = Fields(statement, where="statement")
    accepted = signed.text("jti")
    parts = [one for one in declaration.members("acceptances") if one.text("acceptance") == accepted]
    if len(parts) != 1:
        raise VerificationFailed("the acceptor's declaration is about other acceptances than this one")
    part = parts[0]
    terms, gate = signed.member("license"), signed.member("gate")
    pairs = [
        ("registry", declaration.text("registry"), signed.text("iss")),
        ("person", declaration.text("person"), signed.text("sub")),
        ("presented", part.text("presented"), signed.member("times").text("presented")),
        *(
            (f"license {name}", part.member("license").text(name), terms.text(name))
            for name in ("version_id", "slug", "title", "number", "language", "sha256")
        ),
        *(
            (f"gate {name}", part.member("gate").text(name), gate.text(name))
            for name in ("id", "revision_id", "form", "answers")
        ),
        ("capacity", declaration.member("capacity").text("type"), signed.member("capacity").text("type")),
    ]
    if "name" in statement:
        pairs.append(("name", declaration.text("name"), signed.text("name")))
    if "model" in signed.member("scope").value:
        pairs.append(("model", part.text("model"), signed.member("scope").text("model")))
    _compare_holder_key(part, statement)
    for name, declared, stated in pairs:
        if declared != stated:
            raise VerificationFailed(
                f"{name} differs: the acceptor signed {printable(declared, limit=80)}, "
                f"the statement says {printable(stated, limit=80)}"
            )
    declared_texts = [one.maybe_text("sha256") for one in part.member("license").members("policies")]
    if declared_texts != [one.maybe_text("sha256") for one in terms.members("policies")]:
        raise VerificationFailed(
            "the included texts that the acceptor signed differ from those of the statement"
        )
