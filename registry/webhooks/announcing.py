"""News become messages: one for each webhook of the publisher that asked to hear of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, catalog, licenses
from registry.catalog.domain import GateMode
from registry.kernel.news import Event, News
from registry.kernel.outcomes import CorruptRecord
from registry.webhooks import payloads, store
from registry.webhooks.domain import WEBHOOKS_MOST, wants
from registry.webhooks.payloads import Subject
from registry.webhooks.service import new_delivery
from registry.webhooks.tables import Webhook

PUBLISHERS_PER_LOOK = 500
MODELS_MOST = 500
"""Of how many models behind one gate a message is sent."""


def announce(session: Session, news: News, *, base_url: str, now: datetime) -> None:
    """Queue a message to each webhook that hears of it; none to one that is switched off."""
    if news.license_version is not None:
        _announce_license(session, news, news.license_version, base_url=base_url, now=now)
    elif news.publisher is not None:
        _announce_blocks(session, news, news.publisher, base_url=base_url, now=now)
    elif news.acceptances:
        _announce_acceptances(session, news, base_url=base_url, now=now)
    else:
        _announce_models(session, news, base_url=base_url, now=now)


def _announce_models(session: Session, news: News, *, base_url: str, now: datetime) -> None:
    for model_id in _concerned(session, news):
        model = catalog.get_model(session, model_id)
        hearing = list(_hearing(session, model.publisher_id, news, [model_id]))
        if not hearing:
            continue
        release = catalog.find_current_release(session, model_id)
        versions = (licenses.get_version_by_id(session, one) for one in model.gate.license_version_ids)
        subject = Subject(
            model=model,
            head=release.commit if release else None,
            licenses=tuple(version.reference for version in versions),
        )
        rows = []
        for webhook in hearing:
            body = payloads.compose(news, subject, webhook_id=webhook.id, base_url=base_url)
            rows.append(new_delivery(webhook.id, news.event, body, now=now))
        store.insert_deliveries(session, rows)


def _concerned(session: Session, news: News) -> Sequence[UUID]:
    if news.model is not None:
        return [news.model]
    if news.gate is None:
        raise CorruptRecord(f"news of {news.event} concerns nothing")
    return catalog.list_model_ids_of_gate(session, news.gate)[:MODELS_MOST]


def _hearing(
    session: Session, publisher_id: UUID, news: News, model_ids: Iterable[UUID] | None
) -> Iterator[Webhook]:
    models = None if model_ids is None else [str(one) for one in model_ids]
    for row in store.list_webhooks(session, publisher_id=publisher_id, limit=WEBHOOKS_MOST):
        if row.disabled_at is None and wants(
            news.event, models, events=row.events.split(), wanted=row.model_ids.split()
        ):
            yield row


def _announce_blocks(
    session: Session, news: News, publisher_id: UUID, *, base_url: str, now: datetime
) -> None:
    name = catalog.get_publisher(session, publisher_id).name
    rows = []
    for webhook in _hearing(session, publisher_id, news, None):
        body = payloads.compose_blocks(news, name, webhook_id=webhook.id, base_url=base_url)
        rows.append(new_delivery(webhook.id, news.event, body, now=now))
    store.insert_deliveries(session, rows)


def _announce_acceptances(session: Session, news: News, *, base_url: str, now: datetime) -> None:
    """Tell of acceptances at one gate; of new ones where nobody reviews them, as a request is told elsewhere."""
    model_ids = _concerned(session, news)
    if not model_ids:
        return  # Every model has left the gate since.
    model = catalog.get_model(session, model_ids[0])
    hearing = list(_hearing(session, model.publisher_id, news, model_ids))
    is_let_in = model.gate.mode is GateMode.AUTO
    if not hearing or (news.event is Event.ACCEPTANCE_RECORDED and not is_let_in):
        return
    names = ["/".join(name) for name in catalog.name_models(session, model_ids).values()]
    rows = []
    for acceptance_id in news.acceptances:
        acceptance = acceptances.get_acceptance(session, acceptance_id)
        if acceptance is None:
            raise CorruptRecord(f"news of {news.event} concerns an acceptance that is not there")
        for webhook in hearing:
            body = payloads.compose_acceptance(
                news, acceptance, webhook_id=webhook.id, models=sorted(names), base_url=base_url
            )
            rows.append(new_delivery(webhook.id, news.event, body, now=now))
    store.insert_deliveries(session, rows)


def _announce_license(
    session: Session, news: News, version_id: UUID, *, base_url: str, now: datetime
) -> None:
    """Tell publishers whose gates ask for another version of the license."""
    version = licenses.get_version_by_id(session, version_id)
    others = [one.id for one in licenses.list_versions(session, version.slug) if one.id != version_id]
    after: UUID | None = None
    while publishers := store.list_hearing_publishers(session, after=after, limit=PUBLISHERS_PER_LOOK):
        after = publishers[-1]
        asking = catalog.list_models_asking(session, others, publisher_ids=publishers)
        for publisher_id in dict.fromkeys(one[0] for one in asking):
            models = {model_id: name for owner, model_id, name in asking if owner == publisher_id}
            name = catalog.get_publisher(session, publisher_id).name
            rows = []
            for webhook in _hearing(session, publisher_id, news, models):
                body = payloads.compose_license(
                    news,
                    version,
                    webhook_id=webhook.id,
                    models=[f"{name}/{one}" for one in models.values()],
                    base_url=base_url,
                )
                rows.append(new_delivery(webhook.id, news.event, body, now=now))
            store.insert_deliveries(session, rows)
