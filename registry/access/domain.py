"""The one decision: may this principal have the files of this release, and if not, what is missing.

`decide` is a pure function of `Facts`. Pages, lists, the JSON API, the Hub-compatible routes, link issuance
and the command line all show or act on what it returns; nothing else grants anything (P1).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

from registry.access import refusals
from registry.access.account_refusals import account_without_license
from registry.access.single_facts import BlockFact, Earlier, GrantFact, RequestFact, Requirement, UpdateFact
from registry.access.transitions import STATE_WORDS
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import NONE, Checked, Prerequisites, Seen, check, refuse
from registry.identity.domain import ActingAccount, Channel, Principal, Scope
from registry.identity.restriction_domain import use_restricted
from registry.identity.standing_domain import NOTHING_KNOWN, Standing
from registry.kernel.outcomes import Refusal, Remedy
from registry.licenses.domain import Changes

OPEN_PATHS = frozenset({"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"})
"""Readable without acceptance, as on the Hub: exactly these names, at the root, and only as small text."""


class ReasonCode(StrEnum):
    """What a decision looked at, in the order it is evaluated and explained."""

    UNRESTRICTED = "use-unrestricted"
    """Only looked at where it is not met: the person's data may only be stored."""
    NOT_BLOCKED = "not-blocked"
    RELEASE = "release-current"
    SIGNED_IN = "signed-in"
    SCOPE = "scope"
    GATE_OPEN = "gate-open"
    PREREQUISITE = "prerequisite-met"
    """One reason for each thing that the gate asks for beforehand."""
    LICENSE = "license-accepted"
    REVIEW = "review-passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision depends on, gathered at one moment."""

    principal: Principal
    model_id: UUID
    publisher: str
    model: str
    mode: GateMode
    requirements: tuple[Requirement, ...]
    prerequisites: Prerequisites = NONE
    """What the model's own gate asks for beforehand."""
    standing: Standing = NOTHING_KNOWN
    """Only gathered where the gate has prerequisites."""
    block: BlockFact | None = None
    update: UpdateFact | None = None
    """Only where one release is asked for, and it is marked."""
    grant: GrantFact | None = None
    """Only a gate of mode `manual` looks at it."""
    request: RequestFact | None = None
    """Only gathered to explain a refusal."""
    contact: str = ""
    restricted_at: datetime | None = None
    """Since when what is kept about the person, whose acceptances count, may only be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that the decision looked at."""

    code: ReasonCode
    met: bool
    title: str
    detail: str = ""
    since: datetime | None = None
    acceptance_id: UUID | None = None
    """The fact that meets it: a standing acceptance."""
    grant_id: UUID | None = None
    """The fact that meets it: a grant that stands."""
    until: datetime | None = None
    """Met until then, no longer."""
    changes: Changes | None = None
    """Of a license: what changed since the text that is known already."""
    inherited_from: str | None = None
    """The base whose gate asks for it, empty where that is private; None: the model's own gate."""
    decider: str = "You do"
    """Who can change it."""
    remedy: Remedy | None = None
    """What to do about it and where, where the refusal of the whole does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The right to a URL, with the acceptances it rests on."""

    principal: Principal
    model_id: UUID
    acceptance_ids: tuple[UUID, ...]
    grant_id: UUID | None = None
    reaccept_by: datetime | None = None
    """Access goes on until then by an acceptance of earlier terms; the new ones are to be accepted before."""
    update: UpdateFact | None = None
    """The release is to be given up until then, and handed out no longer."""
    reasons: tuple[Reason, ...]

    @property
    def ends(self) -> tuple[datetime, ...]:
        """When it ends unless something is done before."""
        update_by = self.update.update_by if self.update else None
        return tuple(one for one in (self.reaccept_by, update_by) if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """No right; says what is missing and what to do (P10)."""

    refusal: Refusal
    reasons: tuple[Reason, ...]


def decide(facts: Facts) -> Permit | Denial:
    """Return a permit only if every reason is met; otherwise the first unmet one as the refusal.

    Monotone: taking away an acceptance, adding a requirement or a block never turns a denial into a permit.
    """
    open_to_all = facts.mode is GateMode.AUTO and not facts.requirements and facts.prerequisites == NONE
    reasons = _reasons(facts, open_to_all=open_to_all)
    for reason in reasons:
        if not reason.met:
            return Denial(refusal=_refuse(reason, facts), reasons=reasons)
    return Permit(
        principal=facts.principal,
        model_id=facts.model_id,
        acceptance_ids=tuple(
            requirement.acceptance_id
            for requirement in facts.requirements
            if requirement.acceptance_id is not None
        ),
        reaccept_by=min((one.reaccept_by for one in facts.requirements if one.reaccept_by), default=None),
        grant_id=facts.grant.id if facts.grant and facts.mode is GateMode.MANUAL else None,
        update=facts.update,
        reasons=reasons,
    )


def _reasons(facts: Facts, *, open_to_all: bool) -> tuple[Reason, ...]:
    reasons = _bars(facts)
    principal = facts.principal
    if facts.update is not None:
        reasons.append(_release_reason(facts.update, facts))
    account = principal.account
    signed_in = principal.person_id is not None or account is not None
    if signed_in or not open_to_all:
        known = f"Service account {account.name}" if account else "Signed in"
        reasons.append(
            Reason(
                code=ReasonCode.SIGNED_IN,
                met=signed_in,
                title=known if signed_in else "You are not signed in",
            )
        )
    if principal.channel is Channel.TOKEN:
        reads = principal.may(Scope.READ)
        reasons.append(
            Reason(
                code=ReasonCode.SCOPE,
                met=reads,
                title="The token may read" if reads else "The token lacks the scope read",
            )
        )
    if facts.mode is GateMode.CLOSED:
        reasons.append(
            Reason(
                code=ReasonCode.GATE_OPEN,
                met=False,
                title="The publisher has closed this gate",
                decider=_maintainers(facts),
            )
        )
    if signed_in:
        reasons.extend(_prerequisite_reason(one, facts) for one in _checked(facts))
    reasons.extend(_traced(_license_reason(one, facts), one) for one in facts.requirements)
    if facts.mode is GateMode.MANUAL:
        reasons.append(_review_reason(facts))
    return tuple(reasons)


def _bars(facts: Facts) -> list[Reason]:
    """Return what keeps this person out, whatever they have accepted."""
    reasons = []
    if facts.restricted_at is not None:
        reasons.append(
            Reason(
                code=ReasonCode.UNRESTRICTED,
                met=False,
                title="The use of your data is restricted",
                detail="What is kept about you may only be stored.",
                since=facts.restricted_at,
                decider=_oneself(facts.principal),
            )
        )
    if facts.block is not None:
        reasons.append(
            Reason(
                code=ReasonCode.NOT_BLOCKED,
                met=False,
                title="Access is blocked",
                detail=facts.block.reason,
                since=facts.block.since,
                until=facts.block.until,
                decider=_maintainers(facts),
            )
        )
    return reasons


def _release_reason(update: UpdateFact, facts: Facts) -> Reason:
    return Reason(
        code=ReasonCode.RELEASE,
        met=not update.is_due,
        title=f"To be given up by {update.update_by:%-d %B %Y}",
        detail=f"Use release {update.replacement} instead. Reason given: {update.reason}",
        since=update.since,
        until=None if update.is_due else update.update_by,
        decider=_maintainers(facts),
    )


def _checked(facts: Facts) -> tuple[Checked, ...]:
    repo = f"{facts.publisher}/{facts.model}"
    return check(facts.prerequisites, Seen.of(facts.principal, facts.standing, repo, facts.contact))


def _prerequisite_reason(one: Checked, facts: Facts) -> Reason:
    return Reason(
        code=ReasonCode.PREREQUISITE,
        met=one.met,
        title=one.title,
        detail=one.detail,
        since=one.since,
        decider=_maintainers(facts) if one.refuses else _oneself(facts.principal),
        remedy=one.remedy,
    )


def _oneself(principal: Principal) -> str:
    return "Its sponsor" if principal.account else "You do"


def _accepter(facts: Facts) -> str:
    """Return who decides when a license is to be accepted, and whether anybody does after it."""
    if facts.mode is GateMode.MANUAL and facts.grant is None:
        return f"You do; then the reviewers of {facts.publisher}"
    return "You do; no review follows"


def _maintainers(facts: Facts) -> str:
    return f"The maintainers of {facts.publisher}"


def _review_reason(facts: Facts) -> Reason:
    reviewers = f"The reviewers of {facts.publisher}"
    if facts.grant is not None:
        return Reason(
            code=ReasonCode.REVIEW,
            met=True,
            title="Request approved",
            detail=f"Until {facts.grant.ends_at:%-d %B %Y}." if facts.grant.ends_at else "",
            since=facts.grant.granted_at,
            grant_id=facts.grant.id,
            until=facts.grant.ends_at,
            decider=reviewers,
        )
    request = facts.request
    title, since = "Access not asked for yet", None
    if request is not None and request.grant_ended_at is not None:
        title, since = "The access has expired", request.grant_ended_at
    elif request is not None:
        title, since = f"Request: {STATE_WORDS[request.state].lower()}", request.since
    return Reason(code=ReasonCode.REVIEW, met=False, title=title, since=since, decider=reviewers)


def _traced(reason: Reason, requirement: Requirement) -> Reason:
    """Return the reason with what changed, and where the license comes from, if not from the model's own gate."""
    if requirement.earlier is not None:
        reason = replace(reason, changes=requirement.earlier.changes)
    if requirement.source is None:
        return reason
    said = f"It comes with the base {requirement.source or 'of this model, which is not public'}."
    return replace(reason, detail=f"{said} {reason.detail}".rstrip(), inherited_from=requirement.source)


def _license_reason(requirement: Requirement, facts: Facts) -> Reason:
    name = f"{requirement.title} {requirement.number}"
    if facts.principal.account is not None:
        return _account_reason(requirement, facts.principal.account, name)
    if requirement.is_cover or requirement.to_acknowledge:
        until, asks = requirement.reaccept_by, requirement.to_acknowledge is not None
        return Reason(
            code=ReasonCode.LICENSE,
            met=requirement.acceptance_id is not None,
            title=f"{name} accepted by your organisation{', to be acknowledged by you' if asks else ''}",
            detail=refusals.covers_until(until, asks=asks) if until else "",
            acceptance_id=requirement.acceptance_id,
            until=until,
            decider="You do" if asks else "The officers of your organisation",
            remedy=refusals.acknowledge(f"/{facts.publisher}/{facts.model}", name) if asks else None,
        )
    if requirement.acceptance_id is not None and requirement.reaccept_by is not None:
        return Reason(
            code=ReasonCode.LICENSE,
            met=True,
            title=f"{name} to be accepted by {requirement.reaccept_by:%-d %B %Y}",
            detail="You accepted earlier terms; until then they suffice, after it they do not.",
            since=requirement.accepted_at,
            acceptance_id=requirement.acceptance_id,
            until=requirement.reaccept_by,
        )
    if requirement.acceptance_id is not None:
        return Reason(
            code=ReasonCode.LICENSE,
            met=True,
            title=f"{name} accepted",
            since=requirement.accepted_at,
            acceptance_id=requirement.acceptance_id,
        )
    past = _find_past(requirement)
    if past is None:
        return Reason(code=ReasonCode.LICENSE, met=False, title=f"{name} not accepted yet")
    return Reason(
        code=ReasonCode.LICENSE,
        met=False,
        title=f"{name} not accepted {'any more' if past.withdrawn_at else 'yet'}",
        detail=past.said,
        since=past.withdrawn_at or past.accepted_at,
    )


def _account_reason(requirement: Requirement, account: ActingAccount, name: str) -> Reason:
    """Return how a service account stands: by its organisation's acceptance, or by its sponsor's."""
    officers = account.organisation_id is not None
    met, until = requirement.acceptance_id is not None, requirement.reaccept_by
    by = "its organisation" if officers else "its sponsor"
    return Reason(
        code=ReasonCode.LICENSE,
        met=met,
        title=f"{name} {'accepted' if met else 'not accepted'} by {by}",
        detail=f"It counts until {until:%-d %B %Y}." if until else "",
        since=requirement.accepted_at,
        acceptance_id=requirement.acceptance_id,
        until=until,
        decider="The officers of its organisation" if officers else "Its sponsor",
    )


def _find_past(requirement: Requirement) -> Earlier | None:
    """Return what was accepted before at the model's own gate, which says nothing about a base's."""
    return requirement.earlier if requirement.source is None else None


def _refuse(reason: Reason, facts: Facts) -> Refusal:
    repo = f"{facts.publisher}/{facts.model}"
    if reason.code is ReasonCode.UNRESTRICTED and reason.since is not None:
        return use_restricted(reason.since, nothing="No file was sent.", decider=reason.decider)
    if reason.code is ReasonCode.NOT_BLOCKED and facts.block is not None:
        block, maintainers = facts.block, _maintainers(facts)
        return refusals.blocked(
            repo, block.reason, since=block.since, until=block.until, ask=_contact(facts), decider=maintainers
        )
    if reason.code is ReasonCode.RELEASE and facts.update is not None:
        return refusals.update_required(repo, facts.update, decider=_maintainers(facts))
    if reason.code is ReasonCode.SIGNED_IN:
        return refusals.sign_in_needed(repo, f"/{repo}/accept", decider=_accepter(facts))
    if reason.code is ReasonCode.SCOPE:
        return refusals.read_scope_missing()
    if reason.code is ReasonCode.GATE_OPEN:
        return refusals.gate_closed(repo, ask=_contact(facts), decider=_maintainers(facts))
    if reason.code is ReasonCode.PREREQUISITE:
        checked = _checked(facts)
        unmet = next(one for one in checked if not one.met)
        return refuse(unmet, checked, decider=_maintainers(facts))
    if reason.code is ReasonCode.REVIEW:
        account, request = facts.principal.account, facts.request
        return refusals.not_approved(repo, facts.publisher, account, request, since=reason.since)
    return _refuse_license(reason, facts)


def _refuse_license(reason: Reason, facts: Facts) -> Refusal:
    missing, *others = (item for item in facts.requirements if item.acceptance_id is None)
    past = _find_past(missing)
    name = f"{missing.title} {missing.number}"
    code, title = "license-not-accepted", f"You have not accepted {name}"
    detail = "No file was sent."
    model = f"/{facts.publisher}/{facts.model}"
    if missing.to_acknowledge is not None:
        return refusals.cover_not_acknowledged(model, name, decider=_accepter(facts))
    url = f"{model}/accept?license={quote(missing.slug)}@{quote(missing.number)}"
    text = f"Read {name} and accept it in a browser"
    if past is not None and past.withdrawn_at is not None and not past.is_cover:
        code, title = "acceptance-withdrawn", f"You withdrew your acceptance of {missing.title}"
        detail = "No file was sent. The record of the acceptance and its withdrawal stays."
        text = f"Read {name} and accept it again, if you want to"
    elif past is not None and past.is_unsigned:
        code, title = "own-signature-required", f"{name} is to be signed with a key of your own"
        detail = "No file was sent. Your acceptance has no signature of your own, which this gate asks for."
        text = f"Sign {name} with a passkey there, or run gatehouse accept{model.replace('/', ' ', 1)}"
    elif past is not None and past.withdrawn_at is None:
        who = "your organisation" if past.is_cover else "you"
        code, title = "acceptance-outdated", f"{name} is needed; {who} accepted {past.number}"
        detail = f"No file was sent. The earlier acceptance is unchanged.{past.said_changes}"
        text = f"Read what changed, then accept {missing.number}"
    if facts.principal.account is not None and missing.source != "":
        return account_without_license(facts.principal.account, name=name, url=url)
    if missing.source is not None:
        detail = f"No file was sent. {reason.detail}"
    if others := [item for item in others if item.to_acknowledge is None]:
        text = f"Read the {len(others) + 1} licenses and accept them on one page"
    if missing.source == "":
        text, url = _contact(facts), model
    return Refusal(
        code=code,
        status=403,
        title=title,
        detail=detail,
        remedy=Remedy(text=text, url=url),
        decider=_maintainers(facts) if missing.source == "" else _accepter(facts),
        since=reason.since,
    )


def _contact(facts: Facts) -> str:
    return f"Write to {facts.contact}" if facts.contact else f"Ask the maintainers of {facts.publisher}"
