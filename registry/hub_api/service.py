"""What the Hub-compatible routes tell: each function loads, asks the contexts below, and returns plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import access, catalog, identity
from registry.catalog.cards import Card
from registry.catalog.domain import FileView, ModelView, ReleaseView
from registry.delivery.domain import FileRequest, no_such_file
from registry.hub_api.domain import (
    COMMITS_PAGE_MAX,
    TREE_PAGE_MAX_ENTRIES,
    TREE_PAGE_MAX_EXPANDED,
    ModelPath,
    tags_of,
)
from registry.hub_api.listing import Entry, Listing
from registry.hub_api.remembered import Remembered
from registry.hub_api.schemas import (
    NO_CARD,
    AuthView,
    CardFacts,
    DescribedModel,
    Organisation,
    TokenView,
    WhoAmI,
)
from registry.identity.domain import ActingAccount, Principal, Scope, not_signed_in
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

LISTINGS_MOST_ENTRIES = 200_000
CARDS_MOST_BYTES = 16 * 1024 * 1024
RELEASES_SCANNED_MOST = 500
RELEASES_AT_ONCE = 100
_UNUSABLE_KEYS = frozenset({"self", "ignore_metadata_errors"})
"""Keys of a card that would collide with parameters of the client's own constructor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """A model at a revision, and whether the caller may have its files."""

    described: DescribedModel
    verdict: access.Permit | access.Denial | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePage:
    """A page of a release's tree."""

    release: ReleaseView
    model: ModelView
    entries: Sequence[Entry]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPage:
    """A page of the history that leads to a revision, newest first."""

    model: ModelView
    releases: Sequence[ReleaseView]
    next_commit: str | None


class Shelf:
    """Releases' listings and cards, which never change, kept in memory within bounds; one per application."""

    def __init__(self) -> None:
        self._listings: Remembered[Listing] = Remembered(most=LISTINGS_MOST_ENTRIES)
        self._cards: Remembered[CardFacts] = Remembered(most=CARDS_MOST_BYTES)

    def listing(self, session: Session, release_id: UUID) -> Listing:
        """Return the tree of a release."""
        known = self._listings.find(release_id)
        if known is not None:
            return known
        listing = Listing(_every_file(session, release_id))
        return self._listings.keep(release_id, listing, weight=len(listing) + 1)

    def card(self, session: Session, release_id: UUID) -> CardFacts:
        """Return what a release's card states."""
        known = self._cards.find(release_id)
        if known is not None:
            return known
        card = catalog.find_card(session, release_id=release_id)
        facts = NO_CARD if card is None else _facts_of(card)
        return self._cards.keep(release_id, facts, weight=len(msgspec.json.encode(facts.data)) + 512)


def _every_file(session: Session, release_id: UUID) -> list[FileView]:
    files: list[FileView] = []
    while True:
        page = catalog.list_files(
            session,
            release_id=release_id,
            after=files[-1].path if files else None,
            limit=TREE_PAGE_MAX_ENTRIES,
        )
        files += page
        if len(page) < TREE_PAGE_MAX_ENTRIES:
            return files


def _facts_of(card: Card) -> CardFacts:
    data: dict[str, Any] = {
        key: value
        for key, value in card.metadata.items()
        if isinstance(key, str) and key not in _UNUSABLE_KEYS
    }
    # The client reads these two without looking at their types first.
    if "tags" in data:
        data["tags"] = list(card.tags)
    index = data.get("model-index", [])
    if not isinstance(index, list) or not all(isinstance(item, dict) for item in index):
        del data["model-index"]
    words: dict[str, Sequence[str]] = {
        "": [
            *(word for word in (card.library_name,) if word),
            *card.tags,
            *card.languages,
        ],
        "dataset": card.datasets,
        "base_model": card.base_models,
        "license": card.licenses,
    }
    if card.relation:
        words[f"base_model:{card.relation}"] = card.base_models
    return CardFacts(data=data, words=words, pipeline_tag=card.pipeline_tag, library_name=card.library_name)


