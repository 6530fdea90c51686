"""Samples of problems, local mail and the privacy page."""

from typing import Any

from frontend_samples.shared import ANONYMOUS, LONG_NAME, MEMBER, MORE, NOW, PERSON, RTL, Case, ago
from frontend_samples.texts import TITLE
from registry.acceptances.kept import kept_of_acceptance
from registry.kernel.page_parts import Badge, Link, Shape, Tone

_DOCUMENT = '{\n  "type": "/problems/license-not-accepted",\n  "status": 403\n}'
_REFUSAL: dict[str, Any] = {
    "said": "Download refused",
    "title": "You have not accepted version 1.1 of the license",
    "detail": f"You accepted {TITLE} 1.0. Since 1 March 2027 kelp/frond-1b requires version 1.1. No file was sent, and"
    " nothing about your earlier acceptance has changed.",
    "remedy": Link(label="Read the changes and accept 1.1", url="/kelp/frond-1b/accept"),
    "remedy_text": "Read the changed clauses, then accept 1.1. It takes about two minutes.",
    "more": [Link(label="Read the card", url="/kelp/frond-1b")],
    "decider": "You do; no review follows",
    "since": ago(days=17),
    "until": None,
    "asked": f"{LONG_NAME}.safetensors at main",
    "errors": [],
    "code": "license-not-accepted",
    "code_url": "/problems/license-not-accepted",
    "status": 403,
    "reference": "0195a901-77d4",
    "document": _DOCUMENT,
    "crumbs": [Link(label="Models", url="/"), Link(label="kelp/frond-1b", url="/kelp/frond-1b")],
}
_ABSENT = _REFUSAL | {
    "said": "Not found", "title": "There is no such model here, or you may not see it", "remedy": None, "more": [],
    "remedy_text": None, "decider": None, "since": None, "asked": None, "reference": None, "crumbs": [],
    "detail": "Nothing was changed.", "code": "not-found", "status": 404,
    "errors": [{"label": RTL, "message": "at most 96 characters"}],
}  # fmt: skip
_WAITING = Badge(word="Kept here", shape=Shape.DONE, tone=Tone.OK)
_SENT = {"to": PERSON, "subject": "Your sign-in link", "url": "/outbox/1", "at": NOW, "state": _WAITING}

CASES = [
    Case(name="verify", template="about/verify.html", page=ANONYMOUS, view={"key_set": '{"keys": []}'}),
    Case(name="problem", template="problems/problem.html", page=MEMBER, view=_REFUSAL),
    Case(name="problem-absent", template="problems/problem.html", page=ANONYMOUS, view=_ABSENT),
    Case(name="problems", template="problems/index.html", page=ANONYMOUS,
         view={"groups": [{"title": "Getting a file", "problems": [
             {"code": "license-not-accepted", "title": "The license is not accepted", "status": 403,
              "url": "/problems/license-not-accepted"},
             {"code": "blocked", "title": "You are blocked", "status": 403, "url": "/problems/blocked"}]},
             {"title": "Our faults", "problems": []}]}),
    Case(name="problem-code", template="problems/code.html", page=ANONYMOUS,
         view={"code": "license-not-accepted", "title": "The license is not accepted", "status": 403,
               "meaning": ["The gate of the model asks for a license version that you have not accepted.",
                           "Reading the card and the license needs no acceptance."],
               "actions": ["Open the model’s page and read the license.", "Accept it in a browser."],
               "decider": "You do", "hub_headers": ["X-Error-Code: GatedRepo"], "document": _DOCUMENT}),
    Case(name="problem-code-bare", template="problems/code.html", page=ANONYMOUS,
         view={"code": "unavailable", "title": "A part cannot be reached", "status": 503, "meaning": ["Ours."],
               "actions": ["Try again."], "decider": None, "hub_headers": [], "document": _DOCUMENT}),
    Case(name="outbox", template="outbox/index.html", page=ANONYMOUS,
         view={"messages": [_SENT, _SENT | {"subject": RTL, "to": f"{LONG_NAME}@kelpforest.example"}], "is_more_coming": True, "pager": MORE}),
    Case(name="outbox-coming", template="outbox/index.html", page=ANONYMOUS,
         view={"messages": [], "is_more_coming": True, "pager": None}),
    Case(name="outbox-none", template="outbox/index.html", page=ANONYMOUS,
         view={"messages": [], "is_more_coming": False, "pager": None}),
    Case(name="outbox-message", template="outbox/message.html", page=ANONYMOUS,
         view={"message": {"to": PERSON, "sender": "Gatehouse <no-reply@kelpforest.example>", "at": NOW,
                           "subject": "Your sign-in link", "text": "Open this link within 15 minutes:\n\n"
                           f"/sign-in/confirm?token={'7Qd2' * 12}\n\nIt works once."},
               "links": [Link(label="Open the sign-in link", url="/sign-in/confirm?token=7Qd2")]}),
    Case(name="outbox-message-plain", template="outbox/message.html", page=ANONYMOUS,
         view={"message": {"to": PERSON, "sender": "Gatehouse", "at": NOW, "subject": RTL, "text": RTL},
               "links": []}),
    Case(name="privacy", template="about/privacy.html", page=ANONYMOUS,
         view={"controller": {"name": "Kelp Forest Institute", "contact": "privacy@kelpforest.example"},
               "rows": kept_of_acceptance("the publisher"),
               "log_says": ["Which text was accepted, when, and a number that means nothing to outsiders."],
               "erasure": ["Your name, address and answers are destroyed.", "The evidence stays and names nobody."],
               "rights": ["You can export everything we hold about you from “My records”."]}),
    Case(name="privacy-bare", template="about/privacy.html", page=ANONYMOUS,
         view={"controller": {"name": RTL, "contact": None}, "rows": [], "log_says": [], "erasure": [],
               "rights": []}),
]  # fmt: skip
