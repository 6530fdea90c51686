"""Staff of a publisher see what somebody is told about its models, and no more than their role may see."""

import html
import re
from typing import Any

from sqlmodel import select

from registry import access, catalog, licenses
from registry.catalog.domain import Role
from registry.catalog.look_tables import Look
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.world import TEXT_11, World

MARA, STRANGER, UNKNOWN = "mara@nordlab.example", "noor@else.example", "nobody@else.example"
PAGE = "/manage/quarry/decisions"
API = "/api/v1/models/quarry/quarry-15b/access"


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def give(world: World, email: str, role: Role) -> Principal:
    person = world.person(email)
    world.write(
        catalog.add_role,
        publisher="quarry",
        person_id=person.person_id,
        role=role,
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    return person


def looked_at(world: World, person: Principal) -> list[Any]:
    """Who asked what this person is told."""
    rows = world.read(
        lambda session: session.exec(select(Look).where(Look.subject_id == person.person_id)).all()
    )
    return list({row.looker_id for row in rows if row.what == "explanation"})


async def test_reviewers_and_auditors_see_what_a_person_of_theirs_is_told_and_the_look_is_on_record(
    site: Site,
) -> None:
    world = site.world
    model, person = world.gated_model(), world.person(MARA)
    accepted = world.accept(person, model)
    world.write(
        access.block_person, publisher="quarry", person_id=person.person_id, reason="A secret reason.",
        until=None, principal=world.person("owner@quarry.example"), now=world.now,
    )  # fmt: skip
    for number, role in enumerate((Role.REVIEWER, Role.AUDITOR, Role.MAINTAINER), 1):
        staff = give(world, f"{role}@quarry.example", role)
        browser = site.browser(staff)
        assert "Ask for somebody" in words(await browser.page(PAGE))
        answer = await browser.post(PAGE, seen_on=PAGE, model="quarry-15b", person=MARA)
        said = words(answer.text)
        assert answer.status_code == 200
        assert f"What {MARA} is told now about quarry/quarry-15b" in said
        assert "Your access to quarry/quarry-15b is blocked" in said
        assert "Sample OpenRAIL-M 1.0 accepted" in said
        assert f"/records/{accepted.id}" in answer.text
        assert len(looked_at(world, person)) == number
        told = await site.api(API, world.token(staff, Scope.AUDIT), person=MARA)
        assert told.json()["code"] == "access-blocked"
        assert "A secret reason." not in said + told.text
    assert (await browser.post(PAGE, seen_on=PAGE, model="absent", person=MARA)).status_code == 422
    assert (await browser.post(PAGE, seen_on=PAGE, model="quarry-15b", person="")).status_code == 422


async def test_who_never_had_to_do_with_the_publisher_is_answered_like_somebody_unknown(site: Site) -> None:
    world = site.world
    world.gated_model()
    stranger = world.person(STRANGER)
    token = world.token(give(world, "auditor@quarry.example", Role.AUDITOR), Scope.AUDIT)
    known = await site.api(API, token, person=STRANGER)
    unknown = await site.api(API, token, person=UNKNOWN)
    assert known.status_code == unknown.status_code == 200
    assert known.json() == unknown.json()
    assert looked_at(world, stranger) == []
    # Who may not ask is told the same about both, and nothing is looked up.
    outsider = site.browser(world.person("else@else.example"))
    assert (await outsider.get(PAGE)).status_code == 403
    refused = [await site.api(API, world.token(stranger, Scope.AUDIT), person=one) for one in (MARA, UNKNOWN)]
    assert [one.json()["code"] for one in refused] == ["asking-for-others"] * 2
    assert refused[0].json()["detail"] == refused[1].json()["detail"]


async def test_what_somebody_accepted_at_another_publisher_is_theirs_to_tell(site: Site) -> None:
    world = site.world
    base, person = world.gated_model(), world.person(MARA)
    owner = world.person("owner@kelp.example")
    card = b"---\nlicense: other\nbase_model: quarry/quarry-15b\n---\n# Frond\n"
    files = {"README.md": card, "model.safetensors": b"kelp" * 4000}
    kelp = world.publisher(owner, "kelp")
    world.write(
        licenses.publish_version,
        command=licenses.PublishVersion(
            slug="kelp-m",
            number="1.0",
            change_class=licenses.ChangeClass.INITIAL,
            text=b"Kelp.\n",
            title="Kelp M",
        ),
        now=world.now,
        by=None,
    )
    quarry = world.person("owner@quarry.example")
    decided = {"base_license": "sample-openrail-m@1.0", "own_license": "kelp-m@1.0"}
    world.equivalent(quarry, "quarry/quarry-15b", model="kelp/frond", **decided)
    frond = world.release(owner, kelp, name="frond", files=files, requires=("kelp-m@1.0",))
    theirs = world.accept(person, base)
    mine = world.accept(person, frond, answers={})
    told = await site.api("/api/v1/models/kelp/frond/access", world.token(owner, Scope.AUDIT), person=MARA)
    assert told.json()["permitted"] is True, told.json()
    met = {
        reason["inherited_from"]: reason
        for reason in told.json()["reasons"]
        if reason["code"] == "license-accepted"
    }
    assert met[None]["acceptance"] == str(mine.id)
    assert (met["quarry/quarry-15b"]["met"], met["quarry/quarry-15b"]["acceptance"]) == (True, None)
    assert str(theirs.id) not in told.text
    world.license("1.1", TEXT_11, "material")
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=catalog.GateMode.AUTO, licenses=("sample-openrail-m@1.1",)),
        principal=quarry,
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed
    path = "/api/v1/models/kelp/frond/access"
    told = await site.api(path, world.token(owner, Scope.AUDIT), person=MARA)
    (inherited,) = (one for one in told.json()["reasons"] if one["inherited_from"])
    assert (inherited["until"], inherited["changes"]) == (None, None)
    own = (await site.api(path, world.token(person))).json()
    (inherited,) = (one for one in own["reasons"] if one["inherited_from"])
    assert (inherited["changes"]["old"], inherited["changes"]["new"]) == ("1.0", "1.1")
