"""Entries of a log in words, from their leaves alone; a leaf names things by id, and no person to an outsider.

A leaf is an acceptance statement (a compact JWS), or canonical JSON with `kind` and `at`. What is not understood is
counted and said to be so: a log may hold kinds that this version does not know.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.client.errors import Malformed, printable
from registry.client.wire import Fields, parse_json

UNKNOWN = "unknown"
SAID_MAX_CHARACTERS = 300

_WORDS: Mapping[str, str] = {
    "withdrawal": "acceptance {acceptance} was withdrawn",
    "acknowledgement": "a member acknowledged acceptance {acceptance} of their organisation",
    "license.published": "{license.title} {version.number} was published, change class {version.change_class}, text {version.sha256}",
    "license.judged": "a second person on change class {change_class} of license version {version.id}: {outcome}",
    "release.published": "release {commit} of model {model} was published",
    "gate.changed": "gate {gate} got revision {number}, mode {mode}, {license_versions} required license versions",
    "gate.moved": "model {model} was put behind gate {to}, before behind {from}",
    "block": "block {block} at publisher {publisher}: {act}",
    "grant": "grant {grant} at gate {gate}: {act}",
    "role": "role {role} at publisher {publisher} {act}",
    "lineage": "base {base} of model {model}: {act}",
    "must-update": "release to be given up, model {model}: {act}",
    "equivalence": "decision that a license is equivalent, at base {base}: {act}",
    "organisation": "organisation {organisation}: {act}",
    "organisation.group": "confirmed group {group} of organisation {organisation}: {act}",
    "downloads.day": "{count} download records of {day} have the root {root}",
    "downloads.counted": "download records of {day} are counted and deleted from now on",
    "import.upgraded": "whom import {import} is of has accepted here: acceptance {acceptance}",
    "import.erased": "whom import {import} is of was deleted",
    "person.ended": "all sessions and tokens of person {person} were ended",
    "person.erased": "person {person} was erased",
    "person.restricted": "what is kept about person {person} is stored only, restriction {restriction}",
    "person.unrestricted": "what is kept about person {person} is used again, restriction {restriction} ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryInWords:
    """What one leaf states."""

    kind: str
    at: datetime | None
    """When, as the entry states it."""
    said: str


def read_entry(leaf: bytes) -> EntryInWords:
    """Return what a leaf states; never fails, whatever the bytes are."""
    try:
        return _statement(leaf) if leaf.startswith(b"eyJ") else _fact(leaf)
    except (Malformed, OverflowError):
        return EntryInWords(kind=UNKNOWN, at=None, said=f"{len(leaf)} bytes in a form that is not known here")


def _statement(leaf: bytes) -> EntryInWords:
    parts = leaf.split(b".")
    if len(parts) != 3:
        raise Malformed("the leaf is no compact JWS")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        raise Malformed("the leaf's payload is not base64url") from None
    claims = Fields(parse_json(payload, what="the leaf"), where="leaf")
    scope = claims.maybe_member("scope")
    model = (scope.maybe_text("model") if scope else None) or "a private model"
    imported = claims.member("times").maybe_moment("imported")
    if imported is not None:
        kind, at = "acceptor.imported", imported
        words = "somebody was imported who accepted elsewhere, text unknown, grade {grade}, for "
    else:
        kind, at = "acceptance", claims.member("times").moment("accepted")
        words = "{license.title} {license.number} was accepted, grade {grade}, for "
    return EntryInWords(
        kind=kind,
        at=at.astimezone(UTC),
        said=printable(_fill(words, claims) + model, limit=SAID_MAX_CHARACTERS),
    )


def _fact(leaf: bytes) -> EntryInWords:
    fact = Fields(parse_json(leaf, what="the leaf"), where="leaf")
    kind, at = fact.text("kind"), fact.moment("at").astimezone(UTC)
    words = _WORDS.get(kind)
    said = "of a kind that this version does not know" if words is None else _fill(words, fact)
    return EntryInWords(
        kind=printable(kind, limit=64), at=at, said=printable(said, limit=SAID_MAX_CHARACTERS)
    )


def _fill(words: str, fact: Fields) -> str:
    """Return `words` with each `{member}` in them; of a list its length."""
    pieces = words.split("{")
    said = pieces[0]
    for piece in pieces[1:]:
        path, _, rest = piece.partition("}")
        value: object = fact.value
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        shown = len(value) if isinstance(value, list) else "(not stated)" if value is None else value
        said += f"{shown}{rest}"
    return said
