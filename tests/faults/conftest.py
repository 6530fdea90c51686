"""Real servers behind taps that the tests turn on and off."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from registry.delivery.seaweedfs import StoreAddress
from tests.faults.tap import Tap

NOWHERE = StoreAddress(
    endpoint="http://127.0.0.1:9",
    bucket="gatehouse",
    region="us-east-1",
    access_key="AKEXAMPLE",
    secret_key="secret",
)


@pytest.fixture(scope="session")
def tapped_store(object_store_address: StoreAddress) -> Iterator[tuple[Tap, StoreAddress]]:
    """The real object store behind a tap, and its address through it."""
    address = urlsplit(object_store_address.endpoint)
    assert address.hostname is not None
    assert address.port is not None
    tap = Tap((address.hostname, address.port))
    yield tap, replace(object_store_address, endpoint=tap.url)
    tap.close()
