"""Whether the acceptor has signed the declaration with a key of their own, and what of it goes into the statement."""

import base64
import hashlib

from sqlmodel import Session

from registry import identity
from registry.acceptances.declaration import Signer
from registry.acceptances.sd_jwt import encode
from registry.acceptances.statement import OwnSignature
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sshsig import NotTaken, read_signature, verify

NAMESPACE = "acceptance@gatehouse"
"""What the signature is for (PROTOCOL.sshsig): a signature over a commit or a file is none of an acceptance."""
KEYS_PAGE = "/settings/ssh-keys"


def check_ssh(
    session: Session, declaration: bytes, signer: Signer, *, armored: str
) -> OwnSignature | Refusal:
    """Return the SSH signature over the declaration, if a registered key of the signer's has made it."""
    try:
        signature = read_signature(armored, namespace=NAMESPACE)
        verify(signature, declaration)
    except NotTaken as error:
        return _not_taken(str(error))
    is_known = identity.use_ssh_key(
        session, person_id=signer.profile.person_id, subject=signer.key, key=signature.key, now=signer.now
    )
    if not is_known:
        return _unknown(signature.key.fingerprint)
    return OwnSignature(
        claim={
            "format": "sshsig",
            "declaration": declaration.decode(),
            "namespace": NAMESPACE,
            "key": signature.key.line,
            "signature": signature.armored,
        },
        amr=("hwk", "user") if signature.key.is_in_hardware else ("swk",),
    )


def check_passkey(
    session: Session, declaration: bytes, signer: Signer, *, answer: str, webauthn: WebAuthn
) -> OwnSignature | Refusal:
    """Return the passkey's assertion over the declaration, if a passkey of the signer's has made it."""
    outcome = identity.sign_own(
        session,
        person_id=signer.profile.person_id,
        answer=answer,
        challenge=challenge_of(declaration),
        webauthn=webauthn,
        now=signer.now,
    )
    if isinstance(outcome, Refusal):
        return outcome
    proven, backed_up = outcome
    return OwnSignature(
        claim={
            "format": "webauthn",
            "declaration": declaration.decode(),
            "rp_id": proven.rp_id,
            "key": base64.b64encode(proven.public_key).decode(),
            "client_data": encode(proven.client_data),
            "authenticator_data": encode(proven.authenticator_data),
            "signature": encode(proven.signature),
        },
        amr=("swk" if backed_up else "hwk", "user"),
    )


def challenge_of(declaration: bytes) -> bytes:
    """Return what a passkey is asked to sign for a declaration: its SHA-256."""
    return hashlib.sha256(declaration).digest()


def _not_taken(why: str) -> Refusal:
    return Refusal(
        code="own-signature-not-taken",
        status=422,
        title="The signature of the declaration does not stand",
        detail=f"It {why}. Nothing was accepted.",
        remedy=Remedy(text="Sign again with gatehouse accept", url=KEYS_PAGE),
        decider="You do",
    )


def _unknown(fingerprint: str) -> Refusal:
    return Refusal(
        code="own-key-unknown",
        status=403,
        title="The key that signed is not registered for you",
        detail=f"It is the key {fingerprint}. Nothing was accepted.",
        remedy=Remedy(text="Register its public part in a browser, then sign again", url=KEYS_PAGE),
        decider="You do",
    )
