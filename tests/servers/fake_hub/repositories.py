"""Repositories: information, listing, files, commits, and their making, moving and end."""

import base64
import binascii
import hashlib
import json
from typing import Any
from urllib.parse import quote

import yaml

from tests.servers.fake_hub.exchange import Answer, Call, No, Violation, as_json
from tests.servers.fake_hub.gates import check_access
from tests.servers.fake_hub.state import Commit, Model, State, Token, stamp

FREE_FILES = frozenset({"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"})
"""Readable through `resolve` without access; exactly these, at the root."""
PREUPLOAD_MOST = 256
TREE_PAGE = 1_000


def info(call: Call, name: str, revision: str = "main") -> Answer:
    """`GET /api/models/{id}` and `…/revision/{rev}`."""
    model = call.model(name)
    commit = _commit(model, revision)
    whole = {
        "_id": model.id,
        "id": model.name,
        "modelId": model.name,
        "author": model.namespace,
        "sha": commit.id,
        "lastModified": stamp(commit.date),
        "createdAt": stamp(model.created),
        "private": model.private,
        "disabled": False,
        "gated": model.gated,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "cardData": _front_matter(commit.files.get("README.md", b"")),
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }
    wanted = set()
    for key, value in call.query:
        if key not in {"expand", "expand[]"} or value not in whole:
            raise Violation(400, f"unknown query of a model's information: {key}={value}")
        wanted.add(value)
    if wanted:
        whole = {key: value for key, value in whole.items() if key in wanted | {"_id", "id"}}
    return as_json(whole)


def tree(call: Call, name: str, revision: str) -> Answer:
    """`GET …/tree/{rev}`: every file by its path, 1,000 a page; of large ones the digest."""
    query = call.query_of("recursive", "expand", "cursor")
    commit = _commit(call.model(name), revision)
    paths = [path for path in sorted(commit.files) if path > query.get("cursor", "")]
    page, headers = paths[:TREE_PAGE], {}
    if len(paths) > len(page):
        keep = "&".join(f"{key}={value}" for key, value in query.items() if key != "cursor")
        address = f"{call.url}{call.path}?{keep}&cursor={quote(page[-1], safe='')}"
        headers["Link"] = f'<{address}>; rel="next"'
    return as_json([_entry(commit, path) for path in page], headers=headers)


def _entry(commit: Commit, path: str) -> dict[str, Any]:
    content, large = commit.files[path], commit.large.get(path)
    found: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": _blob_id(content)}
    if large is not None:
        found["size"] = large.size
        found["lfs"] = {"oid": large.sha256, "size": large.size, "pointerSize": len(content)}
    return found


def commits(call: Call, name: str, revision: str) -> Answer:
    """`GET …/commits/{rev}`, the newest first."""
    call.no_query()
    model = call.model(name)
    last = model.commits.index(_commit(model, revision))
    return as_json(
        [
            {
                "id": one.id,
                "authors": [{"user": one.author}],
                "date": stamp(one.date),
                "title": one.title,
                "message": one.message,
            }
            for one in reversed(model.commits[: last + 1])
        ]
    )


def auth_check(call: Call, name: str) -> Answer:
    """`GET …/auth-check`."""
    call.no_query()
    check_access(call, call.model(name))
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=b"OK")


def resolve(call: Call, name: str, revision: str, path: str) -> Answer:
    """`GET /{id}/resolve/{rev}/{path}`."""
    return _file(call, name, revision, path, free=path in FREE_FILES)


def raw(call: Call, name: str, revision: str, path: str) -> Answer:
    """`GET /{id}/raw/{rev}/{path}`: without the exception for the card and the license."""
    return _file(call, name, revision, path, free=False)


def validate_yaml(call: Call) -> Answer:
    """`POST /api/validate-yaml`."""
    call.no_query()
    given = call.json_of("content", "repoType")
    try:
        _front_matter(given["content"].encode(), strict=True)
    except ValueError as error:
        return as_json({"errors": [{"message": str(error)}], "warnings": []}, status=400)
    return as_json({"errors": [], "warnings": []})


