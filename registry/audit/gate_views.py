"""What the pages that change a gate show: the gate as it is, the form, and what the change does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from uuid import UUID

from registry import access, catalog, licenses
from registry.access.crowds import Demand
from registry.access.losses import MODELS_MOST, Derived
from registry.access.panel import gate_badge
from registry.audit import prerequisite_form
from registry.audit.gate_effect import Effect
from registry.audit.gate_form import GateDraft
from registry.audit.question_views import TYPES, how_asked, question_changes, question_field
from registry.catalog import GateDemand, GateMode, GateView
from registry.catalog.domain import REQUIREMENTS_MAX_COUNT, Role, model_url
from registry.catalog.forms import (
    FIELDS_MAX_COUNT,
    FieldType,
    FormField,
)
from registry.catalog.prerequisites import NONE, Prerequisites, describe
from registry.identity.domain import Profile, nameless
from registry.identity.standing_domain import Reach
from registry.kernel.page_parts import Check, Link, Notice, Option, Tone
from registry.kernel.page_parts import FormField as Input
from registry.kernel.pages import format_when, plural

MODES = {
    GateMode.AUTO: ("Accept to download", "Whoever is signed in and has accepted gets in at once."),
    GateMode.MANUAL: (
        "Accept, then review",
        "Whoever has accepted asks for access, and your reviewers decide.",
    ),
    GateMode.CLOSED: ("Closed", "Nobody gets in, whatever they have accepted. Records stay."),
}


REVIEW: Mapping[str, tuple[str, str | None]] = {
    "approvals": ("Reviewers who must agree", "Each of them once; nobody decides about themself."),
    "grant_days": (
        "Days that access lasts",
        "Empty: until it is ended. Who has it is warned, and may renew it.",
    ),
    "target_days": ("Days in which you mean to answer", "Shown to who asks, and in your queue."),
    "answer_days": ("Days until a request without an answer lapses", None),
    "changes_days": ("Days for making changes that you asked for", None),
    "reapply_days": ("Days until one may ask again after a rejection", "Reviewers may say otherwise."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateShown:
    """All that the gate's page is made of."""

    publisher: catalog.PublisherView
    roles: Sequence[Role]
    model: catalog.ModelView
    history: Sequence[GateView]
    requirements: Mapping[UUID, catalog.Requirement]
    """Of every revision in the history."""
    people: Mapping[UUID, Profile]
    indices: Mapping[UUID, int]
    """Numbers of the log entries, as far as they have one."""
    versions: Mapping[str, Sequence[licenses.VersionSummary]]
    """Of each license that the form names, oldest first."""
    licenses: Sequence[licenses.LicenseSummary]
    """That may be added."""
    bases: Sequence[catalog.Base]
    """That the model was made from."""
    may_change: bool
    is_fresh: bool
    reach: Reach
    shared_by: Sequence[str]
    """Every model behind the gate, this one too."""
    siblings: Sequence[str]
    """Models of the publisher behind other gates."""


def gate_view(shown: GateShown, draft: GateDraft) -> SimpleNamespace:
    """Return the page with the gate as it is, and the form as far as it is filled in."""
    url = f"{model_url(shown.model.publisher, shown.model.name)}/gate"
    editing = shown.may_change and shown.is_fresh
    return SimpleNamespace(
        publisher=access.publisher_head(shown.publisher, shown.roles),
        model=_model(shown.model),
        current=_revision(shown, shown.model.gate),
        asked=_asked(
            shown.model.gate.prerequisites,
            [shown.requirements[one] for one in shown.model.gate.license_version_ids],
            shown.model.gate.fields,
        ),
        beforehand=prerequisite_form.beforehand_view(draft.beforehand, shown.reach, draft.errors),
        history=[_revision(shown, gate) for gate in shown.history],
        notice=(
            _notice(shown, url, draft)
            if not editing or draft.errors.get("notice") or _is_unexplained(shown.model.gate)
            else None
        ),
        errors=_error_list(draft),
        revision=draft.revision,
        modes=[
            Option(value=mode.value, label=label, detail=detail, chosen=mode.value == draft.mode)
            for mode, (label, detail) in MODES.items()
        ],
        mode_error=draft.errors.get("mode"),
        licenses=[_license(shown, reference) for reference in draft.licenses],
        licenses_error=draft.errors.get("licenses"),
        addable=_addable(shown, draft) if len(draft.licenses) < REQUIREMENTS_MAX_COUNT else [],
        fields=[question_field(number, one, draft) for number, one in enumerate(draft.fields, 1)],
        fields_error=draft.errors.get("fields"),
        types=(
            [Option(value=kind.value, label=label) for kind, label in TYPES.items()]
            if len(draft.fields) < FIELDS_MAX_COUNT
            else []
        ),
        days=Input(
            name="days",
            label="Days for accepting again",
            value=draft.days[:9],
            error=draft.errors.get("days"),
            why="Where a license changes in substance, who accepted before keeps access for so long. 0 ends it at once.",
        ),
        review=_review_fields(draft),
        bases=[_base(one) for one in shown.bases],
        post_url=url if editing else None,
        bases_url=f"{url}/bases" if editing else None,
        covers=[Link(label=name, url=f"/{name}") for name in shown.shared_by],
        shareable=[Option(value=name, label=name) for name in shown.siblings] if editing else [],
        sharing_url=f"{url}/sharing" if editing else None,
    )


