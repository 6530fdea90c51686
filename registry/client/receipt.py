"""The receipt file, `application/vnd.gatehouse.receipt+json`, read into values; nothing is verified here."""

from dataclasses import dataclass

from registry.client import receipt_pdf
from registry.client.errors import Malformed, printable
from registry.client.keys import PublicKey, decode_base64, parse_keys
from registry.client.merkle import HASH_BYTES, PATH_MAX_COUNT
from registry.client.sd_jwt import UnverifiedSDJWT, split_sd_jwt
from registry.client.wire import Fields, parse_json

FORMAT = "gatehouse-receipt/1"
BOUND_FORMAT = "gatehouse-receipt/2"
"""The same, made by its holder for one audience: a key-binding JWT follows the statement."""
RECEIPT_MAX_BYTES = 64 << 20
TIMESTAMPS_MAX_COUNT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCopy:
    """A text that the license includes by reference, as the receipt carries it."""

    title: str
    url: str | None
    sha256: str | None
    text: bytes | None
    """None where the registry held only its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseCopy:
    """The license text that the receipt carries."""

    slug: str
    number: str
    title: str
    sha256: str
    """`sha256:` and 64 hex digits."""
    text: bytes
    policies: tuple[PolicyCopy, ...] | None
    """None in a receipt that was made before receipts carried them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampCopy:
    """A time stamp over the checkpoint (RFC 3161)."""

    authority: str
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerProof:
    """Where the statement stands in the log, with the proof of it."""

    origin: str
    index: int
    tree_size: int
    leaf_hash: bytes
    inclusion_proof: tuple[bytes, ...]
    checkpoint: str
    timestamps: tuple[TimestampCopy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as it was handed over; members that this version does not know are left out of account."""

    registry: str
    sd_jwt: UnverifiedSDJWT
    license: LicenseCopy | None
    """None for a statement that names no text, in a bundle; never in a receipt."""
    ledger: LedgerProof | None
    """None until the log has published the entry: such a receipt is fetched again later."""
    keys: tuple[PublicKey, ...]


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt in `data`: the file, or the one that is attached to a PDF.

    Raises:
        Malformed: it is not a receipt of this format.
    """
    if len(data) > RECEIPT_MAX_BYTES:
        raise Malformed(f"the file is longer than {RECEIPT_MAX_BYTES} bytes: it is not a receipt")
    if data.startswith(receipt_pdf.START):
        data = receipt_pdf.read_attached(data, limit=RECEIPT_MAX_BYTES)
    fields = Fields(parse_json(data, what="the file"), where="receipt")
    form = fields.text("format")
    if form not in {FORMAT, BOUND_FORMAT}:
        raise Malformed(
            f"receipt.format is {printable(form, limit=80)!r}, expected {FORMAT!r} or {BOUND_FORMAT!r}"
        )
    terms = fields.member("license")
    ledger = fields.maybe_member("ledger")
    return Receipt(
        registry=fields.text("registry"),
        sd_jwt=split_sd_jwt(fields.text("sd_jwt"), what="the statement", is_bound=form == BOUND_FORMAT),
        license=LicenseCopy(
            slug=terms.text("slug"),
            number=terms.text("number"),
            title=terms.text("title"),
            sha256=terms.text("sha256"),
            text=_utf8(terms.text("text"), where="receipt.license.text"),
            policies=None if terms.value.get("policies") is None else _parse_policies(terms),
        ),
        ledger=None if ledger is None else parse_proof(ledger),
        keys=parse_keys(fields.values("keys"), where="receipt.keys"),
    )


def _parse_policies(terms: Fields) -> tuple[PolicyCopy, ...]:
    copies = []
    for one in terms.members("policies"):
        text = one.maybe_text("text")
        copies.append(
            PolicyCopy(
                title=one.text("title"),
                url=one.maybe_text("url"),
                sha256=one.maybe_text("sha256"),
                text=None if text is None else _utf8(text, where=f"{one.where}.text"),
            )
        )
    return tuple(copies)


def parse_path(fields: Fields) -> tuple[bytes, ...]:
    """Return the member `inclusion_proof`.

    Raises:
        Malformed: it has another form, or is longer than any tree is high.
    """
    path = fields.texts("inclusion_proof")
    if len(path) > PATH_MAX_COUNT:
        raise Malformed(
            f"{fields.where}.inclusion_proof has {len(path)} hashes, at most {PATH_MAX_COUNT} fit"
        )
    hashes = tuple(decode_base64(text, what=f"{fields.where}.inclusion_proof") for text in path)
    if any(len(digest) != HASH_BYTES for digest in hashes):
        raise Malformed(f"{fields.where}.inclusion_proof has a hash that is not {HASH_BYTES} bytes long")
    return hashes


def parse_proof(fields: Fields) -> LedgerProof:
    """Return the member `ledger` of a receipt, or of another file that proves an entry.

    Raises:
        Malformed: it has another form.
    """
    leaf_text = fields.text("leaf_hash")
    try:
        leaf = bytes.fromhex(leaf_text)
    except ValueError:
        leaf = b""
    if leaf.hex() != leaf_text or len(leaf) != HASH_BYTES:
        raise Malformed(f"{fields.where}.leaf_hash is not 64 lower-case hex digits")
    return LedgerProof(
        origin=fields.text("origin"),
        index=fields.number("index"),
        tree_size=fields.number("tree_size"),
        leaf_hash=leaf,
        inclusion_proof=parse_path(fields),
        checkpoint=fields.text("checkpoint"),
        timestamps=() if fields.value.get("timestamps") is None else parse_timestamps(fields),
    )


def parse_timestamps(fields: Fields) -> tuple[TimestampCopy, ...]:
    """Return the member `timestamps`.

    Raises:
        Malformed: it has another form, or there are too many.
    """
    found = fields.members("timestamps")
    if len(found) > TIMESTAMPS_MAX_COUNT:
        raise Malformed(f"{fields.where} has more than {TIMESTAMPS_MAX_COUNT} time stamps")
    return tuple(
        TimestampCopy(
            authority=one.text("authority"),
            response=decode_base64(one.text("response"), what=f"{one.where}.response"),
        )
        for one in found
    )


def _utf8(text: str, *, where: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed(f"{where} holds half of a character pair") from None
