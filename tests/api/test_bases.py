"""The recorded bases of a model over the JSON API: who may read them, and who may take one out."""

from typing import Any

from registry import access, catalog, licenses
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


async def test_the_restrictions_of_a_models_license_are_compared_with_those_of_its_bases(site: Site) -> None:
    world = site.world
    owner = world.person("owner@quarry.example")
    publisher = world.publisher(owner)
    stated = {"base-m": ("no-illegal-use", "no-medical-advice"), "own-m": ("no-illegal-use",), "silent-m": ()}
    for slug, restrictions in stated.items():
        world.write(
            licenses.publish_version,
            command=licenses.PublishVersion(
                slug=slug,
                number="1.0",
                change_class=licenses.ChangeClass.INITIAL,
                text=f"{slug}\n".encode(),
                title=slug,
                restrictions=tuple(licenses.Restriction(slug=one) for one in restrictions),
            ),
            now=world.now,
            by=None,
        )
    world.release(owner, publisher, requires=("base-m@1.0",))
    card = b"---\nlicense: other\nbase_model: quarry/quarry-15b\n---\n# Derived\n"
    told = {}
    for name, requires in (("own", ("own-m@1.0",)), ("silent", ("silent-m@1.0",)), ("none", ())):
        files = {"README.md": card, "model.safetensors": name.encode() * 4000}
        world.release(owner, publisher, name=name, requires=requires, files=files)
        told[name] = (await site.api(f"/api/v1/models/quarry/{name}/bases/restrictions")).json()["items"]
    (own,), (silent,) = told["own"], told["silent"]
    assert (own["base"], own["license"], own["carried"]) == ("quarry/quarry-15b", "base-m@1.0", "missing")
    assert {row["slug"]: row["carried"] for row in own["restrictions"]} == {
        "no-illegal-use": "same",
        "no-medical-advice": "missing",
    }
    assert (silent["carried"], told["none"]) == ("unknown", [])
