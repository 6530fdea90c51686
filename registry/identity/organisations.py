"""Use cases of organisations: found one, prove a domain, members and officers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import cover_telling, domain_store, membership, service
from registry.identity import organisation_store as store
from registry.identity.domain import (
    Principal,
    digest_of,
    invalid_email,
    new_secret,
    normalise_email,
    not_signed_in,
)
from registry.identity.organisation_domain import (
    LINK_LIFETIME,
    MEMBERS_PER_PAGE,
    PROOF_LIFETIME,
    DomainView,
    EndedBy,
    MemberView,
    OrganisationView,
    Record,
    Source,
    domain_of,
    judge_claim,
    judge_name,
    last_officer,
    malformed_organisation,
    no_such_organisation,
    officer_needed,
    proof_unknown,
)
from registry.identity.organisation_tables import Organisation, OrganisationDomain, OrganisationMember
from registry.kernel import mail
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer


def found_organisation(
    session: Session, *, name: str, principal: Principal, now: datetime
) -> OrganisationView | Refusal:
    """Return a new organisation; who founds it is its first officer."""
    if principal.person_id is None or principal.session_id is None:
        return not_signed_in("/organisations")
    if errors := judge_name(name):
        return malformed_organisation(errors)
    row = Organisation(id=new_id(), name=name.strip(), created_by=principal.person_id, created_at=now)
    store.insert_organisation(session, row)
    store.insert_member(
        session,
        OrganisationMember(
            id=new_id(), organisation_id=row.id, person_id=principal.person_id, is_officer=True, since=now
        ),
    )
    return _view(session, row, is_officer=True)


def claim_domain(
    session: Session,
    *,
    organisation_id: UUID,
    domain: str,
    mailbox: str | None,
    principal: Principal,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> OrganisationView | Refusal:
    """Mail a link to the one who runs the domain, or name a DNS record to be set: either proves it.

    A record that was named before is named again, so that what is set already goes on to count.
    """
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)
    if isinstance(found, Refusal):
        return found
    assert principal.person_id is not None  # noqa: S101 - an officer is a person
    profile = service.open_profile(session, person_id=principal.person_id, sealer=sealer)
    own = domain_of(profile.email) if profile and profile.verified_at else ""
    wanted = domain.strip().lower().rstrip(".")
    if errors := judge_claim(wanted, mailbox, own):
        return malformed_organisation(errors)
    claim = OrganisationDomain(
        id=new_id(),
        organisation_id=organisation_id,
        domain=wanted,
        claimed_by=principal.person_id,
        claimed_at=now,
    )
    if mailbox is None:
        store.lock_organisation(session, organisation_id)
        if domain_store.find_record_claim(session, organisation_id, domain=wanted) is None:
            claim.challenge = new_secret()
            store.insert_domain(session, claim)
        return _again(session, found)
    secret = new_secret()
    claim.mailbox, claim.secret_digest = mailbox, digest_of(secret)
    store.insert_domain(session, claim)
    letter = _proof_letter(found.name, claim, link=f"{base_url}/organisations/prove?secret={secret}")
    mail.queue(session, letter, sealer=sealer, now=now)
    return _again(session, found)


def find_claim(session: Session, *, secret: str, now: datetime) -> tuple[str, str] | Refusal:
    """Return the domain and the organisation's name that a mailed secret would prove; nothing is changed."""
    claim = store.find_domain_by_secret(session, digest_of(secret))
    owner = store.find_organisation(session, claim.organisation_id) if claim else None
    if (
        claim is None
        or owner is None
        or claim.proved_at is not None
        or now - claim.claimed_at > LINK_LIFETIME
    ):
        return proof_unknown()
    return claim.domain, owner.name


def prove_domain(session: Session, *, secret: str, now: datetime) -> tuple[str, str] | Refusal:
    """Note that the domain is the organisation's, for a year; who has an address there is let in after it."""
    claimant = store.find_claimant(session, digest_of(secret))
    if claimant is None:
        return proof_unknown()
    # Two proofs of one domain end each other's claims, and who joins meanwhile must not keep the one that ends.
    store.lock_organisation(session, claimant)
    found = find_claim(session, secret=secret, now=now)
    claim = store.find_domain_by_secret(session, digest_of(secret))
    if isinstance(found, Refusal) or claim is None:
        return found
    store.prove_domain(session, claim, now=now, valid_until=now + PROOF_LIFETIME)
    membership.put_task(session, membership.Task(domain_id=claim.id), now=now)
    return found


def name_member(
    session: Session,
    *,
    organisation_id: UUID,
    email: str,
    is_officer: bool,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> OrganisationView | Refusal:
    """Make the person with an address a member or an officer, known here or not."""
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)
    if isinstance(found, Refusal):
        return found
    address = normalise_email(email)
    if address is None:
        return invalid_email(email)
    person_id = service.ensure_person(session, email=address, sealer=sealer, now=now)
    standing = store.find_named(session, organisation_id=organisation_id, person_id=person_id)
    if standing is not None:
        store.set_officer(session, standing.id, is_officer=is_officer or standing.is_officer)
        return _again(session, found)
    row = OrganisationMember(
        id=new_id(), organisation_id=organisation_id, person_id=person_id, is_officer=is_officer, since=now
    )
    store.insert_member(session, row)
    return _again(session, found)


