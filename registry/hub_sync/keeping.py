"""Passes over mirrors: what speaks to the Hub, between two transactions and never inside one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from sqlmodel import Session

from registry import catalog
from registry.access import disclosures
from registry.hub_sync import facts, refusals, service, store
from registry.hub_sync.answers import Budget, WhoamiAnswer, estimate_seconds, is_repo_id
from registry.hub_sync.applying import Answered, Failed, Pass, Trouble, run_pass
from registry.hub_sync.card_keeping import CardReport, keep_card, terms_of
from registry.hub_sync.card_keeping import look as look_at_card
from registry.hub_sync.cards import Side
from registry.hub_sync.domain import Action, Actual, Deed, Desired, Drift, Plan, Wish, plan
from registry.hub_sync.service import MirrorView
from registry.hub_sync.weight_keeping import (
    Listing,
    WeightsSeen,
    compare_listing,
    find_listing,
    keep_weights,
    notice,
    read_listing,
)
from registry.identity.domain import Principal
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from registry.settings import Settings

if TYPE_CHECKING:
    from registry.hub_sync.hub import HubSession

T = TypeVar("T")
READ_ONLY_ROLE = "read"
DUE_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A plan that was made now and not carried out."""

    mirror: MirrorView
    actual: Actual
    plan: Plan
    seconds: int
    """How long it would take within our share of the account's requests."""
    card: CardReport
    weights: WeightsSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Speaks to the Hub of the settings on behalf of mirrors."""

    database: Database
    sealer: Sealer
    clock: Clock
    base_url: str
    endpoint: str
    private: bool

    @classmethod
    def of(cls, settings: Settings, *, database: Database, sealer: Sealer, clock: Clock) -> "Keeper":
        """Return the keeper of an installation."""
        return cls(
            database=database,
            sealer=sealer,
            clock=clock,
            base_url=settings.base_url,
            endpoint=settings.hub_endpoint,
            private=settings.hub_private_network,
        )

    async def store_token(
        self, *, publisher: str, token: str, principal: Principal
    ) -> WhoamiAnswer | Refusal:
        """Store a token, once the Hub has said whose it is and that it is not for reading alone."""
        found = await self._read(
            lambda session: service.authorise_publisher(session, publisher, principal=principal)
        )
        if isinstance(found, Refusal):
            return found
        who = await asyncio.to_thread(lambda: self.open_session(token).who())
        if isinstance(who, Failed):
            return refusals.hub_said_no(who)
        if who.role == READ_ONLY_ROLE:
            return refusals.token_unfit(who.role)
        stored = await self.database.write(
            lambda session: service.store_token(
                session,
                publisher=publisher,
                token=token,
                account=who.label,
                role=who.role,
                principal=principal,
                sealer=self.sealer,
                now=self.clock.now(),
            )
        )
        return stored if isinstance(stored, Refusal) else who

    async def link(
        self, *, publisher: str, name: str, repository: str, group: str, principal: Principal
    ) -> MirrorView | Refusal:
        """Pair a model with a repository at which the publisher's token can manage access."""

        def prepare(session: Session) -> str | Refusal:
            model = service.authorise_model(session, publisher, name, principal=principal)
            if isinstance(model, Refusal):
                return model
            if not is_repo_id(repository):
                return refusals.not_a_repository()
            token = service.find_token(session, model.publisher_id, sealer=self.sealer)
            return refusals.no_token(model.publisher) if token is None else token

        token = await self._read(prepare)
        if isinstance(token, Refusal):
            return token
        failed = await asyncio.to_thread(lambda: self.open_session(token).may_manage(repository))
        if failed is not None:
            return refusals.hub_said_no(failed)
        return await self.database.write(
            lambda session: service.link(
                session,
                publisher=publisher,
                name=name,
                repository=repository,
                group=group,
                principal=principal,
                now=self.clock.now(),
            )
        )

    async def look(self, *, publisher: str, name: str, principal: Principal) -> Outlook | Refusal:
        """Return what a pass would do now; nothing is changed. The look is recorded: it shows who applied at the Hub."""

        def prepare(session: Session) -> service.Access | Refusal:
            access = service.open_mirror(
                session, publisher=publisher, name=name, principal=principal, sealer=self.sealer
            )
            if not isinstance(access, Refusal):
                catalog.record_look(
                    session,
                    catalog.Looked.ACCEPTANCES,
                    principal=principal,
                    publisher_id=access.model.publisher_id,
                    now=self.clock.now(),
                )
            return access

        access = await self.database.write(prepare)
        if isinstance(access, Refusal):
            return access

        def read() -> tuple[Actual | Failed, Budget, CardReport, Listing]:
            session = self.open_session(access.token)
            actual = session.read(access.mirror.repository)
            if isinstance(actual, Failed):
                return actual, session.budget, CardReport(), Listing()
            card = self._look_at_card(session, access, actual)
            return actual, session.budget, card, self._look_at_weights(session, access, actual)

        actual, budget, card, listing = await asyncio.to_thread(read)
        if isinstance(actual, Failed):
            return refusals.hub_said_no(actual)

        def judge(session: Session) -> Outlook | Refusal:
            view = service.find_mirror(session, publisher=publisher, name=name, principal=principal)
            if isinstance(view, Refusal):
                return view
            found = plan(self._desire(session, view.row.id, actual), actual)
            weights = compare_listing(session, view.model.id, listing)
            return Outlook(
                mirror=view,
                actual=actual,
                plan=replace(found, noticed=(*found.noticed, *notice(weights))),
                seconds=estimate_seconds(len(found.actions), budget),
                card=card,
                weights=weights,
            )

        return await self._read(judge)

    async def apply(
        self, *, publisher: str, name: str, principal: Principal, prefer: Side | None = None
    ) -> tuple[MirrorView, Pass] | Refusal:
        """Bring the repository in line now, and keep it so from now on.

        `prefer` says whose card is taken this once where both sides changed it.
        """

        def take(session: Session) -> service.Access | Refusal:
            access = service.open_mirror(
                session, publisher=publisher, name=name, principal=principal, sealer=self.sealer
            )
            if isinstance(access, Refusal):
                return access
            if not service.claim(session, access.mirror.id, keep=True, now=self.clock.now()):
                return refusals.mirror_busy()
            return access

        access = await self.database.write(take)
        if isinstance(access, Refusal):
            return access
        result = await asyncio.to_thread(lambda: self.pass_over(access.mirror.id, prefer=prefer))
        view = await self._read(
            lambda session: service.find_mirror(session, publisher=publisher, name=name, principal=principal)
        )
        return view if isinstance(view, Refusal) else (view, result)

    def pass_over(self, mirror_id: UUID, *, prefer: Side | None = None) -> Pass:
        """Bring a claimed mirror in line, note what came of it and give it free; blocks its thread.

        The card comes last, and only where the Hub lets in nobody whom the registry does not.
        """

        def load(session: Session) -> tuple[str, str | None]:
            row = store.get_mirror(session, mirror_id)
            model = catalog.get_model(session, row.model_id)
            return row.repository, service.find_token(session, model.publisher_id, sealer=self.sealer)

        began = self.clock.now()
        repository, token = self.database.read_now(load)
        if token is None:
            words = "no token of the Hub is stored"
            result = Pass(failure=Failed(trouble=Trouble.TOKEN_REFUSED, words=words))
        else:
            hub = self.open_session(token)
            result = run_pass(hub, _Book(keeper=self, mirror_id=mirror_id), repository)
            if result.is_settled and not any(one.drift is Drift.REPO_RENAMED for one in result.noticed):
                result.revision = keep_card(
                    hub,
                    self.database,
                    mirror_id,
                    repo_id=repository,
                    revision=result.revision,
                    prefer=prefer,
                    base_url=self.base_url,
                    clock=self.clock,
                )
                result.noticed += keep_weights(
                    hub,
                    self.database,
                    mirror_id,
                    repo_id=repository,
                    revision=result.revision,
                    clock=self.clock,
                )
        self.database.write_now(
            lambda session: service.note_pass(session, mirror_id, result, began=began, now=self.clock.now())
        )
        return result

    def _look_at_card(self, hub: "HubSession", access: service.Access, actual: Actual) -> CardReport:
        row, terms = self.database.read_now(
            lambda session: (
                store.find_card(session, access.mirror.id),
                terms_of(session, access.mirror, base_url=self.base_url),
            )
        )
        found = look_at_card(hub, row, terms, repo_id=actual.repo_id, revision=actual.revision, prefer=None)
        return (
            CardReport(trouble=f"{found.trouble.value}: {found.words}")
            if isinstance(found, Failed)
            else found.report
        )

    def _look_at_weights(self, hub: "HubSession", access: service.Access, actual: Actual) -> Listing:
        """Return the Hub's list of large files of this commit, read if it was not before."""
        found = self.database.read_now(lambda session: find_listing(session, access.mirror.id))
        if found.revision == actual.revision:
            return found
        return read_listing(
            hub, repo_id=actual.repo_id, revision=actual.revision, known=found, now=self.clock.now()
        )

    def claim_due(self) -> list[UUID]:
        """Take the mirrors whose time has come."""
        now = self.clock.now()
        due = self.database.read_now(lambda session: store.list_due(session, now=now, limit=DUE_MOST))

        def take(session: Session) -> list[UUID]:
            return [one for one in due if service.claim(session, one, keep=False, now=now)]

        return self.database.write_now(take) if due else []

    def _desire(self, session: Session, mirror_id: UUID, actual: Actual) -> Desired:
        return facts.desire(
            session,
            store.get_mirror(session, mirror_id),
            actual,
            issuer=self.endpoint,
            base_url=self.base_url,
            sealer=self.sealer,
            now=self.clock.now(),
        )

    def open_session(self, token: str) -> "HubSession":
        """Return the account of the token at the Hub; used from one thread at a time."""
        # Most processes never speak to the Hub, and its library takes a third of a second to load.
        from registry.hub_sync.hub import HubSession  # noqa: PLC0415

        return HubSession(endpoint=self.endpoint, token=token, private=self.private)

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self.database.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What the registry knows and records about one mirror while a pass goes over it."""

    keeper: Keeper
    mirror_id: UUID

    def desire(self, actual: Actual) -> Desired:
        """Return what the registry says now."""
        return self.keeper.database.read_now(
            lambda session: self.keeper._desire(session, self.mirror_id, actual)  # noqa: SLF001 - one adapter
        )

    def begin(self, action: Action) -> UUID | None:
        """Record that the action is about to be done, if the registry still wants it at this very moment."""
        now = self.keeper.clock.now()

        def work(session: Session) -> UUID | None:
            if action.deed.gives and not self._is_permitted(session, action):
                return None
            return service.begin(session, self.mirror_id, action.deed, now=now)

        return self.keeper.database.write_now(work)

    def settle(self, intent_id: UUID, answer: Answered | Failed) -> None:
        """Record what became of it."""
        now = self.keeper.clock.now()
        self.keeper.database.write_now(lambda session: service.settle(session, intent_id, answer, now=now))

    def _is_permitted(self, session: Session, action: Action) -> bool:
        if action.person_id is None:
            return False
        row = store.get_mirror(session, self.mirror_id)
        named = {"person_id": action.person_id, "model_id": row.model_id, "repository": row.repository}
        if action.deed is Deed.GRANT and not disclosures.stands(session, **named):  # type: ignore[arg-type] # of several types
            return False
        wishes = facts.list_wishes(session, row, [action.person_id], now=self.keeper.clock.now())
        return wishes[action.person_id] is Wish.PERMITTED
