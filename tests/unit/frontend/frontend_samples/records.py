"""Samples of a person's own records."""

from frontend_samples.shared import (
    ACCEPT_AGAIN,
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
         "export_url": "/records/export.json", "erasure_url": "/privacy#erasure"}  # fmt: skip
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

CASES = [
    Case(name="records", template="records/index.html", page=MEMBER, view=_FULL),
    Case(name="records-first-day", template="records/index.html", page=MEMBER,
         view={"person": {"email": PERSON, "verified_at": NOW, "since": NOW, "name": None}, "notices": [],
               "acceptances": [], "acceptances_pager": None, "downloads": [], "downloads_pager": None, "tokens": 0,
               "sessions": 1} | _URLS),
]  # fmt: skip
