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
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Link, Notice, Option, Shape, Tone

_URLS = {
    key: f"/manage/kelp/{key}"
    for key in (
        "publishing",
        "requests",
        "acceptances",
        "downloads",
        "roles",
        "blocks",
        "webhooks",
        "decisions",
        "looks",
    )
}
PUBLISHER = {
    "name": "kelp",
    "display_name": "Kelp Forest Institute",
    "role": "owner",
    "waiting": None,
    "urls": _URLS,
}
_AUDITOR = {"name": "kelp", "display_name": RTL, "role": "auditor", "waiting": None,
            "urls": _URLS | {"requests": None, "publishing": None, "roles": None, "blocks": None, "webhooks": None, "looks": None}}  # fmt: skip
_PUBLISH = [
    Command(label="Publish a folder", text="gatehouse publish ./frond kelp/frond-1b --license kelp@1.1")
]
_FIGURES = [{"label": "Acceptances in force", "value": "9,412", "detail": "of 11,507 ever"},
            {"label": "In the last 7 days", "value": "137", "detail": None},
            {"label": "Of the newest version", "value": "142", "detail": "version 1.1, since 1 March"},
            {"label": "Withdrawn", "value": "11", "detail": None}]  # fmt: skip
_IN_LOG = Link(label="11,507", url="/log/11507")
_HELD: dict[str, Any] = {
    "model": "kelp/frond-1b", "release": digest("release")[:40], "at": NOW,
    "gate": {"said": "revision 3, manual", "licenses": ["kelp@1.1", LONG_NAME], "since": ago(days=30),
             "entry": _IN_LOG},
    "everybody": False, "nobody": False,
    "unknown": ["Who belonged to an organisation then is not kept: those whom it covered are not listed."],
    "covers": [{"license": "kelp@1.1", "receipt_url": "/records/2", "entry": None}],
    "rows": [{"person": "ilse.vanderbrugghen@kelpforest.example", "facts": [
        {"said": "accepted kelp@1.1", "at": ago(days=20), "until": None, "url": "/records/1", "entry": _IN_LOG},
        {"said": "granted by a reviewer", "at": ago(days=19), "until": NOW, "url": None,
         "entry": None}]},
        {"person": RTL, "facts": [{"said": "could see it by a role", "at": None, "until": None, "url": None, "entry": _IN_LOG}]}],
    "pager": MORE, "csv_url": "/h.csv", "jsonl_url": "/h.jsonl", "parquet_url": "/h.parquet",
}  # fmt: skip
_HOLDERS: dict[str, Any] = {
    "publisher": PUBLISHER, "models": [Option(value="frond-1b", label="frond-1b", chosen=True)],
    "revision": "", "at": "2027-01-31", "problem": None, "answer": _HELD, "action_url": "/manage/kelp/holders",
}  # fmt: skip
_WEEKS = {
    f"{TITLE} 1.1": [0] * 9 + [12, 128, 14],
    LONG_NAME: [67, 73, 62, 83, 90, 71, 69, 70, 69, 95, 9, 0],
    RTL: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0],
    "Old 1.0": [1] * 12,
}
_MODELS = [Option(value="kelp/frond-1b", label="frond-1b", chosen=True), Option(value="x", label=LONG_NAME)]
_PEOPLE = (
    "Ilse van der Brugghen",
    "Þorsteinn Guðmundsson",
    RTL,
    "Person 7c2e9a41",
    "Ngozi Adeyemi-Hartmann",
    LONG_NAME,
)


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
    "publisher": PUBLISHER, "figures": _FIGURES,
    "imports": {"ever": "412", "upgraded": "37", "erased": "1",
                "csv_url": "/api/v1/audit/imports?publisher=kelp&format=csv",
                "jsonl_url": "/api/v1/audit/imports?publisher=kelp&format=jsonl"},
    "imports_url": "/manage/kelp/imports",
    "chart": draw(week_starts(NOW), _WEEKS), "query": "", "models": _MODELS,
    "versions": [Option(value="kelp@1.1", label=f"{TITLE} 1.1")],
    "grades": [Option(value="A", label="A"), Option(value="B", label="B")],
    "states": [Option(value="current", label="Current")], "since": "2027-01-01", "until": "",
    "rows": [_acceptance(number) for number in range(20)], "said": "945 records since 1 January 2027, newest first.",
    "pager": LATER, "action_url": "/manage/kelp/acceptances", "clear_url": "/manage/kelp/acceptances",
    "csv_url": "/manage/kelp/acceptances.csv", "jsonl_url": "/manage/kelp/acceptances.jsonl",
    "parquet_url": "/manage/kelp/acceptances.parquet", "holders_url": "/manage/kelp/holders",
}  # fmt: skip
_DOWNLOADS = {
    "publisher": PUBLISHER, "figures": _FIGURES[:2], "query": "", "models": _MODELS, "license": "", "receipt": "", "since": "",
    "until": "", "rows": [_download(number) for number in range(9)], "said": "Newest first.", "pager": MORE,
    "action_url": "/manage/kelp/downloads", "clear_url": None, "csv_url": "/d.csv", "jsonl_url": "/d.jsonl",
    "parquet_url": "/d.parquet",
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
                "gate_url": "/kelp/frond-1b/gate", "hub_url": "/manage/kelp/models/frond-1b/hub",
                "release": {"commit": "4c1e9ab07d" * 4, "ref": "main", "at": ago(days=30), "size": 2_312_884_120}},
               {"name": LONG_NAME, "url": "/kelp/x", "private": True, "gate": CLOSED, "gate_url": "/kelp/x/gate", "hub_url": "/manage/kelp/models/x/hub", "release": None,
                "problem": "The card’s front matter could not be read."}],
    "uploads": [_upload(_VERIFYING, 1_100_000_000, None),
                _upload(_FAILED, 2_300_000_000, "The stored bytes have another SHA-256 than was stated.")],
    "pager": NEWEST, "commands": _PUBLISH, "import_url": "/manage/kelp/hub",
}  # fmt: skip


