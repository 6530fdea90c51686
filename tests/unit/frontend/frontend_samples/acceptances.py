"""Samples of the acceptance page and of receipts."""

from typing import Any

from markupsafe import Markup

from frontend_samples.shared import (
    ANONYMOUS,
    MAINTAINER,
    MEMBER,
    NOW,
    PERSON,
    RTL,
    Case,
    ago,
    digest,
    hexdigest,
)
from frontend_samples.texts import TITLE, difference, plain_text, policy_text, text
from registry.acceptances.kept import kept_of_acceptance
from registry.kernel.page_parts import Check, FieldKind, FormField, Link, Notice, Option, Tone

_COUNTRIES = [Option(value="IS", label="Iceland"), Option(value="JP", label="Japan"), Option(value="PT",
              label="Portugal")]  # fmt: skip
_FIELDS = [
    FormField(name="answer.0", label="Affiliation", autocomplete="organization",
              why="So that the publisher knows who uses the model."),
    FormField(name="answer.1", label="Country", kind=FieldKind.COUNTRY, options=_COUNTRIES),
    FormField(name="answer.2", label="Planned end", kind=FieldKind.DATE, required=False),
    FormField(name="answer.3", label="What will you use it for?", kind=FieldKind.SELECT,
              options=[Option(value="research", label="Research"), Option(value="teaching", label="Teaching")]),
    FormField(name="answer.4", label="Describe the use in two sentences", kind=FieldKind.LONG_TEXT,
              max_characters=600, why="At most 600 characters."),
    FormField(name="answer.5", label="I will not use the model on photographs of people", kind=FieldKind.CHECKBOX),
    FormField(name="answer.6", label="Region", kind=FieldKind.IP_LOCATION,
              why="Nothing to fill in: this registry does not guess or record your location."),
    FormField(name="answer.7", label="Work address", kind=FieldKind.EMAIL, autocomplete="email", required=False),
    FormField(name="answer.8", label=RTL),
]  # fmt: skip
_ONE = [Option(value="self", label="for yourself")]
_TWO = [Option(value="self", label="for yourself"), Option(value="organization", label="for an organization",
        detail="You state that you may bind it.")]  # fmt: skip
_NAME = FormField(name="typed_name", label="Type your full name",
                  why="This is your signature on the statement.")  # fmt: skip

_LICENSE = {"title": TITLE, "number": "1.1", "name": f"{TITLE} 1.1", "url": "/licenses/kelp/1.1",
            "text_url": "/licenses/kelp/1.1.txt"}  # fmt: skip
_TEXT: dict[str, Any] = {"id": "text", "end_id": "text-end", "license": _LICENSE, "text": text(), "policies": [],
                         "asked_by": [], "difference": None, "difference_says": None}  # fmt: skip


def _hidden(texts: int) -> list[dict[str, Any]]:
    return [
        {"name": f"{name}{mark}", "value": value, "holds_key": name == "holder_key",
         "end_of": f"text{mark}-end" if name == "end_reached_ms" else None}
        for mark in ("", *(f"-{number}" for number in range(2, texts + 1)))
        for name, value in (("ticket", "t-0195"), ("text_sha256", digest("text 1.1")),
                            ("form_digest", digest("form")), ("end_reached_ms", ""), ("holder_key", ""))
    ]  # fmt: skip


FORM: dict[str, Any] = {
    "model": {"publisher": "kelp", "name": "frond-1b", "url": "/kelp/frond-1b"},
    "lede": "Read the full text, fill in the form, press one button. You get a receipt, and may download at once.",
    "steps": [{"label": "Signed in", "state": "done"}, {"label": "Read and accept", "state": "now"},
              {"label": "Download", "state": "next"}],
    "title": f"{TITLE} 1.1",
    "texts": [_TEXT],
    "changed": False,
    "notices": [],
    "problem": None,
    "person": {"label": PERSON, "through": "a mailed link", "since": ago(minutes=6)},
    "prompts": [],
    "capacities": _ONE,
    "capacity_error": None,
    "authority": None,
    "officer_title": None,
    "others": [],
    "fields": _FIELDS,
    "act": {"statements": [f"By pressing the button you enter into {TITLE} 1.1 with the licensor."],
            "declaration": "I accept the license agreement shown here, and will keep its use restrictions.",
            "button_label": f"Accept {TITLE} 1.1"},
    "declaration_error": None,
    "typed_name": _NAME,
    "recorded": kept_of_acceptance("kelp"),
    "hidden": _hidden(1),
    "post_url": "/kelp/frond-1b/accept",
    "sign_url": None,
    "sign_only": False,
    "passkeys_url": "/settings/passkeys",
    "command": "gatehouse accept kelp/frond-1b",
    "erasure_url": "/privacy#erasure",
}  # fmt: skip


