"""Samples of the catalog's pages, with the access panel in each state."""

from typing import Any

from markupsafe import Markup

from frontend_samples import equivalences
from frontend_samples.shared import (
    ACCEPT_AGAIN,
    ANONYMOUS,
    AUTO,
    CLOSED,
    FIRST_DAY,
    LATER,
    LONG_NAME,
    MANUAL,
    MAY_DOWNLOAD,
    MEMBER,
    MORE,
    NEWEST,
    NOW,
    OPEN,
    PERSON,
    RTL,
    Case,
    ago,
    digest,
)
from frontend_samples.texts import TITLE
from registry.kernel.page_parts import AccessPanel, Badge, Check, Command, Link, Notice, Option, Shape, Tone

_ACCEPT = Link(label="Read and accept the license", url="/kelp/frond-1b/accept")
_READ = Link(label="Read the license first", url="/licenses/kelp-forest-openrail-m/1.1")
_FILES = Link(label="Choose files to download", url="/kelp/frond-1b/tree/main")
_RECEIPT = Link(label="receipt", url="/receipts/0195")
_COMMANDS = (
    Command(label="With Gatehouse’s own client", text="gatehouse pull kelp/frond-1b"),
    Command(
        label="With the Hub’s client, unchanged",
        text="HF_ENDPOINT=https://models.kelpforest.example hf download kelp/frond-1b",
    ),
)
_ACCEPTED = Check(
    tone=Tone.OK, verdict=f"{TITLE} 1.1 accepted", at=ago(days=2), detail="by you", link=_RECEIPT
)

PANELS: dict[str, AccessPanel] = {
    "anonymous": AccessPanel(
        tone=Tone.PLAIN,
        title="Not signed in",
        say="The card and the license are open to read. To download the weights, accept the license first.",
        checks=[
            Check(tone=Tone.TODO, verdict="You are not signed in"),
            Check(tone=Tone.TODO, verdict=f"{TITLE} 1.1", detail="to be accepted after you sign in"),
        ],
        action=Link(label="Sign in", url="/sign-in?next=/kelp/frond-1b"),
        more=[_READ],
    ),
    "not-accepted": AccessPanel(
        tone=Tone.TODO,
        title="License not accepted yet",
        say="One step is left, and it is yours.",
        checks=[
            Check(tone=Tone.OK, verdict="Signed in", detail=PERSON),
            Check(tone=Tone.TODO, verdict=f"{TITLE} 1.1 not accepted", detail="1,874 words, about 9 minutes"),
        ],
        action=_ACCEPT,
        decider="You do; no review follows",
        commands=[Command(label="Waits in the terminal until you have accepted",
                          text="gatehouse pull kelp/frond-1b --wait")],
    ),
    "waiting": AccessPanel(
        tone=Tone.WAIT,
        title="Waiting for review",
        say="Nothing is left for you to do. We will write to you when it is decided.",
        checks=[_ACCEPTED, Check(tone=Tone.WAIT, verdict="With the maintainers of kelp", at=ago(days=2))],
        decider="The maintainers of kelp",
        since=ago(days=2),
        until=NOW,
    ),
    "granted": AccessPanel(
        tone=Tone.OK,
        title="You may download",
        checks=[_ACCEPTED],
        action=_FILES,
        note="Each download is recorded with your name.",
        commands=_COMMANDS,
        since=ago(days=2),
    ),
    "accept-again": AccessPanel(
        tone=Tone.WAIT,
        title="Accept again by 30 April",
        say="You can download today. From 30 April 2027 version 1.1 is required. You accepted 1.0.",
        checks=[_ACCEPTED, Check(tone=Tone.WAIT, verdict=f"{TITLE} 1.1 not accepted", detail="changed: 5, A (e)")],
        action=Link(label="See what changed, then accept", url="/kelp/frond-1b/accept"),
        more=[Link(label="Download now", url="/kelp/frond-1b/tree/main")],
        until=NOW,
    ),
    "covered": AccessPanel(
        tone=Tone.OK,
        title="You may download",
        say="Kelp Forest Institute has accepted for its members. The license binds you too.",
        checks=[Check(tone=Tone.OK, verdict="You are a member", detail="through your address")],
        action=_FILES,
        more=[Link(label="Read what binds you", url="/licenses/kelp-forest-openrail-m/1.1")],
    ),
    "blocked": AccessPanel(
        tone=Tone.STOP,
        title="You are blocked from this model",
        say="Nothing can be downloaded, whatever was accepted. Your acceptances stay on record.",
        checks=[_ACCEPTED, Check(tone=Tone.STOP, verdict="Blocked by kelp", at=ago(days=9))],
        decider="The owners of kelp",
        since=ago(days=9),
        more=[Link(label="Whom to ask", url="/problems/blocked")],
    ),
    "withdrawn": AccessPanel(
        tone=Tone.STOP,
        title="You withdrew your acceptance",
        checks=[Check(tone=Tone.STOP, verdict=f"{TITLE} 1.1 withdrawn", at=ago(hours=3), link=_RECEIPT)],
        action=_ACCEPT,
        since=ago(hours=3),
    ),
    "closed": AccessPanel(
        tone=Tone.STOP,
        title="Closed",
        say="Nobody may download these files.",
        decider="Nobody; this model is closed",
    ),
    "open": AccessPanel(tone=Tone.OK, title="Open to everybody", action=_FILES, commands=_COMMANDS),
    "unknown": AccessPanel(
        tone=Tone.STOP,
        title="Not known just now",
        say="The database cannot be reached, so no link is issued. Nothing is lost. Try again in a minute.",
    ),
}  # fmt: skip


