"""Use cases of groups that make members: an officer asks, an operator confirms, either ends it."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.identity import group_membership
from registry.identity import organisation_group_store as store
from registry.identity.domain import Principal
from registry.identity.id_tokens import GROUP_MAX_CHARACTERS, is_group_name
from registry.identity.notices import notify
from registry.identity.organisation_domain import OrganisationView, malformed_organisation, officer_needed
from registry.identity.organisation_group_domain import (
    GROUPS_MOST,
    GroupView,
    group_asked_for,
    group_page,
    group_unknown,
    operator_needed,
)
from registry.identity.organisation_tables import OrganisationGroup
from registry.identity.organisations import get_organisation
from registry.identity.providers import Provider
from registry.identity.ways import WAYS_CHANGE_AGE, judge_freshness
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

GROUP_CHANGED = "organisation.group"
"""Kind of the log's entries about them."""
OPERATORS_MOST = 100


def ask_for_group(
    session: Session,
    organisation_id: UUID,
    *,
    provider: Provider | None,
    name: str,
    principal: Principal,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> GroupView | Refusal:
    """Note that an officer wants people in the group to be members; operators are told, nobody joins yet."""
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)
    if isinstance(found, Refusal):
        return found
    assert principal.person_id is not None  # noqa: S101 - an officer is a person
    errors = {}
    if provider is None or not provider.groups_claim:
        errors["provider"] = "Choose one of the offered providers"
    if not is_group_name(name):
        errors["group"] = f"Write the group as the provider does, in 1 to {GROUP_MAX_CHARACTERS} characters"
    elif len(store.list_groups(session, organisation_id, limit=GROUPS_MOST)) == GROUPS_MOST:
        errors["group"] = f"There are {GROUPS_MOST} groups already; end one first"
    if errors or provider is None:
        return malformed_organisation(errors)
    row = OrganisationGroup(
        id=new_id(),
        organisation_id=organisation_id,
        issuer=provider.issuer,
        name=name,
        salt=secrets.token_bytes(16),
        asked_by=principal.person_id,
        asked_at=now,
    )
    if not store.insert_group(session, row):
        return malformed_organisation({"group": "This group was asked for already"})
    message = group_asked_for(organisation_id, found.name, provider=provider.name, group=name)
    operators = store.list_operators(session, limit=OPERATORS_MOST)
    notify(session, operators, message, base_url=base_url, sealer=sealer, now=now)
    return _view(row)


def confirm_group(
    session: Session, organisation_id: UUID, group_id: UUID, *, principal: Principal, now: datetime
) -> GroupView | Refusal:
    """Let the group make members from each one's next sign-in on; an operator does it, and it is in the log.

    One that is confirmed already stays as it is.
    """
    page = group_page(organisation_id)
    found = get_organisation(session, organisation_id, principal=principal, now=now)
    if isinstance(found, Refusal):
        return found
    if not _operates(principal):
        return operator_needed(page)
    if refusal := judge_freshness(principal, most=WAYS_CHANGE_AGE, back_to=page, now=now):
        return refusal
    row = store.lock_group(session, group_id, organisation_id=organisation_id)
    if row is None:
        return group_unknown(page)
    if row.confirmed_at is not None:
        return _view(row)
    leaf = group_leaf(row, "confirmed", at=now)
    entry_id = ledger.append(session, kind=GROUP_CHANGED, leaf=leaf, now=now)
    values = {"confirmed_by": principal.person_id, "confirmed_at": now, "entry_id": entry_id}
    store.update_group(session, row.id, values)
    return GroupView(id=row.id, issuer=row.issuer, name=row.name, asked_at=row.asked_at, confirmed_at=now)


def end_group(
    session: Session, organisation_id: UUID, group_id: UUID, *, principal: Principal, now: datetime
) -> OrganisationView | Refusal:
    """End a group, and at once the memberships by it, as an officer or an operator; who loses theirs is told."""
    found = _authorise(session, organisation_id, principal, now)
    if isinstance(found, Refusal):
        return found
    row = store.lock_group(session, group_id, organisation_id=organisation_id)
    if row is None:
        return group_unknown(group_page(organisation_id))
    values: dict[str, object] = {"ended_by": principal.person_id, "ended_at": now}
    if row.confirmed_at is not None:
        leaf = group_leaf(row, "ended", at=now)
        values["end_entry_id"] = ledger.append(session, kind=GROUP_CHANGED, leaf=leaf, now=now)
        store.end_all_by_group(session, row.id, now=now)
        group_membership.put_task(session, group_membership.Task(group_id=row.id), now=now)
    store.update_group(session, row.id, values)
    return found


def list_groups(
    session: Session, organisation_id: UUID, *, principal: Principal, now: datetime
) -> tuple[OrganisationView, Sequence[GroupView]] | Refusal:
    """Return the organisation and its groups, asked for and confirmed, to its officers and to operators."""
    found = _authorise(session, organisation_id, principal, now)
    if isinstance(found, Refusal):
        return found
    return found, [_view(row) for row in store.list_groups(session, organisation_id, limit=GROUPS_MOST)]


def group_leaf(row: OrganisationGroup, act: str, *, at: datetime) -> bytes:
    """Return the ledger leaf of a confirmation or an end; it names nobody, and the group by a salted digest."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": GROUP_CHANGED,
            "act": act,
            "at": iso(at),
            "organisation": str(row.organisation_id),
            "group": str(row.id),
            "group_digest": sha256(row.salt + f"{row.issuer}\n{row.name}".encode()),
        }
    )


def _authorise(
    session: Session, organisation_id: UUID, principal: Principal, now: datetime
) -> OrganisationView | Refusal:
    found = get_organisation(session, organisation_id, principal=principal, now=now)
    if isinstance(found, Refusal):
        return found
    if principal.session_id is None or not (found.is_officer or _operates(principal)):
        return officer_needed(f"/organisations/{organisation_id}")
    return found


def _operates(principal: Principal) -> bool:
    return principal.is_operator and principal.session_id is not None


def _view(row: OrganisationGroup) -> GroupView:
    return GroupView(
        id=row.id, issuer=row.issuer, name=row.name, asked_at=row.asked_at, confirmed_at=row.confirmed_at
    )
