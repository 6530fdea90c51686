"""Gates: settings, lists of requests, decisions of owners, requests of people, the report."""

import re
from datetime import UTC, datetime
from typing import Any

from tests.servers.fake_hub.exchange import Answer, Call, No, Violation, as_json
from tests.servers.fake_hub.state import STATES, Model, Request, State, Token, User, stamp

PAGE_MOST = 1_000
PAGE_LEAST = 10
BATCH_MOST = 100
REASON_MOST_CHARACTERS = 200
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def settings(call: Call, name: str) -> Answer:
    """`PUT /api/models/{id}/settings`."""
    call.no_query()
    _, model = call.managed(name)
    known = ("gated", "visibility", "orgMembersGated", "gatedNotificationsMode", "gatedNotificationsEmail")
    given = call.json_of(*known)
    if not given:
        raise Violation(400, "no setting was given")
    if "gated" in given and given["gated"] not in ("auto", "manual", False):
        raise Violation(400, f"gated is auto, manual or false, not {given['gated']!r}")
    if given.get("visibility", "public") not in {"public", "private"}:
        raise Violation(400, "visibility is public or private")
    if given.get("gatedNotificationsMode", "bulk") not in {"bulk", "real-time"}:
        raise Violation(400, "gatedNotificationsMode is bulk or real-time")
    model.settings |= {name: given[name] for name in known[2:] if name in given}
    if "gated" in given:
        model.gated = given["gated"]
        call.state.note_event(model, "update", "repo.config", updatedConfig={})
    if "visibility" in given:
        model.private = given["visibility"] == "private"
        call.state.note_event(model, "update", "repo.config", updatedConfig={"private": model.private})
    return as_json({"gated": model.gated} if "gated" in given else {})


def requests_of(call: Call, name: str, status: str) -> Answer:
    """`GET …/user-access-request/{status}`: newest first; the next page by an absolute `Link`."""
    query = call.query_of("limit", "after", "before", "q", "cursor")
    _, model = call.managed(name)
    if status not in STATES:
        raise Violation(400, f"no list of {status} requests")
    limit = query.get("limit", str(PAGE_MOST))
    if not limit.isascii() or not limit.isdigit() or not PAGE_LEAST <= int(limit) <= PAGE_MOST:
        raise Violation(400, f"limit is {PAGE_LEAST} to {PAGE_MOST}, not {limit}")
    after, before = (_time(query, bound) for bound in ("after", "before"))
    found = []
    for one in call.state.shown_requests(model.gate):
        user = call.state.users.get(one.user_id)
        if user is None or one.status != status:
            continue
        if (after and one.timestamp <= after) or (before and one.timestamp >= before):
            continue
        if user.name.lower().startswith(query.get("q", "").lower()):
            found.append((one, user))
    found.sort(key=lambda pair: _key(pair[0]), reverse=True)
    cursor = query.get("cursor")
    if cursor is not None:
        found = [pair for pair in found if _key(pair[0]) < cursor]
    page, headers = found[: int(limit)], {}
    if len(found) > len(page):
        keep = "".join(f"&{key}={value}" for key, value in query.items() if key not in {"limit", "cursor"})
        address = f"{call.url}{call.path}?limit={limit}{keep}&cursor={_key(page[-1][0])}"
        headers["Link"] = f'<{address}>; rel="next"'
    return as_json([_item(call.state, model, *pair) for pair in page], headers=headers)


def handle(call: Call, name: str) -> Answer:
    """`POST …/user-access-request/handle`."""
    call.no_query()
    token, model = call.managed(name)
    given = call.json_of("user", "requestId", "status", "rejectionReason", "resetReason")
    if ("user" in given) == ("requestId" in given):
        raise Violation(400, "either user or requestId")
    _check_decision(given)
    _check_gated(model)
    if "requestId" in given:
        found = next((one for one in model.gate.requests.values() if one.id == given["requestId"]), None)
    else:
        user = None if model.hides_names else call.state.find_user(given["user"])
        found = model.gate.requests.get(user.id) if user is not None else None
    if found is None or found.user_id not in call.state.users or found.status == given["status"]:
        raise No(404, "No access request found")
    _decide(call.state, model, found, given["status"], token)
    return as_json({})


def grant(call: Call, name: str) -> Answer:
    """`POST …/user-access-request/grant`."""
    call.no_query()
    token, model = call.managed(name)
    given = call.json_of("user")
    if not isinstance(given.get("user"), str):
        raise Violation(400, "grant takes the name of a user")
    _check_gated(model)
    user = call.state.find_user(given["user"])
    if user is None:
        raise No(404, "User not found")
    found = model.gate.requests.get(user.id)
    if found is not None and found.status == "accepted":
        raise No(400, "User already has access")
    if found is None:
        found = Request(
            id=call.state.new_id(),
            user_id=user.id,
            status="pending",
            timestamp=call.state.clock.now,
            by_grant=True,
        )
        model.gate.requests[user.id] = found
    _decide(call.state, model, found, "accepted", token)
    return as_json({})


def batch(call: Call, name: str) -> Answer:
    """`POST …/user-access-request/batch`: who is in the state already is `ok`, others are told one by one.

    The shape of the answer beyond `ok` was not recorded; it repeats what names the person.
    """
    call.no_query()
    token, model = call.managed(name)
    given = call.json_of("status", "requests", "rejectionReason", "resetReason")
    _check_decision(given)
    wanted = given.get("requests")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= BATCH_MOST:
        raise Violation(400, f"a batch holds 1 to {BATCH_MOST} requests")
    if not all(isinstance(one, dict) and set(one) in ({"user"}, {"userId"}) for one in wanted):
        raise Violation(400, "each request of a batch names either user or userId")
    _check_gated(model)
    results = []
    for one in wanted:
        user = call.state.find_user(one["user"]) if "user" in one else call.state.users.get(one["userId"])
        found = model.gate.requests.get(user.id) if user is not None else None
        if found is None:
            results.append({**one, "ok": False, "error": "No access request found"})
            continue
        if found.status != given["status"]:
            _decide(call.state, model, found, given["status"], token)
        results.append({**one, "ok": True})
    return as_json({"results": results})


