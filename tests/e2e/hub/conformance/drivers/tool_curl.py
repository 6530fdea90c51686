"""What `curl` reads of the registry: every route as it is, by the command that people type."""

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from checking import No, check, expect, leads_to, main

ENDPOINT = os.environ["HF_ENDPOINT"]
API = f"{ENDPOINT}/api/models"
TOKEN = os.environ["HF_TOKEN"]


def curl(*arguments, token=TOKEN):
    """Return the exit code and what `curl` printed."""
    bearer = ["-H", f"Authorization: Bearer {token}"] if token else []
    command = ["curl", "-sS", "--max-time", "60", *bearer, *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


def answer(url, *arguments, token=TOKEN):
    """Return status, headers and body of one answer."""
    code, found = curl("-D", "-", *arguments, url, token=token)
    expect(code, 0, found.decode(errors="replace"))
    head, _, body = found.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status.split()[1]), headers, body


def told(url, *arguments, token=TOKEN):
    """Return the JSON of an answer that must be 200."""
    status, _, body = answer(url, *arguments, token=token)
    expect(status, 200, body[:500])
    return json.loads(body)


def file_url(repo, path, revision="main"):
    """Return the address of a file."""
    return f"{ENDPOINT}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"


@check
def own_token(ground):
    told(f"{ENDPOINT}/api/whoami-v2", token=ground["token"])


@check
def whoami(ground):
    expect(told(f"{ENDPOINT}/api/whoami-v2")["name"], ground["name"])


@check
def wrong_token(ground):
    for url in (f"{API}/{ground['repo']}", file_url(ground["repo"], "config.json")):
        status, headers, body = answer(url, token="hf_" + "q" * 34)
        expect((status, headers["x-error-message"]), (401, "Invalid credentials in Authorization header"))
        expect(f"{ENDPOINT}/settings/tokens" in json.loads(body)["error"], True)


@check
def info(ground):
    found = told(f"{API}/{ground['repo']}")
    expect((found["id"], found["sha"], found["gated"]), (ground["repo"], ground["commit"], "auto"))
    expect(sorted(item["rfilename"] for item in found["siblings"]), sorted(ground["files"]))


@check
def info_blobs(ground):
    for item in told(f"{API}/{ground['repo']}?blobs=true")["siblings"]:
        size, sha256, large = ground["files"][item["rfilename"]]
        expect(item["size"], size)
        expect(item.get("lfs", {}).get("sha256"), sha256 if large else None)


@check
def info_expand(ground):
    for query in ("expand=gated&expand=sha", "expand%5B%5D=gated&expand%5B%5D=sha"):
        found = told(f"{API}/{ground['repo']}?{query}")
        expect(set(found), {"_id", "id", "modelId", "gated", "sha"})
    expect(answer(f"{API}/{ground['repo']}?expand=nonsense")[0], 400)


@check
def info_security(ground):
    expect(told(f"{API}/{ground['repo']}?securityStatus=true")["securityRepoStatus"]["scansDone"], True)


@check
def revisions(ground):
    for revision, commit in {**ground["revisions"], "HEAD": ground["commit"]}.items():
        expect(told(f"{API}/{ground['repo']}/revision/{quote(revision, safe='')}")["sha"], commit, revision)


@check
def tree(ground):
    found = told(f"{API}/{ground['repo']}/tree/main?recursive=true")
    files = {item["path"]: item for item in found if item["type"] == "file"}
    expect(sorted(files), sorted(ground["files"]))
    for path, (size, sha256, large) in ground["files"].items():
        expect(
            (files[path]["size"], files[path].get("lfs", {}).get("oid")), (size, sha256 if large else None)
        )


@check
def tree_folder(ground):
    tag, folder = quote(ground["tag"], safe=""), quote(ground["folder"], safe="")
    (found,) = told(f"{API}/{ground['repo']}/tree/{tag}/{folder}")
    expect(found["path"], f"{ground['folder']}/ünï.txt")
    expect(answer(f"{API}/{ground['repo']}/tree/main/none")[1]["x-error-code"], "EntryNotFound")


@check
def tree_expand(ground):
    for item in told(f"{API}/{ground['repo']}/tree/main?recursive=true&expand=true"):
        expect(item["lastCommit"]["id"], ground["commit"])


