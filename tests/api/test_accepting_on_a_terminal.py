"""Accepting over the JSON API with a signature by the acceptor's own SSH key (grade A)."""

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.client.keys import parse_key_set
from registry.client.verify import Trust, TrustedKeys, verify_receipt
from registry.identity.domain import Principal, Scope
from tests import ssh
from tests.api.conftest import Site
from tests.world import ANSWERS, TEXT_10, claims_of

pytestmark = ssh.needed
ACCEPTANCE = "/api/v1/models/quarry/quarry-15b/acceptance"


class Acting:
    """Mara on a terminal, with a key registered for her."""

    def __init__(self, site: Site, pair: ssh.KeyPair) -> None:
        self.site, self.world, self.pair = site, site.world, pair
        self.world.gated_model()
        self.mara = self.world.person()
        self.token = self.world.token(self.mara)

    async def register(self, person: Principal | None = None, pair: ssh.KeyPair | None = None) -> Any:
        browser = self.site.browser(person or self.mara)
        return await browser.post(
            "/settings/ssh-keys",
            seen_on="/settings/ssh-keys",
            key=(pair or self.pair).public,
            name="laptop",
        )

    async def send(self, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return await self.site.client.post(path, json=body, headers=headers)

    async def form(self, token: str | None = None) -> Any:
        answer = await self.site.api(ACCEPTANCE, token or self.token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, token: str | None = None, **changes: Any) -> dict[str, Any]:
        form = await self.form(token)
        texts = [{"ticket": one["ticket"], "text_sha256": one["sha256"]} for one in form["texts"]]
        return {
            "texts": texts,
            "typed_name": "Mara Lindqvist",
            "typed_sentence": form["typed_sentence"],
            "answers": ANSWERS,
        } | changes

    async def signed(self, *, pair: ssh.KeyPair | None = None, token: str | None = None) -> dict[str, Any]:
        act = await self.act(token)
        answer = await self.send(f"{ACCEPTANCE}/declaration", act, token)
        assert answer.status_code == 200, answer.text
        declared = answer.json()
        signature = (pair or self.pair).sign(declared["declaration"].encode())
        return {"act": act, "challenge": declared["challenge"], "signature": signature}


@pytest.fixture
def acting(site: Site, tmp_path: Path) -> Acting:
    return Acting(site, ssh.make_key(tmp_path, "ed25519"))


async def test_signed_act_is_an_acceptance_of_grade_a_that_anybody_can_verify(
    acting: Acting, tmp_path: Path
) -> None:
    await acting.register()
    form = await acting.form()
    assert form["texts"][0]["text"] == TEXT_10.decode()
    assert form["typed_sentence"] == "I accept Sample OpenRAIL-M 1.0"
    answer = await acting.send(ACCEPTANCE, await acting.signed())
    assert answer.status_code == 201, answer.text
    (item,) = answer.json()["items"]
    assert item["grade"] == "A"
    acting.world.integrate()
    receipt = await acting.site.api(f"/api/v1/receipts/{item['id']}", acting.token)
    keys = parse_key_set((await acting.site.api("/api/v1/keys")).json(), where="keys")
    outcome = verify_receipt(receipt.content, trusted=TrustedKeys(keys=keys, source=Trust.GIVEN))
    assert outcome.failure is None, outcome.failure
    assert "the acceptor has signed this acceptance with the SSH key SHA256:" in outcome.steps[-2].text
    statement: Any = outcome.statement
    assert statement["context"]["channel"] == "terminal"
    assert statement["act"]["affirmed_by"] == ["typed-sentence", "typed-name", "own-signature"]
    assert statement["identity"]["amr"] == ["swk"]
    own = statement["own_signature"]
    assert ssh.tool_accepts(tmp_path, own["declaration"].encode(), own["signature"], acting.pair.public)
    declared = json.loads(own["declaration"])
    assert declared["acceptances"][0]["license"]["sha256"] == form["texts"][0]["sha256"]
    assert declared["sentence"] == form["sentence"]
    decision = await acting.site.api("/api/v1/models/quarry/quarry-15b/access", acting.token)
    assert decision.json()["permitted"]


async def test_leaf_shows_the_grade_and_neither_key_nor_signature(acting: Acting) -> None:
    await acting.register()
    answer = await acting.send(ACCEPTANCE, await acting.signed())
    receipt = (
        await acting.site.api(f"/api/v1/receipts/{answer.json()['items'][0]['id']}", acting.token)
    ).json()
    leaf = receipt["sd_jwt"].split("~")[0]
    disclosures = receipt["sd_jwt"].split("~")[1:-1]
    bare = verify_receipt(json.dumps(receipt | {"sd_jwt": f"{leaf}~"}).encode())
    assert "own_signature" in str(verify_receipt(json.dumps(receipt).encode()).disclosed)
    assert len(disclosures) > 3
    clear = json.dumps(claims_of(leaf))
    assert claims_of(leaf)["grade"] == "A"
    assert acting.pair.public.split()[1] not in clear
    assert "SSH SIGNATURE" not in clear
    assert bare.disclosed == ()


async def test_sending_it_again_gives_the_same_acceptance(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    first, second = await acting.send(ACCEPTANCE, sent), await acting.send(ACCEPTANCE, sent)
    assert first.json()["items"] == second.json()["items"]


async def test_declaration_counts_once_also_after_a_withdrawal(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    item = (await acting.send(ACCEPTANCE, sent)).json()["items"][0]
    browser = acting.site.browser(acting.mara)
    await browser.post(f"/records/{item['id']}/withdraw", seen_on=f"/records/{item['id']}")
    again = await acting.send(ACCEPTANCE, sent)
    assert (again.status_code, again.json()["code"]) == (409, "declaration-used")
    anew = await acting.send(ACCEPTANCE, await acting.signed())
    assert anew.status_code == 201


async def test_without_a_registered_key_nothing_is_accepted(acting: Acting) -> None:
    answer = await acting.send(ACCEPTANCE, await acting.signed())
    assert (answer.status_code, answer.json()["code"]) == (403, "own-key-unknown")
    assert answer.json()["remedy"]["url"].endswith("/settings/ssh-keys")


async def test_key_of_somebody_else_accepts_nothing(acting: Acting, tmp_path: Path) -> None:
    other = ssh.make_key(tmp_path, "ecdsa", "-b", "256")
    await acting.register(acting.world.person("ben@nordlab.example"), other)
    await acting.register()
    answer = await acting.send(ACCEPTANCE, await acting.signed(pair=other))
    assert answer.json()["code"] == "own-key-unknown"


async def test_removed_key_signs_nothing_more(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    browser = acting.site.browser(acting.mara)
    page = await browser.page("/settings/ssh-keys")
    remove = page.split('action="/settings/ssh-keys/')[1].split('"')[0]
    removed = await browser.post(f"/settings/ssh-keys/{remove}", seen_on="/settings/ssh-keys")
    assert removed.status_code == 303
    assert (await acting.send(ACCEPTANCE, sent)).json()["code"] == "own-key-unknown"


@pytest.mark.parametrize(
    ("where", "value", "code"),
    [
        (("act", "typed_name"), "Mara Lindquist", "declaration-changed"),
        (("act", "answers", "Country"), "SE", "declaration-changed"),
        (("act", "typed_sentence"), "I accept everything", "acceptance-incomplete"),
        (("act", "typed_name"), "", "acceptance-incomplete"),
        (("act", "texts", 0, "ticket"), "x.y", "form-not-yours"),
        (("challenge",), "x.y", "declaration-not-yours"),
        (("signature",), "-----BEGIN SSH SIGNATURE-----", "own-signature-not-taken"),
    ],
)
async def test_what_differs_from_what_was_signed_is_refused(
    acting: Acting, where: tuple[Any, ...], value: str, code: str
) -> None:
    await acting.register()
    sent: Any = copy.deepcopy(await acting.signed())
    at = sent
    for name in where[:-1]:
        at = at[name]
    at[where[-1]] = value
    answer = await acting.send(ACCEPTANCE, sent)
    assert answer.json()["code"] == code, answer.text
    assert (await acting.site.api("/api/v1/receipts", acting.token)).json()["items"] == []


async def test_signature_over_something_else_or_too_late_is_refused(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    other = sent | {"signature": acting.pair.sign(b"something else")}
    assert (await acting.send(ACCEPTANCE, other)).json()["code"] == "own-signature-not-taken"
    acting.world.clock.advance(timedelta(minutes=16))
    assert (await acting.send(ACCEPTANCE, sent)).json()["code"] == "declaration-too-old"


async def test_declaration_of_one_person_is_none_of_another(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    ben = acting.world.person("ben@nordlab.example")
    answer = await acting.send(ACCEPTANCE, sent, acting.world.token(ben))
    assert answer.json()["code"] == "form-not-yours"


async def test_changed_text_is_read_anew(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    bent = copy.deepcopy(sent)
    bent["act"]["texts"][0]["text_sha256"] = "sha256:" + 64 * "0"
    assert (await acting.send(ACCEPTANCE, bent)).json()["code"] == "text-changed"


async def test_who_is_no_person_or_may_not_read_gets_nothing(acting: Acting) -> None:
    assert (await acting.site.api(ACCEPTANCE)).status_code == 401
    narrow = acting.world.token(acting.mara, Scope.AUDIT)
    assert (await acting.site.api(ACCEPTANCE, narrow)).json()["code"] == "scope-missing"


async def test_browser_session_does_not_reach_the_terminals_way(acting: Acting) -> None:
    await acting.register()
    sent = await acting.signed()
    browser = acting.site.browser(acting.mara)
    answer = await acting.site.client.post(
        ACCEPTANCE, json=sent, headers={"Cookie": f"gatehouse_session={browser.cookie}"}
    )
    assert answer.status_code in {401, 403}
