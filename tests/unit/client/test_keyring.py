"""Tokens in the system's keyring, where the optional library is there and works."""

import json
from pathlib import Path

import pytest

from registry.client.credentials import Account, CredentialFile, SystemKeyring

HERE = "https://models.example.org"
ACCOUNT = Account(endpoint=HERE, token="gatehouse_oauth_a", refresh_token="gatehouse_refresh_b")


class Library:
    """A keyring as the library `keyring` offers it; `locked` refuses everything."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> None:
        if self.locked:
            raise RuntimeError("the keyring is locked")

    def set_password(self, service: str, name: str, secret: str) -> None:
        self._open()
        self.kept[service, name] = secret

    def get_password(self, service: str, name: str) -> str | None:
        self._open()
        return self.kept.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        self._open()
        del self.kept[service, name]


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def file(tmp_path: Path, library: Library) -> CredentialFile:
    return CredentialFile(tmp_path / "credentials.json", SystemKeyring(library))


def test_tokens_are_in_the_keyring_and_not_in_the_file(file: CredentialFile, library: Library) -> None:
    file.keep(ACCOUNT, make_default=True)
    text = file.path.read_text()
    assert "gatehouse_oauth_a" not in text
    assert "gatehouse_refresh_b" not in text
    assert json.loads(library.kept["gatehouse", HERE])["token"] == ACCOUNT.token
    found = file.find(HERE)
    assert found is not None
    assert (found.token, found.refresh_token) == (ACCOUNT.token, ACCOUNT.refresh_token)
    assert file.place == "the system's keyring"


def test_another_account_leaves_the_first_one_where_it_is(file: CredentialFile) -> None:
    file.keep(ACCOUNT, make_default=True)
    file.keep(Account(endpoint="https://other.example.org", token="gatehouse_c"), make_default=False)
    found = file.find(HERE)
    assert found is not None
    assert found.token == ACCOUNT.token


def test_a_locked_keyring_leaves_tokens_in_the_private_file(file: CredentialFile, library: Library) -> None:
    library.locked = True
    file.keep(ACCOUNT, make_default=True)
    assert file.path.stat().st_mode & 0o777 == 0o600
    found = file.find(HERE)
    assert found is not None
    assert found.token == ACCOUNT.token


def test_a_keyring_that_does_not_open_later_means_signing_in_again(
    file: CredentialFile, library: Library
) -> None:
    file.keep(ACCOUNT, make_default=True)
    library.locked = True
    found = file.find(HERE)
    assert found is not None
    assert (found.token, found.refresh_token) == (None, None)


def test_forgetting_empties_the_keyring_too(file: CredentialFile, library: Library) -> None:
    file.keep(ACCOUNT, make_default=True)
    assert file.forget_token(HERE)
    assert library.kept == {}
    assert not file.forget_token(HERE)


def test_without_the_library_the_file_is_used(tmp_path: Path) -> None:
    file = CredentialFile(tmp_path / "credentials.json", SystemKeyring())
    file.keep(ACCOUNT, make_default=True)
    assert file.place == str(file.path)
    assert file.find(HERE) == ACCOUNT
