"""A receipt that shows less: which details it may show, what it proves then, and the receipt with no others.

Nothing is stored and nothing signed anew (RFC 9901 §7.2): keeping a detail back is leaving its disclosure out.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry.acceptances import service
from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.receipts import Receipt
from registry.acceptances.refusals import no_such_acceptance
from registry.acceptances.sd_jwt import digest, read_disclosure, read_payload
from registry.identity.visits import Visit
from registry.kernel.canonical import Json
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Option
from registry.kernel.pages import format_when
from registry.kernel.sealing import Sealer

PROPOSED = frozenset({"email_domain"})
"""What is shown until the person chooses."""
VALUE_MAX_CHARACTERS = 200
_LABELS = {
    "name": "Name",
    "email": "E-mail address",
    "email_domain": "Domain of the address",
    "officer_title": "Title at the organisation",
    "ip_address": "Network address",
    "user_agent": "Browser",
    "scope.model": "Model",
    "own_signature": "Your own signature, with your public key and your name",
    "answers_salt": "Salt of the answers (with all answers, it proves that these were all)",
}
_NOT_WORDS = frozenset({"own_signature", "answers_salt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One claim that may be shown or kept back; a member of a claim is named `claim.member`."""

    name: str
    value: Json
    disclosure: str


def list_details(jwt: str, disclosures: Sequence[str]) -> Sequence[Detail]:
    """Return what the disclosures show, each named by where its digest stands."""
    prefixes = dict(_places(read_payload(jwt), ""))
    details = []
    for encoded in disclosures:
        name, value = read_disclosure(encoded)
        if (prefix := prefixes.get(digest(encoded))) is not None:
            details.append(Detail(name=prefix + name, value=value, disclosure=encoded))
    return details


def show_only(receipt: Receipt, names: Collection[str]) -> Receipt:
    """Return the receipt with these details and no others; a name that it does not have shows nothing."""
    jwt, *disclosures = receipt.sd_jwt.rstrip("~").split("~")
    kept = [one.disclosure for one in list_details(jwt, disclosures) if one.name in names]
    return msgspec.structs.replace(receipt, sd_jwt="~".join((jwt, *kept, "")))


def share_view(
    session: Session, acceptance_id: UUID, visit: Visit, *, sealer: Sealer, chosen: Collection[str] | None
) -> SimpleNamespace | Refusal:
    """Return the page on which the acceptor chooses what a proof shows; `chosen` is None before they have."""
    summary = service.get_acceptance(session, acceptance_id)
    if summary is None or visit.principal.person_id is None or summary.person_id != visit.principal.person_id:
        return no_such_acceptance()
    opened = service.open_disclosures(session, acceptance_id=acceptance_id, sealer=sealer)
    if opened is None:
        return no_such_acceptance()
    jwt, disclosures = opened
    details = list_details(jwt, disclosures)
    names = PROPOSED if chosen is None else chosen
    shown = {one.name: one.value for one in details if one.name in names}
    hidden = [label_of(one.name) for one in details if one.name not in names]
    payload = read_payload(jwt)
    return SimpleNamespace(
        receipt=SimpleNamespace(short=str(summary.id)[-12:], url=f"/records/{summary.id}"),
        share_url=f"/records/{summary.id}/share",
        choices=[
            Option(
                value=one.name,
                label=label_of(one.name),
                detail=None if one.name in _NOT_WORDS else str(one.value)[:VALUE_MAX_CHARACTERS],
                chosen=one.name in names,
            )
            for one in details
        ],
        sentence=_sentence(summary, payload, shown),
        hidden=hidden,
        file_name=f"proof-{summary.slug}-{summary.number}.json",
        holder_key=_holder_key(payload),
        download_url=f"/api/v1/receipts/{summary.id}?{_query(shown)}",
    )


def _holder_key(payload: Mapping[str, Json]) -> str | None:
    """Return the public part of the key that the statement names, as in `cnf.jwk.x`."""
    match payload.get("cnf"):
        case {"jwk": {"x": str(x)}}:
            return x
    return None


def label_of(name: str) -> str:
    """Return a detail's name for people."""
    return _LABELS.get(name) or f"Answer: {name.removeprefix('answers.')}"


def _query(shown: Collection[str]) -> str:
    return urlencode([("only", name) for name in shown] or [("only", "")])


def _sentence(summary: AcceptanceSummary, payload: Mapping[str, Json], shown: Mapping[str, Json]) -> str:
    """Return what the proof says in words."""
    scope = payload.get("scope")
    public = isinstance(scope, Mapping) and "model" in scope
    model = f" for {summary.publisher}/{summary.model}" if public or "scope.model" in shown else ""
    who = (
        shown.get("name")
        or shown.get("email")
        or (f"Someone at {shown['email_domain']}" if "email_domain" in shown else "Somebody")
    )
    return f"{who} accepted {summary.title} {summary.number}{model} on {format_when(summary.accepted_at)}."


def _places(claims: Mapping[str, Json], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield each digest with the path of the claim beside which it stands."""
    digests = claims.get("_sd")
    for one in digests if isinstance(digests, list) else ():
        if isinstance(one, str):
            yield one, prefix
    for name, member in claims.items():
        if isinstance(member, Mapping) and not prefix:
            yield from _places(member, f"{name}.")
