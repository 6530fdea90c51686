"""`/verify` in real Chromium: the same steps as the command, and nothing leaves the page."""

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from frontend_samples.shared import ANONYMOUS, REPOSITORY, every_page
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from registry.client.cosignatures import COSIGNATURE_TYPE, parse_verifier_key
from registry.client.key_binding import Asked
from registry.client.keys import parse_key_set
from registry.client.notes import own_note
from registry.client.others import Others
from registry.client.said import sentence_of
from registry.client.verify import Trust, TrustedKeys, Verification, verify_receipt
from registry.kernel.pages import SECURITY_HEADERS
from registry.verify_page import SENDS_NOTHING
from tests.pdfs import attach
from tests.servers import browser as chromium
from tests.servers.timestamping import TimestampingAuthority
from tests.vectors.receipt import bound

pytestmark = pytest.mark.browser

VECTORS = REPOSITORY / "tests" / "vectors" / "receipt"
GOOD = VECTORS / "good" / "all-disclosed.json"
KEYS = (VECTORS / "keys.json").read_text()
WITNESS = (VECTORS / "witness.txt").read_text().strip()
GIVEN = TrustedKeys(keys=parse_key_set(json.loads(KEYS), where="keys"), source=Trust.GIVEN)
WITNESSED = Others(witnesses=(parse_verifier_key(WITNESS, kind=COSIGNATURE_TYPE),))
ORIGIN = "http://localhost"  # a name that browsers trust without https

RUN = """async ({ folder, cases, keys, witness, asked }) => {
    const { verifyReceipt } = await import(`${folder}/verify-steps.js`);
    const { parseKeySet } = await import(`${folder}/verify-statement.js`);
    const { parseVerifierKey } = await import(`${folder}/verify-log.js`);
    const trusted = keys && { keys: await parseKeySet(new TextEncoder().encode(keys), "keys"), source: "given" };
    const witnesses = witness ? [await parseVerifierKey(witness)] : [];
    const outcomes = [];
    for (const [at, each] of cases.entries()) {
        const bytes = Uint8Array.from(atob(each), (one) => one.charCodeAt(0));
        outcomes.push(await verifyReceipt(bytes, { trusted, witnesses, asked: asked[at] ?? null }));
    }
    return outcomes;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.find_chromium()
    if path is None:
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.flags())
        yield browser
        browser.close()


def _open(browser: Browser, *, keys: str = '{"keys": []}', script: str = "") -> Page:
    """Open the page as it is served, with the registry's `keys` in it."""
    pages = every_page()
    html = pages.render("about/verify.html", page=ANONYMOUS, view={"key_set": keys})
    headers = {**SECURITY_HEADERS, **SENDS_NOTHING}

    def answer(route: Route) -> None:
        parts = route.request.url.removeprefix(ORIGIN).split("/")
        static = pages.find_static(parts[2], parts[3]) if parts[1] == "static" else None
        if static is not None:
            route.fulfill(body=static.content, content_type=static.media_type)
        else:
            route.fulfill(body=html, content_type="text/html", headers=headers)

    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.route("**/*", answer)
    page.add_init_script(script)
    # The browser fetches the mark for its tab by itself, after the page is there.
    page.goto(f"{ORIGIN}/verify", wait_until="networkidle")
    return page


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = _open(browser)
    yield page
    page.context.close()


def _verify(
    page: Page,
    cases: list[bytes],
    *,
    keys: str = "",
    witness: str = "",
    asked: Sequence[dict[str, Any] | None] = (),
) -> list[Any]:
    """Return the outcomes of the page's script; `asked` goes with the cases one by one."""
    folder = f"/static/{every_page().static_digest}"
    encoded = [base64.b64encode(case).decode() for case in cases]
    return page.evaluate(
        RUN,
        {
            "folder": folder,
            "cases": encoded,
            "keys": keys,
            "witness": witness,
            "asked": [one and one | {"now": one["at"] * 1000} for one in asked],
        },
    )


def _asked(stated: dict[str, Any]) -> Asked:
    now = datetime.fromtimestamp(stated["at"], UTC)
    return Asked(audience=stated["audience"], nonce=stated["nonce"], now=now)


