"""A second person's word on the change class of a version: what they see beside it, and the fact it becomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import ledger
from registry.kernel import outbox
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses import service, store
from registry.licenses.domain import (
    CLASS_JUDGED,
    VERDICT_KIND,
    Outcome,
    Policy,
    SecondPerson,
    Terms,
    Verdict,
    Version,
    VersionSummary,
    standing_before,
)
from registry.licenses.known import describe_restriction
from registry.licenses.leaves import verdict_leaf


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Of which version people are to be told; what the outbox carries."""

    version: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A version, and where the confirmation of its change class stands."""

    version: Version
    second: SecondPerson
    compared: Version | None
    """The latest version before it that stands; None of a first version."""
    verdict: Verdict | None
    versions: Sequence[VersionSummary]
    """All versions of the license, in order."""
    policies: Sequence[tuple[Policy | None, Policy | None]]
    """Included texts that differ: before and after, None where there is none."""
    terms_said: Sequence[str]
    """What else is not as in the compared version, in sentences: included texts and use restrictions."""


def find_proposal(session: Session, slug: str, number: str) -> Proposal | Refusal:
    """Return the version with what a second person has to look at."""
    version = service.get_version(session, slug, number)
    return version if isinstance(version, Refusal) else open_proposal(session, version)


def open_proposal(session: Session, version: Version) -> Proposal:
    """Return a version with what a second person has to look at."""
    versions = store.list_versions(session, version.slug)
    before = standing_before(versions, version.ordinal)
    terms = store.terms_of(session, version.id)
    earlier = store.terms_of(session, before.id) if before else terms
    policies = _pair_policies(earlier, terms)
    return Proposal(
        version=version,
        second=next(one.second for one in versions if one.id == version.id),
        compared=service.get_version_by_id(session, before.id) if before else None,
        verdict=store.find_verdict(session, version.id),
        versions=versions,
        policies=policies,
        terms_said=[*_say_policies(policies), *_say_restrictions(earlier, terms)],
    )


def _pair_policies(old: Terms, new: Terms) -> list[tuple[Policy | None, Policy | None]]:
    gone = [policy for policy in old.policies if policy not in new.policies]
    pairs: list[tuple[Policy | None, Policy | None]] = []
    for policy in new.policies:
        if policy in old.policies:
            continue
        before = next((one for one in gone if one.title == policy.title), None)
        if before is not None:
            gone.remove(before)
        pairs.append((before, policy))
    return [*pairs, *((policy, None) for policy in gone)]


def _say_policies(pairs: Sequence[tuple[Policy | None, Policy | None]]) -> list[str]:
    said = []
    for before, after in pairs:
        if before and after:
            said.append(f"The included text “{after.title}” is another")
        elif after:
            said.append(f"It includes a further text: “{after.title}”")
        elif before:
            said.append(f"It does not include “{before.title}” any more")
    return said


def _say_restrictions(old: Terms, new: Terms) -> list[str]:
    before = {one.slug: describe_restriction(one.slug, one.strictness) for one in old.restrictions}
    after = {one.slug: describe_restriction(one.slug, one.strictness) for one in new.restrictions}
    return [
        *(f"It restricts a further use: {said}" for slug, said in after.items() if slug not in before),
        *(f"It does not restrict any more: {said}" for slug, said in before.items() if slug not in after),
        *(
            f"It restricts otherwise: “{said}” instead of “{before[slug]}”"
            for slug, said in after.items()
            if before.get(slug, said) != said
        ),
    ]


def judge(
    session: Session,
    version: Version,
    *,
    outcome: Outcome,
    compared_with: str,
    reason: str | None,
    by: UUID,
    now: datetime,
) -> Verdict | Refusal:
    """Record the word of a second person, who may give it; it is the first and only one.

    `compared_with` is the number of the version beside which they saw it.
    """
    store.lock_license(session, version.license_id)
    proposal = open_proposal(session, version)
    compared = proposal.compared
    if proposal.second is not SecondPerson.WAITS or compared is None:
        return settled(proposal)
    if compared.number != compared_with:
        return _comparison_outdated(version, compared, compared_with)
    given_at = service.whole_milliseconds(now)
    verdict = Verdict(
        version_id=version.id,
        outcome=outcome,
        compared_with=compared.id,
        given_by=by,
        given_at=given_at,
        reason=reason,
        entry_id=UUID(int=0),
    )
    leaf = verdict_leaf(version, compared, verdict)
    verdict = replace(verdict, entry_id=ledger.append(session, kind=VERDICT_KIND, leaf=leaf, now=given_at))
    store.insert_verdict(session, verdict)
    outbox.put(session, CLASS_JUDGED, msgspec.json.encode(Task(version=version.id)), now=now)
    return verdict


def settled(proposal: Proposal) -> Refusal:
    """Return the refusal of a word on a version that does not wait for one."""
    version, verdict = proposal.version, proposal.verdict
    said = {
        SecondPerson.NOT_NEEDED: f"it is {version.change_class.value}, or came with the installation: one person is enough",
        SecondPerson.NOT_ASKED: "it was published before two persons were asked for",
        SecondPerson.CONFIRMED: "it is confirmed already",
        SecondPerson.OBJECTED: "a second person has objected to it already",
        SecondPerson.OVERTAKEN: "a later version was confirmed before it",
        SecondPerson.WAITS: "no version stands before it",
    }[proposal.second]
    return Refusal(
        code="license-class-settled",
        status=409,
        title=f"{version.name} does not wait for a second person",
        detail=f"{said}. Nothing was changed.",
        remedy=Remedy(text="Look at the version", url=version.path),
        decider="Nobody any more; what was said stays",
        since=verdict.given_at if verdict else version.published_at,
    )


def _comparison_outdated(version: Version, compared: Version, seen: str) -> Refusal:
    return Refusal(
        code="license-comparison-outdated",
        status=409,
        title="Another version stands before it by now",
        detail=f"you compared with {seen[:32]}, but acceptances of {compared.number} would come to cover it",
        remedy=Remedy(
            text=f"Look at what changed since {compared.number}, then decide", url=second_person_path(version)
        ),
        decider="You do",
    )


def second_person_path(version: Version) -> str:
    """Return the page on which a second person decides."""
    return f"{version.path}/second-person"


def compare_path(old: Version, new: Version) -> str:
    """Return the page on which two versions of a license stand side by side."""
    return f"/licenses/{new.slug}/compare?{urlencode({'from': old.number, 'to': new.number})}"
