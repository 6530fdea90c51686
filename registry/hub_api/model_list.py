"""The list of models: narrowed by what clients ask for, newest or last changed first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from registry import catalog
from registry.catalog.domain import ListedModel
from registry.hub_api.domain import tags_of
from registry.hub_api.schemas import NO_CARD, DescribedModel
from registry.hub_api.service import Shelf
from registry.identity.domain import Principal

LIST_PAGE_MAX = 100
"""Models in one page of the list."""
LIST_PAGE_MAX_FULL = 20
"""The same where each model comes with its files."""
LIST_SCANNED_MOST = 500
"""Models that one request looks through for its filters; the next page goes on from there."""


class Order(StrEnum):
    """In which order models are listed."""

    CREATED = "createdAt"
    CHANGED = "lastModified"


SORTS: Mapping[str, Order] = {
    **{order.value: order for order in Order},
    "created_at": Order.CREATED,
    "last_modified": Order.CHANGED,
    # What is not counted here is the same for every model, so that any order is one by it.
    **dict.fromkeys(("downloads", "likes", "trendingScore", "trending_score"), Order.CREATED),
}
"""What clients sort by (huggingface_hub `ModelSort_T`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuery:
    """What a list of models is narrowed to."""

    search: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    gated: bool | None = None
    pipeline_tag: str = ""
    after: UUID | None = None
    limit: int = LIST_PAGE_MAX
    with_files: bool = False
    with_digests: bool = False
    order: Order = Order.CREATED


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """A page of models, and where the next one starts; None at the end."""

    models: Sequence[DescribedModel]
    next_after: UUID | None


def list_models(session: Session, shelf: Shelf, query: ModelQuery, *, principal: Principal) -> ModelPage:
    """Return a page of the models that fit, in the order asked for, as far as `principal` may see them."""
    most = LIST_PAGE_MAX_FULL if query.with_files else LIST_PAGE_MAX
    limit = max(1, min(query.limit, most))
    fitting: list[DescribedModel] = []
    after = query.after
    for _ in range(LIST_SCANNED_MOST // LIST_PAGE_MAX):
        page, places, more = _next_page(session, query, principal, after)
        ids = [version for listed in page for version in listed.license_version_ids]
        slugs = {
            version: requirement.slug
            for version, requirement in catalog.describe_requirements(session, ids).items()
        }
        for listed in page:
            after = places[listed.model_id]
            described = _describe_listed(session, shelf, listed, slugs, query)
            if described is not None:
                fitting.append(described)
            if len(fitting) == limit:
                last = listed is page[-1] and more is None
                return ModelPage(models=fitting, next_after=None if last else after)
        if more is None:
            return ModelPage(models=fitting, next_after=None)
        after = more
    return ModelPage(models=fitting, next_after=after)


def _next_page(
    session: Session, query: ModelQuery, principal: Principal, after: UUID | None
) -> tuple[Sequence[ListedModel], Mapping[UUID, UUID], UUID | None]:
    """Return models in the order asked for, the place of each, and where the next page starts; None at the end."""
    search = f"{query.search} {query.author}".strip()
    if query.order is Order.CREATED:
        page = catalog.list_models(
            session, principal=principal, search=search, before=after, limit=LIST_PAGE_MAX
        )
        more = page[-1].model_id if len(page) == LIST_PAGE_MAX else None
        return page, {listed.model_id: listed.model_id for listed in page}, more
    changed = catalog.list_changed(
        session, principal=principal, publisher=query.author, before=after, limit=LIST_PAGE_MAX
    )
    found = catalog.list_models(
        session,
        principal=principal,
        search=search,
        limit=LIST_PAGE_MAX,
        which=catalog.is_one_of([model_id for model_id, _ in changed]),
    )
    by_id = {listed.model_id: listed for listed in found}
    page = [by_id[model_id] for model_id, _ in changed if model_id in by_id]
    return page, dict(changed), changed[-1][1] if len(changed) == LIST_PAGE_MAX else None


def _describe_listed(
    session: Session, shelf: Shelf, listed: ListedModel, slugs: Mapping[UUID, str], query: ModelQuery
) -> DescribedModel | None:
    """Return a line of the list, or None where it does not fit the query."""
    is_open = listed.is_open
    if query.author and listed.publisher.lower() != query.author.lower():
        return None
    if query.gated is not None and query.gated is is_open:
        return None
    release = catalog.find_current_release(session, listed.model_id)
    card = shelf.card(session, release.id) if release else NO_CARD
    tags = tags_of(card.words, [slugs[version] for version in listed.license_version_ids])
    known = {tag.lower() for tag in (*tags, *(word for word in (card.pipeline_tag,) if word))}
    if not known.issuperset(tag.lower() for tag in query.tags):
        return None
    if query.pipeline_tag and card.pipeline_tag != query.pipeline_tag:
        return None
    return DescribedModel(
        model_id=listed.model_id.hex,
        publisher=listed.publisher,
        name=listed.name,
        private=listed.private,
        mode=listed.mode,
        is_open=is_open,
        created_at=listed.created_at,
        commit=release.commit if release else None,
        modified_at=release.published_at if release else listed.created_at,
        card=card,
        tags=tags,
        files=shelf.listing(session, release.id).files if release and query.with_files else (),
        total_bytes=release.total_bytes if release else 0,
        blobs=query.with_digests,
    )