@check
def tree_pages(ground):
    many, found = ground["many"], []
    url = f"{API}/{many['repo']}/tree/main?recursive=true"
    while url:
        status, headers, body = answer(url)
        expect(status, 200)
        found += [item["path"] for item in json.loads(body) if item["type"] == "file"]
        url = headers.get("link", "").partition("<")[2].partition(">")[0]
    expect((len(found), found[0], found[-1]), (many["count"], many["first"], many["last"]))


@check
def paths_info(ground):
    paths = [*ground["files"], ground["folder"], "none"]
    form = [word for path in paths for word in ("--data-urlencode", f"paths={path}")]
    url = f"{API}/{ground['repo']}/paths-info/main"
    expect(sorted(item["path"] for item in told(url, *form)), sorted(paths[:-1]))
    body = json.dumps({"paths": paths, "expand": True})
    found = told(url, "-H", "Content-Type: application/json", "--data-binary", body)
    expect({item["lastCommit"]["id"] for item in found}, {ground["commit"]})


@check
def refs(ground):
    found = told(f"{API}/{ground['repo']}/refs")
    expect([ref["targetCommit"] for ref in found["branches"] + found["tags"]], [ground["commit"]] * 2)


@check
def commits(ground):
    found = told(f"{API}/{ground['repo']}/commits/main")
    expect([item["id"] for item in found], [ground["commit"], ground["first_commit"]])


@check
def exists(ground):
    for url, status in (
        (f"{API}/{ground['repo']}", 200),
        (f"{API}/{ground['absent']}", 404),
        (file_url(ground["repo"], "none"), 404),
        (file_url(ground["repo"], "config.json"), 200),
    ):
        expect(answer(url, "-I")[0] if "/resolve/" in url else answer(url)[0], status, url)


@check
def auth_check(ground):
    expect(answer(f"{API}/{ground['repo']}/auth-check")[2], b"OK")
    refused = ground["states"]["never-accepted"]
    status, headers, body = answer(f"{API}/{refused['repo']}/auth-check", token=refused["token"])
    expect((status, headers["x-error-code"]), (403, "GatedRepo"))
    expect(refused["url"] in json.loads(body)["error"], True)


@check
def ask_access(ground):
    refused = ground["states"]["never-accepted"]
    status, headers, body = answer(
        f"{ENDPOINT}/{refused['repo']}/ask-access", "-X", "POST", token=refused["token"]
    )
    if not (300 <= status < 500 and refused["url"] in headers.get("location", "") + body.decode()):
        raise No(f"{status} {headers} {body}")


def listed(ground, query=""):
    """Return the ids of the models of the one publisher that are asked for."""
    return [item["id"] for item in told(f"{API}?author={ground['author']}{query}")]


@check
def list_models(ground):
    first, second = ground["repo"], ground["second"]
    expect(sorted(listed(ground)), sorted([first, second]))
    for query in ("filter=granite", "filter=safetensors,nn", "pipeline_tag=text-generation", "gated=true"):
        expect(listed(ground, f"&{query}"), [first], query)
    for query in ("search=second", "search=SECOND", "gated=false"):
        expect(listed(ground, f"&{query}"), [second], query)
    expect(listed(ground, "&filter=granite&filter=nowhere"), [])


@check
def list_order(ground):
    expect(listed(ground, "&sort=createdAt"), [ground["second"], ground["repo"]])
    status, headers, body = answer(f"{API}?author={ground['author']}&limit=1")
    expect((status, [item["id"] for item in json.loads(body)]), (200, [ground["second"]]))
    (last,) = told(headers["link"].partition("<")[2].partition(">")[0])
    expect(last["id"], ground["repo"])


@check
def list_modified(ground):
    expect(listed(ground, "&sort=lastModified"), [ground["repo"], ground["second"]])


@check
def list_full(ground):
    (found,) = told(f"{API}?author={ground['author']}&filter=granite&full=true&cardData=true")
    expect((found["cardData"]["language"], len(found["siblings"])), ("nn", len(ground["files"])))
    (found,) = told(f"{API}?author={ground['author']}&filter=granite&expand=gated")
    expect(set(found), {"_id", "id", "modelId", "gated"})


