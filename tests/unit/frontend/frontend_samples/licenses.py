"""Samples of the license pages."""

from typing import Any

from frontend_samples.shared import (
    ANONYMOUS,
    CURRENT,
    FIRST_DAY,
    MEMBER,
    MORE,
    NEWEST,
    RTL,
    SUPERSEDED,
    Case,
    ago,
    digest,
)
from frontend_samples.texts import TITLE, difference, plain_text, policy_text, text
from registry.kernel.page_parts import (
    Badge,
    Difference,
    FieldKind,
    FormField,
    Link,
    Notice,
    Option,
    Shape,
    Tone,
)

_IN_FORCE = Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)
_FROM = [Option(value="1.0", label="1.0", chosen=True), Option(value="1.1", label="1.1")]
_TO = [Option(value="1.0", label="1.0"), Option(value="1.1", label="1.1", chosen=True)]


def _row(title: str, **other: Any) -> dict[str, Any]:
    return {
        "title": title, "url": "/licenses/kelp-forest-openrail-m", "publisher": "kelp", "number": "1.1",
        "summary": "Free to use, change and share, with five uses left out.", "effective_at": ago(days=17),
        "change": "material", "versions": 3, "restrictions": 5, "models": 14, "recognised_as": None, "mine": None,
        **other,
    }  # fmt: skip


def _version(number: str, state: Badge, **other: Any) -> dict[str, Any]:
    return {
        "number": number, "url": f"/licenses/kelp/{number}", "state": state, "effective_at": ago(days=17),
        "change": "material", "means": "Asked again, by 30 April 2027", "sha256": digest(f"text {number}"),
        "accepted": 142, "second": None, **other,
    }  # fmt: skip


FULL: dict[str, Any] = {
    "license": {"title": TITLE, "url": "/licenses/kelp", "publisher": "kelp",
                "summary": "Free to use, change and share, also commercially, with five uses left out."},
    "version": {"number": "1.1", "text_url": "/licenses/kelp/1.1.txt", "json_url": "/licenses/kelp/1.1.json",
                "state": "In force", "dated": "since", "second": "confirmed by a second person", "effective_at": ago(days=17), "published_at": ago(days=40),
                "change": "material", "change_from": "1.0.1", "means": "acceptors of 1.0 are asked again",
                "normalised_digest": digest("words"), "entry": Link(label="log entry 40,101", url="/log/40101")},
    "text": text(noted=True),
    "required_by": {"models": 14, "url": "/?license=kelp"},
    "accepted": 142,
    "notice": None,
    "recognised": None,
    "lookalike": None,
    "policies": [{"title": "Kelp Forest acceptable use policy", "url": None, "sha256": digest("policy"),
                  "text": policy_text()},
                 {"title": "House rules", "url": "https://kelpforest.example/rules", "sha256": None, "text": None}],
    "terms": {"may": [{"said": "use and copy it", "clause": "2", "id": "c-2"}],
              "must": [{"said": "hand the terms on", "clause": "4", "id": "c-4"}],
              "may_not": [{"said": "use it in five ways", "clause": "Attachment A", "id": "attachment-a"}]},
    "restrictions": [{"clause": f"({letter})", "id": f"a-{letter}", "said": said, "group": group}
                     for letter, said, group in (("a", "Violence", "legality"), ("b", "Harming children", None),
                                                 ("c", "Malware", "cyber"), ("d", "Deciding alone", None))],
    "versions": [_version("1.1", _IN_FORCE), _version("1.0.1", SUPERSEDED, change="editorial", accepted=3_910,
                 means="Acceptance of 1.0 stays current"),
                 _version("1.0", SUPERSEDED, change="initial", accepted=None, means="First text")],
    "compare_url": "/licenses/kelp/compare",
    "compare_from": _FROM,
    "compare_to": _TO,
}  # fmt: skip

_BARE = FULL | {
    "license": {"title": "شروط استخدام النموذج", "url": "/licenses/rtl", "publisher": None, "summary": None},
    "version": FULL["version"] | {"change_from": None, "change": "initial", "entry": None, "state": "Announced", "dated": "from"},
    "text": plain_text(), "accepted": None, "policies": [], "terms": None, "restrictions": [],
    "versions": [_version("1.0", _IN_FORCE)],
    "required_by": {"models": 0, "url": "/"},
}  # fmt: skip


