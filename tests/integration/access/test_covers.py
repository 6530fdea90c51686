"""An officer accepts for an organisation: members are covered, each download names it, the end has a grace (I6, I7)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from registry import acceptances, identity, ledger
from registry.acceptances import fsck
from registry.acceptances.domain import AcceptanceSummary
from registry.delivery.domain import UrlIssued
from registry.identity import cover_telling, list_notices, membership, organisations
from registry.identity.domain import Principal
from registry.identity.organisation_domain import DOMAIN_PROVED, MEMBERS_GRACE, PROOF_LIFETIME
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.parts import build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.integration.access.covers import (
    MEMBER,
    OUTSIDER,
    Scene,
    cover_scene,
    prove,
)
from tests.world import BASE_URL, MASTER_SECRET, World, claims_of, presigning_store, run


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def test_one_acceptance_covers_those_with_an_address_at_the_domain(scene: Scene) -> None:
    member, outsider = scene.join(), scene.join(OUTSIDER)
    assert scene.code(member) == "license-not-accepted"
    accepted = scene.accept()
    assert isinstance(accepted, AcceptanceSummary)
    assert scene.permit(member).acceptance_ids == (accepted.id,)
    assert scene.permit(scene.officer).acceptance_ids == (accepted.id,)
    assert scene.code(outsider) == "license-not-accepted"
    issued = scene.world.resolve(member)
    assert isinstance(issued, UrlIssued)

    def named(session: Any) -> Any:
        return session.connection().execute(text("SELECT acceptance_id FROM download_record")).scalar_one()

    found = scene.world.read(named)
    assert str(found).replace("-", "") == accepted.id.hex


def test_the_statement_says_for_whom_and_by_what_authority(scene: Scene) -> None:
    accepted = scene.accept()
    stored = scene.world.read(
        acceptances.open_disclosures, acceptance_id=accepted.id, sealer=scene.world.sealer
    )
    claims = claims_of(stored[0])
    assert claims["act"]["type"] == "on-behalf"
    assert claims["capacity"]["organisation"] == {
        "id": str(scene.organisation.id),
        "name": "Nordlab Institute",
        "domains": ["nordlab.example"],
    }
    assert claims["capacity"]["authority"].startswith("sha256:")
    assert "Head of research" not in stored[0]
    assert len(stored[1]) > len(claims["_sd"]) - 1
    scene.world.integrate()
    assert list(scene.world.read(fsck.find_discrepancies, sealer=scene.world.sealer)) == []


@pytest.mark.parametrize("changes", [{"authorised": False}, {"title": " "}, {"title": "x" * 200}])
def test_without_authority_nothing_is_accepted(scene: Scene, changes: dict[str, Any]) -> None:
    refused = scene.accept(**changes)
    assert isinstance(refused, Refusal)
    assert refused.code == "acceptance-incomplete"
    assert scene.code(scene.join()) == "license-not-accepted"


def test_only_an_officer_of_that_organisation_accepts_for_it(scene: Scene) -> None:
    for who in (scene.join(), scene.join(OUTSIDER)):
        refused = scene.accept(who)
        assert isinstance(refused, Refusal)
        assert refused.code in {"officer-needed", "organisation-unknown"}


def test_an_officer_may_accept_for_themself_as_well(scene: Scene) -> None:
    own = scene.world.accept(scene.officer, scene.model)
    covered = scene.accept()
    assert isinstance(own, AcceptanceSummary)
    assert isinstance(covered, AcceptanceSummary)
    assert own.id != covered.id
    assert scene.permit(scene.officer).acceptance_ids == (own.id,)


def test_two_officers_at_once_make_one_cover(scene: Scene) -> None:
    second = scene.join("ola@nordlab.example")
    scene.world.write(
        organisations.name_member,
        organisation_id=scene.organisation.id,
        email="ola@nordlab.example",
        is_officer=True,
        principal=scene.officer,
        sealer=scene.world.sealer,
        now=scene.world.now,
    )
    assert isinstance(scene.world.keys, ledger.KeyRing)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(scene.accept, (scene.officer, second)))
    assert len({one.id for one in outcomes if isinstance(one, AcceptanceSummary)}) == 1
    assert not [one for one in outcomes if isinstance(one, Refusal) and one.code != "nothing-to-accept"]


def test_when_the_cover_ends_members_have_time_to_accept_themselves(
    scene: Scene, clock: SettableClock
) -> None:
    member = scene.join()
    accepted = scene.accept()
    scene.world.withdraw(scene.officer, accepted.id)
    ends = scene.world.now + timedelta(days=14)
    assert scene.permit(member).reaccept_by == ends
    clock.advance(timedelta(days=14))
    assert scene.code(member) == "license-not-accepted"
    scene.world.accept(member, scene.model)
    assert scene.permit(member).reaccept_by is None
    scene.world.integrate()
    assert list(scene.world.read(fsck.find_discrepancies, sealer=scene.world.sealer)) == []


def test_a_member_who_leaves_is_covered_no_more(scene: Scene) -> None:
    member = scene.join()
    scene.accept()
    assert scene.code(member) is None
    outcome = scene.world.write(
        organisations.end_membership,
        organisation_id=scene.organisation.id,
        person_id=member.person_id,
        principal=scene.officer,
        now=scene.world.now,
    )
    assert not isinstance(outcome, Refusal)
    assert scene.code(member) == "license-not-accepted"


def test_a_domain_that_is_not_proved_again_covers_nobody(scene: Scene, clock: SettableClock) -> None:
    member = scene.join()
    named = scene.world.person("guest@partner.example")
    scene.world.write(
        organisations.name_member,
        organisation_id=scene.organisation.id,
        email="guest@partner.example",
        is_officer=False,
        principal=scene.officer,
        sealer=scene.world.sealer,
        now=scene.world.now,
    )
    scene.accept()
    assert scene.code(member) is None
    assert scene.code(named) is None
    clock.advance(PROOF_LIFETIME)
    assert scene.code(member) == "license-not-accepted"
    assert scene.code(named) == "license-not-accepted"
    prove(scene.world, scene.officer, scene.organisation)
    assert scene.code(named) is None
    assert scene.code(member) is None


def test_a_proof_works_once_and_for_the_claimants_own_domain_only(scene: Scene) -> None:
    for domain, error in (("else.example", "domain"), ("not a domain", "domain")):
        refused = scene.world.write(
            organisations.claim_domain,
            organisation_id=scene.organisation.id,
            domain=domain,
            mailbox="postmaster",
            principal=scene.officer,
            base_url=BASE_URL,
            sealer=scene.world.sealer,
            now=scene.world.now,
        )
        assert isinstance(refused, Refusal)
        assert error in refused.errors
    assert isinstance(
        scene.world.write(organisations.prove_domain, secret="guessed", now=scene.world.now), Refusal
    )


def test_the_last_officer_stays(scene: Scene) -> None:
    refused = scene.world.write(
        organisations.end_membership,
        organisation_id=scene.organisation.id,
        person_id=scene.officer.person_id,
        principal=scene.officer,
        now=scene.world.now,
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "last-officer"


def test_nobody_learns_of_an_organisation_that_they_do_not_belong_to(scene: Scene) -> None:
    outsider = scene.join(OUTSIDER)
    refused = scene.world.read(
        organisations.get_organisation,
        organisation_id=scene.organisation.id,
        principal=outsider,
        now=scene.world.now,
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "organisation-unknown"


def verified(scene: Scene, email: str) -> Principal:
    """Somebody who showed that an address is theirs while its domain was nobody's."""
    person = scene.world.person(email)
    mark_verified(scene.world)
    return person


