"""The export of one's own data is whole: each table with a reference to people is in it, or left out for a reason."""

import importlib
import pkgutil

import registry
from registry.delivery.personal_export import FORMAT
from registry.kernel.database import Table
from tests.api.conftest import Browser, Site
from tests.api.test_requests import ASK, FILLED, anna, ben, do, owner, sent

__all__ = ["anna", "ben", "owner"]

EXPORTED = {
    "acceptance": "acceptances",
    "access_grant": "access_requests",
    "access_grant_end": "access_requests",
    "access_request": "access_requests",
    "access_token": "tokens",
    "acknowledgement": "acknowledgements",
    "block": "blocks",
    "block_lift": "blocks",
    "declaration": "declarations",
    "download_record": "downloads",
    "equivalence": "equivalence_decisions",
    "erasure": "erasure",
    "external_identity": "accounts",
    "hold": "holds",
    "hub_disclosure": "hub_disclosures",
    "license_verdict": "second_person_decisions",
    "look": "looks",
    "notice": "notices",
    "organisation_member": "organisations",
    "passkey": "passkeys",
    "person": "person",
    "person_key": "ssh_keys",
    "program_login": "programs",
    "publisher_role": "roles",
    "refused_request": "refused_requests",
    "request_step": "access_requests",
    "restriction": "restrictions",
    "service_account": "service_accounts",
    "update_answer": "releases_to_give_up",
    "update_notice": "releases_to_give_up",
    "web_session": "sessions",
}
ONE_SIGN_IN = "serves one sign-in; what came of it is in sessions and programs"
OFFICE = "what somebody did for a publisher or an organisation; of them it holds the id alone"
LEFT_OUT = {
    "answer_template": OFFICE,
    "authorization_code": ONE_SIGN_IN,
    "device_authorization": ONE_SIGN_IN,
    "email_link": ONE_SIGN_IN,
    "gate_revision": OFFICE,
    "hub_credential": OFFICE,
    "hub_mirror": OFFICE,
    "import_report": OFFICE,
    "imported_acceptor": OFFICE,
    "license_version": OFFICE,
    "loss_notice": "only that a letter was sent; the notice itself is exported",
    "model_base": OFFICE,
    "model_draft": OFFICE,
    "model_gate_move": OFFICE,
    "must_update": OFFICE,
    "organisation": OFFICE,
    "organisation_domain": OFFICE,
    "organisation_group": OFFICE,
    "provider_visit": ONE_SIGN_IN,
    "release": OFFICE,
    "sealing_key": "the key that seals the data; what it seals is exported",
    "service_token": OFFICE,
    "upload": OFFICE,
    "webhook": OFFICE,
    "user_code_miss": "only that a wrong code was typed, to slow down guessing",
}


def tables_of_people() -> set[str]:
    """Every table with a column that names a person, as the tables themselves say."""
    for module in pkgutil.walk_packages(registry.__path__, "registry."):
        if module.name.endswith("tables"):
            importlib.import_module(module.name)
    return {"person", "sealing_key"} | {
        name
        for name, table in Table.metadata.tables.items()
        if any(key.target_fullname == "person.id" for key in table.foreign_keys)
    }


async def test_each_table_of_people_is_exported_or_left_out_for_a_reason(site: Site) -> None:
    assert EXPORTED.keys() | LEFT_OUT.keys() == tables_of_people()
    assert not EXPORTED.keys() & LEFT_OUT.keys()
    whole = (await site.browser(site.world.person("new@lab.example")).get("/records/export.json")).json()
    assert whole["format"] == FORMAT
    assert set(EXPORTED.values()) <= whole.keys()


async def test_the_export_holds_what_one_asked_and_was_answered_and_no_reviewer(
    site: Site, anna: Browser, ben: Browser
) -> None:
    request = await sent(anna)
    await do(ben, request, "take")
    await do(ben, request, "return-for-changes", note="Name your supervisor")
    text = (await anna.get("/records/export.json")).text
    (asked,) = (await anna.get("/records/export.json")).json()["access_requests"]
    assert asked["model"] == "quarry/quarry-15b"
    assert "Nordlab Institute" in str(asked["steps"])
    assert [(one["note"], one["by_you"]) for one in asked["steps"] if one["note"]] == [
        ("for my thesis", True),
        ("Name your supervisor", False),
    ]
    assert "ben@quarry.example" not in text
    assert str(site.world.person("ben@quarry.example").person_id) not in text
    assert (await ben.get("/records/export.json")).json()["access_requests"] == []


async def test_the_export_holds_a_draft_that_was_not_sent(anna: Browser) -> None:
    await anna.post(ASK, seen_on=ASK, **{**FILLED, "note": "half a thought", "do": "draft"})
    (asked,) = (await anna.get("/records/export.json")).json()["access_requests"]
    assert asked["draft"]["note"] == "half a thought"
