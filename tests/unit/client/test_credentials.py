"""Tokens: one per registry, private, and only where the user sent them."""

import os
from pathlib import Path

import pytest

from registry.client.credentials import (
    Account,
    CredentialFile,
    check_token,
    choose,
    normal_endpoint,
    sends_in_clear,
)
from registry.client.errors import Malformed, UsageProblem

HERE = "https://models.example.org"
THERE = "https://other.example.org"


@pytest.fixture
def file(tmp_path: Path) -> CredentialFile:
    return CredentialFile.of_user({"XDG_CONFIG_HOME": str(tmp_path / "config")})


def account(endpoint: str, token: str | None = "gatehouse_a") -> Account:
    return Account(endpoint=endpoint, token=token, keys=({"kid": "k"},))


def test_file_and_its_folder_are_the_owners_alone(file: CredentialFile) -> None:
    old = os.umask(0)
    try:
        file.keep(account(HERE), make_default=True)
    finally:
        os.umask(old)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_file_left_open_to_others_is_closed_when_read(file: CredentialFile) -> None:
    file.keep(account(HERE), make_default=True)
    file.path.chmod(0o644)
    assert file.find(HERE) is not None
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_token_is_kept_per_registry(file: CredentialFile) -> None:
    file.keep(account(HERE, "gatehouse_here"), make_default=True)
    file.keep(account(THERE, "gatehouse_there"), make_default=False)
    chosen = [
        choose(explicit_endpoint=endpoint, environment={}, file=file)
        for endpoint in (None, HERE, THERE, "https://x.org")
    ]
    assert [one.token for one in chosen] == ["gatehouse_here", "gatehouse_here", "gatehouse_there", None]


def test_environment_wins_over_the_file(file: CredentialFile) -> None:
    file.keep(account(HERE), make_default=True)
    environment = {"GATEHOUSE_ENDPOINT": THERE + "/", "GATEHOUSE_TOKEN": " gatehouse_env\n"}
    chosen = choose(explicit_endpoint=None, environment=environment, file=file)
    assert (chosen.endpoint, chosen.token, chosen.signed_in_by) == (THERE, "gatehouse_env", "environment")


def test_variables_of_the_hubs_client_are_not_read(file: CredentialFile) -> None:
    with pytest.raises(UsageProblem):
        choose(explicit_endpoint=None, environment={"HF_ENDPOINT": HERE, "HF_TOKEN": "hf_x"}, file=file)


def test_forgetting_a_token_keeps_the_keys(file: CredentialFile) -> None:
    file.keep(account(HERE), make_default=True)
    assert file.forget_token(HERE)
    assert not file.forget_token(HERE)
    kept = file.find(HERE)
    assert kept is not None
    assert kept.token is None
    assert kept.keys == ({"kid": "k"},)


def test_token_is_not_in_any_repr(file: CredentialFile) -> None:
    file.keep(account(HERE), make_default=True)
    chosen = choose(explicit_endpoint=None, environment={}, file=file)
    assert "gatehouse_a" not in repr(chosen) + repr(file.find(HERE))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 9, "accounts": {}}', '{"version": 1}'])
def test_broken_file_is_reported_and_not_overwritten(file: CredentialFile, content: str) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text(content)
    with pytest.raises(Malformed):
        file.keep(account(HERE), make_default=True)
    assert file.path.read_text() == content


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://Models.Example.org/", HERE),
        ("https://models.example.org:443", HERE),
        ("http://127.0.0.1:8400/", "http://127.0.0.1:8400"),
        ("http://[::1]:80", "http://[::1]"),
        (" https://models.example.org/registry/ ", HERE + "/registry"),
    ],
)
def test_endpoint_has_one_spelling(given: str, expected: str) -> None:
    assert normal_endpoint(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "models.example.org",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x?q",
        "https://x#f",
        "https://x:99999",
    ],
)
def test_what_is_no_endpoint_is_a_usage_problem(given: str) -> None:
    with pytest.raises(UsageProblem):
        normal_endpoint(given)


@pytest.mark.parametrize("given", ["", "  ", "a b", "a\nb", "x" * 513, "ümlaut", "hf_abc", "a\x7f"])
def test_what_is_no_token_of_ours_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check_token(given)
    if len(given.strip()) > 1:
        assert given not in " ".join((caught.value.message, *caught.value.advice))


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (HERE, False),
        ("http://localhost:1", False),
        ("http://127.0.0.1", False),
        ("http://models.example.org", True),
    ],
)
def test_token_in_clear_is_noticed(endpoint: str, expected: bool) -> None:
    assert sends_in_clear(endpoint) is expected