def head(panel: str = "granted", **other: Any) -> dict[str, Any]:
    return {
        "publisher": "kelp",
        "name": "frond-1b",
        "url": "/kelp/frond-1b",
        "private": False,
        "summary": "A small model that names plants, shells and weeds of cold coasts from a photograph.",
        "gate": {"title": "Accept to download", "detail": "no review follows"},
        "licenses": [{"title": TITLE, "number": "1.1", "url": "/licenses/kelp/1.1", "restrictions": 5}],
        "release": {"ref": "main", "commit": "4c1e9ab07d" * 4, "at": ago(days=30), "signed": True},
        "weights": {"size": 2_312_884_120, "files": 2, "formats": "safetensors"},
        "counts": {"files": 9, "releases": 3},
        "urls": {"card": "/kelp/frond-1b", "files": "/kelp/frond-1b/tree/main",
                 "license": "/kelp/frond-1b/license", "releases": "/kelp/frond-1b/releases"},
        "access": PANELS[panel],
        "notices": [],
        **other,
    }  # fmt: skip


_CARD = Markup(
    "<h2>What it does</h2><p>Give it a photograph, and it answers with a name and how sure it is. It was trained on"
    " 1.2 million photographs that their makers gave for the purpose; <a href='#'>how they were asked</a>.</p>"
    "<ul><li>cold water only</li><li>no people, no ships</li></ul><h3>Run it</h3>"
    "<pre tabindex='0' role='region' aria-label='Code'><code>from frond import Model\n"
    "model = Model.from_pretrained('kelp/frond-1b')</code></pre>"
    "<blockquote><p>It does not know what it does not know.</p></blockquote>"
    "<div class='scroll' role='region' aria-label='Table' tabindex='0'><table><thead><tr><th>Coast</th><th>Right</th></tr></thead>"
    "<tbody><tr><td>Galicia</td><td>91.2 %</td></tr><tr><td>Hokkaido</td><td>88.0 %</td></tr></tbody></table></div>"
    "<h2>Limits</h2><p>Photographs at night are hard for it.</p>"
)
_BROKEN = [
    {"where": "Front matter, line 4", "what": "the key “license” stands twice; the second one is used: mit",
     "effect": "The gate is not touched by this."},
    {"where": "extra_gated_fields", "what": "“Company size” asks for a type called “slider”, which is not known",
     "effect": "It is asked as a line of text."},
    {"where": "Line 91", "what": f"an image from another host was left out: {RTL}", "effect": None},
]  # fmt: skip
_FACTS = [
    {"label": "Task", "value": "image-classification", "url": None},
    {"label": "Base model", "value": "kelp/frond-300m", "url": "/kelp/frond-300m"},
    {"label": "Languages", "value": "en, is, no", "url": None},
]


