"""A domain is proved by the DNS record that an officer has set, and by nothing else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dns.message
import dns.rcode
import pytest

from registry.identity import organisations
from registry.identity.domain import Principal
from registry.identity.membership import join_by_domain
from registry.identity.organisation_domain import (
    PROOF_LIFETIME,
    Finding,
    OrganisationView,
    judge_claim,
)
from registry.kernel.outcomes import Refusal
from tests.integration.access.covers import MEMBER
from tests.integration.access.test_covers import let_in, verified
from tests.integration.identity.domain_desk import DOMAIN, NAME, Desk
from tests.servers.dns import Answer, rcode, silence, texts
from tests.world import run


def test_a_record_that_was_set_proves_the_domain(unproved: Desk) -> None:
    member = verified(unproved.scene, MEMBER)
    unproved.claim()
    assert unproved.record.name == NAME
    assert unproved.record.value.startswith("gatehouse-domain-verification=")
    refused = unproved.check()
    assert refused.code == "domain-record-absent"
    assert unproved.claimed.proved_at is None
    assert unproved.scene.code(member) == "license-not-accepted"

    unproved.set_record()
    proved = unproved.check()
    assert isinstance(proved, OrganisationView)
    assert proved.is_verified(unproved.world.now)
    (domain,) = proved.domains
    assert domain.valid_until == unproved.world.now + PROOF_LIFETIME
    let_in(unproved.scene)
    assert unproved.scene.code(member) is None


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (lambda value: [value], Finding.FOUND),
        (lambda value: [b"  " + value + b" \t"], Finding.FOUND),
        (lambda value: [b"v=spf1 -all", value, b"other"], Finding.FOUND),
        (lambda value: [*(b"%d" % number for number in range(1000)), value], Finding.FOUND),
        (lambda value: [b"\xff\xfe", value], Finding.FOUND),
        (lambda value: [value.swapcase()], Finding.ABSENT),
        (lambda value: [value[:-1]], Finding.ABSENT),
        (lambda value: [value + b"x"], Finding.ABSENT),
        (lambda value: [b'"' + value + b'"'], Finding.ABSENT),
        (lambda value: [value.partition(b"=")[2]], Finding.ABSENT),
        (lambda value: [value.replace(b"=", b"\x00=")], Finding.ABSENT),
        (lambda value: [b"gatehouse-domain-verification=" + b"A" * 43], Finding.ABSENT),
        (lambda value: [b"x" * 60_000], Finding.ABSENT),
        (lambda value: [b""], Finding.ABSENT),
        (lambda _value: [], Finding.ABSENT),
    ],
)
def test_only_the_value_itself_is_the_proof(
    unproved: Desk, said: Callable[[bytes], list[bytes]], finding: Finding
) -> None:
    unproved.claim()
    unproved.server.say(NAME, texts(*said(unproved.record.value.encode())))
    outcome = unproved.check()
    assert isinstance(outcome, Refusal) == (finding is Finding.ABSENT)
    assert (unproved.claimed.proved_at is not None) == (finding is Finding.FOUND)


@pytest.mark.parametrize("answer", [rcode(dns.rcode.SERVFAIL), silence])
def test_where_nobody_answers_nothing_changes(unproved: Desk, answer: Answer) -> None:
    unproved.claim()
    unproved.server.say(NAME, answer)
    assert unproved.check().code == "domain-record-unanswered"
    assert unproved.claimed.proved_at is None


def test_a_claim_is_named_once_and_each_organisation_has_its_own(unproved: Desk) -> None:
    unproved.claim()
    first = unproved.record
    unproved.claim(domain="NordLab.example.")
    assert unproved.record == first
    world = unproved.world
    other = world.write(
        organisations.found_organisation,
        name="Nordlab Spin-off",
        principal=unproved.scene.officer,
        now=world.now,
    )
    claimed = unproved.claim(organisation_id=other.id)
    (domain,) = claimed.domains
    assert domain.record.name == first.name
    assert domain.record.value != first.value
    # The record of one proves nothing for the other.
    unproved.set_record()
    refused = run(
        unproved.checker.check(
            organisation_id=other.id, domain_id=domain.id, principal=unproved.scene.officer
        )
    )
    assert refused.code == "domain-record-absent"


@pytest.mark.parametrize(
    ("domain", "said"),
    [("else.example", "Claim the domain"), ("com", "Write a domain"), ("co.uk", "Claim the domain")],
)
def test_the_rules_of_claims_are_those_of_the_mailed_proof(unproved: Desk, domain: str, said: str) -> None:
    refused = unproved.claim(domain=domain)
    assert refused.errors["domain"].startswith(said)


def test_a_name_without_room_for_its_record_is_proved_by_mail() -> None:
    domain = ".".join(["a" * 60] * 3 + ["b" * 50, "example"])
    assert len(domain) > 232
    refused = judge_claim(domain, None, domain)
    assert "prove it by mail" in refused["domain"]
    assert judge_claim(domain, "postmaster", domain) == {}


def test_only_officers_in_a_browser_claim_and_check(unproved: Desk) -> None:
    unproved.claim()
    unproved.set_record()
    member = unproved.world.person("guest@partner.example")
    unproved.world.write(
        organisations.name_member,
        organisation_id=unproved.scene.organisation.id,
        email="guest@partner.example",
        is_officer=False,
        principal=unproved.scene.officer,
        sealer=unproved.world.sealer,
        now=unproved.world.now,
    )
    outsider = unproved.world.person("noor@else.example")
    by_token = Principal(person_id=unproved.scene.officer.person_id)
    for who, code in (
        (member, "officer-needed"),
        (outsider, "organisation-unknown"),
        (by_token, "officer-needed"),
    ):
        assert unproved.claim(by=who).code == code
        assert unproved.check(by=who).code == code
    assert unproved.server.asked == []
    assert unproved.claimed.proved_at is None


def test_an_officer_who_is_removed_while_the_dns_answers_proves_nothing(unproved: Desk) -> None:
    world, second = unproved.world, unproved.world.person("ola@nordlab.example")
    unproved.claim()
    value = unproved.record.value.encode()
    world.write(
        organisations.name_member,
        organisation_id=unproved.scene.organisation.id,
        email="ola@nordlab.example",
        is_officer=True,
        principal=unproved.scene.officer,
        sealer=world.sealer,
        now=world.now,
    )

    def remove(query: dns.message.Message) -> bytes | None:
        # No transaction is open while the DNS is asked: this write would wait for it for ever.
        outcome = world.write(
            organisations.end_membership,
            organisation_id=unproved.scene.organisation.id,
            person_id=second.person_id,
            principal=unproved.scene.officer,
            now=world.now,
        )
        assert not isinstance(outcome, Refusal)
        return texts(value)(query)

    unproved.server.say(NAME, remove)
    assert unproved.check(by=second).code == "organisation-unknown"
    assert unproved.claimed.proved_at is None


def test_two_officers_who_check_at_once_prove_it_once(unproved: Desk) -> None:
    unproved.claim()
    unproved.set_record()
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: unproved.check(), range(4)))
    assert all(isinstance(one, OrganisationView) for one in outcomes)
    assert [one.domain for one in unproved.found().domains] == [DOMAIN]
    assert unproved.told() == []


def test_two_claims_at_once_name_one_record(unproved: Desk) -> None:
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: unproved.claim(), range(4)))
    assert len({one.record for found in outcomes for one in found.domains if one.record}) == 1


def test_a_domain_may_be_proved_by_two_organisations(proved: Desk) -> None:
    world = proved.world
    other = world.write(
        organisations.found_organisation,
        name="Nordlab Spin-off",
        principal=proved.scene.officer,
        now=world.now,
    )
    (domain,) = proved.claim(organisation_id=other.id).domains
    proved.server.say(NAME, texts(proved.record.value.encode(), domain.record.value.encode()))
    outcome = run(
        proved.checker.check(organisation_id=other.id, domain_id=domain.id, principal=proved.scene.officer)
    )
    assert isinstance(outcome, OrganisationView)
    member = world.person(MEMBER)
    world.write(join_by_domain, person_id=member.person_id, email=MEMBER, now=world.now)
    found = world.read(organisations.list_organisations, principal=member, now=world.now)
    assert {one.id for one in found} == {other.id, proved.scene.organisation.id}
    assert proved.found().is_verified(world.now)
