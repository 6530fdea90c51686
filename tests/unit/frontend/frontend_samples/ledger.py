"""Samples of the public log."""

from typing import Any

from frontend_samples.shared import ANONYMOUS, FIRST_DAY, MEMBER, MORE, NEWEST, NOW, RTL, Case, ago, hexdigest
from frontend_samples.texts import TITLE
from registry.kernel.page_parts import Event, Link

_NOTE = """models.kelpforest.example/log
48307
ma3CMbBFMx5RSlFrS3aA9YjjgjITq+kBc4vDrWey9vw=

— models.kelpforest.example/log 8xPq1QhavHcBwB/HJMHdkrqDZJPUixI7JqFX5DBzeLyfR2GPkRAlTb0oZ6WffOhY9S4L2L8xPq1Q=
"""
_CHECKPOINT = {"at": NOW, "root_hash": "ma3CMbBFMx5RSlFrS3aA9YjjgjITq+kBc4vDrWey9vw=", "note": _NOTE,
               "url": "/ledger/checkpoint",
               "by_others": ["Cosigned by witness.example.org/gatehouse", "Stamped by tsa.example.net at 09:12:00 UTC on 3 March 2027"]}  # fmt: skip
_NO_PROOF = {"size": "", "error": None, "result": None, "said": None}
_KINDS = (("Acceptance", f"{TITLE} 1.1 · grade B"), ("Release", "kelp/frond-1b"), ("License version", RTL),
          ("Withdrawal", None))  # fmt: skip


def _row(number: int) -> dict[str, Any]:
    kind, detail = _KINDS[number % len(_KINDS)]
    index = None if number == 0 else 48_307 - number
    return {"index": index, "url": f"/log/{index}", "at": ago(seconds=91 * number), "kind": kind, "detail": detail,
            "leaf_hash": hexdigest(f"leaf {number}")}  # fmt: skip


_LOG: dict[str, Any] = {
    "copy_command": "gatehouse ledger watch log-copy/ --endpoint https://models.kelpforest.example",
    "entries": 48_307, "checkpoint": _CHECKPOINT, "delay_seconds": 1,
    "key": {"id": "checkpoint-2027a", "algorithm": "Ed25519"}, "query": "", "search_problem": None,
    "rows": [_row(number) for number in range(10)], "pager": MORE, "proof": _NO_PROOF, "action_url": "/log",
}  # fmt: skip
_ENTRY: dict[str, Any] = {
    "entry": {"index": 48_306, "kind": "Acceptance", "detail": f"{TITLE} 1.1", "at": NOW,
              "leaf_hash": hexdigest("leaf"), "size": 1_204, "leaf_url": "/api/v1/ledger/entries/48306/leaf"},
    "leaf": "eyJhbGciOiJFZDI1NTE5IiwidHlwIjoiZ2F0ZWhvdXNlLWFjY2VwdGFuY2Urc2Qtand0In0" * 6,
    "events": [Event(what="Recorded", at=NOW, detail="with the act, in one transaction"),
               Event(what="Sequenced", at=NOW, detail="entry 48,306"), Event(what="Integrated", at=NOW, state="now"),
               Event(what="Published", said="within a second", state="next",
                     link=Link(label="checkpoint", url="/ledger/checkpoint"))],
    "tree_size": 48_307,
    "proof": [hexdigest(f"node {number}") for number in range(16)],
    "checkpoint": _CHECKPOINT,
    "about": [Link(label=f"{TITLE} 1.1", url="/licenses/kelp/1.1"), Link(label="kelp/frond-1b", url="/kelp/frond-1b")],
    "older": Link(label="Entry 48,305", url="/log/48305"),
    "newer": None,
}  # fmt: skip

CASES = [
    Case(name="log", template="ledger/index.html", page=ANONYMOUS, view=_LOG),
    Case(name="log-first-day", template="ledger/index.html", page=FIRST_DAY,
         view=_LOG | {"entries": 0, "checkpoint": None, "rows": [], "pager": NEWEST}),
    Case(name="log-proof", template="ledger/index.html", page=MEMBER,
         view=_LOG | {"proof": {"size": "40000", "error": None, "said": "A log of 40,000 entries is a beginning of it.",
                                "result": [hexdigest(f"p{number}") for number in range(9)]}}),
    Case(name="log-not-found", template="ledger/index.html", page=MEMBER,
         view=_LOG | {"query": "99999999", "rows": [], "search_problem": "Write a number or 64 hexadecimal digits.",
                      "proof": {"size": "x", "error": "Write a number, such as 1200.", "said": None, "result": None}}),
    Case(name="log-entry", template="ledger/entry.html", page=ANONYMOUS, view=_ENTRY),
    Case(name="log-entry-first", template="ledger/entry.html", page=ANONYMOUS,
         view=_ENTRY | {"proof": [], "about": [], "older": None, "tree_size": 1}),
]  # fmt: skip
