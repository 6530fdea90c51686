"""What the log's templates are given: entries in words, as far as the visitor may know what they speak of."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlmodel import Session

from registry import catalog, ledger, licenses
from registry.catalog.domain import ModelView, model_url
from registry.identity.domain import Principal
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.page_parts import Event, Link, Pager

PAGE_ENTRIES = 25
_KINDS = {
    "acceptance": "Acceptance",
    "withdrawal": "Withdrawal",
    "license.published": "License version",
    "license.judged": "Second person’s word on a change class",
    "release.published": "Release",
    "gate.changed": "Gate change",
    "block": "Block",
    "role": "Role",
    "lineage": "Base of a model",
    "must-update": "Release to be given up",
    "downloads.counted": "Downloads of a day counted",
    "downloads.day": "Digest of a day’s downloads",
    "equivalence": "Decision that a license is equivalent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An entry in words, and what of it the visitor may see."""

    kind: str
    detail: str | None = None
    about: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthAsked:
    """The form that asks for a proof of growth, as it was sent, and the answer."""

    size: str = ""
    error: str | None = None
    result: Sequence[str] | None = None
    said: str | None = None


def describe_entry(session: Session, entry: ledger.Entry, principal: Principal) -> Described:
    """Return what an entry is about."""
    kind = _KINDS.get(entry.kind, entry.kind)
    describe = _DESCRIBERS.get(entry.kind)
    if describe is None:
        return Described(kind=kind)
    try:
        return describe(session, kind, entry.leaf, principal)
    except (KeyError, TypeError, ValueError, CorruptRecord):
        # A page of the log must not fail because one leaf is of another format; `fsck` tells about it.
        return Described(kind=kind)