def _steps(outcome: Verification) -> list[tuple[str, str]]:
    return [(result.step.value, result.state.value) for result in outcome.steps]


def _steps_of_page(outcome: Any) -> list[tuple[str, str]]:
    return [(result["step"], result["state"]) for result in outcome["steps"]]


def test_good_vectors_give_the_same_words_as_the_command(page: Page) -> None:
    paths = sorted(VECTORS.glob("good/*.json"))
    assert len(paths) >= 8
    for path, found in zip(
        paths, _verify(page, [path.read_bytes() for path in paths], keys=KEYS), strict=True
    ):
        expected = verify_receipt(path.read_bytes(), trusted=GIVEN)
        assert expected.is_verified
        assert _steps_of_page(found) == _steps(expected), path.stem
        assert [one["text"] for one in found["steps"]] == [one.text for one in expected.steps], path.stem
        assert found["says"] == sentence_of(expected)
        assert (found["trust"], found["hiddenCount"]) == (expected.trust, expected.hidden_count)
        assert sorted(found["disclosed"]) == sorted(expected.disclosed)


def test_refused_vectors_fail_at_the_same_step_as_by_the_command(page: Page) -> None:
    cases = {path.stem: json.loads(path.read_bytes()) for path in sorted(VECTORS.glob("refused/*.json"))}
    assert len(cases) >= 60
    data = [json.dumps(case["receipt"]).encode() for case in cases.values()]
    asked = [case.get("asked") for case in cases.values()]
    outcomes = _verify(page, data, witness=WITNESS, asked=asked)
    for (name, case), found in zip(cases.items(), outcomes, strict=True):
        assert found["failed"] is not None, name
        assert (name, found["failed"]["step"]) == (name, case["step"]), found["failed"]["text"]
        if case["step"] == "key-binding":
            expected = verify_receipt(json.dumps(case["receipt"]).encode(), asked=_asked(case["asked"]))
            assert expected.failure is not None
            assert found["failed"]["text"] == expected.failure.text
        assert found["says"] is None


def test_a_proof_of_possession_is_told_as_by_the_command(page: Page) -> None:
    data = [(VECTORS / "good" / f"bound-{name}.json").read_bytes() for name in ("domain-only", "and-signed")]
    for case, found in zip(data, _verify(page, data, keys=KEYS, asked=[bound.ASKED] * 2), strict=True):
        expected = verify_receipt(case, trusted=GIVEN, asked=_asked(bound.ASKED))
        assert expected.is_verified
        assert [one["text"] for one in found["steps"]] == [one.text for one in expected.steps]


def test_a_cosignature_is_checked_where_the_key_of_the_witness_is_given(page: Page) -> None:
    (found,) = _verify(page, [GOOD.read_bytes()], keys=KEYS, witness=WITNESS)
    expected = verify_receipt(GOOD.read_bytes(), trusted=GIVEN, others=WITNESSED)
    assert [one["text"] for one in found["steps"]] == [one.text for one in expected.steps]


def test_a_pdf_is_verified_by_its_attached_file_as_by_the_command(page: Page) -> None:
    good = GOOD.read_bytes()
    cases = [
        attach(good),
        attach(good, head=b"<</Length %d /Type /EmbeddedFile>>", deflate=False),
        attach(good, good),
        attach(good, cut=200),
        attach(good, head=b"<</Type/EmbeddedFile/Length 9 0 R>>"),
        attach(good, head=b"<</Length %d/Type/EmbeddedFile/Filter[/FlateDecode/Crypt]>>"),
        attach(b"%PDF-"),
        b"%PDF-1.7",
    ]
    for case, found in zip(cases, _verify(page, cases, keys=KEYS), strict=True):
        expected = verify_receipt(case, trusted=GIVEN)
        assert _steps_of_page(found) == _steps(expected)
        assert found["steps"][0]["text"].split(":")[0] == expected.steps[0].text.split(":")[0]


