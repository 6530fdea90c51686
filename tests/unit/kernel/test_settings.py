"""Settings: unknown names fail, bad values are named, secrets stay out of sight."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from registry.kernel.outcomes import GatehouseError
from registry.settings import Settings, load_settings

KEY = "ab" * 32


def test_defaults_need_nothing() -> None:
    settings = load_settings({})
    assert settings.embedded_database
    assert settings.embedded_store
    assert settings.on_loopback
    assert not settings.secure


@pytest.mark.parametrize(
    "name", ["GATEHOUSE_BASEURL", "GATEHOUSE_", "GATEHOUSE_S3_SECRET", "GATEHOUSE_base_url"]
)
def test_an_unknown_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(GatehouseError, match=name):
        load_settings({name: "x"})


def test_variables_of_the_client_and_of_others_are_left_alone() -> None:
    others = {"GATEHOUSE_TOKEN": "t", "GATEHOUSE_ENDPOINT": "e", "PATH": "/bin", "HF_TOKEN": "t"}
    assert load_settings(others) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "registry.example"),
        ("BASE_URL", "ftp://registry.example"),
        ("BASE_URL", "https://registry.example/path"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "javascript:alert(1)"),
        ("URL_TTL_SECONDS", "9"),
        ("URL_TTL_SECONDS", "3601"),
        ("URL_TTL_SECONDS", "-300"),
        ("URL_TTL_SECONDS", "5m"),
        ("URL_TTL_SECONDS", "٣٠٠"),
        ("URL_TTL_SECONDS", ""),
        ("WORKER_INLINE", "maybe"),
        ("WORKER_INLINE", ""),
        ("S3_ENDPOINT", "http://127.0.0.1:9"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(GatehouseError):
        load_settings({"GATEHOUSE_" + name: value})


def test_values_are_read_by_their_kind() -> None:
    settings = load_settings(
        {
            "GATEHOUSE_BASE_URL": "https://registry.example/",
            "GATEHOUSE_OPERATORS": " a@b.example, ,c@d.example ",
            "GATEHOUSE_WORKER_INLINE": "No",
            "GATEHOUSE_MIGRATE_ON_START": "",
            "GATEHOUSE_DATA_DIR": "/srv/gatehouse",
            "GATEHOUSE_SMTP_PORT": "2525",
        }
    )
    assert settings.base_url == "https://registry.example"
    assert settings.secure
    assert not settings.on_loopback
    assert settings.origin == "registry.example/ledger"
    assert settings.operators == ("a@b.example", "c@d.example")
    assert settings.worker_inline is False
    assert settings.migrate_on_start is None
    assert settings.data_dir == Path("/srv/gatehouse")
    assert settings.smtp_port == 2525


def test_secrets_are_not_in_the_repr() -> None:
    given = {
        "master_key": KEY,
        "s3_secret_key": "s3-secret",
        "smtp_password": "smtp-secret",
        "metrics_token": "metrics-secret",
        "pkcs11_pin": "pin-secret",
        "pdf_certificate_password": "pdf-secret",
    }
    shown = repr(Settings(s3_access_key="a", **given))  # type: ignore[arg-type]
    for secret in given.values():
        assert secret not in shown
    named = {item.name for item in fields(Settings) if not item.repr}
    assert named == set(given)


@pytest.mark.parametrize("text", ["xyz!", "ab" * 31 + "a,zz!"])
def test_a_master_key_that_cannot_be_read_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(GatehouseError) as caught:
        Settings(master_key=text).master_secrets()
    assert text not in str(caught.value)


def test_master_keys_are_read_as_hex_or_base64_the_first_one_seals() -> None:
    other = base64.b64encode(b"o" * 32).decode()
    assert Settings(master_key=f"{KEY}, {other}").master_secrets() == (bytes.fromhex(KEY), b"o" * 32)


def test_the_embedded_default_makes_a_master_key_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    first = settings.master_secrets()
    assert settings.master_secrets() == first
    assert len(first[0]) == 32
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_processes_that_start_at_once_make_one_master_key(tmp_path: Path) -> None:
    for attempt in range(20):
        settings = Settings(data_dir=tmp_path / str(attempt))
        together = threading.Barrier(8)

        def read(
            _number: int, settings: Settings = settings, together: threading.Barrier = together
        ) -> bytes:
            together.wait()
            (secret,) = settings.master_secrets()
            return secret

        with ThreadPoolExecutor(8) as threads:
            secrets = set(threads.map(read, range(8)))
        assert [len(secret) for secret in secrets] == [32]
        assert [file.name for file in settings.data_dir.iterdir()] == ["master.key"]


def test_postgresql_without_a_master_key_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://db/gatehouse")
    with pytest.raises(GatehouseError, match="GATEHOUSE_MASTER_KEY"):
        settings.master_secrets()
    assert not (tmp_path / "master.key").exists()
