"""A receipt that shows less: the holder keeps back what need not be known, and the rest still verifies (RFC 9901 §7.2).

Nothing is signed anew. What stands in the clear in every statement (license, version, times, ids) stays.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from registry.client import receipt_pdf
from registry.client.errors import ClientError, Malformed, printable
from registry.client.holder_keys import HolderKey
from registry.client.key_binding import bind
from registry.client.receipt import BOUND_FORMAT, FORMAT, RECEIPT_MAX_BYTES, parse_receipt
from registry.client.sd_jwt import parse_disclosures, read_claims
from registry.client.wire import JsonObject, parse_json

ALWAYS_SHOWN = frozenset({"license", "version", "time"})
"""Names that may be given for clarity: no receipt can keep them back."""


def hidable_names(data: bytes) -> tuple[str, ...]:
    """Return what a receipt discloses and may keep back; members of a claim are named `claim.member`.

    Raises:
        ClientError: it is not a receipt, or a disclosure does not belong to its statement.
    """
    return tuple(name for name, _ in _named(data))


def show_only(data: bytes, names: Sequence[str]) -> bytes:
    """Return the receipt with the named claims disclosed and no others, bound to nobody.

    Raises:
        ClientError: it is not a receipt, or has no such claim to show.
    """
    named = list(_named(data))
    wanted = set(names) - ALWAYS_SHOWN
    if strangers := sorted(wanted - {name for name, _ in named}):
        raise ClientError(
            f"the receipt has no {', '.join(printable(one, limit=80) for one in strangers)} to show",
            advice=(
                f"It can show: {', '.join(printable(name, limit=80) for name, _ in named) or 'nothing more'}",
            ),
        )
    value = parse_json(_file(data), what="the file")
    if not isinstance(value, dict):
        raise Malformed("the file is not a receipt")
    jwt = parse_receipt(data).sd_jwt.issuer_jwt
    kept = [encoded for name, encoded in named if name in wanted]
    return _written(value | {"format": FORMAT, "sd_jwt": "~".join((jwt, *kept, ""))})


def bind_receipt(data: bytes, key: HolderKey, *, audience: str, nonce: str, now: datetime) -> bytes:
    """Return a receipt that was made by `show_only`, with the proof that its holder made it for this audience.

    Raises:
        ClientError: it is not a receipt.
    """
    value = parse_json(data, what="the file")
    if not isinstance(value, dict):
        raise Malformed("the file is not a receipt")
    presented = parse_receipt(data).sd_jwt.presented
    proof = bind(presented, key.private, audience=audience, nonce=nonce, now=now)
    return _written(value | {"format": BOUND_FORMAT, "sd_jwt": presented + proof})


def _written(value: JsonObject) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _file(data: bytes) -> bytes:
    if not data.startswith(receipt_pdf.START):
        return data
    return receipt_pdf.read_attached(data, limit=RECEIPT_MAX_BYTES)


def _named(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield each disclosure of the receipt with the name of its claim, told by where its digest stands."""
    sd_jwt = parse_receipt(data).sd_jwt
    opened = parse_disclosures(sd_jwt.disclosures)
    prefixes = dict(_places(read_claims(sd_jwt.jws, what="the statement"), ""))
    for encoded, (digest, disclosure) in zip(sd_jwt.disclosures, opened.items(), strict=True):
        if disclosure.name is None:
            continue  # An element of an array, which no statement of ours hides, has no name to ask for.
        if digest not in prefixes:
            raise Malformed(
                f"a disclosure does not belong to this statement: {printable(disclosure.name, limit=80)}"
            )
        yield prefixes[digest] + disclosure.name, encoded


def _places(claims: JsonObject, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield each digest with the path of the claim beside which it stands."""
    digests = claims.get("_sd", [])
    for digest in digests if isinstance(digests, list) else ():
        if isinstance(digest, str):
            yield digest, prefix
    for name, member in claims.items():
        if isinstance(member, dict) and not prefix:
            yield from _places(member, f"{name}.")
