"""Samples of the pages that change a gate."""

from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import AUTO, CLOSED, LONG_NAME, MAINTAINER, RTL, Case, ago
from frontend_samples.texts import TITLE
from registry.kernel.page_parts import Check, FieldKind, FormField, Link, Notice, Option, Tone

_MODEL = {"publisher": "kelp", "name": "frond-1b", "url": "/kelp/frond-1b"}
_CURRENT = {"number": 3, "at": ago(days=17), "by": "tomasz@kelpforest.example", "mode": AUTO,
            "asks": [f"{TITLE} 1.1", f"{LONG_NAME} 2.0"], "questions": 4,
            "entry": Link(label="41,007", url="/log/41007")}  # fmt: skip
_FIRST = {"number": 1, "at": ago(days=200), "by": "Person erased", "mode": CLOSED, "asks": [], "questions": 1,
          "entry": None}  # fmt: skip
_ASKED = [{"what": f"Read and accept {TITLE} 1.1", "how": None, "url": "/licenses/kelp/1.1"},
          {"what": "Affiliation", "how": "text on one line", "url": None},
          {"what": RTL, "how": "one of: Research, Education, optional", "url": None}]  # fmt: skip
_MODES = [Option(value="auto", label="Accept to download", detail="Whoever is signed in gets in.", chosen=True),
          Option(value="manual", label="Accept, then review", detail="Your reviewers decide."),
          Option(value="closed", label="Closed", detail="Nobody gets in.")]  # fmt: skip
_VERSIONS = [
    Option(value="kelp@1.1", label="1.1, the newest", chosen=True),
    Option(value="kelp@1.0", label="1.0"),
]
_TYPES = [
    Option(value="text", label="Text on one line"),
    Option(value="select", label="One of several choices"),
]


def _field(
    number: int, label: str, *, error: str | None = None, options: str | None = None
) -> dict[str, Any]:
    return {
        "label": FormField(name=f"field-{number}-label", label="Question", value=label, error=error,
                           max_characters=1_000),
        "types": _TYPES,
        "required": number % 2 == 1,
        "purpose": FormField(name=f"field-{number}-purpose", label="Why you ask", value=label, why="Shown beside it."),
        "help": FormField(name=f"field-{number}-help", label="How to answer", required=False),
        "limits": [] if number == 2 else [FormField(name=f"field-{number}-min_length", label="Least characters",
                                                    value="3", required=False)],
        "options": None if options is None else FormField(
            name=f"field-{number}-options", label="Choices", kind=FieldKind.LONG_TEXT, value=options,
            required=False, why="One a line."),
    }  # fmt: skip


