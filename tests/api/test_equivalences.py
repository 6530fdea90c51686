"""The page of what flows down: a refused publisher asks, a maintainer of the base decides, everybody reads it."""

from urllib.parse import urlencode

from registry import catalog
from registry.identity.domain import Principal
from tests.api.conftest import Site
from tests.integration.catalog.derived import LAW, MEDICINE, Scene, code

PAGE = "/quarry/quarry-15b/equivalences"


async def test_a_maintainer_compares_decides_and_withdraws_on_the_page(site: Site) -> None:
    world = site.world
    scene = Scene(world)
    own = world.restricting("own-m", LAW)
    refused = scene.publish(own)
    browser = site.browser(scene.owner)
    asked = await browser.get(f"{refused.remedy.url}&{urlencode({'own_license': own})}")
    assert asked.status_code == 200
    assert "own-m@1.0 beside base-m@1.0" in asked.text
    assert "Unless a human oversees it" in asked.text
    assert f'value="{MEDICINE}"' in asked.text
    fields = {
        "model": "meadow/slate",
        "base_license": scene.asked,
        "own_license": own,
        "restriction": MEDICINE,
    }
    wanting = await browser.post(PAGE, seen_on=PAGE, **fields, reason="", name="Ada Quarry")
    assert wanting.status_code == 422
    assert "why it reaches the same" in wanting.text
    assert "own-m@1.0 beside base-m@1.0" in wanting.text
    said = {"reason": "Clause 4 <b>forbids</b> it.", "name": "Ada Quarry"}
    assert (await browser.post(PAGE, seen_on=PAGE, **fields, **said)).status_code == 303
    assert code(scene.publish(own)) is None
    public = await site.client.get("/meadow/slate/license", headers={"Accept": "text/html"})
    assert "Equivalent by decision of <strong><bdi>Ada Quarry</bdi></strong>" in public.text
    assert "Clause 4 &lt;b&gt;forbids&lt;/b&gt; it." in public.text
    maker = await site.browser(scene.maker).get("/meadow/slate/equivalences")
    assert "Equivalent by decision" in maker.text
    listed = await browser.get(PAGE)
    decision_id = listed.text.partition('name="withdraw" value="')[2].partition('"')[0]
    assert (
        await browser.post(PAGE, seen_on=PAGE, withdraw=decision_id, reason="It does not.")
    ).status_code == 303
    assert "It does not." in (await browser.get(PAGE)).text
    (made,) = (await browser.get("/records/export.json")).json()["equivalence_decisions"]
    assert (made["model"], made["name"], made["restrictions"]) == ("meadow/slate", "Ada Quarry", [MEDICINE])
    assert (made["end_reason"], made["you"]) == ("It does not.", ["decided", "withdrew"])
    others = (await site.browser(scene.maker).get("/records/export.json")).json()
    assert others["equivalence_decisions"] == []
    public = await site.client.get("/meadow/slate/license", headers={"Accept": "text/html"})
    assert "Ada Quarry" not in public.text
    assert "Not carried on" in public.text


async def test_who_has_no_role_at_the_base_sees_no_decision(site: Site) -> None:
    scene = Scene(site.world)
    site.world.restricting("own-m", LAW)
    scene.decide()
    stranger: Principal = site.world.person("stranger@meadow.example")
    assert (await site.browser(stranger).get(PAGE)).status_code == 403
    assert (await site.browser(scene.maker).get(PAGE)).status_code == 403
    assert (await site.client.get(PAGE, headers={"Accept": "text/html"})).status_code == 401


async def test_an_export_has_the_name_under_which_another_decided_not(site: Site) -> None:
    scene = Scene(site.world)
    site.world.restricting("own-m", LAW)
    decision = scene.decide()
    second = site.world.person("second@quarry.example")
    given = site.world.write(
        catalog.add_role,
        publisher="quarry",
        person_id=second.person_id,
        role=catalog.Role.MAINTAINER,
        principal=scene.owner,
        now=site.world.now,
    )
    assert code(given) is None
    assert code(scene.withdraw(decision, second)) is None
    (ended,) = (await site.browser(second).get("/records/export.json")).json()["equivalence_decisions"]
    assert (ended["name"], ended["you"]) == (None, ["withdrew"])


async def test_names_that_lead_nowhere_compare_nothing(site: Site) -> None:
    scene = Scene(site.world)
    browser = site.browser(scene.owner)
    for own in ("own-m", "nothing@1.0", "@", "a@b@c", "x" * 5000):
        query = urlencode({"model": "meadow/slate", "base_license": scene.asked, "own_license": own})
        answer = await browser.get(f"{PAGE}?{query}")
        assert (answer.status_code, "beside" in answer.text) == (200, False), own
