"""Samples of the operators' page."""

from typing import Any

from frontend_samples.shared import LONG_NAME, MAINTAINER, NOW, RTL, Case, ago
from registry.kernel.page_parts import FormField

_ID, _OTHER = "01993f0e-7d3c-7000-8000-5f2b8a6f0c11", "01993f0e-7d3c-7000-8000-5f2b8a6f0c12"
_VIEW: dict[str, Any] = {
    "erasures": [{"person": _ID, "asked_at": ago(days=2), "due_at": NOW, "owed_by": NOW}],
    "restrictions": [{"person": _ID, "asked_at": ago(days=1), "owed_by": NOW, "words": RTL},
                     {"person": _OTHER, "asked_at": ago(days=1), "owed_by": NOW, "words": ""}],
    "restricted": [{"person": _OTHER, "since": ago(days=90), "lifted_from": NOW},
                   {"person": _ID, "since": ago(days=9), "lifted_from": None}],
    "holds": [{"id": _ID, "subject": f"model kelp/{LONG_NAME}", "reason": "Dispute about a use", "ordered_by": "7 O 12/26",
               "placed_at": ago(days=30), "until": None},
              {"id": _OTHER, "subject": f"person {_ID}", "reason": RTL, "ordered_by": "Counsel", "placed_at": ago(days=3),
               "until": NOW}],
    "fields": [FormField(name="person", label="Address, or id here", why="As in the lists above."),
               FormField(name="reason", label="Why you look", value="x", error="say in 8 to 500 characters why")],
    "post_url": "/operations/person", "again_url": None,
}  # fmt: skip
_NONE: dict[str, Any] = {"erasures": [], "restrictions": [], "restricted": [], "holds": []}
CASES = [
    Case(name="operations", template="operations/index.html", page=MAINTAINER, view=_VIEW),
    Case(name="operations-none", template="operations/index.html", page=MAINTAINER,
         view=_VIEW | _NONE | {"again_url": "/sign-in/again?next=/operations"}),
]  # fmt: skip
