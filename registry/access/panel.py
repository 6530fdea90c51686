"""The verdict of the one decision for this person, in words: the access panel and the badge in lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from registry.access.domain import Denial, Facts, Permit, Reason, ReasonCode
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.prerequisites import NONE
from registry.kernel.page_parts import AccessPanel, Badge, Check, Command, Link, Shape, Tone

_FILES_NOTE = "Each download is recorded with your account."
_ACCEPT_CODES = frozenset({"license-not-accepted", "acceptance-outdated", "acceptance-withdrawn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """How a request that is not approved looks."""

    badge: str
    shape: Shape
    tone: Tone
    title: str
    say: str
    action: str


_ASKED = {
    "review-needed": _Asked(
        badge="Not asked for yet", shape=Shape.TODO, tone=Tone.TODO, title="Opened by review",
        say="The publisher’s reviewers decide about each person. Ask them.", action="Ask for access",
    ),
    "request-not-sent": _Asked(
        badge="Request not sent", shape=Shape.TODO, tone=Tone.TODO, title="Your request is a draft",
        say="Nobody sees it before you send it.", action="Finish and send the request",
    ),
    "awaiting-review": _Asked(
        badge="Waiting for review", shape=Shape.WAITING, tone=Tone.WAIT, title="Waiting for review",
        say="Nothing is left for you to do. You get a mail when it moves on.", action="Look at the request",
    ),
    "changes-requested": _Asked(
        badge="Sent back to you", shape=Shape.WARNING, tone=Tone.WAIT, title="Sent back for changes",
        say="A reviewer asks for something before deciding. What you wrote is kept.",
        action="Read what is asked for",
    ),
    "request-rejected": _Asked(
        badge="Request rejected", shape=Shape.CLOSED, tone=Tone.STOP, title="Your request was rejected",
        say="The request states the reason. You can appeal once, or ask again later.", action="Read the reason",
    ),
    "access-expired": _Asked(
        badge="Access expired", shape=Shape.ENDED, tone=Tone.WAIT, title="Your access has expired",
        say="It was given until a day that has come. That is no blame.", action="Ask for access anew",
    ),
    "access-revoked": _Asked(
        badge="Access revoked", shape=Shape.CLOSED, tone=Tone.STOP, title="Your access was revoked",
        say="Two reviewers ended it. The request states the reason.", action="Read the reason",
    ),
}  # fmt: skip


def gate_badge(mode: GateMode, *, is_open: bool) -> Badge:
    """Return what a gate asks for, for a line of a list."""
    if is_open:
        return Badge(word="Open, no gate", shape=Shape.OPEN)
    if mode is GateMode.AUTO:
        return Badge(word="Accept to download", shape=Shape.OPEN, tone=Tone.OK)
    if mode is GateMode.MANUAL:
        return Badge(word="Accept, then review", shape=Shape.DECIDED, tone=Tone.WAIT)
    return Badge(word="Closed", shape=Shape.CLOSED, tone=Tone.STOP)


def own_badge(verdict: Permit | Denial, facts: Facts) -> Badge | None:
    """Return how this person stands with a model; None where the gate's own badge says it all."""
    asks = facts.requirements or facts.prerequisites != NONE
    if facts.principal.person_id is None or not (asks or isinstance(verdict, Denial)):
        return None
    if isinstance(verdict, Permit) and verdict.reaccept_by is not None:
        word = f"You may download until {verdict.reaccept_by:%-d %B %Y}"
        return Badge(word=word, shape=Shape.TODO, tone=Tone.WAIT)
    if isinstance(verdict, Permit):
        return Badge(word="You may download", shape=Shape.DONE, tone=Tone.OK)
    if verdict.refusal.code == "access-blocked":
        return Badge(word="You are blocked", shape=Shape.CLOSED, tone=Tone.STOP)
    if verdict.refusal.code == "missing-prerequisite":
        return Badge(word="Something is asked first", shape=Shape.TODO, tone=Tone.TODO)
    if verdict.refusal.code == "outside-the-gate":
        return Badge(word="Not for you", shape=Shape.CLOSED, tone=Tone.STOP)
    if verdict.refusal.code in _ACCEPT_CODES:
        return Badge(word="Not accepted yet", shape=Shape.TODO, tone=Tone.TODO)
    asked = _ASKED.get(verdict.refusal.code)
    return Badge(word=asked.badge, shape=asked.shape, tone=asked.tone) if asked else None


