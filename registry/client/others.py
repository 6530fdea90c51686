"""What others than the registry say about a checkpoint: witnesses who cosigned it, authorities that stamped it."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from registry.client.cosignatures import VerifierKey, check_cosignature
from registry.client.errors import VerificationFailed, printable
from registry.client.notes import own_note, parse_checkpoint
from registry.client.receipt import TimestampCopy
from registry.client.timestamps import check_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Whom else the verifier trusts: then they must have spoken."""

    witnesses: tuple[VerifierKey, ...] = ()
    """Each of them must have cosigned."""
    authorities: tuple[Certificate, ...] = ()
    """Roots of time stamping authorities; one stamp must lead to one of them."""


NOBODY_ELSE = Others()


def check_witnesses(note: str, others: Others) -> str:
    """Return in words who has cosigned a checkpoint, after holding it to the witnesses whose keys are given."""
    checkpoint = parse_checkpoint(note)
    given = others.witnesses
    if not given:
        named = {name for name, _, _ in checkpoint.signatures if name != checkpoint.origin}
        said = ", ".join(printable(name, limit=100) for name in sorted(named)[:5])
        return f"cosigned by {said}, not checked: no key was given" if said else "no witness has cosigned"
    seen = []
    for key in given:
        cosignature = check_cosignature(checkpoint, key)
        if cosignature is None:
            raise VerificationFailed(
                f"the witness {printable(key.name, limit=100)} has not cosigned the checkpoint"
            )
        seen.append(f"{printable(key.name, limit=100)} at {cosignature.at.isoformat()}")
    return f"cosigned by {', '.join(seen)}"


def check_timestamps(note: str, stamps: Sequence[TimestampCopy], others: Others) -> str:
    """Return in words since when a checkpoint exists, after holding each time stamp to it."""
    roots = others.authorities
    if not stamps:
        if roots:
            raise VerificationFailed(
                "the checkpoint carries no time stamp, and certificates for one were given"
            )
        return "no authority has stamped the checkpoint"
    stamped = own_note(note).encode()
    seen = [
        (check_timestamp(one.response, stamped, authority=one.authority, roots=roots), one.authority)
        for one in stamps
    ]
    moment, authority = min(seen)
    remark = "" if roots else ", whose certificate was not checked: none was given"
    return f"the checkpoint existed at {moment.isoformat()}, says {printable(authority, limit=100)}{remark}"
