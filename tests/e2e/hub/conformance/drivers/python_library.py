"""What `huggingface_hub` reads of the registry; runs under every version of it from 0.24.7."""

import hashlib
import inspect
import os
import tempfile
from pathlib import Path

import huggingface_hub as hub
from checking import Heard, No, NotOffered, check, error_of, expect, leads_to, main, names_of, whole_text
from huggingface_hub import HfApi, HfFileSystem

ENDPOINT = os.environ["HF_ENDPOINT"]
WRONG_TOKEN = "hf_" + "q" * 34
HEARD = Heard("huggingface_hub")
api = HfApi()


def digest(path):
    """Return the SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def member(thing, name):
    """Return a field; some versions have objects where others have dicts."""
    return thing[name] if isinstance(thing, dict) else getattr(thing, name)


@check
def own_token(ground):
    api.whoami(token=ground["token"])


@check
def whoami(ground):
    expect(api.whoami()["name"], ground["name"])


@check
def wrong_token(ground):
    for call in (api.model_info, api.whoami):
        arguments = () if call == api.whoami else (ground["repo"],)
        error = error_of(call, *arguments, token=WRONG_TOKEN)
        if "RepositoryNotFoundError" in names_of(error) or "HTTPError" not in " ".join(names_of(error)):
            raise No(whole_text(error))
    error = error_of(hub.hf_hub_download, ground["repo"], "config.json", token=WRONG_TOKEN)
    if "Invalid credentials" not in whole_text(error):
        raise No(whole_text(error))


@check
def info(ground):
    found = api.model_info(ground["repo"])
    expect(found.sha, ground["commit"])
    expect(found.gated, "auto")
    expect(found.private, False)
    expect(
        (found.author, found.pipeline_tag, found.library_name),
        (ground["author"], "text-generation", "safetensors"),
    )
    expect(found.card_data["language"], "nn")
    expect(sorted(item.rfilename for item in found.siblings), sorted(ground["files"]))
    expect(found.created_at.tzinfo is not None and found.last_modified >= found.created_at, True)
    if f"license:{ground['license']}" not in found.tags:
        raise No(found.tags)


@check
def info_blobs(ground):
    found = api.model_info(ground["repo"], files_metadata=True)
    for item in found.siblings:
        size, sha256, large = ground["files"][item.rfilename]
        expect(item.size, size)
        if large:
            expect(member(item.lfs, "sha256"), sha256)
        else:
            expect((len(item.blob_id), item.lfs), (40, None))


@check
def info_expand(ground):
    found = api.model_info(ground["repo"], expand=["gated", "sha", "downloadsAllTime"])
    expect((found.gated, found.sha, found.tags, found.siblings), ("auto", ground["commit"], None, None))
    if "BadRequestError" not in names_of(error_of(api.model_info, ground["repo"], expand=["nonsense"])):
        raise No("nonsense was taken")


@check
def info_security(ground):
    found = api.model_info(ground["repo"], securityStatus=True)
    status = next(value for name, value in vars(found).items() if name.startswith("security") and value)
    expect(status["scansDone"], True)


@check
def revisions(ground):
    for revision, commit in ground["revisions"].items():
        expect(api.model_info(ground["repo"], revision=revision).sha, commit, revision)
        expect(api.revision_exists(ground["repo"], revision), True, revision)


@check
def tree(ground):
    found = {item.path: item for item in api.list_repo_tree(ground["repo"], recursive=True)}
    expect(sorted(path for path, item in found.items() if hasattr(item, "size")), sorted(ground["files"]))
    for path, (size, sha256, large) in ground["files"].items():
        expect(
            (found[path].size, found[path].lfs and member(found[path].lfs, "sha256")),
            (size, (large and sha256) or None),
        )
    root = [item.path for item in api.list_repo_tree(ground["repo"])]
    expect(root, sorted({path.partition("/")[0] for path in found}, key=str.encode))
    expect(sorted(hub.list_repo_files(ground["repo"])), sorted(ground["files"]))


@check
def tree_folder(ground):
    folder = ground["folder"]
    inside = [item.path for item in api.list_repo_tree(ground["repo"], folder, revision=ground["tag"])]
    expect(sorted(inside), sorted(path for path in ground["files"] if path.startswith(f"{folder}/")))
    error = error_of(lambda: list(api.list_repo_tree(ground["repo"], "none")))
    if "EntryNotFoundError" not in names_of(error):
        raise No(whole_text(error))


@check
def tree_expand(ground):
    found = list(api.list_repo_tree(ground["repo"], recursive=True, expand=True))
    for item in found:
        expect(member(item.last_commit, "oid"), ground["commit"], item.path)


@check
def tree_pages(ground):
    many = ground["many"]
    found = hub.list_repo_files(many["repo"])
    expect((len(found), found[0], found[-1]), (many["count"], many["first"], many["last"]))
    expect(len(api.model_info(many["repo"]).siblings), many["count"])


@check
def paths_info(ground):
    names = sorted(ground["files"])
    found = api.get_paths_info(ground["repo"], [*names, ground["folder"], "none"], expand=True)
    expect(sorted(item.path for item in found), sorted([*names, ground["folder"]]))
    expect({member(item.last_commit, "oid") for item in found}, {ground["commit"]})
    expect(api.get_paths_info(ground["repo"], "none"), [])


@check
def refs(ground):
    found = api.list_repo_refs(ground["repo"], include_pull_requests=True)
    expect([(ref.name, ref.target_commit) for ref in found.branches], [("main", ground["commit"])])
    expect([(ref.name, ref.target_commit) for ref in found.tags], [(ground["tag"], ground["commit"])])
    expect(found.pull_requests, [])


@check
def commits(ground):
    found = api.list_repo_commits(ground["repo"], formatted=True)
    expect([item.commit_id for item in found], [ground["commit"], ground["first_commit"]])
    first = api.list_repo_commits(ground["repo"], revision=ground["first_commit"])
    expect([item.commit_id for item in first], [ground["first_commit"]])


@check
def exists(ground):
    expect((api.repo_exists(ground["repo"]), api.repo_exists(ground["absent"])), (True, False))
    expect(
        (api.repo_exists(ground["hidden"]["repo"]), api.revision_exists(ground["repo"], "v9")), (False, False)
    )
    expect(api.file_exists(ground["repo"], "config.json"), True)
    expect(api.file_exists(ground["repo"], "none"), False)


@check
def auth_check(ground):
    if not hasattr(api, "auth_check"):
        raise NotOffered
    expect(api.auth_check(ground["repo"]), None)
    refused = ground["states"]["never-accepted"]
    error = error_of(api.auth_check, refused["repo"], token=refused["token"])
    if "GatedRepoError" not in names_of(error) or refused["url"] not in str(error):
        raise No(whole_text(error))


def listed(ground, **asked):
    """Return the ids of the models of the one publisher that are asked for."""
    return [item.id for item in api.list_models(author=ground["author"], **asked)]


@check
def list_models(ground):
    first, second = ground["repo"], ground["second"]
    expect(sorted(listed(ground)), sorted([first, second]))
    expect(listed(ground, search="second"), [second])
    for tag in ("granite", "safetensors", f"license:{ground['license']}", "nn"):
        expect(listed(ground, filter=tag), [first], tag)
    expect(listed(ground, filter=["granite", "nowhere"]), [])
    expect(listed(ground, pipeline_tag="text-generation"), [first])
    if "gated" in inspect.signature(api.list_models).parameters:
        expect((listed(ground, gated=True), listed(ground, gated=False)), ([first], [second]))


@check
def list_order(ground):
    expect(listed(ground, sort="created_at"), [ground["second"], ground["repo"]])
    expect(listed(ground, limit=1), [ground["second"]])


@check
def list_modified(ground):
    expect(listed(ground, sort="last_modified"), [ground["repo"], ground["second"]])


@check
def list_full(ground):
    (found,) = api.list_models(author=ground["author"], filter="granite", full=True, cardData=True)
    expect(sorted(item.rfilename for item in found.siblings), sorted(ground["files"]))
    expect((found.card_data["language"], found.sha), ("nn", ground["commit"]))
    (found,) = api.list_models(author=ground["author"], filter="granite", expand=["gated"])
    expect((found.gated, found.tags), ("auto", None))


@check
def only_models(ground):
    for call in (api.dataset_info, api.space_info):
        error = error_of(call, ground["repo"])
        if "RepositoryNotFoundError" not in names_of(error):
            raise No(whole_text(error))
    error = error_of(hub.hf_hub_download, ground["repo"], "config.json", repo_type="dataset")
    if "RepositoryNotFoundError" not in names_of(error):
        raise No(whole_text(error))


@check
def metadata(ground):
    for path, (size, sha256, large) in ground["files"].items():
        url = hub.hf_hub_url(ground["repo"], path)
        found = hub.get_hf_file_metadata(url)
        expect((found.commit_hash, found.size), (ground["commit"], size), path)
        expect(found.etag if large else len(found.etag), sha256 if large else 40, path)


@check
def download(ground):
    for path, (_, sha256, large) in ground["files"].items():
        found = Path(hub.hf_hub_download(ground["repo"], path))
        expect(digest(found), sha256, path)
        if large:
            expect(found.resolve().name, sha256, path)


@check
def empty_file(ground):
    given = ground["empty"]
    found = Path(hub.hf_hub_download(given["repo"], "empty.txt", token=given["token"]))
    expect(found.read_bytes(), b"")


@check
def download_revision(ground):
    for revision in ground["revisions"]:
        found = hub.hf_hub_download(ground["repo"], "config.json", revision=revision)
        commit = ground["revisions"][revision]
        expect(commit in found, True, revision)
        expect(digest(found), ground["configs"][commit], revision)


@check
def snapshot(ground):
    with tempfile.TemporaryDirectory() as folder:
        found = Path(hub.snapshot_download(ground["repo"], cache_dir=folder))
        for path, (_, sha256, _) in ground["files"].items():
            expect(digest(found / path), sha256, path)
        expect((found.parents[1] / "refs" / "main").read_text(), ground["commit"])


@check
def snapshot_filtered(ground):
    with tempfile.TemporaryDirectory() as folder:
        hub.snapshot_download(
            ground["repo"], local_dir=folder, allow_patterns=["*.safetensors", "*.index.json"]
        )
        found = {
            str(path.relative_to(folder)) for path in Path(folder).rglob("*.*") if ".cache" not in path.parts
        }
        wanted = {path for path in ground["files"] if path.endswith((".safetensors", ".index.json"))}
        expect({path for path in found if (Path(folder) / path).is_file()}, wanted)


@check
def sharded_safetensors(ground):
    found = api.get_safetensors_metadata(ground["repo"])
    expect((found.sharded, found.weight_map), (True, ground["weight_map"]))
    expect(sorted(found.files_metadata), sorted(set(ground["weight_map"].values())))


@check
def file_system(ground):
    repo, files = ground["repo"], HfFileSystem()
    expect(sorted(files.find(repo)), sorted(f"{repo}/{path}" for path in ground["files"]))
    shards = [path for path in ground["files"] if path.endswith(".safetensors")]
    expect(sorted(files.glob(f"hf://{repo}/**/*.safetensors")), sorted(f"{repo}/{path}" for path in shards))
    expect(files.ls(f"{repo}/{ground['folder']}", detail=False), [f"{repo}/{ground['folder']}/ünï.txt"])
    expect(files.info(f"{repo}@{ground['first_commit']}/config.json")["type"], "file")
    expect(files.exists(f"{repo}/none"), False)
    with files.open(f"hf://{repo}/{shards[0]}") as opened:
        opened.seek(8)
        content = opened.read(20)
    expect(content.startswith(b"{"), True)


@check
def card_for_all(ground):
    refused = ground["states"]["anonymous"]
    expect(
        "A model for tests"
        in Path(hub.hf_hub_download(refused["repo"], "README.md", token=False)).read_text(),
        True,
    )
    expect("A model for tests" in str(hub.ModelCard.load(refused["repo"], token=False)), True)


def refused_as(state):
    def function(ground):
        given = ground["states"][state]
        token = given["token"] or False
        error = error_of(
            hub.hf_hub_download, given["repo"], "model.safetensors", token=token, revision=given["revision"]
        )
        if "GatedRepoError" not in names_of(error) or given["words"] not in str(error):
            raise No(whole_text(error))
        return leads_to(given["url"], str(error))

    function.__name__ = f"refused_{state.replace('-', '_')}"
    return function


for _state in (
    *("anonymous", "never-accepted", "outdated", "waiting", "rejected", "revoked", "expired", "withdrawn"),
    *("given-up", "outside", "closed", "blocked", "no-scope"),
):
    check(refused_as(_state))


@check
def refused_snapshot(ground):
    given = ground["states"]["never-accepted"]
    error = error_of(hub.snapshot_download, given["repo"], token=given["token"])
    if "GatedRepoError" not in names_of(error) or given["url"] not in str(error):
        raise No(whole_text(error))


@check
def warning(ground):
    if not any(f"{ENDPOINT}/" in said and "/accept" in said for said in HEARD.said):
        raise No(f"logged: {HEARD.said}")


@check
def absent(ground):
    for repo, token in (
        (ground["absent"], None),
        (ground["hidden"]["repo"], None),
        (ground["hidden"]["repo"], False),
    ):
        for call in (hub.hf_hub_download, api.model_info):
            arguments = (repo, "config.json") if call == hub.hf_hub_download else (repo,)
            error = error_of(call, *arguments, token=token)
            if "RepositoryNotFoundError" not in names_of(error) or "GatedRepoError" in names_of(error):
                raise No(whole_text(error))


@check
def unknown_revision(ground):
    for call in (
        api.model_info,
        lambda repo, revision: hub.hf_hub_download(repo, "config.json", revision=revision),
    ):
        error = error_of(call, ground["repo"], revision="v9/x")
        if "RevisionNotFoundError" not in names_of(error):
            raise No(whole_text(error))


@check
def unknown_file(ground):
    error = error_of(hub.hf_hub_download, ground["repo"], "none")
    if "EntryNotFoundError" not in names_of(error):
        raise No(whole_text(error))
    expect(
        str(hub.try_to_load_from_cache(ground["repo"], "none", revision=ground["commit"])).startswith(
            "<object"
        ),
        True,
    )


if __name__ == "__main__":
    main()
