"""Having one's data stored only (GDPR article 18): asked for, placed, announced to end, lifted, taken back; both databases."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from registry import acceptances, access, ledger
from registry.access import crowds, past
from registry.access.for_others import explain_for
from registry.audit.service import find_discrepancies
from registry.delivery import erasing
from registry.delivery.retention import Pass, sweep
from registry.identity import erasures, restrictions
from registry.identity.domain import Principal, Scope
from registry.identity.erasure_domain import ErasureState
from registry.identity.restriction_domain import PAGE, RestrictionState, RestrictionView
from registry.kernel.outcomes import Refusal
from registry.kernel.retention import DEFAULTS
from tests.api.conftest import Browser, Site
from tests.api.test_erased_traces import places_of
from tests.api.test_requests import ASK, FILLED, anna, ben, do, owner, sent
from tests.clock import SettableClock
from tests.integration.acceptances.imports import prove
from tests.world import BASE_URL, World

__all__ = ["anna", "ben", "owner"]

EMAIL = "anna@uni.example"


def desk(world: World) -> erasures.Desk:
    return erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)


def do_to(world: World, person: Principal, work: Any, **given: Any) -> Any:
    return world.write(work, desk=desk(world), person_id=person.person_id, **given)


def restrict(world: World, person: Principal) -> Any:
    return do_to(world, person, restrictions.place_restriction)


def run_due(world: World) -> int:
    done: int = world.write(restrictions.lift_due, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    return done


def wrong(world: World) -> list[tuple[str, str]]:
    world.integrate()
    found = world.read(lambda session: list(find_discrepancies(session, sealer=world.sealer)))
    return [(one.table, one.problem) for one in found]


async def download(site: Site, token: str, model: Any) -> Any:
    path = f"/{model.repo_id}/resolve/main/model.safetensors"
    return await site.client.get(path, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False)


async def test_a_person_asks_and_takes_it_back(site: Site, owner: Principal, clock: SettableClock) -> None:
    world = site.world
    person = world.person(EMAIL)
    browser = site.browser(person)
    answer = await browser.post(PAGE, seen_on=PAGE, ground="whim", words="mine <b>words</b>")
    assert (answer.status_code, "Choose one of these grounds" in answer.text) == (422, True)
    assert "mine &lt;b&gt;words&lt;/b&gt;" in answer.text
    given = {"ground": "accuracy", "words": "zzquark is misspelt"}
    assert (await browser.post(PAGE, seen_on=PAGE, **given)).status_code == 303
    assert "The operators answer by 23 December 2026" in await browser.page(PAGE)
    again = do_to(world, person, restrictions.ask_restriction, ground="claims", words="")
    assert (again.code, again.status) == ("restriction-asked", 409)
    assert places_of("zzquark", world) == set()
    (listed,) = world.read(restrictions.list_open, sealer=world.sealer, after=None, limit=5)
    assert (listed.words, listed.state) == ("zzquark is misspelt", RestrictionState.WAITING)
    assert (await browser.post(f"{PAGE}/back", seen_on=PAGE)).status_code == 303
    assert do_to(world, person, restrictions.take_back).code == "restriction-unknown"
    assert "You took the restriction back" in await browser.page("/inbox")
    assert wrong(world) == []


async def test_old_sign_ins_cannot_ask(site: Site, clock: SettableClock) -> None:
    browser = site.browser(site.world.person(EMAIL))
    clock.advance(timedelta(hours=23))
    assert "Sign in again" in await browser.page(PAGE)
    for path in (PAGE, f"{PAGE}/back"):
        answer = await browser.post(path, seen_on="/settings/tokens", ground="claims")
        assert answer.status_code == 403
    assert site.world.read(restrictions.list_open, sealer=site.world.sealer, after=None, limit=5) == []


async def test_while_it_stands_nothing_new_is_done_with_the_data(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    person = world.person(EMAIL)
    world.accept(person, model)
    token, browser = world.token(person), site.browser(person)
    assert (await download(site, token, model)).status_code == 302
    placed = restrict(world, person)
    assert (placed.state, restrict(world, person)) == (RestrictionState.STANDING, placed)
    answer = await download(site, token, model)
    assert (answer.status_code, answer.headers["x-error-code"]) == (403, "GatedRepo")
    told = world.decide(person, model)
    assert isinstance(told, access.Denial)
    assert (told.refusal.code, told.refusal.since) == ("use-restricted", placed.placed_at)
    assert "The use of your data is restricted" in await browser.page(f"/{model.repo_id}")
    # The refusal adds nothing to what is kept.
    assert world.read(lambda session: session.execute(text("SELECT 1 FROM refused_request")).all()) == []
    stranger = world.person("ben@uni.example")
    restrict(world, stranger)
    assert (await site.browser(stranger).get(f"/{model.repo_id}/accept")).status_code == 403
    refused = accept(world, stranger, model)
    assert isinstance(refused, Refusal)
    assert refused.code == "use-restricted"
    # Their own rights go on: to read, to withdraw, to export.
    assert (await browser.get("/records")).status_code == 200
    whole = (await browser.get("/records/export.json")).json()
    assert [one["state"] for one in whole["restrictions"]] == ["standing"]
    do_to(world, person, restrictions.take_back)
    assert (await download(site, token, model)).status_code == 302
    assert wrong(world) == []


def accept(world: World, person: Principal, model: Any) -> Any:
    return world.write(
        acceptances.accept, command=world.act(person, model), principal=person, model=model, issuer=BASE_URL,
        sign=world.sign, sealer=world.sealer, now=world.now,
    )  # fmt: skip


async def test_operators_lift_it_only_after_they_have_told_the_person(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    person = world.person(EMAIL)
    lift = restrictions.announce_lifting
    assert do_to(world, person, lift, reason="Checked").code == "restriction-unknown"
    restrict(world, person)
    ending = do_to(world, person, lift, reason="It was right all along")
    assert ending.state is RestrictionState.ENDING
    assert do_to(world, person, lift, reason="Other words") == ending
    page = await site.browser(person).page(PAGE)
    assert "is lifted on 30 November 2026" in page
    assert "It was right all along" in page
    assert run_due(world) == 0
    # Operators who were wrong let it stand.
    assert restrict(world, person).lifted_from is None
    clock.advance(timedelta(days=8))
    assert run_due(world) == 0
    do_to(world, person, lift, reason="Checked")
    clock.advance(timedelta(days=6))
    assert run_due(world) == 0
    clock.advance(timedelta(days=1))
    assert (run_due(world), run_due(world)) == (1, 0)
    inbox = await site.browser(person).page("/inbox")
    assert "The restriction on the use of your data is lifted" in inbox
    assert wrong(world) == []
    kinds = [
        json.loads(leaf).keys()
        for kind, leaf in world.read(lambda session: list(ledger.iterate_leaves(session, other_than=())))
        if kind in {restrictions.RESTRICTED, restrictions.UNRESTRICTED}
    ]
    assert kinds == [{"v", "kind", "at", "restriction", "person"}] * 2


async def test_a_refusal_is_told_with_its_reason(site: Site) -> None:
    world = site.world
    person = world.person(EMAIL)
    assert isinstance(
        do_to(world, person, restrictions.ask_restriction, ground="objection", words=""), RestrictionView
    )
    done = do_to(world, person, restrictions.refuse_restriction, reason="Nothing was objected to")
    assert done.state is RestrictionState.REFUSED
    assert "Nothing was objected to" in await site.browser(person).page(PAGE)
    assert places_of("nothing was objected to", world) == set()
    assert do_to(world, person, restrictions.refuse_restriction, reason="x").code == "restriction-unknown"


async def test_reviewers_wait_and_may_still_end_access(
    site: Site, owner: Principal, ben: Browser, anna: Browser, clock: SettableClock
) -> None:
    world = site.world
    request = await sent(anna)
    person = world.person(EMAIL)
    restrict(world, person)
    for move in ("take", "approve"):
        answer = await do(ben, request, move)
        assert (answer.status_code, "The use of the applicant" in answer.text) == (409, True), move
    answer = await anna.post(ASK, seen_on=request, **FILLED)
    assert (answer.status_code, "The use of your data" in answer.text) == (403, True)
    # It does not lapse meanwhile.
    clock.advance(timedelta(days=400))
    lapsed = world.write(access.requesting.lapse_due, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    assert lapsed == 0
    do_to(world, person, restrictions.take_back)
    ben = site.browser(world.person("ben@quarry.example"))
    assert (await do(ben, request, "approve")).status_code == 303
    restrict(world, person)
    assert (await do(ben, request, "close", note="The project is over")).status_code == 303
    assert wrong(world) == []


async def test_others_read_a_pseudonym_and_no_contact_data(
    site: Site, owner: Principal, ben: Browser, anna: Browser, clock: SettableClock
) -> None:
    world = site.world
    request = await sent(anna)
    assert (await do(ben, request, "approve")).status_code == 303
    person = world.person(EMAIL)
    assert (await download(site, world.token(person), world.model(owner))).status_code == 302
    accepted = world.read(acceptances.list_acceptances, wanted=acceptances.Filter(person_id=person.person_id))
    pages = [
        "/manage/quarry/acceptances",
        "/manage/quarry/acceptances.csv",
        "/manage/quarry/acceptances.jsonl",
        "/manage/quarry/downloads",
        "/manage/quarry/downloads.jsonl",
        "/manage/quarry/requests?state=all",
        f"/records/{accepted[0].id}",
    ]
    known = (EMAIL, "Mara Lindqvist", "Nordlab", "for my thesis")
    reviewer, mine = site.browser(owner), site.browser(person)
    before = [(await reviewer.get(path)).text for path in pages]
    assert all(any(word in page for word in known) for page in before), [
        path for path, page in zip(pages, before, strict=True) if not any(word in page for word in known)
    ]
    restrict(world, person)
    after = [(await reviewer.get(path)).text for path in pages]
    after.append(await ben.page(request))
    assert [word for page in after for word in known if word in page] == []
    assert str(person.person_id)[-12:] in after[0]
    # Nobody loses a line.
    lines = [len(page.splitlines()) for page in before[1:3]]
    assert lines == [len(page.splitlines()) for page in after[1:3]]
    assert EMAIL in (found := await reviewer.page(f"/manage/quarry/acceptances?search={EMAIL}"))
    assert str(person.person_id)[-12:] not in found
    # They themselves read all of it.
    assert "for my thesis" in await mine.page(request)
    assert "Mara Lindqvist" in await mine.page(pages[-1])
    whole = (await mine.get("/records/export.json")).text
    assert all(word in whole for word in known)


async def test_programs_of_reviewers_read_a_request_without_name_and_answers(
    site: Site, owner: Principal, ben: Browser, anna: Browser
) -> None:
    world = site.world
    request = await sent(anna)
    person = world.person(EMAIL)
    repo = world.model(owner).repo_id
    token = world.token(world.person("ben@quarry.example"), Scope.READ, Scope.REVIEW, Scope.AUDIT)
    signed = {"Authorization": f"Bearer {token}"}
    lists = [f"/api/models/{repo}/user-access-request/pending", f"/{repo}/user-access-report"]
    known = (EMAIL, "Nordlab")
    before = [(await site.client.get(path, headers=signed)).text for path in lists]
    assert all(EMAIL in page for page in before)
    assert all(any(word in page for page in before) for word in known)
    restrict(world, person)
    after = [await site.client.get(path, headers=signed) for path in lists]
    assert [word for page in after for word in known if word in page.text] == []
    (listed,) = after[0].json()
    assert (listed["requestId"], "user" in listed, listed["fields"]) == (
        request.rpartition("/")[2],
        False,
        {},
    )
    # An address that others may not know is answered like one that nobody has.
    for user in (EMAIL, "nobody@uni.example"):
        path = f"/api/models/{repo}/user-access-request/handle"
        answer = await site.client.post(path, headers=signed, json={"user": user, "status": "accepted"})
        assert answer.status_code == 404, answer.text


async def test_nothing_of_them_goes_by_itself(site: Site, clock: SettableClock) -> None:
    world = site.world
    model = world.gated_model()
    person, other = world.person(EMAIL), world.person("ben@uni.example")
    for one in (person, other):
        world.accept(one, model)
    restrict(world, person)
    clock.advance(timedelta(days=100))
    given = Pass(retention=DEFAULTS, sealer=world.sealer, now=world.now)
    while world.write(sweep, given=given):
        pass
    forgotten = world.read(
        lambda session: session.execute(
            text("SELECT person_id FROM acceptance WHERE connection_forgotten_at IS NULL")
        ).all()
    )
    assert len(forgotten) == 1
    do_to(world, person, restrictions.take_back)
    assert world.write(sweep, given=given) > 0
    assert wrong(world) == []


async def test_whoever_is_restricted_can_be_erased(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    person = world.person(EMAIL)
    do_to(world, person, restrictions.ask_restriction, ground="claims", words="zzquark")
    restrict(world, person)
    done = do_to(world, person, erasing.erase, by_operator=True)
    assert done.state is ErasureState.DONE
    (left,) = world.read(
        lambda session: session.execute(
            text("SELECT state, sealed_words, sealed_reason FROM restriction")
        ).all()
    )
    assert tuple(left) == ("erased", None, None)
    assert restrict(world, person).code == "restriction-unknown"
    assert wrong(world) == []


async def test_an_acceptance_beside_a_restriction_is_before_it_or_refused(
    site: Site, owner: Principal
) -> None:
    world = site.world
    model = world.model(owner)
    for number in range(4):
        person = world.person(f"p{number}@uni.example")
        outcome, placed = await asyncio.gather(
            asyncio.to_thread(accept, world, person, model), asyncio.to_thread(restrict, world, person)
        )
        assert placed.state is RestrictionState.STANDING
        if not isinstance(outcome, acceptances.AcceptanceSummary):
            assert outcome.code == "use-restricted"
    assert wrong(world) == []


async def test_lists_of_many_people_leave_out_whom_the_decision_refuses(
    site: Site, clock: SettableClock
) -> None:
    world = site.world
    model = world.gated_model()
    person, other = world.person(EMAIL), world.person("ben@uni.example")
    for one in (person, other):
        world.accept(one, model)
    clock.advance(timedelta(minutes=1))
    restrict(world, person)
    clock.advance(timedelta(minutes=1))
    during = world.now
    ids = [one.person_id for one in (person, other) if one.person_id]

    def permitted() -> Any:
        return world.read(crowds.list_permitted, model=model, gate=model.gate, people=ids, now=world.now)

    def held(at: datetime) -> Any:
        def work(session: Session) -> set[UUID]:
            moment = past.find_moment(session, model, at)
            found = past.list_holders_after(session, moment, None) if moment else None
            return {one.person_id for one in found[0]} if found else set()

        return world.read(work)

    assert permitted() == held(during) == {other.person_id}
    holdings = world.read(
        crowds.list_holdings,
        gate_id=model.gate.id,
        publisher_id=model.publisher_id,
        people=ids,
        now=world.now,
    )
    assert set(holdings) == {other.person_id}
    clock.advance(timedelta(minutes=1))
    do_to(world, person, restrictions.take_back)
    clock.advance(timedelta(minutes=1))
    assert permitted() == held(world.now) == set(ids)
    assert held(during) == {other.person_id}, "what was so then stays so"


async def test_what_was_imported_of_the_person_is_hidden_too(site: Site, owner: Principal) -> None:
    """By an address that they proved, whether they accepted here or not; nobody else's is."""
    world = site.world
    rows = [
        {"line": n, "email": f"{name}@uni.example", "status": "accepted"}
        for n, name in ((2, "anna"), (3, "ben"))
    ]
    sent = {"source": "csv", "rows": rows}
    headers = {"Authorization": f"Bearer {world.token(owner, Scope.PUBLISH)}"}
    answer = await site.client.post("/api/v1/models/quarry/quarry-15b/acceptors", json=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    person = world.person(EMAIL)
    prove(world, person)
    audit = world.token(owner, Scope.AUDIT)

    async def shown() -> set[str | None]:
        listed = (await site.api("/api/v1/audit/imports", audit, publisher="quarry")).json()["items"]
        assert not any(one["erased"] for one in listed)
        bundle = world.read(
            acceptances.list_import_evidence,
            wanted=acceptances.ImportFilter(model_ids=[world.model(owner).id]),
            sealer=world.sealer,
            details=True,
            limit=9,
        )
        assert sum(bool(one.disclosures) for one in bundle) == sum(bool(one["email"]) for one in listed)
        return {one["email"] for one in listed}

    assert await shown() == {EMAIL, "ben@uni.example"}
    restrict(world, person)
    assert await shown() == {None, "ben@uni.example"}
    do_to(world, person, restrictions.take_back)
    world.accept(person, world.model(person))
    restrict(world, person)
    assert await shown() == {None, "ben@uni.example"}


async def test_the_explanation_for_staff_does_not_tell_that_there_is_a_restriction(
    site: Site, owner: Principal
) -> None:
    world = site.world
    person = world.person(EMAIL)
    world.accept(person, world.model(person))

    def told(email: str) -> Any:
        verdict = world.write(
            explain_for,
            principal=owner,
            publisher="quarry",
            model="quarry-15b",
            email=email,
            sealer=world.sealer,
            now=world.now,
        )
        return verdict if isinstance(verdict, access.Permit) else (verdict.refusal, verdict.reasons)

    restrict(world, person)
    assert told(EMAIL) == told("nobody@else.example")
    do_to(world, person, restrictions.take_back)
    assert told(EMAIL) != told("nobody@else.example")


async def test_fsck_names_a_restriction_that_was_tampered_with(site: Site) -> None:
    world = site.world
    person = world.person(EMAIL)
    restrict(world, person)
    world.write(lambda session: session.execute(text("UPDATE person SET restricted_at = NULL")))
    assert [table for table, _ in wrong(world)] == ["person"]
    world.write(lambda session: session.execute(text("DELETE FROM restriction")))
    assert [table for table, _ in wrong(world)] == ["restriction"]
