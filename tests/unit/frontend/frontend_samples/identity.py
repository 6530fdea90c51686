"""Samples of signing in, tokens and sessions."""

from typing import Any

from frontend_samples.shared import ANONYMOUS, CURRENT, LONG_NAME, MEMBER, NOW, PERSON, RTL, Case, ago
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Notice, Option, Shape, Tone

_EMAIL = FormField(name="email", label="E-mail address", kind=FieldKind.EMAIL, autocomplete="email")
_SIGN_IN = {"email": _EMAIL, "next": "/kelp/frond-1b/accept", "notice": None, "minutes": 15,
            "post_url": "/sign-in", "providers": [], "passkey": None}  # fmt: skip
_BUTTONS = [{"name": "Hugging Face", "post_url": "/sign-in/provider/huggingface"},
            {"name": LONG_NAME[:40], "post_url": "/sign-in/provider/long"}]  # fmt: skip
_ASK = {"options": '{"challenge": "abc", "rpId": "kelp.example"}', "post_url": "/sign-in/passkey"}
_AGAIN = {"label": PERSON, "since": ago(hours=13), "next": "/kelp/frond-1b/accept", "email": PERSON,
          "email_post_url": "/sign-in", "providers": _BUTTONS, "passkey": _ASK}  # fmt: skip
_ACCOUNT = {"provider": "ORCID", "name": "0000-0002-1825-0097", "detail": None, "created_at": ago(days=40),
            "last_used_at": ago(hours=2), "remove_url": "/settings/identities/1/remove"}  # fmt: skip
_IDENTITIES: dict[str, Any] = {
    "email": PERSON,
    "email_url": "/settings/email?next=/settings/identities",
    "accounts": [
        _ACCOUNT,
        _ACCOUNT
        | {"provider": "https://gone.example", "name": RTL, "detail": "This registry no longer offers it."},
    ],
    "providers": _BUTTONS,
    "passkeys": 2,
    "passkeys_url": "/settings/passkeys",
    "again_url": None,
}
_KEY = {"name": "laptop", "backed_up": True, "created_at": ago(days=40), "last_used_at": None,
        "remove_url": "/settings/passkeys/1/remove"}  # fmt: skip
_PASSKEYS: dict[str, Any] = {
    "passkeys": [_KEY, _KEY | {"name": LONG_NAME[:60], "backed_up": False, "last_used_at": ago(hours=2)}],
    "name": FormField(name="name", label="Name", why="So that you recognise it later.", max_characters=60),
    "add": _ASK,
    "why_not": None,
    "asks": False,
    "may_ask": True,
    "needed": 2,
    "asking_url": "/settings/passkeys/asking",
    "again_url": None,
}
_SSH_KEY = {"name": "laptop", "kind": "ssh-ed25519", "fingerprint": "SHA256:" + 43 * "Ab0"[:1],
            "created_at": ago(days=40), "last_used_at": None,
            "remove_url": "/settings/ssh-keys/1/remove"}  # fmt: skip
_SSH_KEYS: dict[str, Any] = {
    "ssh_keys": [_SSH_KEY, _SSH_KEY | {"name": LONG_NAME[:60], "last_used_at": ago(hours=2)}],
    "key": FormField(
        name="key",
        label="Public key",
        kind=FieldKind.LONG_TEXT,
        why="The one line of a file.",
        max_characters=4096,
    ),
    "name": FormField(name="name", label="Name", why="So that you recognise it later.", required=False),
    "post_url": "/settings/ssh-keys",
    "again_url": None,
}
_SSH_WRONG = FormField(name="key", label="Public key", kind=FieldKind.LONG_TEXT, value="ssh-dss AAAA",
                       error="What you gave is of a kind that is not taken")  # fmt: skip
_LINK = {
    "token": None,
    "email": None,
    "expires_at": None,
    "post_url": "/sign-in/confirm",
    "again_url": "/sign-in",
}
_READY = _LINK | {"state": "ready", "token": "once-only", "email": PERSON, "expires_at": NOW}


