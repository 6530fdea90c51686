"""Samples of the pages of releases that are to be given up."""

from datetime import timedelta
from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import LONG_NAME, MAINTAINER, MORE, NOW, RTL, Case, ago
from registry.kernel.page_parts import FieldKind, FormField, Link, Notice, Option, Tone

_MARK = {"id": "0190", "commit": "1a" * 20, "replacement": "2b" * 20, "reason": f"Taken out: {RTL} {LONG_NAME}",
         "update_by": NOW + timedelta(days=30), "at": ago(days=2)}  # fmt: skip
_FIGURES = [{"label": "Told", "value": "9,412", "detail": "1,507 had downloaded it"},
            {"label": "Read it", "value": "137", "detail": None},
            {"label": "Deleted their copies", "value": "42", "detail": None}]  # fmt: skip
_RELEASES = [
    Option(value="1a" * 20, label="1a1a1a1a1a1a of 1 March 2026"),
    Option(value="x", label=LONG_NAME),
]
_FIELDS = [
    FormField(name="release", label="Release to be given up", kind=FieldKind.SELECT, options=_RELEASES),
    FormField(name="replacement", label="Release to be used instead", kind=FieldKind.SELECT, options=_RELEASES,
              error="another release than the one to be given up"),
    FormField(name="update_by", label="Last day", kind=FieldKind.DATE, why="After this day no more."),
    FormField(name="reason", label="Reason", kind=FieldKind.LONG_TEXT, max_characters=300),
]  # fmt: skip
_MODEL = {"name": "frond-1b", "url": "/kelp/frond-1b"}
_SIGN_IN = Notice(tone=Tone.WAIT, title="Marking a release takes a fresh sign-in", text="Sign in again.",
                  link=Link(label="Sign in again", url="/sign-in?next=/kelp/frond-1b/must-updates"))  # fmt: skip


def _case(name: str, template: str, **view: Any) -> Case:
    return Case(name=name, template=f"{template}.html", page=MAINTAINER, view=view)


def _mine(*, acknowledged: bool, deleted: bool, state: str) -> dict[str, Any]:
    return {**_MARK, "repo_id": "kelp/frond-1b", "url": "/kelp/frond-1b/files?revision=x", "state": state,
            "may_acknowledge": not acknowledged, "may_confirm": not deleted}  # fmt: skip


def _manage(**changes: Any) -> dict[str, Any]:
    marks = [{**_MARK, "figures": _FIGURES, "holders_url": "/kelp/frond-1b/must-updates/0190"}]
    return {"publisher": PUBLISHER, "model": _MODEL, "notice": None, "marks": marks, "fields": _FIELDS,
            "post_url": "/kelp/frond-1b/must-updates", **changes}  # fmt: skip


_ROWS = [{"person": person, "state": state, "since": ago(days=1), "told_at": ago(days=2), "downloaded": got}
         for person, state, got in (("ilse@kelpforest.example", "Copies deleted", True), ("Person 7c2e9a41", "Read", False),
                                    (RTL, "Not answered yet", True))]  # fmt: skip
_HOLDERS = {"publisher": PUBLISHER, "model": _MODEL, "mark": _MARK, "figures": _FIGURES, "rows": _ROWS,
            "pager": MORE, "back_url": "/kelp/frond-1b/must-updates", "csv_url": "/holders.csv"}  # fmt: skip
_ANSWERS = [
    _mine(acknowledged=False, deleted=False, state="Not answered yet"),
    _mine(acknowledged=True, deleted=True, state="Copies deleted"),
]

CASES = [
    _case("updates-mine", "records/updates", updates=_ANSWERS, post_url="/updates"),
    _case("updates-none", "records/updates", updates=[], post_url="/updates"),
    _case("updates-manage", "manage/updates", **_manage()),
    _case("updates-manage-empty", "manage/updates", **_manage(marks=[], notice=_SIGN_IN, post_url=None)),
    _case("updates-holders", "manage/update_holders", **_HOLDERS),
    _case("updates-holders-none", "manage/update_holders", **{**_HOLDERS, "rows": []}),
]
