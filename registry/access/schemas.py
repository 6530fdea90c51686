"""Decisions as they go over the wire."""

import msgspec

from registry.access.domain import Denial, Permit, Reason
from registry.kernel.clock import iso
from registry.kernel.problems import absolute


class RemedyOut(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and where."""

    text: str
    url: str | None


class ReasonOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the decision looked at."""

    code: str
    met: bool
    title: str
    detail: str
    since: str | None


class AccessOut(msgspec.Struct, frozen=True, kw_only=True):
    """The decision about the caller; `code` and `title` name the first thing that is missing."""

    permitted: bool
    code: str
    title: str
    detail: str
    remedy: RemedyOut | None
    decider: str | None
    since: str | None
    until: str | None
    reasons: list[ReasonOut]


def access_out(verdict: Permit | Denial, base_url: str) -> AccessOut:
    """Return the decision as the API shows it."""
    reasons = [_reason(reason) for reason in verdict.reasons]
    if isinstance(verdict, Permit):
        return AccessOut(
            permitted=True,
            code="permitted",
            title="You may download",
            detail="Every file of the release is yours to fetch.",
            remedy=None,
            decider=None,
            since=None,
            until=None,
            reasons=reasons,
        )
    refusal = verdict.refusal
    remedy = refusal.remedy
    return AccessOut(
        permitted=False,
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        remedy=RemedyOut(text=remedy.text, url=absolute(remedy.url, base_url)) if remedy else None,
        decider=refusal.decider,
        since=iso(refusal.since) if refusal.since else None,
        until=iso(refusal.until) if refusal.until else None,
        reasons=reasons,
    )


def _reason(reason: Reason) -> ReasonOut:
    return ReasonOut(
        code=reason.code.value,
        met=reason.met,
        title=reason.title,
        detail=reason.detail,
        since=iso(reason.since) if reason.since else None,
    )