def describe_model(
    session: Session, shelf: Shelf, where: ModelPath, *, principal: Principal, blobs: bool, now: datetime
) -> FoundModel | Refusal:
    """Return a model at the revision asked for; without one, at its main branch or without any release."""
    release: ReleaseView | None
    if where.revision is None:
        model = catalog.find_model(session, publisher=where.publisher, name=where.name, principal=principal)
        if isinstance(model, Refusal):
            return model
        release = catalog.find_current_release(session, model.id)
    else:
        found = _find_release(session, where, principal)
        if isinstance(found, Refusal):
            return found
        model, release = found.model, found.release
    requirements = catalog.describe_requirements(session, model.gate.license_version_ids)
    card = shelf.card(session, release.id) if release else NO_CARD
    described = DescribedModel(
        model_id=model.id.hex,
        publisher=model.publisher,
        name=model.name,
        private=model.private,
        mode=model.gate.mode,
        is_open=model.gate.is_open(),
        created_at=model.created_at,
        commit=release.commit if release else None,
        modified_at=release.published_at if release else model.created_at,
        card=card,
        tags=tags_of(card.words, [requirement.slug for requirement in requirements.values()]),
        files=shelf.listing(session, release.id).files if release else (),
        total_bytes=release.total_bytes if release else 0,
        blobs=blobs,
    )
    verdict = access.explain(
        session,
        principal,
        publisher=model.publisher,
        model=model.name,
        release_id=release.id if release else None,
        now=now,
    )
    return FoundModel(described=described, verdict=verdict)


def _find_release(session: Session, where: ModelPath, principal: Principal) -> catalog.FoundRelease | Refusal:
    return catalog.find_release(
        session,
        publisher=where.publisher,
        name=where.name,
        revision=where.revision or "main",
        principal=principal,
    )


def explain_denial(
    session: Session, principal: Principal, *, publisher: str, model: str, now: datetime
) -> Refusal | None:
    """Return why `principal` may not have the files of a model that they may see, in full; None if they may."""
    verdict = access.explain(session, principal, publisher=publisher, model=model, now=now)
    return verdict.refusal if isinstance(verdict, access.Denial) else None


def explain_file_refusal(
    session: Session,
    file: FileRequest,
    *,
    token: str | None,
    principal: Principal | None,
    country: str | None,
    now: datetime,
) -> Refusal | None:
    """Return the reason of a refused file with what explains it; None if it cannot be told better."""
    asker = principal
    if token is not None:
        found = identity.authenticate_token(session, token=token, now=now)
        asker = None if isinstance(found, Refusal) else replace(found, country=country)
    if asker is None:
        return None
    return explain_denial(session, asker, publisher=file.publisher, model=file.model, now=now)


