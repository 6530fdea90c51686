"""Write the golden vectors of the log; run again, it gives the same bytes.

    python tests/vectors/ledger/generate.py [FOLDER]

The writer shares no code with the registry: tree and proofs follow the recursive definitions of RFC 6962 §2.1
word for word, tiles and checkpoints those of C2SP tlog-tiles, tlog-checkpoint and signed-note. Only the Ed25519
primitive comes from `cryptography`; its key is made from fixed words, so nothing here is secret.

Leaf `i` is the ASCII text `leaf i`. Hashes are hex.

    tree.json           roots of the trees of some sizes; inclusion and consistency proofs
    tiles.json          SHA-256 of each tile of the tree of 70,000 leaves, by "level/number"
    checkpoints.json    the log's key, its signed checkpoints, and notes that must be refused
    statements.json     compact JWS by an Ed25519 key, with header and payload
"""

import base64
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "registry.example/ledger"
PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"golden key of the log").digest())
PUBLIC = PRIVATE.public_key().public_bytes_raw()
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 512, 1000, 65_535, 65_536, 65_537, 70_000)
INCLUSION = (
    *((0, 1), (0, 2), (1, 2), (2, 3), (3, 7), (6, 7), (0, 8), (8, 9), (255, 256), (256, 257), (0, 257)),
    *((999, 1000), (65_535, 65_536), (65_536, 65_537), (0, 70_000), (34_567, 70_000), (69_999, 70_000)),
)
CONSISTENCY = (
    *((1, 1), (1, 2), (2, 3), (3, 7), (4, 7), (6, 8), (7, 8), (8, 9), (255, 257), (256, 257), (256, 512)),
    *((257, 1000), (65_536, 70_000), (65_535, 65_537), (1, 70_000), (69_999, 70_000)),
)


def leaf_hash(index: int) -> bytes:
    return hashlib.sha256(b"\x00" + f"leaf {index}".encode()).digest()


def split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


@cache
def tree_hash(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962 §2.1."""
    if start == end:
        return hashlib.sha256().digest()
    if end - start == 1:
        return leaf_hash(start)
    middle = start + split(end - start)
    return hashlib.sha256(b"\x01" + tree_hash(start, middle) + tree_hash(middle, end)).digest()


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 §2.1.1."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), tree_hash(middle, end)]
    return [*path(index, middle, end), tree_hash(start, middle)]


def subproof(size: int, start: int, end: int, *, known: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2; `size` counts from the first leaf of all."""
    if size == end:
        return [] if known else [tree_hash(start, end)]
    middle = start + split(end - start)
    if size <= middle:
        return [*subproof(size, start, middle, known=known), tree_hash(middle, end)]
    return [*subproof(size, middle, end, known=False), tree_hash(start, middle)]


def tiles(size: int) -> dict[str, bytes]:
    """Every tile of a tree, by the formula of C2SP tlog-tiles."""
    made = {}
    level = 0
    while size >> (8 * level):
        hashes = size >> (8 * level)
        width = 1 << (8 * level)
        for number in range((hashes + 255) // 256):
            entries = range(number * 256, min(number * 256 + 256, hashes))
            made[f"{level}/{number}"] = b"".join(
                tree_hash(entry * width, (entry + 1) * width) for entry in entries
            )
        level += 1
    return made


def note(text: str, *, name: str = ORIGIN, private: Ed25519PrivateKey = PRIVATE) -> str:
    public = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    line = base64.b64encode(key_id + private.sign(text.encode())).decode()
    return f"{text}\n— {name} {line}\n"


def checkpoint(size: int) -> str:
    return f"{ORIGIN}\n{size}\n{base64.b64encode(tree_hash(0, size)).decode()}\n"


def checkpoints() -> dict[str, Any]:
    good = note(checkpoint(70_000))
    stranger = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"golden key of a stranger").digest())
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + PUBLIC).digest()[:4]
    encoded_key = base64.b64encode(b"\x01" + PUBLIC).decode()
    return {
        "verifier_key": f"{ORIGIN}+{key_id.hex()}+{encoded_key}",
        "public": PUBLIC.hex(),
        "signed": [
            {"size": size, "root": tree_hash(0, size).hex(), "note": note(checkpoint(size))} for size in SIZES
        ],
        "refused": [
            {"why": "another size", "note": good.replace("70000", "70001")},
            {"why": "another origin", "note": good.replace(f"{ORIGIN}\n7", "other.example/ledger\n7")},
            {"why": "by a stranger in the log's name", "note": note(checkpoint(9), private=stranger)},
            {
                "why": "by the log's key in another name",
                "note": note(checkpoint(9), name="other.example/ledger"),
            },
            {"why": "a leading zero", "note": note(checkpoint(9).replace("\n9\n", "\n09\n"))},
            {
                "why": "a root of 31 bytes",
                "note": note(f"{ORIGIN}\n9\n{base64.b64encode(bytes(31)).decode()}\n"),
            },
            {"why": "no signature", "note": good.split("\n\n")[0] + "\n\n"},
            {"why": "a hyphen for the dash", "note": good.replace("— ", "- ")},
            {"why": "CR LF", "note": good.replace("\n", "\r\n")},
        ],
    }


def statements() -> dict[str, Any]:
    members = json.dumps(
        {"crv": "Ed25519", "kty": "OKP", "x": base64url(PUBLIC)}, separators=(",", ":"), sort_keys=True
    )
    kid = base64url(hashlib.sha256(members.encode()).digest())
    signed = []
    for typ, payload in (
        ("gatehouse-acceptance+sd-jwt", b'{"v":1}'),
        ("gatehouse-manifest+jws", b"\xc3\xa9"),
    ):
        header = {"alg": "Ed25519", "kid": kid, "typ": typ}
        message = f"{base64url(json.dumps(header, separators=(',', ':')).encode())}.{base64url(payload)}"
        token = f"{message}.{base64url(PRIVATE.sign(message.encode()))}"
        signed.append({"header": {"typ": typ}, "payload": payload.hex(), "jws": token})
    return {"private": PRIVATE.private_bytes_raw().hex(), "kid": kid, "signed": signed}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def write(folder: Path) -> None:
    """Write all vectors into `folder`."""
    tree = {
        "roots": [{"size": size, "root": tree_hash(0, size).hex()} for size in SIZES],
        "inclusion": [
            {
                "index": index,
                "tree_size": size,
                "leaf_hash": leaf_hash(index).hex(),
                "proof": [part.hex() for part in path(index, 0, size)],
                "root": tree_hash(0, size).hex(),
            }
            for index, size in INCLUSION
        ],
        "consistency": [
            {
                "old_size": old,
                "new_size": new,
                "old_root": tree_hash(0, old).hex(),
                "new_root": tree_hash(0, new).hex(),
                "proof": [part.hex() for part in subproof(old, 0, new, known=True)],
            }
            for old, new in CONSISTENCY
        ],
    }
    digests = {place: hashlib.sha256(hashes).hexdigest() for place, hashes in tiles(70_000).items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("tree", tree),
        ("tiles", digests),
        ("checkpoints", checkpoints()),
        ("statements", statements()),
    ):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
