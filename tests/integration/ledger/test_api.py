"""The public addresses of the log, over HTTP."""

import base64
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.testing import AsyncTestClient

from registry import ledger
from registry.kernel.problems import handle_http_exception
from registry.ledger import notes, tiles, tree
from registry.ledger.api import KeysApi, LedgerApi, TileLogApi
from registry.ledger.domain import KeyPurpose
from tests.integration.ledger.conftest import ORIGIN, Log

Client = AsyncTestClient[Litestar]


@pytest.fixture
async def client(log: Log) -> AsyncIterator[Client]:
    app = Litestar(
        [TileLogApi, LedgerApi, KeysApi],
        dependencies={"database": Provide(lambda: log.database, sync_to_thread=False)},
        exception_handlers={HTTPException: handle_http_exception},
        state=State({"settings": SimpleNamespace(base_url="https://registry.example")}),
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield client


async def test_checkpoint_is_served_as_a_note_that_verifies(log: Log, client: Client) -> None:
    log.append(3)
    log.integrate()
    answer = await client.get("/ledger/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    note = notes.parse_note(answer.content)
    public = log.keys.checkpoint.public
    note.verify(ORIGIN, {notes.key_id(ORIGIN, public): public})
    assert notes.parse_checkpoint_text(note.text).size == 3


async def test_log_without_checkpoint_says_so(client: Client) -> None:
    answer = await client.get("/ledger/checkpoint")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "ledger-empty"


async def test_proofs_of_the_api_verify_under_its_checkpoints(log: Log, client: Client) -> None:
    log.append(5)
    log.integrate()
    old = notes.parse_checkpoint_text(notes.parse_note((await client.get("/ledger/checkpoint")).content).text)
    log.append(250)
    log.integrate()
    new = notes.parse_checkpoint_text(notes.parse_note((await client.get("/ledger/checkpoint")).content).text)
    proof = (await client.get("/api/v1/ledger/proof", params={"index": 4, "size": 255})).json()
    tree.verify_inclusion(
        bytes.fromhex(proof["leaf_hash"]),
        index=4,
        tree_size=255,
        proof=[base64.b64decode(part) for part in proof["inclusion_proof"]],
        root=new.root,
    )
    answer = await client.get("/api/v1/ledger/consistency", params={"old": 5, "new": 255})
    assert "immutable" in answer.headers["cache-control"]
    tree.verify_consistency(
        old_size=5,
        old_root=old.root,
        new_size=255,
        new_root=new.root,
        proof=[base64.b64decode(part) for part in answer.json()["consistency_proof"]],
    )


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/ledger/proof?index=0&size=4", 404, "ledger-size-not-published"),
        ("/api/v1/ledger/proof?index=3&size=3", 404, "ledger-index-outside-tree"),
        ("/api/v1/ledger/proof?index=0&size=0", 404, "ledger-index-outside-tree"),
        ("/api/v1/ledger/proof?index=-1&size=3", 400, "malformed-request"),
        ("/api/v1/ledger/proof?index=0&size=9223372036854775808", 400, "malformed-request"),
        ("/api/v1/ledger/proof?index=x&size=3", 400, "malformed-request"),
        ("/api/v1/ledger/proof?size=3", 400, "malformed-request"),
        ("/api/v1/ledger/consistency?old=3&new=2", 400, "ledger-sizes-reversed"),
        ("/api/v1/ledger/consistency?old=3&new=4", 404, "ledger-size-not-published"),
        ("/api/v1/ledger/entries?limit=0", 400, "malformed-request"),
        ("/api/v1/ledger/entries?limit=201", 400, "malformed-request"),
        ("/api/v1/ledger/entries?before=-1", 400, "malformed-request"),
    ],
)
async def test_questions_without_an_answer_are_problems(
    log: Log, client: Client, path: str, status: int, code: str
) -> None:
    log.append(3)
    log.integrate()
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def fetch_tile(client: Client, level: int | None, number: int, width: int) -> bytes:
    path = tiles.TileAddress(level=level, number=number, width=width).path()
    answer = await client.get(f"/ledger/tile/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    return answer.content


async def test_the_whole_log_can_be_read_from_its_tiles(log: Log, client: Client) -> None:
    log.append(300)
    while log.integrate():
        pass
    head = notes.parse_checkpoint_text(
        notes.parse_note((await client.get("/ledger/checkpoint")).content).text
    )
    bundles = [await fetch_tile(client, None, 0, 256), await fetch_tile(client, None, 1, 44)]
    leaves = [leaf for bundle in bundles for leaf in unpack(bundle)]
    assert len(leaves) == head.size == 300
    hashes = [tree.hash_leaf(leaf) for leaf in leaves]
    assert tree.root_of(hashes) == head.root
    assert await fetch_tile(client, 0, 0, 256) == b"".join(hashes[:256])
    assert await fetch_tile(client, 0, 1, 44) == b"".join(hashes[256:])
    assert await fetch_tile(client, 1, 0, 1) == tree.root_of(hashes[:256])


async def test_a_partial_tile_of_an_older_checkpoint_stays(log: Log, client: Client) -> None:
    log.append(3)
    log.integrate()
    before = [await fetch_tile(client, level, 0, 3) for level in (0, None)]
    log.append(20)
    log.integrate()
    assert [await fetch_tile(client, level, 0, 3) for level in (0, None)] == before


@pytest.mark.parametrize(
    "path",
    [
        "0/000",
        "0/000.p/4",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/03",
        "0/001.p/1",
        "1/000.p/1",
        "00/000.p/3",
        "64/000.p/1",
        "0/x000/000.p/3",
        "0/0000.p/3",
        "0/0.p/3",
        "-1/000.p/3",
        "entries/000",
        "entries/000.p/4",
        "entries/001.p/1",
        "entries/x999/x999/x999/x999/x999/x999/999",
        "entries/000.p/3/x",
        "0/000.p/3%0A",
        "..%2f..%2fcheckpoint",
        "0/%F0%9D%9F%8E00.p/3",
    ],
)
async def test_what_is_no_tile_is_a_problem(log: Log, client: Client, path: str) -> None:
    log.append(3)
    log.integrate()
    answer = await client.get(f"/ledger/tile/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "ledger-tile-unknown")


def unpack(bundle: bytes) -> list[bytes]:
    leaves, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        leaves.append(bundle[at + 2 : end])
        at = end
    return leaves


async def test_pages_of_the_log_follow_each_other_to_its_first_entry(log: Log, client: Client) -> None:
    log.append(7)
    log.integrate()
    address = "/api/v1/ledger/entries?limit=3"
    seen = []
    while address:
        page = (await client.get(address)).json()
        seen += page["items"]
        address = page["next"]
    assert [item["index"] for item in seen] == [6, 5, 4, 3, 2, 1, 0]
    assert seen[0].keys() == {"index", "kind", "leaf_hash", "recorded_at"}
    assert seen[0]["recorded_at"] == "2026-11-23T12:00:00.000Z"


async def test_rotated_keys_stay_published_with_their_end(log: Log, client: Client) -> None:
    log.database.write_now(
        lambda session: ledger.rotate_key(
            session, KeyPurpose.STATEMENT, sealer=log.sealer, now=log.clock.now()
        )
    )
    answer = await client.get("/api/v1/keys")
    assert answer.headers["content-type"].startswith("application/jwk-set+json")
    keys = answer.json()["keys"]
    assert [key["use"] for key in keys].count("statement") == 2
    old = next(key for key in keys if key["kid"] == log.keys.statement.kid)
    assert old["valid_until"] == "2026-11-23T13:00:00.000Z"
    assert old.keys() == {"kty", "crv", "x", "kid", "use", "valid_from", "valid_until"}