def _model(panel: str, page: Any = MEMBER, **other: Any) -> Case:
    view = {
        "head": head(panel),
        "card": {"html": _CARD, "language": "en", "direction": "ltr"},
        "card_url": "/kelp/frond-1b/raw/main/README.md",
        "problems": [],
        "front_matter": "license: other\nlicense_name: kelp-forest-openrail-m",
        "facts": _FACTS,
        **other,
    }
    return Case(name=f"model-{panel}", template="catalog/model.html", view=view, page=page)


def _line(name: str, gate: Badge, **other: Any) -> dict[str, Any]:
    return {
        "publisher": "kelp",
        "name": name,
        "url": f"/kelp/{name}",
        "summary": "Names plants, shells and weeds of cold coasts from a photograph.",
        "gate": gate,
        "license": f"{TITLE} 1.1",
        "size": 2_312_884_120,
        "released_at": ago(days=30),
        "mine": None,
        "private": False,
        **other,
    }


_GATES = [Option(value="open", label="Open, no gate", count=12), Option(value="auto", label="Accept to download",
          count=31, chosen=True), Option(value="manual", label="Accept, then review", count=9),
          Option(value="closed", label="Closed", count=2)]  # fmt: skip
_LICENSES = [Option(value="kelp", label=TITLE, count=14), Option(value="rtl", label=RTL, count=1)]
_MODELS = [
    _line("frond-1b", AUTO, mine=MAY_DOWNLOAD),
    _line("holdfast-300m", AUTO, mine=ACCEPT_AGAIN, summary=None),
    _line("bladder-vqa", MANUAL, mine=Badge(word="Waiting for review", shape=Shape.DECIDED, tone=Tone.WAIT)),
    _line("tarjama-7b", OPEN, summary=RTL, license="Apache 2.0"),
    _line(LONG_NAME, CLOSED, private=True, size=None, released_at=None, license=None),
]
_BASE = {"query": "", "mine": False, "gates": _GATES, "licenses": _LICENSES}
_OPEN_FILE = Badge(word="Open to all", shape=Shape.OPEN, tone=Tone.OK)
_AFTER = Badge(word="After acceptance", shape=Shape.DECIDED)
_PICKLE = Badge(word="Pickle", shape=Shape.WARNING, tone=Tone.WAIT)
_FILE_ROWS = [
    ("README.md", 8_104, _OPEN_FILE, []),
    ("LICENSE", 11_482, _OPEN_FILE, []),
    ("model-00001-of-00002.safetensors", 2_300_000_000, _AFTER, []),
    (f"checkpoints/{LONG_NAME}/optimizer.bin", 12_884_120, _AFTER, [_PICKLE]),
    ("empty.txt", 0, _AFTER, []),
]


def _files(name: str, **other: Any) -> Case:
    allowed = name == "files"
    rows = [
        {"path": path, "size": size, "sha256": digest(path), "url": "/x" if allowed else None, "access": access,
         "flags": flags}
        for path, size, access, flags in _FILE_ROWS
    ]  # fmt: skip
    view = {
        "head": head("granted" if allowed else "not-accepted"),
        "manifest_digest": digest("manifest"),
        "files": rows,
        "findings": [
            {"path": "optimizer.bin", "title": "Pickle.", "detail": "It calls os.system when loaded."}
        ],
        "pager": MORE,
        "revisions": [Link(label="v1.0", url="/kelp/frond-1b/tree/v1.0")],
        **other,
    }
    return Case(name=name, template="catalog/files.html", view=view, page=MEMBER)


def _release(message: str, *refs: str) -> dict[str, Any]:
    return {"commit": "4c1e9ab07d" * 4, "url": "/kelp/frond-1b/tree/4c1e", "message": message, "at": ago(days=30),
            "files": 9, "size": 2_312_884_120, "refs": refs, "manifest_digest": digest(message),
            "entry": Link(label="log entry 48,102", url="/log/48102")}  # fmt: skip


_REQUIREMENT = {
    "title": TITLE, "number": "1.1", "url": "/licenses/kelp/1.1", "text_url": "/licenses/kelp/1.1.txt",
    "compare_url": "/licenses/kelp/compare?from=1.0&to=1.1", "sha256": digest("text 1.1"),
    "in_force_since": ago(days=17), "change": "material change: earlier acceptors are asked again by 30 April",
    "language": "English", "restrictions": 5, "policies": ["Kelp Forest acceptable use policy"],
    "mine": MAY_DOWNLOAD,
}  # fmt: skip

