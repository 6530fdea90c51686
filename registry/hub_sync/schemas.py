"""What mirrors look like on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec

from registry.hub_sync.applying import Pass
from registry.hub_sync.card_keeping import CardReport
from registry.hub_sync.importing import HubImport
from registry.hub_sync.keeping import Outlook
from registry.hub_sync.service import TOKEN_MOST_CHARACTERS, MirrorView
from registry.hub_sync.tables import HubCard
from registry.hub_sync.weight_keeping import WeightsSeen
from registry.hub_sync.weights import Kind
from registry.kernel.clock import iso

LEFT_SHOWN = 100
PRINTABLE = r"^[\x21-\x7e]+$"


class TokenInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token of the Hub, of an account that is for this purpose alone."""

    token: Annotated[str, msgspec.Meta(min_length=8, max_length=TOKEN_MOST_CHARACTERS, pattern=PRINTABLE)]

    def __repr__(self) -> str:
        """Return the name of the type alone; the token is in no log and no traceback."""
        return "TokenInput(…)"


class LinkInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which repository of the Hub a model is paired with."""

    repository: Annotated[str, msgspec.Meta(min_length=3, max_length=96)]
    """`organisation/name`, as the Hub writes it."""
    group: Annotated[str, msgspec.Meta(max_length=60)] = ""
    """Name for repositories that the Hub gates as one collection; one decision counts for all of them."""


class ImportInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gated repository of the Hub that is to become the model of the address."""

    repository: Annotated[str, msgspec.Meta(min_length=3, max_length=96)]
    """`organisation/name`, as the Hub writes it."""
    license: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """`slug@number`, which is then compared with nothing; empty: the text at the Hub is recognised by its digest."""
    invite: bool = False
    """Whether everybody who was let in at the Hub is sent one letter that invites them to accept here."""
    dry_run: bool = False
    """Only say what would come of it."""


class PeopleOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who was let in at the Hub, and what came of them here: grade C, which text is not known, and no right."""

    accepted: int
    added: int
    known: int
    forgotten: int
    linked: int
    unreadable: int
    """The Hub tells neither an account nor an address of them."""


class ImportedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do. Nothing is changed at the Hub."""

    model: str
    repository: str
    created: bool
    """False: the model was made and paired by an earlier run."""
    license: str
    match: str
    """`exact`, `layout` (the same words in another layout), `not-compared`; empty where nothing was created."""
    gate: str
    private: bool
    revision: str
    files: list[str]
    left: list[str]
    """Files that stay at the Hub: weights, and what is large or no text; the first 100."""
    left_count: int
    unexplained: list[str]
    """Questions of the form that do not say why they are asked."""
    people: PeopleOut
    dry_run: bool


class TokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token is stored, and what the Hub says that it is for."""

    account: str
    role: str


class CallOut(msgspec.Struct, frozen=True, kw_only=True):
    """A call to the Hub; it names nobody."""

    deed: str
    begun_at: str
    outcome: str | None
    """`done`, `failed`, `unknown`; null while it is under way."""
    trouble: str
    hub_request_id: str


class CardOut(msgspec.Struct, frozen=True, kw_only=True):
    """README and LICENSE of the repository; the lists name their parts."""

    changes: list[str]
    """Of a plan: what would be set there. Of a mirror: what was, by the last commit or look."""
    kept: list[str]
    """Edited at the Hub, and left so."""
    conflicts: list[str]
    """Changed here and at the Hub; left as the Hub has it until somebody says whose is taken."""
    trouble: str
    committed: str
    """The last commit that this registry made there."""
    committed_at: str | None


class KindOut(msgspec.Struct, frozen=True, kw_only=True):
    """Large files of a kind; the first 20 are named."""

    count: int
    named: list[str]


class WeightsOut(msgspec.Struct, frozen=True, kw_only=True):
    """Where the weights lie, by the digests of the current release and of the Hub's list."""

    place: str
    """`here`, `hub`, `both`, `nowhere`; empty while the Hub's list was not read."""
    equal: KindOut
    different: KindOut
    only_here: KindOut
    only_there: KindOut
    there_bytes: int
    revision: str
    """The commit whose list was read."""
    trouble: str


class MirrorOut(msgspec.Struct, frozen=True, kw_only=True):
    """How a mirror stands."""

    model: str
    repository: str
    group: str
    account: str | None
    """Whose token is used; null: none is stored."""
    linked_at: str
    ended_at: str | None
    kept_since: str | None
    """Since when it is kept in step by itself; null: nothing was applied yet."""
    looked_at: str | None
    settled_at: str | None
    """When the Hub was last seen to let in nobody whom this registry does not."""
    next_at: str | None
    failures: int
    trouble: str
    trouble_words: str
    revision: str
    granted: int
    waiting: int
    done: dict[str, int]
    """Of the last pass: how often what was done."""
    drifts: dict[str, int]
    """Of the last pass: what somebody else had changed."""
    calls: list[CallOut]
    card: CardOut
    weights: WeightsOut


class ActionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would be done at the Hub."""

    deed: str
    user: str
    request_id: str
    why: str
    reason: str
    """What the person would be told there."""


class DriftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that somebody else made."""

    drift: str
    words: str


class PlanOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass would do now, in the order of doing."""

    model: str
    repository: str
    gate: str
    revision: str
    settled: bool
    actions: list[ActionOut]
    drifts: list[DriftOut]
    granted: int
    waiting: int
    seconds: int
    """How long it would take within half of the account's requests."""
    card: CardOut
    weights: WeightsOut


class AppliedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass did."""

    settled: bool
    done: list[ActionOut]
    drifts: list[DriftOut]
    mirror: MirrorOut


def view_mirror(view: MirrorView) -> MirrorOut:
    """Return a mirror as maintainers are told of it."""
    row, found = view.row, view.findings
    return MirrorOut(
        model=view.model.repo_id,
        repository=row.repository,
        group=row.gating_group,
        account=view.account,
        linked_at=iso(row.linked_at),
        ended_at=_moment(row.ended_at),
        kept_since=_moment(row.kept_since),
        looked_at=_moment(row.looked_at),
        settled_at=_moment(row.settled_at),
        next_at=_moment(row.next_at) if row.kept_since and not row.ended_at else None,
        failures=row.failures,
        trouble=row.trouble,
        trouble_words=row.trouble_words,
        revision=row.revision,
        granted=found.granted,
        waiting=found.waiting,
        done=found.done,
        drifts=found.drifts,
        calls=[
            CallOut(
                deed=one.deed.value,
                begun_at=iso(one.begun_at),
                outcome=one.outcome.value if one.outcome else None,
                trouble=one.trouble,
                hub_request_id=one.hub_request_id,
            )
            for one in view.intents
        ],
        card=_card(
            msgspec.json.decode(view.card.report, type=CardReport) if view.card else CardReport(), view.card
        ),
        weights=_weights(view.weights),
    )


def view_plan(outlook: Outlook) -> PlanOut:
    """Return a plan as maintainers read it."""
    return PlanOut(
        model=outlook.mirror.model.repo_id,
        repository=outlook.actual.repo_id,
        gate=outlook.actual.gate.value,
        revision=outlook.actual.revision,
        settled=outlook.plan.is_settled,
        actions=[
            ActionOut(
                deed=one.deed.value,
                user=one.user,
                request_id=one.request_id,
                why=one.why,
                reason=one.reason,
            )
            for one in outlook.plan.actions
        ],
        drifts=[DriftOut(drift=one.drift.value, words=one.words) for one in outlook.plan.noticed],
        granted=outlook.plan.granted,
        waiting=outlook.plan.waiting,
        seconds=outlook.seconds,
        card=_card(outlook.card, outlook.mirror.card),
        weights=_weights(outlook.weights),
    )


def view_pass(view: MirrorView, result: Pass) -> AppliedOut:
    """Return what a pass did."""
    return AppliedOut(
        settled=result.is_settled,
        done=[
            ActionOut(
                deed=one.deed.value,
                user=one.user,
                request_id=one.request_id,
                why=one.why,
                reason=one.reason,
            )
            for one in result.done
        ],
        drifts=[DriftOut(drift=one.drift.value, words=one.words) for one in result.noticed],
        mirror=view_mirror(view),
    )


def view_import(found: HubImport, *, dry_run: bool) -> ImportedOut:
    """Return what an import did, or would do."""
    people, imported = found.people, found.people.imported
    return ImportedOut(
        model=found.repo_id,
        repository=found.repository,
        created=found.is_new,
        license=found.license,
        match=found.match,
        gate=found.mode.value if found.mode else "",
        private=found.private,
        revision=found.revision,
        files=list(found.files),
        left=list(found.left[:LEFT_SHOWN]),
        left_count=len(found.left),
        unexplained=list(found.unexplained),
        people=PeopleOut(
            accepted=people.accepted,
            added=imported.added,
            known=imported.known,
            forgotten=imported.forgotten,
            linked=imported.linked,
            unreadable=people.unreadable,
        ),
        dry_run=dry_run,
    )


def _weights(seen: WeightsSeen) -> WeightsOut:
    found = seen.weights
    return WeightsOut(
        place=found.place.value if found else "",
        equal=_kind(found.equal if found else Kind()),
        different=_kind(found.different if found else Kind()),
        only_here=_kind(found.only_here if found else Kind()),
        only_there=_kind(found.only_there if found else Kind()),
        there_bytes=found.there_bytes if found else 0,
        revision=seen.revision,
        trouble=seen.trouble,
    )


def _kind(kind: Kind) -> KindOut:
    return KindOut(count=kind.count, named=list(kind.named))


def _card(report: CardReport, row: HubCard | None) -> CardOut:
    return CardOut(
        changes=report.changes,
        kept=report.kept,
        conflicts=report.conflicts,
        trouble=report.trouble,
        committed=row.committed if row else "",
        committed_at=_moment(row.committed_at) if row else None,
    )


def _moment(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