def mark_verified(world: World) -> None:
    """Everybody has shown that their address is theirs."""
    world.write(
        lambda session: session.connection().execute(
            text("UPDATE person SET verified_at = created_at WHERE sealed_email IS NOT NULL")
        )
    )


def let_in(scene: Scene, *, people_per_step: int = 2) -> int:
    """Do the steps that a proof has put in, as the worker does; return how many there were."""
    world, steps = scene.world, 0

    def step(session: Any) -> int:
        due = [one for one in outbox.claim(session, now=world.now, most=100) if one.topic == DOMAIN_PROVED]
        for message in due:
            task = msgspec.json.decode(message.payload, type=membership.Task)
            membership.join_known_people(
                session,
                task,
                base_url=BASE_URL,
                sealer=world.sealer,
                now=world.now,
                people_per_step=people_per_step,
            )
            outbox.complete(session, message, now=world.now)
        return len(due)

    while done := world.write(step):
        steps += done
    return steps


def test_who_is_known_already_joins_when_the_domain_is_proved(scene: Scene) -> None:
    colleagues = [verified(scene, f"{name}@nordlab.example") for name in ("ada", "bo", "cy")]
    outsiders = [
        verified(scene, name) for name in (OUTSIDER, "eve@evil-nordlab.example", "x@a.nordlab.example")
    ]
    unconfirmed = scene.world.person("claimed@nordlab.example")
    accepted = scene.accept()
    prove(scene.world, scene.officer, scene.organisation)
    assert let_in(scene) >= 4
    for colleague in colleagues:
        assert scene.permit(colleague).acceptance_ids == (accepted.id,)
        (notice,) = scene.world.read(
            identity.list_notices, person_id=colleague.person_id, sealer=scene.world.sealer
        )
        assert notice.message.subject == "You belong to Nordlab Institute now"
    for person in (*outsiders, unconfirmed):
        assert scene.code(person) == "license-not-accepted"
    assert not scene.world.read(
        identity.list_notices, person_id=scene.officer.person_id, sealer=scene.world.sealer
    )