_HUB: dict[str, Any] = {
    "model": "kelp/frond-1b", "model_url": "/kelp/frond-1b", "repository": "kelp-labs/frond-1b",
    "host": "huggingface.co", "is_permitted": False,
    "named": None, "accounts": [{"id": "a1", "name": LONG_NAME}, {"id": "a2", "name": RTL}],
    "provider": {"name": "Hugging Face", "post_url": "/settings/identities/add/huggingface"},
    "page_url": "/kelp/frond-1b/hub", "back_url": "/kelp/frond-1b/hub/back",
}  # fmt: skip
CASES = [
    Case(name="catalog", template="catalog/index.html", page=MEMBER,
         view=_BASE | {"query": "coast", "mine": True, "models": _MODELS, "total": 54, "pager": MORE, "clear_url": "/"}),
    Case(name="catalog-first-day", template="catalog/index.html", page=FIRST_DAY,
         view={"query": "", "mine": False, "gates": [], "licenses": [], "models": [], "total": 0, "pager": NEWEST,
               "clear_url": None}),
    Case(name="catalog-no-match", template="catalog/index.html", page=ANONYMOUS,
         view=_BASE | {"query": "<script>alert(1)</script>", "models": [], "total": None, "pager": LATER,
                       "clear_url": "/"}),
    *(_model(panel, ANONYMOUS if panel == "anonymous" else MEMBER) for panel in PANELS),
    Case(name="model-broken-card", template="catalog/model.html", page=MEMBER,
         view=_model("granted").view | {"problems": _BROKEN, "card": None, "facts": [], "front_matter": None,
              "head": head("granted", notices=[Notice(tone=Tone.NOTE, title="This is an older release",
                           text="Newer ones exist.", link=Link(label="Go to the newest", url="/kelp/frond-1b"))])}),
    Case(name="model-long", template="catalog/model.html", page=MEMBER,
         view=_model("open").view | {
             "card": {"html": Markup("<p>{}</p>").format(RTL), "language": "ar", "direction": "rtl"},
             "head": head("open", publisher="K" * 40, name=LONG_NAME, summary=RTL, licenses=[], release=None,
                          weights=None)}),
    _files("files"),
    _files("files-not-accepted", findings=[], pager=None, revisions=[], manifest_digest=None),
    _files("files-none", files=[], findings=[], pager=None, revisions=[], head=head("closed", release=None)),
    Case(name="model-license", template="catalog/license.html", page=MEMBER,
         view={"head": head("granted"), "requirements": [_REQUIREMENT, _REQUIREMENT | {"title": "Fenland RAIL", "compare_url": None,
               "policies": [], "change": None, "mine": None, "restrictions": 0}],
               "inherited": [equivalences.DECIDED, equivalences.terms()],
               "declared": {"identifier": "other", "name": "kelp-forest-openrail-m", "link": "LICENSE",
                            "note": "The card names another text than the gate. The gate decides."},
               "asked": [{"label": "Affiliation", "why": None}, {"label": RTL, "why": "So that we know."}],
               "revision": {"number": 3, "since": ago(days=17), "entry": Link(label="entry 9", url="/log/9")}}),
    Case(name="model-license-none", template="catalog/license.html", page=ANONYMOUS,
         view={"head": head("open", licenses=[]), "requirements": [], "inherited": [], "declared": None, "asked": [],
               "revision": None}),
    Case(name="releases", template="catalog/releases.html", page=MEMBER,
         view={"head": head(), "pager": NEWEST,
               "releases": [_release("Retrained without the pictures that were taken back", "main", "v1.1"),
                            _release(RTL), _release("First release", "v1.0")]}),
    Case(name="releases-none", template="catalog/releases.html", page=ANONYMOUS,
         view={"head": head("anonymous", release=None), "releases": [], "pager": NEWEST}),
    Case(name="hub", template="catalog/hub.html", page=MEMBER, view=_HUB),
    Case(name="hub-named", template="catalog/hub.html", page=MEMBER,
         view=_HUB | {"named": {"name": LONG_NAME, "at": NOW}, "is_permitted": True}),
    Case(name="hub-nothing-proved", template="catalog/hub.html", page=MEMBER, view=_HUB | {"accounts": []}),
    Case(name="hub-no-provider", template="catalog/hub.html", page=MEMBER,
         view=_HUB | {"accounts": [], "provider": None}),
]  # fmt: skip
