"""`gatehouse accept` signs only what was shown, whatever the registry asks for, and shows texts that steer nothing."""

import copy
import hashlib
import json
from typing import Any

import pytest

from registry.cli.accept import _wrapped
from registry.client.acceptance import ToAccept, check_declaration, read_form
from registry.client.errors import VerificationFailed
from registry.client.wire import Fields

REGISTRY = "https://models.example.org"
TEXT = "Terms.\n\nBe kind.\n"
DIGEST = f"sha256:{hashlib.sha256(TEXT.encode()).hexdigest()}"
FORM: dict[str, Any] = {
    "model": "quarry/quarry-15b",
    "email": "mara@nordlab.example",
    "sentence": "I have read it.",
    "typed_sentence": "I accept Terms 1.0",
    "texts": [
        {
            "model": "quarry/quarry-15b",
            "slug": "terms",
            "number": "1.0",
            "title": "Terms",
            "language": "en",
            "sha256": DIGEST,
            "text": TEXT,
            "policies": [{"title": "Policy", "url": None, "sha256": DIGEST, "text": TEXT}],
            "closing": "By signing you enter into Terms 1.0 with quarry.",
            "ticket": "x.y",
        }
    ],
    "fields": [],
    "notes": [],
    "more": 0,
    "namespace": "acceptance@gatehouse",
    "keys": [],
    "keys_url": f"{REGISTRY}/settings/ssh-keys",
    "page_url": f"{REGISTRY}/quarry/quarry-15b/accept",
}
HOLDER_KEY = "A" * 43
DECLARATION: dict[str, Any] = {
    "type": "gatehouse-declaration/1",
    "registry": REGISTRY,
    "person": "1",
    "name": "Mara",
    "capacity": {"type": "self"},
    "sentence": FORM["sentence"],
    "affirmation": FORM["typed_sentence"],
    "acceptances": [
        {
            "acceptance": "2",
            "holder_key": HOLDER_KEY,
            "model": "quarry/quarry-15b",
            "license": {
                "version_id": "3",
                "slug": "terms",
                "title": "Terms",
                "number": "1.0",
                "language": "en",
                "sha256": DIGEST,
                "policies": [{"title": "Policy", "sha256": DIGEST}],
            },
            "gate": {},
            "presented": "2026-11-26T00:00:00.000Z",
            "closing": FORM["texts"][0]["closing"],
        }
    ],
}


def form(**changes: Any) -> ToAccept:
    return read_form(Fields(FORM | changes, where="answer"))


def check(declared: Any) -> None:
    check_declaration(json.dumps(declared), form(), name="Mara", registry=REGISTRY, holder_keys=[HOLDER_KEY])


def test_declaration_about_what_was_shown_is_signed() -> None:
    check(DECLARATION)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("type",), "gatehouse-order/1"),
        (("registry",), "https://other.example.org"),
        (("name",), "Ben"),
        (("capacity", "type"), "organisation"),
        (("sentence",), "I owe you money."),
        (("affirmation",), "I accept everything"),
        (("acceptances",), []),
        (("acceptances",), DECLARATION["acceptances"] * 2),
        (("acceptances", 0, "model"), "quarry/other"),
        (("acceptances", 0, "holder_key"), "B" * 43),
        (("acceptances", 0, "closing"), "You sell your house."),
        *(
            (("acceptances", 0, "license", name), "other")
            for name in ("slug", "title", "number", "language", "sha256")
        ),
        (("acceptances", 0, "license", "policies"), []),
    ],
)
def test_declaration_about_something_else_is_not_signed(path: tuple[Any, ...], value: Any) -> None:
    declared: Any = copy.deepcopy(DECLARATION)
    at = declared
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(VerificationFailed, match="something else than you were shown"):
        check(declared)


@pytest.mark.parametrize("where", ["text", "policy"])
def test_text_with_another_digest_than_the_one_to_accept_is_not_shown(where: str) -> None:
    texts: Any = copy.deepcopy(FORM["texts"])
    (texts[0] if where == "text" else texts[0]["policies"][0])["text"] = TEXT + "And more."
    with pytest.raises(VerificationFailed, match="differs from what would be accepted"):
        form(texts=texts)


def test_signature_for_another_purpose_is_not_made() -> None:
    with pytest.raises(VerificationFailed, match="another kind"):
        form(namespace="git")


def test_text_on_a_terminal_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.cli.accept._screen", lambda: __import__("os").terminal_size((20, 24)))
    lines = list(_wrapped("  (a) indented\n\x1b[2Jgone\u202e\n\n" + "word " * 10))
    assert lines[0] == "  (a) indented"
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    assert all(len(line) <= 20 for line in lines)
    assert "".join(lines[3:]).split() == ["word"] * 10
