"""SD-JWT (RFC 9901): splitting one, and putting its disclosures back where their digests stand."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from registry.client.errors import Malformed, VerificationFailed, printable
from registry.client.jws import UnverifiedJWS, parse_compact
from registry.client.keys import decode_base64url, encode_base64url
from registry.client.wire import JsonObject, parse_json

HASH_NAME = "sha-256"
DISCLOSURES_MAX_COUNT = 1_000
DISCLOSURE_MAX_CHARACTERS = 256 << 10
NESTING_MAX_DEPTH = 16
NEVER_HIDDEN = frozenset(
    {"_sd", "...", "_sd_alg", "iss", "iat", "nbf", "exp", "jti", "sub", "cnf", "license", "times", "scope"}
)
"""Names that a disclosure may not carry: those that steer verification or say what was accepted (RFC 9901 §9.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One salted claim as it was handed over."""

    digest: str
    name: str | None
    """None for an element of an array."""
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedSDJWT:
    """The parts of an SD-JWT; nothing in it counts before its signature was checked."""

    issuer_jwt: str
    jws: UnverifiedJWS
    disclosures: tuple[str, ...]
    key_binding: str | None = None
    """The key-binding JWT that follows, in a receipt that was made for somebody (RFC 9901 §4.3)."""

    @property
    def presented(self) -> str:
        """What a key binding is made over: all up to and with the last `~`."""
        return "~".join((self.issuer_jwt, *self.disclosures, ""))


def split_sd_jwt(text: str, *, what: str, is_bound: bool = False) -> UnverifiedSDJWT:
    """Return the issuer-signed JWT and the encoded disclosures (RFC 9901 §4), and the key-binding JWT if `is_bound`.

    Raises:
        Malformed: it has another form, ends with a key-binding JWT where none belongs, or has none where one does.
    """
    parts = text.split("~")
    if len(parts) < 2:
        raise Malformed(f"{what} has no '~': it is not an SD-JWT")
    if parts[-1] and not is_bound:
        raise Malformed(f"{what} does not end with '~': a key binding is not part of such a receipt")
    if is_bound and not parts[-1]:
        raise Malformed(f"{what} ends with '~': no key binding follows, and such a receipt has one")
    if len(parts) - 2 > DISCLOSURES_MAX_COUNT:
        raise Malformed(f"{what} has more than {DISCLOSURES_MAX_COUNT} disclosures")
    jws = parse_compact(parts[0], what=what)
    return UnverifiedSDJWT(
        issuer_jwt=parts[0], jws=jws, disclosures=tuple(parts[1:-1]), key_binding=parts[-1] or None
    )


def read_claims(jws: UnverifiedJWS, *, what: str) -> JsonObject:
    """Return the payload of the issuer-signed JWT as a JSON object."""
    value = parse_json(jws.payload, what=f"the payload of {what}")
    if not isinstance(value, dict):
        raise Malformed(f"the payload of {what} is not a JSON object")
    return value


def check_hash_name(claims: JsonObject) -> None:
    """Return if the digests are made with the one hash that is accepted (RFC 9901 §4.1.1)."""
    name = claims.get("_sd_alg", "missing")
    if name != HASH_NAME:
        raise VerificationFailed(f"_sd_alg is {printable(str(name), limit=40)}, expected {HASH_NAME}")


def parse_disclosures(encoded: Sequence[str]) -> dict[str, Disclosure]:
    """Return the disclosures by their digest.

    Raises:
        Malformed: one is not a JSON array of the right form.
        VerificationFailed: one appears twice.
    """
    found: dict[str, Disclosure] = {}
    for position, text in enumerate(encoded, start=1):
        what = f"disclosure {position}"
        if len(text) > DISCLOSURE_MAX_CHARACTERS:
            raise Malformed(f"{what} is longer than {DISCLOSURE_MAX_CHARACTERS} characters")
        parts = parse_json(decode_base64url(text, what=what), what=what)
        if not isinstance(parts, list) or len(parts) not in {2, 3} or not isinstance(parts[0], str):
            raise Malformed(f"{what} is not an array of salt, name and value")
        name = parts[1] if len(parts) == 3 else None
        if len(parts) == 3 and not isinstance(name, str):
            raise Malformed(f"{what} has a name that is not a string")
        digest = encode_base64url(hashlib.sha256(text.encode("ascii")).digest())
        if digest in found:
            raise VerificationFailed(f"{what} is given twice")
        found[digest] = Disclosure(digest=digest, name=name, value=parts[-1])
    return found


class Discloser:
    """Puts disclosed claims in place of their digests (RFC 9901 §7.1 step 3) and keeps count of both."""

    def __init__(self, disclosures: dict[str, Disclosure]) -> None:
        self._open = disclosures
        self._seen: set[str] = set()
        self.disclosed_names: list[str] = []
        self.hidden_count = 0
        """Digests whose claim was not disclosed, decoys included."""

    def check_digests(self, claims: JsonObject) -> None:
        """Return if every digest stands once and every disclosure belongs to one.

        Raises:
            VerificationFailed: a digest stands twice, or a disclosure belongs to no digest.
        """
        self._collect(claims, depth=0)
        strangers = self._open.keys() - self._seen
        if strangers:
            names = sorted(printable(str(self._open[digest].name), limit=40) for digest in strangers)
            raise VerificationFailed(
                f"{len(strangers)} disclosure(s) do not belong to this statement: {', '.join(names[:5])}"
            )
        self.hidden_count = len(self._seen - self._open.keys())

    def _collect(self, value: object, *, depth: int) -> None:
        if depth > NESTING_MAX_DEPTH:
            raise Malformed(f"the statement is nested deeper than {NESTING_MAX_DEPTH} levels")
        if isinstance(value, list):
            for element in value:
                digest = _placeholder(element)
                if digest is None:
                    self._collect(element, depth=depth + 1)
                else:
                    self._meet(digest, depth=depth, in_array=True)
        elif isinstance(value, dict):
            for digest in _digests(value):
                self._meet(digest, depth=depth, in_array=False)
            for name, member in value.items():
                if name != "_sd":
                    self._collect(member, depth=depth + 1)

    def _meet(self, digest: str, *, depth: int, in_array: bool) -> None:
        if digest in self._seen:
            raise VerificationFailed(
                f"the digest {printable(digest, limit=50)} stands in the statement twice"
            )
        self._seen.add(digest)
        disclosure = self._open.get(digest)
        if disclosure is None:
            return
        if (disclosure.name is None) is not in_array:
            raise VerificationFailed("a disclosure of an array element stands for a member, or the reverse")
        self._collect(disclosure.value, depth=depth + 1)

    def fill_in(self, claims: JsonObject) -> JsonObject:
        """Return the claims with every disclosed one in its place and all digests gone.

        Raises:
            VerificationFailed: a disclosure carries a reserved name, or one that already stands there.
        """
        filled = self._fill_object(claims)
        filled.pop("_sd_alg", None)
        return filled

    def _fill_object(self, members: JsonObject) -> JsonObject:
        filled: JsonObject = {}
        for name, value in members.items():
            if name == "...":
                raise VerificationFailed("the reserved name '...' stands in the statement")
            if name != "_sd":
                filled[name] = self._fill(value)
        for digest in _digests(members):
            disclosure = self._open.get(digest)
            if disclosure is None or disclosure.name is None:
                continue
            name = disclosure.name
            if name in NEVER_HIDDEN:
                raise VerificationFailed(f"a disclosure carries the reserved name {name!r}")
            if name in filled:
                raise VerificationFailed(f"the claim {printable(name, limit=80)!r} is given twice")
            filled[name] = self._fill(disclosure.value)
            self.disclosed_names.append(name)
        return filled

    def _fill(self, value: object) -> object:
        if isinstance(value, dict):
            if "_sd_alg" in value:
                raise VerificationFailed("the reserved name '_sd_alg' stands inside a claim")
            return self._fill_object(value)
        if not isinstance(value, list):
            return value
        filled: list[object] = []
        for element in value:
            digest = _placeholder(element)
            if digest is None:
                filled.append(self._fill(element))
            elif digest in self._open:
                filled.append(self._fill(self._open[digest].value))
        return filled


def _digests(members: JsonObject) -> list[str]:
    if "_sd" not in members:
        return []
    values = members["_sd"]
    if not isinstance(values, list):
        raise Malformed("_sd is not an array of digests")
    digests = [value for value in values if isinstance(value, str)]
    if len(digests) != len(values):
        raise Malformed("_sd is not an array of digests")
    return digests


def _placeholder(element: object) -> str | None:
    """Return the digest of `{"...": digest}`, the place of a hidden array element (RFC 9901 §4.2.4.2)."""
    if not isinstance(element, dict) or "..." not in element:
        return None
    digest = element["..."]
    if len(element) != 1 or not isinstance(digest, str):
        raise VerificationFailed("the reserved name '...' stands beside other members")
    return digest
