"""Signs with the person's own SSH key, by `ssh-keygen`: a key file (it asks for the passphrase) or the agent."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from registry.client.errors import ClientError, printable
from registry.client.own_signature import NAMESPACE

PUBLIC_MAX_BYTES = 16 << 10


def key_of_line(line: str) -> str:
    """Return kind and key of a line of a `.pub` file, without its comment."""
    return " ".join(line.split()[:2])


def find_key(registered: Sequence[str], *, folder: Path, chosen: str | None, scratch: Path) -> Path | None:
    """Return a file that `ssh-keygen` signs with as one of these keys; None if there is none on this machine.

    First a key that was `chosen`, then those in `folder`, then those of the agent.
    """
    known = {key_of_line(line) for line in registered}
    files = [_public_of(Path(chosen))] if chosen else sorted(folder.glob("*.pub"))
    for file in files:
        try:
            with file.open("rb") as opened:
                line = opened.read(PUBLIC_MAX_BYTES).decode("utf-8", "replace")
        except OSError as error:
            if chosen:
                raise ClientError(f"cannot read {file}: {error.strerror}") from None
            continue
        if key_of_line(line) in known:
            return file
        if chosen:
            raise ClientError(
                f"the key {chosen} is not registered for you", advice=("Register its public part first.",)
            )
    for line in _agent_lines():
        if key_of_line(line) in known:
            held = scratch / "key.pub"
            held.write_text(f"{line}\n")
            return held
    return None


def _public_of(path: Path) -> Path:
    return path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")


def _agent_lines() -> Sequence[str]:
    try:
        told = subprocess.run(
            ["ssh-add", "-L"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return told.stdout.splitlines() if told.returncode == 0 else ()


def sign(message: bytes, key: Path) -> str:
    """Return the signature over `message`; a passphrase is asked for on the terminal.

    Raises:
        ClientError: there is no `ssh-keygen`, or it did not sign.
    """
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, "-O", "hashalg=sha512"]
    try:
        made = subprocess.run(command, input=message, capture_output=True, check=False)
    except FileNotFoundError:
        raise ClientError(
            "ssh-keygen is not installed: nothing can be signed here",
            advice=("Install OpenSSH 8.1 or later.",),
        ) from None
    if made.returncode != 0:
        reason = made.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ClientError(
            f"ssh-keygen did not sign: {printable(reason[-1] if reason else 'no reason given', limit=200)}",
            advice=("Nothing was accepted. Run the command again.",),
        )
    return made.stdout.decode("ascii", "replace")