def end_membership(
    session: Session, *, organisation_id: UUID, person_id: UUID, principal: Principal, now: datetime
) -> OrganisationView | Refusal:
    """End a membership: one's own, or as an officer anybody's; the last officer stays."""
    page = f"/organisations/{organisation_id}"
    if principal.session_id is None:
        return not_signed_in(page)
    leaves = principal.person_id == person_id
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=not leaves)
    if isinstance(found, Refusal):
        return found
    member = store.find_member(session, organisation_id=organisation_id, person_id=person_id, now=now)
    if member is None:
        return no_such_organisation()
    if member.is_officer and store.count_officers(session, organisation_id) == 1:
        return last_officer(page)
    by = EndedBy.SELF if leaves else EndedBy.OFFICER
    store.end_members(session, organisation_id=organisation_id, person_id=person_id, ended_by=by, now=now)
    if not leaves:
        removed = cover_telling.MemberRemoved(organisation_id=organisation_id, person_id=person_id)
        cover_telling.put_removed(session, removed, now=now)
    return _again(session, found)


def get_organisation(
    session: Session, organisation_id: UUID, *, principal: Principal, now: datetime, as_officer: bool = False
) -> OrganisationView | Refusal:
    """Return the organisation for a member or an operator, or, if asked so, for an officer in a web session."""
    if principal.person_id is None:
        return not_signed_in("/organisations")
    row = store.find_organisation(session, organisation_id)
    member = store.find_member(
        session, organisation_id=organisation_id, person_id=principal.person_id, now=now
    )
    is_officer = member is not None and member.is_officer
    operates = principal.is_operator and principal.session_id is not None
    if row is None or not (member is not None or operates):
        return no_such_organisation()
    if as_officer and not (is_officer and principal.session_id is not None):
        return officer_needed(f"/organisations/{organisation_id}")
    return _view(session, row, is_officer=is_officer)


def list_organisations(
    session: Session, *, principal: Principal, now: datetime
) -> Sequence[OrganisationView]:
    """Return the organisations that the caller belongs to."""
    if principal.person_id is None:
        return ()
    views = []
    for row in store.list_of_person(session, principal.person_id, now=now):
        member = store.find_member(session, organisation_id=row.id, person_id=principal.person_id, now=now)
        views.append(_view(session, row, is_officer=member is not None and member.is_officer))
    return views


def list_members(
    session: Session, organisation_id: UUID, *, principal: Principal, now: datetime, after: UUID | None = None
) -> Sequence[MemberView] | Refusal:
    """Return a page of the members, oldest first, for officers."""
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)
    if isinstance(found, Refusal):
        return found
    rows = store.list_members(session, organisation_id, after=after, limit=MEMBERS_PER_PAGE, now=now)
    by_person: dict[UUID, list[tuple[OrganisationMember, str]]] = {}
    for row, of in rows:
        by_person.setdefault(row.person_id, []).append((row, of))
    return [
        MemberView(
            id=held[0][0].id,
            person_id=person_id,
            is_officer=any(row.is_officer for row, _ in held),
            grounds=tuple((Source(row.source), of) for row, of in held),
            since=held[0][0].since,
        )
        for person_id, held in by_person.items()
    ]


def _proof_letter(name: str, claim: OrganisationDomain, *, link: str) -> mail.Mail:
    return mail.Mail(
        to=f"{claim.mailbox}@{claim.domain}",
        subject=f"Does {name} control {claim.domain}?",
        text=(
            f"Somebody with an address at {claim.domain} says that {name} controls this domain. If you confirm\n"
            "it, officers of that organisation can accept licenses for everybody with an address there.\n\n"
            f"To confirm, open this page within three days and press the button:\n\n{link}\n\n"
            "If this is not right, there is nothing to do.\n"
        ),
    )


def _again(session: Session, found: OrganisationView) -> OrganisationView:
    row = store.find_organisation(session, found.id)
    return _view(session, row, is_officer=found.is_officer) if row else found


def _view(session: Session, row: Organisation, *, is_officer: bool) -> OrganisationView:
    return OrganisationView(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        domains=tuple(
            DomainView(
                id=claim.id,
                domain=claim.domain,
                mailbox=claim.mailbox,
                record=Record(domain=claim.domain, challenge=claim.challenge) if claim.challenge else None,
                claimed_at=claim.claimed_at,
                proved_at=claim.proved_at,
                valid_until=claim.valid_until,
                missing_since=claim.missing_since,
            )
            for claim in store.list_domains(session, row.id)
        ),
        is_officer=is_officer,
        suspended_at=row.suspended_at,
        suspended_by_operator=row.suspended_by_operator,
        members_until=row.members_until,
        acknowledge_from=row.acknowledge_from,
    )