_SIGN: dict[str, Any] = {
    "model": FORM["model"],
    "title": FORM["title"],
    "name": RTL,
    "capacity": "yourself",
    "licenses": [_TEXT["license"]] * 2,
    "statements": FORM["act"]["statements"],
    "declaration": FORM["act"]["declaration"],
    "button_label": f"Accept {TITLE} 1.1 and sign with a passkey",
    "options": "{}",
    "signed": '{"format": "gatehouse-declaration/1"}',
    "fields": [
        {"name": "typed_name", "value": RTL, "proof_of": None},
        {"name": "possession", "value": "", "proof_of": "x" * 43},
    ],
    "post_url": "/kelp/frond-1b/accept",
    "back_url": "/kelp/frond-1b/accept",
}


def _typed(field: FormField, value: str, error: str | None = None) -> FormField:
    return FormField(name=field.name, label=field.label, kind=field.kind, value=value, why=field.why, error=error,
                     required=field.required, options=field.options)  # fmt: skip


_ORGANISATION = {
    "capacities": [Option(value="1", label=f"for {RTL}", detail="Everybody who belongs to it is covered.")],
    "authority": FormField(name="authorised", label="I may bind Kelp Forest Ltd", kind=FieldKind.CHECKBOX),
    "officer_title": FormField(name="officer_title", label="Your function there", value=""),
    "others": [Link(label="for yourself", url="/kelp/frond-1b/accept"), Link(label=f"for {RTL}", url="/x")],
}  # fmt: skip
_WRONG = FORM | {
    "capacities": _TWO,
    "capacity_error": "Choose for whom you accept.",
    "fields": [_typed(_FIELDS[0], "Biðröð & Sons <b>"), _typed(_FIELDS[1], "", "Choose the country you work in."),
               _typed(_FIELDS[2], "2026-02-31", "There is no such day. Write it as 2027-06-30."),
               _typed(_FIELDS[5], "", "The publisher asks everybody to agree to this.")],
    "declaration_error": "Tick the box if you accept the text; leave the page if you do not.",
    "typed_name": FormField(name="typed_name", label="Type your full name", why="This is your signature.",
                            error="Your name is missing. Write it as in Ilse van der Brugghen."),
}  # fmt: skip
_CHANGED = FORM | {
    "changed": True,
    "texts": [_TEXT | {"difference": difference(), "difference_says": "You were shown version 1.0."}],
    "fields": [_typed(_FIELDS[0], "Kelp Forest Institute"), *_FIELDS[1:]],
}  # fmt: skip
_POLICIES = [
    {
        "title": "Kelp Forest acceptable use policy",
        "url": None,
        "sha256": digest("policy"),
        "text": policy_text(),
    },
    {"title": "House rules", "url": "https://kelpforest.example/rules", "sha256": None, "text": None},
]
_WITH_POLICY = FORM | {
    "texts": [_TEXT | {"policies": _POLICIES, "difference": difference(),
                       "difference_says": "You accepted version 1.0 on 4 June 2026."}],
    "prompts": [{"heading": "Before you ask", "html": Markup("<p>We read <strong>every</strong> answer.</p>"),
                 "model": None}],
    "problem": Notice(tone=Tone.STOP, title="Too many attempts", text="Nothing was accepted. Try again in a minute."),
}  # fmt: skip
_BASE = {"name": "kelp/holdfast", "url": "/kelp/holdfast",
         "note": "Its own files are given out after review only: ask there for them."}  # fmt: skip
_SEVERAL = _WITH_POLICY | {
    "title": "3 licenses",
    "texts": [
        _TEXT | {"id": mark, "end_id": f"{mark}-end", "policies": _POLICIES[:number % 2], "asked_by": asked,
                 "license": _LICENSE | {"name": f"{TITLE} 1.{number}"},
                 "text": plain_text(), "difference": difference(), "difference_says": "You accepted 1.0 before."}
        for number, (mark, asked) in enumerate((("text", [{"name": "kelp/frond-1b", "url": "/kelp/frond-1b", "note": None}]),
                            ("text-2", [_BASE]), ("text-3", [_BASE, _BASE | {"name": RTL, "note": None}])))],
    "notices": [Notice(tone=Tone.WAIT, title="This will not be all", text="One base is not public.")],
    "prompts": [{"heading": RTL, "html": Markup("<p>We read every answer.</p>"), "model": "kelp/holdfast"},
                {"heading": None, "html": Markup("<p>So do we.</p>"), "model": "kelp/frond-1b"}],
    "act": {"statements": [f"By pressing the button you enter into {TITLE} 1.1 with {one}." for one in ("kelp", RTL)],
            "declaration": "I have read each of the license agreements shown here and accept each of them.",
            "button_label": "Accept all 3 licenses"},
    "hidden": _hidden(3),
}  # fmt: skip

