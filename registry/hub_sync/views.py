"""What the page of a mirror is given."""

from types import SimpleNamespace
from urllib.parse import quote

import msgspec

from registry.catalog.domain import ModelView, model_url
from registry.hub_sync.card_keeping import CardReport
from registry.hub_sync.keeping import Outlook
from registry.hub_sync.service import MirrorView
from registry.kernel.page_parts import Command, Notice, Tone

DRIFT_WORDS = {
    "mode-flipped": "The gate was set to auto or opened at the Hub; it was set to manual again",
    "granted-outside": "Let in at the Hub by somebody else, taken out again",
    "rejected-outside": "Rejected at the Hub whom this registry permits, let in again",
    "card-edited": "The repository has another commit",
    "repo-gone": "There is no such repository, or the token does not see it",
    "repo-renamed": "The Hub answers with another name; nobody is let in until it is linked anew",
    "token-revoked": "The token is not known at the Hub, or may not manage the repository",
    "unreadable": "The answer is not one that the Hub gives",
    "refused": "The Hub refuses something about one person",
}


def hub_view(
    head: SimpleNamespace, model: ModelView, mirror: MirrorView | None, outlook: Outlook | None
) -> SimpleNamespace:
    """Return the page of a model's mirror."""
    page = f"/manage/{quote(model.publisher)}/models/{quote(model.name)}/hub"
    return SimpleNamespace(
        publisher=head,
        model=model.repo_id,
        model_url=model_url(model.publisher, model.name),
        notice=_notice(mirror),
        mirror=_mirror(mirror) if mirror else None,
        plan=_plan(outlook) if outlook else None,
        urls=SimpleNamespace(**{act: f"{page}/{act}" for act in ("link", "plan", "apply", "unlink")}),
        token_command=Command(
            label="Store a token of the Hub first", text=f"gatehouse hub token {model.publisher} < token.txt"
        ),
    )


def _notice(mirror: MirrorView | None) -> Notice | None:
    if mirror is None:
        return None
    row = mirror.row
    if row.trouble:
        text = f"{row.trouble_words}. It is tried again by itself; until then, access that ended here stays open there."
        return Notice(tone=Tone.STOP, title="The repository is not in line", text=text)
    if row.kept_since is None:
        text = "Nothing was changed at the Hub yet. Look at the plan, then apply it."
        return Notice(tone=Tone.WAIT, title="Paired, and not kept in step yet", text=text)
    return Notice(tone=Tone.OK, title="The Hub lets in nobody whom this registry does not")


def _mirror(mirror: MirrorView) -> SimpleNamespace:
    row, found = mirror.row, mirror.findings
    card = msgspec.json.decode(mirror.card.report, type=CardReport) if mirror.card else CardReport()
    return SimpleNamespace(
        repository=row.repository,
        group=row.gating_group or None,
        account=mirror.account,
        kept_since=row.kept_since,
        settled_at=row.settled_at,
        looked_at=row.looked_at,
        granted=found.granted,
        waiting=found.waiting,
        committed=(mirror.card.committed or None) if mirror.card else None,
        drifts=[
            SimpleNamespace(words=DRIFT_WORDS.get(kind, kind), count=count)
            for kind, count in found.drifts.items()
        ],
        card=_card(card),
        calls=[
            SimpleNamespace(
                deed=one.deed.value,
                at=one.begun_at,
                outcome=one.outcome.value if one.outcome else "under way",
            )
            for one in mirror.intents
        ],
    )


def _plan(outlook: Outlook) -> SimpleNamespace:
    return SimpleNamespace(
        actions=[
            SimpleNamespace(deed=one.deed.value, who=one.user or one.request_id or "the gate", why=one.why)
            for one in outlook.plan.actions
        ],
        drifts=[one.words for one in outlook.plan.noticed],
        granted=outlook.plan.granted,
        waiting=outlook.plan.waiting,
        minutes=outlook.seconds // 60 + 1 if outlook.seconds else None,
        card=_card(outlook.card),
    )


def _card(report: CardReport) -> SimpleNamespace:
    return SimpleNamespace(
        parts=[
            SimpleNamespace(part=part, words=words)
            for parts, words in (
                (report.changes, "Set by this registry"),
                (report.kept, "Edited at the Hub, left so"),
                (report.conflicts, "Changed on both sides, left as the Hub has it"),
            )
            for part in parts
        ],
        conflicts=len(report.conflicts) + len(report.kept),
        trouble=report.trouble or None,
    )