def _token(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "prefix": "gatehouse_7Qd2", "scopes": ["read"], "created_at": ago(days=40),
            "expires_at": NOW, "last_used_at": ago(hours=2), "state": CURRENT, "revoke_url": "/records/tokens/1/revoke",
            **other}  # fmt: skip


_TOKENS: dict[str, Any] = {
    "created": None,
    "tokens": [_token("gpu-07"), _token(LONG_NAME, scopes=["read", "publish", "audit"], last_used_at=None,
               expires_at=None), _token(RTL, state=Badge(word="Revoked", shape=Shape.ENDED, tone=Tone.STOP),
               revoke_url=None)],
    "logins": [],
    "name": FormField(name="name", label="Name", why="Where the token is used, to know it again."),
    "scopes": [Option(value="read", label="Read", detail="download what you may download"),
               Option(value="publish", label="Publish", detail="upload files and publish releases"),
               Option(value="audit", label="Audit", detail="export acceptances and downloads")],
    "scopes_error": None,
    "expiry": FormField(name="expiry", label="Ends after", kind=FieldKind.SELECT,
                        options=[Option(value="30", label="30 days"), Option(value="365", label="One year")]),
    "post_url": "/records/tokens",
    "commands": [Command(label="Sign the terminal in", text="gatehouse login"),
                 Command(label="Or for the Hub’s client", text="hf auth login --token gatehouse_…")],
}  # fmt: skip
_ACCOUNTS: dict[str, Any] = {
    "accounts": [{"name": "training-cluster", "url": "/settings/service-accounts/1", "whose": RTL,
                  "created_at": ago(days=40), "state": CURRENT},
                 {"name": "a" * 40, "url": "/settings/service-accounts/2", "whose": "Yours alone",
                  "created_at": ago(days=2), "state": Badge(word="Its sponsor has left", shape=Shape.WARNING,
                                                            tone=Tone.STOP)}],
    "name": FormField(name="name", label="Name", why="Small letters, digits and “-”.", max_characters=40),
    "owner": FormField(name="owner", label="Whose is it?", kind=FieldKind.SELECT,
                       options=[Option(value="oneself", label="Me alone: what I accepted counts"),
                                Option(value="1", label=RTL)]),
    "post_url": "/settings/service-accounts",
}  # fmt: skip
_ACCOUNT_PAGE: dict[str, Any] = {
    "name": "training-cluster", "id": "0199a6b2-6f0e-7cc1-9a4e-000000000001", "whose": RTL, "state": CURRENT,
    "stands_on": f"It downloads what an officer of {RTL} has accepted for the organisation, and stops at once "
                 "when that ends.",
    "created": None,
    "tokens": [_token("cluster"), _token(LONG_NAME, last_used_at=None, revoke_url=None)],
    "may_make": True, "token_name": _TOKENS["name"], "scopes": _TOKENS["scopes"][:2], "scopes_error": None,
    "expiry": _TOKENS["expiry"],
    "commands": [Command(label="Any tool made for the Hub", text="export HF_ENDPOINT=https://x.example HF_TOKEN=…")],
    "token_url": "/x/tokens", "suspend_url": "/x/suspend", "resume_url": None, "take_over_url": None,
    "end_url": "/x/end",
}  # fmt: skip
_LOGIN: dict[str, Any] = {
    "name": "gatehouse command line",
    "how": "by code",
    "network": "192.0.2.44",
    "scopes": ["read"],
    "created_at": ago(days=3),
    "expires_at": NOW,
    "last_used_at": ago(hours=1),
    "state": CURRENT,
    "note": None,
    "revoke_url": "/settings/logins/1/revoke",
}
_LOGINS = [
    _LOGIN,
    _LOGIN
    | {
        "name": LONG_NAME,
        "network": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
        "last_used_at": None,
        "state": Badge(word="Ended", shape=Shape.ENDED),
        "note": "a token of it was used twice",
        "revoke_url": None,
    },
]
_ASKS: dict[str, Any] = {
    "name": "gatehouse command line",
    "program": "gatehouse/0.1.0",
    "network": "192.0.2.44",
    "same_network": True,
    "asked_at": ago(minutes=1),
    "may": ["see models and download files you have the right to"],
    "days": 30,
}
_RULE: dict[str, Any] = {
    "id": "0191e2f0-0000-7000-8000-000000000000",
    "name": "nightly build",
    "job": "gitlab.com: acme/train",
    "acts_as": "training-cluster",
    "ref": "refs/heads/main",
    "scopes": ["read"],
    "last_used_at": ago(hours=1),
    "state": CURRENT,
    "end_url": "/settings/ci/1/end",
}
_CI: dict[str, Any] = {
    "rules": [
        _RULE,
        _RULE
        | {
            "name": LONG_NAME,
            "job": "token.actions.githubusercontent.com: " + LONG_NAME,
            "last_used_at": None,
            "end_url": None,
            "state": Badge(word="Ended", shape=Shape.ENDED),
        },
    ],
    "fields": [
        FormField(
            name="repository", label="Repository", why="Such as acme/train.", error="Write it as owner/name"
        )
    ],
    "scopes": _TOKENS["scopes"],
    "scopes_error": None,
    "offered": True,
    "post_url": "/settings/ci",
    "commands": [Command(label="In the job", text="export HF_OIDC_RESOURCE=<id of the rule>")],
}
_CHECK = {"code": "WDJB-MJHT", "asks": _ASKS, "post_url": "/device/decide"}
_CODE = {"code": "", "error": None, "minutes": 10, "post_url": "/device"}
_SESSION = {"browser": "Firefox 140 on Linux", "started_at": ago(days=3),
            "expires_at": NOW, "current": True, "revoke_url": None}  # fmt: skip

