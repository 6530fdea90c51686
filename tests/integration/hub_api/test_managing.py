"""Gates managed by the Hub's API: the lists, the moves, what is refused in words, and what never happens."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from registry import catalog
from registry.access import requesting
from registry.access.request_views import Office, RequestView
from registry.access.transitions import Move, RequestEvent
from registry.catalog.domain import GateMode, Role
from registry.catalog.look_tables import Look
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import Principal, Scope
from registry.kernel.outcomes import Refusal
from tests.e2e.hub.scene import HubWorld
from tests.integration.hub_api.conftest import Client
from tests.integration.hub_api.test_models import bearer
from tests.world import ANSWERS, BASE_URL

P = "/api/models/quarry/quarry-15b"
LISTS = f"{P}/user-access-request"


class Scene:
    """A gate of mode manual with an owner and a reviewer, each with a token that reviews."""

    def __init__(self, world: HubWorld, client: Client) -> None:
        self.world, self.client = world, client
        self.accepted: dict[str, Any] = {}
        world.gated_model()
        self.owner = world.person("owner@quarry.example")
        self.change_gate(GateMode.MANUAL)
        self.ben = self.reviewer("ben")
        self.token = world.token(self.owner, Scope.REVIEW)
        self.bens = world.token(self.ben, Scope.REVIEW)

    def reviewer(self, name: str) -> Principal:
        person = self.world.person(f"{name}@quarry.example")
        self.world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=person.person_id,
            role=Role.REVIEWER,
            principal=self.owner,
            now=self.world.now,
        )
        return person

    def change_gate(self, mode: GateMode, **review: Any) -> None:
        fields = self.world.model(self.owner).gate.fields
        changed = self.world.write(
            catalog.change_gate,
            publisher="quarry",
            name="quarry-15b",
            demand=catalog.GateDemand(
                mode=mode,
                licenses=("sample-openrail-m@1.0",),
                fields=fields,
                review=ReviewPolicy(**review) if review else None,
            ),
            principal=self.owner,
            now=self.world.now,
        )
        assert isinstance(changed, catalog.GateView), changed

    def office(self, principal: Principal) -> Office:
        return Office(principal=principal, sealer=self.world.sealer, base_url=BASE_URL, now=self.world.now)

    def asks(self, name: str) -> tuple[Principal, UUID]:
        """Somebody accepts and asks."""
        person = self.world.person(f"{name}@uni.example")
        accepted = self.world.accept(person, self.world.model(self.owner))
        self.accepted[name] = getattr(accepted, "id", self.accepted.get(name))
        asked = self.world.write(
            requesting.ask,
            office=self.office(person),
            publisher="quarry",
            model="quarry-15b",
            answers=ANSWERS,
            note="for my thesis",
        )
        assert isinstance(asked, RequestView), asked
        return person, asked.id

    async def listed(self, status: str, **changes: Any) -> list[str]:
        """The people in a list."""
        answer = await self.client.get(f"{LISTS}/{status}", headers=bearer(self.token), **changes)
        assert answer.status_code == 200, answer.text
        return [item["user"]["user"].partition("@")[0] for item in answer.json()]

    async def handle(self, status: str, *, token: str | None = None, **given: Any) -> Any:
        return await self.post("handle", {"status": status, **given}, token=token)

    async def post(self, verb: str, body: Any, *, token: str | None = None) -> Any:
        return await self.client.post(f"{LISTS}/{verb}", json=body, headers=bearer(token or self.token))

    async def may_download(self, person: Principal) -> bool:
        token = self.world.token(person)
        return (await self.client.get(f"{P}/auth-check", headers=bearer(token))).status_code == 200


@pytest.fixture
def scene(world: HubWorld, client: Client) -> Scene:
    return Scene(world, client)


async def test_the_lists_have_the_fields_that_the_hub_gives(scene: Scene) -> None:
    _, request_id = scene.asks("anna")
    (item,) = (await scene.client.get(f"{LISTS}/pending", headers=bearer(scene.token))).json()
    assert item["requestId"] == str(request_id)
    assert item["status"] == "pending"
    assert item["fields"] == ANSWERS
    assert item["user"]["email"] == "anna@uni.example"
    assert item["timestamp"].endswith("Z")
    assert "reviewedAt" not in item
    assert (await scene.handle("accepted", user="anna@uni.example")).json() == {}
    (item,) = (await scene.client.get(f"{LISTS}/accepted", headers=bearer(scene.token))).json()
    assert item["grantedBy"]["user"] == "owner@quarry.example"
    assert item["reviewedAt"]
    looks = scene.world.read(lambda session: [row.what for row in session.exec(select(Look)).all()])
    assert set(looks) == {"requests"}


async def test_accepting_lets_in_and_the_same_again_is_no_such_request(scene: Scene) -> None:
    anna, request_id = scene.asks("anna")
    assert not await scene.may_download(anna)
    assert (await scene.handle("accepted", requestId=str(request_id))).status_code == 200
    assert await scene.may_download(anna)
    again = await scene.handle("accepted", requestId=str(request_id))
    assert again.status_code == 404
    assert "x-error-code" not in again.headers
    unknown = await scene.handle("accepted", requestId="00000000-0000-7000-8000-000000000000")
    assert unknown.status_code == 404


async def test_accepted_lists_only_who_has_access(scene: Scene) -> None:
    anna, _ = scene.asks("anna")
    await scene.handle("accepted", user="anna@uni.example")
    assert await scene.listed("accepted") == ["anna"]
    scene.world.withdraw(anna, scene.accepted["anna"])
    assert not await scene.may_download(anna)
    assert await scene.listed("accepted") == []


async def test_an_approval_is_told_from_access_where_two_must_agree(scene: Scene) -> None:
    scene.change_gate(GateMode.MANUAL, approvals=2)
    anna, _ = scene.asks("anna")
    first = await scene.handle("accepted", user="anna@uni.example")
    assert first.status_code == 202
    assert first.headers["x-hf-warning"].startswith("review; ")
    assert await scene.listed("pending") == ["anna"]
    twice = await scene.handle("accepted", user="anna@uni.example")
    assert twice.status_code == 409
    assert (await scene.handle("accepted", user="anna@uni.example", token=scene.bens)).status_code == 200
    assert await scene.may_download(anna)


async def test_a_rejection_takes_words_that_the_applicant_reads(scene: Scene) -> None:
    anna, request_id = scene.asks("anna")
    silent = await scene.handle("rejected", user="anna@uni.example", rejectionReason=None)
    assert silent.status_code == 400
    assert "the applicant reads it" in silent.text
    assert (
        await scene.handle("rejected", user="anna@uni.example", rejectionReason="x" * 201)
    ).status_code == 400
    assert (
        await scene.handle("rejected", user="anna@uni.example", rejectionReason="Say more")
    ).status_code == 200
    assert await scene.listed("rejected") == ["anna"]
    assert await scene.listed("pending") == []
    shown = scene.world.read(
        lambda session: requesting.view(
            session, scene.office(anna), requesting.request_store.find_request(session, request_id)
        )
    )
    assert shown.steps[-1].note == "Say more"
    back = await scene.handle("pending", user="anna@uni.example")
    assert back.status_code == 409
    assert "appeals" in back.text


async def test_taking_access_away_for_misconduct_takes_two(scene: Scene) -> None:
    anna, _ = scene.asks("anna")
    await scene.handle("accepted", user="anna@uni.example")
    first = await scene.handle("rejected", user="anna@uni.example", rejectionReason="passed on")
    assert first.status_code == 202
    assert await scene.may_download(anna)
    assert (await scene.handle("rejected", user="anna@uni.example")).status_code == 403
    second = await scene.handle("rejected", user="anna@uni.example", token=scene.bens)
    assert second.status_code == 200
    assert not await scene.may_download(anna)
    assert await scene.listed("rejected") == ["anna"]


@pytest.mark.parametrize("status", ["pending", "reset"])
async def test_back_to_pending_ends_access_without_blame(scene: Scene, status: str) -> None:
    anna, _ = scene.asks("anna")
    await scene.handle("accepted", user="anna@uni.example")
    answer = await scene.handle(status, user="anna@uni.example")
    assert answer.status_code == (202 if status == "pending" else 200)
    assert not await scene.may_download(anna)
    assert await scene.listed("accepted") == []
    assert await scene.listed("reset") == ["anna"]
    scene.asks("anna")
    assert await scene.listed("reset") == []
    assert await scene.listed("pending") == ["anna"]


async def test_nobody_decides_about_themself(scene: Scene) -> None:
    scene.world.accept(scene.ben, scene.world.model(scene.owner))
    asked = scene.world.write(
        requesting.ask,
        office=scene.office(scene.ben),
        publisher="quarry",
        model="quarry-15b",
        answers=ANSWERS,
        note="me",
    )
    answer = await scene.handle("accepted", requestId=str(asked.id), token=scene.bens)
    assert answer.status_code == 403
    assert not await scene.may_download(scene.ben)


async def test_a_grant_needs_an_acceptance_and_a_request(scene: Scene) -> None:
    scene.world.person("noor@uni.example")
    known, unknown = [
        await scene.post("grant", {"user": f"{name}@uni.example"}) for name in ("noor", "nobody")
    ]
    assert known.status_code == unknown.status_code == 404
    assert known.json()["error"] == unknown.json()["error"]
    assert f"{BASE_URL}/quarry/quarry-15b/request" in known.text
    anna, _ = scene.asks("anna")
    assert (await scene.post("grant", {"user": "anna@uni.example"})).status_code == 200
    assert await scene.may_download(anna)
    assert (await scene.post("grant", {"user": "anna@uni.example"})).status_code == 400


async def test_a_batch_answers_each_for_itself(scene: Scene) -> None:
    anna, _ = scene.asks("anna")
    carl, request_id = scene.asks("carl")
    await scene.handle("accepted", user="carl@uni.example")
    wanted = [
        {"user": "anna@uni.example"},
        {"requestId": str(request_id)},
        {"user": "nobody@uni.example"},
        {"user": "anna@uni.example", "requestId": str(request_id)},
    ]
    answer = await scene.post("batch", {"status": "accepted", "requests": wanted})
    assert [one["ok"] for one in answer.json()["results"]] == [True, True, False, False]
    assert await scene.may_download(anna)
    assert await scene.may_download(carl)
    for bad in ([], wanted * 26):
        assert (await scene.post("batch", {"status": "accepted", "requests": bad})).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"status": "accepted"},
        {"status": "accepted", "user": "a@b.example", "requestId": "00000000-0000-7000-8000-000000000000"},
        {"status": "granted", "user": "a@b.example"},
        {"status": "accepted", "user": ""},
        {"status": "accepted", "requestId": "1"},
        [],
        "\x00",
    ],
)
async def test_what_the_hub_would_not_take_is_not_taken(scene: Scene, body: Any) -> None:
    assert (await scene.post("handle", body)).status_code == 400


async def test_pages_follow_each_other_and_can_be_narrowed(scene: Scene) -> None:
    names = [f"p{number:02}" for number in range(23)]
    for name in names:
        scene.asks(name)
    headers = bearer(scene.token)
    step, seen = f"{LISTS}/pending?limit=10", []
    while step:
        answer = await scene.client.get(step, headers=headers)
        seen += [item["user"]["user"][:3] for item in answer.json()]
        assert len(answer.json()) <= 10
        link = answer.headers.get("link", "")
        assert not link or link.startswith(f"<{BASE_URL}{LISTS}/pending?limit=10&cursor=")
        step = link.removeprefix(f"<{BASE_URL}").removesuffix('>; rel="next"')
    assert seen == names
    assert await scene.listed("pending", params={"q": "P2"}) == ["p20", "p21", "p22"]
    assert await scene.listed("pending", params={"after": "2999-01-01T00:00:00Z"}) == []
    assert len(await scene.listed("pending", params={"before": "2999-01-01T00:00:00Z"})) == 23
    for bad in ("limit=9", "limit=1001", "limit=x", "after=tomorrow", "after=2026-01-01", "cursor=%00"):
        assert (await scene.client.get(f"{LISTS}/pending?{bad}", headers=headers)).status_code == 400


async def test_where_acceptance_alone_opens_the_gate(scene: Scene) -> None:
    scene.change_gate(GateMode.AUTO)
    anna = scene.world.person("anna@uni.example")
    scene.world.accept(anna, scene.world.model(scene.owner))
    answer = await scene.client.get(f"{LISTS}/accepted", headers=bearer(scene.token))
    assert answer.status_code == 403, "a token that reviews does not read the register"
    token = scene.world.token(scene.owner, Scope.AUDIT)
    (item,) = (await scene.client.get(f"{LISTS}/accepted", headers=bearer(token))).json()
    assert item["user"]["user"] == "anna@uni.example"
    assert item["fields"] == ANSWERS
    refused = await scene.handle("rejected", user="anna@uni.example", rejectionReason="no")
    assert refused.status_code == 409
    assert "deny list" in refused.text
    assert await scene.may_download(anna)


async def test_who_may(scene: Scene) -> None:
    anna, request_id = scene.asks("anna")
    world = scene.world
    rival = world.person("rival@other.example")
    world.publisher(rival, "rival")
    tokens = {
        None: 401,
        world.token(scene.owner, Scope.READ): 403,
        world.token(scene.owner, Scope.PUBLISH): 403,
        world.token(scene.owner, Scope.AUDIT): 403,
        world.token(anna, Scope.REVIEW): 403,
        world.token(rival, Scope.REVIEW): 403,
    }
    for token, status in tokens.items():
        body = {"status": "accepted", "requestId": str(request_id)}
        headers = bearer(token) if token else {}
        answer = await scene.client.post(f"{LISTS}/handle", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert "x-error-code" not in answer.headers
        assert answer.headers["x-error-message"]
    assert await scene.listed("pending") == ["anna"]
    absent = await scene.client.get(
        "/api/models/quarry/absent/user-access-request/pending", headers=bearer(scene.token)
    )
    assert (absent.status_code, absent.headers["x-error-code"]) == (404, "RepoNotFound")


async def test_a_request_at_another_gate_is_not_reached_through_this_model(scene: Scene) -> None:
    _, request_id = scene.asks("anna")
    rival = scene.world.person("rival@other.example")
    scene.world.release(rival, scene.world.publisher(rival, "rival"), name="own-1b")
    token = scene.world.token(rival, Scope.REVIEW)
    answer = await scene.client.post(
        "/api/models/rival/own-1b/user-access-request/handle",
        json={"status": "accepted", "requestId": str(request_id)},
        headers=bearer(token),
    )
    assert answer.status_code in {404, 409}
    assert await scene.listed("pending") == ["anna"]


async def test_a_model_without_a_gate(scene: Scene) -> None:
    scene.world.release(
        scene.owner, scene.world.read(catalog.find_publisher, name="quarry"), name="open-1b", requires=()
    )
    answer = await scene.client.post(
        "/api/models/quarry/open-1b/user-access-request/handle",
        json={"status": "accepted", "user": "a@b.example"},
        headers=bearer(scene.token),
    )
    assert (answer.status_code, answer.headers["x-error-code"]) == (400, "RepoNotGated")


async def test_settings_are_compared_and_never_changed(scene: Scene) -> None:
    token = scene.world.token(scene.owner, Scope.PUBLISH)
    before = scene.world.model(scene.owner).gate

    async def put(body: Any) -> Any:
        return await scene.client.put(f"{P}/settings", json=body, headers=bearer(token))

    same = await put({"gated": "manual"})
    assert (same.status_code, same.json()) == (200, {"gated": "manual"})
    assert (await put({"visibility": "public"})).json() == {}
    for gated in ("auto", False):
        refused = await put({"gated": gated})
        assert refused.status_code == 403
        assert "fresh sign-in" in refused.text
        assert f"{BASE_URL}/quarry/quarry-15b/gate" in refused.text
    assert (await put({"private": True})).status_code == 409
    for bad in ("open", True, 0):
        assert (await put({"gated": bad})).status_code == 400
    assert scene.world.model(scene.owner).gate == before


async def test_the_report_holds_everybody_once(scene: Scene) -> None:
    for name in ("anna", "carl", "dora"):
        scene.asks(name)
    await scene.handle("accepted", user="anna@uni.example")
    await scene.handle("rejected", user="carl@uni.example", rejectionReason="no")
    answer = await scene.client.get("/quarry/quarry-15b/user-access-report", headers=bearer(scene.token))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith('"user-access-report-quarry-quarry-15b.json"')
    found = {item["user"].partition("@")[0]: item for item in answer.json()}
    assert {name: item["status"] for name, item in found.items()} == {
        "anna": "accepted",
        "carl": "rejected",
        "dora": "pending",
    }
    assert found["anna"]["grantedBy"] == "owner@quarry.example"
    assert found["dora"]["Affiliation"] == ANSWERS["Affiliation"]
    assert (await scene.client.get("/quarry/quarry-15b/user-access-report")).status_code == 401


async def test_a_program_asks_for_nothing(scene: Scene) -> None:
    noor = scene.world.person("noor@uni.example")
    token = scene.world.token(noor)

    async def ask() -> Any:
        return await scene.client.post(
            "/quarry/quarry-15b/ask-access", json={"Affiliation": "Uni"}, headers=bearer(token)
        )

    asked = await ask()
    assert (asked.status_code, asked.headers["x-error-code"]) == (403, "GatedRepo")
    assert f"{BASE_URL}/quarry/quarry-15b/accept?license=sample-openrail-m@1.0" in asked.text
    assert (await scene.client.post(f"{LISTS}/cancel", headers=bearer(token))).status_code == 404
    _, request_id = scene.asks("noor")
    waits = await ask()
    assert (waits.status_code, waits.headers["x-error-code"]) == (403, "GatedRepo")
    cancelled = await scene.client.post(f"{LISTS}/cancel", headers=bearer(token))
    assert cancelled.status_code == 403
    assert f"{BASE_URL}/requests/{request_id}" in cancelled.text
    assert await scene.listed("pending") == ["noor"]
    await scene.handle("accepted", user="noor@uni.example")
    has = await ask()
    assert (has.status_code, has.headers["location"]) == (303, "/quarry/quarry-15b")
    anonymous = await scene.client.post("/quarry/quarry-15b/ask-access")
    assert anonymous.status_code == 401
    assert f"{BASE_URL}/" in anonymous.text


async def test_what_is_done_here_is_what_the_pages_show(scene: Scene) -> None:
    """One machine: a move on the page is in the list, and a move by the list is in the trail."""
    _, request_id = scene.asks("anna")
    moved = scene.world.write(
        requesting.move,
        office=scene.office(scene.ben),
        request_id=request_id,
        wanted=Move(event=RequestEvent.APPROVE),
    )
    assert not isinstance(moved, Refusal)
    assert await scene.listed("accepted") == ["anna"]
    assert (await scene.handle("accepted", user="anna@uni.example")).status_code == 404
