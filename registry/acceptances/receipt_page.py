"""The receipt as a page: the statement in words, its evidence, and its verification."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID

import segno
from sqlmodel import Session

from registry import catalog, identity, ledger, licenses
from registry.acceptances import service
from registry.acceptances.copies import find_copies
from registry.acceptances.domain import AcceptanceSummary, CopyEvent, Grade
from registry.acceptances.refusals import no_such_acceptance
from registry.acceptances.sd_jwt import decode, digest, hidden_digests, open_claims, read_payload
from registry.acceptances.statement import ANSWERS
from registry.acceptances.together import TEXTS_MAX_AT_ONCE
from registry.acceptances.words import act_text
from registry.catalog.domain import Command
from registry.identity.domain import how_signed_in, nameless
from registry.identity.visits import Visit
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Check, Link, Notice, Tone, language_name
from registry.kernel.sealing import Sealer
from registry.kernel.synchronisation import ClockState

_GRADES = {
    Grade.OWN_SIGNATURE: "also signed by the acceptor's own key",
    Grade.VERIFIED_SIGN_IN: "verified sign-in and exact text",
    Grade.IMPORTED: "imported from elsewhere; the text that was shown is unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JustNow:
    """What a receipt is shown right after."""

    also: Sequence[UUID]
    """The other acceptances of the same act."""
    towards: str
    """The `publisher/model` that they were made for; empty: that of the receipt."""


def receipt_view(
    session: Session,
    acceptance_id: UUID,
    visit: Visit,
    *,
    sealer: Sealer,
    base_url: str,
    act: JustNow | None = None,
    now: datetime,
) -> SimpleNamespace | Refusal:
    """Return the receipt page for who may see it: the acceptor, and auditors of the publisher.

    `act` says that it is shown right after the act, to whoever accepted.
    """
    summary = service.get_acceptance(session, acceptance_id)
    if summary is None or not may_see(session, summary, visit):
        return no_such_acceptance()
    opened = service.open_disclosures(session, acceptance_id=acceptance_id, sealer=sealer)
    if opened is None:
        return no_such_acceptance()
    statement, disclosures = opened
    if not identity.find_readable_keys(
        session, [summary.person_id], reader=visit.principal.person_id, sealer=sealer
    ):
        disclosures = ()
    claims: Any = open_claims(read_payload(statement), disclosures)
    version = licenses.get_version_by_id(session, summary.license_version_id)
    owner = summary.person_id == visit.principal.person_id
    proof = ledger.prove_entry(session, summary.entry_id)
    policies = licenses.list_policies(session, version.id)
    steps = verification_steps(session, statement, disclosures, version.text, policies, proof)
    live = owner and not summary.withdrawn_at
    towards = _find_goal(session, summary, visit, act)
    return SimpleNamespace(
        **statement_parts(summary, claims),
        owner=owner,
        notice=_new_notice(towards, act) if act and owner else None,
        also=_list_also(session, act, visit) if act else [],
        license=SimpleNamespace(
            url=version.path,
            language_name=language_name(claims["license"]["language"]),
            size=len(version.text),
            sha256=version.sha256,
        ),
        key=SimpleNamespace(id=_kid(statement), algorithm="Ed25519"),
        entry=_entry(proof),
        copies=_copies(find_copies(session, acceptance_id)),
        verification=SimpleNamespace(at=now, steps=steps),
        qr=_qr(f"{base_url}/records/{acceptance_id}"),
        go_on=Link(label="Go to the files", url=f"/{towards}/files") if live else None,
        withdraw=_withdraw_form(summary) if live else None,
        downloads=_downloads(session, summary, visit),
    )


def statement_parts(summary: AcceptanceSummary, claims: Any) -> dict[str, Any]:
    """Return what the signed statement and its disclosures say, group by group."""
    end = claims["times"]["end_reached"]
    return {
        "receipt": SimpleNamespace(
            id=str(summary.id),
            short=str(summary.id)[-12:],
            json_url=f"/api/v1/receipts/{summary.id}",
            pdf_url=f"/api/v1/receipts/{summary.id}/pdf",
            share_url=f"/records/{summary.id}/share",
            file_name=f"receipt-{summary.slug}-{summary.number}.json",
        ),
        "statement": SimpleNamespace(
            who=claims.get("name", nameless(summary.person_id)),
            license=summary.title,
            number=summary.number,
            capacity=_capacity(claims),
            model=f"{summary.publisher}/{summary.model}",
            at=summary.accepted_at,
        ),
        "withdrawn": (SimpleNamespace(at=summary.withdrawn_at, entry=None) if summary.withdrawn_at else None),
        "policies": [
            SimpleNamespace(title=policy["title"], sha256=policy["sha256"])
            for policy in claims["license"]["policies"]
        ],
        "acts": SimpleNamespace(
            said=act_text(claims["act"].get("texts", 1)).sentence,
            button_label=claims["act"]["button"] or claims["act"]["typed_sentence"],
            name_said=_name_said(claims["act"].get("typed_name")),
        ),
        "times": SimpleNamespace(
            presented_at=parse_iso(claims["times"]["presented"]),
            end_reached_at=parse_iso(end) if end else None,
            accepted_at=summary.accepted_at,
            clock=claims["times"].get("synchronisation", ClockState.NOT_KNOWN.value),
        ),
        "person": _person(claims),
        "answers": _answers(claims),
        "answers_digest": claims["gate"]["answers"],
        "form_version": f"{claims['gate']['number']}",
        "scope": SimpleNamespace(
            model=f"{summary.publisher}/{summary.model}",
            model_url=f"/{summary.publisher}/{summary.model}",
            commit=claims["scope"]["release"] or "",
            manifest_digest=claims["scope"]["manifest"] or "",
        ),
        "grade": SimpleNamespace(letter=summary.grade.value, said=_GRADES[summary.grade]),
    }


def _name_said(compared: Any) -> str | None:
    """Return what the statement says about the typed name; nothing in one that was made before it said it."""
    if compared is None:
        return None
    if compared["matches"] is None:
        return "no name was typed before to compare with"
    return f"{'one of the' if compared['matches'] else 'differs from the'} names typed before"


def _copies(happened: Mapping[CopyEvent, datetime]) -> Sequence[SimpleNamespace]:
    words = {
        CopyEvent.LETTER_SENT: "letter about it given to the mail server",
        CopyEvent.LETTER_FAILED: "letter about it could not be sent",
        CopyEvent.FETCHED: "receipt first downloaded",
    }
    return [
        SimpleNamespace(said=words[event], at=happened[event]) for event in CopyEvent if event in happened
    ]


def _entry(proof: ledger.EntryProof | None) -> SimpleNamespace | None:
    if proof is None:
        return None
    return SimpleNamespace(
        index=proof.index,
        size=proof.checkpoint.size,
        url=f"/log/{proof.index}",
        leaf_hash=proof.leaf_hash.hex(),
    )


def may_see(session: Session, summary: AcceptanceSummary, visit: Visit) -> bool:
    """Whether this visitor may see the record: the acceptor, or who may read the publisher's records."""
    principal = visit.principal
    if principal.person_id is None:
        return False
    if principal.person_id == summary.person_id:
        return True
    return _may_read_records(session, summary, visit)