def access_panel(
    verdict: Permit | Denial, model: ModelView, *, page: str, base_url: str, label: str | None
) -> AccessPanel:
    """Return the panel of a model's page: state, reasons, at most one thing to do."""
    url = f"/{quote(model.publisher)}/{quote(model.name)}"
    checks = [_check(reason, label) for reason in verdict.reasons]
    if isinstance(verdict, Permit):
        return _permitted(verdict, model, checks, url=url, base_url=base_url)
    refusal = verdict.refusal
    if refusal.code == "sign-in-needed":
        return AccessPanel(
            tone=Tone.PLAIN,
            title="Not signed in",
            say="The card and the license are open to read. To download the weights, accept the license first.",
            checks=checks,
            action=Link(label="Sign in", url=f"/sign-in?next={quote(page, safe='/')}"),
            more=[Link(label="Read the license first", url=f"{url}/license")],
        )
    if refusal.code == "cover-not-acknowledged":
        return _to_acknowledge(verdict, checks, url=url)
    if refusal.code in _ACCEPT_CODES:
        return _to_accept(verdict, model, checks, url=url, base_url=base_url)
    if refusal.code == "missing-prerequisite":
        return _to_bring(verdict, checks)
    if refusal.code in _ASKED:
        return _to_ask(verdict, model, checks, _ASKED[refusal.code], base_url=base_url)
    return AccessPanel(
        tone=Tone.STOP,
        title={
            "gate-closed": "Closed",
            "access-blocked": "You are blocked from this model",
        }.get(refusal.code, refusal.title),
        say=_stopped(verdict),
        checks=checks,
        decider=refusal.decider,
        since=refusal.since,
        until=refusal.until,
        more=[Link(label="What this means", url=f"/problems/{refusal.code}")],
    )


def _permitted(
    verdict: Permit, model: ModelView, checks: Sequence[Check], *, url: str, base_url: str
) -> AccessPanel:
    is_open = not verdict.acceptance_ids and model.gate.is_open()
    until = verdict.reaccept_by
    say, action = None, Link(label="Choose files to download", url=f"{url}/files")
    if is_open:
        say = "Nothing is to be accepted here. The card may still name terms that bind you."
    elif until is not None and any(reason.remedy for reason in verdict.reasons):
        say = f"You may download until {until:%-d %B %Y}; acknowledge what your organisation accepted before, and it goes on."
        action = Link(label="Read and acknowledge", url=f"{url}/acknowledge")
    elif until is not None:
        has_changed = any(reason.changes for reason in verdict.reasons)
        day = f"{until:%-d %B %Y}"
        say = (
            f"The terms have changed. You may download until {day}; accept them before, and it goes on."
            if has_changed
            else f"Your organisation covers you until {day}; accept the license yourself before, and it goes on."
        )
        label = "See what changed, then accept" if has_changed else "Read and accept the license"
        action = Link(label=label, url=f"{url}/accept")
    return AccessPanel(
        tone=Tone.WAIT if until else Tone.OK,
        title="Open to everybody" if is_open else "You may download",
        say=say,
        checks=checks,
        action=action,
        note=None if is_open else _FILES_NOTE,
        commands=[
            Command(
                label="With Gatehouse’s own client",
                text=f"gatehouse pull {model.repo_id} --endpoint {base_url}",
            ),
            Command(
                label="With the Hub’s client, unchanged",
                text=f"HF_ENDPOINT={base_url} hf download {model.repo_id}",
            ),
        ],
        more=[Link(label="Be let in at the Hub too", url=f"{url}/hub")] if model.hub_repository else [],
    )


def _to_accept(
    denial: Denial, model: ModelView, checks: Sequence[Check], *, url: str, base_url: str
) -> AccessPanel:
    refusal = denial.refusal
    missing = [reason for reason in denial.reasons if reason.code is ReasonCode.LICENSE and not reason.met]
    remedy = refusal.remedy
    tone, title, label = Tone.TODO, "License not accepted yet", "Read and accept the license"
    say = "One step is left, and it is yours."
    if refusal.code == "acceptance-outdated":
        tone, title, label = Tone.WAIT, "The license has changed", "See what changed, then accept"
        say = missing[0].detail
    elif refusal.code == "acceptance-withdrawn":
        tone, title = Tone.STOP, "You withdrew your acceptance"
        say = "Nothing can be downloaded. The record of the acceptance and of its withdrawal stays."
    elif len(missing) > 1:
        label = f"Read and accept the {len(missing)} licenses"
        say = f"{len(missing)} licenses are to be accepted; one page takes them all."
    elif any(reason.code is ReasonCode.REVIEW and not reason.met for reason in denial.reasons):
        say = "Accept the license first; then ask for access."
    return AccessPanel(
        tone=tone,
        title=title,
        say=say,
        checks=checks,
        action=Link(label=label, url=(remedy.url if remedy and remedy.url else f"{url}/accept")),
        decider=refusal.decider,
        since=refusal.since,
        commands=[
            Command(
                label="Waits in the terminal until you have accepted",
                text=f"gatehouse pull {model.repo_id} --wait --endpoint {base_url}",
            )
        ],
    )


