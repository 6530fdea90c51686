"""The acceptance statement: which claims are signed in the clear, which are disclosed one by one.

Claims only grow: a new one is added with a new value of `v`; old statements stay readable as they are.
Fields follow the evidence list of the design; every piece of contact data and every answer is hidden.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.acceptances.domain import (
    AcceptLicense,
    Grade,
    NameComparison,
    Offer,
    Ticket,
    act_digest,
    affirmation,
    end_reached_at,
    presented_at,
)
from registry.acceptances.sd_jwt import Issued, Sign, encode, issue
from registry.acceptances.words import Way, act_text, authority_sentence
from registry.catalog.domain import GateView, ReleaseView
from registry.identity.domain import Principal, Profile
from registry.identity.organisation_domain import OrganisationView
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import sha256
from registry.kernel.mail import Mail
from registry.kernel.synchronisation import ClockState
from registry.licenses.domain import Policy, Version

STATEMENT_VERSION = 7
"""2: the comparison of the typed name, and whether the clock was synchronised. 3: how many texts the act was on.
4: the name of a private model is disclosed, not in the clear: the leaf is public. 5: an act may be signed by the
acceptor (grade A); then what they signed and its signature are a hidden claim. 6: the domain of the address is a
hidden claim of its own, so that it can be shown without the address. 7: an act on a terminal may be bound to a key
that was made for it alone (`cnf`), by which its holder shows that the receipt is theirs."""
WITHDRAWAL_VERSION = 1
ACKNOWLEDGEMENT_VERSION = 1
OWN_SIGNATURE = "own_signature"
"""Hidden, since a public key names its owner to everybody who has seen it elsewhere."""
ANSWERS = "answers"
SCOPE = "scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignature:
    """What the acceptor signed with a key of their own, and the signature over it."""

    claim: Mapping[str, Json]
    amr: tuple[str, ...]
    """How the key was held (RFC 8176)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the statement is made of."""

    acceptance_id: UUID
    issuer: str
    offer: Offer
    version: Version
    policies: Sequence[Policy]
    gate: GateView
    private: bool
    """Whether the model is; then only the acceptor and the registry know for which model the act was."""
    release: ReleaseView | None
    principal: Principal
    profile: Profile
    command: AcceptLicense
    ticket: Ticket
    answers: Mapping[str, str]
    sequence: int
    salt: bytes
    accepted_at: datetime
    name: NameComparison
    clock_state: ClockState
    organisation: OrganisationView | None = None
    """Whom the person accepts for; None: themself."""
    texts: int = 1
    """How many license texts the same act accepted."""
    way: Way = Way.BUTTON
    own: OwnSignature | None = None
    """There as soon as it was checked."""

    @property
    def grade(self) -> Grade:
        """How strong it is."""
        return Grade.OWN_SIGNATURE if self.own else Grade.VERIFIED_SIGN_IN


def sign_statement(evidence: Evidence, sign: Sign) -> Issued:
    """Return the signed statement and the disclosures that belong to it."""
    return issue(_clear_claims(evidence), _hidden_claims(evidence), groups=(ANSWERS, SCOPE), sign=sign)


def _clear_claims(evidence: Evidence) -> dict[str, Json]:
    offer, version, gate = evidence.offer, evidence.version, evidence.gate
    words = act_text(evidence.texts, evidence.way)
    affirmed = affirmation(offer, evidence.texts, evidence.way)
    on_terminal = evidence.way is Way.TERMINAL
    return {
        "v": STATEMENT_VERSION,
        "iss": evidence.issuer,
        "iat": int(evidence.accepted_at.timestamp()),
        "jti": str(evidence.acceptance_id),
        "sub": str(evidence.principal.person_id),
        "grade": evidence.grade.value,
        "act": {
            "type": "on-behalf" if evidence.organisation else "own",
            "sequence": evidence.sequence,
            "texts": evidence.texts,
            "words": act_digest(offer, evidence.texts, evidence.way),
            "button": None if on_terminal else affirmed,
            "typed_sentence": affirmed if on_terminal else None,
            "boxes": {} if on_terminal else {"agreed": "empty when shown, ticked by the person"},
            "affirmed_by": [
                *(["typed-sentence", "typed-name"] if on_terminal else ["box", "typed-name", "button"]),
                *(["own-signature"] if evidence.own else []),
            ],
            "template": words.revision,
            "typed_name": {
                "compared_with": evidence.name.compared_with,
                "matches": evidence.name.matches,
            },
        },
        **_confirmation_claims(evidence),
        "license": _license_claims(version, evidence.policies),
        "gate": {
            "id": str(gate.id),
            "revision_id": str(gate.revision_id),
            "number": gate.number,
            "form": gate.form_digest,
            "answers": answers_digest(evidence.answers, evidence.salt),
        },
        SCOPE: {
            "model_id": str(offer.model_id),
            **({} if evidence.private else _model_claim(offer)),
            "release": evidence.release.commit if evidence.release else None,
            "manifest": evidence.release.manifest_digest if evidence.release else None,
        },
        "times": _time_claims(evidence),
        "identity": _identity_claims(evidence),
        "capacity": _capacity_claims(evidence),
        "context": {
            "channel": "terminal" if on_terminal else "browser",
            "session": evidence.principal.session_id,
            "request": evidence.command.context.request_id,
            "csrf": "not asked of a token" if on_terminal else "passed",
        },
    }


def _confirmation_claims(evidence: Evidence) -> dict[str, Json]:
    """In the clear: verifiers look for the key there (RFC 9901 §4.1.2), and one of a single act names nobody."""
    key = evidence.command.holder_key
    return {"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": key}}} if key else {}


def _capacity_claims(evidence: Evidence) -> dict[str, Json]:
    organisation = evidence.organisation
    if organisation is None:
        return {"type": "self"}
    domains: list[Json] = [one.domain for one in organisation.domains if one.proved_at is not None]
    return {
        "type": "organisation",
        "organisation": {"id": str(organisation.id), "name": organisation.name, "domains": domains},
        "authority": sha256(authority_sentence(organisation.name, evidence.texts).encode()),
    }


def _identity_claims(evidence: Evidence) -> dict[str, Json]:
    proof, verified = evidence.principal.proof, evidence.profile.verified_at
    signed_in_at = evidence.principal.signed_in_at
    return {
        "provider": (proof.provider if proof else None) or evidence.issuer,
        "amr": list(_amr(evidence)),
        "auth_time": iso(signed_in_at) if signed_in_at else None,
        "email_verified": iso(verified) if verified else None,
        "second_factor": bool(proof and proof.second_factor),
        "acr": proof.acr if proof else None,
        "auth_time_by": "provider" if proof and proof.stated else "registry",
    }


def _amr(evidence: Evidence) -> Sequence[str]:
    """Return how the person showed who they are: at the sign-in, and by their own key."""
    proof, own = evidence.principal.proof, evidence.own
    if evidence.way is Way.TERMINAL:
        return own.amr if own else ()
    return tuple(dict.fromkeys((*(proof.amr if proof else ("email",)), *(own.amr if own else ()))))


def _license_claims(version: Version, policies: Sequence[Policy]) -> dict[str, Json]:
    return {
        "id": str(version.license_id),
        "version_id": str(version.id),
        "slug": version.slug,
        "title": version.title,
        "number": version.number,
        "change_class": version.change_class.value,
        "series": version.series,
        "sha256": version.sha256,
        "language": version.language,
        "binding": True,
        "translation": None,
        "policies": [
            {"title": policy.title, "url": policy.url, "sha256": policy.sha256} for policy in policies
        ],
    }


def _time_claims(evidence: Evidence) -> dict[str, Json]:
    end = end_reached_at(evidence.ticket, evidence.command.end_reached_ms, now=evidence.accepted_at)
    shown = iso(presented_at(evidence.ticket, now=evidence.accepted_at))
    return {
        "presented": shown,
        "viewed": shown,
        "end_reached": iso(end) if end else None,
        "accepted": iso(evidence.accepted_at),
        "client_offset_ms": _client_offset_ms(evidence),
        "source": "server clock, UTC",
        "synchronisation": evidence.clock_state.value,
    }


def _hidden_claims(evidence: Evidence) -> dict[str, Json | Mapping[str, Json]]:
    context = evidence.command.context
    answers: dict[str, Json] = dict(evidence.answers)
    capacity = evidence.command.capacity
    title: dict[str, Json] = {"officer_title": capacity.title.strip()} if capacity else {}
    return {
        "name": evidence.command.typed_name.strip(),
        **title,
        "email": evidence.profile.email,
        "email_domain": evidence.profile.email.rpartition("@")[2].lower(),
        "ip_address": context.ip_address,
        "user_agent": context.user_agent[:300],
        "answers_salt": encode(evidence.salt),
        **({OWN_SIGNATURE: dict(evidence.own.claim)} if evidence.own else {}),
        ANSWERS: answers,
        **({SCOPE: _model_claim(evidence.offer)} if evidence.private else {}),
    }


def _model_claim(offer: Offer) -> dict[str, Json]:
    return {"model": f"{offer.publisher}/{offer.model}"}


def _client_offset_ms(evidence: Evidence) -> int | None:
    """Return how far the browser's clock was ahead of ours; corroboration only."""
    client_at = evidence.command.client_at
    if client_at is None:
        return None
    return round((client_at - evidence.accepted_at).total_seconds() * 1000)