RECEIPT: dict[str, Any] = {
    "receipt": {"id": "0195a8f2-6c1e-7b40-9d55-3e0f7a61c2b8", "short": "0195a8f2",
                "json_url": "/api/v1/receipts/0195a8f2", "pdf_url": "/api/v1/receipts/0195a8f2/pdf",
                "share_url": "/records/0195a8f2/share",
                "file_name": "receipt-0195a8f2.json"},
    "notice": Notice(tone=Tone.OK, title="Your acceptance is recorded",
                     text="You may download now. This receipt is yours: keep the file, it can be checked without"
                          " this registry."),
    "also": [Link(label="Kelp License 1.0, for kelp/holdfast", url="/records/0195a8f3")],
    "owner": True,
    "statement": {"who": "Ilse van der Brugghen", "license": TITLE, "number": "1.1", "capacity": "for herself",
                  "model": "kelp/frond-1b", "at": NOW},
    "withdrawn": None,
    "license": {"url": "/licenses/kelp/1.1", "language_name": "English", "size": 11_482,
                "sha256": digest("text 1.1")},
    "policies": [{"title": "Kelp Forest acceptable use policy", "sha256": digest("policy")}],
    "acts": {"said": "box ticked, name typed, button pressed", "button_label": f"Accept {TITLE} 1.1",
             "name_said": "one of the names typed before"},
    "times": {"presented_at": ago(minutes=12), "end_reached_at": ago(minutes=3), "accepted_at": NOW,
              "clock": "synchronised"},
    "person": {"label": f"Ilse van der Brugghen, {PERSON}", "how": "signed in through a mailed link",
               "sign_in_at": ago(minutes=18)},
    "answers": [{"label": "Affiliation", "value": "Kelp Forest Institute"}, {"label": "Country", "value": "IS"},
                {"label": RTL, "value": RTL}],
    "answers_digest": digest("answers"),
    "form_version": "3",
    "scope": {"model": "kelp/frond-1b", "model_url": "/kelp/frond-1b", "commit": "4c1e9ab07d" * 4,
              "manifest_digest": digest("manifest")},
    "grade": {"letter": "B", "said": "verified sign-in and exact text"},
    "key": {"id": "statement-2027a", "algorithm": "Ed25519"},
    "entry": {"index": 48_306, "size": 48_307, "url": "/log/48306", "leaf_hash": hexdigest("leaf")},
    "copies": [{"said": "letter about it given to the mail server", "at": NOW},
               {"said": "receipt first downloaded", "at": NOW}],
    "verification": {"at": NOW, "steps": [
        Check(tone=Tone.OK, verdict="The statement is signed", detail="by key statement-2027a"),
        Check(tone=Tone.OK, verdict="The text is the one shown", detail="its bytes hash to the digest"),
        Check(tone=Tone.OK, verdict="The details belong to the statement", detail="7 of 7 disclosures match"),
        Check(tone=Tone.OK, verdict="The entry is in the log", detail="a proof of 16 hashes leads to the root"),
        Check(tone=Tone.TODO, verdict="No outside timestamp", detail="optional; none is ordered")]},
    "qr": {"size": 5, "path": "M0 0.5h3m1 0h1m-5 1h1m2 0h2m-5 1h5m-5 1h1m2 0h1m-4 1h5"},
    "downloads": None,
    "go_on": Link(label="Choose files to download", url="/kelp/frond-1b/tree/main"),
    "withdraw": {"post_url": "/receipts/0195a8f2/withdraw",
                 "consequences": ["Your right to download ends at once, on every model that asks for this license.",
                                  "What you accepted, and when, stays on record, and so does the withdrawal.",
                                  "Copies you already have stay bound by the license."],
                 "reason": FormField(name="reason", label="Reason", required=False, kind=FieldKind.LONG_TEXT)},
}  # fmt: skip
_STOPPED = RECEIPT | {
    "notice": None, "owner": False, "person": None, "entry": None, "qr": None, "go_on": None, "withdraw": None,
    "downloads": Link(label="Downloads under it", url="/manage/kelp/downloads?receipt=1"),
    "withdrawn": {"at": NOW, "entry": Link(label="log entry 48,309", url="/log/48309")}, "policies": [],
    "answers": [], "answers_digest": None, "form_version": None,
    "grade": {"letter": "C", "said": "imported, text version unknown"},
    "times": {"presented_at": ago(minutes=12), "end_reached_at": None, "accepted_at": NOW,
              "clock": "not known"},
    "verification": {"at": NOW, "steps": [Check(tone=Tone.STOP, verdict="The signature does not fit"),
                                          Check(tone=Tone.WAIT, verdict="The entry is not published yet")]},
}  # fmt: skip

