"""What people see of `hf` (`huggingface-cli` in the oldest version); runs the command of the interpreter's environment."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from checking import No, NotOffered, check, expect, main

BIN = Path(sys.prefix) / "bin"
COMMAND = BIN / "hf" if (BIN / "hf").exists() else BIN / "huggingface-cli"
ENDPOINT = os.environ["HF_ENDPOINT"]


def run(*arguments, home=None, token=None):
    """Return the exit code of the command, and all that it wrote."""
    given = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"}
    if token:
        given["HF_TOKEN"] = token
    with tempfile.TemporaryDirectory() as fresh:
        given["HF_HOME"] = home or fresh  # what lies in a cache hides refusals
        done = subprocess.run(
            [COMMAND, *arguments],
            env=given,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    return done.returncode, done.stdout, done.stdout + done.stderr


@check
def cli_login(ground):
    command = ["auth", "login"] if COMMAND.name == "hf" else ["login"]
    who = ["auth", "whoami"] if COMMAND.name == "hf" else ["whoami"]
    with tempfile.TemporaryDirectory() as home:
        code, _, text = run(*command, "--token", ground["token"], home=home)
        expect(code, 0, text)
        code, _, text = run(*who, home=home)
        if code != 0 or ground["name"] not in text:
            raise No(text)


@check
def cli_download(ground):
    with tempfile.TemporaryDirectory() as home:
        code, out, text = run("download", ground["repo"], home=home, token=ground["token"])
        expect(code, 0, text)
        snapshot = Path(re.search(r"/\S*/snapshots/\w{40}", out).group(0))
        for path, (_, sha256, _) in ground["files"].items():
            expect(hashlib.sha256((snapshot / path).read_bytes()).hexdigest(), sha256, path)


@check
def cli_verify(ground):
    code, _, text = run("cache", "verify", "--help")
    if code != 0 or "verify" not in text:
        raise NotOffered
    with tempfile.TemporaryDirectory() as home:
        for path in ("config.json", "model-00001-of-00003.safetensors"):
            code, _, text = run("download", ground["repo"], path, home=home, token=ground["token"])
            expect(code, 0, text)
        code, _, text = run("cache", "verify", ground["repo"], home=home, token=ground["token"])
        expect(code, 0, text)
        (blob,) = (Path(home) / "hub").glob(
            "*/blobs/" + ground["files"]["model-00001-of-00003.safetensors"][1]
        )
        blob.write_bytes(blob.read_bytes()[:-1] + b"x")
        code, _, text = run("cache", "verify", ground["repo"], home=home, token=ground["token"])
        if code == 0:
            raise No(f"an altered file was not seen: {text}")


@check
def cli_refused(ground):
    given = ground["states"]["never-accepted"]
    code, _, text = run("download", given["repo"], token=given["token"])
    if code != 1 or given["url"] not in text:
        raise No(text)


@check
def cli_wrong_token(ground):
    code, _, text = run("download", ground["repo"], token="hf_" + "q" * 34)
    if code != 1 or f"{ENDPOINT}/settings/tokens" not in text:
        raise No(text)


@check
def cli_absent(ground):
    code, _, text = run("download", ground["absent"], token=ground["token"])
    if (
        code != 1
        or ground["absent"] not in text
        or not re.search(r"not found|Repository Not Found", text, re.IGNORECASE)
    ):
        raise No(text[-500:])


@check
def cli_upload(ground):
    given = ground["uploads"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "by-command.bin").write_bytes(os.urandom(2 * 1024 * 1024))
        code, out, text = run("upload", given["repo"], folder, ".", token=given["token"])
    if code != 0 or f"{ENDPOINT}/{given['repo']}" not in out:
        raise No(text)


if __name__ == "__main__":
    main()
