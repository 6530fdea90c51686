"""Samples of the maintainers' pages."""

from datetime import timedelta
from typing import Any

from frontend_samples.shared import (
    ACCEPT_AGAIN,
    AUTO,
    CLOSED,
    CURRENT,
    LATER,
    LONG_NAME,
    MAINTAINER,
    MORE,
    NEWEST,
    NOW,
    RTL,
    WITHDRAWN,
    Case,
    ago,
    digest,
)
from frontend_samples.texts import TITLE
from registry.audit.weekly_chart import draw, week_starts
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Link, Option, Shape, Tone

_URLS = {
    key: f"/manage/kelp/{key}"
    for key in ("publishing", "requests", "acceptances", "downloads", "roles", "blocks", "decisions", "looks")
}
PUBLISHER = {
    "name": "kelp",
    "display_name": "Kelp Forest Institute",
    "role": "owner",
    "waiting": None,
    "urls": _URLS,
}
_AUDITOR = {"name": "kelp", "display_name": RTL, "role": "auditor", "waiting": None,
            "urls": _URLS | {"requests": None, "publishing": None, "roles": None, "blocks": None, "looks": None}}  # fmt: skip
_PUBLISH = [
    Command(label="Publish a folder", text="gatehouse publish ./frond kelp/frond-1b --license kelp@1.1")
]
_FIGURES = [{"label": "Acceptances in force", "value": "9,412", "detail": "of 11,507 ever"},
            {"label": "In the last 7 days", "value": "137", "detail": None},
            {"label": "Of the newest version", "value": "142", "detail": "version 1.1, since 1 March"},
            {"label": "Withdrawn", "value": "11", "detail": None}]  # fmt: skip
_WEEKS = {
    f"{TITLE} 1.1": [0] * 9 + [12, 128, 14],
    LONG_NAME: [67, 73, 62, 83, 90, 71, 69, 70, 69, 95, 9, 0],
    RTL: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0],
    "Old 1.0": [1] * 12,
}
_MODELS = [Option(value="kelp/frond-1b", label="frond-1b", chosen=True), Option(value="x", label=LONG_NAME)]
_PEOPLE = ("Ilse van der Brugghen", "Þorsteinn Guðmundsson", RTL, None, "Ngozi Adeyemi-Hartmann", LONG_NAME)


def _acceptance(number: int) -> dict[str, Any]:
    person = _PEOPLE[number % len(_PEOPLE)]
    return {
        "at": NOW - timedelta(minutes=37 * number), "person": person, "receipt_url": f"/receipts/{number}",
        "capacity": "self", "model": "frond-1b", "license": TITLE, "text": "1.1 · en",
        "grade": "ABC"[number % 3], "state": (CURRENT, ACCEPT_AGAIN, WITHDRAWN)[number % 3],
        "entry": None if number == 0 else Link(label=f"{48_306 - number:,}", url=f"/log/{48_306 - number}"),
    }  # fmt: skip


def _download(number: int) -> dict[str, Any]:
    return {
        "at": NOW - timedelta(seconds=97 * number), "person": _PEOPLE[number % len(_PEOPLE)], "model": "frond-1b",
        "commit": "4c1e9ab07d" * 4, "path": f"model-0000{number}-of-00009.safetensors", "through": "gatehouse 0.1",
        "size": 2_300_000_000, "receipt_url": None if number % 2 else f"/receipts/{number}",
        "further": [] if number % 3 else [Link(label="Receipt 2", url="/receipts/2")],
    }  # fmt: skip


_ACCEPTANCES = {
    "publisher": PUBLISHER, "figures": _FIGURES, "chart": draw(week_starts(NOW), _WEEKS), "query": "", "models": _MODELS,
    "versions": [Option(value="kelp@1.1", label=f"{TITLE} 1.1")],
    "grades": [Option(value="A", label="A"), Option(value="B", label="B")],
    "states": [Option(value="current", label="Current")], "since": "2027-01-01", "until": "",
    "rows": [_acceptance(number) for number in range(20)], "said": "945 records since 1 January 2027, newest first.",
    "pager": LATER, "action_url": "/manage/kelp/acceptances", "clear_url": "/manage/kelp/acceptances",
    "csv_url": "/manage/kelp/acceptances.csv", "jsonl_url": "/manage/kelp/acceptances.jsonl",
}  # fmt: skip
_DOWNLOADS = {
    "publisher": PUBLISHER, "figures": _FIGURES[:2], "query": "", "models": _MODELS, "license": "", "since": "",
    "until": "", "rows": [_download(number) for number in range(9)], "said": "Newest first.", "pager": MORE,
    "action_url": "/manage/kelp/downloads", "clear_url": None, "csv_url": "/d.csv", "jsonl_url": "/d.jsonl",
}  # fmt: skip
_ROLE = FormField(name="role", label="Role", kind=FieldKind.SELECT,
                  options=[Option(value="maintainer", label="Maintainer")])  # fmt: skip
