"""What a message says: the Hub's form of version 3, with what the Hub has no event for beside it.

Formats only grow: fields may be added, none is taken away or given another meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from registry.acceptances.domain import AcceptanceSummary
from registry.catalog.domain import GateMode, ModelView
from registry.kernel.clock import iso
from registry.kernel.news import Event, News
from registry.licenses.domain import Version
from registry.webhooks.domain import TEST

HUB_VERSION = 3
MODELS_NAMED_MOST = 100

_SCOPES: dict[Event, tuple[str, str]] = {
    Event.REQUEST_MADE: ("create", "access.request"),
    Event.ACCESS_ENDED: ("delete", "access"),
    Event.ACCESS_REVOKED: ("delete", "access"),
    Event.ACCEPTANCE_RECORDED: ("create", "acceptance"),
    Event.ACCEPTANCE_WITHDRAWN: ("delete", "acceptance"),
    Event.BLOCKS_CHANGED: ("update", "publisher.blocks"),
    Event.MODEL_CREATED: ("create", "repo"),
    Event.RELEASE_PUBLISHED: ("update", "repo.content"),
    Event.GATE_CHANGED: ("update", "repo.config"),
    Event.MODEL_MOVED: ("update", "repo.config"),
    Event.LICENSE_VERSION_PUBLISHED: ("create", "license.version"),
}
_MOVED = ("update", "access.request")
"""Action and scope of what changes a request and is not listed above."""
_ABOUT_GATES = frozenset({Event.MODEL_CREATED, Event.GATE_CHANGED, Event.MODEL_MOVED})
_GATED = {GateMode.AUTO: "auto", GateMode.MANUAL: "manual", GateMode.CLOSED: "manual"}
"""A gate in the Hub's words, which know none that is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model that news are about, as it stands when they are told."""

    model: ModelView
    head: str | None
    licenses: tuple[str, ...]
    """What its gate asks for, as `slug@1.0`."""


def compose(news: News, subject: Subject, *, webhook_id: UUID, base_url: str) -> bytes:
    """Return the body that tells one webhook of it."""
    body = _begin(news)
    body["repo"] = _repo(subject, base_url)
    if news.new_commit is not None:
        body["updatedRefs"] = [
            {"ref": f"refs/heads/{news.ref}", "oldSha": news.old_commit, "newSha": news.new_commit}
        ]
    if news.event in _ABOUT_GATES:
        gate = subject.model.gate
        asks = bool(subject.licenses) or gate.mode is not GateMode.AUTO
        body["updatedConfig"] = {
            "private": subject.model.private,
            "gated": _GATED[gate.mode] if asks else False,
        }
        body["gate"] = {"revision": gate.number, "mode": gate.mode.value, "licenses": subject.licenses}
    if news.request is not None:
        body["accessRequest"] = {
            "id": str(news.request),
            "status": news.status,
            "url": {
                "web": f"{base_url}/requests/{news.request}",
                "api": f"{base_url}/api/v1/requests/{news.request}",
            },
        }
    return _finish(body, webhook_id)


def compose_license(
    news: News, version: Version, *, webhook_id: UUID, models: Sequence[str], base_url: str
) -> bytes:
    """Return the body that tells one webhook of a license version; `models` ask for another one of it now."""
    body = _begin(news)
    body["license"] = {
        "slug": version.slug,
        "number": version.number,
        "title": version.title,
        "changeClass": version.change_class.value,
        "sha256": version.sha256,
        "effectiveAt": iso(version.effective_at),
        "awaitsSecondPerson": version.asks_second,
        "url": {
            "web": f"{base_url}{version.path}",
            "api": f"{base_url}/api/v1/licenses/{version.slug}/{version.number}",
        },
    }
    body["models"] = list(models[:MODELS_NAMED_MOST])
    return _finish(body, webhook_id)


def compose_acceptance(
    news: News, acceptance: AcceptanceSummary, *, webhook_id: UUID, models: Sequence[str], base_url: str
) -> bytes:
    """Return the body that tells one webhook of an acceptance; `models` are behind the gate that it is for."""
    body = _begin(news)
    body["acceptance"] = {
        "id": str(acceptance.id),
        "license": f"{acceptance.slug}@{acceptance.number}",
        "url": {"web": f"{base_url}/records/{acceptance.id}"},
    }
    body["models"] = list(models[:MODELS_NAMED_MOST])
    return _finish(body, webhook_id)


def compose_blocks(news: News, publisher: str, *, webhook_id: UUID, base_url: str) -> bytes:
    """Return the body that tells one webhook that others are kept out of a publisher's gates than before."""
    body = _begin(news)
    body["publisher"] = publisher
    body["blocks"] = {
        "url": {
            "web": f"{base_url}/manage/{publisher}/blocks",
            "api": f"{base_url}/api/v1/publishers/{publisher}/blocks",
        }
    }
    return _finish(body, webhook_id)


def compose_test(webhook_id: UUID, *, publisher: str, now: datetime) -> bytes:
    """Return the body of a message that only tries whether it arrives."""
    body: dict[str, object] = {
        "type": TEST,
        "timestamp": iso(now),
        "event": {"action": "create", "scope": "webhook"},
        "publisher": publisher,
    }
    return _finish(body, webhook_id)


def _begin(news: News) -> dict[str, object]:
    action, scope = _SCOPES.get(news.event, _MOVED)
    return {
        "type": news.event.value,
        "timestamp": iso(news.at),
        "event": {"action": action, "scope": scope},
    }


def _finish(body: dict[str, object], webhook_id: UUID) -> bytes:
    return msgspec.json.encode(body | {"webhook": {"id": str(webhook_id), "version": HUB_VERSION}})


def _repo(subject: Subject, base_url: str) -> dict[str, object]:
    model = subject.model
    return {
        "type": "model",
        "name": model.repo_id,
        "id": str(model.id),
        "private": model.private,
        "headSha": subject.head,
        "owner": {"id": str(model.publisher_id)},
        "url": {"web": f"{base_url}/{model.repo_id}", "api": f"{base_url}/api/models/{model.repo_id}"},
    }