def _review_fields(draft: GateDraft) -> Sequence[Input]:
    return [
        Input(
            name=f"review-{name}",
            label=label,
            value=draft.review.get(name, "")[:9],
            required=name != "grant_days",
            error=draft.errors.get(f"review-{name}"),
            why=why,
        )
        for name, (label, why) in REVIEW.items()
    ]


def _is_unexplained(gate: GateView) -> bool:
    return any(not one.is_explained for one in gate.fields)


def _base(base: catalog.Base) -> SimpleNamespace:
    return SimpleNamespace(
        name=base.shown_name,
        url=f"/{base.shown_name}" if base.shown_name else None,
        relation=base.relation,
        at=base.recorded_at,
    )


def _model(model: catalog.ModelView) -> SimpleNamespace:
    return SimpleNamespace(
        publisher=model.publisher, name=model.name, url=model_url(model.publisher, model.name)
    )


def _revision(shown: GateShown, gate: GateView) -> SimpleNamespace:
    index = shown.indices.get(gate.entry_id)
    profile = shown.people.get(gate.created_by) if gate.created_by else None
    return SimpleNamespace(
        number=gate.number,
        at=gate.created_at,
        by=(profile.email if profile else nameless(gate.created_by)) if gate.created_by else "the registry",
        mode=gate_badge(gate.mode, is_open=gate.is_open()),
        asks=[_named(shown.requirements[one]) for one in gate.license_version_ids],
        questions=len(gate.fields),
        entry=Link(label=f"{index:,}", url=f"/log/{index}") if index is not None else None,
    )


def _named(requirement: catalog.Requirement) -> str:
    return f"{requirement.title} {requirement.number}"


def _asked(
    beforehand: Prerequisites,
    requirements: Sequence[catalog.Requirement | licenses.Version],
    fields: Sequence[FormField],
) -> Sequence[SimpleNamespace]:
    """Return what somebody is asked who applies, in this order."""
    first = [
        SimpleNamespace(what=phrase, how="before anything can be accepted", url=None)
        for phrase in describe(beforehand)
    ]
    texts = [
        SimpleNamespace(what=f"Read and accept {one.title} {one.number}", how=None, url=one.path)
        for one in requirements
    ]
    questions = [
        SimpleNamespace(what=one.label, how=how_asked(one), url=None)
        for one in fields
        if one.type is not FieldType.IP_LOCATION
    ]
    guessed = [
        SimpleNamespace(
            what=one.label, how="not asked: guessed from the connection, and kept as a guess", url=None
        )
        for one in fields
        if one.type is FieldType.IP_LOCATION
    ]
    return [*first, *texts, *questions, *guessed]


