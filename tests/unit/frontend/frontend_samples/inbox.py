"""Samples of the inbox."""

from frontend_samples.shared import LONG_NAME, MEMBER, MORE, RTL, Case, ago
from registry.kernel.page_parts import Notice, Tone

_NOTICES = [
    {"subject": "Approved: kelp/frond-1b", "text": "Approved: your request.\nThe page shows all of it.",
     "url": "/requests/1", "at": ago(hours=1), "unread": True},
    {"subject": RTL, "text": LONG_NAME, "url": "/requests/2", "at": ago(days=9), "unread": False},
]  # fmt: skip

CASES = [
    Case(name="inbox", template="identity/inbox.html", page=MEMBER, view={
        "problem": Notice(tone=Tone.STOP, title="Mail to you does not arrive", text="Since yesterday."),
        "unread": 1, "notices": _NOTICES, "pager": MORE}),
    Case(name="inbox-none", template="identity/inbox.html", page=MEMBER,
         view={"problem": None, "unread": 0, "notices": [], "pager": None}),
]  # fmt: skip
