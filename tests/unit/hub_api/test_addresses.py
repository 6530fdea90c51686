"""What an address names, read from its undecoded path."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.delivery.domain import FileRequest
from registry.hub_api.domain import (
    ModelPath,
    Verb,
    api_path,
    is_hub_path,
    parse_model_path,
)
from registry.hub_api.resolve import parse_address
from registry.kernel.identifiers import is_name
from registry.kernel.outcomes import Refusal

MODEL = {"publisher": "tarn", "name": "tarn-7b"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ModelPath(**MODEL, verb=Verb.INFO)),
        ("/revision/main", ModelPath(**MODEL, verb=Verb.REVISION, revision="main")),
        ("/revision/refs%2Fpr%2F3", ModelPath(**MODEL, verb=Verb.REVISION, revision="refs/pr/3")),
        ("/revision/HEAD", ModelPath(**MODEL, verb=Verb.REVISION, revision="main")),
        ("/tree/HEAD/a", ModelPath(**MODEL, verb=Verb.TREE, revision="main", path="a")),
        ("/revision/v1.0%2Bcu", ModelPath(**MODEL, verb=Verb.REVISION, revision="v1.0+cu")),
        ("/tree/main", ModelPath(**MODEL, verb=Verb.TREE, revision="main")),
        ("/tree/main/", ModelPath(**MODEL, verb=Verb.TREE, revision="main")),
        ("/tree/main/a%2Fb", ModelPath(**MODEL, verb=Verb.TREE, revision="main", path="a/b")),
        ("/tree/main/a/b/", ModelPath(**MODEL, verb=Verb.TREE, revision="main", path="a/b")),
        ("/tree/a%2Fb/c%20d", ModelPath(**MODEL, verb=Verb.TREE, revision="a/b", path="c d")),
        ("/paths-info/main", ModelPath(**MODEL, verb=Verb.PATHS_INFO, revision="main")),
        ("/commits/main", ModelPath(**MODEL, verb=Verb.COMMITS, revision="main")),
        ("/refs", ModelPath(**MODEL, verb=Verb.REFS)),
        ("/auth-check", ModelPath(**MODEL, verb=Verb.AUTH_CHECK)),
        ("/auth-check/write", ModelPath(**MODEL, verb=Verb.AUTH_CHECK, path="write")),
        ("/preupload/main", ModelPath(**MODEL, verb=Verb.PREUPLOAD, revision="main")),
        ("/commit/refs%2Fpr%2F3", ModelPath(**MODEL, verb=Verb.COMMIT, revision="refs/pr/3")),
    ],
)
def test_an_address_names_a_model_and_what_is_asked_of_it(path: str, expected: ModelPath) -> None:
    assert parse_model_path(f"/api/models/tarn/tarn-7b{path}".encode()) == expected


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/tarn", "model-unknown"),
        ("/api/models//tarn-7b", "model-unknown"),
        ("/api/models/../tarn/tarn-7b", "model-unknown"),
        ("/api/models/tarn/..", "model-unknown"),
        ("/api/models/tarn%2Ftarn-7b/x", "model-unknown"),
        ("/api/models/tarn/tarn-7b%00", "model-unknown"),
        ("/api/models/tarn/t%C3%A4rn", "model-unknown"),
        ("/api/models/tarn/%ff", "model-unknown"),
        ("/api/models/tarn/tarn-7b.", "model-unknown"),
        ("/api/models/tarn/" + "x" * 97, "model-unknown"),
        ("/api/models/tarn/" + "x" * 5000, "model-unknown"),
        ("/api/models/tarn/tarn-7b/", "hub-route-unknown"),
        ("/api/models/tarn/tarn-7b/info", "hub-route-unknown"),
        ("/api/models/tarn/tarn-7b/preuploads/main", "hub-route-unknown"),
        ("/api/models/tarn/tarn-7b/commit/main/x", "file-unknown"),
        ("/api/models/tarn/tarn-7b/refs/main", "hub-route-unknown"),
        ("/api/models/tarn/tarn-7b/auth-check/read", "hub-route-unknown"),
        ("/api/models/tarn/tarn-7b/revision", "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/", "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/a%00b", "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/a%0Ab", "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/a%E2%80%AEb", "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/" + "x" * 251, "revision-unknown"),
        ("/api/models/tarn/tarn-7b/revision/refs/pr/3", "file-unknown"),
        ("/api/models/tarn/tarn-7b/tree/main/..", "file-unknown"),
        ("/api/models/tarn/tarn-7b/tree/main/a%2F..%2Fb", "file-unknown"),
        ("/api/models/tarn/tarn-7b/tree/main//a", "file-unknown"),
        ("/api/models/tarn/tarn-7b/tree/main/a%5Cb", "file-unknown"),
        ("/api/models/tarn/tarn-7b/tree/main/a%00", "file-unknown"),
    ],
)
def test_a_hostile_address_is_refused_by_its_letters(path: str, code: str) -> None:
    found = parse_model_path(path.encode())
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == (code, 404)


@given(st.binary(max_size=300))
def test_no_bytes_after_the_prefix_raise(rest: bytes) -> None:
    found = parse_model_path(b"/api/models/" + rest)
    assert isinstance(found, Refusal) or is_name(found.publisher)


@given(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60).filter(str.isprintable),
)
def test_what_is_encoded_once_comes_back(revision: str) -> None:
    found = parse_model_path(api_path("tarn", "tarn-7b", "revision", revision).encode())
    assert found == ModelPath(**MODEL, verb=Verb.REVISION, revision=revision)


def test_what_is_encoded_twice_stays_encoded() -> None:
    found = parse_model_path(b"/api/models/tarn/tarn-7b/revision/refs%252Fpr%252F3")
    assert found == ModelPath(**MODEL, verb=Verb.REVISION, revision="refs%2Fpr%2F3")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("resolve/main/config.json", ("main", "config.json")),
        ("resolve/main/a/b%20c%2Bd.txt?download=true", ("main", "a/b c+d.txt")),
        ("resolve/refs%2Fpr%2F3/x", ("refs/pr/3", "x")),
        ("resolve/refs%2Fheads%2Fmain/x", ("main", "x")),
        ("resolve/refs%2Ftags%2Fv1%2Fb/x", ("v1/b", "x")),
        ("resolve/main/x%252e%252e", ("main", "x%2e%2e")),
        ("resolve/main/README.MD", ("main", "README.MD")),
        ("resolve/main/LICENSE.", ("main", "LICENSE.")),
    ],
)
def test_an_address_names_a_file(path: str, expected: tuple[str, str]) -> None:
    revision, file = expected
    assert parse_address(f"/tarn/tarn-7b/{path}".encode()) == FileRequest(
        publisher="tarn", model="tarn-7b", revision=revision, path=file
    )


@pytest.mark.parametrize(
    "path",
    [
        "/tarn/tarn-7b/resolve/main",
        "/tarn/tarn-7b/resolve/main/",
        "/tarn/tarn-7b/resolve/main/README.md/",
        "/tarn/tarn-7b/resolve/main/x/../README.md",
        "/tarn/tarn-7b/resolve/main/x%2F..%2FREADME.md/..",
        "/tarn/tarn-7b/resolve/main/./README.md",
        "/tarn/tarn-7b/resolve/main/%2e%2e/x",
        "/tarn/tarn-7b/resolve/main//x",
        "/tarn/tarn-7b/resolve/main/a%5Cb",
        "/tarn/tarn-7b/resolve/main/a%00b",
        "/tarn/tarn-7b/resolve/main/%ff",
        "/tarn/tarn-7b/resolve/ma%00in/x",
        "/tarn/tarn-7b/resolve/ma%0D%0Ain/x",
        "/tarn/tarn-7b%00/resolve/main/x",
        "/t%C3%A4rn/tarn-7b/resolve/main/x",
        "/../tarn-7b/resolve/main/x",
        "/tarn/tarn-7b/Resolve/main/x",
        "/tarn/tarn-7b/resolve/main/" + quote("ä" * 2000),
    ],
)
def test_a_hostile_file_address_is_refused_by_its_letters(path: str) -> None:
    found = parse_address(path.encode())
    assert isinstance(found, Refusal)
    assert found.status == 404


@given(st.binary(max_size=300))
def test_no_bytes_of_a_file_address_raise(rest: bytes) -> None:
    found = parse_address(b"/tarn/tarn-7b/resolve/" + rest)
    assert isinstance(found, Refusal) or "\0" not in found.path + found.revision


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/api/models/a/b", True),
        (b"/api/whoami-v2", True),
        (b"/api/datasets/a/b", True),
        (b"/oauth/device", True),
        (b"/a/b/resolve/main/x", True),
        (b"/a/b/resolve", False),
        (b"/a/b", False),
        (b"/api/v1/models", False),
    ],
)
def test_hub_addresses_are_told_from_pages(path: bytes, expected: object) -> None:
    assert is_hub_path(path) is expected