def _notice(shown: GateShown, url: str, draft: GateDraft) -> Notice:
    if said := draft.errors.get("notice"):
        return Notice(tone=Tone.NOTE, title=said)
    if shown.may_change and shown.is_fresh:
        return Notice(
            tone=Tone.WAIT,
            title="Questions do not say why they are asked",
            text="They came from the card, and people read that you have not said so. State it below; no other "
            "change of this gate is taken before.",
        )
    if not shown.may_change:
        return Notice(
            tone=Tone.NOTE,
            title="You may look at this gate",
            text="Owners and maintainers of the publisher change it.",
        )
    return Notice(
        tone=Tone.WAIT,
        title="Changing a gate takes a fresh sign-in",
        text="You signed in more than an hour ago. Sign in again, and the form appears here.",
        link=Link(label="Sign in again", url=f"/sign-in?next={url}"),
    )


def _error_list(draft: GateDraft) -> Sequence[tuple[str, str, str]]:
    places = {
        "mode": ("mode-1", "Who gets in"),
        "licenses": ("licenses-h", "Licenses"),
        "days": ("days", "Days for accepting again"),
        "fields": ("fields-h", "Questions"),
    }
    places |= prerequisite_form.ERROR_PLACES
    places |= {f"review-{name}": (f"review-{name}", label) for name, (label, _) in REVIEW.items()}
    places |= {
        f"field-{number}": (f"field-{number}-label", f"Question {number}")
        for number in range(1, FIELDS_MAX_COUNT + 2)
    }
    return [(*places[key], text) for key, text in draft.errors.items() if key in places]


def _license(shown: GateShown, reference: str) -> SimpleNamespace:
    slug = reference.partition("@")[0]
    versions = shown.versions.get(slug, ())
    options = [
        Option(
            value=f"{slug}@{one.number}",
            label=f"{one.number}, the newest" if one is versions[-1] else one.number,
            chosen=f"{slug}@{one.number}" == reference,
        )
        for one in reversed(versions)
    ]
    if not any(option.chosen for option in options):
        options.insert(0, Option(value=reference, label=reference[:80], chosen=True))
    return SimpleNamespace(
        title=versions[-1].title if versions else reference[:80],
        options=options,
        url=f"/licenses/{slug}" if versions else None,
    )


def _addable(shown: GateShown, draft: GateDraft) -> Sequence[Option]:
    chosen = {reference.partition("@")[0] for reference in draft.licenses}
    return [
        Option(value=f"{one.slug}@{one.latest.number}", label=f"{one.title} {one.latest.number}")
        for one in shown.licenses
        if one.slug not in chosen
    ]


def confirm_view(
    shown: GateShown,
    change: catalog.GateChange,
    demand: GateDemand,
    *,
    before: Demand,
    after: Demand,
    effect: Effect,
    derived: Derived,
    counted: str | None,
    stored: str,
) -> SimpleNamespace:
    """Return the page that states what a change does, before anything is stored."""
    url = f"{model_url(shown.model.publisher, shown.model.name)}/gate"
    return SimpleNamespace(
        publisher=access.publisher_head(shown.publisher, shown.roles),
        model=_model(shown.model),
        current=_revision(shown, shown.model.gate),
        opens=_opens(before, after),
        changes=_changes(shown, change, demand),
        effects=[*_effects(before, after, effect), *derived_checks(derived)],
        counted=counted,
        asked=(
            _asked(change.demand.prerequisites or NONE, change.versions, demand.fields)
            if demand.mode is not GateMode.CLOSED
            else []
        ),
        draft=stored,
        button=f"Change the gate of {shown.model.name}",
        post_url=url,
    )


def _opens(before: Demand, after: Demand) -> Notice | None:
    if not after.is_open or before.is_open:
        return None
    return Notice(
        tone=Tone.STOP,
        title="This opens the model to everybody",
        text="Everybody may download, without signing in and without accepting anything. Whoever has downloaded once "
        "keeps the files, also if you close the gate again.",
    )