CASES = [
    Case(name="accept", template="acceptances/accept.html", page=MEMBER, view=FORM),
    Case(name="acknowledge", template="acceptances/acknowledge.html", page=MEMBER,
         view={"model": "kelp/frond-1b", "model_url": "/kelp/frond-1b", "post_url": "/kelp/frond-1b/acknowledge",
               "accept_url": "/kelp/frond-1b/accept",
               "covers": [{"id": "1", "organisation": RTL, "license": "Kelp OpenRAIL-M 1.2", "license_url": "/licenses/kelp/1.2",
                           "digest": "sha256:" + "ab" * 32, "accepted_at": NOW,
                           "authority": "I am authorised to accept this license, so that it binds the organisation."},
                          {"id": "2", "organisation": "Kelp Forest Ltd", "license": "A license with a long name " * 4, "license_url": "/licenses/long/1.0",
                           "digest": "sha256:" + "cd" * 32, "accepted_at": NOW, "authority": ""}]}),
    Case(name="accept-with-passkey", template="acceptances/accept.html", page=MEMBER,
         view=FORM | {"sign_url": "/kelp/frond-1b/accept/sign"}),
    Case(name="accept-signed-only", template="acceptances/accept.html", page=MEMBER,
         view=FORM | {"sign_url": "/kelp/frond-1b/accept/sign", "sign_only": True}),
    Case(name="accept-signed-only-without", template="acceptances/accept.html", page=MEMBER,
         view=FORM | {"sign_only": True}),
    Case(name="sign", template="acceptances/sign.html", page=MEMBER, view=_SIGN),
    Case(name="accept-for-organisation", template="acceptances/accept.html", page=MEMBER, view=FORM | _ORGANISATION),
    Case(name="accept-no-fields", template="acceptances/accept.html", page=MEMBER,
         view=FORM | {"fields": [], "capacities": _TWO, "texts": [_TEXT | {"text": plain_text()}]}),
    Case(name="accept-several", template="acceptances/accept.html", page=MEMBER, view=_SEVERAL),
    Case(name="accept-wrong", template="acceptances/accept.html", page=MEMBER, view=_WRONG),
    Case(name="accept-changed", template="acceptances/accept.html", page=MEMBER, view=_CHANGED),
    Case(name="accept-policies", template="acceptances/accept.html", page=MEMBER, view=_WITH_POLICY),
    Case(name="share", template="acceptances/share.html", page=MEMBER,
         view={"receipt": {"short": "0195a8f2", "url": "/records/0195a8f2"}, "share_url": "/records/0195a8f2/share",
               "choices": [Option(value="name", label="Name", detail=RTL), Option(value="email", label="E-mail address", detail="a@b.example"),
                           Option(value="email_domain", label="Domain of the address", detail="b.example", chosen=True),
                           Option(value="answers.purpose", label="Answer: purpose", detail="long" * 50),
                           Option(value="own_signature", label="Your own signature, with your public key and your name")],
               "sentence": "Someone at b.example accepted Kelp OpenRAIL-M 1.2 for kelp/frond-1b on 23 November 2026, 12:00:00 UTC.",
               "hidden": ["Name", "E-mail address"], "file_name": "proof-kelp-1.2.json",
               "download_url": "/api/v1/receipts/0195a8f2?only=email_domain", "holder_key": "x" * 43}),
    Case(name="receipt", template="acceptances/receipt.html", page=MEMBER, view=RECEIPT),
    Case(name="receipt-withdrawn", template="acceptances/receipt.html", page=MAINTAINER, view=_STOPPED),
    Case(name="receipt-unsigned-in", template="acceptances/receipt.html", page=ANONYMOUS,
         view=RECEIPT | {"notice": None, "withdraw": RECEIPT["withdraw"] | {"reason": FormField(name="reason",
              label="Reason", error="At most 600 characters.", value="x")}}),
]  # fmt: skip
