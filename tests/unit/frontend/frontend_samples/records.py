"""Samples of a person's own records."""

from frontend_samples.shared import (
    ACCEPT_AGAIN,
    ANONYMOUS,
    CURRENT,
    LONG_NAME,
    MEMBER,
    MORE,
    NOW,
    PERSON,
    RTL,
    WITHDRAWN,
    Case,
    ago,
)
from frontend_samples.texts import TITLE
from registry.kernel.page_parts import Link, Notice, Tone

_URLS = {"tokens_url": "/records/tokens", "sessions_url": "/records/sessions", "ways_url": "/settings/identities",
         "organisations_url": "/organisations",
         "export_url": "/records/export.json", "erasure_url": "/records/erasure",
         "restriction_url": "/records/restriction"}  # fmt: skip
_FULL = {
    "person": {"email": PERSON, "verified_at": ago(days=200), "since": ago(days=380), "name": RTL},
    "notices": [Notice(tone=Tone.WAIT, title="One license asks for your acceptance again",
                       text="Your access to kelp/holdfast-300m ends on 30 April 2027 unless you accept.",
                       link=Link(label="See what changed", url="/licenses/kelp/compare"))],
    "acceptances": [{"license": title, "number": "1.1", "for_what": model, "at": ago(days=day), "state": state,
                     "receipt_url": f"/receipts/{day}"}
                    for day, title, model, state in ((1, TITLE, "kelp/frond-1b", CURRENT),
                                                     (9, RTL, f"kelp/{LONG_NAME}", ACCEPT_AGAIN),
                                                     (90, "Fenland RAIL", "fen/reed", WITHDRAWN))],
    "acceptances_pager": None,
    "downloads": [{"at": ago(hours=hour), "model": "kelp/frond-1b", "model_url": "/kelp/frond-1b", "path": path,
                   "commit": "4c1e9ab07d" * 4, "through": "huggingface_hub 2.4.0", "size": 2_300_000_000}
                  for hour, path in ((1, "model-00001-of-00002.safetensors"), (2, f"a/{LONG_NAME}/b.bin"))],
    "downloads_pager": MORE,
    "tokens": 2, "sessions": 1,
} | _URLS  # fmt: skip

_ERASURE = {"notice": None, "waits": False, "offices": [], "grace_days": 7, "export_url": "/records/export.json",
            "again_url": None, "post_url": "/records/erasure", "back_url": "/records/erasure/back",
            "error": None}  # fmt: skip

_RESTRICTION = {"notice": None, "is_open": False, "words": "", "words_most": 500, "told_days": 7,
                "grounds": [{"key": "accuracy", "label": "Something that is kept about me is wrong", "chosen": False},
                            {"key": "claims", "label": LONG_NAME, "chosen": True}],
                "erasure_url": "/records/erasure", "again_url": None, "post_url": "/records/restriction",
                "back_url": "/records/restriction/back", "error": None}  # fmt: skip

_IMPORTED = {
    "done": None,
    "rows": [{"model": "kelp/frond-1b", "publisher": "kelp", "stated_at": ago(days=400), "imported_at": ago(hours=5),
              "details": [("your e-mail address", PERSON), ("your name there", LONG_NAME)],
              "accept_url": "/kelp/frond-1b/accept"}],
    "stopped": False, "token": "a-secret", "post_url": "/imported",
}  # fmt: skip
CASES = [
    Case(name="imported", template="records/imported.html", page=ANONYMOUS, view=_IMPORTED),
    Case(name="imported-deleted", template="records/imported.html", page=ANONYMOUS,
         view=_IMPORTED | {"done": "deleted", "rows": []}),
    Case(name="erasure", template="records/erasure.html", page=MEMBER, view=_ERASURE),
    Case(name="erasure-not-confirmed", template="records/erasure.html", page=MEMBER,
         view={**_ERASURE, "error": "Tick the box to go on"}),
    Case(name="erasure-waits", template="records/erasure.html", page=MEMBER,
         view={**_ERASURE, "waits": True,
               "notice": Notice(tone=Tone.WAIT, title="Your details are destroyed on 30 November 2026",
                                text="You asked for it on 23 November 2026. Until then you can take it back.")}),
    Case(name="erasure-refused", template="records/erasure.html", page=MEMBER,
         view={**_ERASURE, "again_url": "/sign-in?next=/records/erasure",
               "notice": Notice(tone=Tone.STOP, title="Your last request was refused", text=RTL)}),
    Case(name="erasure-depended-on", template="records/erasure.html", page=MEMBER,
         view={**_ERASURE, "offices": [Link(label=f"the only owner of {LONG_NAME}", url="/manage/kelp")]}),
    Case(name="restriction", template="records/restriction.html", page=MEMBER, view=_RESTRICTION),
    Case(name="restriction-no-ground", template="records/restriction.html", page=MEMBER,
         view={**_RESTRICTION, "words": RTL, "error": "Choose one of these grounds, and keep your words short"}),
    Case(name="restriction-stands", template="records/restriction.html", page=MEMBER,
         view={**_RESTRICTION, "is_open": True,
               "notice": Notice(tone=Tone.OK, title="Your data has been stored only since 30 November 2026",
                                text="You can take that back at any time.")}),
    Case(name="restriction-refused", template="records/restriction.html", page=MEMBER,
         view={**_RESTRICTION, "again_url": "/sign-in?next=/records/restriction",
               "notice": Notice(tone=Tone.STOP, title="Your last request was refused", text=RTL)}),
    Case(name="records", template="records/index.html", page=MEMBER, view=_FULL),
    Case(name="records-first-day", template="records/index.html", page=MEMBER,
         view={"person": {"email": PERSON, "verified_at": NOW, "since": NOW, "name": None}, "notices": [],
               "acceptances": [], "acceptances_pager": None, "downloads": [], "downloads_pager": None, "tokens": 0,
               "sessions": 1} | _URLS),
]  # fmt: skip
