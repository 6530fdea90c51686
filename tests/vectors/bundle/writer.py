"""Evidence bundles by `docs/bundle-format.md`, with fixed keys and salts; shares no code with the verifier.

The archive is written byte by byte from the ZIP specification (APPNOTE 4.3), so that its one spelling is said twice.
"""

import base64
import hashlib
import struct
import zlib
from typing import Any

from tests.vectors.receipt.writer import (
    BASE_URL,
    IAT,
    LICENSE_TEXT,
    ORIGIN,
    POLICY_TEXT,
    audit_path,
    claims,
    compact,
    cosign,
    disclosure,
    keys,
    policies,
    sign_jwt,
    sign_note,
    tree_root,
)
from tests.vectors.receipt.writer import digest as hidden

Members = dict[str, bytes]
PEOPLE = ("0193f5a0-0000-7000-8000-000000000001", "0193f5a0-0000-7000-8000-000000000002")
INDICES = (2, 5)
WITHDRAWN_AT = 8
IMPORTED = ("0193f5a0-0000-7000-8000-000000000011", "0193f5a0-0000-7000-8000-000000000012")
IMPORTED_AT = (1, 4)
LINKED_AT = 9
SIZE = 11
_DAY_ZERO = 0x0021  # 1980-01-01 in the form of MS-DOS


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def statement(acceptance: str) -> tuple[str, list[str]]:
    payload, disclosures = claims()
    signed = [{name: value for name, value in one.items() if name != "text"} for one in policies()]
    terms = payload["license"] | {"policies": signed}
    return sign_jwt(payload | {"jti": acceptance, "license": terms}), disclosures


def withdrawal(acceptance: str) -> bytes:
    fact = {
        "acceptance": acceptance,
        "at": "2026-11-24T00:00:00.000Z",
        "kind": "withdrawal",
        "person": "p",
        "v": 1,
    }
    return compact(fact)


def imported(number: int, **changes: Any) -> tuple[str, list[str]]:
    """Return the statement that a report says somebody accepted elsewhere, and its disclosures."""
    disclosures = [
        disclosure("email", f"person{number}@example.org"),
        disclosure("account", f"person{number}"),
    ]
    payload = {
        "v": 1,
        "iss": BASE_URL,
        "iat": IAT,
        "jti": IMPORTED[number],
        "grade": "C",
        "text": "unknown",
        "source": "hub-report",
        "imported_by": "0193f5a0-0000-7000-8000-000000000021",
        "gate": {"id": "0193f5a0-0000-7000-8000-000000000022"},
        "scope": {"model_id": "0193f5a0-0000-7000-8000-000000000023", "model": "tarn/tarn-7b"},
        "times": {"stated": "2025-03-01T10:00:00.000Z", "imported": "2026-11-23T14:57:31.000Z"},
        "_sd": sorted(map(hidden, disclosures)),
        "_sd_alg": "sha-256",
    }
    return sign_jwt(payload | changes, typ="gatehouse-import+sd-jwt"), disclosures


def link(imported: str, acceptance: str) -> bytes:
    fact = {
        "acceptance": acceptance,
        "at": "2026-11-24T00:00:00.000Z",
        "import": imported,
        "kind": "import.upgraded",
        "v": 1,
    }
    return compact(fact)