def _may_read_records(session: Session, summary: AcceptanceSummary, visit: Visit) -> bool:
    allowed = catalog.authorise(session, summary.publisher, Command.READ_RECORDS, principal=visit.principal)
    return not isinstance(allowed, Refusal)


def _downloads(session: Session, summary: AcceptanceSummary, visit: Visit) -> Link | None:
    """Return where the publisher's people find what was handed out under the acceptance."""
    if not _may_read_records(session, summary, visit):
        return None
    url = f"/manage/{quote(summary.publisher)}/downloads?receipt={summary.id}"
    return Link(label="Downloads under it", url=url)


def verification_steps(
    session: Session,
    statement: str,
    disclosures: Sequence[str],
    text: bytes,
    policies: Sequence[licenses.Policy],
    proof: ledger.EntryProof | None,
) -> Sequence[Check]:
    """Return the checks that anybody holding the receipt can repeat offline, made now on what is stored."""
    claims: Any = read_payload(statement)
    steps = []
    try:
        verified = ledger.verify_jws(statement, ledger.list_published_keys(session))
        signed = Check(
            tone=Tone.OK,
            verdict="The statement is signed by this registry",
            detail=f"key {verified.key.kid[:12]}…",
        )
    except ledger.SignatureMismatch:
        signed = Check(tone=Tone.STOP, verdict="The signature of the statement does not fit")
    steps.append(signed)
    stated = hidden_digests(claims)
    fitting = all(digest(item) in stated for item in disclosures)
    steps.append(
        Check(
            tone=Tone.OK if fitting else Tone.STOP,
            verdict=(
                f"{len(disclosures)} disclosed details belong to the statement"
                if fitting
                else "A disclosed detail does not belong to the statement"
            ),
        )
    )
    steps.extend(_text_steps(claims["license"], text, policies))
    if proof is None:
        steps.append(
            Check(
                tone=Tone.WAIT,
                verdict="The log publishes the entry within a second",
                detail="Load the page again",
            )
        )
    else:
        steps.append(
            Check(
                tone=Tone.OK,
                verdict=f"The log holds the statement as entry {proof.index:,} of {proof.checkpoint.size:,}",
                detail="inclusion proof under a signed checkpoint",
                at=proof.checkpoint.signed_at,
            )
        )
    return steps


