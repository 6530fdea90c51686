"""The pages of a publisher's webhooks: add, look, change, switch, rotate, test, send again, delete."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from registry.kernel.identifiers import new_id
from registry.kernel.news import Event
from registry.webhooks import store
from registry.webhooks.domain import TEST, Trouble
from registry.webhooks.service import new_delivery
from registry.webhooks.tables import WebhookAttempt
from registry.webhooks.views import OVERLAPS
from tests.api.conftest import Browser, Site

PAGE = "/manage/quarry/webhooks"
URL = "https://hooks.example/quarry?code=s3cret"


@pytest.fixture
def owner(site: Site) -> Browser:
    site.world.gated_model()
    return site.browser(site.world.person("owner@quarry.example"))


async def add(owner: Browser, **fields: str) -> tuple[str, str]:
    """The page of a new webhook, and its secret."""
    shown = await owner.post(PAGE, seen_on=PAGE, url=URL, **fields)
    assert shown.status_code == 200, shown.text
    (secret,) = set(re.findall(r"whsec_[\w+/=]+", shown.text))
    (page,) = set(re.findall(rf'action="({PAGE}/[0-9a-f-]+)/change"', shown.text))
    return page, secret


def newest(site: Site, page: str) -> UUID:
    """The newest message to the webhook of a page."""
    webhook_id = UUID(page.rpartition("/")[2])
    (found,) = site.world.read(store.list_deliveries, webhook_id=webhook_id, after=None, limit=1)
    return found.id


def note(site: Site, delivery_id: UUID, *, trouble: Trouble | None, status: int | None) -> None:
    """Let a message have been tried."""
    row = WebhookAttempt(
        id=new_id(),
        delivery_id=delivery_id,
        begun_at=site.world.now,
        duration_ms=1234,
        status=status,
        trouble=trouble,
    )
    site.world.write(store.insert_attempt, row=row)


async def test_the_secret_is_shown_once_and_the_address_to_its_keepers_alone(owner: Browser) -> None:
    assert "Nobody hears of it" in await owner.page(PAGE)
    page, secret = await add(owner, events="access.revoked", models="quarry-15b")
    shown = await owner.page(page)
    assert secret not in shown
    assert 'value="https://hooks.example/quarry?code=s3cret"' in shown
    assert re.search(r'value="access.revoked" checked', shown)
    listed = await owner.page(PAGE)
    assert secret not in listed
    assert "s3cret" not in listed
    assert "hears of access.revoked" in listed
    assert "<bdi>quarry-15b</bdi>" in listed


async def test_what_cannot_be_one_is_said_at_its_field_and_what_was_typed_stays(owner: Browser) -> None:
    refused = await owner.post(
        PAGE, seen_on=PAGE, url="http://127.0.0.1/x", models="no-such", hub_secret="a b"
    )
    assert refused.status_code == 422
    for part in ("webhook-url-error", "webhook-models-error", "webhook-hub_secret-error"):
        assert f'id="{part}"' in refused.text
    assert 'value="http://127.0.0.1/x"' in refused.text
    assert "Nobody hears of it" in await owner.page(PAGE)
    page, _ = await add(owner)
    refused = await owner.post(f"{page}/change", seen_on=page, url="ftp://hooks.example")
    assert refused.status_code == 422
    assert 'id="webhook-url-error"' in refused.text
    assert 'value="ftp://hooks.example"' in refused.text


async def test_a_change_leaves_the_fixed_secret_unless_it_is_taken_out(owner: Browser) -> None:
    page, _ = await add(owner, hub_secret="from-the-hub")
    changed = await owner.post(
        f"{page}/change", seen_on=page, url="https://other.example/x", events="model.moved"
    )
    assert changed.headers["location"] == page
    shown = await owner.page(page)
    assert "Webhook to <bdi>other.example</bdi>" in shown
    assert "One is set" in shown
    assert "from-the-hub" not in shown
    await owner.post(f"{page}/change", seen_on=page, url=URL, no_hub_secret="on")
    shown = await owner.page(page)
    assert "One is set" not in shown
    assert "<dd>everything</dd>" in shown


async def test_a_new_secret_is_shown_once_and_the_one_before_lasts_as_chosen(owner: Browser) -> None:
    page, first = await add(owner)
    rotated = await owner.post(f"{page}/rotate", seen_on=page, overlap_hours="24")
    assert rotated.status_code == 200
    (secret,) = set(re.findall(r"whsec_[\w+/=]+", rotated.text))
    assert secret != first
    assert "and with the one before until" in await owner.page(page)
    assert (await owner.post(f"{page}/rotate", seen_on=page, overlap_hours="9000")).status_code == 422
    assert {str(hours) for hours in OVERLAPS} <= set(re.findall(r'<option value="(\d+)"', rotated.text))
    await owner.post(f"{page}/rotate", seen_on=page, overlap_hours="0")
    assert "and with the one before until" not in await owner.page(page)


async def test_what_was_sent_is_shown_with_each_attempt_and_can_be_sent_again(
    site: Site, owner: Browser
) -> None:
    page, _ = await add(owner)
    assert "Nothing was sent" in await owner.page(page)
    await owner.post(f"{page}/test", seen_on=page)
    shown = await owner.page(page)
    assert "webhook.test" in shown
    assert "not tried yet" in shown
    assert "Send now" in shown
    note(site, newest(site, page), trouble=Trouble.TOO_SLOW, status=None)
    site.world.clock.advance(timedelta(minutes=5))
    note(site, newest(site, page), trouble=Trouble.STATUS, status=503)
    shown = await owner.page(page)
    assert "answered 503, after 1,234 ms" in shown
    assert "did not answer in time" in shown
    assert "1 earlier attempt" in shown
    assert "answered 503" in await owner.page(PAGE)

    await owner.post(f"{page}/off", seen_on=page)
    shown = await owner.page(page)
    assert "Dropped" in shown
    assert "/replay" not in shown
    assert "Switched off" in shown
    await owner.post(f"{page}/on", seen_on=page)
    shown = await owner.page(page)
    (replay,) = re.findall(r'action="([^"]+/replay)"', shown)
    assert (await owner.post(replay, seen_on=page)).headers["location"] == page
    assert "Send now" in await owner.page(page)
    note(site, newest(site, page), trouble=None, status=204)
    assert "arrived, answered 204" in await owner.page(page)


async def test_what_is_deleted_is_gone_and_no_other_address_does_anything(owner: Browser) -> None:
    page, _ = await add(owner)
    assert (await owner.post(f"{page}/something", seen_on=page)).status_code == 404
    assert (await owner.get(page)).status_code == 200
    assert (await owner.post(f"{page}/end", seen_on=page)).headers["location"] == PAGE
    assert (await owner.get(page)).status_code == 404
    assert "Nobody hears of it" in await owner.page(PAGE)


async def test_nobody_else_sees_or_does_anything(site: Site, owner: Browser) -> None:
    page, _ = await add(owner)
    eve = site.world.person("eve@lab.example")
    site.world.publisher(eve, "meadow")
    rival = site.browser(eve)
    assert (await site.anonymous.get(PAGE)).status_code == 401
    assert (await rival.get(page)).status_code == 403
    for act in ("change", "off", "rotate", "test", "end"):
        refused = await rival.post(f"{page}/{act}", seen_on="/settings/tokens", url=URL, overlap_hours="0")
        assert refused.status_code == 403
        elsewhere = f"{page.replace('quarry', 'meadow')}/{act}"
        refused = await rival.post(elsewhere, seen_on="/settings/tokens", url=URL, overlap_hours="0")
        assert refused.status_code == 404
    assert '<option value="0">' in await owner.page(page)


async def test_every_event_has_words(owner: Browser) -> None:
    shown = await owner.page(PAGE)
    assert [event.value for event in Event if f"<code>{event.value}</code>" not in shown] == []


async def test_the_pages_of_the_publisher_lead_there_for_whoever_may(site: Site, owner: Browser) -> None:
    assert f'href="{PAGE}"' in await owner.page("/manage/quarry")


async def test_a_long_log_goes_on_on_a_second_page(site: Site, owner: Browser) -> None:
    page, _ = await add(owner)
    webhook_id = UUID(page.rpartition("/")[2])
    rows = [new_delivery(webhook_id, TEST, b"{}", now=site.world.now) for _ in range(60)]
    site.world.write(store.insert_deliveries, rows=rows)
    first = await owner.page(page)
    (after,) = re.findall(r'\?after=([0-9a-f-]+)"', first)
    second = await owner.page(page, after=after)
    shown = [re.findall(r"/deliveries/([0-9a-f-]+)/replay", text) for text in (first, second)]
    assert [len(one) for one in shown] == [50, 10]
    assert len({*shown[0], *shown[1]}) == 60
    assert "?after=" not in second