def test_time_stamps_of_a_real_authority_are_held_to_the_checkpoint(page: Page, tmp_path: Path) -> None:
    receipt = json.loads(GOOD.read_bytes())
    note = own_note(receipt["ledger"]["checkpoint"]).encode()
    authority = TimestampingAuthority(tmp_path)

    def stamped(data: bytes, *, cut: int | None = None, size: str = "SHA512") -> bytes:
        query = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm[size]).build().as_bytes()
        response = base64.b64encode(authority.stamp(query)[:cut]).decode()
        stamps = [{"authority": "https://tsa.example.net", "response": response}]
        return json.dumps(receipt | {"ledger": receipt["ledger"] | {"timestamps": stamps}}).encode()

    try:
        good = [stamped(note), stamped(note, size="SHA256")]
        bad = [stamped(note + b"x"), *(stamped(note, cut=cut) for cut in (0, 1, 2, 9, 60, 130, 190))]
    finally:
        authority.close()
    for case, found in zip(good, _verify(page, good), strict=True):
        expected = verify_receipt(case)
        assert expected.is_verified
        assert found["steps"][-3] == {
            "step": "timestamps",
            "state": "passed",
            "text": expected.steps[-3].text,
        }
    for case, found in zip(bad, _verify(page, bad), strict=True):
        expected = verify_receipt(case)
        assert expected.failure is not None
        assert found["failed"] == {"step": "timestamps", "state": "failed", "text": expected.failure.text}


def test_hostile_json_is_refused_as_by_the_command(page: Page) -> None:
    text = GOOD.read_text()
    receipt = json.loads(text)
    index = f'"index": {receipt["ledger"]["index"]}'
    spaced = json.dumps(receipt)
    assert index in spaced
    cases = [
        b"",
        b"[]",
        b"\xef\xbb\xbf" + text.encode(),
        text.encode("utf-16"),
        text.encode() + b" x",
        text.encode().replace(b"gatehouse-receipt", b"\xffgatehouse-receipt"),
        spaced.replace("{", '{"format": "gatehouse-receipt/1",', 1).encode(),
        spaced.replace("{", '{"__proto__": {}, "__proto__": {},', 1).encode(),
        spaced.replace("{", '{"x": NaN,', 1).encode(),
        spaced.replace("{", '{"x": 01,', 1).encode(),
        spaced.replace("{", '{"x": "\n",', 1).encode(),
        spaced.replace("{", '{"x": 1,,', 1).encode(),
        spaced.replace(index, f"{index}.0").encode(),
        spaced.replace(index, f"{index}e0").encode(),
        spaced.replace(index, '"index": -1').encode(),
        spaced.replace(index, '"index": true').encode(),
        spaced.replace("{", '{"x": ' + "[" * 100_000 + "]" * 100_000 + ",", 1).encode(),
        json.dumps(receipt | {"license": receipt["license"] | {"text": "\ud800"}}).encode(),
    ]
    for case, found in zip(cases, _verify(page, cases), strict=True):
        expected = verify_receipt(case)
        assert expected.failure is not None, case[:60]
        assert _steps_of_page(found) == _steps(expected), (case[:60], found["failed"])
    # What is unusual, and right all the same.
    unusual = spaced.replace(
        "{", ' \n{"__proto__": {"format": "x"}, "x": [1.5e3, -0, {}, [], "\\u00e9\\\\"],', 1
    )
    (found,) = _verify(page, [unusual.encode()])
    assert found["failed"] is None, found["failed"]
    assert verify_receipt(unusual.encode()).is_verified


def test_every_changed_byte_ends_as_by_the_command(page: Page) -> None:
    whole = (VECTORS / "good" / "one-disclosed.json").read_bytes()
    cases = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 3)]
    for at, (case, found) in enumerate(zip(cases, _verify(page, cases, witness=WITNESS), strict=True)):
        expected = verify_receipt(case, others=WITNESSED)
        assert _steps_of_page(found) == _steps(expected), (at * 3, whole[at * 3 - 20 : at * 3 + 20])


# --- the page ------------------------------------------------------------------------------------------------