def preupload(call: Call, name: str, revision: str) -> Answer:
    """`POST …/preupload/{rev}`: everything is regular."""
    call.no_query()
    _, model = call.managed(name)
    commit = _commit(model, revision)
    given = call.json_of("files", "gitIgnore")
    files = given.get("files")
    if not isinstance(files, list) or not 1 <= len(files) <= PREUPLOAD_MOST:
        raise Violation(400, f"a preupload holds 1 to {PREUPLOAD_MOST} files")
    answers = []
    for one in files:
        if set(one) != {"path", "size", "sample"}:
            raise Violation(400, "a file of a preupload has path, size and sample")
        entry = {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
        if one["path"] in commit.files:
            entry["oid"] = _blob_id(commit.files[one["path"]])
        answers.append(entry)
    return as_json({"files": answers})


def commit(call: Call, name: str, revision: str) -> Answer:
    """`POST …/commit/{rev}`: a header and its files, one JSON object a line; 412 if `main` has moved on."""
    call.no_query()
    token, model = call.managed(name)
    if call.headers.get("content-type") != "application/x-ndjson":
        raise Violation(400, "a commit is application/x-ndjson")
    if revision != "main":
        raise No(404, "Invalid rev id", code="RevisionNotFound")
    try:
        lines = [json.loads(line) for line in call.body.splitlines()]
    except ValueError:
        raise Violation(400, "a line of a commit is not JSON") from None
    header = _header(lines)
    if header.get("parentCommit", model.head.id) != model.head.id:
        raise No(412, "A commit has happened since. Please refresh and try again.")
    files = dict(model.head.files)
    for line in lines[1:]:
        _apply(files, line)
    if "README.md" in files:
        try:
            _front_matter(files["README.md"], strict=True)
        except ValueError as error:
            raise No(400, f"Invalid metadata in README.md: {error}") from None
    before = model.head.id
    made = call.state.commit(
        model,
        title=header["summary"],
        message=header.get("description", ""),
        author=call.state.users[token.user_id].name,
        files=files,
    )
    updated = [{"ref": "refs/heads/main", "oldSha": before, "newSha": made.id}]
    call.state.note_event(model, "update", "repo.content", updatedRefs=updated)
    address = f"{call.url}/{model.name}/commit/{made.id}"
    return as_json({"success": True, "commitOid": made.id, "commitUrl": address})


def create(call: Call) -> Answer:
    """`POST /api/repos/create`."""
    call.no_query()
    token = call.signed_in()
    given = call.json_of("name", "organization", "type", "visibility")
    namespace = given.get("organization") or call.state.users[token.user_id].name
    name = f"{namespace}/{given['name']}"
    _check_namespace(call, token, namespace)
    if given.get("type", "model") != "model":
        raise Violation(400, "there are only models here")
    if call.state.find_model(name) is not None:
        return as_json(
            {"error": "You already created this model repo", "url": f"{call.url}/{name}"}, status=409
        )
    model = Model(
        id=call.state.new_id(),
        name=name,
        private=given.get("visibility") == "private",
        created=call.state.clock.now,
    )
    author = call.state.users[token.user_id].name
    call.state.commit(model, title="initial commit", message="", author=author, files={})
    call.state.models[name] = model
    call.state.moved.pop(name, None)
    call.state.note_event(model, "create", "repo")
    return as_json({"url": f"{call.url}/{name}", "name": name, "id": model.id})


def delete(call: Call) -> Answer:
    """`DELETE /api/repos/delete`."""
    call.no_query()
    given = call.json_of("name", "organization", "type")
    token, model = call.managed(f"{given.get('organization')}/{given['name']}")
    _check_namespace(call, token, model.namespace)
    call.state.note_event(model, "delete", "repo")
    del call.state.models[model.name]
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=b"OK")


def move(call: Call) -> Answer:
    """`POST /api/repos/move`: the old name leads to the new one until somebody takes it."""
    call.no_query()
    given = call.json_of("fromRepo", "toRepo", "type")
    token, model = call.managed(given["fromRepo"])
    _check_namespace(call, token, given["toRepo"].partition("/")[0])
    if call.state.find_model(given["toRepo"]) is not None:
        raise No(409, "A repository of this name exists")
    rename(call.state, model, given["toRepo"])
    return Answer(status=200, headers={"Content-Type": "text/plain"}, body=b"OK")


def rename(state: State, model: Model, name: str) -> None:
    """Give the repository another name."""
    del state.models[model.name]
    state.moved[model.name] = model.id
    state.moved.pop(name, None)
    model.name = name
    state.models[name] = model
    state.note_event(model, "move", "repo")


def _check_namespace(call: Call, token: Token, namespace: str) -> None:
    if token.role == "read" or call.state.role_in(token.user_id, namespace) not in {"write", "admin"}:
        raise No(403, "You don't have the rights to do this under this namespace")


def _commit(model: Model, revision: str) -> Commit:
    found = model.find_commit(revision)
    if found is None:
        raise No(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
    return found


def _file(call: Call, name: str, revision: str, path: str, *, free: bool) -> Answer:
    call.no_query()
    model = call.model(name)
    if not free:
        check_access(call, model)
    found = _commit(model, revision)
    if path not in found.files:
        raise No(404, "Entry not found", code="EntryNotFound", X_Repo_Commit=found.id)
    content = found.files[path]
    headers = {
        "X-Repo-Commit": found.id,
        "ETag": f'"{_blob_id(content)}"',
        "X-Linked-Size": str(len(content)),
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.rpartition('/')[2])}",
    }
    return Answer(status=200, headers=headers, body=content)


def _header(lines: list[Any]) -> dict[str, str]:
    header = lines[0] if lines else None
    if not isinstance(header, dict) or header.get("key") != "header" or set(header) != {"key", "value"}:
        raise Violation(400, "the first line of a commit is its header")
    value = header["value"]
    if not value.get("summary") or set(value) - {"summary", "description", "parentCommit"}:
        raise Violation(400, "a header has summary, description and perhaps parentCommit")
    return dict(value)


def _apply(files: dict[str, bytes], line: Any) -> None:
    value = line["value"]
    match line["key"]:
        case "file" if set(value) == {"path", "content", "encoding"} and value["encoding"] == "base64":
            try:
                files[value["path"]] = base64.b64decode(value["content"], validate=True)
            except binascii.Error:
                raise Violation(400, "a file's content is not base64") from None
        case "deletedFile":
            if files.pop(value["path"], None) is None:
                raise No(404, "A file with this name doesn't exist", code="EntryNotFound")
        case "deletedFolder":
            folder = value["path"].rstrip("/") + "/"
            for path in [path for path in files if path.startswith(folder)]:
                del files[path]
        case other:
            raise Violation(400, f"no operation of a commit: {other}")


def _front_matter(card: bytes, *, strict: bool = False) -> dict[str, Any]:
    text = card.decode("utf-8", "replace").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        return {}
    block, end, _ = text[4:].partition("\n---")
    try:
        found = yaml.safe_load(block) if end else None
    except yaml.YAMLError as error:
        found = None
        if strict:
            raise ValueError(f"the YAML cannot be read: {error}") from None
    if strict and not isinstance(found, dict | None):
        raise ValueError("the front matter is no map")
    # What JSON cannot hold (dates) is text on the wire.
    return json.loads(json.dumps(found, default=str)) if isinstance(found, dict) else {}


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
