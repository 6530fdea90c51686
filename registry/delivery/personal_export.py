"""Everything the registry holds about one person, as one JSON document that streams (GDPR articles 15 and 20)."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import acceptances, access, catalog, identity, licenses
from registry.acceptances.domain import AcceptanceSummary
from registry.catalog import equivalence_store
from registry.delivery import holds, reading, schemas, store, updates
from registry.delivery.personal_imports import list_asked, list_imports
from registry.delivery.store import Filter
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.exports import ROWS_PER_READ, pages_of
from registry.kernel.outcomes import GatehouseError

FORMAT = "gatehouse-personal-data/1"

Item = tuple[UUID, Mapping[str, Any]]


async def write_personal_data(desk: Desk, principal: Principal) -> AsyncIterator[bytes]:
    """Yield the document piece by piece: what is short first, then the lists page by page.

    `principal` is the person, in a browser.
    """
    person_id = principal.person_id
    if person_id is None:
        raise GatehouseError("only a person has personal data to export")

    def requests(session: Session, desk: Desk, _: UUID, after: UUID | None) -> Sequence[Item]:
        return _requests(session, desk, principal, after)

    head = await desk.database.read(lambda session: _head(session, desk, person_id))
    yield msgspec.json.encode(head)[:-1]
    for name, load in (
        ("acceptances", _acceptances),
        ("acknowledgements", _acknowledgements),
        ("imports", list_imports),
        ("access_requests", requests),
        ("downloads", _downloads),
        ("refused_requests", _refused),
        ("looks", _looks),
        ("notices", _notices),
        ("releases_to_give_up", _releases_to_give_up),
        ("equivalence_decisions", _equivalence_decisions),
        ("second_person_decisions", _second_person_decisions),
    ):
        yield f',"{name}":['.encode()
        async for piece in _write_list(desk, person_id, load):
            yield piece
        yield b"]"
    yield b"}\n"


async def _write_list(
    desk: Desk, person_id: UUID, load: Callable[[Session, Desk, UUID, UUID | None], Sequence[Item]]
) -> AsyncIterator[bytes]:
    async def read(after: UUID | None) -> Sequence[Item]:
        return await desk.database.read(lambda session: load(session, desk, person_id, after))

    first = True
    async for rows in pages_of(read, lambda item: item[0]):
        yield (b"" if first else b",") + b",".join(msgspec.json.encode(value) for _, value in rows)
        first = False


def _head(session: Session, desk: Desk, person_id: UUID) -> dict[str, Any]:
    profile = identity.open_profile(session, person_id=person_id, sealer=desk.sealer)
    return {
        "format": FORMAT,
        "registry": desk.settings.base_url,
        "made_at": iso(desk.clock.now()),
        "person": {
            "id": str(person_id),
            "email": profile.email if profile else None,
            "verified_at": iso(profile.verified_at) if profile and profile.verified_at else None,
            "created_at": iso(profile.created_at) if profile else None,
        },
        **_ways(session, desk, person_id),
        "organisations": _memberships(session, person_id),
        "tokens": [
            {
                "id": str(token.id),
                "name": token.name,
                "scopes": [scope.value for scope in token.scopes],
                "created_at": iso(token.created_at),
                "expires_at": iso(token.expires_at),
                "last_used_at": iso(token.last_used_at) if token.last_used_at else None,
                "revoked_at": iso(token.revoked_at) if token.revoked_at else None,
            }
            for token in identity.list_tokens(session, person_id=person_id)
        ],
        "programs": _programs(session, desk, person_id),
        "service_accounts": _sponsored(session, desk, person_id),
        "sessions": [
            {
                "started_at": iso(one.created_at),
                "expires_at": iso(one.expires_at),
                "browser": one.user_agent,
                "ended_at": iso(one.revoked_at) if one.revoked_at else None,
            }
            for one in identity.list_sessions(session, person_id=person_id)
        ],
        **list_asked(session, desk, person_id),
        "declarations": {
            kind.value: {"value": said.value, "at": iso(said.at)}
            for kind, said in identity.list_declarations(session, person_id=person_id).items()
        },
        "roles": [
            {"publisher": role.publisher, "role": role.role.value, "granted_at": iso(role.granted_at)}
            for role in catalog.list_roles_of(session, person_id=person_id)
        ],
        "holds": holds.export_holds(session, person_id=person_id),
        "blocks": [
            {
                "publisher": str(publisher_id) if publisher_id else None,
                "reason": block.reason,
                "since": iso(block.blocked_at),
                "until": iso(block.until) if block.until else None,
                "lifted_at": iso(block.lifted_at) if block.lifted_at else None,
            }
            for publisher_id, block in access.list_blocks_of_person(session, person_id=person_id)
        ],
    }


def _ways(session: Session, desk: Desk, person_id: UUID) -> dict[str, Any]:
    """How the person signs in besides by mail."""
    ways = identity.list_ways(session, person_id=person_id, sealer=desk.sealer)
    return {
        "accounts": [
            {
                "issuer": account.issuer,
                "subject": account.subject,
                "name": account.name,
                "linked_at": iso(account.created_at),
                "last_used_at": iso(account.last_used_at),
            }
            for account in ways.accounts
        ],
        "passkeys": [
            {
                "name": passkey.name,
                "backed_up": passkey.backed_up,
                "created_at": iso(passkey.created_at),
                "last_used_at": iso(passkey.last_used_at) if passkey.last_used_at else None,
            }
            for passkey in ways.passkeys
        ],
        "ssh_keys": [
            {
                "name": one.name,
                "key": one.key.line,
                "created_at": iso(one.created_at),
                "last_used_at": iso(one.last_used_at) if one.last_used_at else None,
            }
            for one in identity.list_ssh_keys(session, person_id=person_id, sealer=desk.sealer)
        ],
    }


def _memberships(session: Session, person_id: UUID) -> list[dict[str, Any]]:
    """By what the person belongs, and belonged, to organisations."""
    return [
        {
            "organisation": name,
            "officer": member.is_officer,
            "by": member.source,
            "since": iso(member.since),
            "until": iso(member.until) if member.until else None,
            "ended_at": iso(member.ended_at) if member.ended_at else None,
            "ended_by": member.ended_by,
        }
        for member, name in identity.list_memberships(session, person_id=person_id)
    ]


def _sponsored(session: Session, desk: Desk, person_id: UUID) -> list[dict[str, Any]]:
    """Service accounts that the person answers for."""
    return [
        {
            "id": str(account.id),
            "name": account.name,
            "organisation": account.organisation,
            "created_at": iso(account.created_at),
            "ended_at": iso(account.ended_at) if account.ended_at else None,
        }
        for account in identity.list_sponsored(session, person_id=person_id, now=desk.clock.now())
    ]


def _programs(session: Session, desk: Desk, person_id: UUID) -> list[dict[str, Any]]:
    """Programs that the person has signed in."""
    return [
        {
            "id": str(login.id),
            "name": login.name,
            "network": login.network,
            "scopes": [scope.value for scope in login.scopes],
            "created_at": iso(login.created_at),
            "expires_at": iso(login.expires_at) if login.expires_at else None,
            "last_used_at": iso(login.last_used_at) if login.last_used_at else None,
            "ended_at": iso(login.ended_at) if login.ended_at else None,
        }
        for login in identity.list_logins(session, person_id=person_id, sealer=desk.sealer)
    ]


def _acceptances(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    wanted = acceptances.Filter(person_id=person_id)
    rows = acceptances.list_opened(
        session, wanted, sealer=desk.sealer, reader=person_id, after=after, limit=ROWS_PER_READ
    )
    return [
        (
            row.summary.id,
            {
                **_summary(row.summary, desk.settings.base_url),
                "name": row.name,
                "email": row.email,
                "answers": dict(row.answers),
                "circumstances": dict(row.circumstances),
                "log_index": row.entry_index,
            },
        )
        for row in rows
    ]


def _acknowledgements(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    """What the person acknowledged that others accepted for their organisation."""
    del desk
    rows = acceptances.list_acknowledgements(session, person_id=person_id, after=after, limit=ROWS_PER_READ)
    return [
        (
            row.acceptance_id,
            {
                "acceptance": str(row.acceptance_id),
                "organisation": str(acceptance.organisation_id),
                "acknowledged_at": iso(row.acknowledged_at),
            },
        )
        for row, acceptance in rows
    ]


def _requests(session: Session, desk: Desk, principal: Principal, after: UUID | None) -> Sequence[Item]:
    """What the person asked and was answered, as far as their own pages show it; reviewers stay unnamed."""
    office = access.Office(
        principal=principal, sealer=desk.sealer, base_url=desk.settings.base_url, now=desk.clock.now()
    )
    rows = access.open_own_requests(session, office, after=after, limit=ROWS_PER_READ)
    return [
        (
            row.id,
            {
                "id": str(row.id),
                "model": row.model.repo_id,
                "state": row.state.value,
                "started_at": iso(row.started_at),
                "access_until": iso(row.grant_ends_at) if row.grant_ends_at else None,
                "draft": {"answers": dict(row.draft.answers), "note": row.draft.note} if row.draft else None,
                "steps": [
                    {
                        "at": iso(step.at),
                        "event": step.event.value,
                        "by_you": step.actor_id == principal.person_id,
                        "reason": step.reason.value if step.reason else None,
                        "note": step.note,
                        "answers": dict(step.answers),
                    }
                    for step in row.steps
                ],
            },
        )
        for row in rows
    ]


def _summary(row: AcceptanceSummary, base_url: str) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "model": f"{row.publisher}/{row.model}",
        "license": f"{row.slug}@{row.number}",
        "text_sha256": row.text_sha256,
        "grade": row.grade.value,
        "accepted_at": iso(row.accepted_at),
        "withdrawn_at": iso(row.withdrawn_at) if row.withdrawn_at else None,
        "receipt_url": f"{base_url}/api/v1/receipts/{row.id}",
    }


def _downloads(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    del desk
    rows = reading.list_downloads(session, Filter(person_id=person_id), after=after, limit=ROWS_PER_READ)
    shown = [(row.id, msgspec.to_builtins(schemas.view_download(row, None))) for row in rows]
    # The person is who asks; every record would repeat it.
    hidden = {"email", "person_id"}
    return [(key, {name: value for name, value in row.items() if name not in hidden}) for key, row in shown]


def _refused(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    del desk
    rows = store.list_refused(session, person_id=person_id, after=after, limit=ROWS_PER_READ)
    names = catalog.name_models(session, [row.model_id for row in rows])
    return [
        (
            row.id,
            {
                "refused_at": iso(row.refused_at),
                "model": "/".join(names[row.model_id]),
                "path": row.path,
                "code": row.code,
            },
        )
        for row in rows
    ]


def _looks(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    """Who looked is the publisher's matter; that, where, when and how is the person's.

    Where `publisher` is null, operators of the registry looked at everything.
    """
    del desk
    since_by_gate = acceptances.first_accepted(session, person_id=person_id)
    rows = catalog.list_looks_at(
        session,
        person_id=person_id,
        gate_ids=list(since_by_gate),
        since=min(since_by_gate.values(), default=None),
        after=after,
        limit=ROWS_PER_READ,
    )
    return [
        (
            row.id,
            {
                "looked_at": iso(row.looked_at),
                "publisher": row.publisher,
                "what": row.what.value,
                "only_you": row.subject_id is not None,
                "export": row.export,
                "reason": row.reason,
            },
        )
        for row in rows
    ]


def _notices(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    """What stands in the person's inbox, newest first."""
    rows = identity.list_notices(
        session, person_id=person_id, sealer=desk.sealer, after=after, limit=ROWS_PER_READ
    )
    return [
        (
            row.id,
            {
                "at": iso(row.at),
                "read_at": iso(row.read_at) if row.read_at else None,
                "kind": row.message.kind,
                "subject": row.message.subject,
                "text": row.message.text,
                "page": row.message.page,
            },
        )
        for row in rows
    ]


