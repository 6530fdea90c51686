"""What `aria2c` reads of the registry: files by their addresses, several connections to each."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from checking import No, check, expect, main

ENDPOINT = os.environ["HF_ENDPOINT"]
TOKEN = os.environ["HF_TOKEN"]


def file_url(repo, path, revision="main"):
    """Return the address of a file."""
    return f"{ENDPOINT}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"


def aria2(url, folder, token=TOKEN):
    """Return the exit code, and what `aria2c` wrote; the file is `file` in the folder."""
    bearer = [f"--header=Authorization: Bearer {token}"] if token else []
    command = ["aria2c", "--no-conf", "--max-tries=2", "--retry-wait=1", "--split=4", "--min-split-size=1M"]
    command += ["--max-connection-per-server=4", "--auto-file-renaming=false", "--allow-overwrite=true"]
    done = subprocess.run(
        [*command, *bearer, f"--dir={folder}", "--out=file", url], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def fetched(url, token=TOKEN):
    """Return the digest of a file that must come."""
    with tempfile.TemporaryDirectory() as folder:
        code, said = aria2(url, folder, token)
        if code != 0:
            raise No(said)
        return hashlib.sha256(Path(folder, "file").read_bytes()).hexdigest()


def refused(url, token=TOKEN):
    """Return what was said of a file that must not come."""
    with tempfile.TemporaryDirectory() as folder:
        code, said = aria2(url, folder, token)
        if code == 0 or Path(folder, "file").exists():
            raise No(f"not refused: {said}")
        return said


@check
def wrong_token(ground):
    said = refused(file_url(ground["repo"], "config.json"), "hf_" + "q" * 34)
    if f"{ENDPOINT}/settings/tokens" not in said:
        raise No(said)


@check
def download(ground):
    for path, (_, sha256, _) in ground["files"].items():
        expect(fetched(file_url(ground["repo"], path)), sha256, path)


@check
def own_token(ground):
    fetched(file_url(ground["repo"], "config.json"), ground["token"])


@check
def empty_file(ground):
    given = ground["empty"]
    expect(fetched(file_url(given["repo"], "empty.txt"), given["token"]), hashlib.sha256(b"").hexdigest())


@check
def download_revision(ground):
    for revision, commit in ground["revisions"].items():
        expect(
            fetched(file_url(ground["repo"], "config.json", revision)), ground["configs"][commit], revision
        )


@check
def card_for_all(ground):
    fetched(file_url(ground["states"]["anonymous"]["repo"], "README.md"), None)


def refused_as(state):
    """Return the check of one way to be refused."""

    def function(ground):
        given = ground["states"][state]
        said = refused(file_url(given["repo"], "model.safetensors", given["revision"]), given["token"])
        if given["words"] not in said:
            raise No(said)

    function.__name__ = f"refused_{state.replace('-', '_')}"
    return function


for _state in (
    *("anonymous", "never-accepted", "outdated", "waiting", "rejected", "revoked", "expired", "withdrawn"),
    *("given-up", "outside", "closed", "blocked", "no-scope"),
):
    check(refused_as(_state))


@check
def absent(ground):
    for repo in (ground["absent"], ground["hidden"]["repo"]):
        refused(file_url(repo, "config.json"))


@check
def unknown_revision(ground):
    refused(file_url(ground["repo"], "config.json", "v9"))


@check
def unknown_file(ground):
    refused(file_url(ground["repo"], "none"))


if __name__ == "__main__":
    main()
