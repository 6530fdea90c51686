"""Acts that arrive together are recorded in one commit: the way from the acceptance page to `accepting`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry import catalog
from registry.acceptances.accepting import Declared, Refused, accept_all, declare
from registry.acceptances.acts import Act
from registry.acceptances.declaration import OwnAct
from registry.acceptances.domain import AcceptanceSummary, AcceptLicense, Ticket
from registry.acceptances.refusals import asked_no_longer
from registry.acceptances.remembered import Texts
from registry.acceptances.sd_jwt import Sign
from registry.acceptances.together import merge_refusals
from registry.catalog.domain import ModelView
from registry.identity.domain import ANONYMOUS, Principal
from registry.kernel.clock import Clock
from registry.kernel.database import Batch, Database
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer
from registry.kernel.synchronisation import ClockWatch

BATCHES_AT_ONCE_POSTGRESQL = 2
"""One signs and seals while the other waits for the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedForm:
    """A form that was sent from the acceptance page of a model."""

    publisher: str
    model: str
    principal: Principal
    sign: Sign
    read: Callable[[ModelView, Sequence[ModelView]], Sequence[AcceptLicense]]
    """Reads the form for the model whose page it was, by the questions of the gates that ask for each text."""
    tickets: Sequence[Ticket | None] = (None,)
    """What the page showed, text by text; None where a ticket is not ours."""
    own: OwnAct | None = None
    """The sender's own signature over the whole act; without a challenge while it is yet to be signed."""


class Acceptor:
    """Records what people accept; one per process. Forms that arrive together share one commit."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        issuer: str,
        watch: ClockWatch | None = None,
        sign_in_age: timedelta | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._watch = watch or ClockWatch()
        self._sealer = sealer
        self._issuer = issuer
        self._sign_in_age = sign_in_age
        self._texts = Texts()
        at_once = 1 if database.dialect == "sqlite" else BATCHES_AT_ONCE_POSTGRESQL
        self._batch: Batch[PostedForm, Sequence[AcceptanceSummary] | Refusal | CorruptRecord] = Batch(
            database.submit, self._accept_posted, at_once=at_once
        )

    async def accept(self, posted: PostedForm) -> Sequence[AcceptanceSummary] | Refusal:
        """Return the acceptances of all texts of the form, durable by then, or why none was accepted.

        Raises:
            Unavailable: the database cannot be reached; nothing was accepted.
            CorruptRecord: what is stored about the person or the text does not fit; nothing was accepted.
        """
        outcome = await self._batch.submit(posted)
        if isinstance(outcome, CorruptRecord):
            raise outcome
        return outcome

    async def declare(self, posted: PostedForm) -> Declared | Refusal:
        """Return what the sender is to sign, if the form counts as it stands; nothing is recorded.

        Raises:
            Unavailable: the database cannot be reached.
            CorruptRecord: what is stored about the person or the text does not fit.
        """
        return await self._database.write(lambda session: self._declare_posted(session, posted))

    def _declare_posted(self, session: Session, posted: PostedForm) -> Declared | Refusal:
        (model,) = _find_models(session, [posted])
        if isinstance(model, Refusal):
            return model
        acts = self._read(session, posted, model, self._clock.now())
        if isinstance(acts, Refusal):
            return acts
        outcome = declare(session, acts, texts=self._texts)
        if isinstance(outcome, Refused):
            return merge_refusals([act.model for act in acts], outcome.parts)
        return outcome

    def _accept_posted(
        self, session: Session, posted: Sequence[PostedForm]
    ) -> Sequence[Sequence[AcceptanceSummary] | Refusal | CorruptRecord]:
        now = self._clock.now()
        read = [
            model if isinstance(model, Refusal) else self._read(session, form, model, now)
            for form, model in zip(posted, _find_models(session, posted), strict=True)
        ]
        acts = [parts for parts in read if not isinstance(parts, Refusal)]
        outcomes = iter(accept_all(session, acts, texts=self._texts))
        return [parts if isinstance(parts, Refusal) else _told(parts, next(outcomes)) for parts in read]

    def _read(
        self, session: Session, form: PostedForm, model: ModelView, now: datetime
    ) -> Sequence[Act] | Refusal:
        """Return the acts that a form states, each with the model whose gate asks for it."""
        wanted = [ticket.model_id if ticket else None for ticket in form.tickets] or [None]
        known: Mapping[UUID | None, ModelView] = {None: model}
        if any(wanted):
            seen, _ = catalog.find_asking(session, model, form.principal)
            known = {**known, **{one.id: one for one in seen}}
        shown = [(ticket.model_id, ticket.license_version_id) for ticket in form.tickets if ticket]
        if any(one not in known for one in wanted) or len(set(shown)) < len(wanted) > 1:
            return asked_no_longer(f"/{model.repo_id}/accept")
        asking = [known[one] for one in wanted]
        commands = form.read(model, asking)
        challenge = form.own.challenge if form.own else None
        chosen = (
            challenge.parts if challenge and len(challenge.parts) == len(asking) else [None] * len(asking)
        )
        texts = len({ticket.license_version_id if ticket else None for ticket in form.tickets}) or 1
        state = self._watch.state()
        return [
            Act(
                command=command,
                principal=form.principal,
                model=one,
                issuer=self._issuer,
                sign=form.sign,
                sealer=self._sealer,
                now=now,
                clock_state=state,
                sign_in_age=self._sign_in_age,
                asked_for=model,
                texts=texts,
                own=form.own,
                chosen=part,
            )
            for one, command, part in zip(asking, commands, chosen, strict=True)
        ]


def _told(
    acts: Sequence[Act], outcome: Sequence[AcceptanceSummary] | Refused | CorruptRecord
) -> Sequence[AcceptanceSummary] | Refusal | CorruptRecord:
    if isinstance(outcome, Refused):
        return merge_refusals([act.model for act in acts], outcome.parts)
    return outcome


def _find_models(session: Session, posted: Sequence[PostedForm]) -> Sequence[ModelView | Refusal]:
    """Return the model of each form, or why its sender may not know of it. A public one is looked up once."""
    public: dict[tuple[str, str], ModelView | Refusal] = {}
    found: list[ModelView | Refusal] = []
    for form in posted:
        name = (form.publisher, form.model)
        if name not in public:
            public[name] = catalog.find_model(
                session, publisher=form.publisher, name=form.model, principal=ANONYMOUS
            )
        model = public[name]
        if isinstance(model, Refusal):
            model = catalog.find_model(
                session, publisher=form.publisher, name=form.model, principal=form.principal
            )
        found.append(model)
    return found
