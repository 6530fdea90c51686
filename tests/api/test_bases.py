"""The recorded bases of a model over the JSON API: who may read them, and who may take one out."""

from typing import Any

from registry import access, catalog
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site

BASES = "/api/v1/models/quarry/slate/bases"
REMOVAL = {"base": "quarry/quarry-15b", "reason": "The card was wrong: trained anew."}


async def take_out(site: Site, who: Principal, **changes: Any) -> Any:
    headers = {**site.browser(who)._headers, "Accept": "application/json"}
    return await site.client.post(f"{BASES}/removals", json={**REMOVAL, **changes}, headers=headers)


async def test_a_maintainer_with_a_fresh_sign_in_takes_a_base_out_and_nobody_else_does(site: Site) -> None:
    world = site.world
    world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    publisher = world.read(lambda session: catalog.find_publisher(session, "quarry"))
    card = (
        b"---\nlicense: other\nbase_model: quarry/quarry-15b\nbase_model_relation: finetune\n---\n# Slate\n"
    )
    files = {"README.md": card, "model.safetensors": b"slate" * 4000}
    slate = world.release(owner, publisher, name="slate", requires=(), files=files)
    (listed,) = (await site.api(BASES)).json()["items"]
    assert (listed["name"], listed["relation"]) == ("quarry/quarry-15b", "finetune")
    token = {"Authorization": f"Bearer {world.token(owner, Scope.PUBLISH)}"}
    by_token = await site.client.post(f"{BASES}/removals", json=REMOVAL, headers=token)
    assert (by_token.status_code, by_token.json()["code"]) == (403, "fresh-sign-in-needed")
    refused = {
        (403, "role-missing"): await take_out(site, person),
        (404, "no-such-base"): await take_out(site, owner, base="quarry/marl"),
        (422, "malformed-request"): await take_out(site, owner, reason=" "),
    }
    assert {(one.status_code, one.json()["code"]) for one in refused.values()} == refused.keys()
    assert not isinstance(world.decide(person, slate), access.Permit)
    taken = await take_out(site, owner)
    assert (taken.status_code, taken.json()) == (200, {"items": []})
    assert isinstance(world.decide(person, slate), access.Permit)
    assert (await take_out(site, owner)).status_code == 404


async def test_restrictions_are_compared_planned_decided_and_told_publicly(site: Site) -> None:
    world = site.world
    owner, maker = world.person("owner@quarry.example"), world.person("maker@meadow.example")
    quarry, meadow = world.publisher(owner), world.publisher(maker, "meadow")
    asked = world.restricting("base-m", "no-illegal-use", "no-medical-advice")
    own = world.restricting("own-m", "no-illegal-use")
    world.release(owner, quarry, requires=(asked,))
    card = "---\nlicense: other\nbase_model: quarry/quarry-15b\n---\n# Derived\n"
    files = {"README.md": card.encode(), "model.safetensors": b"own" * 4000}
    refused = world.try_release(maker, meadow, name="slate", requires=(own,), files=files)
    assert refused.code == "restrictions-not-carried"
    compared = "/api/v1/models/meadow/slate/bases/restrictions"
    token = {"Authorization": f"Bearer {world.token(maker, Scope.PUBLISH)}"}
    stated = card.replace("quarry/quarry-15b", "[Quarry/Quarry-15B, else/where]")
    plan = {"card": stated, "licenses": [own]}
    planned = await site.client.post(f"{compared}/plan", json=plan, headers=token)
    assert (planned.status_code, planned.json()["unknown_bases"]) == (200, ["else/where"])
    (item,) = planned.json()["items"]
    assert (item["carried"], item["publishable"]) == ("missing", False)
    missing = next(row for row in item["restrictions"] if row["carried"] == "missing")
    assert missing == {
        "slug": "no-medical-advice",
        "says": "Medical advice or reading of results",
        "base": "flat",
        "own": None,
        "carried": "missing",
        "equivalent": False,
    }
    claim = {
        "model": "meadow/slate",
        "base_license": asked,
        "own_license": own,
        "restrictions": ["no-medical-advice"],
        "reason": "Clause 4 says so in other words.",
        "name": "Ada Quarry",
    }
    at_base = "/api/v1/models/quarry/quarry-15b/equivalences"
    browser = {**site.browser(owner)._headers, "Accept": "application/json"}
    by_token = {"Authorization": f"Bearer {world.token(owner, Scope.PUBLISH)}"}
    assert (await site.client.post(at_base, json=claim, headers=by_token)).status_code == 403
    assert (await site.client.post(at_base, json={**claim, "x": 1}, headers=browser)).status_code == 400
    decided = await site.client.post(at_base, json=claim, headers=browser)
    assert (decided.status_code, decided.json()["decided_by"]) == (201, "Ada Quarry")
    world.release(maker, meadow, name="slate", requires=(own,), files=files)
    (told,) = (await site.api(compared)).json()["items"]
    assert told["publishable"] is True
    assert [(one["decided_by"], one["reason"]) for one in told["decisions"]] == [
        ("Ada Quarry", "Clause 4 says so in other words.")
    ]
    assert (await site.api(at_base)).status_code == 401
    (listed,) = (await site.client.get(at_base, headers=browser)).json()["items"]
    ended = await site.client.post(
        f"{at_base}/{listed['id']}/end", json={"reason": "It does not."}, headers=browser
    )
    assert (ended.status_code, ended.json()["end_reason"]) == (200, "It does not.")
    assert (await site.api(compared)).json()["items"][0]["decisions"] == []
