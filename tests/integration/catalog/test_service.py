import asyncio
from datetime import timedelta
from typing import Any

import pytest

from registry import catalog
from registry.catalog.domain import Command, GateMode, Role, may
from registry.catalog.forms import FieldType, FormField
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from registry.kernel.outcomes import Refusal
from tests.integration.catalog.conftest import World

COMPANY = FormField(key="Company", label="Company", type=FieldType.TEXT, purpose="To know you")


def make_model(world: World, owner: Principal, name: str = "tarn-7b", **demand: Any) -> Any:
    return world.do(
        catalog.create_model,
        publisher="tarn",
        name=name,
        demand=catalog.GateDemand(**({"mode": GateMode.AUTO} | demand)),
        private=False,
        principal=owner,
        now=world.now(),
    )


def change(world: World, principal: Principal, **demand: Any) -> Any:
    return world.do(
        catalog.change_gate,
        publisher="tarn",
        name="tarn-7b",
        demand=catalog.GateDemand(**({"mode": GateMode.AUTO} | demand)),
        principal=principal,
        now=world.now(),
    )


def give(world: World, by: Principal, to: Principal, role: Role) -> Any:
    return world.do(
        catalog.add_role, publisher="tarn", person_id=to.person_id, role=role, principal=by, now=world.now()
    )


def end(world: World, by: Principal, role_id: Any) -> Any:
    return world.do(catalog.end_role, publisher="tarn", role_id=role_id, principal=by, now=world.now())


def test_who_creates_a_publisher_owns_it(world: World, owner: Principal) -> None:
    roles = world.look(catalog.list_roles_of, person_id=owner.person_id)
    assert [(role.publisher, role.role) for role in roles] == [("tarn", Role.OWNER)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("TARN", "name-taken"),
        ("api", "malformed-request"),
        ("Static", "malformed-request"),
        ("a--b", "malformed-request"),
        ("", "malformed-request"),
        ("../x", "malformed-request"),
        ("x" * 96, "malformed-request"),
    ],
)
def test_names_that_cannot_stand_are_refused(world: World, owner: Principal, name: str, code: str) -> None:
    refused = world.do(catalog.create_publisher, name=name, display_name="", principal=owner, now=world.now())
    assert refused.code == code


def test_creating_takes_a_person_and_a_token_that_may_publish(world: World) -> None:
    reader = world.signed_in("reader", channel=Channel.TOKEN, scopes=frozenset({Scope.READ}))
    for principal, code in ((ANONYMOUS, "sign-in-needed"), (reader, "scope-missing")):
        refused = world.do(
            catalog.create_publisher, name="x", display_name="", principal=principal, now=world.now()
        )
        assert refused.code == code


def test_an_operator_may_name_another_owner(world: World) -> None:
    operator = world.signed_in("operator", is_operator=True)
    other = world.signed_in("other")
    world.do(
        catalog.create_publisher,
        name="fell",
        display_name="Fell",
        owner_id=other.person_id,
        principal=operator,
        now=world.now(),
    )
    assert world.look(catalog.list_roles_of, person_id=operator.person_id) == []
    assert len(world.look(catalog.list_roles_of, person_id=other.person_id)) == 1


def test_roles_begin_and_end_and_stay_on_record(world: World, owner: Principal) -> None:
    other = world.signed_in("other")
    role = give(world, owner, other, Role.MAINTAINER)
    same = give(world, owner, other, Role.MAINTAINER)
    ended = end(world, owner, role.id)
    again = end(world, owner, role.id)
    listed = world.look(catalog.list_roles, publisher="tarn", principal=owner)

    assert same == role
    assert ended.ended_at == world.now()
    assert again == ended
    assert [(one.role, one.ended_at is None) for one in listed] == [
        (Role.OWNER, True),
        (Role.MAINTAINER, False),
    ]


def test_the_last_owner_stays(world: World, owner: Principal) -> None:
    (mine,) = world.look(catalog.list_roles_of, person_id=owner.person_id)
    assert end(world, owner, mine.id).code == "last-owner"
    other = world.signed_in("other")
    give(world, owner, other, Role.OWNER)
    assert end(world, owner, mine.id).ended_at is not None
    assert give(world, owner, owner, Role.OWNER).code == "role-missing"


async def test_two_owners_who_end_each_other_leave_one(world: World, owner: Principal) -> None:
    other = world.signed_in("other")
    theirs = give(world, owner, other, Role.OWNER)
    (mine,) = world.look(catalog.list_roles_of, person_id=owner.person_id)

    outcomes = await asyncio.gather(
        *(
            world.database.write(
                lambda session, by=by, role=role: catalog.end_role(  # type: ignore[misc] # defaults bind the pair
                    session, publisher="tarn", role_id=role, principal=by, now=world.now()
                )
            )
            for by, role in ((owner, theirs.id), (other, mine.id))
        )
    )

    assert sum(isinstance(outcome, Refusal) for outcome in outcomes) == 1


@pytest.mark.parametrize("role", [Role.MAINTAINER, Role.REVIEWER, Role.AUDITOR])
def test_nobody_below_an_owner_gives_roles(world: World, owner: Principal, role: Role) -> None:
    other = world.signed_in("other")
    give(world, owner, other, role)
    assert give(world, other, other, Role.OWNER).code == "role-missing"


