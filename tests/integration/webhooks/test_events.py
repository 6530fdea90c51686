"""Each event is told in the Hub's form, once to each webhook; nothing in any of it names a person; both databases."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from huggingface_hub import WebhookPayload
from sqlmodel import select

from registry import access, catalog
from registry.access import requesting
from registry.access.transitions import Move, RequestEvent
from registry.catalog.domain import GateMode, Role
from registry.kernel import news, outbox
from registry.kernel.news import Event
from registry.kernel.outcomes import Refusal
from tests.integration.webhooks.receiving import Publisher, Receiver
from tests.world import ANSWERS, BASE_URL, TEXT_11, TEXT_101

AS_THE_HUB_DOES = {
    "model.created": ("create", "repo"),
    "release.published": ("update", "repo.content"),
    "gate.changed": ("update", "repo.config"),
    "model.moved": ("update", "repo.config"),
}


def done(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def change_gate(quarry: Publisher, name: str, mode: GateMode, *asked: str) -> None:
    demand = catalog.GateDemand(mode=mode, licenses=asked, fields=quarry.model.gate.fields)
    given: dict[str, Any] = {"publisher": "quarry", "name": name, "demand": demand}
    done(quarry.world.write(catalog.change_gate, **given, principal=quarry.owner, now=quarry.world.now))


def move(quarry: Publisher, target: str | None) -> None:
    given: dict[str, Any] = {"publisher": "quarry", "name": "second", "target": target}
    done(quarry.world.write(catalog.move_model, **given, principal=quarry.owner, now=quarry.world.now))


def told(quarry: Publisher, receiver: Receiver) -> list[Any]:
    """What the receiver was sent since it was asked last, in order."""
    receiver.got.clear()
    quarry.announce()
    assert {answer.trouble for answer in quarry.deliver()} <= {None}
    bodies = [one.verified(quarry.secret) for one in receiver.got]
    for body in bodies:
        if "repo" in body:
            WebhookPayload.model_validate(body)
        if body["type"] in AS_THE_HUB_DOES:
            assert (body["event"]["action"], body["event"]["scope"]) == AS_THE_HUB_DOES[body["type"]]
    return bodies


def test_from_a_new_model_to_its_gate_being_shared(quarry: Publisher, receiver: Receiver) -> None:
    world, owner = quarry.world, quarry.owner
    quarry.listen(receiver)
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="second")
    created, first = told(quarry, receiver)
    assert created["gate"] == {"revision": 1, "mode": "auto", "licenses": ["sample-openrail-m@1.0"]}
    assert created["updatedConfig"] == {"private": False, "gated": "auto"}
    (ref,) = first["updatedRefs"]
    assert (ref["ref"], ref["oldSha"], ref["newSha"]) == ("refs/heads/main", None, first["repo"]["headSha"])

    world.release(owner, publisher, name="second", files={"config.json": b"{}"})
    (second,) = told(quarry, receiver)
    assert second["type"] == "release.published"
    assert second["updatedRefs"][0]["oldSha"] == ref["newSha"]
    world.release(owner, publisher, name="second", files={"config.json": b"{}"})
    assert told(quarry, receiver) == [], "the same release again is no news"

    change_gate(quarry, "second", GateMode.CLOSED, "sample-openrail-m@1.0")
    (changed,) = told(quarry, receiver)
    assert (changed["type"], changed["gate"]["mode"], changed["gate"]["revision"]) == (
        "gate.changed",
        "closed",
        2,
    )
    move(quarry, "quarry/quarry-15b")
    (moved,) = told(quarry, receiver)
    assert (moved["type"], moved["repo"]["name"]) == ("model.moved", "quarry/second")
    assert moved["updatedConfig"]["gated"] == "manual"
    change_gate(quarry, "quarry-15b", GateMode.AUTO, "sample-openrail-m@1.0")
    both = told(quarry, receiver)
    assert [one["type"] for one in both] == ["gate.changed"] * 2
    assert {one["repo"]["name"] for one in both} == {"quarry/quarry-15b", "quarry/second"}


def test_a_license_version_is_told_where_another_version_of_it_is_asked_for(
    quarry: Publisher, receiver: Receiver
) -> None:
    world = quarry.world
    eve = world.person("eve@meadow.example")
    world.publisher(eve, "meadow")
    quarry.listen(receiver)
    quarry.add(receiver.url, models=["quarry-15b"], events=["license-version.published"])
    quarry.add(receiver.url + "/other", events=["release.published"])
    world.license("1.1", TEXT_11, "material")
    receiver.got.clear()
    quarry.announce()
    quarry.deliver()
    assert [one.path for one in receiver.got] == ["/hook", "/hook"]
    bodies = [one.body for one in receiver.got]
    assert all(b'"models":["quarry/quarry-15b"]' in body for body in bodies)
    assert all(b'"number":"1.1"' in body and b'"changeClass":"material"' in body for body in bodies)
    world.restricting("elsewhere", text=b"Another license\n", by=eve)
    world.restricting("elsewhere", number="1.1", text=TEXT_101, change_class="material", by=eve)
    assert told(quarry, receiver) == [], "nobody here asks for that license"


def test_every_step_of_a_request_that_concerns_others_is_told_and_drafts_are_not(
    quarry: Publisher, receiver: Receiver
) -> None:
    world = quarry.world
    ben = world.person("ben@quarry.example")
    role: dict[str, Any] = {"publisher": "quarry", "person_id": ben.person_id, "role": Role.REVIEWER}
    done(world.write(catalog.add_role, **role, principal=quarry.owner, now=world.now))
    quarry.listen(receiver)

    def step(request: Any, event: RequestEvent, by: Any = None) -> list[tuple[str, str, str]]:
        quarry.move(request, event, by)
        return steps()

    def steps() -> list[tuple[str, str, str]]:
        return [
            (one["type"], one["event"]["action"], one["accessRequest"]["status"])
            for one in told(quarry, receiver)
        ]

    request = quarry.ask()
    assert steps() == [("access-request.made", "create", "submitted")]
    assert step(request, RequestEvent.TAKE) == []
    assert step(request, RequestEvent.RETURN) == [("access-request.returned", "update", "changes-requested")]
    quarry.ask()
    assert steps() == [("access-request.changed", "update", "submitted")]
    assert step(request, RequestEvent.REJECT) == [("access-request.rejected", "update", "rejected")]
    assert step(request, RequestEvent.APPEAL, quarry.anna) == [
        ("access-request.appealed", "update", "in-review")
    ]
    assert step(request, RequestEvent.APPROVE, ben) == [("access-request.accepted", "update", "approved")]
    proposed = ("access.revocation-proposed", "update", "approved")
    assert step(request, RequestEvent.PROPOSE_REVOCATION) == [proposed]
    assert step(request, RequestEvent.DROP_REVOCATION, ben) == [
        ("access.revocation-dropped", "update", "approved")
    ]
    assert step(request, RequestEvent.PROPOSE_REVOCATION) == [proposed]
    assert step(request, RequestEvent.REVOKE, ben) == [("access.revoked", "delete", "revoked")]

    again = quarry.ask()
    assert steps() == [("access-request.made", "create", "submitted")]
    assert step(again, RequestEvent.WITHDRAW, quarry.anna) == [
        ("access-request.withdrawn", "update", "withdrawn")
    ]
    third = quarry.ask()
    quarry.move(third, RequestEvent.APPROVE)
    assert len(steps()) == 2
    assert step(third, RequestEvent.RELINQUISH, quarry.anna) == [("access.ended", "delete", "closed")]

    fourth = quarry.ask()
    assert len(steps()) == 1
    world.clock.advance(timedelta(days=400))
    world.write(requesting.lapse_due, sealer=world.sealer, base_url="http://x", now=world.now)
    quarry.announce()
    assert [view.row.event for view in quarry.log(quarry.webhook)][:1] == ["access-request.lapsed"]
    assert fourth.id != third.id


def test_an_acceptance_is_told_where_it_alone_opens_the_gate_and_its_withdrawal_everywhere(
    quarry: Publisher, receiver: Receiver
) -> None:
    world = quarry.world
    quarry.listen(receiver)
    reviewed = world.accept(world.person("ben@uni.example"), world.model(quarry.owner))
    assert told(quarry, receiver) == [], "the request that follows is what is told"
    world.withdraw(world.person("ben@uni.example"), reviewed.id)
    (withdrawn,) = told(quarry, receiver)
    assert withdrawn["type"] == "acceptance.withdrawn"
    assert withdrawn["event"] == {"action": "delete", "scope": "acceptance"}

    change_gate(quarry, "quarry-15b", GateMode.AUTO, "sample-openrail-m@1.0")
    told(quarry, receiver)
    cara = world.person("cara@uni.example")
    made = world.accept(cara, world.model(quarry.owner))
    (recorded,) = told(quarry, receiver)
    assert recorded["type"] == "acceptance.recorded"
    assert recorded["acceptance"] == {
        "id": str(made.id),
        "license": "sample-openrail-m@1.0",
        "url": {"web": f"{BASE_URL}/records/{made.id}"},
    }
    assert recorded["models"] == ["quarry/quarry-15b"]
    world.withdraw(cara, made.id)
    assert [one["acceptance"]["id"] for one in told(quarry, receiver)] == [str(made.id)]


def test_blocks_are_told_to_every_webhook_without_whom_they_are_about(
    quarry: Publisher, receiver: Receiver
) -> None:
    world = quarry.world
    quarry.add(receiver.url, models=["quarry-15b"])
    given: dict[str, Any] = {"publisher": "quarry", "principal": quarry.owner, "now": world.now}
    barred = {"person_id": quarry.anna.person_id, "reason": "Resold the weights.", "until": None}
    block = done(world.write(access.block_person, **barred, **given))
    (first,) = told(quarry, receiver)
    assert first["publisher"] == "quarry"
    assert first["blocks"]["url"]["web"] == f"{BASE_URL}/manage/quarry/blocks"
    done(world.write(access.lift_block, block_id=block.id, **given))
    (second,) = told(quarry, receiver)
    assert (first["type"], second["type"]) == ("blocks.changed", "blocks.changed")


def test_no_message_and_no_news_holds_anything_about_a_person(quarry: Publisher) -> None:
    world, anna = quarry.world, quarry.anna
    webhook = quarry.add("http://127.0.0.1:9")
    people = [anna, quarry.owner, world.person("ben@quarry.example"), world.person("cara@uni.example")]
    role: dict[str, Any] = {"publisher": "quarry", "person_id": people[2].person_id, "role": Role.REVIEWER}
    done(world.write(catalog.add_role, **role, principal=quarry.owner, now=world.now))
    request = quarry.ask()
    for event, by in (
        (RequestEvent.APPROVE, None),
        (RequestEvent.PROPOSE_REVOCATION, None),
        (RequestEvent.REVOKE, people[2]),
    ):
        quarry.move(request, event, by)
    given: dict[str, Any] = {"publisher": "quarry", "principal": quarry.owner, "now": world.now}
    barred = {"person_id": anna.person_id, "reason": "Resold the weights.", "until": None}
    done(world.write(access.block_person, **barred, **given))
    change_gate(quarry, "quarry-15b", GateMode.AUTO, "sample-openrail-m@1.0")
    made = world.accept(people[3], world.model(quarry.owner), typed_name="Cara Privata")
    world.withdraw(people[3], made.id)
    waiting = world.read(lambda session: session.exec(select(outbox.OutboxMessage)).all())
    payloads = [one.payload for one in waiting if one.topic == news.TOPIC]
    quarry.announce()
    log = quarry.log(webhook)
    assert {view.row.event for view in log} >= {
        *("access-request.made", "access-request.accepted", "access.revocation-proposed", "access.revoked"),
        *("blocks.changed", "gate.changed", "acceptance.recorded", "acceptance.withdrawn"),
    }
    words = ["uni.example", "Privata", "thesis", "Resold", "out-of-scope"]
    words += [str(one.person_id) for one in people] + [str(one) for one in ANSWERS.values()]
    said = [*payloads, *(view.row.body for view in log)]
    assert [(word, text) for text in said for word in words if word.encode() in text] == []
    assert [text for text in said if b"@" in text.replace(b"sample-openrail-m@1.0", b"")] == []


def test_a_draft_that_was_never_sent_is_no_news(quarry: Publisher, receiver: Receiver) -> None:
    quarry.listen(receiver)
    draft: dict[str, Any] = {
        "publisher": "quarry",
        "model": "quarry-15b",
        "answers": {},
        "note": "half a thought",
    }
    office = quarry.office(quarry.anna)
    kept = done(quarry.world.write(requesting.ask, office=office, as_draft=True, **draft))
    wanted = Move(event=RequestEvent.WITHDRAW)
    done(quarry.world.write(requesting.move, office=office, request_id=kept.id, wanted=wanted))
    assert told(quarry, receiver) == []


def test_each_event_that_is_offered_is_told_by_one_of_these_tests() -> None:
    text = Path(__file__).read_text()
    assert [event.value for event in Event if event.value not in text] == []
