"""Use cases of mirrors: storing a token, pairing a model with a repository, ending that, saying how it stands.

None of them speaks to the Hub; `keeping` does, between their transactions.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import catalog
from registry.access import disclosure_store
from registry.catalog.domain import Command, ModelView
from registry.hub_sync import refusals, store
from registry.hub_sync.answers import is_repo_id
from registry.hub_sync.applying import Answered, Failed, Pass, Trouble
from registry.hub_sync.domain import Deed
from registry.hub_sync.tables import HubCard, HubCredential, HubIntent, HubMirror, IntentOutcome
from registry.hub_sync.weight_keeping import WeightsSeen, find_weights
from registry.identity.domain import Principal
from registry.kernel.identifiers import new_id
from registry.kernel.outbox import pause_after
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer

LEASE = timedelta(minutes=15)
"""How long a pass has a mirror for itself; one that was killed is taken up after that."""
LEAST_PAUSE = timedelta(seconds=120)
PAUSE_PER_MIRROR = timedelta(seconds=5)
"""A pass takes four requests; so many mirrors of one account leave most of a free account's quota alone."""
INTENTS_SHOWN = 20
TOKEN_MOST_CHARACTERS = 300
_TOKEN_CONTEXT = b"hub_credential:token:"


class Findings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Figures of the last pass; they name nobody."""

    done: dict[str, int] = {}
    waiting: int = 0
    granted: int = 0
    drifts: dict[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorView:
    """A mirror, as maintainers are told of it."""

    model: ModelView
    row: HubMirror
    findings: Findings
    account: str | None
    """Whose token is used; None: none is stored."""
    intents: tuple[HubIntent, ...]
    card: HubCard | None
    weights: WeightsSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A mirror with the token that opens its repository."""

    mirror: HubMirror
    model: ModelView
    token: str = field(repr=False)


def authorise_publisher(
    session: Session, publisher: str, *, principal: Principal
) -> catalog.PublisherView | Refusal:
    """Return the publisher, if its mirrors are this principal's business."""
    return catalog.authorise(session, publisher, Command.KEEP_MIRROR, principal=principal)


def authorise_model(
    session: Session, publisher: str, name: str, *, principal: Principal
) -> ModelView | Refusal:
    """Return the model, if its mirror is this principal's business."""
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = authorise_publisher(session, model.publisher, principal=principal)
    return found if isinstance(found, Refusal) else model


