"""Samples of the pages of a publisher's webhooks."""

from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import LONG_NAME, MAINTAINER, MORE, NOW, Case, ago
from registry.kernel.page_parts import Badge, FieldKind, FormField, Notice, Option, Shape, Tone

_ID = "0199c0de-7a5e-7000-8000-00000000c0de"
_HERE = f"/manage/kelp/webhooks/{_ID}"
_ON = Badge(word="On", shape=Shape.DONE, tone=Tone.OK)
_FAILING = Badge(word="Failing", shape=Shape.WARNING, tone=Tone.WAIT)
_OFF = Badge(word="Off", shape=Shape.ENDED, tone=Tone.STOP)
_FACTS: dict[str, Any] = {"hears": "everything", "models": "all models", "state": _ON, "arrived_at": NOW, "failed_at": None,
                          "failed": None}  # fmt: skip
_WORSE = {"hears": "access-request.made, access.revoked and 3 more", "models": f"{LONG_NAME}, frond-1b",
          "state": _FAILING, "arrived_at": None, "failed_at": NOW, "failed": "answered 302, which leads elsewhere"}  # fmt: skip
_LINE = _FACTS | {"host": "hooks.example", "url": _HERE, "off_at": None}


def _form(*, errors: bool = False, some: bool = False) -> dict[str, Any]:
    url = FormField(name="url", label="Address", value="https://hooks.example/kelp?code=1", why="https",
                    error="it has no host" if errors else None)  # fmt: skip
    fixed = FormField(name="hub_secret", label="Fixed secret", why="One is set.", required=False)
    no_more = FormField(
        name="no_hub_secret", label="Send it no more", kind=FieldKind.CHECKBOX, required=False
    )
    models = FormField(name="models", label="Models", value="frond-1b", required=False,
                       error=f"kelp has no model '{LONG_NAME}'" if errors else None)  # fmt: skip
    events = [("access-request.made", "Somebody asks for access"), ("access.revoked", "An access is revoked")]
    return {
        "fields": [url, models, fixed, no_more] if some else [url, models],
        "events": [Option(value=value, label=label, chosen=some) for value, label in events],
        "some_events": some,
        "events_error": "there is no event 'no.such'" if errors else None,
    }


def _delivery(state: Badge, *, attempts: int, **given: Any) -> dict[str, Any]:
    came_of = ["did not answer in time", "could not be reached", "answered 503"]
    place = f"{_ID[:-2]}{attempts:02}"
    return {
        "event": "access-request.made", "id": place, "made_at": ago(hours=2), "state": state, "next_at": None,
        "attempts": [{"at": ago(minutes=each), "came_of": came_of[each % 3], "took": "10,002 ms"} for each in range(attempts)],
        "body": '{\n  "type": "access-request.made"\n}', "replay_url": f"{_HERE}/deliveries/{place}/replay",
        "replay_label": "Send again",
    } | given  # fmt: skip


_WAITS = Badge(word="Waits", shape=Shape.WAITING, tone=Tone.WAIT)
_GIVEN_UP = Badge(word="Given up", shape=Shape.ENDED, tone=Tone.STOP)
_VIEW: dict[str, Any] = {
    "publisher": PUBLISHER, "host": "hooks.example", "id": _ID, "secret": None, "notice": None, "facts": _FACTS,
    "made_at": ago(days=30), "previous_until": None, "has_hub_secret": False, "form": _form(),
    "overlaps": [Option(value="24", label="for another day"), Option(value="0", label="not any more")],
    "deliveries": [_delivery(_WAITS, attempts=0, next_at=NOW, replay_label="Send now"),
                   _delivery(Badge(word="Arrived", shape=Shape.DONE, tone=Tone.OK), attempts=1)], "pager": None,
    "urls": {"page": _HERE, "change": f"{_HERE}/change", "rotate": f"{_HERE}/rotate", "end": f"{_HERE}/end",
             "test": f"{_HERE}/test", "off": f"{_HERE}/off", "on": None},
}  # fmt: skip
_LIST: dict[str, Any] = {
    "publisher": PUBLISHER,
    "webhooks": [_LINE, _LINE | _WORSE | {"host": f"{LONG_NAME}.example:8443"},
                 _LINE | _WORSE | {"state": _OFF, "off_at": ago(days=1), "arrived_at": ago(days=9)}],
    "form": _form(), "post_url": "/manage/kelp/webhooks",
}  # fmt: skip
CASES = [
    Case(name="webhooks", template="manage/webhooks.html", page=MAINTAINER, view=_LIST),
    Case(name="webhooks-none", template="manage/webhooks.html", page=MAINTAINER, view=_LIST | {"webhooks": []}),
    Case(name="webhooks-wrong", template="manage/webhooks.html", page=MAINTAINER,
         view=_LIST | {"form": _form(errors=True)}),
    Case(name="webhook", template="manage/webhook.html", page=MAINTAINER, view=_VIEW),
    Case(name="webhook-new", template="manage/webhook.html", page=MAINTAINER,
         view=_VIEW | {"secret": "whsec_" + "c2VjcmV0" * 5, "deliveries": [], "previous_until": NOW}),
    Case(name="webhook-off", template="manage/webhook.html", page=MAINTAINER,
         view=_VIEW | {"facts": _WORSE | {"state": _OFF}, "form": _form(some=True), "has_hub_secret": True,
                       "notice": Notice(tone=Tone.STOP, title="Switched off", text="Nothing is sent to it."),
                       "deliveries": [_delivery(_GIVEN_UP, attempts=10, replay_url=None)], "pager": MORE,
                       "urls": _VIEW["urls"] | {"test": None, "off": None, "on": f"{_HERE}/on"}}),
]  # fmt: skip