_ROLES: dict[str, Any] = {
    "publisher": PUBLISHER,
    "members": [{"person": "tomasz@kelpforest.example", "role": "owner", "granted_by": "an operator",
                 "granted_at": ago(days=300), "end_url": None, "note": "The last owner stays."},
                {"person": RTL, "role": "auditor", "granted_by": "tomasz@kelpforest.example",
                 "granted_at": ago(days=3), "end_url": "/manage/kelp/roles/2/end", "note": None}],
    "explained": [{"role": "owner", "may": "everything, also giving roles"},
                  {"role": "auditor", "may": "look at acceptances and downloads, and export them"}],
    "email": FormField(name="email", label="E-mail address", kind=FieldKind.EMAIL, value="nobody@",
                       error="Nobody with this address has signed in here yet. Ask them to do so first."),
    "role": _ROLE,
    "post_url": "/manage/kelp/roles",
}  # fmt: skip
_BLOCKS: dict[str, Any] = {
    "publisher": PUBLISHER,
    "blocks": [{"who": "mallory@nowhere.example", "kind": "person", "reason": "Resold access to the weights",
                "since": ago(days=9), "until": None, "by": "tomasz@kelpforest.example",
                "state": Badge(word="Blocked", shape=Shape.CLOSED, tone=Tone.STOP), "end_url": "/b/1/end"},
               {"who": RTL, "kind": "person", "reason": RTL, "since": ago(days=90), "until": ago(days=60), "by": "ops",
                "state": Badge(word="Ended", shape=Shape.ENDED), "end_url": None}],
    "subject": FormField(name="email", label="E-mail address", kind=FieldKind.EMAIL),
    "reason": FormField(name="reason", label="Reason", kind=FieldKind.LONG_TEXT, max_characters=600,
                        why="Kept with the block; not shown to the person."),
    "until": FormField(name="until", label="Until", kind=FieldKind.DATE, required=False),
    "post_url": "/manage/kelp/blocks",
    "pager": None,
}  # fmt: skip
_VERIFYING = Badge(word="Being checked", shape=Shape.WAITING, tone=Tone.WAIT)
_FAILED = Badge(word="Refused", shape=Shape.ENDED, tone=Tone.STOP)


def _upload(state: Badge, stored: int, problem: str | None) -> dict[str, Any]:
    return {"sha256": digest(state.word), "size": 2_300_000_000, "stored": stored, "state": state,
            "problem": problem, "model": "frond-1b", "by": "tomasz@kelpforest.example",
            "started_at": ago(minutes=4)}  # fmt: skip


_STATUS: dict[str, Any] = {
    "publisher": PUBLISHER,
    "models": [{"name": "frond-1b", "url": "/kelp/frond-1b", "private": False, "gate": AUTO, "problem": None,
                "gate_url": "/kelp/frond-1b/gate", "release": {"commit": "4c1e9ab07d" * 4, "ref": "main", "at": ago(days=30), "size": 2_312_884_120}},
               {"name": LONG_NAME, "url": "/kelp/x", "private": True, "gate": CLOSED, "gate_url": "/kelp/x/gate", "release": None,
                "problem": "The card’s front matter could not be read."}],
    "uploads": [_upload(_VERIFYING, 1_100_000_000, None),
                _upload(_FAILED, 2_300_000_000, "The stored bytes have another SHA-256 than was stated.")],
    "pager": NEWEST, "commands": _PUBLISH,
}  # fmt: skip


def _case(name: str, template: str, view: dict[str, Any]) -> Case:
    return Case(name=name, template=f"manage/{template}.html", page=MAINTAINER, view=view)