def test_the_worker_lets_them_in(scene: Scene, tmp_path: Path) -> None:
    world, colleague = scene.world, verified(scene, MEMBER)
    scene.accept()
    prove(world, scene.officer, scene.organisation)
    settings = Settings(
        base_url=BASE_URL, data_dir=tmp_path, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    store = presigning_store(world.clock)
    worker = Worker(build_parts(settings, store=store, database=world.database, clock=world.clock))
    assert scene.code(colleague) == "license-not-accepted"
    run(worker.deliver_due())
    assert scene.code(colleague) is None


def test_steps_of_a_proof_that_no_longer_holds_let_nobody_in(scene: Scene, clock: SettableClock) -> None:
    colleague = verified(scene, MEMBER)
    clock.advance(PROOF_LIFETIME)
    assert let_in(scene) == 1
    assert not scene.world.read(organisations.list_organisations, principal=colleague, now=scene.world.now)


def test_who_was_removed_joins_again_by_name_only(scene: Scene) -> None:
    member = scene.join()
    scene.accept()
    scene.world.write(
        organisations.end_membership,
        organisation_id=scene.organisation.id,
        person_id=member.person_id,
        principal=scene.officer,
        now=scene.world.now,
    )
    scene.join()
    assert scene.code(member) == "license-not-accepted"
    verified(scene, MEMBER)
    prove(scene.world, scene.officer, scene.organisation)
    let_in(scene)
    assert scene.code(member) == "license-not-accepted"
    scene.world.write(
        organisations.name_member,
        organisation_id=scene.organisation.id,
        email=MEMBER,
        is_officer=False,
        principal=scene.officer,
        sealer=scene.world.sealer,
        now=scene.world.now,
    )
    assert scene.code(member) is None


def kinds(scene: Scene, who: Principal) -> list[str]:
    notices = scene.world.read(list_notices, person_id=who.person_id, sealer=scene.world.sealer)
    return [one.message.kind for one in notices]


def told(scene: Scene, topic: str, tell: Any, task: type) -> list[Any]:
    """Do what waits of a topic; return what it said."""
    world = scene.world

    def work(session: Any) -> list[Any]:
        due = [one for one in outbox.claim(session, now=world.now, most=1000) if one.topic == topic]
        said = [msgspec.json.decode(one.payload, type=task) for one in due]
        for one in said:
            tell(session, one, base_url=BASE_URL, sealer=world.sealer, now=world.now)
        return said

    return world.write(work)


def test_who_an_officer_removes_is_told_and_who_leaves_is_not(scene: Scene) -> None:
    removed, leaver = scene.join("per@nordlab.example"), scene.join("pia@nordlab.example")
    for who, by in ((removed, scene.officer), (leaver, leaver)):
        scene.world.write(
            organisations.end_membership,
            organisation_id=scene.organisation.id,
            person_id=who.person_id,
            principal=by,
            now=scene.world.now,
        )
    told(scene, cover_telling.MEMBER_REMOVED, cover_telling.tell_removed, cover_telling.MemberRemoved)
    assert kinds(scene, removed) == ["organisation-left"]
    assert kinds(scene, leaver) == []


def test_members_are_told_until_when_a_cover_that_was_taken_back_lasts(scene: Scene) -> None:
    member, outsider = scene.join("per@nordlab.example"), scene.world.person("x@else.example")
    scene.world.withdraw(scene.officer, scene.accept().id)
    (task,) = told(
        scene, cover_telling.COVER_WITHDRAWN, cover_telling.tell_withdrawn, cover_telling.CoverWithdrawn
    )
    assert task.until == scene.world.now + MEMBERS_GRACE
    assert kinds(scene, member) == ["cover-withdrawn"]
    assert kinds(scene, scene.officer) == kinds(scene, outsider) == []
    # One's own acceptance is nobody else's news.
    own = scene.world.accept(outsider, scene.model)
    scene.world.withdraw(outsider, own.id)
    assert (
        told(scene, cover_telling.COVER_WITHDRAWN, cover_telling.tell_withdrawn, cover_telling.CoverWithdrawn)
        == []
    )
