"""What `huggingface_hub` publishes here; runs under every version of it from 0.24.7."""

import hashlib
import os
import tempfile
from pathlib import Path

from checking import No, check, error_of, expect, main, names_of, whole_text
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

api = HfApi()
WEIGHTS_BYTES = 2 * 1024 * 1024
"""More than goes inside a commit."""


def member(thing, name):
    """Return a field; some versions have objects where others have dicts."""
    return thing[name] if isinstance(thing, dict) else getattr(thing, name)


def card(license_name):
    """Return a card that names this license."""
    return f"---\nlicense: other\nlicense_name: {license_name}\n---\n# New\n".encode()


def listed(repo, token):
    """Return the digests of the files by path, as far as they are told; None for small ones."""
    found = api.list_repo_tree(repo, recursive=True, token=token)
    return {item.path: item.lfs and member(item.lfs, "sha256") for item in found if hasattr(item, "size")}


@check
def upload_new(ground):
    given = ground["uploads"]
    files = {"README.md": card(given["license"]), "a/weights.bin": os.urandom(WEIGHTS_BYTES)}
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_bytes(content)
        api.create_repo(given["new"], token=given["token"])
        api.upload_folder(repo_id=given["new"], folder_path=folder, token=given["token"])
    weights = hashlib.sha256(files["a/weights.bin"]).hexdigest()
    expect(listed(given["new"], given["token"]), {"README.md": None, "a/weights.bin": weights})


@check
def upload_next(ground):
    given = ground["uploads"]
    before = api.model_info(given["repo"], token=given["token"]).sha
    weights = os.urandom(WEIGHTS_BYTES)
    done = api.create_commit(
        given["repo"],
        operations=[
            CommitOperationAdd("more.bin", weights),
            CommitOperationDelete("config.json"),
        ],
        commit_message="More",
        parent_commit=before,
        token=given["token"],
    )
    expect([item.commit_id for item in api.list_repo_commits(given["repo"])], [done.oid, before])
    found = listed(given["repo"], given["token"])
    expect(
        (sorted(found), found["more.bin"]),
        (["README.md", "model.safetensors", "more.bin"], hashlib.sha256(weights).hexdigest()),
    )


@check
def upload_refused(ground):
    given = ground["uploads"]
    api.create_repo(given["unnamed"], exist_ok=True, token=given["token"])
    error = error_of(
        api.upload_file,
        repo_id=given["unnamed"],
        path_or_fileobj=b"# No license\n",
        path_in_repo="README.md",
        token=given["token"],
    )
    said = whole_text(error)
    if "BadRequestError" not in names_of(error) or "license_name: slug@1.0" not in said:
        raise No(said)
    expect(api.repo_exists(given["unnamed"]), False)


@check
def upload_stranger(ground):
    given = ground["uploads"]
    error = error_of(
        api.upload_file,
        repo_id=given["other"],
        path_or_fileobj=os.urandom(WEIGHTS_BYTES),
        path_in_repo="w.bin",
        token=given["token"],
    )
    if "no role" not in whole_text(error):
        raise No(whole_text(error))


if __name__ == "__main__":
    main()