_NONE_DRAWN: dict[str, Any] = {"chart": None}
_NONE: dict[str, Any] = {"rows": [], "clear_url": None, "said": "No records.", "pager": NEWEST}

_NEW_PUBLISHER: dict[str, Any] = {
    "name": FormField(name="name", label="Name", why="Stands in addresses and commands.", error="Choose another name."),
    "display_name": FormField(name="display_name", label="Full name", required=False), "post_url": "/manage",
}  # fmt: skip

_TODO = Badge(word="Missing", shape=Shape.TODO, tone=Tone.TODO)
_DECISIONS: dict[str, Any] = {
    "publisher": PUBLISHER,
    "model": FormField(name="model", label="Model", value="frond-1b"),
    "person": FormField(name="person", label="E-mail address", kind=FieldKind.EMAIL, value="nobody",
                        error="Write the e-mail address with which the person signs in."),
    "post_url": "/manage/kelp/decisions",
    "answer": {
        "model": "kelp/frond-1b", "url": "/kelp/frond-1b", "person": RTL, "state": _TODO,
        "title": f"You have not accepted {TITLE} 1.1", "detail": "No file was sent.",
        "remedy": f"Read {TITLE} 1.1 and accept it in a browser", "decider": "You do; no review follows",
        "since": NOW, "until": NOW,
        "rows": [
            {"state": Badge(word="Met", shape=Shape.DONE, tone=Tone.OK), "title": LONG_NAME, "detail": RTL,
             "met_by": Link(label="acceptance", url="/records/1"), "since": NOW, "until": NOW, "decider": "You do"},
            {"state": _TODO, "title": f"{TITLE} 1.1 not accepted yet", "detail": None, "met_by": None, "since": None,
             "until": None, "decider": LONG_NAME}],
    },
}  # fmt: skip

CASES = [
    _case("manage", "index", _NEW_PUBLISHER | {"commands": _PUBLISH, "publishers": [
        {"name": "kelp", "display_name": "Kelp Forest Institute", "url": "/manage/kelp", "role": "owner", "models": "9",
         "acceptances": "over 10,000", "downloads": "over 10,000"},
        {"name": "rtl", "display_name": RTL, "url": "/manage/rtl", "role": "auditor", "models": "0", "acceptances": "0",
         "downloads": "0"}]}),
    _case("manage-none", "index", _NEW_PUBLISHER | {"commands": [], "publishers": []}),
    _case("publish-status", "publish_status", _STATUS),
    _case("publish-status-none", "publish_status",
          {"publisher": PUBLISHER, "models": [], "uploads": [], "pager": None, "commands": []}),
    _case("acceptances", "acceptances", _ACCEPTANCES),
    _case("acceptances-none", "acceptances", _ACCEPTANCES | {"publisher": _AUDITOR} | _NONE | _NONE_DRAWN),
    _case("acceptances-no-match", "acceptances", _ACCEPTANCES | {"rows": [], "query": "zz"}),
    _case("downloads", "downloads", _DOWNLOADS),
    _case("downloads-none", "downloads", _DOWNLOADS | _NONE),
    _case("downloads-no-match", "downloads", _DOWNLOADS | _NONE | {"clear_url": "/d"}),
    _case("roles", "roles", _ROLES),
    _case("roles-look-only", "roles", _ROLES | {"post_url": None}),
    _case("blocks", "blocks", _BLOCKS),
    _case("blocks-none", "blocks", _BLOCKS | {"blocks": [], "post_url": None}),
    _case("decisions", "decisions", _DECISIONS),
    _case("decisions-none", "decisions", _DECISIONS | {"answer": None}),
    Case(name="looks", template="manage/looks.html", page=MAINTAINER,
         view={"publisher": PUBLISHER, "pager": NEWEST,
               "rows": [{"at": NOW, "person": "ines@kelpforest.example", "what": "the list of acceptances",
                         "whose": None, "how": "exported, by a program"},
                        {"at": ago(minutes=70), "person": RTL, "what": "a receipt", "whose": LONG_NAME,
                         "how": "looked at"}]}),
    Case(name="looks-none", template="manage/looks.html", page=MAINTAINER,
         view={"publisher": PUBLISHER, "pager": NEWEST, "rows": []}),
]  # fmt: skip