def answers_digest(answers: Mapping[str, str], salt: bytes) -> str:
    """Return the digest that binds all answers at once; salted, so that answers cannot be guessed."""
    return sha256(salt + canonical_bytes(dict(answers)))


def receipt_letter(evidence: Evidence) -> Mail:
    """Return the mail that tells the acceptor what was recorded, and where the receipt is."""
    offer = evidence.offer
    return Mail(
        about=evidence.acceptance_id,
        to=evidence.profile.email,
        subject=f"You accepted {offer.title} {offer.number}",
        text=(
            f"On {iso(evidence.accepted_at)} you accepted {offer.title} {offer.number}\n"
            f"in order to use {offer.publisher}/{offer.model}.\n\n"
            f"SHA-256 of the text: {offer.text_sha256.removeprefix('sha256:')}\n"
            f"Your receipt: {evidence.issuer}/records/{evidence.acceptance_id}\n\n"
            "Keep the receipt: it proves what you accepted, also without this registry. If this was not\n"
            "you, or you change your mind, withdraw the acceptance on that page.\n"
        ),
    )


def acknowledgement_fact(*, acceptance_id: UUID, person_id: UUID, text_sha256: str, at: datetime) -> bytes:
    """Return the canonical bytes of an acknowledgement: the leaf of its ledger entry."""
    return canonical_bytes(
        {
            "v": ACKNOWLEDGEMENT_VERSION,
            "kind": "acknowledgement",
            "at": iso(at),
            "acceptance": str(acceptance_id),
            "person": str(person_id),
            "text_sha256": text_sha256,
        }
    )


def withdrawal_fact(
    *, acceptance_id: UUID, person_id: UUID, at: datetime, members_until: datetime | None = None
) -> bytes:
    """Return the canonical bytes of a withdrawal: the leaf of its ledger entry."""
    grace: dict[str, Json] = {"members_until": iso(members_until)} if members_until else {}
    return canonical_bytes(
        {
            "v": WITHDRAWAL_VERSION,
            "kind": "withdrawal",
            "at": iso(at),
            "acceptance": str(acceptance_id),
            "person": str(person_id),
            **grace,
        }
    )
