"""Which license versions a gate may require: agreed on, in force, and whole with every text that they include (P3)."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from registry import licenses
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses.domain import Policy, SecondPerson, Version

_YOU = "You do; no review follows"


def check_requirable(session: Session, versions: Sequence[Version], *, now: datetime) -> Refusal | None:
    """Return why a gate may not ask anybody to accept these versions now; None if it may."""
    for version in versions:
        refusal = _judge_class(session, version) or judge_requirable(
            version, licenses.list_policies(session, version.id), now=now
        )
        if refusal is not None:
            return refusal
    return None


def _judge_class(session: Session, version: Version) -> Refusal | None:
    """Return why the change class of a version does not count yet, or will not."""
    if not version.asks_second:
        return None
    proposal = licenses.open_proposal(session, version)
    if proposal.second.stands:
        return None
    waits = proposal.second is SecondPerson.WAITS
    said = {
        SecondPerson.OBJECTED: "a second person objected to it",
        SecondPerson.OVERTAKEN: "a later version was confirmed before it",
    }.get(proposal.second, "a second person has to confirm it first")
    return Refusal(
        code="license-class-not-confirmed",
        status=409,
        title=f"{version.name} {'waits for a second person' if waits else 'cannot be required'}",
        detail=f"It was published as {version.change_class.value}, so that nobody is asked again; {said}",
        remedy=Remedy(
            text="Ask a second person to confirm it, or require an earlier version until then"
            if waits
            else "Require another version of it",
            url=licenses.second_person_path(version) if waits else f"/licenses/{version.slug}",
        ),
        decider="Somebody who maintains a publisher together with who published it, others who published the "
        "license, or the operators"
        if waits
        else _YOU,
        since=proposal.verdict.given_at if proposal.verdict else version.published_at,
        errors={"licenses": f"{version.reference}: {said}"},
    )


def judge_requirable(version: Version, policies: Sequence[Policy], *, now: datetime) -> Refusal | None:
    """Return why nobody can be asked to accept this version now; None if they can."""
    if version.effective_at > now:
        return _not_in_force(version)
    loose = [policy.title for policy in policies if policy.sha256 is None]
    return _not_pinned(version, loose) if loose else None


def _not_in_force(version: Version) -> Refusal:
    since = iso(version.effective_at)
    return Refusal(
        code="license-not-in-force",
        status=409,
        title=f"{version.name} is not in force yet",
        detail=f"version {version.number} takes effect at {since}; nobody can be asked to accept it before",
        remedy=Remedy(text=f"Require it from {since} on, or an earlier version until then", url=version.path),
        decider=_YOU,
        errors={"licenses": f"{version.reference} can be required from {since} on"},
    )


def _not_pinned(version: Version, titles: Sequence[str]) -> Refusal:
    named = ", ".join(titles)
    return Refusal(
        code="license-policy-not-pinned",
        status=409,
        title=f"{version.name} includes a text that nobody can hold fast",
        detail=f"included only by address: {named}. What stands there can change, so no acceptance could bind it",
        remedy=Remedy(
            text="Publish a version with the text or the SHA-256 of each included policy, and require that one",
            url=f"/licenses/{version.slug}",
        ),
        decider=_YOU,
        errors={"licenses": f"{version.reference} includes {named} without text or digest"},
    )