_GROUPS: dict[str, Any] = {
    "organisation": RTL, "organisation_url": "/organisations/1", "days": 30, "post_url": "/organisations/1/groups",
    "groups": [
        {"name": "machine-learning", "strange": "", "provider": "Example Cloud", "asked_at": ago(days=3),
         "state": CURRENT, "confirm_url": None, "end_url": "/organisations/1/groups/1/end"},
        {"name": RTL, "strange": "а (U+0430)", "provider": "https://identity.kelpforest.example/realms/main",
         "asked_at": NOW, "state": CURRENT, "confirm_url": "/organisations/1/groups/2/confirm",
         "end_url": "/organisations/1/groups/2/end"},
    ],
    "provider": FormField(name="provider", label="Provider", kind=FieldKind.SELECT, required=True,
                          options=[Option(value="acme", label="Example Cloud", chosen=False)]),
    "group": FormField(name="group", label="Group", required=True, error="Write the group as the provider does"),
}  # fmt: skip
_ORGANISATION_NAME = FormField(name="name", label="Legal name", why="As it stands in contracts.")
_ORGANISATION: dict[str, Any] = {
    "lede": "You are one of its officers: you accept for everybody here.",
    "notice": Notice(tone=Tone.WAIT, title="The DNS has no such record yet", text="Check again in an hour."),
    "stopped": None,
    "suspend_url": "/organisations/1/suspend",
    "resume_url": None,
    "end_url": "/organisations/1/end",
    "name": "Kelp Forest Ltd",
    "is_officer": True,
    "state": CURRENT,
    "domains": [
        {
            "domain": "kelpforest.example",
            "how": "Mail to postmaster@kelpforest.example",
            "claimed_at": ago(days=3),
            "valid_until": NOW,
            "state": CURRENT,
            "record": None,
        },
        {
            "domain": "a-very-long-domain-name-of-a-subsidiary.kelpforest.example",
            "how": "TXT record at _gatehouse-challenge.a-very-long-domain-name-of-a-subsidiary.kelpforest.example",
            "claimed_at": ago(days=3),
            "valid_until": None,
            "state": CURRENT,
            "record": {
                "title": "Set this record for a-very-long-domain-name-of-a-subsidiary.kelpforest.example",
                "name": "_gatehouse-challenge.a-very-long-domain-name-of-a-subsidiary.kelpforest.example",
                "value": "gatehouse-domain-verification=" + "W" * 43,
                "check_url": "/d/1/check",
            },
        },
    ],
    "members": [
        {
            "who": PERSON,
            "role": "officer",
            "how": "named",
            "since": ago(days=9),
            "end_url": "/x",
            "is_self": True,
        },
        {
            "who": LONG_NAME,
            "role": "member",
            "how": "by address at kelpforest.example",
            "since": ago(days=2),
            "end_url": "/y",
            "is_self": False,
        },
    ],
    "domain": FormField(name="domain", label="Domain"),
    "how": FormField(
        name="how",
        label="How you prove it",
        kind=FieldKind.SELECT,
        options=[Option(value="postmaster", label="By a mail to postmaster")],
    ),
    "email": FormField(name="email", label="E-mail address", kind=FieldKind.EMAIL),
    "officer": FormField(
        name="officer", label="Make them an officer", kind=FieldKind.CHECKBOX, required=False
    ),
    "claim_url": "/c",
    "member_url": "/m",
    "groups_url": "/g",
    "acknowledging": "What officers accept covers each member at once.",
    "acknowledge_url": "/organisations/1/ask-each",
    "asks_each": False,
}