@check
def only_models(ground):
    for kind in ("datasets", "spaces"):
        for url in (
            f"{ENDPOINT}/api/{kind}/{ground['repo']}",
            f"{ENDPOINT}/{kind}/{ground['repo']}/resolve/main/x",
        ):
            status, headers, _ = answer(url)
            expect((status, headers["x-error-code"]), (404, "RepoNotFound"))


@check
def metadata(ground):
    for path, (size, sha256, large) in ground["files"].items():
        status, headers, _body = answer(file_url(ground["repo"], path), "-I")
        expect((status, headers["x-repo-commit"]), (200, ground["commit"]))
        expect((headers["x-linked-size"], headers["content-length"]), (str(size), str(size)))
        expect(headers["etag"].strip('"') if large else len(headers["etag"]), sha256 if large else 42)
        expect({"x-xet-hash", "location", "link"} & set(headers), set())


@check
def download(ground):
    with tempfile.TemporaryDirectory() as folder:
        for path, (_, sha256, _) in ground["files"].items():
            code, said = curl("-fL", "-o", f"{folder}/file", file_url(ground["repo"], path))
            expect(code, 0, said)
            expect(hashlib.sha256(Path(folder, "file").read_bytes()).hexdigest(), sha256, path)
            Path(folder, "file").unlink()


@check
def empty_file(ground):
    given = ground["empty"]
    expect(curl("-fL", file_url(given["repo"], "empty.txt"), token=given["token"]), (0, b""))


@check
def download_revision(ground):
    for revision, commit in ground["revisions"].items():
        code, body = curl("-fL", file_url(ground["repo"], "config.json", revision))
        expect((code, hashlib.sha256(body).hexdigest()), (0, ground["configs"][commit]))


@check
def part(ground):
    for path, (size, _, _) in ground["files"].items():
        if size < 10:
            continue
        code, body = curl("-fL", "-r", "2-9", file_url(ground["repo"], path))
        expect((code, len(body)), (0, 8), path)


@check
def card_for_all(ground):
    refused = ground["states"]["anonymous"]
    expect(b"A model for tests" in answer(file_url(refused["repo"], "README.md"), token=None)[2], True)


def refused_as(state):
    """Return the check of one way to be refused."""

    def function(ground):
        given = ground["states"][state]
        url = file_url(given["repo"], "model.safetensors", given["revision"])
        for head in ([], ["-I"]):
            status, headers, body = answer(url, *head, token=given["token"])
            expect((status, headers["x-error-code"]), (401 if given["token"] is None else 403, "GatedRepo"))
            expect(("location" in headers, "x-request-id" in headers), (False, True))
            for said in (
                headers["x-error-message"],
                headers["x-hf-warning"],
                head or json.loads(body)["error"],
            ):
                if said != head and not (given["url"] in said and given["words"] in said):
                    raise No(said)
        return leads_to(given["url"], headers["x-error-message"])

    function.__name__ = f"refused_{state.replace('-', '_')}"
    return function


for _state in (
    *("anonymous", "never-accepted", "outdated", "waiting", "rejected", "revoked", "expired", "withdrawn"),
    *("given-up", "outside", "closed", "blocked", "no-scope"),
):
    check(refused_as(_state))


@check
def warning(ground):
    given = ground["states"]["never-accepted"]
    status, headers, _ = answer(f"{API}/{given['repo']}/revision/main", token=given["token"])
    expect((status, given["url"] in headers["x-hf-warning"]), (200, True))


@check
def absent(ground):
    for repo, token in (
        (ground["absent"], TOKEN),
        (ground["hidden"]["repo"], TOKEN),
        (ground["absent"], None),
    ):
        for url in (f"{API}/{repo}", file_url(repo, "config.json")):
            status, headers, _ = answer(url, token=token)
            expect((status, headers["x-error-code"]), (404, "RepoNotFound"))


@check
def unknown_revision(ground):
    for url in (f"{API}/{ground['repo']}/revision/v9", file_url(ground["repo"], "config.json", "v9/x")):
        status, headers, _ = answer(url)
        expect((status, headers["x-error-code"]), (404, "RevisionNotFound"))


@check
def unknown_file(ground):
    status, headers, _ = answer(file_url(ground["repo"], "none"), "-I")
    expect(
        (status, headers["x-error-code"], headers["x-repo-commit"]), (404, "EntryNotFound", ground["commit"])
    )


if __name__ == "__main__":
    main()