_GATE: dict[str, Any] = {
    "publisher": PUBLISHER, "model": _MODEL, "current": _CURRENT, "asked": _ASKED, "history": [_CURRENT, _FIRST],
    "notice": None, "errors": [], "revision": 3, "modes": _MODES, "mode_error": None,
    "licenses": [{"title": TITLE, "options": _VERSIONS, "url": "/licenses/kelp"},
                 {"title": LONG_NAME, "options": [Option(value="x@2.0", label="2.0", chosen=True)], "url": None}],
    "licenses_error": None, "addable": [Option(value="other@1.0", label="Another RAIL 1.0")],
    "fields": [_field(1, "Affiliation"), _field(2, RTL, options="r | Research\nEducation"), _field(3, LONG_NAME * 3)],
    "fields_error": None, "types": _TYPES,
    "days": FormField(name="days", label="Days for accepting again", value="30", why="0 ends it at once."),
    "review": [FormField(name="review-approvals", label="Reviewers who must agree", value="2"),
               FormField(name="review-grant_days", label="Days that access lasts", value="", required=False,
                         why="Empty: until it is ended.")],
    "beforehand": {
        "boxes": [Option(value="email", label="A confirmed e-mail address", chosen=True),
                  Option(value="second_factor", label="A second factor", detail="A passkey, or one of a provider.")],
        "issuers": [Option(value="https://hub.example", label="An account at the Hub", chosen=True)],
        "issuers_error": None,
        "organisations": FormField(name="before-organisations", label="Membership", kind=FieldKind.LONG_TEXT,
                                   value=LONG_NAME, required=False, why="One a line."),
        "age": FormField(name="before-minimum_age", label="Least age", kind=FieldKind.SELECT, value="18",
                         required=False, options=[Option(value="18", label="18 or older")]),
        "entities": [Option(value="academic", label="A university or research institute", chosen=True)],
        "country": [FormField(name="before-rule", label="Countries", kind=FieldKind.SELECT, value="admit",
                              required=False, options=[Option(value="admit", label="Let in only these")]),
                    FormField(name="before-countries", label="These countries", value="NO SE QQ",
                              error="QQ is no country code.", required=False, why="By their two letters.")],
    },
    "bases": [{"name": "kelp/holdfast-7b", "url": "/kelp/holdfast-7b", "relation": "finetune", "at": ago(days=40)},
              {"name": None, "url": None, "relation": None, "at": ago(days=40)}],
    "post_url": "/kelp/frond-1b/gate", "bases_url": "/kelp/frond-1b/gate/bases",
    "covers": [Link(label="kelp/frond-1b", url="/kelp/frond-1b"), Link(label=f"kelp/{LONG_NAME}", url="/kelp/x")],
    "shareable": [Option(value="kelp/holdfast-7b", label="kelp/holdfast-7b")],
    "sharing_url": "/kelp/frond-1b/gate/sharing",
}  # fmt: skip
_WRONG: dict[str, Any] = {
    "errors": [("field-2-label", "Question 2", "A label has 1 to 1,000 characters."),
               ("licenses-h", "Licenses", "Name published versions."), ("mode-1", "Who gets in", "Choose who gets in.")],
    "mode_error": "Choose who gets in.", "licenses_error": "Name published versions.", "addable": [], "types": [],
    "fields": [_field(1, "Affiliation"), _field(2, "", error="A label has 1 to 1,000 characters.", options="")],
}  # fmt: skip
_LOOK: dict[str, Any] = {
    "post_url": None, "bases_url": None, "sharing_url": None, "shareable": [], "asked": [], "licenses": [], "fields": [], "history": [_FIRST],
    "notice": Notice(tone=Tone.WAIT, title="Changing a gate takes a fresh sign-in", text="Sign in again.",
                     link=Link(label="Sign in again", url="/sign-in?next=/kelp/frond-1b/gate")),
}  # fmt: skip
_CONFIRM: dict[str, Any] = {
    "publisher": PUBLISHER, "model": _MODEL, "current": _CURRENT, "opens": None,
    "changes": [f"Asks for {TITLE} 2.0 instead of 1.1.", f"No longer asks “{RTL}”."],
    "effects": [Check(tone=Tone.OK, verdict="312 people keep access"),
                Check(tone=Tone.WAIT, verdict=f"40 people must accept {TITLE} 2.0 by 30 April 2027",
                      detail="They keep access until then."),
                Check(tone=Tone.STOP, verdict="1 person loses access", detail="A reviewer decides."),
                Check(tone=Tone.NOTE, verdict="2 people may download at once", detail="They accepted it all.")],
    "counted": "Counted among the newest 10,000 acceptances.", "asked": _ASKED, "draft": '{"revision":3,"mode":"auto"}',
    "button": "Change the gate of frond-1b", "post_url": "/kelp/frond-1b/gate",
}  # fmt: skip
_SHARING: dict[str, Any] = {
    "publisher": PUBLISHER, "model": _MODEL, "target": {"name": f"kelp/{LONG_NAME}", "url": "/kelp/x/gate"},
    "effects": [Check(tone=Tone.STOP, verdict="3 people cannot download it any more", detail="They go there first.")],
    "revision": 3, "post_url": "/kelp/frond-1b/gate/sharing", "gate_url": "/kelp/frond-1b/gate",
}  # fmt: skip
_OPENS = Notice(tone=Tone.STOP, title="This opens the model to everybody", text="Everybody may download.")


def _case(name: str, template: str, view: dict[str, Any]) -> Case:
    return Case(name=name, template=f"manage/{template}.html", page=MAINTAINER, view=view)


CASES = [
    _case("gate", "gate", _GATE),
    _case("gate-wrong", "gate", _GATE | _WRONG),
    _case("gate-look-only", "gate", _GATE | _LOOK),
    _case("gate-sharing", "gate_sharing", _SHARING),
    _case("gate-own", "gate_sharing", _SHARING | {"target": None}),
    _case("gate-confirm", "gate_confirm", _CONFIRM),
    _case("gate-opens", "gate_confirm", _CONFIRM | {"opens": _OPENS, "asked": [], "counted": None}),
]