def _to_acknowledge(denial: Denial, checks: Sequence[Check], *, url: str) -> AccessPanel:
    return AccessPanel(
        tone=Tone.TODO,
        title="To be acknowledged by you",
        say="Your organisation has accepted the license. It asks each member to acknowledge that.",
        checks=checks,
        action=Link(label="Read and acknowledge", url=f"{url}/acknowledge"),
        decider=denial.refusal.decider,
        more=[Link(label="Accept for yourself instead", url=f"{url}/accept")],
    )


def _to_bring(denial: Denial, checks: Sequence[Check]) -> AccessPanel:
    refusal, remedy = denial.refusal, denial.refusal.remedy
    missing = sum(one.code is ReasonCode.PREREQUISITE and not one.met for one in denial.reasons)
    say = "This gate asks for it before anything can be accepted."
    if missing > 1:
        say = f"This gate asks for {missing} things before anything can be accepted, one after the other."
    return AccessPanel(
        tone=Tone.TODO,
        title=refusal.title,
        say=f"{say} {remedy.text}." if remedy else say,
        checks=checks,
        action=Link(label="Do it now", url=remedy.url) if remedy and remedy.url else None,
        decider=refusal.decider,
        since=refusal.since,
        more=[Link(label="What this means", url=f"/problems/{refusal.code}")],
    )


def _to_ask(
    denial: Denial, model: ModelView, checks: Sequence[Check], asked: _Asked, *, base_url: str
) -> AccessPanel:
    refusal = denial.refusal
    url = refusal.remedy.url if refusal.remedy and refusal.remedy.url else f"/{model.repo_id}/request"
    return AccessPanel(
        tone=asked.tone,
        title=asked.title,
        say=asked.say,
        checks=checks,
        action=Link(label=asked.action, url=url),
        decider=refusal.decider,
        since=refusal.since,
        until=refusal.until,
        more=[Link(label="What this means", url=f"/problems/{refusal.code}")],
        commands=[
            Command(
                label="Waits in the terminal until a reviewer has approved",
                text=f"gatehouse pull {model.repo_id} --wait --endpoint {base_url}",
            )
        ],
    )


def _stopped(denial: Denial) -> str:
    refusal = denial.refusal
    if refusal.code == "access-blocked":
        reason = next(r.detail for r in denial.reasons if r.code is ReasonCode.NOT_BLOCKED)
        said = f"Nothing can be downloaded, whatever was accepted. Reason given: {reason}"
    else:
        said = refusal.detail.removeprefix("No file was sent. ")
    return f"{said.rstrip('.')}. {refusal.remedy.text}." if refusal.remedy else said


def _check(reason: Reason, label: str | None) -> Check:
    tone = Tone.OK if reason.met else Tone.TODO
    if reason.code in {ReasonCode.NOT_BLOCKED, ReasonCode.GATE_OPEN} and not reason.met:
        tone = Tone.STOP
    detail = reason.detail or None
    if reason.code is ReasonCode.SIGNED_IN and reason.met:
        detail = label
    return Check(
        tone=tone,
        verdict=reason.title,
        detail=detail,
        at=_shown(reason.since),
        link=_check_link(reason),
    )


def _check_link(reason: Reason) -> Link | None:
    if reason.acceptance_id:
        return Link(label="receipt", url=f"/records/{reason.acceptance_id}")
    if reason.met or reason.remedy is None or reason.remedy.url is None:
        return None
    return Link(label="what to do", url=reason.remedy.url)


def _shown(moment: datetime | None) -> datetime | None:
    """Return a moment worth showing: facts of lists carry the epoch where they were not looked up."""
    return moment if moment is not None and moment.year > 1970 else None
