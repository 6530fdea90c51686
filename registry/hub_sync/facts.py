"""What the registry says of the people whom a Hub repository shows, by the same decision as everywhere else."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity
from registry.access import crowds, disclosure_store
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.prerequisites import CountrySource
from registry.hub_sync import store
from registry.hub_sync.domain import Account, Actual, Desired, Person, Wish, is_hub_id, merge
from registry.hub_sync.tables import HubMirror
from registry.identity import ProvedAccount
from registry.kernel.sealing import Sealer

CROWD_MOST = 20_000
"""People of a gate whose accounts are looked through by name, where the Hub tells no ids."""


def desire(
    session: Session,
    mirror: HubMirror,
    actual: Actual,
    *,
    issuer: str,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> Desired:
    """Return what the registry says now of everybody whom the Hub shows and who has proved the account."""
    model = catalog.get_model(session, mirror.model_id)
    said = disclosure_store.list_open(session, model_id=model.id, repository=mirror.repository)
    asked = {one.person_id: one.account_id for one in said if one.ended_at is None}
    leaving = {one.person_id for one in said} - asked.keys()
    shown = _find_accounts(session, model, actual, issuer=issuer, sealer=sealer, now=now)
    named = identity.list_proved_accounts(session, sorted(asked), issuer=issuer, sealer=sealer)
    by_person: dict[UUID, dict[UUID, ProvedAccount]] = {}
    for one in [*shown, *(one for one in named if asked[one.person_id] == one.id)]:
        by_person.setdefault(one.person_id, {})[one.id] = one
    wishes = list_wishes(session, mirror, by_person.keys(), now=now)
    people = tuple(
        Person(
            id=person_id,
            wish=wishes[person_id],
            accounts=tuple(_account(one) for one in proved.values()),
            asks=_account(proved[asked[person_id]]) if asked.get(person_id) in proved else None,
            leaves=person_id in leaving,
        )
        for person_id, proved in by_person.items()
    )
    return Desired(
        repo_id=mirror.repository,
        page=f"{base_url}/{model.repo_id}",
        people=people,
        revision=mirror.revision,
        settled=mirror.settled_at is not None,
    )


def _account(proved: ProvedAccount) -> Account:
    return Account(person_id=proved.person_id, subject=proved.subject, name=proved.name)


def list_wishes(
    session: Session, mirror: HubMirror, people: Collection[UUID], *, now: datetime
) -> Mapping[UUID, Wish]:
    """Return what is said of the people; where the Hub gates several repositories as one, the least of all models."""
    models = [catalog.get_model(session, one) for one in store.list_model_ids_of_unit(session, mirror)]
    return merge([wishes_of(session, model, people, now=now) for model in models])


def wishes_of(
    session: Session, model: ModelView, people: Collection[UUID], *, now: datetime
) -> Mapping[UUID, Wish]:
    """Return what the registry says of each of the people at one model."""
    gate = model.gate
    barred = crowds.list_barred(session, model.publisher_id, people, now=now)
    # Stored only: taken off the Hub without a word of why, for that is their own matter.
    stored = frozenset(identity.list_restricted(session))
    if gate.mode is GateMode.CLOSED:
        return {one: Wish.BARRED if one in barred else Wish.SUSPENDED for one in people}
    permitted = (
        frozenset()
        if looks_at_networks(model)
        else crowds.list_permitted(session, model, gate, people, now=now)
    )
    holdings = crowds.list_holdings(session, gate.id, model.publisher_id, people, now=now)
    demand = crowds.load_demand(session, gate)
    found = {}
    for one in people:
        held = holdings[one].accepted if one in holdings else frozenset()
        if one in barred:
            found[one] = Wish.BARRED
        elif one in stored:
            found[one] = Wish.SUSPENDED
        elif one in permitted:
            found[one] = Wish.PERMITTED
        elif held and not crowds.may(held, demand, approved=True, now=now):
            found[one] = Wish.SUPERSEDED
        else:
            found[one] = Wish.WAITING
    return found


def looks_at_networks(model: ModelView) -> bool:
    """Whether the gate looks at each download from where it comes, which the Hub does not do for it."""
    country = model.gate.prerequisites.country
    return country is not None and country.source is CountrySource.NETWORK


def _find_accounts(
    session: Session, model: ModelView, actual: Actual, *, issuer: str, sealer: Sealer, now: datetime
) -> Sequence[ProvedAccount]:
    subjects = {one.user_id for one in actual.applicants if is_hub_id(one.user_id)}
    found = [
        *identity.find_proved_accounts(session, subjects, issuer=issuer, sealer=sealer),
        *_find_by_address(session, actual, sealer=sealer),
    ]
    if all(is_hub_id(one.user_id) for one in actual.applicants):
        return found
    crowd = crowds.list_crowd(session, model.gate.id, most=CROWD_MOST, now=now)
    others = identity.list_proved_accounts(session, sorted(crowd.people), issuer=issuer, sealer=sealer)
    return list({(one.person_id, one.subject): one for one in [*found, *others]}.values())


def _find_by_address(session: Session, actual: Actual, *, sealer: Sealer) -> list[ProvedAccount]:
    """Return the people here whose address is the one by which another registry calls somebody: both have verified it."""
    found = []
    for one in actual.applicants:
        if one.address is None:
            continue
        person_id = identity.find_shown_by_email(session, email=one.address, sealer=sealer)
        if person_id is not None:
            account = ProvedAccount(id=person_id, person_id=person_id, subject=one.user_id, name=one.address)
            found.append(account)
    return found
