"""SSH keys and signatures: what the real tool makes is taken, and nothing that was bent; both readers agree."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.client import sshsig as verifier
from registry.client.errors import VerificationFailed
from registry.kernel import sshsig
from registry.kernel.sshsig import NotTaken
from tests import ssh
from tests.vectors.receipt import signed

MESSAGE = b'{"type":"gatehouse-declaration/1"}'
KINDS = [("ed25519",), ("ecdsa", "-b", "256"), ("ecdsa", "-b", "384"), ("rsa", "-b", "3072")]
BEGIN, END = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"


def armor(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = "".join(f"{text[at : at + 70]}\n" for at in range(0, len(text), 70))
    return f"{BEGIN}{lines}{END}"


def blob_of(armored: str) -> bytes:
    return base64.b64decode("".join(armored.splitlines()[1:-1]))


def taken(armored: str, message: bytes = MESSAGE) -> bool:
    """Whether both readers take the signature; they never disagree."""
    try:
        signature = sshsig.read_signature(armored, namespace=ssh.NAMESPACE)
        sshsig.verify(signature, message)
        ours = True
    except NotTaken:
        ours = False
    try:
        verifier.verify(verifier.read_signature(armored, namespace=ssh.NAMESPACE), message)
        theirs = True
    except VerificationFailed:
        theirs = False
    assert ours == theirs
    return ours


@ssh.needed
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_what_the_tool_signs_is_taken_and_what_is_kept_the_tool_verifies(
    kind: tuple[str, ...], tmp_path: Path
) -> None:
    pair = ssh.make_key(tmp_path, *kind)
    armored = pair.sign(MESSAGE)
    assert taken(armored)
    assert not taken(armored, MESSAGE + b" ")
    key = sshsig.read_public_key(pair.public)
    signature = sshsig.read_signature(armored, namespace=ssh.NAMESPACE)
    assert sshsig.is_same_key(key, signature.key)
    assert f"{key.line} mara at work\n" == pair.public
    assert ssh.tool_accepts(tmp_path, MESSAGE, signature.armored, key.line)


@ssh.needed
@pytest.mark.parametrize(
    ("kind", "how", "why"),
    [
        (("rsa", "-b", "2048"), {}, "2048 bits"),
        (("ecdsa", "-b", "521"), {}, "kind that is not taken"),
        (("ed25519",), {"namespace": "file"}, "namespace"),
        (("ed25519",), {"hash_name": "sha256"}, "another hash"),
    ],
)
def test_weak_keys_and_signatures_for_other_purposes_are_refused(
    kind: tuple[str, ...], how: dict[str, str], why: str, tmp_path: Path
) -> None:
    armored = ssh.make_key(tmp_path, *kind).sign(MESSAGE, **how)
    assert not taken(armored)
    with pytest.raises(NotTaken, match=why):
        sshsig.read_signature(armored, namespace=ssh.NAMESPACE)


@pytest.mark.parametrize("key", [signed.own_key(), signed.own_curve_key()], ids=["ed25519", "ecdsa"])
def test_every_flipped_bit_cut_and_addition_is_refused(key: signed.Key) -> None:
    blob = blob_of(signed.sign(key, MESSAGE))
    assert taken(armor(blob))
    for at in range(len(blob)):
        for bit in (1, 0x80):
            assert not taken(armor(blob[:at] + bytes([blob[at] ^ bit]) + blob[at + 1 :])), at
        assert not taken(armor(blob[:at]))
    assert not taken(armor(blob + b"\0"))


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace("\n-----END", "=\n-----END"),
        lambda text: text.replace(BEGIN, BEGIN + " "),
        lambda text: "x" + text,
        lambda text: text.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        lambda text: text + "more\n",
        lambda text: BEGIN + END,
        lambda text: "",
        lambda text: text * 200,
        lambda text: text.replace("\n-----END", "\nÄ\n-----END"),
    ],
)
def test_another_spelling_of_the_armor_is_refused(bend: Callable[[str], str]) -> None:
    assert not taken(bend(signed.sign(signed.own_key(), MESSAGE)))


def test_line_ends_of_the_armor_do_not_matter() -> None:
    armored = signed.sign(signed.own_key(), MESSAGE)
    assert taken(armored.replace("\n", "\r\n"))
    assert taken(armored.strip())
    stored = sshsig.read_signature(armored.replace("\n", "\r\n"), namespace=ssh.NAMESPACE).armored
    assert stored == armored


def security_key_signature(*, flags: int = 1, application: bytes = b"ssh:") -> str:
    """A signature as a security key makes it (PROTOCOL.u2f)."""
    key = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    kind = b"sk-ssh-ed25519@openssh.com"
    public = signed.string(kind) + signed.string(raw) + signed.string(application)
    common = signed.string(ssh.NAMESPACE.encode()) + signed.string(b"") + signed.string(b"sha512")
    inner = b"SSHSIG" + common + signed.string(hashlib.sha512(MESSAGE).digest())
    told = bytes([flags]) + (7).to_bytes(4, "big")
    value = key.sign(hashlib.sha256(application).digest() + told + hashlib.sha256(inner).digest())
    signature = signed.string(kind) + signed.string(value) + told
    return armor(b"SSHSIG\0\0\0\1" + signed.string(public) + common + signed.string(signature))


@ssh.needed
def test_security_key_counts_if_somebody_touched_it(tmp_path: Path) -> None:
    touched = security_key_signature()
    assert taken(touched)
    key = sshsig.read_signature(touched, namespace=ssh.NAMESPACE).key
    assert key.is_in_hardware
    assert sshsig.read_public_key(key.line).fingerprint == key.fingerprint
    assert ssh.tool_accepts(tmp_path, MESSAGE, touched, key.line)
    assert not taken(security_key_signature(flags=0))
    assert not taken(security_key_signature(flags=4))
    assert not taken(security_key_signature(application=b"https://example.org"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACB",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "ecdsa-sha2-nistp256 " + base64.b64encode(signed.public_blob(signed.own_key())).decode(),
        "ssh-ed25519 " + base64.b64encode(signed.public_blob(signed.own_key()) + b"\0").decode(),
        "ssh-ed25519 " + base64.b64encode(signed.public_blob(signed.own_key())[:-1]).decode(),
        "ssh-ed25519 " + "A" * 5000,
        "ssh-ed25519 AAAA\nssh-ed25519 AAAA",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(NotTaken):
        sshsig.read_public_key(text)