def test_the_table_of_roles_is_this_one() -> None:
    table = {role: {command.value for command in Command if may(role, command)} for role in Role}
    everything = {command.value for command in Command}
    assert table == {
        Role.OWNER: everything,
        Role.MAINTAINER: everything - {"manage-roles"},
        Role.REVIEWER: {"see-private", "review-requests", "read-records"},
        Role.AUDITOR: {"see-private", "read-records"},
    }


def test_a_gate_changes_by_new_revisions_only(world: World, owner: Principal) -> None:
    world.license()
    model = make_model(world, owner)
    changed = change(world, owner, licenses=("tarn-openrail-m",), fields=(COMPANY,))
    same = change(world, owner, licenses=("tarn-openrail-m@1.0",), fields=(COMPANY,))
    closed = change(world, owner, mode=GateMode.CLOSED)
    history = world.look(catalog.list_gate_history, gate_id=model.gate.id)

    assert (model.gate.number, changed.number, same.number, closed.number) == (1, 2, 2, 3)
    assert [gate.mode for gate in history] == [GateMode.CLOSED, GateMode.AUTO, GateMode.AUTO]
    assert history[1] == changed
    found = world.look(catalog.find_model, publisher="tarn", name="tarn-7b", principal=ANONYMOUS)
    assert found.gate == closed


@pytest.mark.parametrize(
    "facts",
    [
        {"channel": Channel.TOKEN},
        {"signed_in_at": None},
        {"signed_in_at": "old"},
    ],
)
def test_a_gate_changes_only_after_a_fresh_sign_in(
    world: World, owner: Principal, facts: dict[str, Any]
) -> None:
    make_model(world, owner)
    if facts.get("signed_in_at") == "old":
        facts = {"signed_in_at": world.now() - timedelta(minutes=61)}
    stale = world.signed_in("owner", **facts)
    assert change(world, stale, mode=GateMode.CLOSED).code == "fresh-sign-in-needed"


@pytest.mark.parametrize(
    ("demand", "code"),
    [
        ({"licenses": ("nobody",)}, "license-not-found"),
        ({"licenses": ("tarn-openrail-m@9.9",)}, "license-not-found"),
        ({"licenses": ("not a reference",)}, "license-not-found"),
        ({"licenses": ("tarn-openrail-m@1.0", "tarn-openrail-m@2.0")}, "malformed-request"),
        ({"licenses": ("tarn-openrail-m",) * 11}, "malformed-request"),
        ({"fields": (COMPANY, COMPANY)}, "form-malformed"),
        ({"fields": (FormField(key="", label="", type=FieldType.TEXT),)}, "form-malformed"),
    ],
)
def test_demands_that_cannot_stand_are_refused(
    world: World, owner: Principal, demand: dict[str, Any], code: str
) -> None:
    world.license()
    world.license(number="2.0")
    make_model(world, owner)
    assert change(world, owner, **demand).code == code


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, None])
def test_gates_are_changed_by_owners_and_maintainers(
    world: World, owner: Principal, role: Role | None
) -> None:
    make_model(world, owner)
    other = world.signed_in("other")
    if role is not None:
        give(world, owner, other, role)
    assert change(world, other, mode=GateMode.CLOSED).code == "role-missing"
    give(world, owner, other, Role.MAINTAINER)
    assert change(world, other, mode=GateMode.CLOSED).mode is GateMode.CLOSED


def test_the_catalog_is_searched_and_filtered(world: World, owner: Principal) -> None:
    world.license()
    make_model(world, owner, "alpha", licenses=("tarn-openrail-m",))
    make_model(world, owner, "beta_100.x", mode=GateMode.MANUAL)
    make_model(world, owner, "Gamma")

    def names(**filters: Any) -> list[str]:
        found = world.look(catalog.list_models, principal=ANONYMOUS, **filters)
        return [model.name for model in found]

    assert names() == ["Gamma", "beta_100.x", "alpha"]
    assert names(search="GAMMA") == ["Gamma"]
    assert names(search="tarn/al") == ["alpha"]
    assert names(search="tarn a") == ["Gamma", "beta_100.x", "alpha"]
    assert names(search="0.x") == ["beta_100.x"]
    assert names(search="%") == []
    assert names(search="l_h") == []
    assert names(license_slug="tarn-openrail-m") == ["alpha"]
    assert names(mode=GateMode.MANUAL) == ["beta_100.x"]
    assert names(search="'; drop table model; --") == []


async def test_racing_creations_of_one_model_make_one_and_no_stray_gate(
    world: World, owner: Principal
) -> None:
    demand = catalog.GateDemand(mode=GateMode.AUTO)
    outcomes = await asyncio.gather(
        *(
            world.database.write(
                lambda session: catalog.create_model(
                    session,
                    publisher="tarn",
                    name="tarn-7b",
                    demand=demand,
                    private=False,
                    principal=owner,
                    now=world.now(),
                )
            )
            for _ in range(5)
        )
    )
    assert sum(not isinstance(outcome, Refusal) for outcome in outcomes) == 1
    world.integrate()
    assert world.discrepancies() == []