def _releases_to_give_up(session: Session, desk: Desk, person_id: UUID, after: UUID | None) -> Sequence[Item]:
    del desk
    rows = updates.list_told_to(session, person_id=person_id, after=after, limit=ROWS_PER_READ)
    return [
        (
            row.mark.id,
            {
                "model": row.repo_id,
                "release": row.mark.commit,
                "replacement": row.mark.replacement,
                "reason": row.mark.reason,
                "update_by": iso(row.mark.update_by),
                "told_at": iso(row.told.told_at),
                "downloaded": row.told.downloaded,
                "answers": {state.value: iso(at) for state, at in row.told.answers.items()},
            },
        )
        for row in rows
    ]


def _equivalence_decisions(
    session: Session, desk: Desk, person_id: UUID, after: UUID | None
) -> Sequence[Item]:
    """Decisions about licenses that the person made or withdrew; the name is theirs only where they made it."""
    rows = equivalence_store.list_parts_of(
        session, person_id=person_id, sealer=desk.sealer, before=after, limit=ROWS_PER_READ
    )
    return [
        (
            row.decision.id,
            {
                "base": row.decision.base,
                "base_license": row.decision.base_license,
                "model": row.decision.model,
                "own_license": row.decision.own_license,
                "restrictions": row.decision.restrictions,
                "reason": row.decision.reason,
                "name": row.decision.name if row.decided else None,
                "decided_at": iso(row.decision.decided_at),
                "ended_at": iso(row.decision.ended_at) if row.decision.ended_at else None,
                "end_reason": row.decision.end_reason,
                "you": [
                    act for act, theirs in (("decided", row.decided), ("withdrew", row.withdrew)) if theirs
                ],
            },
        )
        for row in rows
    ]


def _second_person_decisions(
    session: Session, desk: Desk, person_id: UUID, after: UUID | None
) -> Sequence[Item]:
    """What the person said as a second person of the change classes of license versions."""
    del desk
    rows = licenses.list_verdicts_by(session, person_id=person_id, before=after, limit=ROWS_PER_READ)
    return [
        (
            row.version_id,
            {
                "license": licenses.get_version_by_id(session, row.version_id).reference,
                "outcome": row.outcome.value,
                "compared_with": licenses.get_version_by_id(session, row.compared_with).reference,
                "reason": row.reason,
                "decided_at": iso(row.given_at),
            },
        )
        for row in rows
    ]
