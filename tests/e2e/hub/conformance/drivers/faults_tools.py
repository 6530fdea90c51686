"""What `curl` and `aria2c` do when the network, the store or the right to a file fails; `CLIENT` names the program."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from checking import No, check, expect, leads_to, main

ENDPOINT = os.environ["HF_ENDPOINT"]
TOOL = os.environ["CLIENT"]
CALLS_MOST = 4
COMMANDS = {
    "curl": ["curl", "-sS", "-fL", "-C", "-", "--max-time", "60", "-o", "{file}"],
    "aria2": [
        "aria2c",
        "--no-conf",
        "--continue=true",
        "--split=1",
        "--retry-wait=1",
        "--dir={folder}",
        "--out=file",
    ],
}
RETRIES = {
    "curl": (["--retry", "3", "--retry-delay", "1", "--retry-all-errors"], []),
    "aria2": (["--max-tries=4"], ["--max-tries=1"]),
}


class Download:
    """A file on its way into a folder of its own."""

    def __init__(self, given, folder):
        self.url = f"{ENDPOINT}/{given['repo']}/resolve/main/{given['path']}"
        self.header = f"Authorization: Bearer {given['token']}"
        self.file = Path(folder, "file")
        self.folder = folder

    def call(self, *, patient):
        """Return the exit code of one call, and what it said."""
        command = [word.format(file=self.file, folder=self.folder) for word in COMMANDS[TOOL]]
        bearer = ["-H", self.header] if TOOL == "curl" else [f"--header={self.header}"]
        retries = RETRIES[TOOL][0 if patient else 1]
        done = subprocess.run(
            [*command, *retries, *bearer, self.url], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def digest(self):
        """Return the digest of what lies there."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


def in_one_call(name):
    """Take the check that one call ends well in spite of a fault."""

    def function(ground):
        given = ground["faults"][name]
        with tempfile.TemporaryDirectory() as folder:
            download = Download(given, folder)
            code, said = download.call(patient=True)
            if code != 0:
                raise No(said)
            expect(download.digest(), given["sha256"])

    function.__name__ = name.replace("-", "_")
    check(function)


for _name in ("cut", "link-expired", "busy", "maintenance"):
    in_one_call(_name)


@check
def cut_next_call(ground):
    given = ground["faults"]["cut-next-call"]
    with tempfile.TemporaryDirectory() as folder:
        download = Download(given, folder)
        for number in range(CALLS_MOST):
            code, said = download.call(patient=False)
            if code == 0:
                expect(download.digest(), given["sha256"])
                return f"whole at call {number + 1}"
        raise No(said)


@check
def withdrawn_midway(ground):
    given = ground["faults"]["withdrawn-midway"]
    with tempfile.TemporaryDirectory() as folder:
        download = Download(given, folder)
        code, said = download.call(patient=True)
        if code == 0 or download.digest() == given["sha256"]:
            raise No(f"the file came: {said}")
        asked = ["curl", "-sSI", "-H", download.header, download.url]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        expect(given["words"] in said, True, said)
        return leads_to(given["url"], said)


if __name__ == "__main__":
    main()
