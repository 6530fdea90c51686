"""Who asks, and what the audiences of `route_table` are made of."""

SESSIONS = (
    *("stranger", "applicant", "holder", "rival", "auditor"),
    *("reviewer", "maintainer", "owner", "operator"),
)
"""People in a browser. `rival` owns another publisher; `auditor` to `owner` are staff of the one asked about."""
TOKENS = (
    "holder:read",
    "owner:read",
    "owner:audit",
    "owner:review",
    "owner:publish",
    "rival:publish",
    "operator:audit",
    "account:read",
)
"""People by a token, with the one scope that it has."""
CALLERS = ("anonymous", *SESSIONS, *TOKENS, "unknown token")

_STAFF = {"auditor", "reviewer", "maintainer", "owner"}
INSIDERS = {*_STAFF, "operator", *(token for token in TOKENS if token.startswith(("owner:", "operator:")))}
"""Who may know that a private model exists."""

AUDIENCES: dict[str, frozenset[str]] = {
    "nobody": frozenset(),
    "everybody": frozenset(CALLERS),
    "known": frozenset(CALLERS) - {"unknown token"},
    "signed in": frozenset(SESSIONS),
    "callers": frozenset((*SESSIONS, *TOKENS)),
    "people": frozenset((*SESSIONS, *TOKENS)) - {"account:read"},
    "no account": frozenset(CALLERS) - {"unknown token", "account:read"},
    "readers": frozenset((*SESSIONS, "holder:read", "owner:read")),
    "signing": frozenset({"holder:read", "owner:read"}),
    "its person": frozenset({"holder"}),
    "its caller": frozenset({"holder", "holder:read"}),
    "request": frozenset({"applicant", "reviewer", "maintainer", "owner", "owner:audit", "owner:review"}),
    "request in a browser": frozenset({"applicant", "reviewer", "maintainer", "owner"}),
    "tokens": frozenset(TOKENS),
    "staff or read": frozenset({*_STAFF, "operator", "owner:read"}),
    "queue": frozenset({"reviewer", "maintainer", "owner", "owner:audit", "owner:review"}),
    "its records": frozenset({"holder", "holder:read", *_STAFF, "owner:audit"}),
    "applicant": frozenset({"applicant"}),
    "reviewer": frozenset({"reviewer", "maintainer", "owner", "owner:review"}),
    "reviewer in a browser": frozenset({"reviewer", "maintainer", "owner"}),
    "records": frozenset({*_STAFF}),
    "records or token": frozenset({*_STAFF, "owner:audit"}),
    "staff": frozenset({*_STAFF, "operator"}),
    "maintainer": frozenset({"maintainer", "owner"}),
    "denier": frozenset({"maintainer", "owner", "owner:review"}),
    "maintainer or token": frozenset({"maintainer", "owner", "owner:publish"}),
    "owner": frozenset({"owner", "operator"}),
    "owner or token": frozenset({"owner", "owner:publish", "operator"}),
    "looks": frozenset({"owner", "operator"}),
    "second person": frozenset({"maintainer", "operator"}),  # the owner published the version
    "publishes": frozenset({*SESSIONS, "owner:publish", "rival:publish"}),
    "officer": frozenset({"holder"}),
    "operator": frozenset({"operator"}),
    "officer or operator": frozenset({"holder", "operator"}),
    "its caller or operator": frozenset({"holder", "holder:read", "operator"}),
    "right": frozenset({"holder", "holder:read", "account:read"}),
    "right/manual": frozenset(),
    "right/closed": frozenset(),
    "hub": frozenset(CALLERS) - {"unknown token"},
    "hub/private": frozenset(TOKENS),  # the Hub's clients send no cookies
    "hub right": frozenset({"holder:read", "account:read"}),
    "hub queue": frozenset({"owner:audit", "owner:review"}),
    "hub reviewer": frozenset({"owner:review"}),
    "hub reviewer/closed": frozenset(),  # nobody waits there
    "hub reviewer for each": frozenset({"owner:review"}),
    "hub report": frozenset({"owner:audit"}),
    "hub report/manual": frozenset({"owner:audit", "owner:review"}),
    "hub right/manual": frozenset(),
    "hub right/closed": frozenset(),
    "publishing token": frozenset({"owner:publish"}),
    "publishing tokens": frozenset({"owner:publish", "rival:publish"}),
    "accepting": frozenset(SESSIONS),
    "accepting/auto": frozenset({*SESSIONS, "holder:read"}),  # is told that nothing is left to accept
    "marks": frozenset(),
    "marks/auto": frozenset({"maintainer", "owner"}),
    "mark records": frozenset(),
    "mark records/auto": frozenset({*_STAFF, "owner:audit"}),
    "decisions": frozenset(),
    "decisions/auto": frozenset({"maintainer", "owner"}),
    "asking": frozenset(SESSIONS),
    "asking/closed": frozenset(),
}
