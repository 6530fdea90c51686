"""News of a publisher arrive at its webhooks, signed; what fails is tried again, and given up in the end; both databases."""

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from huggingface_hub import WebhookPayload
from standardwebhooks.webhooks import WebhookVerificationError

from registry import catalog
from registry.access.transitions import RequestEvent
from registry.identity import list_notices
from registry.kernel.outcomes import Refusal
from registry.webhooks import service, store
from registry.webhooks.domain import KEPT, PAUSES, WEBHOOKS_MOST, DeliveryState, OffReason, Trouble
from registry.webhooks.jobs import run_delivering
from registry.webhooks.service import Wish
from tests.integration.webhooks.receiving import Publisher, Receiver, receiving
from tests.world import ANSWERS, BASE_URL, run

CONTACT = ["anna@uni.example", "Mara Lindqvist", "thesis", *ANSWERS.values()]


def test_a_request_and_its_acceptance_arrive_signed_in_the_hubs_form_and_name_nobody(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook = quarry.add(receiver.url)
    quarry.move(quarry.ask(), RequestEvent.APPROVE)
    quarry.announce()
    assert [answer.trouble for answer in quarry.deliver()] == [None, None]
    assert webhook.secret is not None
    made, accepted = (one.verified(webhook.secret) for one in receiver.got)
    assert (made["type"], made["event"]) == (
        "access-request.made",
        {"action": "create", "scope": "access.request"},
    )
    assert (accepted["type"], accepted["accessRequest"]["status"]) == ("access-request.accepted", "approved")
    for one in (made, accepted):
        read = WebhookPayload.model_validate(one)
        assert (read.repo.name, read.repo.type, read.webhook.version) == ("quarry/quarry-15b", "model", 3)
        assert read.webhook.id == str(webhook.row.id)
        assert one["repo"]["headSha"]
        assert one["accessRequest"]["url"]["web"].startswith(f"{BASE_URL}/requests/")
    text = " ".join(str(one) for one in receiver.got)
    assert [word for word in [*CONTACT, str(quarry.anna.person_id)] if word in text] == []
    log = quarry.log(webhook)
    assert [view.row.state for view in log] == [DeliveryState.DELIVERED] * 2
    assert [(one.status, one.trouble) for view in log for one in view.attempts] == [(204, None)] * 2


def test_only_what_was_asked_for_is_sent(quarry: Publisher, receiver: Receiver) -> None:
    quarry.world.release(quarry.owner, quarry_publisher(quarry), name="second")
    quarry.announce()
    quarry.add(receiver.url + "/accepted", events=["access-request.accepted"])
    quarry.add(receiver.url + "/other", models=["second"])
    quarry.add(receiver.url + "/this", models=["quarry-15b"], events=["access-request.made"])
    off = quarry.add(receiver.url + "/off")
    quarry.do(service.change_webhook, webhook_id=off.row.id, wish=Wish(on=False))
    quarry.move(quarry.ask(), RequestEvent.APPROVE)
    quarry.announce()
    quarry.deliver()
    assert sorted(one.path for one in receiver.got) == ["/accepted/hook", "/this/hook"]


def quarry_publisher(quarry: Publisher) -> Any:
    return quarry.world.read(catalog.find_publisher, name="quarry")


def test_a_message_that_was_altered_or_comes_late_is_not_taken_for_ours(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook, other = quarry.add(receiver.url), quarry.add(receiver.url)
    assert webhook.secret is not None
    assert other.secret is not None
    quarry.test(webhook)
    quarry.deliver()
    (got,) = receiver.got
    assert got.verified(webhook.secret)["type"] == "webhook.test"
    genuine = dict(got.headers)
    for altered in (
        {"webhook-id": "another"},
        {"webhook-timestamp": str(int(genuine["webhook-timestamp"]) + 1)},
        {"webhook-timestamp": str(int(genuine["webhook-timestamp"]) - 600)},
    ):
        got.headers = genuine | altered
        with pytest.raises(WebhookVerificationError):
            got.verified(webhook.secret)
    got.headers = genuine
    with pytest.raises(WebhookVerificationError):
        got.verified(other.secret)
    got.body = got.body.replace(b"quarry", b"quarrx")
    with pytest.raises(WebhookVerificationError):
        got.verified(webhook.secret)


def test_a_new_secret_and_the_one_before_both_sign_until_the_overlap_ends(
    quarry: Publisher, receiver: Receiver
) -> None:
    first = quarry.add(receiver.url, hub_secret="shared-with-the-hub")
    second = quarry.do(service.rotate_secret, webhook_id=first.row.id, overlap_hours=1)
    quarry.test(first)
    quarry.deliver()
    assert first.secret != second.secret
    for secret in (first.secret, second.secret):
        receiver.got[0].verified(secret)
    assert receiver.got[0].headers["x-webhook-secret"] == "shared-with-the-hub"
    quarry.world.clock.advance(timedelta(hours=1))
    quarry.test(first)
    quarry.deliver()
    (signature,) = receiver.got[1].headers["webhook-signature"].split()
    assert signature.startswith("v1,")
    third = quarry.do(service.rotate_secret, webhook_id=first.row.id, overlap_hours=0)
    assert third.previous_until is None
    assert quarry.find(first).secret is None


@pytest.mark.parametrize(
    ("status", "trouble"), [(500, Trouble.STATUS), (404, Trouble.STATUS), (302, Trouble.REDIRECT)]
)
def test_what_fails_is_tried_again_later_and_later_with_the_same_bytes_and_then_given_up(
    quarry: Publisher, receiver: Receiver, status: int, trouble: Trouble
) -> None:
    webhook = quarry.add(receiver.url)
    quarry.test(webhook)
    receiver.status = status
    for pause in (*PAUSES, None):
        (answer,) = quarry.deliver()
        assert (answer.status, answer.trouble) == (status, trouble)
        assert quarry.deliver() == [], "not before its pause"
        if pause is not None:
            quarry.world.clock.advance(pause * 1.21)
    (view,) = quarry.log(webhook)
    assert view.row.state is DeliveryState.FAILED
    assert len(view.attempts) == len(PAUSES) + 1
    assert {one.path for one in receiver.got} == {"/hook"}, "no redirect is followed"
    assert len({(one.body, one.headers["webhook-id"]) for one in receiver.got}) == 1

    receiver.status = 200
    quarry.do(service.replay, webhook_id=webhook.row.id, delivery_id=view.row.id)
    quarry.world.clock.advance(timedelta(minutes=10))
    quarry.deliver()
    (view,) = quarry.log(webhook)
    assert view.row.state is DeliveryState.DELIVERED
    assert receiver.got[-1].body == receiver.got[0].body
    assert receiver.got[-1].headers["webhook-id"] == receiver.got[0].headers["webhook-id"]
    assert quarry.find(webhook).row.failing_since is None


def test_what_fails_for_days_is_switched_off_and_its_keepers_are_told(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook = quarry.add(receiver.url)
    receiver.status = 503
    for day in range(7):
        quarry.test(webhook)
        quarry.deliver()
        row = quarry.find(webhook).row
        assert (row.disabled_at is not None) is (day >= 5)
        if row.disabled_at is not None:
            break
        quarry.world.clock.advance(timedelta(days=1))
    assert row.off_reason is OffReason.FAILING
    assert {view.row.state for view in quarry.log(webhook)} <= {DeliveryState.DROPPED, DeliveryState.FAILED}
    owner = quarry.owner.person_id
    notices = quarry.world.read(list_notices, person_id=owner, sealer=quarry.world.sealer)
    (told,) = [one.message for one in notices if one.message.kind == "webhook-disabled"]
    assert receiver.url not in told.text
    assert told.page == f"/manage/quarry/webhooks/{webhook.row.id}"
    refused = quarry.world.write(
        service.try_webhook, desk=quarry.desk(), publisher="quarry", webhook_id=webhook.row.id
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "webhook-off"
    assert quarry.do(service.change_webhook, webhook_id=webhook.row.id, wish=Wish(on=True)).row.failures == 0
    receiver.status = 200
    quarry.test(webhook)
    assert [one.trouble for one in quarry.deliver()] == [None]


def test_a_receiver_that_is_gone_is_left_alone_at_once(quarry: Publisher, receiver: Receiver) -> None:
    webhook = quarry.add(receiver.url)
    quarry.test(webhook)
    quarry.test(webhook)
    receiver.status = 410
    assert len(quarry.deliver()) == 1
    assert quarry.find(webhook).row.off_reason is OffReason.GONE
    assert len(receiver.got) == 1


def test_a_worker_that_dies_while_it_sends_has_the_message_sent_once_more(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook = quarry.add(receiver.url)
    quarry.test(webhook)
    assert len(run(quarry.deliverer().claim(8))) == 1  # and then the power is gone
    assert quarry.deliver() == []
    quarry.world.clock.advance(timedelta(seconds=61))
    assert [one.trouble for one in quarry.deliver()] == [None]


def test_many_workers_at_once_send_each_message_once(quarry: Publisher, receiver: Receiver) -> None:
    webhook, ids = quarry.add(receiver.url), set()
    for _ in range(6):
        ids.add(str(quarry.test(webhook)))
    threads = [threading.Thread(target=quarry.deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    quarry.deliver()
    assert sorted(one.headers["webhook-id"] for one in receiver.got) == sorted(ids)


async def test_a_receiver_that_does_not_answer_holds_up_no_other(
    quarry: Publisher, receiver: Receiver
) -> None:
    until, enough = threading.Event(), threading.Event()
    with receiving() as slow:
        slow.before = lambda: until.wait(60) and None
        receiver.before = lambda: enough.set() if len(receiver.got) == 3 else None
        stuck, well = quarry.add(slow.url), quarry.add(receiver.url)
        for _ in range(3):
            quarry.test(stuck)
            quarry.test(well)
        running = asyncio.create_task(run_delivering(quarry.deliverer()))
        assert await asyncio.to_thread(enough.wait, 60)
        assert len(slow.got) == 1, "one message at a time for each receiver"
        until.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_what_was_deleted_gets_nothing_more_and_its_secrets_are_forgotten(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook = quarry.add(receiver.url)
    quarry.test(webhook)
    quarry.do(service.end_webhook, webhook_id=webhook.row.id)
    assert quarry.deliver() == []
    row = quarry.world.read(store.get_webhook, webhook_id=webhook.row.id)
    assert (row.sealed_target, row.ended_at) == (b"", quarry.world.now)
    refused = quarry.world.write(
        service.find_webhook, desk=quarry.desk(), publisher="quarry", webhook_id=webhook.row.id
    )
    assert isinstance(refused, Refusal)


def test_the_log_is_emptied_of_what_is_old(quarry: Publisher, receiver: Receiver) -> None:
    webhook = quarry.add(receiver.url)
    quarry.test(webhook)
    quarry.deliver()
    quarry.world.clock.advance(KEPT)
    quarry.test(webhook)
    gone = quarry.world.write(store.delete_deliveries, before=quarry.world.now - timedelta(days=29), limit=10)
    assert gone == 1
    assert len(quarry.log(webhook)) == 1


def test_a_publisher_has_no_more_than_its_share(quarry: Publisher, receiver: Receiver) -> None:
    for _ in range(WEBHOOKS_MOST):
        quarry.add(receiver.url)
    refused = quarry.world.write(
        service.add_webhook, desk=quarry.desk(), publisher="quarry", wish=Wish(url=receiver.url)
    )
    assert refused.code == "webhook-limit"


def test_neither_address_nor_secret_stands_in_the_database_or_a_text(
    quarry: Publisher, receiver: Receiver
) -> None:
    webhook = quarry.add(receiver.url + "/T0P-SECRET", hub_secret="hub-secret-1")
    row = quarry.find(webhook).row
    stored = json.dumps({name: str(value) for name, value in row.model_dump().items()})
    target = service.open_target(row, quarry.world.sealer)
    for word in ("T0P-SECRET", "hub-secret-1", webhook.secret):
        assert word not in stored
        assert word not in repr(target)
        assert word not in repr(webhook)
