"""What the pages of a publisher's staff are given: publishing, roles, blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from urllib.parse import quote
from uuid import UUID

from registry import access, catalog
from registry.access import REASON_MAX_CHARACTERS, BlockSummary
from registry.access.panel import gate_badge
from registry.catalog.domain import Command, Role, RoleView, UploadState, may_any, model_url
from registry.identity.domain import Profile, nameless
from registry.kernel.page_parts import Badge, FieldKind, FormField, Option, Pager, Shape, Tone
from registry.kernel.page_parts import Command as Line

PAGE_MODELS = 50
PAGE_BLOCKS = 50
_EXPLAINED = {
    Role.OWNER: "everything, also giving and ending roles",
    Role.MAINTAINER: "publish releases, change gates, block people, read the records",
    Role.REVIEWER: "review access requests, read the records",
    Role.AUDITOR: "read the records and export them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form as it was sent, for showing it again with what is to be mended."""

    fields: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def publishing_view(
    publisher: catalog.PublisherView,
    roles: Sequence[Role],
    models: Sequence[catalog.ListedModel],
    uploads: Sequence[catalog.UploadLine],
    *,
    stored: Mapping[UUID, int],
    people: Mapping[UUID, Profile],
    after: UUID | None,
    base_url: str,
) -> SimpleNamespace:
    """Return what was released and what is on its way; `models` holds one more where the list goes on."""
    here = f"/manage/{quote(publisher.name)}"
    more = len(models) > PAGE_MODELS
    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles),
        models=[_model(model) for model in models[:PAGE_MODELS]],
        uploads=[_upload(upload, stored, people) for upload in uploads],
        pager=(
            Pager(
                said="Newest first",
                next_url=f"{here}?after={models[PAGE_MODELS - 1].model_id}" if more else None,
                next_label="Older models",
                first_url=here if after else None,
            )
            if more or after
            else None
        ),
        commands=publish_commands(publisher.name, base_url=base_url)
        if may_any(roles, Command.PUBLISH_RELEASE)
        else [],
        import_url=f"{here}/hub" if may_any(roles, Command.KEEP_MIRROR) else None,
    )


def publish_commands(publisher: str, *, base_url: str) -> Sequence[Line]:
    """Return how to publish from a terminal."""
    return [
        Line(label="Sign in once", text=f"gatehouse login --endpoint {base_url}"),
        Line(
            label="Publish a folder as a release",
            text=f"gatehouse publish ./folder {publisher}/model --license slug@1.0 --endpoint {base_url}",
        ),
    ]


def _model(model: catalog.ListedModel) -> SimpleNamespace:
    is_open = model.is_open
    return SimpleNamespace(
        name=model.name,
        url=model_url(model.publisher, model.name),
        private=model.private,
        gate=gate_badge(model.mode, is_open=is_open),
        gate_url=f"{model_url(model.publisher, model.name)}/gate",
        hub_url=f"/manage/{model.publisher}/models/{model.name}/hub",
        release=(
            SimpleNamespace(
                commit=model.commit, ref="main", at=model.published_at, size=model.total_bytes or 0
            )
            if model.commit
            else None
        ),
        problem=None,
    )


def _upload(
    upload: catalog.UploadLine, stored: Mapping[UUID, int], people: Mapping[UUID, Profile]
) -> SimpleNamespace:
    state = {
        UploadState.OPEN: Badge(word="Being sent", shape=Shape.OPEN, tone=Tone.WAIT),
        UploadState.VERIFYING: Badge(word="Being checked", shape=Shape.WAITING, tone=Tone.WAIT),
        UploadState.STORED: Badge(word="Stored", shape=Shape.DONE, tone=Tone.OK),
        UploadState.FAILED: Badge(word="Refused", shape=Shape.ENDED, tone=Tone.STOP),
    }[upload.state]
    return SimpleNamespace(
        sha256=upload.sha256,
        size=upload.size,
        stored=stored.get(upload.id, 0) if upload.state is UploadState.OPEN else upload.size,
        state=state,
        problem=upload.problem,
        model=upload.model or "a new model",
        by=_email(people, upload.started_by),
        started_at=upload.started_at,
    )


