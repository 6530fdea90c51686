"""What the catalog's list is given, and the head of every page of one publisher."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from urllib.parse import urlencode
from uuid import UUID

from sqlmodel import Session

from registry import catalog
from registry.access.domain import decide
from registry.access.facts import Gathered
from registry.access.panel import gate_badge, own_badge
from registry.access.service import roles_at
from registry.catalog.domain import Command, GateKind, Role, may_any, model_url
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, Option, Pager

PAGE_MODELS = 30
_GATE_LABELS = {
    GateKind.OPEN: "Open, no gate",
    GateKind.AUTO: "Accept to download",
    GateKind.MANUAL: "Accept, then review",
    GateKind.CLOSED: "Closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogQuery:
    """What the catalog is narrowed by."""

    search: str
    gates: Sequence[GateKind]
    licenses: Sequence[str]
    after: UUID | None
    mine: bool = False
    """Only what the visitor may download."""

    def url(self, after: UUID | None) -> str:
        """Return the address of this list from another place on."""
        pairs = [("search", self.search)] if self.search else []
        pairs += [("gate", gate.value) for gate in self.gates]
        pairs += [("license", slug) for slug in self.licenses]
        pairs += [("mine", "true")] if self.mine else []
        pairs += [("after", str(after))] if after else []
        return f"/?{urlencode(pairs)}" if pairs else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """A model in the catalog."""

    publisher: str
    name: str
    url: str
    summary: str | None
    gate: Badge
    license: str | None
    size: int | None
    released_at: datetime | None
    mine: Badge | None
    private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogView:
    """`catalog/index.html`."""

    query: str
    mine: bool
    gates: Sequence[Option]
    licenses: Sequence[Option]
    models: Sequence[ModelLine]
    pager: Pager
    clear_url: str | None
    total: int | None = None
    """Not counted: counting a narrowed list costs more than showing it."""


def catalog_view(
    found: Sequence[catalog.ListedModel],
    *,
    query: CatalogQuery,
    gathered: Mapping[UUID, Gathered],
    requirements: Mapping[UUID, catalog.Requirement],
    license_titles: Mapping[str, str],
) -> CatalogView:
    """Return a page of the catalog; `found` holds one model more where the list goes on."""
    shown = found[:PAGE_MODELS]
    narrowed = bool(query.search or query.gates or query.licenses or query.mine)
    return CatalogView(
        query=query.search,
        mine=query.mine,
        gates=[
            Option(value=kind.value, label=label, chosen=kind in query.gates)
            for kind, label in _GATE_LABELS.items()
        ],
        licenses=[
            Option(value=slug, label=title, chosen=slug in query.licenses)
            for slug, title in license_titles.items()
        ],
        models=[_line(model, gathered.get(model.model_id), requirements) for model in shown],
        pager=Pager(
            said="Newest first",
            next_url=query.url(shown[-1].model_id) if len(found) > PAGE_MODELS else None,
            next_label="Older models",
            first_url=query.url(None) if query.after else None,
        ),
        clear_url="/" if narrowed else None,
    )


def _line(
    model: catalog.ListedModel, gathered: Gathered | None, requirements: Mapping[UUID, catalog.Requirement]
) -> ModelLine:
    asked = [requirements[version] for version in model.license_version_ids]
    named = f"{asked[0].title} {asked[0].number}" if asked else None
    if len(asked) > 1:
        named = f"{named} and {len(asked) - 1} more"
    return ModelLine(
        publisher=model.publisher,
        name=model.name,
        url=model_url(model.publisher, model.name),
        summary=model.summary or None,
        gate=gate_badge(
            model.mode,
            is_open=model.is_open and not (gathered and gathered.facts.requirements),
        ),
        license=named,
        size=model.total_bytes,
        released_at=model.published_at,
        mine=own_badge(decide(gathered.facts), gathered.facts) if gathered else None,
        private=model.private,
    )


def publisher_head(
    publisher: catalog.PublisherView,
    roles: Iterable[Role],
    *,
    is_operator: bool = False,
    waiting: int | None = None,
) -> SimpleNamespace:
    """Return what the pages of one publisher share; an address is None where the role does not reach.

    `waiting` is how many requests wait for a decision, where the page has counted them.
    """
    held = tuple(roles)
    here = f"/manage/{publisher.name}"

    def reach(command: Command, part: str) -> str | None:
        return f"{here}{part}" if may_any(held, command) else None

    looks = reach(Command.SEE_PRIVATE, "/roles") or (f"{here}/roles" if is_operator else None)
    return SimpleNamespace(
        name=publisher.name,
        display_name=publisher.display_name,
        role=held[0].value if held else "operator",
        waiting=waiting,
        urls={
            "publishing": reach(Command.SEE_PRIVATE, ""),
            "requests": reach(Command.REVIEW_REQUESTS, "/requests"),
            "acceptances": reach(Command.READ_RECORDS, "/acceptances"),
            "downloads": reach(Command.READ_RECORDS, "/downloads"),
            "roles": looks,
            "blocks": reach(Command.BLOCK_PEOPLE, "/blocks"),
            "webhooks": reach(Command.KEEP_WEBHOOK, "/webhooks"),
            "decisions": reach(Command.READ_RECORDS, "/decisions")
            or (f"{here}/decisions" if is_operator else None),
            "looks": reach(Command.MANAGE_ROLES, "/looks") or (f"{here}/looks" if is_operator else None),
        },
    )


def open_head(
    session: Session, publisher: str, command: Command, *, principal: Principal
) -> tuple[catalog.PublisherView, SimpleNamespace] | Refusal:
    """Return a publisher and the head of its pages, for who may do `command` there."""
    found = catalog.authorise(session, publisher, command, principal=principal)
    if isinstance(found, Refusal):
        return found
    return found, publisher_head(found, roles_at(session, found, principal=principal))