def store_token(
    session: Session,
    *,
    publisher: str,
    token: str,
    account: str,
    role: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> HubCredential | Refusal:
    """Store the token that the publisher's repositories are managed with; the one before is forgotten."""
    found = authorise_publisher(session, publisher, principal=principal)
    if isinstance(found, Refusal):
        return found
    assert principal.person_id is not None  # noqa: S101 - no service account may do this
    row = HubCredential(
        publisher_id=found.id,
        account=account[:100],
        role=role[:40],
        sealed_token=sealer.seal_system(token.encode(), _TOKEN_CONTEXT + found.id.bytes),
        stored_by=principal.person_id,
        stored_at=now,
    )
    store.put_credential(session, row)
    return row


def find_token(session: Session, publisher_id: UUID, *, sealer: Sealer) -> str | None:
    """Return the token of a publisher; None where none is stored, or it cannot be opened any more."""
    row = store.find_credential(session, publisher_id)
    try:
        return (
            sealer.open_system(row.sealed_token, _TOKEN_CONTEXT + publisher_id.bytes).decode()
            if row
            else None
        )
    except CorruptRecord:
        return None


def reseal_tokens(session: Session, *, sealer: Sealer, limit: int) -> int:
    """Seal some tokens anew that an older master key seals; return how many, 0 when none is left."""
    rows = store.list_older_credentials(session, sealer.is_older(HubCredential.sealed_token), limit=limit)
    for row in rows:
        row.sealed_token = sealer.reseal_system(row.sealed_token, _TOKEN_CONTEXT + row.publisher_id.bytes)
        session.add(row)
    return len(rows)


def link(
    session: Session,
    *,
    publisher: str,
    name: str,
    repository: str,
    group: str = "",
    principal: Principal,
    now: datetime,
) -> MirrorView | Refusal:
    """Pair the model with the repository; nothing happens at the Hub before somebody applies a plan."""
    model = authorise_model(session, publisher, name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if not is_repo_id(repository):
        return refusals.not_a_repository()
    assert principal.person_id is not None  # noqa: S101 - no service account may do this
    row = HubMirror(
        id=new_id(),
        model_id=model.id,
        repository=repository,
        repository_key=repository.lower(),
        gating_group=group[:60],
        linked_by=principal.person_id,
        linked_at=now,
        next_at=now,
        leased_until=now,
    )
    if not store.insert_mirror(session, row):
        return refusals.mirror_exists(model.repo_id, repository)
    return _view(session, model, row)


def unlink(
    session: Session, *, publisher: str, name: str, principal: Principal, now: datetime
) -> MirrorView | Refusal:
    """End the pairing; the repository stays as it is, and nothing is changed there any more."""
    found = find_mirror(session, publisher=publisher, name=name, principal=principal)
    if isinstance(found, Refusal):
        return found
    store.change_mirror(session, found.row.id, ended_at=now)
    catalog.note_hub_repository(session, found.model.id, "")
    session.refresh(found.row)
    return found


def find_mirror(session: Session, *, publisher: str, name: str, principal: Principal) -> MirrorView | Refusal:
    """Return how the mirror of a model stands."""
    model = authorise_model(session, publisher, name, principal=principal)
    if isinstance(model, Refusal):
        return model
    row = store.find_mirror(session, model.id)
    return refusals.no_mirror(model.repo_id) if row is None else _view(session, model, row)


def open_mirror(
    session: Session, *, publisher: str, name: str, principal: Principal, sealer: Sealer
) -> Access | Refusal:
    """Return the mirror with its token, for somebody who may look at it."""
    found = find_mirror(session, publisher=publisher, name=name, principal=principal)
    if isinstance(found, Refusal):
        return found
    token = find_token(session, found.model.publisher_id, sealer=sealer)
    if token is None:
        return refusals.no_token(found.model.publisher)
    return Access(mirror=found.row, model=found.model, token=token)


def claim(session: Session, mirror_id: UUID, *, keep: bool, now: datetime) -> bool:
    """Take a mirror for a pass, and keep it in step from now on if asked; False while somebody else has it."""
    if not store.claim(session, mirror_id, now=now, until=now + LEASE):
        return False
    store.close_open_intents(session, mirror_id)
    row = store.get_mirror(session, mirror_id)
    # What changes here while the pass is under way brings this forward, and `note_pass` sees it.
    store.change_mirror(session, mirror_id, next_at=now + LEASE)
    if keep and row.kept_since is None:
        store.change_mirror(session, mirror_id, kept_since=now)
        catalog.note_hub_repository(session, row.model_id, row.repository)
    return True


def wake(session: Session, task: catalog.PeopleChanged, *, now: datetime) -> None:
    """Let the repositories be looked at now that follow the gates of which the news is.

    One whose last pass failed is not asked more often than it would be otherwise.
    """
    models = (
        catalog.list_model_ids_of_gate(session, task.gate)
        if task.gate
        else store.list_kept_models_of(session, task.publisher)
    )
    for row in store.list_kept_among(session, models):
        soonest = now
        if row.failures and row.looked_at is not None:
            soonest = max(now, row.looked_at + LEAST_PAUSE)
        if row.next_at > soonest:
            store.change_mirror(session, row.id, next_at=soonest)


def note_pass(session: Session, mirror_id: UUID, result: Pass, *, began: datetime, now: datetime) -> None:
    """Record what a pass that began at this moment found and did, and when the next one is due."""
    row = store.get_mirror(session, mirror_id)
    failed = result.failure
    woken = row.next_at <= now
    failures = 0 if failed is None else row.failures + 1
    pause = max(LEAST_PAUSE, PAUSE_PER_MIRROR * store.count_kept(session))
    if failed is not None:
        pause = max(pause, timedelta(seconds=failed.retry_seconds))
        if failed.trouble is not Trouble.RATE_LIMITED:
            pause = max(pause, pause_after(failures))
    if woken and failed is None:
        pause = timedelta(0)
    values: dict[str, object] = {
        "next_at": now + pause,
        "leased_until": now,
        "failures": failures,
        "looked_at": now,
        "trouble": failed.trouble.value if failed else "",
        "trouble_words": failed.words[:300] if failed else "",
        "findings": msgspec.json.encode(_find(result)),
    }
    if result.is_settled:
        values |= {"settled_at": now, "revision": result.revision[:64]}
        place = {"model_id": row.model_id, "repository": row.repository}
        disclosure_store.note_done(session, **place, before=began, now=now)  # type: ignore[arg-type] # of several types
    store.change_mirror(session, mirror_id, **values)


def begin(session: Session, mirror_id: UUID, deed: Deed, *, now: datetime) -> UUID | None:
    """Put a call on record; None where the mirror has ended or is somebody else's by now."""
    row = store.get_mirror(session, mirror_id)
    if row.ended_at is not None or row.leased_until <= now:
        return None
    store.change_mirror(session, mirror_id, leased_until=now + LEASE)
    return store.insert_intent(session, mirror_id, deed, now=now)


def settle(session: Session, intent_id: UUID, answer: Answered | Failed, *, now: datetime) -> None:
    """Record what the Hub answered."""
    failed = isinstance(answer, Failed)
    store.answer_intent(
        session,
        intent_id,
        IntentOutcome.FAILED if failed else IntentOutcome.DONE,
        trouble=answer.trouble.value if isinstance(answer, Failed) else "",
        hub_request_id=answer.hub_request_id,
        now=now,
    )


def _find(result: Pass) -> Findings:
    done: dict[str, int] = {}
    drifts: dict[str, int] = {}
    for action in result.done:
        done[action.deed.value] = done.get(action.deed.value, 0) + 1
    for one in result.noticed:
        drifts[one.drift.value] = drifts.get(one.drift.value, 0) + 1
    found = result.last or result.plan
    return Findings(
        done=done,
        drifts=drifts,
        waiting=found.waiting if found else 0,
        granted=found.granted if found else 0,
    )


def _view(session: Session, model: ModelView, row: HubMirror) -> MirrorView:
    credential = store.find_credential(session, model.publisher_id)
    return MirrorView(
        model=model,
        row=row,
        findings=msgspec.json.decode(row.findings, type=Findings),
        account=credential.account if credential else None,
        intents=tuple(store.list_intents(session, row.id, limit=INTENTS_SHOWN)),
        card=store.find_card(session, row.id),
        weights=find_weights(session, row.id),
    )
