"""Samples of the pages of access requests."""

from datetime import timedelta
from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import LONG_NAME, MAINTAINER, MEMBER, MORE, NOW, RTL, Case, ago
from registry.access.kept import kept_of_request
from registry.kernel.page_parts import Badge, FieldKind, FormField, Link, Notice, Option, Shape, Tone
from registry.kernel.retention import DEFAULTS

_WAITS = Badge(word="Waiting for a reviewer", shape=Shape.WAITING, tone=Tone.WAIT)
_REJECTED = Badge(word="Rejected", shape=Shape.CLOSED, tone=Tone.STOP)
_LATE = Badge(word="Over the 5 days meant", shape=Shape.WARNING, tone=Tone.STOP)
_NOTE = "We compare how models repeat licensed text.\nThe output is not published."
_REASONS = [Option(value="incomplete", label="The request does not say enough to decide on it")]
_ASK: dict[str, Any] = {
    "model": {"publisher": "kelp", "name": "frond-1b", "url": "/kelp/frond-1b"},
    "steps": [{"label": "License accepted", "state": "done"}, {"label": "Ask for access", "state": "now"},
              {"label": "Download", "state": "next"}],
    "notice": Notice(tone=Tone.OK, title="Your acceptance is recorded", text="One step is left.",
                     link=Link(label="See the receipt", url="/records/1")),
    "returned": None,
    "review": [{"label": "Who decides", "said": "The reviewers of kelp; 2 of them have to agree"},
               {"label": "How long it takes", "said": "They mean to answer within 5 days"}],
    "source": "Filled in with the answers of your newest acceptance here.",
    "fields": [FormField(name="answer-0", label="Affiliation", value="Nordlab Institute"),
               FormField(name="answer-1", label=RTL, kind=FieldKind.COUNTRY, value="NO",
                         options=[Option(value="NO", label="Norway")])],
    "note": FormField(name="note", label="What do you need the files for?", kind=FieldKind.LONG_TEXT,
                      value="", why="The reviewers read it.", max_characters=2000),
    "post_url": "/kelp/frond-1b/request", "send_label": "Send the request", "request_url": None,
    "recorded": kept_of_request("kelp", DEFAULTS), "erasure_url": "/privacy#erasure",
}  # fmt: skip
_WRONG: dict[str, Any] = _ASK | {
    "notice": None, "returned": {"note": f"Name your supervisor. {LONG_NAME}", "at": ago(days=1)},
    "send_label": "Send the changed request", "request_url": "/requests/1",
    "fields": [FormField(name="answer-0", label="Affiliation", error="Write an answer.")],
    "note": FormField(name="note", label="What do you need the files for?", kind=FieldKind.LONG_TEXT,
                      error="Say what you need the files for"),
}  # fmt: skip


def _action(event: str, label: str, **changes: Any) -> dict[str, Any]:
    given = {
        "event": event, "label": label, "url": f"/requests/1/{event}", "is_link": False, "primary": False,
        "danger": False, "open": False, "plain": False, "explain": "What follows from it.", "templates": [],
        "page_url": "/requests/1", "reason": None, "until": None,
        "note": FormField(name="note", label="Your words to the applicant", kind=FieldKind.LONG_TEXT,
                          required=False),
    }  # fmt: skip
    return given | changes


def _step(days: int, what: str, who: str, **changes: Any) -> dict[str, Any]:
    given = {"at": ago(days=days), "what": what, "who": who, "reason": None, "until": None, "note": None,
             "changes": [], "state": "done"}  # fmt: skip
    return given | changes


