"""The settings page of trust rules: which CI jobs get tokens of the signed-in person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from registry.identity import ci_exchange as service
from registry.identity.ci_domain import NewRule, RuleSummary, read_issuers
from registry.identity.device_pages import to_sign_in
from registry.identity.domain import Channel, Scope
from registry.identity.oauth_views import SCOPE_DETAILS
from registry.identity.service_account_domain import AccountView, malformed_account
from registry.identity.service_accounts import list_sponsored
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Option, Shape, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

MYSELF = "myself"
"""Value of the field where jobs act as the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A trust rule in the list."""

    id: str
    name: str
    job: str
    ref: str
    acts_as: str
    scopes: Sequence[str]
    last_used_at: datetime | None
    state: Badge
    end_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesView:
    """`identity/ci.html`."""

    rules: Sequence[RuleRow]
    fields: Sequence[FormField]
    scopes: Sequence[Option]
    scopes_error: str | None
    commands: Sequence[Command]
    offered: bool
    """Whether the operators have named any CI system."""
    post_url: str = "/settings/ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """The form as it was sent."""

    fields: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[Scope] = frozenset({Scope.READ})
    errors: Mapping[str, str] = field(default_factory=dict)


class CIPages(Controller):
    """Trust rules of the signed-in person; only a session may change them."""

    path = "/settings/ci"
    include_in_schema = False

    @get("/", operation_id="show_trust_rules")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """List the person's rules beside the form for a new one."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        return await _rules(desk, visit, _Draft())

    @post("/", operation_id="create_trust_rule", status_code=303)
    async def create(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Trust the jobs that the form names."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        scopes = frozenset(Scope(word) for word in form.lists.get("scopes", ()) if word in set(Scope))
        account_id = _read_account(form)
        if isinstance(account_id, Refusal):
            return await _rules(
                desk,
                visit,
                _Draft(fields=form.fields, scopes=scopes, errors=account_id.errors),
                status_code=422,
            )
        rule = NewRule(
            account_id=account_id,
            name=form.text("name"),
            issuer=form.text("issuer"),
            repository=form.text("repository").strip(),
            ref=form.text("ref").strip(),
            scopes=scopes,
        )
        now, issuers = desk.clock.now(), read_issuers(desk.settings.ci_issuers)
        made = await desk.database.write(
            lambda session: service.create_rule(
                session, principal=visit.principal, rule=rule, issuers=issuers, now=now
            )
        )
        if isinstance(made, Refusal) and made.status != 422:
            return refuse(request, made)
        if isinstance(made, Refusal):
            draft = _Draft(fields=form.fields, scopes=scopes, errors=made.errors)
            return await _rules(desk, visit, draft, status_code=made.status)
        return Redirect("/settings/ci", status_code=303)

    @post("/{rule_id:uuid}/end", operation_id="end_trust_rule", status_code=303)
    async def end(
        self, request: AnyRequest, desk: NamedDependency[Desk], rule_id: FromPath[UUID]
    ) -> Response[Any]:
        """End a rule, and the tokens that jobs got by it."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        await desk.database.write(
            lambda session: service.end_rule(session, person_id=person_id, rule_id=rule_id, now=now)
        )
        return Redirect("/settings/ci", status_code=303)


def _read_account(form: Form) -> UUID | Refusal | None:
    """Return the account that the jobs are to act as; never the person where the choice cannot be read."""
    chosen = form.fields.get("account", MYSELF)
    if chosen == MYSELF:
        return None
    try:
        return UUID(chosen)
    except ValueError:
        return malformed_account({"account": "Choose as whom its jobs act"})


async def _rules(desk: Desk, visit: Visit, draft: _Draft, *, status_code: int = 200) -> Response[Any]:
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - a session has its person
    now = desk.clock.now()
    rules, accounts = await desk.database.read(
        lambda session: (
            service.list_rules(session, person_id=person_id),
            list_sponsored(session, person_id=person_id, now=now),
        )
    )
    issuers = [issuer.url for issuer in read_issuers(desk.settings.ci_issuers)]
    view = RulesView(
        rules=[_row(rule) for rule in rules],
        fields=_fields(draft, issuers, [one for one in accounts if one.works]),
        scopes=[
            Option(value=scope.value, label=scope.value, detail=detail, chosen=scope in draft.scopes)
            for scope, detail in SCOPE_DETAILS.items()
        ],
        scopes_error=draft.errors.get("scopes"),
        commands=[
            Command(
                label="In the job, for any tool made for the Hub",
                text=f"export HF_ENDPOINT={desk.settings.base_url} HF_OIDC_RESOURCE=<id of the rule>",
            )
        ],
        offered=bool(issuers),
    )
    html = desk.pages.render("identity/ci.html", page=visit.page, view=view)
    return respond(html, status_code=status_code)


def _fields(draft: _Draft, issuers: Sequence[str], accounts: Sequence[AccountView]) -> Sequence[FormField]:
    chosen = draft.fields.get("issuer", issuers[0] if len(issuers) == 1 else "")
    texts = (
        ("name", "Name", "So that you recognise it later, such as “nightly build”."),
        ("repository", "Repository", "As the CI system writes it, such as acme/train."),
        ("ref", "Branch or tag", "In full: refs/heads/main, or refs/tags/v* for all that begin so."),
    )
    return [
        FormField(
            name="issuer",
            label="CI system",
            kind=FieldKind.SELECT,
            value=chosen,
            error=draft.errors.get("issuer"),
            options=[Option(value=url, label=url, chosen=url == chosen) for url in issuers],
        ),
        *(
            FormField(
                name=name,
                label=label,
                value=draft.fields.get(name, "")[:300],
                why=why,
                error=draft.errors.get(name),
                max_characters=60 if name == "name" else 300,
            )
            for name, label, why in texts
        ),
        *([_acts_as(draft, accounts)] if accounts else []),
    ]


def _acts_as(draft: _Draft, accounts: Sequence[AccountView]) -> FormField:
    chosen = draft.fields.get("account", MYSELF)
    named = [(str(one.id), f"{one.name}, of {one.organisation or 'you alone'}") for one in accounts]
    return FormField(
        name="account",
        label="Its jobs act as",
        kind=FieldKind.SELECT,
        value=chosen,
        error=draft.errors.get("account"),
        options=[
            Option(value=value, label=label, chosen=value == chosen)
            for value, label in [(MYSELF, "You"), *named]
        ],
    )


def _row(rule: RuleSummary) -> RuleRow:
    live = rule.ended_at is None
    state = (
        Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)
        if live
        else Badge(word="Ended", shape=Shape.ENDED)
    )
    return RuleRow(
        id=str(rule.id),
        name=rule.name,
        job=f"{rule.issuer.removeprefix('https://')}: {rule.repository}",
        ref=rule.ref,
        acts_as=rule.account or "you",
        scopes=[scope.value for scope in rule.scopes],
        last_used_at=rule.last_used_at,
        state=state,
        end_url=f"/settings/ci/{rule.id}/end" if live else None,
    )