def ask(call: Call, name: str) -> Answer:
    """`POST /{id}/ask-access`: what a person sends from the box of the gate."""
    call.no_query()
    token = call.signed_in()
    model = call.model(name)
    _check_gated(model)
    submit(call.state, model, call.state.users[token.user_id], call.form_or_json())
    return Answer(status=303, headers={"Location": f"{call.url}/{model.name}"})


def submit(state: State, model: Model, user: User, fields: dict[str, str]) -> None:
    """Let the person ask; nothing changes while a request of theirs stands or was rejected."""
    found = model.gate.requests.get(user.id)
    if found is not None and found.status != "reset":
        return
    made = Request(
        id=state.new_id(), user_id=user.id, status="pending", timestamp=state.clock.now, fields=fields
    )
    if model.gated == "auto":
        made.status, made.reviewed_at = "accepted", state.clock.now
    model.gate.requests[user.id] = made
    state.note_requests(model.gate)


def withdraw(call: Call, name: str) -> Answer:
    """`POST …/user-access-request/cancel`: a person takes back what is pending."""
    call.no_query()
    token = call.signed_in()
    model = call.model(name)
    found = model.gate.requests.get(token.user_id)
    if found is None or found.status != "pending":
        raise No(404, "No access request found")
    del model.gate.requests[token.user_id]
    call.state.note_requests(model.gate)
    return as_json({})


def report(call: Call, name: str) -> Answer:
    """`GET /{id}/user-access-report`."""
    call.no_query()
    _, model = call.managed(name)
    entries = []
    for one in model.gate.requests.values():
        item = _item(call.state, model, one, call.state.users[one.user_id])
        who = item.get("user", {})
        entry = {key: who[key] for key in ("user", "fullname", "email") if key in who}
        entry |= {"status": one.status, "time": item["timestamp"]}
        entries.append(entry | {key: item[key] for key in ("reviewedAt", "grantedBy") if key in item})
    file = f"user-access-report-{model.name.replace('/', '-')}.json"
    return as_json(entries, headers={"Content-Disposition": f'attachment; filename="{file}"'})


def check_access(call: Call, model: Model) -> None:
    """Refuse whoever the gate does not let in, each state in a sentence of its own."""
    if model.gated is False:
        return
    address = f"{call.url}/{model.name}"
    if call.token is None:
        words = f"Access to model {model.name} is restricted. You must be authenticated to access it."
        raise No(401, words, code="GatedRepo", WWW_Authenticate="Bearer")
    if call.state.role_in(call.token.user_id, model.namespace) and not model.settings.get("orgMembersGated"):
        return
    found = model.gate.requests.get(call.token.user_id)
    sentences = {
        None: f"you are not in the authorized list. Visit {address} to ask for access.",
        "pending": "your request is awaiting a review from the repo authors.",
        "rejected": "your request has been rejected by the repo's authors.",
        "reset": f"your access was reset. Visit {address} to ask for access again.",
    }
    status = found.status if found is not None else None
    if status != "accepted":
        words = f"Access to model {model.name} is restricted: {sentences[status]}"
        raise No(403, words, code="GatedRepo")


def _check_gated(model: Model) -> None:
    if model.gated is False:
        raise No(400, "Repository is not gated", code="RepoNotGated")


def _check_decision(given: dict[str, Any]) -> None:
    if given.get("status") not in STATES:
        raise Violation(400, f"no status {given.get('status')!r}")
    for name, status in (("rejectionReason", "rejected"), ("resetReason", "reset")):
        reason = given.get(name)
        if reason is None:
            continue
        if given["status"] != status:
            raise Violation(400, f"{name} goes with {status}")
        if not isinstance(reason, str) or len(reason) > REASON_MOST_CHARACTERS:
            raise Violation(400, f"{name} is longer than {REASON_MOST_CHARACTERS} characters")


def _decide(state: State, model: Model, request: Request, status: str, token: Token) -> None:
    request.status = status
    request.reviewed_at = None if status == "pending" else state.clock.now
    request.granted_by = token.user_id if status == "accepted" else None
    state.note_requests(model.gate)


def _item(state: State, model: Model, request: Request, user: User) -> dict[str, Any]:
    item: dict[str, Any] = {
        "requestId": request.id,
        "status": request.status,
        "timestamp": stamp(request.timestamp),
    }
    if not model.hides_names:
        item["user"] = {"_id": user.id, "user": user.name, "fullname": user.fullname, "type": "user"}
        if not request.by_grant:
            item["user"]["email"] = user.email
    if request.fields:
        item["fields"] = request.fields
    if request.reviewed_at is not None:
        item["reviewedAt"] = stamp(request.reviewed_at)
    if request.granted_by is not None:
        by = state.users[request.granted_by]
        item["grantedBy"] = {"_id": by.id, "user": by.name}
    return item


def _key(request: Request) -> str:
    return f"{stamp(request.timestamp)}_{request.id}"


def _time(query: dict[str, str], bound: str) -> datetime | None:
    if bound not in query:
        return None
    if not _ISO_TIME.fullmatch(query[bound]):
        raise Violation(400, f"{bound} is a time in Z, not {query[bound]!r}")
    return datetime.fromisoformat(query[bound]).astimezone(UTC)