_TO_CONFIRM = Badge(word="To be confirmed", shape=Shape.TODO, tone=Tone.TODO)
_IMPORTS: dict[str, Any] = {
    "publisher": PUBLISHER,
    "notice": None,
    "models": _MODELS,
    "most": "32 MB",
    "progress": [
        {"model": "frond-1b", "says": "42 of 300 have accepted properly", "value": 42, "ever": 300, "erased": "3",
         "invited": "120", "never_asked": "138"},
        {"model": LONG_NAME, "says": "over 10,000 of over 10,000 have accepted properly", "value": 10001,
         "ever": 10001, "erased": "0", "invited": "over 10,000", "never_asked": None},
    ],
    "reports": [{"model": "frond-1b", "sent_at": NOW, "people": "297", "state": _TO_CONFIRM, "url": "/r/1"}],
    "export_url": "/api/v1/audit/imports?publisher=kelp&format=csv",
    "post_url": "/manage/kelp/imports",
    "invite_url": "/manage/kelp/imports/invitations",
}  # fmt: skip
_REPORT: dict[str, Any] = {
    "publisher": PUBLISHER,
    "model": "frond-1b",
    "sent_at": NOW,
    "state": _TO_CONFIRM,
    "phase": "preview",
    "finished_at": None,
    "went": 40,
    "expected": 300,
    "said": "40 of 300 people are looked at",
    "figures": [{"label": "Will be imported", "value": "297", "detail": "grade C, which text is not known"},
                {"label": "Cannot be read", "value": "2", "detail": "left out; the lines are named below"}],
    "remarks": [{"line": "7", "text": "email is not an e-mail address"},
                {"line": "12,048", "text": "is about the same person as 5, and left out"}],
    "unit": "Line",
    "more": "3 more lines are left out for the same kinds of reasons.",
    "people": 297,
    "invite": False,
    "post_url": "/manage/kelp/imports/1",
    "back_url": "/manage/kelp/imports",
}  # fmt: skip


def _case(name: str, template: str, view: dict[str, Any]) -> Case:
    return Case(name=name, template=f"manage/{template}.html", page=MAINTAINER, view=view)


_NONE_DRAWN: dict[str, Any] = {"chart": None, "imports": None, "imports_url": None}
_NONE: dict[str, Any] = {"rows": [], "clear_url": None, "said": "No records.", "pager": NEWEST}

_NEW_PUBLISHER: dict[str, Any] = {
    "name": FormField(name="name", label="Name", why="Stands in addresses and commands.", error="Choose another name."),
    "display_name": FormField(name="display_name", label="Full name", required=False), "post_url": "/manage", "operations_url": None,
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
    _case("manage", "index", _NEW_PUBLISHER | {"operations_url": "/operations", "commands": _PUBLISH, "publishers": [
        {"name": "kelp", "display_name": "Kelp Forest Institute", "url": "/manage/kelp", "role": "owner", "models": "9",
         "acceptances": "over 10,000", "downloads": "over 10,000"},
        {"name": "rtl", "display_name": RTL, "url": "/manage/rtl", "role": "auditor", "models": "0", "acceptances": "0",
         "downloads": "0"}]}),
    _case("manage-none", "index", _NEW_PUBLISHER | {"commands": [], "publishers": []}),
    _case("publish-status", "publish_status", _STATUS),
    _case("publish-status-none", "publish_status",
          {"publisher": PUBLISHER, "models": [], "uploads": [], "pager": None, "commands": [],
           "import_url": None}),
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
    _case("imports", "imports", _IMPORTS),
    _case("imports-none", "imports", _IMPORTS | {"progress": [], "reports": [], "models": [], "export_url": None}),
    _case("imports-refused", "imports", _IMPORTS | {"notice": Notice(
        tone=Tone.STOP, title="The report cannot be read", text="Line 7 has 3 columns, the first line has 5.")}),
    _case("import-preview", "import_report", _REPORT),
    _case("import-preview-nobody", "import_report", _REPORT | {"people": 0}),
    _case("import-running", "import_report", _REPORT | {"phase": "running", "remarks": [], "more": None}),
    _case("import-done", "import_report",
          _REPORT | {"phase": "done", "finished_at": NOW, "invite": True, "remarks": [], "more": None}),
    _case("decisions", "decisions", _DECISIONS),
    _case("decisions-none", "decisions", _DECISIONS | {"answer": None}),
    Case(name="holders", template="manage/holders.html", page=MAINTAINER, view=_HOLDERS),
    Case(name="holders-ask", template="manage/holders.html", page=MAINTAINER,
         view=_HOLDERS | {"answer": None, "problem": "write a time such as 2027-01-31T12:00:00Z, or a day"}),
    Case(name="holders-all", template="manage/holders.html", page=MAINTAINER,
         view=_HOLDERS | {"answer": _HELD | {"everybody": True, "rows": [], "covers": [], "unknown": []}}),
    Case(name="looks", template="manage/looks.html", page=MAINTAINER,
         view={"publisher": PUBLISHER, "pager": NEWEST,
               "rows": [{"at": NOW, "person": "ines@kelpforest.example", "what": "the list of acceptances",
                         "whose": None, "how": "exported, by a program"},
                        {"at": ago(minutes=70), "person": RTL, "what": "a receipt", "whose": LONG_NAME,
                         "how": "looked at"}]}),
    Case(name="looks-none", template="manage/looks.html", page=MAINTAINER,
         view={"publisher": PUBLISHER, "pager": NEWEST, "rows": []}),
]  # fmt: skip
