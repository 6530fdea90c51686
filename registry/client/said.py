"""What a verified statement says, in one sentence: who accepted what, for which model, when."""

from datetime import UTC, datetime

from registry.client.errors import printable
from registry.client.verify import Verification
from registry.client.wire import Fields, JsonObject

NOT_DISCLOSED = "(name not disclosed)"


def sentence_of(outcome: Verification) -> str | None:
    """Return who accepted what, for which model and when; None unless every step has passed."""
    if not outcome.is_verified or outcome.statement is None:
        return None
    statement = outcome.statement
    name = statement.get("name")
    who = printable(name, limit=200) if isinstance(name, str) and name.strip() else _somebody(statement)
    model, body = _model(statement), _organisation(statement)
    return (
        f"{who}{f', for {body},' if body else ''} accepted {outcome.license_title}"
        f"{f' for {model}' if model else ''} "
        f"on {_moment(statement):%-d %B %Y at %H:%M:%S} UTC"
    )


def _somebody(statement: JsonObject) -> str:
    """Return the words for a person whose name is kept back."""
    domain = statement.get("email_domain")
    return (
        f"Someone at {printable(domain, limit=253)}"
        if isinstance(domain, str) and domain.strip()
        else NOT_DISCLOSED
    )


def _model(statement: JsonObject) -> str | None:
    scope = statement.get("scope")
    model = scope.get("model") if isinstance(scope, dict) else None
    return printable(model, limit=200) if isinstance(model, str) else None


def _organisation(statement: JsonObject) -> str | None:
    capacity = statement.get("capacity")
    body = capacity.get("organisation") if isinstance(capacity, dict) else None
    name = body.get("name") if isinstance(body, dict) else None
    return printable(name, limit=200) if isinstance(name, str) else None


def _moment(statement: JsonObject) -> datetime:
    # Verified statements have it: the last step is about this time.
    return datetime.fromtimestamp(Fields(statement, where="statement").number("iat"), UTC)