def _text_steps(signed: Any, text: bytes, policies: Sequence[licenses.Policy]) -> Sequence[Check]:
    same = licenses.exact_digest(text) == signed["sha256"]
    steps = [
        Check(
            tone=Tone.OK if same else Tone.STOP,
            verdict="The license text is the one in the statement" if same else "The license text differs",
        )
    ]
    if not policies and not signed["policies"]:
        return steps
    digests = [
        licenses.exact_digest(policy.text) if policy.text is not None else policy.sha256
        for policy in policies
    ]
    fitting = digests == [policy["sha256"] for policy in signed["policies"]]
    steps.append(
        Check(
            tone=Tone.OK if fitting else Tone.STOP,
            verdict=(
                f"{len(digests)} text(s) included by reference are those in the statement"
                if fitting
                else "A text included by reference differs"
            ),
        )
    )
    return steps


def _find_goal(session: Session, summary: AcceptanceSummary, visit: Visit, act: JustNow | None) -> str:
    """Return the model that whoever accepted wants: the one they came from, if there is such a one."""
    publisher, _, name = (act.towards if act else "").partition("/")
    found = catalog.find_model(session, publisher=publisher, name=name, principal=visit.principal)
    return f"{summary.publisher}/{summary.model}" if isinstance(found, Refusal) else found.repo_id


def _new_notice(towards: str, act: JustNow) -> Notice:
    many = bool(act.also)
    return Notice(
        tone=Tone.OK,
        title=f"Your {len(act.also) + 1} acceptances are recorded" if many else "Your acceptance is recorded",
        text=(
            f"Go on to {towards}. Save the receipt{'s' if many else ''}: "
            f"{'each' if many else 'it'} proves what you accepted, also without this registry."
        ),
    )


def _list_also(session: Session, act: JustNow, visit: Visit) -> Sequence[Link]:
    """Return the receipts of the same act, as far as they are the visitor's own."""
    found = [service.get_acceptance(session, one) for one in act.also[:TEXTS_MAX_AT_ONCE]]
    return [
        Link(
            label=f"{one.title} {one.number}, for {one.publisher}/{one.model}",
            url=f"/records/{one.id}",
        )
        for one in found
        if one is not None and one.person_id == visit.principal.person_id
    ]


def _person(claims: Any) -> SimpleNamespace | None:
    if "email" not in claims:
        return None
    identity = claims["identity"]
    auth_time, provider = identity["auth_time"], identity["provider"]
    return SimpleNamespace(
        label=claims["email"],
        how=how_signed_in(identity["amr"], None if provider == claims["iss"] else provider),
        sign_in_at=parse_iso(auth_time) if auth_time else None,
    )


def _answers(claims: Any) -> Sequence[object]:
    return [SimpleNamespace(label=name, value=str(value)) for name, value in claims[ANSWERS].items()]


def _capacity(claims: Any) -> str:
    """Return for whom the person accepted."""
    organisation = claims["capacity"].get("organisation")
    if organisation is None:
        return "for themself"
    title = claims.get("officer_title")
    return f"for {organisation['name']}" + (f", as {title}" if title else "")


def _qr(address: str) -> SimpleNamespace:
    """Return the QR code of an address: the lines of its dark cells, with a quiet zone of four (ISO/IEC 18004)."""
    matrix = segno.make(address, error="m", micro=False).matrix
    cells = [(x + 4, y + 4.5) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark]
    return SimpleNamespace(size=len(matrix) + 8, path="".join(f"M{x} {y}h1" for x, y in cells))


def _kid(statement: str) -> str:
    header: dict[str, str] = json.loads(decode(statement.split(".", maxsplit=1)[0]))
    return header["kid"]


def _withdraw_form(summary: AcceptanceSummary) -> SimpleNamespace:
    return SimpleNamespace(
        post_url=f"/records/{summary.id}/withdraw",
        consequences=[
            f"Your right to download {summary.publisher}/{summary.model} ends at once.",
            "The acceptance, its receipt and the withdrawal stay on record.",
            "What the license says about files you already have is not changed by this.",
        ],
    )
