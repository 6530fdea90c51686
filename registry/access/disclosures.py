"""Use cases of people who want to be let in at the Hub too: they let the registry name their account there.

Whoever asks at the Hub by themself is let in without any of this. Letting in somebody who did not ask tells the Hub,
and the owners of the repository there, that this account may download the model: so it takes the person's own word, for
one repository and one account, and is taken back as easily.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity
from registry.access import disclosure_store
from registry.access.domain import Permit
from registry.access.service import explain
from registry.access.tables import HubDisclosure
from registry.catalog.domain import ModelView, model_url
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.restriction_domain import use_restricted
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class HubStanding:
    """How a person stands with the repository of the Hub that follows a model."""

    model: ModelView
    accounts: Sequence[identity.ProvedAccount]
    """The accounts of that Hub that they have proved."""
    standing: HubDisclosure | None
    is_permitted: bool
    """Whether they may download here, and so would be let in there."""

    @property
    def account(self) -> identity.ProvedAccount | None:
        """The account that is named; None where none is, or it was removed since."""
        wanted = self.standing.account_id if self.standing else None
        return next((one for one in self.accounts if one.id == wanted), None)


def find_standing(
    session: Session,
    *,
    publisher: str,
    name: str,
    issuer: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> HubStanding | Refusal:
    """Return how the person stands at the Hub, where a repository there follows the model."""
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if principal.channel is not Channel.SESSION or principal.person_id is None:
        return not_signed_in(hub_page(model))
    if not model.hub_repository:
        return nothing_follows(model)
    person_id = principal.person_id
    verdict = explain(session, principal, publisher=model.publisher, model=model.name, now=now)
    standing = disclosure_store.find_standing(session, person_id=person_id, model_id=model.id)
    return HubStanding(
        model=model,
        accounts=identity.list_proved_accounts(session, [person_id], issuer=issuer, sealer=sealer),
        standing=standing if standing and standing.repository == model.hub_repository else None,
        is_permitted=isinstance(verdict, Permit),
    )


def agree(
    session: Session,
    *,
    publisher: str,
    name: str,
    account: str,
    repository: str,
    issuer: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> HubStanding | Refusal:
    """Let the account be named at the repository that the page named; it is let in there while the person may download.

    What stood before for another account ends.
    """
    given = {"publisher": publisher, "name": name, "issuer": issuer, "sealer": sealer, "now": now}
    found = find_standing(session, **given, principal=principal)  # type: ignore[arg-type] # the dict's values are of several types
    if isinstance(found, Refusal):
        return found
    person_id = principal.person_id
    assert person_id is not None  # noqa: S101 - find_standing has seen to it
    if since := identity.find_restricted_since(session, person_id):
        return use_restricted(since, nothing="Nothing was told to the Hub.")
    chosen = next((one for one in found.accounts if str(one.id) == account), None)
    if chosen is None or repository != found.model.hub_repository:
        return account_missing(found.model)
    if found.account is None or found.account.id != chosen.id:
        disclosure_store.end_disclosures(session, person_id=person_id, model_id=found.model.id, now=now)
        # A second window that agreed at the same moment has said the same, or is shown what stands.
        disclosure_store.insert_disclosure(
            session,
            HubDisclosure(
                id=new_id(),
                person_id=person_id,
                model_id=found.model.id,
                repository=found.model.hub_repository,
                account_id=chosen.id,
                agreed_at=now,
            ),
        )
        catalog.tell_followers_of_gate(session, found.model.gate.id, now=now)
    return find_standing(session, **given, principal=principal)  # type: ignore[arg-type] # as above


def take_back(
    session: Session, *, publisher: str, name: str, principal: Principal, now: datetime
) -> ModelView | Refusal:
    """Name the person at the Hub no more; they are taken off the list there by the next pass."""
    model = catalog.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if principal.channel is not Channel.SESSION or principal.person_id is None:
        return not_signed_in(hub_page(model))
    disclosure_store.end_disclosures(session, person_id=principal.person_id, model_id=model.id, now=now)
    catalog.tell_followers_of_gate(session, model.gate.id, now=now)
    return model


def stands(session: Session, *, person_id: UUID, model_id: UUID, repository: str) -> bool:
    """Whether the person lets themself be named at the repository at this very moment."""
    found = disclosure_store.find_standing(session, person_id=person_id, model_id=model_id)
    return found is not None and found.repository == repository


def hub_page(model: ModelView) -> str:
    """Return the path of the page where a person says so."""
    return f"{model_url(model.publisher, model.name)}/hub"


def nothing_follows(model: ModelView) -> Refusal:
    """Return the refusal where no repository of the Hub follows the model."""
    return Refusal(
        code="hub-not-followed",
        status=409,
        title="No repository of the Hub follows this model",
        detail="Its files are had here alone, so there is nothing to be let in to elsewhere.",
        remedy=Remedy(text="Go to the model", url=model_url(model.publisher, model.name)),
    )


def account_missing(model: ModelView) -> Refusal:
    """Return the refusal of naming an account that the person has not proved, or another repository than shown."""
    return Refusal(
        code="hub-account-missing",
        status=422,
        title="Nothing was told to the Hub",
        detail="Only an account that you have signed in with can be named, at the repository that the page shows.",
        remedy=Remedy(
            text="Choose one of your accounts on the page, or prove one there", url=hub_page(model)
        ),
        decider="You do",
        errors={"account": "choose one of your accounts"},
    )
