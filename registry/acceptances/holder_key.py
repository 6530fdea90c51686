"""The key that an acceptance is bound to: made by the acceptor's client for it alone, and shown to be at hand.

Without that, somebody could bind their acceptance to the key of another, which stands in the public log, and make the
two look like one person's.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.acceptances.sd_jwt import decode, encode
from registry.kernel.outcomes import Refusal, Remedy

KEY_PATTERN = r"^[A-Za-z0-9_-]{43}$"
"""32 bytes in base64url without padding."""
SIGNATURE_PATTERN = r"^[A-Za-z0-9_-]{86}$"
POSSESSION_PREFIX = b"gatehouse-holder-key/1\n"
"""So that this signature can be taken for no other that the key makes."""


def is_at_hand(key: str | None, possession: str | None, declaration: bytes) -> bool:
    """Whether the key, in its one spelling, has signed the declaration, which names it; so too where there is none."""
    if key is None:
        return possession is None
    raw = decode(key)
    if possession is None or encode(raw) != key:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(decode(possession), POSSESSION_PREFIX + declaration)
    except InvalidSignature:
        return False
    return True


def holder_key_not_proven() -> Refusal:
    """Return the refusal of an act whose new key has not signed its declaration."""
    return Refusal(
        code="holder-key-not-proven",
        status=422,
        title="The key that the acceptance is bound to was not shown to be at hand",
        detail="Each text has a key of its own, which signs the declaration too. Nothing was accepted.",
        remedy=Remedy(
            text="Accept again from the beginning: your browser, or gatehouse accept, makes new keys"
        ),
        decider="You do",
    )