def check_access(
    session: Session, where: ModelPath, *, principal: Principal, now: datetime
) -> Refusal | None:
    """Return why `principal` may not read the model's files, or write to it where that is asked; None if they may."""
    model = catalog.find_model(session, publisher=where.publisher, name=where.name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if where.path == "write":
        allowed = catalog.authorise(
            session, model.publisher, catalog.Command.PUBLISH_RELEASE, principal=principal
        )
        return allowed if isinstance(allowed, Refusal) else None
    return explain_denial(session, principal, publisher=model.publisher, model=model.name, now=now)


def list_tree(
    session: Session,
    shelf: Shelf,
    where: ModelPath,
    *,
    principal: Principal,
    recursive: bool,
    expand: bool,
    after: str | None,
) -> TreePage | Refusal:
    """Return a page of the tree below a folder; the same for everybody who may see the model."""
    found = _find_release(session, where, principal)
    if isinstance(found, Refusal):
        return found
    limit = TREE_PAGE_MAX_EXPANDED if expand else TREE_PAGE_MAX_ENTRIES
    listing = shelf.listing(session, found.release.id)
    page = listing.page(where.path, recursive=recursive, after=after, limit=limit)
    if page is None:
        return no_such_file(found.model.publisher, found.model.name)
    entries, more = page
    return TreePage(
        release=found.release,
        model=found.model,
        entries=entries,
        next_after=entries[-1].path if more else None,
    )


def find_paths(
    session: Session, shelf: Shelf, where: ModelPath, *, principal: Principal, paths: Sequence[str]
) -> TreePage | Refusal:
    """Return the entries at `paths`; unknown ones are left out."""
    found = _find_release(session, where, principal)
    if isinstance(found, Refusal):
        return found
    listing = shelf.listing(session, found.release.id)
    wanted = dict.fromkeys(path.strip("/") for path in paths)
    entries = [entry for path in wanted if (entry := listing.find(path)) is not None]
    return TreePage(release=found.release, model=found.model, entries=entries, next_after=None)


def list_refs(
    session: Session, where: ModelPath, *, principal: Principal
) -> Sequence[catalog.RefView] | Refusal:
    """Return the branches and tags of a model."""
    model = catalog.find_model(session, publisher=where.publisher, name=where.name, principal=principal)
    if isinstance(model, Refusal):
        return model
    return catalog.list_refs(session, model_id=model.id)


def list_commits(session: Session, where: ModelPath, *, principal: Principal) -> CommitPage | Refusal:
    """Return the releases that lead to a revision, newest first, by their parents."""
    found = _find_release(session, where, principal)
    if isinstance(found, Refusal):
        return found
    chain = [found.release]
    wanted = found.release.parent
    before = found.release.id
    for _ in range(RELEASES_SCANNED_MOST // RELEASES_AT_ONCE):
        if wanted is None or len(chain) == COMMITS_PAGE_MAX:
            break
        page = catalog.list_releases(session, model_id=found.model.id, before=before, limit=RELEASES_AT_ONCE)
        for release in page:
            if release.commit == wanted and len(chain) < COMMITS_PAGE_MAX:
                chain.append(release)
                wanted = release.parent
        if len(page) < RELEASES_AT_ONCE:
            break
        before = page[-1].id
    return CommitPage(model=found.model, releases=chain, next_commit=wanted)


def who_am_i(session: Session, *, principal: Principal, sealer: Sealer) -> WhoAmI | Refusal:
    """Return the caller as the Hub's login shows them."""
    if principal.account is not None:
        return _which_account(session, principal, principal.account)
    if principal.person_id is None:
        return not_signed_in()
    profile = identity.open_profile(session, person_id=principal.person_id, sealer=sealer)
    # Who came by a provider that states no address has none; the client wants a name.
    name = profile.email if profile else principal.person_id.hex
    roles = catalog.list_roles_of(session, person_id=principal.person_id)
    strongest = {role.publisher: role.role.value for role in reversed(roles)}
    token = identity.find_token(session, token_id=principal.token_id) if principal.token_id else None
    return WhoAmI(
        id=principal.person_id.hex,
        name=name,
        fullname=name,
        email=profile.email if profile else None,
        orgs=[Organisation(name=name, role_in_org=role) for name, role in sorted(strongest.items())],
        auth=AuthView(
            access_token=TokenView(
                display_name=token.name if token else "web session",
                # Scripts that look at this want to manage a gate, or to publish.
                role="write" if principal.may(Scope.PUBLISH) or principal.may(Scope.REVIEW) else "read",
                created_at=iso(token.created_at) if token else None,
            )
        ),
    )


def _which_account(session: Session, principal: Principal, account: ActingAccount) -> WhoAmI:
    """Return a service account; the Hub's clients know users only, so its full name says what it is."""
    token = identity.find_service_token(session, token_id=principal.token_id) if principal.token_id else None
    return WhoAmI(
        id=account.id.hex,
        name=account.name,
        fullname=identity.name_accounts(session, [account.id])[account.id],
        email=None,
        orgs=[],
        auth=AuthView(
            access_token=TokenView(
                display_name=token.name if token else "",
                role="write" if principal.may(Scope.PUBLISH) else "read",
                created_at=iso(token.created_at) if token else None,
            )
        ),
    )
