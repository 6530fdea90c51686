"""Time stamps over a checkpoint (RFC 3161): it existed at that time, says somebody who is not the registry."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from registry.client.errors import Malformed, VerificationFailed, printable


def parse_roots(data: bytes, *, where: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file.

    Raises:
        Malformed: there are none in it.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(data))
    except ValueError:
        raise Malformed(f"{where} holds no certificates in PEM form") from None


def check_timestamp(
    response: bytes, stamped: bytes, *, authority: str, roots: Sequence[x509.Certificate]
) -> datetime:
    """Return when `stamped` existed, as the authority says; its certificate is held to `roots` where there are any.

    Raises:
        VerificationFailed: it is no time stamp, of other bytes, or not signed by whom it should be.
    """
    # Only receipts with time stamps need it; everything else is verified with less.
    from rfc3161_client import (  # noqa: PLC0415
        VerificationError,
        VerifierBuilder,
        decode_timestamp_response,
    )

    name = printable(authority, limit=100)
    try:
        decoded = decode_timestamp_response(response)
        imprint = decoded.tst_info.message_imprint.message
        moment = decoded.tst_info.gen_time
    except ValueError:
        raise VerificationFailed(f"the time stamp of {name} cannot be read") from None
    # Without roots nobody vouches for the time; that it is about these bytes can be seen all the same.
    if not roots:
        if imprint not in {hashlib.new(kind, stamped).digest() for kind in ("sha256", "sha384", "sha512")}:
            raise VerificationFailed(f"the time stamp of {name} is of other bytes than this checkpoint")
        return moment
    try:
        VerifierBuilder(roots=list(roots)).build().verify_message(decoded, stamped)
    except (VerificationError, ValueError) as error:
        reason = printable(str(error), limit=200)
        raise VerificationFailed(f"the time stamp of {name} does not verify: {reason}") from None
    return moment
