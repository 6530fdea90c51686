"""Which names publishers, models, branches and tags may have."""

import re

from registry.catalog.domain import REF_MAX_CHARACTERS
from registry.kernel.identifiers import REPO_ID_MAX_CHARACTERS, is_commit_id, is_name

_REF = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?\Z")

# fmt: off
_RESERVED = frozenset({
    "about", "accept", "account", "admin", "api", "assets", "audit", "auth", "catalog", "cli", "contact",
    "datasets", "demo", "device", "docs", "favicon.ico", "gatehouse", "governance", "health", "help",
    "inbox", "kernels", "keys", "ledger", "legal", "license", "licenses", "login", "logout", "maintain",
    "manage", "me", "metrics", "models", "new", "oauth", "openapi", "operations", "organisations", "organizations",
    "orgs", "outbox", "people", "policies", "problems", "public", "publishers", "raw", "receipts",
    "records", "registry", "requests", "resolve", "robots.txt", "schema", "search", "security", "settings",
    "sign-in", "sign-out", "signin", "signout", "spaces", "static", "status", "support", "system", "terms",
    "tokens", "updates", "uploads", "users", "verify", "well-known", "www",
})
# fmt: on


def check_publisher_name(name: str) -> str | None:
    """Return why `name` cannot name a publisher, or None."""
    if not is_name(name):
        return "use letters, digits, - _ and . (not at the ends, no -- or .., not ending in .git)"
    if name.lower() in _RESERVED:
        return "this name is reserved for the registry's own pages"
    if len(name) > REPO_ID_MAX_CHARACTERS - 2:
        return f"publisher and model together have at most {REPO_ID_MAX_CHARACTERS} characters"
    return None


def check_model_name(publisher: str, name: str) -> str | None:
    """Return why `name` cannot name a model of `publisher`, or None."""
    if not is_name(name):
        return "use letters, digits, - _ and . (not at the ends, no -- or .., not ending in .git)"
    if len(publisher) + 1 + len(name) > REPO_ID_MAX_CHARACTERS:
        return f"publisher and model together have at most {REPO_ID_MAX_CHARACTERS} characters"
    return None


def check_ref_name(name: str) -> str | None:
    """Return why `name` cannot name a branch or tag, or None (a subset of git-check-ref-format)."""
    if len(name) > REF_MAX_CHARACTERS or not _REF.match(name):
        return f"use up to {REF_MAX_CHARACTERS} letters, digits, - _ . and /, starting and ending with a letter or digit"
    if ".." in name or "//" in name or "/." in name or name.endswith(".lock"):
        return "it holds .., //, /. or ends with .lock"
    if is_commit_id(name) or name == "HEAD" or name.startswith("refs/"):
        return "it reads like a commit or a full reference"
    return None
