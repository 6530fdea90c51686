"""Access requests from asking to the end of the grant, on both databases (P1, P2, P10; threats G6, I6)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from registry import access, catalog
from registry.access import fsck, request_reading, requesting
from registry.access.request_views import Office, RequestView
from registry.access.transitions import Cause, Move, RequestEvent, RequestState
from registry.catalog.domain import GateMode, ModelView, Role
from registry.catalog.reviews import ReviewPolicy
from registry.catalog.tables import GateRevision
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import ANSWERS, BASE_URL, World


@dataclass
class Scene:
    """A gate of mode manual, its reviewers, and somebody who has accepted the license."""

    world: World
    model: ModelView
    owner: Principal
    ben: Principal
    carl: Principal
    anna: Principal

    def office(self, who: Principal) -> Office:
        return Office(principal=who, sealer=self.world.sealer, base_url=BASE_URL, now=self.world.now)

    def ask(self, who: Principal | None = None, **changes: Any) -> Any:
        given: dict[str, Any] = {"answers": ANSWERS, "note": "for my thesis", **changes}
        return self.world.write(
            requesting.ask,
            office=self.office(who or self.anna),
            publisher=self.model.publisher,
            model=self.model.name,
            **given,
        )

    def move(self, who: Principal, request: Any, event: RequestEvent, **changes: Any) -> Any:
        wanted = Move(**{"event": event, "note": "because", **changes})
        return self.world.write(
            requesting.move, office=self.office(who), request_id=request.id, wanted=wanted
        )

    def approved(self, **changes: Any) -> Any:
        request = self.ask()
        return self.move(self.ben, request, RequestEvent.APPROVE, **changes)

    def change_gate(self, review: ReviewPolicy | None) -> Any:
        """Let the gate review like this from now on; None: as it does."""
        return self.world.write(
            catalog.change_gate,
            publisher=self.model.publisher,
            name=self.model.name,
            demand=catalog.GateDemand(
                mode=GateMode.MANUAL,
                licenses=("sample-openrail-m@1.0",),
                fields=self.model.gate.fields,
                review=review,
            ),
            principal=replace(self.owner, signed_in_at=self.world.now),
            now=self.world.now,
        )

    def code(self, who: Principal | None = None) -> str | None:
        """The refusal that this person would get for a file; None: they may download."""
        verdict = self.world.decide(who or self.anna, self.model)
        return None if isinstance(verdict, access.Permit) else verdict.refusal.code

    def resolve(self) -> str:
        return type(self.world.resolve(self.anna)).__name__


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    world = World(database=database, clock=clock)
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    ben, carl = world.person("ben@quarry.example"), world.person("carl@quarry.example")
    for reviewer in (ben, carl):
        world.write(
            catalog.add_role,
            publisher=model.publisher,
            person_id=reviewer.person_id,
            role=Role.REVIEWER,
            principal=owner,
            now=world.now,
        )
    fresh = replace(owner, signed_in_at=world.now)
    changed = world.write(
        catalog.change_gate,
        publisher=model.publisher,
        name=model.name,
        demand=catalog.GateDemand(
            mode=GateMode.MANUAL, licenses=("sample-openrail-m@1.0",), fields=model.gate.fields
        ),
        principal=fresh,
        now=world.now,
    )
    assert not isinstance(changed, Refusal), changed
    model = world.model(owner)
    anna = world.person("anna@uni.example")
    world.accept(anna, model)
    return Scene(world=world, model=model, owner=owner, ben=ben, carl=carl, anna=anna)


def events(request: RequestView) -> list[str]:
    return [step.event.value for step in request.steps]


def test_an_acceptance_alone_opens_no_reviewed_gate(scene: Scene) -> None:
    assert scene.code() == "review-needed"
    request = scene.ask()
    assert request.state is RequestState.SUBMITTED
    assert request.position == 0
    assert scene.code() == "awaiting-review"
    assert scene.resolve() == "FileRefused"


def test_a_request_needs_the_acceptance_first(scene: Scene) -> None:
    noor = scene.world.person("noor@uni.example")
    refused = scene.ask(noor)
    assert isinstance(refused, Refusal)
    assert refused.code == "license-not-accepted"


def test_an_approval_opens_the_gate_and_is_recorded(scene: Scene) -> None:
    request = scene.approved()
    assert request.state is RequestState.APPROVED
    assert scene.code() is None
    assert scene.resolve() == "UrlIssued"
    assert events(request) == ["start", "submit", "approve"]
    told = scene.world.read(list_notices, person_id=scene.anna.person_id, sealer=scene.world.sealer)
    assert [notice.message.kind for notice in told] == ["request-approve", "request-submit"]
    scene.world.integrate()
    assert list(scene.world.read(fsck.find_discrepancies)) == []


def test_a_withdrawn_acceptance_closes_a_reviewed_gate_too(scene: Scene) -> None:
    scene.approved()
    other = scene.world.person("lena@uni.example")
    accepted = scene.world.accept(other, scene.model)
    request = scene.ask(other)
    scene.move(scene.ben, request, RequestEvent.APPROVE)
    assert scene.code(other) is None
    scene.world.withdraw(other, accepted.id)
    assert scene.code(other) == "acceptance-withdrawn"


def test_sent_back_for_changes_and_sent_again(scene: Scene) -> None:
    request = scene.ask()
    scene.move(scene.ben, request, RequestEvent.TAKE)
    returned = scene.move(scene.ben, request, RequestEvent.RETURN, note="name your supervisor")
    assert returned.state is RequestState.CHANGES_REQUESTED
    assert scene.code() == "changes-requested"
    again = scene.ask(note="my supervisor is Prof. Ek")
    assert again.id == request.id
    assert again.state is RequestState.SUBMITTED
    assert [step.note for step in again.steps if step.note] == [
        "for my thesis", "because", "name your supervisor", "my supervisor is Prof. Ek",
    ]  # fmt: skip
    done = scene.move(scene.carl, again, RequestEvent.APPROVE)
    assert done.state is RequestState.APPROVED


def test_after_a_rejection_one_may_appeal_once_or_ask_again_later(scene: Scene, clock: SettableClock) -> None:
    request = scene.ask()
    rejected = scene.move(scene.ben, request, RequestEvent.REJECT, reason=Cause.OUT_OF_SCOPE)
    assert rejected.reapply_at == scene.world.now + timedelta(days=30)
    assert scene.code() == "request-rejected"
    early = scene.ask()
    assert isinstance(early, Refusal)
    assert early.code == "request-too-early"
    assert early.until == rejected.reapply_at
    appealed = scene.move(scene.anna, request, RequestEvent.APPEAL)
    assert appealed.state is RequestState.IN_REVIEW
    same = scene.move(scene.ben, request, RequestEvent.APPROVE)
    assert isinstance(same, Refusal)
    scene.move(scene.carl, request, RequestEvent.REJECT, reason=Cause.OTHER)
    assert isinstance(scene.move(scene.anna, request, RequestEvent.APPEAL), Refusal)
    clock.advance(timedelta(days=31))
    later = scene.ask()
    assert later.id != request.id
    assert later.previous_id == request.id


def test_a_grant_ends_by_itself_and_can_be_renewed_in_its_last_days(
    scene: Scene, clock: SettableClock
) -> None:
    scene.approved(until=scene.world.now + timedelta(days=60))
    refused = scene.ask()
    assert isinstance(refused, Refusal)
    assert refused.code == "request-granted"
    clock.advance(timedelta(days=40))
    renewal = scene.ask()
    assert renewal.state is RequestState.SUBMITTED
    assert scene.code() is None
    clock.advance(timedelta(days=20))
    assert scene.code() == "awaiting-review"
    scene.move(scene.ben, renewal, RequestEvent.APPROVE)
    assert scene.code() is None


def test_an_expired_grant_is_not_called_revoked(scene: Scene, clock: SettableClock) -> None:
    scene.approved(until=scene.world.now + timedelta(days=10))
    clock.advance(timedelta(days=10))
    assert scene.code() == "access-expired"
    assert scene.resolve() == "FileRefused"


def test_revoking_takes_two_people_and_ends_access_at_once(scene: Scene) -> None:
    request = scene.approved()
    scene.move(scene.ben, request, RequestEvent.PROPOSE_REVOCATION, reason=Cause.MISUSE)
    assert scene.code() is None
    assert isinstance(scene.move(scene.ben, request, RequestEvent.REVOKE), Refusal)
    revoked = scene.move(scene.carl, request, RequestEvent.REVOKE)
    assert revoked.state is RequestState.REVOKED
    assert scene.code() == "access-revoked"
    assert scene.resolve() == "FileRefused"
    scene.world.integrate()
    assert list(scene.world.read(fsck.find_discrepancies)) == []


@pytest.mark.parametrize("ender", ["anna", "ben"])
def test_access_can_end_without_blame_and_be_asked_for_anew(scene: Scene, ender: str) -> None:
    request = scene.approved()
    event = RequestEvent.RELINQUISH if ender == "anna" else RequestEvent.CLOSE
    closed = scene.move(getattr(scene, ender), request, event)
    assert closed.state is RequestState.CLOSED
    assert scene.code() == "review-needed"
    assert scene.ask().state is RequestState.SUBMITTED


def test_requests_lapse_after_a_warning(scene: Scene, clock: SettableClock) -> None:
    request = scene.ask()

    def lapse() -> Any:
        return scene.world.write(
            requesting.lapse_due, sealer=scene.world.sealer, base_url=BASE_URL, now=scene.world.now
        )

    assert lapse() == 0
    clock.advance(timedelta(days=24))
    assert lapse() == 1
    assert lapse() == 0
    kinds = [
        notice.message.kind
        for notice in scene.world.read(
            list_notices, person_id=scene.anna.person_id, sealer=scene.world.sealer
        )
    ]
    assert kinds[0] == "request-will-lapse"
    clock.advance(timedelta(days=6))
    assert lapse() == 1
    shown = scene.world.read(
        request_reading.get_request, office=scene.office(scene.anna), request_id=request.id
    )
    assert shown.state is RequestState.LAPSED


def test_other_people_see_nothing_of_a_request(scene: Scene) -> None:
    request = scene.ask()
    stranger = scene.world.person("stranger@else.example")
    for office in (scene.office(stranger), scene.office(Principal())):
        seen = scene.world.read(request_reading.get_request, office=office, request_id=request.id)
        assert isinstance(seen, Refusal)
        assert seen.code == "request-unknown"
        moved = scene.world.write(
            requesting.move,
            office=office,
            request_id=request.id,
            wanted=Move(event=RequestEvent.LAPSE),
        )
        assert isinstance(moved, Refusal)


def test_a_gate_reviews_as_its_revision_says(scene: Scene) -> None:
    before = scene.model.gate.number
    assert scene.change_gate(ReviewPolicy()).number == before  # as usual, as it was
    assert scene.change_gate(ReviewPolicy(grant_days=30)).number == before + 1
    assert scene.change_gate(None).review == ReviewPolicy(grant_days=30)
    refused = scene.change_gate(ReviewPolicy(approvals=0, target_days=40))
    assert isinstance(refused, Refusal)
    assert set(refused.errors) == {"approvals"}
    scene.approved()
    assert scene.code() is None
    scene.world.clock.advance(timedelta(days=31))
    assert scene.code() == "access-expired"
    scene.world.integrate()
    assert scene.world.read(lambda session: list(catalog.find_discrepancies(session))) == []
    scene.world.database.write_now(
        lambda session: (
            session.connection().execute(
                update(GateRevision).where(col(GateRevision.review).is_not(None)).values(review=None)
            )
            and None
        )
    )
    (found,) = scene.world.read(lambda session: list(catalog.find_discrepancies(session)))
    assert found.table == "gate_revision"


def test_a_reviewer_sees_no_other_opinion_before_the_decision(scene: Scene) -> None:
    scene.change_gate(ReviewPolicy(approvals=2))
    request = scene.ask()
    first = scene.move(scene.ben, request, RequestEvent.APPROVE, note="fine by me")
    assert first.state is RequestState.IN_REVIEW
    assert "endorse" in events(first)
    blind = scene.world.read(
        request_reading.get_request, office=scene.office(scene.carl), request_id=request.id
    )
    assert "endorse" not in events(blind)
    assert scene.code() == "awaiting-review"
    done = scene.move(scene.carl, request, RequestEvent.APPROVE)
    assert done.state is RequestState.APPROVED
    assert "endorse" in events(done)


def test_two_reviewers_at_once_make_one_decision(scene: Scene) -> None:
    request = scene.ask()

    def decide(who: Principal) -> Any:
        return scene.move(who, request, RequestEvent.APPROVE)

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(decide, (scene.ben, scene.carl)))
    assert sorted(isinstance(outcome, Refusal) for outcome in outcomes) == [False, True]
    shown = scene.world.read(
        request_reading.get_request, office=scene.office(scene.anna), request_id=request.id
    )
    assert events(shown).count("approve") == 1


def test_two_windows_make_one_request(scene: Scene) -> None:
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: scene.ask(), range(4)))
    assert len({outcome.id for outcome in outcomes if isinstance(outcome, RequestView)}) == 1
    shown = scene.world.read(request_reading.list_own, office=scene.office(scene.anna))
    assert len(shown) == 1