_AGE = FormField(
    name="age",
    label="The age that you have reached",
    kind=FieldKind.SELECT,
    value="18",
    required=False,
    why="For gates with a least age. Declared on 3 November 2026.",
    options=[Option(value="18", label="18 or older")],
)
_AGE_WRONG = FormField(
    name="country",
    label="The country that you live in",
    kind=FieldKind.SELECT,
    required=False,
    error="Choose one of the list, or leave it empty",
)

CASES = [
    Case(name="sign-in", template="identity/sign_in.html", page=ANONYMOUS, view=_SIGN_IN),
    Case(name="sign-in-wrong", template="identity/sign_in.html", page=ANONYMOUS,
         view=_SIGN_IN | {"email": FormField(name="email", label="E-mail address", kind=FieldKind.EMAIL,
              value="ilse@kelpforest", error="This address has no ending such as .org. Write it as name@place.org.",
              why="We send the link there."),
              "notice": Notice(tone=Tone.NOTE, title="Sign in to accept the license of kelp/frond-1b")}),
    Case(name="sign-in-many-ways", template="identity/sign_in.html", page=ANONYMOUS,
         view=_SIGN_IN | {"providers": _BUTTONS, "passkey": _ASK,
              "notice": Notice(tone=Tone.WAIT, title="Hugging Face did not answer a moment ago",
                               text="A link sent to your e-mail address signs you in as well.")}),
    Case(name="leaving", template="identity/leaving.html", page=ANONYMOUS,
         view={"name": "Hugging Face", "url": "https://provider.example/authorize?state=1&nonce=2",
               "host": "provider.example"}),
    Case(name="sign-in-again", template="identity/sign_in_again.html", page=MEMBER, view=_AGAIN),
    Case(name="sign-in-again-by-provider", template="identity/sign_in_again.html", page=MEMBER,
         view=_AGAIN | {"email": None, "passkey": None}),
    Case(name="second-step", template="identity/second_step.html", page=ANONYMOUS,
         view={"next": "/", "passkey": _ASK}),
    Case(name="identities", template="identity/identities.html", page=MEMBER, view=_IDENTITIES),
    Case(name="identities-bare", template="identity/identities.html", page=MEMBER,
         view=_IDENTITIES | {"email": None, "accounts": [_ACCOUNT], "passkeys": 0,
                             "again_url": "/sign-in/again?next=/settings/identities"}),
    Case(name="passkeys", template="identity/passkeys.html", page=MEMBER, view=_PASSKEYS),
    Case(name="passkeys-asked", template="identity/passkeys.html", page=MEMBER, view=_PASSKEYS | {"asks": True}),
    Case(name="passkeys-none", template="identity/passkeys.html", page=MEMBER,
         view=_PASSKEYS | {"passkeys": [], "may_ask": False, "add": None, "why_not": "http://192.0.2.1:8400"}),
    Case(name="ssh-keys", template="identity/ssh_keys.html", page=MEMBER, view=_SSH_KEYS),
    Case(name="ssh-keys-none", template="identity/ssh_keys.html", page=MEMBER,
         view=_SSH_KEYS | {"ssh_keys": [], "again_url": "/sign-in/again?next=/settings/ssh-keys"}),
    Case(name="ssh-keys-wrong", template="identity/ssh_keys.html", page=MEMBER,
         view=_SSH_KEYS | {"ssh_keys": [], "key": _SSH_WRONG}),
    Case(name="passkeys-later", template="identity/passkeys.html", page=MEMBER,
         view=_PASSKEYS | {"again_url": "/sign-in/again?next=/settings/passkeys"}),
    *(Case(name=f"declarations{name}", template="identity/declarations.html", page=MEMBER,
           view={"fields": [_AGE, _AGE_WRONG], "next": path or "", "back": path, "post_url": "/settings/declarations"})
      for name, path in (("", None), ("-asked", "/kelp/frond-1b"))),
    Case(name="email", template="identity/email.html", page=MEMBER,
         view={"email": _EMAIL, "next": "/records", "post_url": "/settings/email"}),
    Case(name="confirm-email", template="identity/confirm_email.html", page=MEMBER,
         view={"email": PERSON, "expires_at": NOW, "token": "once-only", "post_url": "/settings/email/link"}),
    Case(name="link-sent", template="identity/link_sent.html", page=ANONYMOUS,
         view={"email": f"{LONG_NAME}@kelpforest.example", "minutes": 15, "again_url": "/sign-in",
               "outbox_url": "/outbox"}),
    Case(name="link-sent-by-mail", template="identity/link_sent.html", page=ANONYMOUS,
         view={"email": PERSON, "minutes": 1, "again_url": "/sign-in", "outbox_url": None}),
    Case(name="confirm-ready", template="identity/confirm_link.html", page=ANONYMOUS, view=_READY),
    *(Case(name=f"confirm-{state}", template="identity/confirm_link.html", page=ANONYMOUS,
           view=_LINK | {"state": state}) for state in ("other-browser", "used", "expired", "unknown")),
    Case(name="tokens", template="identity/tokens.html", page=MEMBER, view=_TOKENS),
    Case(name="tokens-created", template="identity/tokens.html", page=MEMBER,
         view=_TOKENS | {"created": {"name": "gpu-08", "token": "gatehouse_" + "7Qd2" * 10, "scopes": ["read"],
                                     "expires_at": NOW}}),
    Case(name="tokens-none", template="identity/tokens.html", page=MEMBER,
         view=_TOKENS | {"tokens": [], "scopes_error": "Choose at least one.", "commands": []}),
    Case(name="tokens-programs", template="identity/tokens.html", page=MEMBER, view=_TOKENS | {"logins": _LOGINS}),
    Case(name="tokens-only-programs", template="identity/tokens.html", page=MEMBER,
         view=_TOKENS | {"tokens": [], "logins": _LOGINS}),
    Case(name="device-code", template="identity/device_code.html", page=MEMBER, view=_CODE),
    Case(name="device-code-wrong", template="identity/device_code.html", page=MEMBER,
         view=_CODE | {"code": "WDJB-MJHX", "error": "No program waits with this code"}),
    Case(name="device-check", template="identity/device_check.html", page=MEMBER, view=_CHECK),
    Case(name="device-check-strange", template="identity/device_check.html", page=MEMBER,
         view=_CHECK | {"asks": _ASKS | {"name": RTL, "program": LONG_NAME * 3, "same_network": False,
                        "may": _ASKS["may"] * 3, "network": "2001:db8:85a3:8d3:1319:8a2e:370:7348"}}),
    Case(name="ci", template="identity/ci.html", page=MEMBER, view=_CI),
    Case(name="ci-none", template="identity/ci.html", page=MEMBER,
         view=_CI | {"rules": [], "offered": False, "fields": [], "commands": []}),
    Case(name="ci-wrong", template="identity/ci.html", page=MEMBER,
         view=_CI | {"rules": [], "scopes_error": "Choose at least one scope"}),
    Case(name="consent", template="identity/consent.html", page=MEMBER,
         view={"asks": _ASKS, "goes_to": "http://127.0.0.1:43210/callback", "fields": {"client_id": "gatehouse-cli"},
               "post_url": "/authorize"}),
    *(Case(name=f"return-{word}", template="identity/return.html", page=MEMBER,
           view={"allowed": word == "allowed", "name": "gatehouse command line",
                 "url": "http://127.0.0.1:43210/callback?code=x"}) for word in ("allowed", "refused")),
    *(Case(name=f"device-{word}", template="identity/device_done.html", page=MEMBER,
           view={"allowed": word == "allowed", "name": "gatehouse command line", "tokens_url": "/settings/tokens"})
      for word in ("allowed", "refused")),
    Case(name="sessions", template="identity/sessions.html", page=MEMBER,
         view={"sessions": [_SESSION, _SESSION | {"browser": RTL, "current": False,
               "revoke_url": "/records/sessions/2/revoke"}], "revoke_others_url": "/records/sessions/revoke"}),
    Case(name="organisations", template="identity/organisations.html", page=MEMBER,
         view={"organisations": [{"name": RTL, "url": "/organisations/1", "role": "officer", "state": CURRENT}],
               "name": _ORGANISATION_NAME, "post_url": "/organisations"}),
    Case(name="organisations-none", template="identity/organisations.html", page=MEMBER,
         view={"organisations": [], "name": _ORGANISATION_NAME, "post_url": "/organisations"}),
    Case(name="organisation-officer", template="identity/organisation.html", page=MEMBER, view=_ORGANISATION),
    Case(name="organisation-member", template="identity/organisation.html", page=MEMBER,
         view=_ORGANISATION | {"is_officer": False, "members": [], "acknowledge_url": None, "asks_each": True, "domains": [], "suspend_url": None,
                               "end_url": None, "stopped": "An operator has suspended it since 3 November 2026."}),
    Case(name="organisation-groups", template="identity/organisation_groups.html", page=MEMBER, view=_GROUPS),
    Case(name="organisation-groups-none", template="identity/organisation_groups.html", page=MEMBER,
         view=_GROUPS | {"groups": [], "provider": None}),
    *(Case(name=f"prove-{word}", template="identity/prove.html", page=ANONYMOUS,
           view={"domain": "kelpforest.example", "organisation": RTL, "secret": "x", "done": word == "done",
                 "post_url": "/organisations/prove"}) for word in ("asked", "done")),
    Case(name="service-accounts", template="identity/service_accounts.html", page=MEMBER, view=_ACCOUNTS),
    Case(name="service-accounts-none", template="identity/service_accounts.html", page=MEMBER,
         view=_ACCOUNTS | {"accounts": []}),
    Case(name="service-account", template="identity/service_account.html", page=MEMBER, view=_ACCOUNT_PAGE),
    Case(name="service-account-created", template="identity/service_account.html", page=MEMBER,
         view=_ACCOUNT_PAGE | {"created": {"name": RTL, "token": "gatehouse_service_" + "7Qd2" * 10,
                               "scopes": ["read"], "expires_at": NOW}}),
    Case(name="service-account-of-another", template="identity/service_account.html", page=MEMBER,
         view=_ACCOUNT_PAGE | {"may_make": False, "tokens": [], "suspend_url": None, "resume_url": "/x/resume",
                               "take_over_url": "/x/take-over"}),
    Case(name="sessions-one", template="identity/sessions.html", page=MEMBER,
         view={"sessions": [_SESSION], "revoke_others_url": None}),
]  # fmt: skip