def facts(
    *,
    details: bool = False,
    imports: list[tuple[str, list[str]]] | None = None,
    linked: tuple[str, str] | None = (IMPORTED[1], PEOPLE[1]),
) -> Members:
    """Return everything of a bundle but its index: two acceptances, one of them withdrawn, and what was imported."""
    if imports is None:
        imports = [imported(number) for number in range(len(IMPORTED))]
    signed = [statement(one) for one in PEOPLE]
    leaves = [hashlib.sha256(b"\x00other leaf %d" % number).digest() for number in range(SIZE)]
    for index, (jwt, _) in zip(INDICES, signed, strict=True):
        leaves[index] = hashlib.sha256(b"\x00" + jwt.encode()).digest()
    end = withdrawal(PEOPLE[0])
    leaves[WITHDRAWN_AT] = hashlib.sha256(b"\x00" + end).digest()
    for index, (jwt, _) in zip(IMPORTED_AT, imports, strict=False):
        leaves[index] = hashlib.sha256(b"\x00" + jwt.encode()).digest()
    leaf = link(*linked) if linked else b"other"
    leaves[LINKED_AT] = hashlib.sha256(b"\x00" + leaf).digest()
    text = f"{ORIGIN}\n{SIZE}\n{base64.b64encode(tree_root(leaves)).decode()}\n"

    def way(index: int) -> dict[str, Any]:
        path = [base64.b64encode(one).decode() for one in audit_path(index, leaves)]
        return {"index": index, "inclusion_proof": path}

    members = {
        "keys.json": compact({"keys": keys()}),
        "checkpoint.txt": f"{text}\n{sign_note(text)}{cosign(text)}".encode(),
        "timestamps.json": compact({"timestamps": []}),
    }
    texts = {f"texts/{digest(one)}.txt": one for one in (LICENSE_TEXT.encode(), POLICY_TEXT.encode())}
    members |= dict(sorted(texts.items()))
    for acceptance, index, (jwt, disclosures) in zip(PEOPLE, INDICES, signed, strict=True):
        sd_jwt = "~".join([jwt, *(disclosures if details else ()), ""])
        members[f"acceptances/{index}.json"] = compact(
            {"acceptance": acceptance, "sd_jwt": sd_jwt} | way(index)
        )
    members[f"withdrawals/{WITHDRAWN_AT}.json"] = compact(
        {"acceptance": PEOPLE[0], "leaf": end.decode()} | way(WITHDRAWN_AT)
    )
    for name, index, (jwt, disclosures) in zip(IMPORTED, IMPORTED_AT, imports, strict=False):
        sd_jwt = "~".join([jwt, *(disclosures if details else ()), ""])
        members[f"imports/{index}.json"] = compact({"import": name, "sd_jwt": sd_jwt} | way(index))
    if linked:
        members[f"upgrades/{LINKED_AT}.json"] = compact(
            {"import": linked[0], "leaf": leaf.decode()} | way(LINKED_AT)
        )
    return members


def indexed(members: Members, **changes: Any) -> Members:
    """Return the members with an index over them, and its signature."""
    listed = [
        {"path": path, "sha256": f"sha256:{digest(data)}", "size": len(data)}
        for path, data in members.items()
    ]
    asked = {
        "publisher": "tarn",
        "model": None,
        "license": None,
        "since": None,
        "until": None,
        "details": False,
        "imports": True,
    }
    index = {
        "format": "gatehouse-bundle/1",
        "registry": BASE_URL,
        "made_at": "2026-11-25T09:00:00.000Z",
        "asked": asked,
        "unpublished": 0,
        "members": listed,
    }
    encoded = compact(index | changes)
    return members | {"index.json": encoded, "signature.jws": sign_index(encoded)}


def sign_index(index: bytes, **header: Any) -> bytes:
    signed = {
        "iss": BASE_URL,
        "iat": IAT + 3600,
        "format": "gatehouse-bundle/1",
        "index": f"sha256:{digest(index)}",
    }
    return sign_jwt(signed, **({"typ": "gatehouse-bundle+jws"} | header)).encode()


def archive(
    members: list[tuple[str, bytes]], *, flags: int = 0, method: int = 0, mode: int = 0o100644
) -> bytes:
    """Return a ZIP of these members; the options make it one that must be refused."""
    body, directory = b"", b""
    for path, data in members:
        name = path.encode()
        common = struct.pack(
            "<HHHHHIIIHH",
            20,
            flags,
            method,
            0,
            _DAY_ZERO,
            zlib.crc32(data),
            len(data),
            len(data),
            len(name),
            0,
        )
        directory += (
            b"PK\x01\x02"
            + bytes([20, 3])
            + common
            + struct.pack("<HHHII", 0, 0, 0, mode << 16, len(body))
            + name
        )
        body += b"PK\x03\x04" + common + name + data
    count = len(members)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def bundle(members: Members | None = None) -> bytes:
    return archive(list((indexed(facts()) if members is None else members).items()))
