"""What the page of a mirror is given."""

from types import SimpleNamespace
from urllib.parse import quote

import msgspec

from registry.catalog.domain import ModelView, model_url
from registry.hub_sync.card_keeping import CardReport
from registry.hub_sync.importing import NOT_COMPARED, HubImport, ImportOrder
from registry.hub_sync.keeping import Outlook
from registry.hub_sync.service import MirrorView
from registry.hub_sync.weight_keeping import WeightsSeen
from registry.hub_sync.weights import Place
from registry.kernel.page_parts import Command, FormField, Notice, Tone
from registry.licenses import Match

LEFT_SHOWN = 20

DRIFT_WORDS = {
    "mode-flipped": "The gate was set to auto or opened at the Hub; it was set to manual again",
    "granted-outside": "Let in at the Hub by somebody else, taken out again",
    "rejected-outside": "Rejected at the Hub whom this registry permits, let in again",
    "card-edited": "The repository has another commit",
    "repo-gone": "There is no such repository, or the token does not see it",
    "repo-renamed": "The Hub answers with another name; nobody is let in until it is linked anew",
    "token-revoked": "The token is not known at the Hub, or may not manage the repository",
    "weights-differ": "Weights of one name have other bytes there than here; publish them here or there",
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


def import_view(head: SimpleNamespace, order: ImportOrder, found: HubImport | None) -> SimpleNamespace:
    """Return the page on which a repository of the Hub is imported."""
    page = f"/manage/{quote(head.name)}/hub"
    return SimpleNamespace(
        publisher=head,
        fields=[
            FormField(
                name="repository",
                label="Repository of the Hub",
                value=order.repository,
                why="organisation/name, as the Hub writes it. It must have a gate there.",
                max_characters=96,
            ),
            FormField(
                name="name",
                label="Name of the model here",
                value=order.name,
                required=False,
                why="Without it, the name is the same.",
                max_characters=96,
            ),
            FormField(
                name="license",
                label="License version",
                value=order.license,
                required=False,
                why="slug@number; it is compared with nothing then. Without it, the text at the Hub is recognised by its digest.",
                max_characters=100,
            ),
        ],
        invite=order.invite,
        found=_found(order, found) if found else None,
        urls=SimpleNamespace(look=f"{page}/look", do=f"{page}/import"),
    )


def _found(order: ImportOrder, found: HubImport) -> SimpleNamespace:
    how = {
        Match.EXACT.value: "recognised, byte for byte",
        Match.LAYOUT.value: "recognised, the same words in another layout",
        NOT_COMPARED: "as you say; not compared with the text at the Hub",
    }
    facts = [("Model", found.repo_id), ("Repository", found.repository)]
    if found.is_new:
        facts += [
            ("License", f"{found.license} ({how[found.match]})"),
            ("Gate", found.mode.value if found.mode else ""),
            ("Seen by", "its publisher alone" if found.private else "everybody"),
        ]
    else:
        facts.append(("State", "imported before, and paired"))
    return SimpleNamespace(
        is_new=found.is_new,
        facts=[SimpleNamespace(label=label, value=value) for label, value in facts],
        files=list(found.files),
        left=list(found.left[:LEFT_SHOWN]),
        more=max(0, len(found.left) - LEFT_SHOWN),
        people=found.people.accepted,
        hidden=[
            SimpleNamespace(name=name, value=value)
            for name, value in (
                ("repository", order.repository),
                ("name", order.name),
                ("license", order.license),
            )
        ],
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
        weights=_weights(mirror.weights),
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
        weights=_weights(outlook.weights),
    )


_PLACES = {
    Place.HERE: "Served from here alone",
    Place.HUB: "At the Hub, with this register in front",
    Place.BOTH: "Here and at the Hub",
    Place.NOWHERE: "Nowhere: neither side has a large file",
}


def _weights(seen: WeightsSeen) -> SimpleNamespace | None:
    found = seen.weights
    if found is None:
        return SimpleNamespace(place=None, kinds=[], trouble=seen.trouble) if seen.trouble else None
    kinds = (
        ("Equal in both places", found.equal),
        ("Other bytes there than here", found.different),
        ("Here alone", found.only_here),
        ("At the Hub alone", found.only_there),
    )
    return SimpleNamespace(
        place=_PLACES[found.place],
        kinds=[
            SimpleNamespace(
                words=words, count=kind.count, paths=list(kind.named), more=kind.count - len(kind.named)
            )
            for words, kind in kinds
            if kind.count
        ],
        trouble=seen.trouble or None,
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