_TEMPLATES = [Option(value="1", label="More about use"), Option(value="2", label=RTL)]
_SHOW: dict[str, Any] = {
    "request": {"short": "9c1f04ae11", "model": f"kelp/{LONG_NAME}", "model_url": "/kelp/x", "state": _WAITS,
                "who": "ilse.vanderbrugghen@kelpforest.example"},
    "back": Link(label="Requests", url="/manage/kelp/requests"),
    "facts": [{"label": "State", "said": "Being reviewed", "detail": "since 18 March 2027, 09:41 UTC"},
              {"label": "Before this one", "said": "3 requests", "detail": ""}],
    "answers": [{"label": "Affiliation", "now": "Nordlab"}, {"label": RTL, "now": RTL}],
    "accepted": [{"license": "Kelp RAIL 1.1", "name": RTL, "at": ago(days=9), "withdrawn": False,
                  "url": "/records/1"}],
    "trail": [
        _step(9, "Draft begun", "the applicant"), _step(8, "Request sent", "the applicant", note=_NOTE),
        _step(7, "Changes asked for", "ben@kelpforest.example", note=LONG_NAME),
        _step(6, "Changed request sent", "the applicant", note=RTL, changes=[
            {"label": "Affiliation", "was": "Nord", "now": "Nordlab"}, {"label": "Role", "was": None, "now": "PhD"},
            {"label": RTL, "was": RTL, "now": None}]),
        _step(1, "Rejected", "carl@kelpforest.example", reason="The use is one that the license prohibits",
              until="May ask again from 1 April 2027, 00:00 UTC", note="Sorry.", state="now"),
    ],
    "actions": [
        _action("take", "Take it for review", plain=True, note=None),
        _action("approve", "Approve", primary=True, templates=_TEMPLATES,
                until=FormField(name="until", label="Last day of access (UTC)", kind=FieldKind.DATE, required=False,
                                why="Left empty: no end.")),
        _action("reject", "Reject", danger=True, open=True, templates=_TEMPLATES,
                reason=FormField(name="reason", label="Reason", kind=FieldKind.SELECT, options=_REASONS,
                                 error="Choose a reason")),
        _action("return-for-changes", "Ask for changes"),
    ],
    "previous_url": "/requests/0",
}  # fmt: skip
_OWN: dict[str, Any] = _SHOW | {
    "request": _SHOW["request"] | {"state": _REJECTED, "who": None},
    "back": Link(label="My requests", url="/requests"), "accepted": [], "answers": [], "previous_url": None,
    "actions": [],
}  # fmt: skip
_DRAFT: dict[str, Any] = _OWN | {
    "actions": [_action("submit", "Send the request", is_link=True, primary=True)]
}
_QUEUE: dict[str, Any] = {
    "publisher": PUBLISHER | {"waiting": 7}, "said": "7 requests wait for a decision.",
    "states": [Option(value="waiting", label="Waiting for a decision", chosen=True)],
    "assigned": [Option(value="me", label="Me")], "ages": [Option(value="5", label="Longer than 5 days")],
    "rows": [{"who": who, "model": f"kelp/{LONG_NAME}", "url": f"/requests/{days}", "state": _WAITS,
              "sent": ago(days=days), "age": f"{days} days", "late": _LATE if days > 5 else None,
              "taken": "you" if days == 2 else None, "due": NOW + timedelta(days=9) if days == 2 else None,
              "take_url": f"/requests/{days}/take"} for days, who in ((9, RTL), (2, "a@b.example"))],
    "pager": MORE, "action_url": "/manage/kelp/requests", "clear_url": "/manage/kelp/requests",
    "kept": [{"title": "More about use", "text": _NOTE, "remove_url": "/manage/kelp/requests/templates/1/remove"}],
    "template_title": FormField(name="title", label="Title", error="Give it a title"),
    "template_text": FormField(name="text", label="Text", kind=FieldKind.LONG_TEXT, why="Applicants read it."),
    "post_url": "/manage/kelp/requests/templates",
}  # fmt: skip
_LIST: dict[str, Any] = {
    "requests": [{"model": f"kelp/{LONG_NAME}", "url": "/requests/1", "state": _WAITS, "since": NOW, "begun": ago(days=3),
                  "due": NOW}, {"model": "kelp/frond-1b", "url": "/requests/2", "state": _REJECTED,
                                "since": NOW, "begun": NOW, "due": None}], "pager": MORE,
}  # fmt: skip

CASES = [
    Case(name="ask", template="requests/ask.html", page=MEMBER, view=_ASK),
    Case(name="ask-wrong", template="requests/ask.html", page=MEMBER, view=_WRONG),
    Case(name="requests", template="requests/index.html", page=MEMBER, view=_LIST),
    Case(name="requests-none", template="requests/index.html", page=MEMBER, view={"requests": [], "pager": None}),
    Case(name="request-reviewer", template="requests/show.html", page=MAINTAINER, view=_SHOW),
    Case(name="request-own", template="requests/show.html", page=MEMBER, view=_OWN),
    Case(name="request-draft", template="requests/show.html", page=MEMBER, view=_DRAFT),
    Case(name="queue", template="manage/requests.html", page=MAINTAINER, view=_QUEUE),
    Case(name="queue-none", template="manage/requests.html", page=MAINTAINER,
         view=_QUEUE | {"rows": [], "kept": [], "pager": None, "clear_url": None}),
]  # fmt: skip
