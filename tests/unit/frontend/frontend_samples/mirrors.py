"""Samples of the page of a model's mirror at the Hub."""

from typing import Any

from frontend_samples.manage import PUBLISHER
from frontend_samples.shared import LONG_NAME, MAINTAINER, NOW, RTL, Case, ago, digest
from registry.kernel.page_parts import Command, FormField, Notice, Tone

_CARD: dict[str, Any] = {
    "parts": [{"part": "extra_gated_prompt", "words": "Set by this registry"},
              {"part": "the text of the card", "words": "Changed on both sides, left as the Hub has it"}],
    "conflicts": 1, "trouble": None,
}  # fmt: skip
_WEIGHTS: dict[str, Any] = {
    "place": "Here and at the Hub", "trouble": "unreachable: the Hub answered 500",
    "kinds": [{"words": "Other bytes there than here", "count": 22, "paths": ["model.safetensors", RTL], "more": 20},
              {"words": "Equal in both places", "count": 1, "paths": [LONG_NAME], "more": 0}],
}  # fmt: skip
_MIRROR: dict[str, Any] = {
    "repository": "kelp-labs/frond-1b", "group": None, "account": "kelp-release-bot", "kept_since": ago(days=3),
    "settled_at": NOW, "looked_at": NOW, "granted": 9_412, "waiting": 3, "committed": digest("card")[:40],
    "drifts": [{"words": "The repository has another commit", "count": 1}], "card": _CARD, "weights": _WEIGHTS,
    "calls": [{"deed": "accept", "at": NOW, "outcome": "done"}],
}  # fmt: skip
_VIEW: dict[str, Any] = {
    "publisher": PUBLISHER, "model": "kelp/frond-1b", "model_url": "/kelp/frond-1b",
    "notice": Notice(tone=Tone.OK, title="The Hub lets in nobody whom this registry does not"),
    "mirror": _MIRROR, "plan": None,
    "urls": {act: f"/manage/kelp/models/frond-1b/hub/{act}" for act in ("link", "plan", "apply", "unlink")},
    "token_command": Command(label="Store a token of the Hub first", text="gatehouse hub token kelp < token.txt"),
}  # fmt: skip
_PLAN: dict[str, Any] = {
    "actions": [{"deed": "set-manual", "who": "the gate", "why": "the files are open to everybody at the Hub"},
                {"deed": "accept", "who": LONG_NAME, "why": "the registry permits it"},
                {"deed": "cancel", "who": RTL, "why": "nobody here has proved to be this account"}],
    "drifts": ["the gate was set from manual to open at the Hub"], "granted": 1, "waiting": 2, "minutes": 7,
    "card": _CARD, "weights": _WEIGHTS,
}  # fmt: skip
_NEW = _MIRROR | {
    "kept_since": None, "settled_at": None, "looked_at": None, "committed": None, "drifts": [], "calls": [],
    "account": None, "group": RTL, "weights": None, "card": {"parts": [], "conflicts": 0, "trouble": "unreadable: the head of the README"},
}  # fmt: skip
_IMPORT: dict[str, Any] = {
    "publisher": PUBLISHER, "invite": False, "found": None,
    "fields": [FormField(name="repository", label="Repository of the Hub", why="It must have a gate there."),
               FormField(name="name", label="Name of the model here", required=False),
               FormField(name="license", label="License version", required=False)],
    "urls": {"look": "/manage/kelp/hub/look", "do": "/manage/kelp/hub/import"},
}  # fmt: skip
_FOUND: dict[str, Any] = {
    "is_new": True, "facts": [{"label": "Model", "value": LONG_NAME}, {"label": "License", "value": RTL}],
    "files": ["README.md", "LICENSE", LONG_NAME], "left": ["model-00001-of-00009.safetensors"], "more": 12,
    "people": 9_412, "hidden": [{"name": "repository", "value": "kelp-labs/frond-1b"}],
}  # fmt: skip
CASES = [
    Case(name="hub-import", template="manage/hub_import.html", page=MAINTAINER, view=_IMPORT),
    Case(name="hub-import-found", template="manage/hub_import.html", page=MAINTAINER,
         view=_IMPORT | {"found": _FOUND, "invite": True}),
    Case(name="hub-import-again", template="manage/hub_import.html", page=MAINTAINER,
         view=_IMPORT | {"found": _FOUND | {"is_new": False, "files": [], "left": [], "more": 0}}),
    Case(name="mirror", template="manage/hub.html", page=MAINTAINER, view=_VIEW),
    Case(name="mirror-plan", template="manage/hub.html", page=MAINTAINER, view=_VIEW | {"plan": _PLAN}),
    Case(name="mirror-nothing-to-do", template="manage/hub.html", page=MAINTAINER,
         view=_VIEW | {"plan": _PLAN | {"actions": [], "drifts": [], "minutes": None,
                                        "card": {"parts": [], "conflicts": 0, "trouble": None}}}),
    Case(name="mirror-new", template="manage/hub.html", page=MAINTAINER,
         view=_VIEW | {"mirror": _NEW, "notice": Notice(tone=Tone.WAIT, title="Paired, and not kept in step yet")}),
    Case(name="mirror-none", template="manage/hub.html", page=MAINTAINER,
         view=_VIEW | {"mirror": None, "notice": None}),
]  # fmt: skip