def _changes(shown: GateShown, change: catalog.GateChange, demand: GateDemand) -> Sequence[str]:
    gate = shown.model.gate
    said = []
    if gate.mode is not demand.mode:
        said.append(f"Who gets in: from “{MODES[gate.mode][0]}” to “{MODES[demand.mode][0]}”.")
    old = {shown.requirements[one].slug: shown.requirements[one].number for one in gate.license_version_ids}
    titles = {shown.requirements[one].slug: shown.requirements[one].title for one in gate.license_version_ids}
    new = {one.slug: one for one in change.versions}
    for slug, version in new.items():
        if slug not in old:
            said.append(f"Asks for {version.name} too.")
        elif old[slug] != version.number:
            said.append(f"Asks for {version.title} {version.number} instead of {old[slug]}.")
    said += [
        f"No longer asks for {titles[slug]} {number}." for slug, number in old.items() if slug not in new
    ]
    if list(old) != list(new) and set(old) == set(new):
        said.append("Asks for the licenses in another order.")
    old_first, new_first = describe(gate.prerequisites), describe(change.demand.prerequisites or NONE)
    said += [f"Asked beforehand from now on: {one}." for one in new_first if one not in old_first]
    said += [f"No longer asked beforehand: {one}." for one in old_first if one not in new_first]
    return [*said, *question_changes(gate.fields, demand.fields), *_review_changes(gate, demand)]


def _review_changes(gate: GateView, demand: GateDemand) -> Sequence[str]:
    after = demand.review or gate.review
    if demand.mode is not GateMode.MANUAL:
        return []
    changed = [
        (label, getattr(gate.review, name), getattr(after, name)) for name, (label, _) in REVIEW.items()
    ]
    return [
        f"{label}: {_count(new)} instead of {_count(old)}; requests that are open are judged by it too."
        for label, old, new in changed
        if old != new
    ]


def _count(number: int | None) -> str:
    return "no end" if number is None else f"{number:,}"


def _effects(before: Demand, after: Demand, effect: Effect) -> Sequence[Check]:
    """Return what happens to people who have something at the gate, gravest last."""
    said = []
    if effect.keep:
        said.append(
            Check(tone=Tone.OK, verdict=f"{_people(effect.keep)} {_verb(effect.keep, 'keep')} access")
        )
    for (name, until), count in sorted(effect.due.items(), key=lambda item: item[0][1]):
        verdict = f"{_people(count)} must accept {name} by {format_when(until, 'date')}"
        said.append(Check(tone=Tone.WAIT, verdict=verdict, detail="They keep access until then."))
    for name, count in effect.must_accept.items():
        verdict = f"{_people(count)} must accept {name}"
        said.append(Check(tone=Tone.WAIT, verdict=verdict, detail="They cannot download before they do."))
    if effect.unfit:
        verdict = f"{_people(effect.unfit)} {_verb(effect.unfit, 'lose')} access"
        detail = "What is asked beforehand does not hold of them. What they accepted stays on record."
        said.append(Check(tone=Tone.STOP, verdict=verdict, detail=detail))
    if effect.shut_out:
        detail = (
            "Nobody gets in until the gate opens again. What they accepted stays on record."
            if after.mode is GateMode.CLOSED
            else "Each has to ask for access, and a reviewer decides."
        )
        verdict = f"{_people(effect.shut_out)} {_verb(effect.shut_out, 'lose')} access"
        said.append(Check(tone=Tone.STOP, verdict=verdict, detail=detail))
    if effect.gain and not after.is_open:
        detail = "They have accepted all that is asked for." + (
            " No review follows any more." if before.mode is GateMode.MANUAL else ""
        )
        said.append(
            Check(tone=Tone.NOTE, verdict=f"{_people(effect.gain)} may download at once", detail=detail)
        )
    if not said:
        said.append(Check(tone=Tone.NOTE, verdict="Nobody who has access here is affected"))
    if before.is_open and not after.is_open:
        detail = "Until now, anybody could download without signing in."
        said.append(Check(tone=Tone.STOP, verdict="Everybody else is asked from now on", detail=detail))
    return said


def derived_checks(derived: Derived) -> Sequence[Check]:
    """Return what a change of a gate, or a move, does to models that were made from those it is about."""
    if not derived.people:
        return []
    counted = (
        ""
        if derived.is_whole
        else f" Counted in {MODELS_MOST} of these models, and among their newest people."
    )
    verdict = f"{_people(derived.people)} cannot download models that were made from it any more"
    return [
        Check(
            tone=Tone.STOP,
            verdict=verdict,
            detail="What is asked here comes with those models too. They are told, in their inbox and by mail, what is"
            f" missing.{counted}",
        )
    ]


def _people(count: int) -> str:
    return plural(count, "person", "people")


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb
