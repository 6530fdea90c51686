"""What an acceptor signs with a key of their own: a declaration about one act, in canonical bytes (RFC 8785).

It names all texts of the act, each with the id that its acceptance will have: chosen when the declaration is made
and kept by nobody, since it comes back in the challenge. An id serves once, so a signature does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from registry.acceptances.domain import Offer, affirmation, authenticate, presented_at, read_authenticated
from registry.acceptances.sd_jwt import decode, encode
from registry.acceptances.statement import Evidence, OwnSignature, answers_digest
from registry.acceptances.words import Way, act_text, authority_sentence
from registry.identity.domain import Profile
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso, parse_iso
from registry.kernel.identifiers import Digest, sha256
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sealing import SubjectKey

DECLARATION_TYPE = "gatehouse-declaration/1"
CHALLENGE_SECRET = "acceptance-declaration"  # noqa: S105 - the purpose of a derived secret
CHALLENGE_LIFETIME = timedelta(minutes=15)
CHALLENGE_MAX_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is chosen of an acceptance before it is signed."""

    acceptance_id: UUID
    salt: bytes
    """Of the digest of its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was given out to be signed; comes back with the signature, authenticated."""

    person_id: UUID
    way: Way
    parts: tuple[Chosen, ...]
    declaration: Digest
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs, with what opens their keys."""

    profile: Profile
    key: SubjectKey
    now: datetime


Check = Callable[[Session, bytes, Signer], OwnSignature | Refusal]
"""Looks whether a key of the signer's own has signed these bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAct:
    """An act that is signed by the person, or is to be: then without a challenge yet."""

    way: Way
    challenge: Challenge | None = None
    check: Check | None = None


def declaration_bytes(evidence: Sequence[Evidence]) -> bytes:
    """Return the declaration about all acceptances of one act."""
    first = evidence[0]
    words = act_text(first.texts, first.way)
    return canonical_bytes(
        {
            "type": DECLARATION_TYPE,
            "registry": first.issuer,
            "person": str(first.profile.person_id),
            "name": first.command.typed_name.strip(),
            "capacity": _capacity(first),
            "sentence": words.sentence,
            "affirmation": affirmation(first.offer, first.texts, first.way),
            "acceptances": [_acceptance(one) for one in evidence],
        }
    )


def _capacity(evidence: Evidence) -> dict[str, Json]:
    organisation, capacity = evidence.organisation, evidence.command.capacity
    if organisation is None or capacity is None:
        return {"type": "self"}
    return {
        "type": "organisation",
        "organisation": {"id": str(organisation.id), "name": organisation.name},
        "title": capacity.title.strip(),
        "authority": authority_sentence(organisation.name, evidence.texts),
    }


def _acceptance(evidence: Evidence) -> dict[str, Json]:
    offer, version = evidence.offer, evidence.version
    words = act_text(evidence.texts, evidence.way)
    policies: list[Json] = [{"title": policy.title, "sha256": policy.sha256} for policy in evidence.policies]
    key = evidence.command.holder_key
    return {
        **({"holder_key": key} if key else {}),
        "acceptance": str(evidence.acceptance_id),
        "model": f"{offer.publisher}/{offer.model}",
        "license": {
            "version_id": str(version.id),
            "slug": version.slug,
            "title": version.title,
            "number": version.number,
            "language": version.language,
            "sha256": version.sha256,
            "policies": policies,
        },
        "gate": {
            "id": str(evidence.gate.id),
            "revision_id": str(evidence.gate.revision_id),
            "form": evidence.gate.form_digest,
            "answers": answers_digest(evidence.answers, evidence.salt),
        },
        "presented": iso(presented_at(evidence.ticket, now=evidence.accepted_at)),
        "closing": words.closing.format(title=offer.title, number=offer.number, publisher=offer.publisher),
    }


def write_challenge(challenge: Challenge, secret: bytes) -> str:
    """Return the challenge as it leaves the registry."""
    parts: list[Json] = [[str(one.acceptance_id), encode(one.salt)] for one in challenge.parts]
    members: Mapping[str, Json] = {
        "person": str(challenge.person_id),
        "way": challenge.way.value,
        "parts": parts,
        "declaration": challenge.declaration,
        "at": iso(challenge.made_at),
    }
    return authenticate(members, secret)


def read_challenge(text: str, secret: bytes) -> Challenge | None:
    """Return the challenge if this registry wrote it, unaltered."""
    given: Any = read_authenticated(text[:CHALLENGE_MAX_CHARACTERS], secret)
    if given is None:
        return None
    return Challenge(
        person_id=UUID(given["person"]),
        way=Way(given["way"]),
        parts=tuple(Chosen(acceptance_id=UUID(one), salt=decode(salt)) for one, salt in given["parts"]),
        declaration=given["declaration"],
        made_at=parse_iso(given["at"]),
    )


def judge_challenge(
    challenge: Challenge | None, declaration: bytes, offer: Offer, *, way: Way, person_id: UUID, now: datetime
) -> Refusal | None:
    """Return why a signature over this declaration is not looked at; None if it may be."""
    if challenge is None or challenge.person_id != person_id or challenge.way is not way:
        return _sign_anew(offer, "declaration-not-yours", "The declaration was not made for you")
    if now - challenge.made_at > CHALLENGE_LIFETIME:
        return _sign_anew(offer, "declaration-too-old", "The declaration was made more than 15 minutes ago")
    if challenge.declaration != sha256(declaration):
        return _sign_anew(
            offer, "declaration-changed", "The form is not the one that the declaration was made for"
        )
    return None


def used(offer: Offer) -> Refusal:
    """Return the refusal of a declaration that has brought about an acceptance already."""
    return _sign_anew(offer, "declaration-used", "This declaration was accepted before, and taken back since")


def _sign_anew(offer: Offer, code: str, title: str) -> Refusal:
    return Refusal(
        code=code,
        status=409,
        title=title,
        detail="A declaration is signed once, as it was shown, within 15 minutes. Nothing was accepted.",
        remedy=Remedy(text=f"Read {offer.title} {offer.number} again and sign anew", url=offer.page),
        decider="You do",
    )