def roles_view(
    publisher: catalog.PublisherView,
    roles: Sequence[Role],
    members: Sequence[RoleView],
    *,
    people: Mapping[UUID, Profile],
    may_manage: bool,
    draft: Draft,
    is_operator: bool,
) -> SimpleNamespace:
    """Return who works for a publisher now."""
    live = [member for member in members if member.ended_at is None]
    live.sort(key=lambda member: (list(Role).index(member.role), member.granted_at))
    owners = sum(member.role is Role.OWNER for member in live)
    here = f"/manage/{quote(publisher.name)}/roles"

    def member_view(member: RoleView) -> SimpleNamespace:
        last_owner = member.role is Role.OWNER and owners == 1
        return SimpleNamespace(
            person=_email(people, member.person_id),
            role=member.role.value,
            granted_by=_email(people, member.granted_by) if member.granted_by else "an operator",
            granted_at=member.granted_at,
            end_url=f"{here}/{member.id}/end" if may_manage and not last_owner else None,
            note="The last owner stays." if may_manage and last_owner else None,
        )

    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles, is_operator=is_operator),
        members=[member_view(member) for member in live],
        explained=[SimpleNamespace(role=role.value, may=may) for role, may in _EXPLAINED.items()],
        email=FormField(
            name="email",
            label="E-mail address",
            kind=FieldKind.EMAIL,
            value=draft.fields.get("email", "")[:254],
            error=draft.errors.get("email"),
            why="The role is there as soon as somebody signs in with this address.",
        ),
        role=FormField(
            name="role",
            label="Role",
            kind=FieldKind.SELECT,
            value=draft.fields.get("role", ""),
            error=draft.errors.get("role"),
            options=[Option(value=role.value, label=role.value.capitalize()) for role in Role],
        ),
        post_url=here if may_manage else None,
    )


def blocks_view(
    publisher: catalog.PublisherView,
    roles: Sequence[Role],
    blocks: Sequence[BlockSummary],
    *,
    people: Mapping[UUID, Profile],
    draft: Draft,
    after: UUID | None,
    now: datetime,
) -> SimpleNamespace:
    """Return whom a publisher keeps out; `blocks` holds one more where the list goes on."""
    here = f"/manage/{quote(publisher.name)}/blocks"
    more = len(blocks) > PAGE_BLOCKS

    def given(name: str) -> str:
        return draft.fields.get(name, "")[:REASON_MAX_CHARACTERS]

    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles),
        blocks=[_block(block, here, people, now) for block in blocks[:PAGE_BLOCKS]],
        subject=FormField(
            name="email",
            label="E-mail address",
            kind=FieldKind.EMAIL,
            value=given("email"),
            error=draft.errors.get("email"),
        ),
        reason=FormField(
            name="reason",
            label="Reason",
            value=given("reason"),
            why="One line. The person reads it.",
            error=draft.errors.get("reason"),
            max_characters=REASON_MAX_CHARACTERS,
        ),
        until=FormField(
            name="until",
            label="Until",
            kind=FieldKind.DATE,
            value=given("until"),
            why="The last day of the block (UTC). Left empty, it stands until it is lifted.",
            error=draft.errors.get("until"),
            required=False,
        ),
        post_url=here,
        pager=(
            Pager(
                said="Newest first",
                next_url=f"{here}?after={blocks[PAGE_BLOCKS - 1].id}" if more else None,
                next_label="Older blocks",
                first_url=here if after else None,
            )
            if more or after
            else None
        ),
    )


def _block(block: BlockSummary, here: str, people: Mapping[UUID, Profile], now: datetime) -> SimpleNamespace:
    live = block.is_live(now)
    return SimpleNamespace(
        who=_email(people, block.person_id),
        kind="person",
        reason=block.reason,
        since=block.blocked_at,
        until=block.lifted_at or block.until,
        by=_email(people, block.blocked_by),
        state=(
            Badge(word="Blocked", shape=Shape.CLOSED, tone=Tone.STOP)
            if live
            else Badge(word="Lifted" if block.lifted_at else "Ended", shape=Shape.ENDED)
        ),
        end_url=f"{here}/{block.id}/end" if live else None,
    )


def _email(people: Mapping[UUID, Profile], person_id: UUID) -> str:
    profile = people.get(person_id)
    return profile.email if profile else nameless(person_id)
