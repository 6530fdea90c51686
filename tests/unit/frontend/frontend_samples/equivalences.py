"""Samples of the page of what flows down to a model and from it."""

from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import LONG_NAME, MAINTAINER, MORE, RTL, Case, ago
from registry.kernel.page_parts import Badge, FieldKind, FormField, Link, Notice, Option, Shape, Tone

_MISSING = Badge(word="Missing", shape=Shape.WARNING, tone=Tone.STOP)
_SAME = Badge(word="Same", shape=Shape.DONE, tone=Tone.OK)
_ROWS = [
    {"slug": "no-medical-advice", "said": "Medical advice or reading of results", "base": "Unless a human oversees it",
     "own": "Not there", "badge": _MISSING},
    {"slug": "no-illegal-use", "said": "Use that breaks any applicable law or regulation", "base": "In every case",
     "own": "In every case", "badge": _SAME},
]  # fmt: skip
_DECISION = {"id": "0190", "model": "meadow/moss-1b", "own_license": "moss-openrail@1.0",
             "base_license": "kelp-forest-openrail-m@1.1", "what": "Medical advice or reading of results",
             "reason": f"Clause 4 forbids every use on patients. {RTL}", "name": "Ada Lindqvist", "at": ago(days=3),
             "ended_at": None, "end_reason": None}  # fmt: skip
_ENDED = {
    **_DECISION,
    "name": "a person whose data was erased",
    "ended_at": ago(days=1),
    "end_reason": LONG_NAME,
}


def terms(badge: Badge = _MISSING, **changes: Any) -> dict[str, Any]:
    """A license that comes with a base, beside the model's own."""
    return {"base": "kelp/frond-1b", "base_url": "/kelp/frond-1b", "license": "Kelp Forest OpenRAIL-M 1.1",
            "license_url": "/licenses/kelp-forest-openrail-m/1.1", "badge": badge, "unread": False, "rows": _ROWS,
            "decisions": [], **changes}  # fmt: skip


DECIDED = terms(
    Badge(word="Equivalent by decision", shape=Shape.DECIDED, tone=Tone.OK), decisions=[_DECISION]
)
_INHERITED = [terms(), DECIDED, terms(base=f"kelp/{LONG_NAME}", rows=[], unread=True)]
_ASKED = [
    FormField(name="model", label="Model that is made from this one", value="meadow/moss-1b", why="PUBLISHER/MODEL."),
    FormField(name="base_license", label="License that this model’s gate asks for", kind=FieldKind.SELECT,
              value="kelp@1.1", options=[Option(value="kelp@1.1", label="Kelp Forest OpenRAIL-M 1.1", chosen=True)]),
    FormField(name="own_license", label="License of the other model", value="moss@1.0", error="with its number"),
]  # fmt: skip
_FIELDS = [
    FormField(
        name="reason", label="Why it reaches the same", kind=FieldKind.LONG_TEXT, why="Everybody reads it."
    ),
    FormField(name="name", label="Your name", value=RTL, why="Shown with the decision.", autocomplete="name"),
]
_CLAIM = [("model", "meadow/moss-1b"), ("base_license", "kelp@1.1"), ("own_license", "moss@1.0")]
_BOXES = [
    Option(
        value="no-medical-advice", label="Medical advice or reading of results", detail="no-medical-advice"
    )
]
_COMPARED = {"title": "moss@1.0 beside kelp@1.1", "rows": _ROWS[:1], "unread": False, "claim": _CLAIM}
_SIGN_IN = Notice(tone=Tone.WAIT, title="Deciding takes a fresh sign-in", text="Sign in again.",
                  link=Link(label="Sign in again", url="/sign-in?next=/kelp/frond-1b/equivalences"))  # fmt: skip


def _case(name: str, **changes: Any) -> Case:
    view = {"publisher": PUBLISHER, "model": {"name": "frond-1b", "url": "/kelp/frond-1b"}, "notice": None,
            "inherited": _INHERITED, "is_compared": True, "decisions": [_DECISION, _ENDED], "pager": MORE,
            "asked": _ASKED, "compared": _COMPARED, "boxes": _BOXES, "boxes_error": "one or more", "fields": _FIELDS,
            "page_url": "/kelp/frond-1b/equivalences", "post_url": "/kelp/frond-1b/equivalences", **changes}  # fmt: skip
    return Case(name=name, template="manage/equivalences.html", page=MAINTAINER, view=view)


CASES = [
    _case("equivalences"),
    _case("equivalences-whole", boxes=[], compared={**_COMPARED, "rows": [], "unread": True}, inherited=[]),
    _case("equivalences-nothing", boxes=[], compared={**_COMPARED, "rows": []}, pager=None),
    _case("equivalences-empty", inherited=[], is_compared=False, decisions=[], pager=None, compared=None, boxes=[],
          notice=_SIGN_IN, post_url=None),
]  # fmt: skip
