"""Acts that arrive together are recorded in one commit: the way from the acceptance page to `accepting`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from registry import catalog
from registry.acceptances.accepting import Act, Texts, accept_all
from registry.acceptances.domain import AcceptanceSummary, AcceptLicense
from registry.acceptances.sd_jwt import Sign
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
    read: Callable[[ModelView], AcceptLicense]
    """Reads the form by the questions that the model's gate asks."""


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
        self._clock = clock
        self._watch = watch or ClockWatch()
        self._sealer = sealer
        self._issuer = issuer
        self._sign_in_age = sign_in_age
        self._texts = Texts()
        at_once = 1 if database.dialect == "sqlite" else BATCHES_AT_ONCE_POSTGRESQL
        self._batch: Batch[PostedForm, AcceptanceSummary | Refusal | CorruptRecord] = Batch(
            database.submit, self._accept_posted, at_once=at_once
        )

    async def accept(self, posted: PostedForm) -> AcceptanceSummary | Refusal:
        """Do as the function `accept`; the acceptance is durable by then.

        Raises:
            Unavailable: the database cannot be reached; nothing was accepted.
            CorruptRecord: what is stored about the person or the text does not fit; nothing was accepted.
        """
        outcome = await self._batch.submit(posted)
        if isinstance(outcome, CorruptRecord):
            raise outcome
        return outcome

    def _accept_posted(
        self, session: Session, posted: Sequence[PostedForm]
    ) -> Sequence[AcceptanceSummary | Refusal | CorruptRecord]:
        now = self._clock.now()
        state = self._watch.state()
        found = _find_models(session, posted)
        acts = [
            Act(
                command=form.read(model),
                principal=form.principal,
                model=model,
                issuer=self._issuer,
                sign=form.sign,
                sealer=self._sealer,
                now=now,
                clock_state=state,
                sign_in_age=self._sign_in_age,
            )
            for form, model in zip(posted, found, strict=True)
            if not isinstance(model, Refusal)
        ]
        outcomes = iter(accept_all(session, acts, texts=self._texts))
        return [model if isinstance(model, Refusal) else next(outcomes) for model in found]


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