def test_the_page_verifies_offline_and_asks_for_nothing(page: Page) -> None:
    asked: list[str] = []
    said: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.context.set_offline(True)
    page.get_by_label("Choose the receipt").set_input_files(GOOD)
    expect(page.locator("#outcome h2")).to_have_text("It fits together, but nobody vouches for the keys")
    expect(page.locator("#outcome h2")).to_be_focused()
    expect(page.locator("#outcome .statement")).to_contain_text("accepted")
    expect(page.locator("#outcome li")).to_have_count(16)
    expect(page.locator("#outcome li", has_text="not checked")).to_have_count(3)
    page.get_by_text("Keys and witnesses that you trust").click()
    page.get_by_label("Public keys of the registry").set_input_files(VECTORS / "keys.json")
    expect(page.locator("#outcome h2")).to_have_text("Verified with the keys you gave")
    page.get_by_label("Keys of witnesses").fill(WITNESS)
    page.get_by_label("Keys of witnesses").blur()
    expect(page.locator("#outcome")).to_contain_text("cosigned by witness.example.net/w at")
    assert not asked
    assert not said


def test_a_proof_is_asked_for_with_name_and_word_together(page: Page) -> None:
    page.get_by_label("Choose the receipt").set_input_files(VECTORS / "good" / "bound-domain-only.json")
    expect(page.locator("#outcome")).to_contain_text("and you named none to compare")
    page.get_by_text("Asked the holder for a proof").click()
    page.get_by_label("Your name, as you told them").fill(bound.AUDIENCE)
    page.get_by_label("Your name, as you told them").blur()
    expect(page.locator("#outcome")).to_contain_text("give both, or neither")
    page.get_by_label("The word you gave them").fill("another")
    page.get_by_label("The word you gave them").blur()
    expect(page.locator("#outcome .notice")).to_contain_text("Step 16 of 16 failed: nonce differs")


def test_a_script_of_the_page_cannot_send_anything(page: Page) -> None:
    sent = page.evaluate("fetch('/elsewhere').then(() => 'sent', () => 'refused')")
    assert sent == "refused"


def test_keys_of_this_registry_count_without_a_file(browser: Browser) -> None:
    page = _open(browser, keys=KEYS)
    page.get_by_label("Choose the receipt").set_input_files(GOOD)
    expect(page.locator("#outcome h2")).to_have_text("Verified with the keys of this registry")
    page.context.close()


def test_a_file_that_is_dropped_is_verified_and_a_bent_one_named_by_its_step(page: Page) -> None:
    case = json.loads((VECTORS / "refused" / "other-text.json").read_bytes())
    dropped = page.evaluate_handle(
        """(text) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "receipt.json"));
            return transfer;
        }""",
        json.dumps(case["receipt"]),
    )
    page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    expect(page.locator("#outcome h2")).to_have_text("This receipt does not verify")
    expect(page.locator("#outcome .notice")).to_contain_text("Step 8 of 16 failed: license sha256 differs")
    expect(page.locator("#outcome .statement")).to_have_count(0)
    assert page.url == f"{ORIGIN}/verify"


def test_what_cannot_be_read_says_so(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Choose the receipt").set_input_files(GOOD)
    page.get_by_text("Keys and witnesses that you trust").click()
    page.get_by_label("Keys of witnesses").fill("witness.example.net+00000000+AAAA")
    page.get_by_label("Keys of witnesses").blur()
    expect(page.locator("#outcome")).to_contain_text("not the verifier key of a witness")
    page.get_by_label("Keys of witnesses").fill("")
    page.get_by_label("Public keys of the registry").set_input_files(GOOD)
    expect(page.locator("#outcome h2")).to_have_text("The receipt was not checked")
    expect(page.locator("#outcome")).to_contain_text("the key file is a receipt: its own keys prove nothing")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate((64 << 20) + 1)
    page.get_by_label("Choose the receipt").set_input_files(huge)
    expect(page.locator("#outcome")).to_contain_text("the file is longer than 67108864 bytes")


def test_a_browser_without_ed25519_is_told_so(browser: Browser) -> None:
    script = "crypto.subtle.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError'))"
    page = _open(browser, script=script)
    expect(page.get_by_text("This browser cannot check Ed25519 signatures")).to_be_visible()
    expect(page.get_by_label("Choose the receipt")).to_be_hidden()
    page.context.close()
