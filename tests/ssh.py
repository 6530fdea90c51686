"""Real `ssh-keygen`: makes keys, signs and verifies."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMESPACE = "acceptance@gatehouse"
KEYGEN = shutil.which("ssh-keygen")
needed = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")


@dataclass(frozen=True)
class KeyPair:
    """A key in files, as people have it."""

    path: Path

    @property
    def public(self) -> str:
        return self.path.with_name(f"{self.path.name}.pub").read_text()

    def sign(self, message: bytes, *, namespace: str = NAMESPACE, hash_name: str = "sha512") -> str:
        made = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-f", self.path, "-n", namespace, "-O", f"hashalg={hash_name}"],
            input=message,
            capture_output=True,
            check=True,
        )
        return made.stdout.decode()


def make_key(folder: Path, *kind: str, passphrase: str = "") -> KeyPair:
    path = folder / f"id_{'_'.join(kind)}"
    command = ["ssh-keygen", "-q", "-t", *kind, "-N", passphrase, "-C", "mara at work", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return KeyPair(path)


def tool_accepts(
    folder: Path, message: bytes, signature: str, public: str, *, namespace: str = NAMESPACE
) -> bool:
    """Whether `ssh-keygen -Y verify` finds the signature good and of this key."""
    allowed, file = folder / "allowed_signers", folder / "signature"
    allowed.write_text(f"mara {public}")
    file.write_text(signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "mara", "-n", namespace, "-s", file]
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode == 0
