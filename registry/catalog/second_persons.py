"""Two persons for a change class that asks nobody again: who may be the second one, and their word.

A version of class `editorial` or `compatible` is required by no gate before a second person has confirmed its class.
That may be whoever maintains a publisher together with who published it, whoever published a version of the license
themself, or an operator. Whoever merely uses the license has no say: anybody can make a publisher that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import identity, licenses
from registry.catalog import gates, reading, refusals, store
from registry.catalog.domain import Command, may
from registry.catalog.forms import is_clean_text
from registry.identity.domain import Principal, not_signed_in
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses import Outcome, Proposal, Verdict, Version, second_person_path
from registry.licenses.domain import REASON_MAX_CHARACTERS

TOLD_MOST = 200
"""Second persons who are told of a version; those nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a second person says."""

    outcome: Outcome
    compared_with: str
    """The number of the version beside which they saw the text."""
    reason: str = ""
    """Of an objection; everybody reads it."""


def answer(
    session: Session, *, slug: str, number: str, said: Answer, principal: Principal, now: datetime
) -> Verdict | Refusal:
    """Record the word of a second person with a fresh sign-in; it settles the version's class for good."""
    proposal = licenses.find_proposal(session, slug, number)
    if isinstance(proposal, Refusal):
        return proposal
    refusal = judge_person(session, proposal.version, principal=principal, now=now)
    if refusal is not None or principal.person_id is None:
        return refusal or not_signed_in(second_person_path(proposal.version))
    reason = " ".join(said.reason.split())
    objects = said.outcome is Outcome.OBJECTED
    if objects and not (0 < len(reason) <= REASON_MAX_CHARACTERS and is_clean_text(reason)):
        errors = {"reason": f"why the class does not fit, in at most {REASON_MAX_CHARACTERS} characters"}
        return refusals.malformed("The objection needs a reason", errors)
    return licenses.judge_class(
        session,
        proposal.version,
        outcome=said.outcome,
        compared_with=said.compared_with,
        reason=reason if objects else None,
        by=principal.person_id,
        now=now,
    )


def judge_person(
    session: Session, version: Version, *, principal: Principal, now: datetime
) -> Refusal | None:
    """Return why this is no second person for the version, or has to sign in again; None if they may decide."""
    if principal.person_id is None:
        return not_signed_in(second_person_path(version))
    if principal.person_id == version.published_by:
        return _same_person(version)
    if not principal.is_operator and principal.person_id not in _list_near(session, version):
        return _no_second_person(version)
    return None if gates.is_fresh(principal, now) else _fresh_sign_in_needed(version)


def list_second_persons(session: Session, version: Version) -> Sequence[UUID]:
    """Return who may be the second person, the nearest first, as many as are told."""
    people = dict.fromkeys([*identity.list_operators(session), *_list_near(session, version)])
    return [person for person in people if person != version.published_by][:TOLD_MOST]


def find_proposal(session: Session, version_id: UUID) -> Proposal:
    """Return a version of which people are to be told."""
    return licenses.open_proposal(session, licenses.get_version_by_id(session, version_id))


def _list_near(session: Session, version: Version) -> Sequence[UUID]:
    """Return who maintains a publisher together with the proposer, and who published versions of the license."""
    if version.published_by is None:
        return []
    publishers = {
        role.publisher_id: None
        for role in store.list_roles_of_person(session, person_id=version.published_by)
        if may(role.role, Command.CHANGE_GATE)
    }
    colleagues = [
        person
        for publisher_id in publishers
        for person in reading.list_people_who_may(
            session, publisher_id=publisher_id, command=Command.CHANGE_GATE
        )
    ]
    return list(dict.fromkeys([*colleagues, *licenses.list_version_publishers(session, version.license_id)]))


def _same_person(version: Version) -> Refusal:
    return Refusal(
        code="second-person-same",
        status=403,
        title=f"You published {version.name} yourself",
        detail=f"It is called {version.change_class.value} by you; a second person has to say so too. Nothing was changed.",
        remedy=Remedy(
            text="Ask a maintainer of your publisher or an operator, or publish it as material under a new number",
            url=second_person_path(version),
        ),
        decider="Maintainers of your publisher, others who published the license, or the operators",
        since=version.published_at,
    )


def _no_second_person(version: Version) -> Refusal:
    return Refusal(
        code="second-person-not-entitled",
        status=403,
        title=f"You cannot be the second person for {version.name}",
        detail=(
            "That is somebody who maintains a publisher together with who published it, who published a version of "
            "the license, or an operator. Nothing was changed."
        ),
        remedy=Remedy(text="Leave it to them; reading needs no right", url=version.path),
        decider="They do",
        since=version.published_at,
    )


def _fresh_sign_in_needed(version: Version) -> Refusal:
    path = second_person_path(version)
    return replace(
        refusals.fresh_sign_in_needed(),
        title="Confirming a change class takes a fresh sign-in",
        remedy=Remedy(text="Sign in again, then decide", url=f"/sign-in?next={path}"),
        detail="A second person decides in a browser, not long after having signed in.",
    )