def _difference(**other: Any) -> dict[str, Any]:
    return {"license": FULL["license"], "difference": difference(), "compare_url": "/licenses/kelp/compare",
            "compare_from": _FROM, "compare_to": _TO, "notice": None, "accept": None, **other}  # fmt: skip


def _second_person(**other: Any) -> dict[str, Any]:
    return {"license": FULL["license"], "version": {"number": "1.0.1", "url": "/licenses/kelp/1.0.1", "change": "editorial"},
            "lede": "Editorial means: words or layout are mended, the meaning is the same.", "compared": "1.0",
            "notice": None, "objection": None, "decided_at": None, "terms": ["It restricts a further use: Spam", RTL],
            "differences": [{"title": None, "shown": difference()}, {"title": RTL, "shown": difference()}], "reason": _REASON,
            "post_url": "/licenses/kelp/1.0.1/second-person", **other}  # fmt: skip


_REASON = FormField(name="reason", label="Why it is not", kind=FieldKind.LONG_TEXT, value="", max_characters=300,
                    why="Everybody reads it. Kept for ever; the log holds its digest.")  # fmt: skip
_SAME = Difference(old_label="Version 1.0", new_label="Version 1.0", rows=(), summary="Nothing changed.")

CASES = [
    Case(name="licenses", template="licenses/index.html", page=MEMBER,
         view={"query": "", "pager": MORE, "licenses": [_row(TITLE, mine=CURRENT), _row(RTL, summary=RTL,
               publisher=None), _row("Fenland RAIL " * 8, recognised_as="Fenland RAIL 2.0", restrictions=0,
               summary=None, models=1, versions=1)]}),
    Case(name="licenses-none", template="licenses/index.html", page=FIRST_DAY,
         view={"query": "", "pager": NEWEST, "licenses": []}),
    Case(name="licenses-no-match", template="licenses/index.html", page=ANONYMOUS,
         view={"query": '"><img src=x>', "pager": NEWEST, "licenses": []}),
    Case(name="license", template="licenses/version.html", page=ANONYMOUS, view=FULL),
    Case(name="license-recognised", template="licenses/version.html", page=MEMBER,
         view=FULL | {"recognised": {"title": "Fenland RAIL 2.0", "detail": "Only line wraps differ."},
                      "policies": [], "terms": None}),
    Case(name="license-lookalike", template="licenses/version.html", page=MEMBER,
         view=FULL | {"lookalike": {"title": "Fenland RAIL 2.0", "detail": "Clause 4 is missing.",
                                    "url": "/licenses/fenland/2.0"}}),
    Case(name="license-rtl", template="licenses/version.html", page=ANONYMOUS, view=_BARE),
    Case(name="license-waits", template="licenses/version.html", page=MEMBER,
         view=FULL | {"notice": Notice(tone=Tone.WAIT, title="This version waits for a second person", text="No gate "
                      "can require it.", link=Link(label="Look at what changed", url="/licenses/kelp/1.1/x"))}),
    Case(name="license-second-person", template="licenses/second_person.html", page=MEMBER, view=_second_person()),
    Case(name="license-objected", template="licenses/second_person.html", page=ANONYMOUS,
         view=_second_person(notice=Notice(tone=Tone.STOP, title="A second person objects"), objection=RTL,
                             decided_at=ago(days=1), post_url=None)),
    Case(name="license-first", template="licenses/second_person.html", page=ANONYMOUS,
         view=_second_person(notice=Notice(tone=Tone.NOTE, title="It waits for nobody"), differences=[], terms=[], compared=None,
                             post_url=None)),
    Case(name="license-compare", template="licenses/compare.html", page=MEMBER,
         view=_difference(accept=Link(label="Go on to accept version 1.1", url="/kelp/frond-1b/accept"))),
    Case(name="license-compare-same", template="licenses/compare.html", page=ANONYMOUS,
         view=_difference(difference=_SAME, notice=Notice(tone=Tone.WAIT, title="The comparison was cut short",
                          text="The two texts are too long to be compared word by word in the time allowed."))),
]  # fmt: skip
