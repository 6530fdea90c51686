"""Releases to be given up, in a browser and over the API."""

from datetime import timedelta

import msgspec

from registry import catalog
from registry.catalog import must_updates
from registry.delivery import updates
from registry.identity.domain import Scope
from registry.kernel import outbox
from tests.api.conftest import Site
from tests.world import BASE_URL, WEIGHTS


def deliver(site: Site) -> None:
    """Work off what is to be told."""
    world = site.world
    while messages := [
        one for one in world.write(outbox.claim, now=world.now) if one.topic == catalog.MUST_UPDATE_MARKED
    ]:
        for message in messages:
            task = msgspec.json.decode(message.payload, type=updates.Task)
            world.write(
                updates.tell_holders, task=task, sealer=world.sealer, base_url=BASE_URL, now=world.now
            )
            world.write(outbox.complete, message=message, now=world.now)


async def test_a_maintainer_marks_holders_answer_and_the_maintainer_sees_it(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    owner, anna = world.person("owner@quarry.example"), world.person("anna@uni.example")
    world.accept(anna, model)
    old = world.read(catalog.find_current_release, model_id=model.id).commit
    world.release(
        owner,
        world.read(catalog.find_publisher, name="quarry"),
        files={"model.safetensors": WEIGHTS + b"2"},
    )
    new = world.read(catalog.find_current_release, model_id=model.id).commit
    page, maintainer, holder = "/quarry/quarry-15b/must-updates", site.browser(owner), site.browser(anna)
    given = {
        "release": old,
        "replacement": new,
        "reason": "Images were taken out.",
        "update_by": "1990-01-01",
    }
    refused = await maintainer.post(page, seen_on=page, **given)
    assert refused.status_code == 422
    assert "Images were taken out." in refused.text
    given["update_by"] = f"{world.now + timedelta(days=9):%Y-%m-%d}"
    filled = await maintainer.page(page, **given)
    assert f'<option value="{old}" selected>' in filled
    assert "Images were taken out.</textarea>" in filled
    assert given["update_by"] in filled
    assert world.read(must_updates.list_marks, model_id=model.id) == []
    assert (await holder.post(page, seen_on="/inbox", **given)).status_code == 403
    assert (await maintainer.post(page, seen_on=page, **given)).status_code == 303
    deliver(site)
    assert f"Give up a release of {model.repo_id}" in await holder.page("/inbox")
    shown = await holder.page("/updates")
    assert "Images were taken out." in shown
    assert "I have deleted my copies" in shown
    (item,) = (await site.api("/api/v1/updates", world.token(anna, Scope.READ))).json()["items"]
    assert (item["release"], item["replacement"], item["state"]) == (old, new, "notified")
    token = world.token(anna, Scope.READ)
    by_token = await site.client.post(
        f"/api/v1/updates/{item['id']}/answers",
        json={"state": "confirmed_deleted"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (by_token.status_code, by_token.json()["code"]) == (401, "not-signed-in")
    answered = await holder.post("/updates", seen_on="/updates", mark=item["id"], state="confirmed_deleted")
    assert answered.status_code == 303
    assert "I have deleted my copies" not in await holder.page("/updates")
    listed = await maintainer.page(f"{page}/{item['id']}")
    assert "anna@uni.example" in listed
    assert "Copies deleted" in listed
    exported = await maintainer.get(f"{page}/{item['id']}/holders.csv")
    assert "anna@uni.example,confirmed_deleted,False" in exported.text
    assert (await holder.get(f"{page}/{item['id']}")).status_code == 403
    ended = await maintainer.post(page, seen_on=page, take_back=item["id"], reason="It was wrong.")
    assert ended.status_code == 303
    assert "Nothing to give up" in await holder.page("/updates")
    whole = (await holder.get("/records/export.json")).json()
    (given_up,) = whole["releases_to_give_up"]
    assert (given_up["model"], given_up["release"]) == (model.repo_id, old)
    assert set(given_up["answers"]) == {"acknowledged", "confirmed_deleted"}
    assert any("Images were taken out." in notice["text"] for notice in whole["notices"])
    assert (await maintainer.get("/records/export.json")).json()["releases_to_give_up"] == []
