"""What the page of an organisation's groups shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.identity.organisation_domain import OrganisationView
from registry.identity.organisation_group_domain import (
    MEMBERSHIP_LIFETIME,
    GroupView,
    group_page,
    strange_letters,
)
from registry.identity.organisation_views import Draft
from registry.identity.providers import Provider
from registry.kernel.page_parts import Badge, FieldKind, FormField, Option, Shape, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """A group of the organisation."""

    name: str
    strange: str
    """Letters of the name that look like others; empty where there are none."""
    provider: str
    asked_at: datetime
    state: Badge
    confirm_url: str | None
    end_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsView:
    """`identity/organisation_groups.html`."""

    organisation: str
    organisation_url: str
    days: int
    groups: Sequence[GroupLine]
    provider: FormField | None
    """None: nobody here asks for a group."""
    group: FormField
    post_url: str


def groups_view(
    found: OrganisationView,
    listed: Sequence[GroupView],
    providers: Sequence[Provider],
    draft: Draft,
    *,
    operates: bool,
) -> GroupsView:
    """Return the groups; the form only for officers, and where a provider tells groups."""
    names = {one.issuer: one.name for one in providers if one.groups_claim}
    offered = [one for one in providers if one.groups_claim]
    here = group_page(found.id)
    return GroupsView(
        organisation=found.name,
        organisation_url=f"/organisations/{found.id}",
        days=MEMBERSHIP_LIFETIME.days,
        groups=[
            GroupLine(
                name=one.name,
                strange=strange_letters(one.name),
                provider=names.get(one.issuer, one.issuer),
                asked_at=one.asked_at,
                state=_state(one, is_told=one.issuer in names),
                confirm_url=f"{here}/{one.id}/confirm" if operates and one.confirmed_at is None else None,
                end_url=f"{here}/{one.id}/end",
            )
            for one in listed
        ],
        provider=_provider(offered, draft) if found.is_officer and offered else None,
        group=FormField(
            name="group",
            label="Group",
            value=draft.fields.get("group", ""),
            required=True,
            error=draft.errors.get("group"),
            why="Letter by letter as the provider writes it.",
        ),
        post_url=here,
    )


def _provider(offered: Sequence[Provider], draft: Draft) -> FormField:
    chosen = draft.fields.get("provider", "")
    return FormField(
        name="provider",
        label="Provider",
        kind=FieldKind.SELECT,
        value=chosen,
        required=True,
        options=[Option(value=one.id, label=one.name, chosen=one.id == chosen) for one in offered],
        error=draft.errors.get("provider"),
    )


def _state(one: GroupView, *, is_told: bool) -> Badge:
    if one.confirmed_at is None:
        return Badge(word="Waits for an operator", shape=Shape.WAITING, tone=Tone.WAIT)
    if not is_told:
        return Badge(word="The provider tells no groups now", shape=Shape.WARNING, tone=Tone.STOP)
    return Badge(word="Makes members", shape=Shape.DONE, tone=Tone.OK)