def _acceptance(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    claims = _claims(leaf)
    license_claims, scope = claims["license"], claims["scope"]
    named = f"{license_claims['title']} {license_claims['number']}"
    about = [Link(label=named, url=f"/licenses/{license_claims['slug']}/{license_claims['number']}")]
    model = _visible_model(session, UUID(scope["model_id"]), principal)
    if model is not None:
        about.append(Link(label=model.repo_id, url=model_url(model.publisher, model.name)))
    return Described(kind=kind, detail=f"{named} · grade {claims['grade']}", about=tuple(about))


def _license(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    del session, principal
    fact = json.loads(leaf)
    named = f"{fact['license']['title']} {fact['version']['number']}"
    url = f"/licenses/{fact['license']['slug']}/{fact['version']['number']}"
    return Described(kind=kind, detail=named, about=(Link(label=named, url=url),))


def _verdict(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    del principal
    fact = json.loads(leaf)
    version = licenses.get_version_by_id(session, UUID(fact["version"]["id"]))
    detail = f"{version.name}, {fact['change_class']}: {fact['outcome']}"
    link = Link(label=version.name, url=licenses.second_person_path(version))
    return Described(kind=kind, detail=detail, about=(link,))


def _release(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    fact = json.loads(leaf)
    model = _visible_model(session, UUID(fact["model"]), principal)
    if model is None:
        return Described(kind=kind)
    url = f"{model_url(model.publisher, model.name)}/files?revision={fact['commit']}"
    return Described(
        kind=kind,
        detail=f"{model.repo_id} {fact['commit'][:8]}",
        about=(Link(label=model.repo_id, url=model_url(model.publisher, model.name)),
               Link(label=f"release {fact['commit'][:8]}", url=url)),
    )  # fmt: skip


def _gate(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    del session, principal
    fact = json.loads(leaf)
    count = len(fact["license_versions"])
    asked = "no license" if not count else "1 license" if count == 1 else f"{count} licenses"
    return Described(kind=kind, detail=f"revision {fact['number']}: {fact['mode']}, {asked}")


def _downloads(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    del session, principal
    fact = json.loads(leaf)
    return Described(kind=kind, detail=f"{fact['day']}: {fact['count']:,} records")


def _counted(session: Session, kind: str, leaf: bytes, principal: Principal) -> Described:
    del session, principal
    return Described(kind=kind, detail=f"{json.loads(leaf)['day']}: records may be deleted from now on")


def _visible_model(session: Session, model_id: UUID, principal: Principal) -> ModelView | None:
    """Return the model if the visitor may know of it; leaves name models by their ids."""
    model = catalog.get_model(session, model_id)
    found = catalog.find_model(session, publisher=model.publisher, name=model.name, principal=principal)
    return None if isinstance(found, Refusal) else found


def _claims(leaf: bytes) -> Any:
    """Return the claims of an acceptance statement, whose leaf is its compact JWS."""
    part = leaf.split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))


Describer = Callable[[Session, str, bytes, Principal], Described]
_DESCRIBERS: dict[str, Describer] = {
    "acceptance": _acceptance,
    "license.published": _license,
    "license.judged": _verdict,
    "release.published": _release,
    "gate.changed": _gate,
    "downloads.counted": _counted,
    "downloads.day": _downloads,
}


def log_view(
    rows: Sequence[tuple[ledger.Entry, Described]],
    *,
    checkpoint: ledger.SignedCheckpoint | None,
    key_id: str,
    query: str,
    problem: str | None,
    growth: GrowthAsked,
    before: int | None,
    base_url: str,
) -> SimpleNamespace:
    """Return a page of the log."""
    last = rows[-1][0].index if rows else 0
    return SimpleNamespace(
        entries=checkpoint.size if checkpoint else 0,
        checkpoint=_checkpoint(checkpoint) if checkpoint else None,
        delay_seconds=f"{ledger.MAX_MERGE_DELAY_SECONDS:g}",
        key=SimpleNamespace(id=f"{key_id[:16]}…" if len(key_id) > 17 else key_id, algorithm="Ed25519"),
        query=query,
        search_problem=problem,
        rows=[
            SimpleNamespace(
                index=entry.index,
                url=f"/log/{entry.index}",
                at=entry.recorded_at,
                kind=described.kind,
                detail=described.detail,
                leaf_hash=entry.leaf_hash.hex(),
            )
            for entry, described in rows
        ],
        pager=Pager(
            said="Newest first",
            next_url=f"/log?before={last}" if last > 0 else None,
            next_label="Older entries",
            first_url="/log" if before is not None else None,
        ),
        proof=growth,
        copy_command=f"gatehouse ledger watch log-copy/ --endpoint {base_url}",
        action_url="/log",
    )


def entry_view(
    entry: ledger.Entry,
    described: Described,
    *,
    proof: Sequence[bytes],
    checkpoint: ledger.SignedCheckpoint,
) -> SimpleNamespace:
    """Return the page of one published entry."""
    return SimpleNamespace(
        entry=SimpleNamespace(
            index=entry.index,
            kind=described.kind,
            detail=described.detail,
            at=entry.recorded_at,
            leaf_hash=entry.leaf_hash.hex(),
            size=len(entry.leaf),
            leaf_url=f"/log/{entry.index}/leaf",
        ),
        leaf=entry.leaf.decode("utf-8", "replace"),
        events=[
            Event(what="Recorded", at=entry.recorded_at, detail="with the act itself, in one transaction"),
            Event(what="Given its number", said="within a second", detail=f"entry {entry.index:,}"),
            Event(
                what="Under the newest checkpoint",
                at=checkpoint.signed_at,
                detail=f"of {checkpoint.size:,} entries",
                link=Link(label="checkpoint", url="/ledger/checkpoint"),
            ),
        ],
        tree_size=checkpoint.size,
        proof=[node.hex() for node in proof],
        checkpoint=_checkpoint(checkpoint),
        about=described.about,
        older=_neighbour(entry.index - 1) if entry.index else None,
        newer=_neighbour(entry.index + 1) if entry.index + 1 < checkpoint.size else None,
    )


def _checkpoint(checkpoint: ledger.SignedCheckpoint) -> SimpleNamespace:
    return SimpleNamespace(
        at=checkpoint.signed_at,
        root_hash=base64.b64encode(checkpoint.root).decode(),
        note=checkpoint.whole_note,
        url="/ledger/checkpoint",
        by_others=[
            *(f"Cosigned by {line.split(' ')[1]}" for line in checkpoint.cosignatures),
            *(
                f"Stamped by {urlsplit(stamp.authority).hostname} at {stamp.stamped_at:%H:%M:%S UTC on %-d %B %Y}"
                for stamp in checkpoint.timestamps
            ),
        ],
    )


def _neighbour(index: int) -> Link:
    return Link(label=f"Entry {index:,}", url=f"/log/{index}")
